# SPDX-License-Identifier: Apache-2.0
"""Starting, reloading and stopping; configuration and token files; socket activation."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from connd_testing import (
    CONNCTL,
    CONND,
    MANAGER,
    PATIENCE,
    Connd,
    Manager,
    Varlink,
    VarlinkError,
    eventually,
)
from faulty_manager import TYPES, Exchange, FaultyManager, variable_row


@pytest.fixture
def faulty(faulty: FaultyManager) -> FaultyManager:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    return faulty


@pytest.mark.parametrize("program", [CONND, CONNCTL, MANAGER], ids=lambda p: str(p.name))
def test_every_program_has_help_and_version(program: Path) -> None:
    for option in ("--help", "--version"):
        done = subprocess.run(
            [program, option], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0 and done.stdout and done.stderr == "", done
    for args in (["--frobnicate"], ["-Q"]):
        done = subprocess.run(
            [program, *args], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 2 and done.stdout == "" and args[0].lstrip("-") in done.stderr, (
            done
        )


# --- starting and stopping -------------------------------------------------------------------


def test_started_before_its_manager_it_waits_and_recovers(workdir: Path) -> None:
    manager = Manager(workdir)
    connd = manager.connd(sections={"freshness": {"cold_wait": "200ms"}}).start("listening")
    status = connd.wait_for(lambda s: s.get("last_error"), "it has tried")
    assert status["state"] == "not-ready" and "generation" not in status
    with pytest.raises(VarlinkError, match="NotReady"):
        connd.variable("v")
    with manager:
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        eventually(lambda: connd.variable("v") == "1", "it recovers", 60)
        assert len(connd.events("warn", "error")) == 1
        connd.stop()


def test_lookup_without_data_waits_for_the_first_list(workdir: Path, faulty: FaultyManager) -> None:
    """cold_wait: a lookup before the first list gets its response when the list comes."""

    def slow(x: Exchange) -> None:
        faulty.closing.wait(0.5)
        x.reply(x.page())

    faulty.fault = slow
    sections = {"freshness": {"cold_wait": "10s"}}
    connd = faulty.connd(workdir, sections)
    connd.start("")
    eventually(lambda: connd.socket.exists(), "it listens")
    assert connd.variable("v") == "1"
    connd.stop()


@pytest.mark.parametrize("answers", [True, False])
def test_64_lookups_without_data_cause_one_list(
    workdir: Path, faulty: FaultyManager, answers: bool
) -> None:
    """Half of them look up the same key. All wait for the list, which gives all of them a
    response."""
    faulty.add(*(variable_row(f"k{i}", faulty.deployment, f"value {i}") for i in range(32)))
    release = threading.Event()

    def held(x: Exchange) -> None:
        release.wait(PATIENCE)
        x.reply(x.page()) if answers else x.reply("{}", 500)

    faulty.fault = held
    sections = {"freshness": {"cold_wait": "1m"}, "manager": {"refresh": "1m", "timeout": "1m"}}
    connd = faulty.connd(workdir, sections).start("listening")
    clients = [connd.client() for _ in range(64)]
    keys = [f"k{min(i, 32) % 32}" for i in range(64)]
    assert len(set(keys)) == 32 and keys.count("k0") == 33
    for client, key in zip(clients, keys, strict=True):
        client.send(Varlink.frame("io.connd.secrets.GetVariable", {"key": key}))
    assert connd.status()["syncing"]
    assert not select.select([c.sock for c in clients], [], [], 0.2)[0], "all of them wait"
    release.set()
    for client, key in zip(clients, keys, strict=True):
        reply = client.receive()
        assert reply is not None
        if answers:
            assert reply["parameters"]["value"] == f"value {key[1:]}"
        else:
            assert reply["error"] == "io.connd.secrets.NotReady"
        client.close()
    status = connd.status()
    assert not status["syncing"] and status["next_sync_ms"] > (30000 if answers else 0)
    lists = [query["objectType"] for _, query, _ in faulty.requests]
    assert lists == (list(TYPES) if answers else [TYPES[0]]), "one list: of each type one call"
    connd.stop()


def test_lookup_without_data_waits_at_most_cold_wait(workdir: Path, faulty: FaultyManager) -> None:
    faulty.fault = lambda x: faulty.closing.wait(20)
    connd = faulty.connd(workdir, {"freshness": {"cold_wait": "300ms"}})
    connd.start("listening")
    began = time.monotonic()
    with pytest.raises(VarlinkError, match="NotReady"):
        connd.variable("v")
    assert 0.2 < time.monotonic() - began < PATIENCE / 2
    connd.stop()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_ends_with_0_while_clients_are_connected(connd: Connd, sig: int) -> None:
    clients = [connd.client() for _ in range(20)]
    clients[0].send(b'{"method":"io.')  # an incomplete frame
    clients[1].send(Varlink.frame("io.connd.secrets.Status") * 2000)  # and never reads
    for client in clients[2:10]:
        client.status()
    connd.stop(sig)
    assert not connd.socket.exists()
    for client in clients:
        client.close()


@pytest.mark.parametrize("program", ["connd", "manager"])
def test_repeated_signals_do_not_disturb_the_stop(
    workdir: Path, manager: Manager, faulty: FaultyManager, program: str
) -> None:
    ending = manager if program == "manager" else faulty.connd(workdir).start()
    for _ in range(10):
        assert ending.program
        process = ending.program.process
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
        ending.stop()
        ending.start()
    ending.stop()


def test_running_request_is_served_before_connd_stops(connd: Connd) -> None:
    frame = Varlink.frame("io.connd.secrets.Status")
    with connd.client() as begun, connd.client() as done:
        for client in (begun, done):
            client.status()
        begun.send(frame[:20])
        connd.send_signal(signal.SIGTERM)
        assert done.receive() is None  # a client that has its response is closed at once
        begun.send(frame[20:])
        reply = begun.receive()
        assert reply and reply["parameters"]["state"] == "fresh"
        assert begun.receive() is None


def test_it_ends_in_time_while_the_manager_hangs(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir, {"manager": {"timeout": "60s"}}) as connd:
        faulty.fault = lambda x: faulty.closing.wait(60)
        connd.wait_for(lambda s: s["syncing"], "a sync hangs")
        connd.stop()


def test_stop_sends_a_response_to_waiting_lookups(workdir: Path, faulty: FaultyManager) -> None:
    faulty.fault = lambda x: faulty.closing.wait(PATIENCE * 2)
    late = {"freshness": {"cold_wait": "5m"}, "manager": {"timeout": "5m"}}
    connd = faulty.connd(workdir, late).start("listening")
    with connd.client() as client:
        client.send(Varlink.frame("io.connd.secrets.GetVariable", {"key": "v"}))
        eventually(lambda: connd.status()["syncing"], "it waits")
        connd.send_signal(signal.SIGTERM)
        reply = client.receive()
        assert reply is not None and reply["error"] == "io.connd.secrets.NotReady"
        assert "stopping" in reply["parameters"]["reason"]
    assert connd.stop() < 3


def test_a_frame_begun_is_finished_when_it_stops(connd: Connd) -> None:
    """The other connections, which have had responses, are closed at once."""
    frame = Varlink.frame("io.connd.secrets.Status")
    with connd.client() as half, connd.client() as idle, connd.client() as fresh:
        assert idle.status()
        half.send(frame[:10])
        eventually(lambda: connd.status(), "what was sent before has been read")
        began = time.monotonic()
        connd.send_signal(signal.SIGTERM)
        assert idle.receive() is None
        with contextlib.suppress(BrokenPipeError):
            fresh.send(frame)
        in_grace = time.monotonic() - began < 0.15
        reply = fresh.receive()
        assert reply is not None or not in_grace
        assert reply is None or fresh.receive() is None
        half.send(frame[10:])
        assert half.receive() is not None and half.receive() is None
    assert connd.stop() < 3


def test_a_new_token_is_found_without_a_signal(workdir: Path, manager: Manager) -> None:
    """The file is read for every sync, and again when the manager says 401."""
    prod = manager.deployment_ids["prod"]
    made = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "t", "--scope", "organization",
        "--scope-id", manager.organization, "--role", "OWNER",
    )  # fmt: skip
    with manager.connd(token=made["token"]) as connd:
        connd.write_token(manager.token)
        manager.command("token", "revoke", "--data", str(manager.data), "--id", made["id"])
        manager.create_variable("new", "2", prod)
        eventually(lambda: connd.variable("new") == "2", "the new token works")
        assert not connd.events("warn", "error"), "nothing was refused"
        connd.write_token("not-a-token")
        connd.wait_for(lambda s: "401" in s.get("last_error", ""), "it is refused")
        assert connd.variable("new") == "2"
        connd.write_token(manager.token)
        connd.wait_for(lambda s: not s.get("last_error"), "it recovers", 60)


# --- configuration ---------------------------------------------------------------------------


def test_check_says_yes_silently(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir)
    done = connd.check()
    assert done.returncode == 0, done
    assert not connd.socket.exists() and faulty.requests == []


BAD_CONFIGS = {
    "unknown key": ("[socket]\nmodus = 0600\n", "mode"),
    "unknown section": ("[sockets]\nmode = 0600\n", "socket"),
    "no such duration": ("[freshness]\nttl = soon\n", "ttl"),
    "not INI": ("frobnicate\n", "key = value"),
    "a rule": ("[access]\nallow = nobody:1\n", "allow"),
    "windows that cross": ("[freshness]\nttl = 5s\nstale = 1s\n", "ttl"),
}


@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_config_errors_name_file_line_and_nearest_option(
    workdir: Path, faulty: FaultyManager, case: str
) -> None:
    connd = faulty.connd(workdir)
    good = connd.config_text()
    bad, says = BAD_CONFIGS[case]
    connd.write_config(good + bad)
    first = good.count("\n") + 1
    lines = range(first, first + bad.count("\n"))
    for options in (["--check"], []):
        argv = [str(CONND), *options, "--config", str(connd.config)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode not in (0, None)
        assert any(f"{connd.config}:{n}:" in done.stderr for n in lines), done.stderr
        assert says in done.stderr


@pytest.mark.parametrize("way", ["file", "environment"])
def test_a_start_that_fails_logs_in_the_format_that_its_configuration_asks_for(
    workdir: Path, faulty: FaultyManager, way: str
) -> None:
    connd = faulty.connd(workdir)
    file = "[manager]\nnonsense = 1\n" + ("[log]\nformat = json\n" if way == "file" else "")
    connd.write_config(file)
    done = subprocess.run(
        [CONND, "--config", connd.config], capture_output=True, text=True, timeout=PATIENCE,
        env=os.environ | ({} if way == "file" else {"CONND__LOG__FORMAT": "json"}), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["connd cannot start"]
    assert "nonsense" in lines[0]["reason"]


def test_a_missing_config_names_the_file(workdir: Path) -> None:
    for extra in ((), ("--check",)):
        done = subprocess.run(
            [CONND, *extra, "--config", workdir / "none.conf"], capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode != 0 and "none.conf" in done.stderr and "--config" in done.stderr


def test_the_environment_sets_keys(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir)
    env = {
        "CONND__SOCKET__MODE": "0604",
        "CONND_PORT": "tcp://10.0.0.1:1",
        "CONND_SERVICE_HOST": "x",
    }
    connd.start(env=env)
    assert stat.S_IMODE(connd.socket.stat().st_mode) == 0o604
    connd.stop()


def test_plain_http_to_another_machine_needs_insecure_http(
    workdir: Path, faulty: FaultyManager
) -> None:
    connd = faulty.connd(workdir, {"manager": {"url": "http://manager.example:80"}})
    done = connd.check()
    assert done.returncode != 0 and "insecure_http" in done.stderr


# --- the token -------------------------------------------------------------------------------


def test_without_a_token_connd_has_no_data_and_says_why(
    workdir: Path, faulty: FaultyManager
) -> None:
    connd = faulty.connd(workdir, {"freshness": {"cold_wait": "100ms"}})
    connd.token_file.unlink()
    done = connd.check()
    assert done.returncode != 0 and f"the token: {connd.token_file}: No such file" in done.stderr


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620], ids=oct)
def test_a_token_others_can_reach_is_refused(
    workdir: Path, faulty: FaultyManager, mode: int
) -> None:
    connd = faulty.connd(workdir)
    connd.token_file.chmod(mode)
    done = connd.check()
    assert done.returncode != 0 and connd.token_file.name in done.stderr
    assert "demo-token" not in done.stderr + done.stdout


@pytest.mark.parametrize("token", ["", "two words", "bad\x01byte", "a\nb"], ids=repr)
def test_invalid_token_is_refused(workdir: Path, faulty: FaultyManager, token: str) -> None:
    connd = faulty.connd(workdir)
    connd.write_token(token)
    done = connd.check()
    assert done.returncode != 0 and connd.token_file.name in done.stderr


def test_a_new_token_is_taken_on_reload(workdir: Path, manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_variable("v", "1", prod)
    made = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "t", "--scope", "organization",
        "--scope-id", manager.organization, "--role", "OWNER",
    )  # fmt: skip
    with manager.connd(token=made["token"]) as connd:
        manager.command("token", "revoke", "--data", str(manager.data), "--id", made["id"])
        connd.wait_for(lambda s: s.get("last_error"), "the revocation is noticed")
        assert connd.variable("v") == "1"
        connd.write_token(manager.token)
        manager.create_variable("new", "2", prod)
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: connd.variable("new") == "2", "the new token works", 60)
        assert not connd.status().get("last_error")


# --- reload ----------------------------------------------------------------------------------


def test_reload_applies_what_may_change(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir)
    with connd:
        connd.write_config(connd.config_text() + "[access]\nallow = * var:w\n")
        connd.send_signal(signal.SIGHUP)

        def denied() -> bool:
            try:
                connd.variable("v")
            except VarlinkError as error:
                return error.name == "org.varlink.service.PermissionDenied"
            return False

        eventually(denied, "the new rules are in force")
        connd.write_config()
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: connd.variable("v") == "1", "the old rules are back")


def test_reloads_in_a_row_do_not_keep_a_sync_from_ending(
    workdir: Path, faulty: FaultyManager
) -> None:
    """Each list takes longer than the time between two reloads."""

    def slow(x: Exchange) -> None:
        faulty.closing.wait(0.3)
        x.reply(x.page())

    with faulty.connd(workdir) as connd:
        faulty.fault = slow
        faulty.add(variable_row("new", faulty.deployment, "2"))

        def reload_and_look() -> bool:
            connd.send_signal(signal.SIGHUP)
            return connd.variable("new") == "2"

        eventually(reload_and_look, "a sync ends between reloads")
        assert not connd.events("warn", "error")


@pytest.mark.parametrize("what", ["broken", "deployment", "path", "mode", "group"])
def test_refused_reload_changes_nothing(workdir: Path, faulty: FaultyManager, what: str) -> None:
    connd = faulty.connd(workdir)
    with connd:
        text = connd.config_text()
        changed = {
            "broken": text + "[socket]\nmodus = 1\n",
            "deployment": text.replace(faulty.deployment, faulty.other_deployment),
            "path": text.replace("connd.sock", "other.sock"),
            "mode": text.replace("[socket]", "[socket]\nmode = 0600"),
            "group": text.replace("[socket]", "[socket]\ngroup = 1"),
        }[what]
        connd.write_config(changed + "[access]\ndeny = *\n")
        before = len(connd.events())
        connd.send_signal(signal.SIGHUP)

        def complaint() -> Any:
            return [e for e in connd.events()[before:] if e["event"].startswith("reload refused")]

        (refusal,) = eventually(complaint, "it says so")
        assert {"broken": "modus"}.get(what, what) in refusal["reason"]
        assert connd.variable("v") == "1"
        # The socket is the same and the rules too.
        assert connd.status()["state"] == "fresh"


# --- access rules ----------------------------------------------------------------------------


def ask_as(
    connd: Connd, program: Path, uid: int, gid: int, *args: str, groups: tuple[int, ...] = ()
) -> int:
    done = connd.connctl(*args, program=program, user=uid, group=gid, extra_groups=list(groups))
    return done.returncode


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its uid")
def test_rules_by_uid_gid_and_key(workdir: Path, faulty: FaultyManager) -> None:
    faulty.add(
        variable_row("open/a", faulty.deployment, "1"), variable_row("shut", faulty.deployment, "1")
    )
    connd = faulty.connd(workdir, {"socket": {"mode": "0666"}})
    connd.write_config(
        connd.config_text() + "[access]\n"
        "deny = uid:3001 var:open/*\n"
        "allow = uid:3001\n"
        "allow = gid:3002 var:open/*\n"
        "allow = uid:0\n"
    )
    program = Path(shutil.copy(CONNCTL, workdir / "connctl"))
    with connd:
        get = ("get", "var")
        assert ask_as(connd, program, 0, 0, *get, "shut") == 0
        assert ask_as(connd, program, 3001, 3001, *get, "shut") == 0
        assert ask_as(connd, program, 3001, 3001, *get, "open/a") == 4
        assert ask_as(connd, program, 3003, 3002, *get, "open/a") == 0
        assert ask_as(connd, program, 3003, 3002, *get, "shut") == 4
        assert ask_as(connd, program, 3003, 3003, *get, "open/a", groups=(3002,)) == 0
        assert ask_as(connd, program, 3003, 3003, *get, "open/a") == 4
        # What is not allowed is denied, whether it exists or not.
        assert ask_as(connd, program, 3003, 3003, *get, "nope") == 4
        assert ask_as(connd, program, 3003, 3003, "list") == 4
        listed = connd.connctl(
            "list", "--json", program=program, user=3003, group=3002, extra_groups=[]
        )
        assert listed.stdout == '{"connections":[],"variables":["open/a"]}\n'


# --- nothing leaks ---------------------------------------------------------------------------


def test_no_secret_in_logs_environment_or_arguments(workdir: Path, manager: Manager) -> None:
    marker = "m4rk3r" + os.urandom(8).hex()
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_connection(
        "c", prod, password=marker, host=marker, login=marker, extra={"k": marker}
    )
    manager.create_variable("v", marker, prod, secret=True)
    connd = manager.connd(sections={"log": {"level": "debug"}})
    with connd:
        assert connd.connection("c")["password"] == marker
        assert connd.variable("v") == marker
        connd.connctl("get", "conn", "c", "--reveal")
        manager.update(object_id, connection={"type": "postgres", "password": marker + "2"})
        eventually(lambda: connd.connection("c")["password"] == marker + "2", "the change")
        connd.send_signal(signal.SIGHUP)
        with connd.client() as client:
            client.send(marker.encode() + b"\0")
            assert client.receive() is None
        proc = Path(f"/proc/{connd.running.pid}")
        for secret in (marker, manager.token):
            for place in ("environ", "cmdline", "comm"):
                assert secret.encode() not in (proc / place).read_bytes(), place
    for secret in (marker, manager.token):
        assert secret not in connd.running.stderr_text()
        assert manager.program
        assert secret not in manager.program.stderr_text()
    # The manager's files are sealed.
    for path in manager.data.rglob("*"):
        if path.is_file():
            assert marker.encode() not in path.read_bytes(), path


def test_connd_is_not_dumpable(connd: Connd) -> None:
    """No core dump: the limit is 0, and the process is not dumpable (so /proc belongs to root)."""
    limits = Path(f"/proc/{connd.running.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core
