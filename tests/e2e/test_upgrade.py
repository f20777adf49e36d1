# SPDX-License-Identifier: Apache-2.0
"""SIGUSR2: connd executes the program at its path in the same process, and loses no client."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from connd_testing import CONND, SANITIZED, Connd, Manager, Program, Varlink, eventually
from faulty_manager import Exchange, FaultyManager, connection_row, variable_row

UPGRADES = 10


class Client(threading.Thread):
    """Looks up a connection without a pause, over one open connection or a new one each time.
    Repeats a lookup once if its connection ends before the first byte of a response: the old connd
    gives a client 200 ms to start a request, and a busy machine may be slower."""

    def __init__(self, connd: Connd, keep: bool) -> None:
        super().__init__()
        self.connd, self.keep = connd, keep
        self.ended = threading.Event()
        self.responses = 0
        self.longest = 0.0
        self.failure: BaseException | None = None

    def look_up(self, client: Varlink | None) -> Varlink:
        client = client or self.connd.client()
        frame = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "warehouse"})
        reply = None
        with contextlib.suppress(BrokenPipeError):
            client.send(frame)
            reply = client.receive()
        if reply is None:
            client.close()
            client = self.connd.client()
            client.send(frame)
            reply = client.receive()
        assert reply and json.loads(reply["parameters"]["value"])["host"] == "h", reply
        return client

    def run(self) -> None:
        client: Varlink | None = None
        try:
            while not self.ended.is_set():
                begun = time.monotonic()
                client = self.look_up(client)
                self.longest = max(self.longest, time.monotonic() - begun)
                self.responses += 1
                if not self.keep:
                    client.close()
                    client = None
        except BaseException as error:
            self.failure = error


@pytest.fixture
def connd(faulty: FaultyManager, workdir: Path) -> Connd:
    faulty.add(connection_row("warehouse", faulty.deployment, host="h"))
    return faulty.connd(workdir)


def upgraded(connd: Connd) -> int:
    return sum(e["event"] == "connd serves" for e in connd.events())


def test_no_lookup_fails_while_connd_is_replaced(connd: Connd) -> None:
    with connd:
        pid = connd.running.pid
        clients = [Client(connd, keep=n % 2 == 0) for n in range(4)]
        for client in clients:
            client.start()
        for n in range(UPGRADES):
            connd.wait_for(lambda s: not s.get("last_error"), "a good sync")
            connd.send_signal(signal.SIGUSR2)
            eventually(lambda n=n: upgraded(connd) == n + 2, f"upgrade {n}")
            assert [a.failure for a in clients] == [None] * len(clients)
            before = [a.responses for a in clients]
            eventually(
                lambda before=before: all(
                    a.responses > b or a.failure for a, b in zip(clients, before, strict=True)
                ),
                "everybody is answered by the new one",
            )
        for client in clients:
            client.ended.set()
            client.join()
        assert [a.failure for a in clients] == [None] * len(clients)
        assert max(a.longest for a in clients) < 5
        assert connd.running.pid == pid
    assert not connd.socket.exists(), "bound by the first of them, unlinked by the last"


def test_a_configuration_the_new_program_refuses_keeps_the_old_one(connd: Connd) -> None:
    with connd:
        good = connd.config_text()
        connd.write_config(good + "[nonsense]\n")
        connd.send_signal(signal.SIGUSR2)
        refusal = eventually(
            lambda: [e for e in connd.events("error") if "upgrade refused" in e["event"]], "refusal"
        )
        assert "nonsense" in refusal[0]["reason"]
        assert connd.connection("warehouse")["host"] == "h"
        connd.write_config(good)
        connd.send_signal(signal.SIGUSR2)
        eventually(lambda: upgraded(connd) == 2, "the upgrade")


def test_without_data_for_the_new_one_there_is_no_upgrade(
    connd: Connd, faulty: FaultyManager
) -> None:
    with connd:
        faulty.fault = lambda x: x.reply(b"{}", 500)
        connd.wait_for(lambda s: s.get("last_error"), "a failed sync")
        connd.send_signal(signal.SIGUSR2)
        eventually(
            lambda: any("upgrade refused" in e["event"] for e in connd.events("warn")), "refusal"
        )
        assert connd.connection("warehouse")["host"] == "h"
        assert upgraded(connd) == 1


# --- refused upgrades -------------------------------------------------------------------------


def refusal(connd: Connd) -> str:
    """Asserts that SIGUSR2 is refused and changes nothing. Returns the reason."""
    before = [e for e in connd.events() if "upgrade refused" in e["event"]]
    connd.send_signal(signal.SIGUSR2)
    refused = eventually(
        lambda: [e for e in connd.events() if "upgrade refused" in e["event"]][len(before) :],
        "the refusal",
        90,
    )
    assert connd.connection("warehouse")["host"] == "h"
    assert upgraded(connd) == 1 and not any(e["event"] == "stopping" for e in connd.events())
    return str(refused[0]["reason"])


def changed(connd: Connd, section: str, **options: str) -> None:
    connd.sections.setdefault(section, {}).update(options)
    connd.write_config()


def test_a_metrics_port_of_another_program_refuses_an_upgrade(connd: Connd) -> None:
    with connd, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        changed(connd, "metrics", listen=f"127.0.0.1:{other.getsockname()[1]}")
        assert "Address already in use" in refusal(connd)


@pytest.mark.parametrize(
    ("option", "value"), [("path", "{dir}/other.sock"), ("mode", "0600"), ("group", "1")]
)
def test_another_socket_refuses_an_upgrade(connd: Connd, option: str, value: str) -> None:
    with connd:
        changed(connd, "socket", **{option: value.format(dir=connd.directory)})
        assert refusal(connd) == f"[socket] {option} cannot change without a restart"


def test_a_fault_that_a_reload_refuses_refuses_an_upgrade(connd: Connd) -> None:
    with connd:
        connd.token_file.unlink()
        assert connd.token_file.name in refusal(connd)


def test_less_memory_than_the_data_needs_is_refused(connd: Connd, faulty: FaultyManager) -> None:
    for n in range(3):
        faulty.add(variable_row(f"large{n}", faulty.deployment, "x" * 500_000))
    with connd:
        assert len(connd.variable("large2")) == 500_000
        changed(connd, "memory", max_bytes="1M")
        reason = refusal(connd)
        assert reason.startswith("[memory] max_bytes = 1048576 is less than the data")
        connd.send_signal(signal.SIGHUP)
        (refused,) = eventually(
            lambda: [e for e in connd.events("error") if e["event"].startswith("reload refused")]
        )
        assert refused["reason"] == reason
        changed(connd, "memory", max_bytes="2M")
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: "reloaded" in [e["event"] for e in connd.events()], "the reload")


@pytest.mark.skipif(os.geteuid() != 0, reason="runs connd as another user")
@pytest.mark.skipif(SANITIZED, reason="the sanitizer locks no memory, and says that it does")
def test_memory_that_cannot_be_locked_refuses_an_upgrade(connd: Connd) -> None:
    os.chown(connd.directory, 65534, 65534)
    os.chown(connd.token_file, 65534, 65534)
    program = Path(shutil.copy(CONND, connd.directory / "connd"))
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    limit = ["prlimit", "--memlock=0:0"]
    connd.start(wrap=lambda argv: [*limit, *drop, program, *argv[1:]])
    changed(connd, "memory", lock="require")
    assert "[memory] lock = require: raise LimitMEMLOCK" in refusal(connd)
    connd.send_signal(signal.SIGHUP)
    (refused,) = eventually(
        lambda: [e for e in connd.events("error") if e["event"].startswith("reload refused")]
    )
    assert "lock = require" in refused["reason"]
    connd.stop()


def with_snapshot(connd: Connd) -> Path:
    key = connd.directory / "key"
    key.touch(0o600)
    key.write_text("5a" * 32)
    content = connd.directory / "snap/content"
    content.parent.mkdir()
    changed(connd, "snapshot", path=str(content), key_file=str(key))
    return content


NOWHERE = "http://127.0.0.1:1"  # a wrong URL: no server listens there


def test_a_mistyped_url_refuses_an_upgrade_when_no_snapshot_helps(connd: Connd) -> None:
    with connd:
        changed(connd, "manager", url=NOWHERE)
        assert refusal(connd)


def test_a_snapshot_of_another_deployment_does_not_help(
    connd: Connd, faulty: FaultyManager
) -> None:
    content = with_snapshot(connd)
    with connd:
        eventually(content.exists, "the snapshot")
        changed(connd, "manager", deployment=faulty.other_deployment, url=NOWHERE)
        assert refusal(connd)


def test_with_a_snapshot_another_url_is_no_risk(connd: Connd) -> None:
    content = with_snapshot(connd)
    with connd:
        eventually(
            lambda: content.exists() and connd.status()["snapshot"] == "current", "the snapshot"
        )
        changed(connd, "manager", url=NOWHERE)
        connd.send_signal(signal.SIGUSR2)
        eventually(lambda: upgraded(connd) == 2, "the upgrade")
        assert connd.connection("warehouse")["host"] == "h"


def test_a_program_that_cannot_be_executed_leaves_the_old_one(connd: Connd) -> None:
    """The program is removed after the check, while the last request is served."""
    program = Path(shutil.copy(CONND, connd.directory / "connd"))
    frame = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "warehouse"})
    connd.start(wrap=lambda argv: [program, *argv[1:]])
    pid = connd.running.pid
    with connd.client() as client:
        client.send(frame[:10])
        eventually(connd.status, "what was sent before has been read")
        connd.send_signal(signal.SIGUSR2)
        eventually(lambda: any(e["event"] == "upgrading" for e in connd.events()), "it begins")
        program.rename(connd.directory / "gone")
        client.send(frame[10:])
        reply = client.receive()
        assert reply and "value" in reply["parameters"]
    eventually(lambda: upgraded(connd) == 2, "the old program serves again")
    (error,) = connd.events("error")
    assert error["event"].startswith("cannot become the new program")
    assert "No such file" in error["reason"]
    assert connd.connection("warehouse")["host"] == "h"
    assert connd.running.pid == pid
    (connd.directory / "gone").rename(program)
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: upgraded(connd) == 3, "now it can")
    assert connd.connection("warehouse")["host"] == "h"
    connd.stop()
    assert not connd.socket.exists()


# --- without memory --------------------------------------------------------------------------

with_strace = pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
UNDER_STRACE = {"ASAN_OPTIONS": "detect_leaks=0"}  # the leak checker needs to trace, too


def start_under_strace(connd: Connd, call: str, fault: str = "") -> Path:
    """Starts connd under strace with these system calls; fault: which of them fails, and how."""
    trace = connd.directory / "trace"
    rules = ["-e", f"trace={call}"]
    if fault:
        rules += ["-e", f"inject={call}:{fault}"]
    connd.start(
        wrap=lambda argv: ["strace", "-D", "-qq", "-o", trace, *rules, *argv], env=UNDER_STRACE
    )
    return trace


def start_short_of_memory(connd: Connd, call: str, times: int) -> None:
    """The first n of these calls after the start fail for lack of memory. The calls of a start are
    counted first."""
    trace = start_under_strace(connd, call)
    connd.stop()
    made = trace.read_text().count(f"{call}(") - (call == "execve")  # without that of the tracer
    connd.stderr_path = connd.directory / "second.log"
    start_under_strace(connd, call, f"error=ENOMEM:when={made + 1}..{made + times}")


@with_strace
def test_without_memory_for_the_new_program_the_old_one_goes_on(connd: Connd) -> None:
    start_short_of_memory(connd, "execve", 1)
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: upgraded(connd) == 2, "the old program serves again")
    (error,) = connd.events("error")
    assert "Cannot allocate memory" in error["reason"]
    assert connd.connection("warehouse")["host"] == "h"
    connd.wait_for(lambda s: not s.get("last_error"), "a good sync")
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: upgraded(connd) == 3, "now there is memory")
    connd.stop()


@with_strace
def test_the_new_program_waits_until_it_has_memory(connd: Connd) -> None:
    start_short_of_memory(connd, "timerfd_create", 2)
    pid = connd.running.pid
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: upgraded(connd) == 2, "it is there at the third try")
    eventually(
        lambda: [e["reason"] for e in connd.events("error")] == ["Cannot allocate memory"] * 2,
        "both failures are logged",
    )
    assert connd.connection("warehouse")["host"] == "h"
    assert connd.running.pid == pid
    connd.stop()
    assert not connd.socket.exists()


@with_strace
def test_a_start_without_memory_ends(connd: Connd) -> None:
    """systemd starts it again, but not after an upgrade."""
    connd.start("", wrap=lambda argv: [
        "strace", "-D", "-qq", "-o", "/dev/null", "-e", "inject=timerfd_create:error=ENOMEM", *argv
    ], env=UNDER_STRACE)  # fmt: skip
    assert connd.running.process.wait(60) == 1


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd")
def test_a_passed_socket_stays_passed_over_an_upgrade(connd: Connd) -> None:
    connd.program = Program(
        ["systemd-socket-activate", f"--listen={connd.socket}", CONND, "--config", connd.config],
        connd.stderr_path,
    )
    eventually(lambda: connd.connection("warehouse"), "it is started")
    inode = connd.socket.stat().st_ino
    connd.wait_for(lambda s: not s.get("last_error"), "a good sync")
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: connd.stderr_path.read_text().count("connd serves") == 2, "the upgrade")
    assert connd.status()["socket_passed"] is True
    connd.running.stop()
    assert connd.socket.stat().st_ino == inode


# --- push ------------------------------------------------------------------------------------


def test_a_change_arrives_at_once_by_push_and_by_polling_without(manager: Manager) -> None:
    object_id = manager.create_connection("warehouse", manager.deployment_ids["prod"], host="one")
    slow = {"manager": {"refresh": "60s"}}
    with (
        manager.connd(sections=slow) as pushed,
        manager.connd(
            sections={"manager": {"refresh": "60s", "push": "no"}}, name="polled"
        ) as polled,
    ):
        # The watch starts after the first sync; its first response causes a second sync.
        pushed.wait_for(lambda s: s["syncs_ok"] >= 2, "the watch")
        for n in range(5):
            manager.update(object_id, connection={"type": "http", "host": f"h{n}"})
            eventually(
                lambda n=n: pushed.connection("warehouse")["host"] == f"h{n}", "the change", 5
            )
        assert polled.connection("warehouse")["host"] == "one"
        polled.send_signal(signal.SIGHUP)
        eventually(lambda: polled.connection("warehouse")["host"] == "h4", "a reload syncs")


def test_manager_that_does_not_wait_is_not_polled_in_a_loop(
    connd: Connd, faulty: FaultyManager
) -> None:
    def tagged(x: Exchange) -> None:
        if x.handler.headers.get("If-None-Match") == '"t"':
            x.head(304, "application/json", ETag='"t"')
        else:
            x.reply(x.page(), ETag='"t"')

    faulty.fault = tagged
    with connd:
        connd.wait_for(lambda s: s["syncs_ok"] >= 5, "polling")
        held = [q for _, q, _ in faulty.requests if "objectType" not in q]
        assert len(held) == 2, "one call for the tag, one that should have been held"


@pytest.mark.parametrize(("ttl", "wait"), [("8s", "wait=4"), ("1h", "wait=60")])
def test_a_call_is_held_for_half_of_ttl_and_a_minute_at_most(
    faulty: FaultyManager, workdir: Path, ttl: str, wait: str
) -> None:
    faulty.add(connection_row("warehouse", faulty.deployment, host="h"))
    faulty.fault = lambda x: x.reply(x.page(), ETag='"t"')
    sections = {"freshness": {"ttl": ttl, "stale": "2h", "max_stale": "3h"}}
    with faulty.connd(workdir, sections):
        asked = eventually(
            lambda: [h for _, _, h in faulty.requests if "Prefer" in h], "a call to be held"
        )
        assert asked[0]["Prefer"] == wait and asked[0]["If-None-Match"] == '"t"'
        assert not any("Prefer" in h for _, q, h in faulty.requests if "objectType" in q)
