# SPDX-License-Identifier: Apache-2.0
"""connd --check --online: one real list request, and a sentence about the response."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from connd_testing import CONND, Connd, Manager, eventually, free_port
from faulty_manager import Exchange, FaultyManager, connection_row, variable_row


def check(connd: Connd, *more: str) -> tuple[int, str, str]:
    connd.write_config()
    done = subprocess.run(
        [CONND, "--check", *more, "--config", connd.config], capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def last_line(text: str) -> str:
    return text.splitlines()[-1]


def test_a_manager_that_gives_lists_is_good(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("a", prod, password="p")
    manager.create_connection("b", prod, password="p")
    connd = manager.connd()
    code, out, err = check(connd, "--online")
    assert (code, out) == (0, "OK\n")
    assert (
        last_line(err)
        == f"connd: {manager.url}: the manager returned 2 connections with their secrets"
    )
    # Without --online no request is sent.
    manager.stop()
    assert check(connd)[:2] == (0, "OK\n")
    code, out, err = check(connd, "--online")
    assert (code, out) == (1, "")
    assert "connect" in last_line(err).lower()


def test_a_wrong_id_a_refused_token_and_the_switch_have_their_next_step(manager: Manager) -> None:
    connd = manager.connd()
    good = connd.sections["manager"]["deployment"]
    connd.sections["manager"]["deployment"] = good[:-1] + ("0" if good[-1] != "0" else "1")
    code, out, err = check(connd, "--online")
    assert (code, out) == (1, "")
    assert (
        "status 404" in err
        and "check [manager] organization, deployment or workspace (ids, not names)" in err
    )

    connd.sections["manager"]["deployment"] = good
    connd.write_token(manager.token[:-4] + "AAAA")
    code, out, err = check(connd, "--online")
    assert (code, out) == (1, "")
    assert "status 401" in err and "put a valid token into its file" in err

    connd.write_token(manager.token)
    manager.command("organization", "set", "--data", str(manager.data), "--secrets-fetching", "off")
    code, out, err = check(connd, "--online")
    assert (code, out) == (1, "")
    assert '"Environment Secrets Fetching" is off' in err
    assert manager.token not in err


def test_invalid_lists_and_withheld_secrets_have_different_messages(
    faulty: FaultyManager, workdir: Path
) -> None:
    faulty.add(connection_row("db", faulty.deployment, host="h", password="p"))
    connd = faulty.connd(workdir)
    assert check(connd, "--online")[0] == 0
    assert len(faulty.requests) == 1
    assert faulty.requests[0][1]["showSecrets"] == "true"

    faulty.fault = lambda x: x.reply("<html>", 200, "text/html")
    code, _, err = check(connd, "--online")
    assert code == 1 and "status 200, but not a list" in err

    def withhold(x: Exchange) -> None:
        page = x.page()
        for row in page["environmentObjects"]:
            del row["connection"]["password"]
        x.reply(page)

    faulty.fault = withhold
    code, _, err = check(connd, "--online")
    assert code == 1 and "the token needs the right to read them" in err


def test_check_online_tries_the_next_url_like_a_sync(faulty: FaultyManager, workdir: Path) -> None:
    faulty.add(connection_row("db", faulty.deployment, host="h"))
    connd = faulty.connd(workdir)
    dead = f"http://127.0.0.1:{free_port()}"
    connd.sections["manager"]["url"] = f"{dead} {faulty.url}"
    code, out, err = check(connd, "--online")
    assert (code, out) == (0, "OK\n")
    assert (
        f"connd: {dead}: " in err
        and f"connd: {faulty.url}: the manager returned 1 connection with its secrets\n" in err
    )


def test_check_online_of_an_empty_deployment(faulty: FaultyManager, workdir: Path) -> None:
    code, out, err = check(faulty.connd(workdir), "--online")
    assert (code, out) == (0, "OK\n")
    assert last_line(err) == f"connd: {faulty.url}: the manager returned no connections"


def test_https_to_a_plain_port_has_its_next_step(faulty: FaultyManager, workdir: Path) -> None:
    connd = faulty.connd(workdir)
    connd.sections["manager"]["url"] = faulty.url.replace("http:", "https:")
    code, out, err = check(connd, "--online")
    assert (code, out) == (1, "")
    assert "the server does not speak TLS on this port: name its https port" in last_line(err)


def test_online_needs_check(workdir: Path) -> None:
    done = subprocess.run([CONND, "--online"], capture_output=True, text=True)
    assert done.returncode == 2 and "--online needs --check" in done.stderr


# --- upgrades --------------------------------------------------------------------------------


def refusal(connd: Connd) -> str:
    def said() -> str | None:
        found = [e for e in connd.events("error") if e["event"].startswith("upgrade refused")]
        return str(found[-1]["reason"]) if found else None

    return str(eventually(said, "the upgrade is refused"))


def served(connd: Connd) -> int:
    return sum(e["event"] == "connd serves" for e in connd.events())


@pytest.mark.parametrize("name", ["url", "deployment"])
def test_an_upgrade_to_another_manager_asks_it_first(
    faulty: FaultyManager, workdir: Path, name: str
) -> None:
    """An upgrade with a wrong URL would start without data, and a snapshot belongs to one
    Deployment; so the manager is tried before anything is stopped."""
    faulty.add(connection_row("db", faulty.deployment), variable_row("v", faulty.deployment, "1"))
    with faulty.connd(workdir) as connd:
        connd.wait_for(lambda s: s["state"] == "fresh", "a list")
        manager = connd.sections["manager"]
        if name == "url":
            manager["url"] = f"http://127.0.0.1:{free_port()}"
        else:
            manager["deployment"] = faulty.other_deployment
        connd.write_config()
        connd.send_signal(signal.SIGUSR2)
        reason = refusal(connd)
        assert ("connect" in reason.lower()) if name == "url" else "scopeEntityId" in reason
        assert connd.variable("v") == "1"
        assert served(connd) == 1
        # A manager that responds is accepted.
        with FaultyManager() as other:
            other.add(variable_row("v", other.deployment, "2"))
            manager.update(url=other.url, deployment=other.deployment)
            connd.write_config()
            connd.send_signal(signal.SIGUSR2)
            eventually(lambda: served(connd) == 2, "it is upgraded")
            eventually(lambda: connd.variable("v") == "2", "and serves the other one's list")


def test_an_upgrade_with_a_snapshot_needs_no_manager_for_another_url(
    faulty: FaultyManager, workdir: Path
) -> None:
    key = workdir / "key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    (workdir / "state").mkdir()
    faulty.add(variable_row("v", faulty.deployment, "1"))
    snapshot = {"path": str(workdir / "state" / "snapshot"), "key_file": str(key)}
    with faulty.connd(workdir, {"snapshot": snapshot}) as connd:
        eventually(lambda: connd.status().get("snapshot") == "current", "the snapshot")
        connd.sections["manager"]["url"] = f"http://127.0.0.1:{free_port()}"
        connd.write_config()
        connd.send_signal(signal.SIGUSR2)
        eventually(lambda: served(connd) == 2, "it is upgraded")
        assert connd.variable("v") == "1"
        assert connd.status()["state"] == "offline"
