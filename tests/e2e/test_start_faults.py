# SPDX-License-Identifier: Apache-2.0
"""Faults at start: what does not stop a running connd does not stop a start either."""

from __future__ import annotations

import os
import secrets
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from connd_testing import Connd, VarlinkError, eventually
from faulty_manager import FaultyManager, variable_row
from test_manager_tls import TlsManager

RECOVERY = 60  # a failed sync is retried with growing pauses


@dataclass
class World:
    """A manager that can be stopped, and the snapshot of an earlier run."""

    faulty: FaultyManager
    workdir: Path

    def __post_init__(self) -> None:
        self.faulty.add(variable_row("v", self.faulty.deployment, "1"))
        self.content = self.workdir / "snap/content"
        self.content.parent.mkdir()
        self.key = self.secret("snapshot.key", secrets.token_hex(32))
        self.sections = {
            "freshness": {"cold_wait": "100ms"},
            "snapshot": {"path": str(self.content), "key_file": str(self.key)},
        }
        self.starts = 0

    def secret(self, name: str, text: str) -> Path:
        path = self.workdir / name
        path.touch(0o600)
        path.write_text(text)
        return path

    def connd(self) -> Connd:
        """connd for the next run, with its own log."""
        self.starts += 1
        connd = self.faulty.connd(self.workdir, self.sections)
        connd.stderr_path = self.workdir / f"{self.starts}.log"
        return connd

    def leave_snapshot(self) -> None:
        with self.connd():
            eventually(self.content.exists, "the snapshot")

    def manager_goes(self) -> None:
        self.faulty.fault = lambda x: x.reply(b"{}", 503)

    def manager_comes(self) -> None:
        self.faulty.fault = None


@pytest.fixture
def world(faulty: FaultyManager, workdir: Path) -> World:
    return World(faulty, workdir)


@dataclass
class Fault:
    """A fault at the start, its message, and its repair."""

    break_it: Callable[[World, Connd], object]
    says: str
    mend_it: Callable[[World, Connd], object] | None = None
    ends_syncs: bool = True


def no_token_option(world: World, connd: Connd) -> None:
    del connd.sections["manager"]["token_file"]
    connd.write_config()


def manager_option(**options: str) -> Callable[[World, Connd], None]:
    def set_them(world: World, connd: Connd) -> None:
        for name, value in options.items():
            connd.sections["manager"][name] = value.format(dir=world.workdir)
        connd.write_config()

    return set_them


def open_key(world: World, connd: Connd) -> None:
    world.secret("client.key", "key").chmod(0o644)
    world.secret("client.pem", "certificate")
    manager_option(client_cert="{dir}/client.pem", client_key="{dir}/client.key")(world, connd)


def rule(text: str) -> Callable[[World, Connd], None]:
    def add_it(world: World, connd: Connd) -> None:
        connd.write_config(connd.config_text() + f"[access]\n{text}\nallow = uid:{os.getuid()}\n")

    return add_it


FAULTS = {
    "token missing": Fault(
        lambda w, c: c.token_file.unlink(), "connd.token: No such file", lambda w, c: mend_token(c)
    ),
    "token empty": Fault(
        lambda w, c: c.write_token(""), "connd.token: empty", lambda w, c: mend_token(c)
    ),
    "token for all": Fault(
        lambda w, c: c.token_file.chmod(0o644), "chmod o=", lambda w, c: mend_token(c)
    ),
    "no token at all": Fault(no_token_option, "no token: set [manager] token_file"),
    "client key for all": Fault(
        open_key, "client.key", lambda w, c: (w.workdir / "client.key").chmod(0o600)
    ),
    "ca_file missing": Fault(manager_option(ca_file="{dir}/none.pem"), "none.pem", None, False),
    "unknown user": Fault(rule("allow = user:no-such-user"), "no-such-user", None, False),
    "unknown group": Fault(rule("deny = group:no-such-group"), "no-such-group", None, False),
}


def mend_token(connd: Connd) -> None:
    connd.write_token("demo-token")


@pytest.mark.parametrize("name", FAULTS)
def test_a_snapshot_is_served_whatever_else_is_wrong(world: World, name: str) -> None:
    fault = FAULTS[name]
    world.leave_snapshot()
    world.manager_goes()
    connd = world.connd()
    fault.break_it(world, connd)
    with connd:
        assert connd.variable("v") == "1"
        assert connd.status()["state"] == "offline"
        said = [e["text"] for e in connd.events("warn") if "text" in e]
        assert any(fault.says in text for text in said), said
        assert not connd.events("error")


@pytest.mark.parametrize("name", [n for n in FAULTS if FAULTS[n].ends_syncs])
def test_without_data_the_fault_is_the_reason_and_a_repair_is_found(
    world: World, name: str
) -> None:
    fault = FAULTS[name]
    connd = world.connd()
    fault.break_it(world, connd)
    connd.start("listening")
    status = connd.wait_for(lambda s: s.get("last_error"), "a sync that failed")
    assert status["state"] == "not-ready" and fault.says in status["last_error"]
    with pytest.raises(VarlinkError, match="NotReady") as caught:
        connd.variable("v")
    assert fault.says in caught.value.parameters["reason"]
    assert world.faulty.requests == [], "nothing was sent without a good token and key"
    if fault.mend_it:
        fault.mend_it(world, connd)
        connd.wait_for(lambda s: s["state"] == "fresh", "the repair is found", RECOVERY)
        assert connd.variable("v") == "1"
    connd.stop()


@pytest.mark.parametrize("name", FAULTS)
def test_check_and_reload_refuse_what_a_start_tolerates(world: World, name: str) -> None:
    fault = FAULTS[name]
    with world.connd() as connd:
        fault.break_it(world, connd)
        checked = connd.check()
        assert checked.returncode == 1
        assert any(fault.says in line for line in checked.stderr.splitlines()), checked.stderr
        connd.send_signal(signal.SIGHUP)
        (refusal,) = eventually(
            lambda: [e for e in connd.events("error") if e["event"].startswith("reload refused")]
        )
        assert fault.says in refusal["reason"]
        assert connd.variable("v") == "1"


def test_a_ca_file_that_is_missing_is_a_failed_sync(workdir: Path) -> None:
    with TlsManager(workdir) as manager:
        authority = workdir / "authority.pem"
        secure = {"url": f"https://127.0.0.1:{manager.port}", "ca_file": str(authority)}
        connd = manager.connd(sections={"manager": secure})
        connd.start("listening")
        status = connd.wait_for(lambda s: s.get("last_error"), "a sync that failed")
        assert str(authority) in status["last_error"]
        authority.write_bytes((workdir / "cert.pem").read_bytes())
        connd.wait_for(lambda s: s["state"] == "fresh", "it is there", RECOVERY)
        connd.stop()


def test_a_credential_that_comes_later_is_found(world: World) -> None:
    connd = world.connd()
    no_token_option(world, connd)
    place = world.workdir / "credentials"
    place.mkdir()
    connd.start("listening", env={"CREDENTIALS_DIRECTORY": str(place)})
    status = connd.wait_for(lambda s: s.get("last_error"), "a sync that failed")
    assert "no token" in status["last_error"]
    world.secret("credentials/token", "demo-token")
    connd.wait_for(lambda s: s["state"] == "fresh", "the credential", RECOVERY)
    connd.stop()


def test_a_refused_credential_is_renewed_by_a_restart(world: World) -> None:
    connd = world.connd()
    no_token_option(world, connd)
    place = world.workdir / "credentials"
    place.mkdir()
    world.secret("credentials/token", "refused-token")
    world.faulty.fault = lambda x: x.reply(b"{}", 401)
    connd.start("listening", env={"CREDENTIALS_DIRECTORY": str(place)})
    status = connd.wait_for(lambda s: s.get("last_error"), "a sync that failed")
    assert str(place / "token") in status["last_error"]
    assert status["last_error"].endswith("systemctl restart connd")
    connd.stop()


def test_without_its_key_a_snapshot_is_left_alone(world: World) -> None:
    world.leave_snapshot()
    before = {p.name: p.read_bytes() for p in world.content.parent.iterdir()}
    key = world.key.read_text()
    world.key.unlink()
    connd = world.connd()
    with connd:
        assert connd.variable("v") == "1"
        (warning,) = [e for e in connd.events("warn") if e["event"].startswith("no snapshot")]
        assert str(world.key) in warning["reason"]
        status = connd.status()
        assert status["snapshot"] == "failing" and str(world.key) in status["snapshot_error"]
        world.faulty.add(variable_row("w", world.faulty.deployment, "2"))
        eventually(lambda: connd.variable("w") == "2", "a new generation")
    assert {p.name: p.read_bytes() for p in world.content.parent.iterdir()} == before
    with world.connd() as connd:
        world.secret("snapshot.key", key)
        connd.send_signal(signal.SIGHUP)
        eventually(
            lambda: world.content.read_bytes() != before["content"], "the key is there: written"
        )
        status = connd.wait_for(lambda s: s["snapshot"] == "current", "it is on disk")
        assert "snapshot_error" not in status


def test_missing_snapshot_directory_does_not_stop_the_start(world: World) -> None:
    world.content.parent.rmdir()
    with world.connd() as connd:
        assert connd.variable("v") == "1"


def test_allow_rules_without_known_users_allow_nobody(world: World) -> None:
    connd = world.connd()
    connd.write_config(connd.config_text() + "[access]\nallow = user:no-such-user\n")
    connd.start("listening")
    with pytest.raises(VarlinkError, match="PermissionDenied"):
        connd.variable("v")
    assert connd.status()["state"], "who runs connd sees its status"
    connd.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts another /etc/passwd")
def test_rule_applies_once_its_user_exists(world: World) -> None:
    passwd = world.workdir / "passwd"
    passwd.write_bytes(Path("/etc/passwd").read_bytes())
    passwd.chmod(stat.S_IMODE(Path("/etc/passwd").stat().st_mode))
    connd = world.connd()
    connd.write_config(connd.config_text() + "[access]\ndeny = user:latecomer var:v\nallow = *\n")
    mount = 'mount --bind "$0" /etc/passwd && exec "$@"'
    connd.start(wrap=lambda argv: ["unshare", "-m", "sh", "-c", mount, passwd, *argv])
    assert connd.variable("v") == "1"
    with passwd.open("a") as file:
        file.write(f"latecomer:x:{os.getuid()}:0::/:/bin/sh\n")

    def denied() -> bool:
        try:
            connd.variable("v")
        except VarlinkError as error:
            return error.name == "org.varlink.service.PermissionDenied"
        return False

    eventually(denied, "the rule matches now", 60)
    assert any("bound again" in e["event"] for e in connd.events("info"))
    connd.stop()
