# SPDX-License-Identifier: Apache-2.0
"""The socket file: its lock, group and mode, a socket from systemd, a removed file."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONND, PATIENCE, Connd, Program, eventually
from faulty_manager import FaultyManager, variable_row

STARTS = 40
NOTICED = 10 + PATIENCE / 3  # "within 10 s", on a busy machine
METRICS = {"metrics": {"listen": "127.0.0.1:0"}}

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another group")
with_systemd = pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd")


@pytest.fixture
def faulty(faulty: FaultyManager) -> FaultyManager:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    return faulty


def refused(connd: Connd) -> str:
    """Asserts that a start exits with 1. Returns the logged reason."""
    connd.start("")
    assert connd.running.process.wait(PATIENCE) == 1
    connd.running.assert_no_report()
    (event,) = [e for e in connd.events("error") if e["event"] == "connd cannot start"]
    return str(event["reason"])


# --- its directory -----------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its uid")
def test_a_connd_that_is_not_roots_makes_the_directory(
    faulty: FaultyManager, workdir: Path
) -> None:
    """As after a login, which begins with an empty $XDG_RUNTIME_DIR."""
    runtime = workdir / "run"
    runtime.mkdir(0o700)
    program = shutil.copy(CONND, workdir / "connd-copy")  # one that another uid can run
    connd = faulty.connd(workdir, sections={"socket": {"path": str(runtime / "connd/s")}})
    connd.socket = runtime / "connd/s"
    other: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}

    def check(**run: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "--check", "--config", connd.config],
            capture_output=True, text=True, timeout=PATIENCE, check=False, **run,
        )  # fmt: skip

    missing = f"[socket] path: the directory {runtime}/connd: No such file"
    assert missing in check().stderr
    assert "cannot make the lock" in refused(connd) and not (runtime / "connd").exists()
    for path in (workdir, runtime, connd.config, connd.token_file):
        os.chown(path, 65534, 65534)
    os.chown(runtime, 0, 0)
    runtime.chmod(0o755)
    assert missing in check(**other).stderr
    os.chown(runtime, 65534, 65534)
    assert "[socket] path" not in check(**other).stderr
    assert not (runtime / "connd").exists()
    started = Program([program, "--config", connd.config], workdir / "other.log", **other)
    eventually(connd.status, "it responds")
    assert stat.S_IMODE((runtime / "connd").stat().st_mode) == 0o700
    started.stop()


# --- one connd per path ----------------------------------------------------------------------


def test_a_second_connd_ends_and_says_who_serves(connd: Connd) -> None:
    second = Program([CONND, "--config", connd.config], connd.directory / "second.log")
    assert second.process.wait(PATIENCE) == 1
    said = second.stderr_text()
    assert f"another connd serves {connd.socket}: process {connd.running.pid} holds" in said
    assert connd.status()["state"] == "fresh"


def started_at_once(connd: Connd, n: int) -> list[Program]:
    """All of them wait until the same FIFO is opened, then execute connd."""
    gate = connd.directory / "gate"
    os.mkfifo(gate)
    script = 'exec 9<"$0"; shift 0; exec "$@" 9<&-'
    programs = [
        Program(
            ["sh", "-c", script, gate, CONND, "--config", connd.config],
            connd.directory / f"start-{i}.log",
        )
        for i in range(n)
    ]
    waiting = Path("/proc")
    for p in programs:
        eventually(
            lambda p=p: (waiting / str(p.pid) / "wchan").read_text() not in ("", "0"), "it waits"
        )
    os.close(os.open(gate, os.O_WRONLY))
    gate.unlink()
    return programs


@pytest.mark.parametrize("left", ["nothing", "a stale socket", "an old lock"])
def test_exactly_one_of_concurrent_starts_survives(
    workdir: Path, faulty: FaultyManager, left: str
) -> None:
    connd = faulty.connd(workdir)
    if left == "a stale socket":
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(connd.socket))
    if left == "an old lock":
        (workdir / f".{connd.socket.name}.lock").write_text("1\n")
    programs = started_at_once(connd, STARTS)
    try:
        eventually(
            lambda: sum(p.process.poll() is None for p in programs) == 1,
            "all but one have ended",
            PATIENCE * 4,
        )
        (alive,) = [p for p in programs if p.process.poll() is None]
        eventually(lambda: connd.variable("v") == "1", "it answers")
        for p in programs:
            if p is not alive:
                assert p.process.returncode == 1
                assert f"another connd serves {connd.socket}" in p.stderr_text()
        alive.stop()
        assert not connd.socket.exists()
    finally:
        for p in programs:
            p.kill()


def test_the_lock_is_kept_over_an_upgrade(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir) as connd:
        lock = workdir / f".{connd.socket.name}.lock"
        before = lock.stat().st_ino
        connd.send_signal(signal.SIGUSR2)
        eventually(
            lambda: sum(e["event"] == "connd serves" for e in connd.events()) == 2, "the upgrade"
        )
        connd.socket.unlink()  # only the lock shows that another one runs
        second = Program([CONND, "--config", connd.config], workdir / "second.log")
        assert second.process.wait(PATIENCE) == 1
        assert "holds the lock" in second.stderr_text()
        assert lock.stat().st_ino == before
        eventually(connd.socket.exists, "the socket is made again", NOTICED)


def test_a_stale_socket_is_replaced(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir).start()
    connd.running.kill()
    assert connd.socket.exists()
    with connd:
        assert connd.variable("v") == "1"


def test_a_successors_socket_is_left_where_it_is(connd: Connd) -> None:
    connd.socket.unlink()
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(str(connd.socket))
        successor.listen()
        connd.stop()
        assert connd.socket.is_socket()


def test_a_file_that_is_not_a_socket_is_not_replaced(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir)
    connd.socket.write_text("precious")
    assert "is not a socket" in refused(connd)
    assert connd.socket.read_text() == "precious"


def test_a_missing_directory_is_named(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir, {"socket": {"path": str(workdir / "none/sock")}})
    assert str(workdir / "none") in refused(connd)


# --- its name, group and mode ----------------------------------------------------------------


def test_the_kernel_knows_the_socket_by_its_path(connd: Connd) -> None:
    """As `ss src unix:PATH` shows it, and as systemd-tmpfiles checks before it removes a socket."""
    table = Path("/proc/net/unix").read_text().splitlines()
    listening = [row for row in table if row.split()[3] == "00010000"]
    assert [row for row in listening if row.endswith(f" {connd.socket}")]


@pytest.mark.parametrize(
    ("given", "mode"), [(None, 0o660), ("0600", 0o600), ("0666", 0o666)], ids=str
)
def test_the_sockets_mode(
    workdir: Path, faulty: FaultyManager, given: str | None, mode: int
) -> None:
    old = os.umask(0o077)
    try:
        with faulty.connd(workdir, {"socket": {"mode": given}} if given else None) as connd:
            assert stat.S_IMODE(connd.socket.stat().st_mode) == mode
    finally:
        os.umask(old)


@as_root
@pytest.mark.parametrize(("group", "gid"), [("daemon", 1), ("4711", 4711), ("gid:4712", 4712)])
def test_the_sockets_group(workdir: Path, faulty: FaultyManager, group: str, gid: int) -> None:
    with faulty.connd(workdir, {"socket": {"group": group}}) as connd:
        assert connd.socket.stat().st_gid == gid


@pytest.mark.parametrize(
    ("group", "says"),
    [("no-such-group", "there is no such group"), ("0", "write gid:0"), ("gid:x", "not a group")],
)
def test_unknown_group_stops_the_start_with_a_message(
    workdir: Path, faulty: FaultyManager, group: str, says: str
) -> None:
    reason = refused(faulty.connd(workdir, {"socket": {"group": group}}))
    assert group in reason and says in reason
    assert "No such file" not in reason


# --- a removed file --------------------------------------------------------------------------


def readyz(connd: Connd) -> tuple[int, str]:
    (event,) = eventually(lambda: [e for e in connd.events() if e["event"] == "metrics"], "a port")
    port = int(event["port"])
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    ) as client:
        client.request("GET", "/readyz")
        response = client.getresponse()
        return response.status, response.read().decode()


def test_removed_socket_file_is_made_again(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir) as connd:
        before = connd.socket.stat()
        with connd.client() as kept:
            connd.socket.unlink()
            eventually(connd.socket.exists, "it is made again", NOTICED)
            assert kept.variable("v") == "1"
        assert connd.variable("v") == "1"
        after = connd.socket.stat()
        assert (after.st_mode, after.st_gid) == (before.st_mode, before.st_gid)
        assert any("made again" in e["event"] for e in connd.events("warn"))
    assert not connd.socket.exists()


def test_readyz_tells_when_the_socket_cannot_be_made_again(
    workdir: Path, faulty: FaultyManager
) -> None:
    place = workdir / "place"
    place.mkdir()
    connd = faulty.connd(workdir, {"socket": {"path": str(place / "sock")}, **METRICS})
    connd.socket = place / "sock"
    with connd:
        eventually(lambda: readyz(connd) == (200, "ready\n"), "it is ready")
        shutil.rmtree(place)
        body = eventually(
            lambda: (r := readyz(connd))[0] == 503 and r[1], "it is not ready", NOTICED
        )
        assert body.startswith("not ready: ") and str(connd.socket) in body
        (said,) = [e for e in connd.events("error") if e["event"] == "clients cannot connect"]
        assert str(connd.socket) in said["reason"]
        place.mkdir()
        eventually(lambda: readyz(connd)[0] == 200, "it is ready again", NOTICED)
        assert connd.variable("v") == "1"


# --- a socket from systemd -------------------------------------------------------------------


@contextlib.contextmanager
def activated(connd: Connd) -> Iterator[Program]:
    """Starts connd by the first connection, which is made here."""
    program = Program(
        ["systemd-socket-activate", f"--listen={connd.socket}", CONND, "--config", connd.config],
        connd.stderr_path,
    )  # fmt: skip
    try:
        eventually(lambda: connd.variable("v") == "1", "systemd-socket-activate starts it")
        yield program
        program.stop()
    finally:
        program.kill()


def own_events(connd: Connd, level: str) -> list[str]:
    """Its log lines of this level, without the warning about loopback http, which these tests
    use."""
    lines = connd.stderr_path.read_text().splitlines()
    return [
        line
        for line in lines
        if f'"level":"{level}"' in line and "plain http on this machine" not in line
    ]


@with_systemd
def test_it_takes_a_socket_that_is_passed(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir)
    with activated(connd):
        inode = connd.socket.stat().st_ino
        assert own_events(connd, "warn") == [], "[socket] asks for what systemd made"
        assert not (workdir / f".{connd.socket.name}.lock").exists()
    # A passed socket is not removed.
    assert connd.socket.exists() and connd.socket.stat().st_ino == inode


@with_systemd
def test_options_that_a_passed_socket_makes_void_are_one_warning(
    workdir: Path, faulty: FaultyManager
) -> None:
    ignored = {"path": str(workdir / "other.sock"), "group": "4711", "mode": "0600"}
    connd = faulty.connd(workdir, {"socket": ignored})
    with activated(connd):
        (warning,) = own_events(connd, "warn")
        for word in ("path, group, mode", "ListenStream=, SocketGroup=, SocketMode=", "socket"):
            assert word in warning
        assert not (workdir / "other.sock").exists()


@with_systemd
def test_loss_of_a_passed_socket_file_is_logged(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir, METRICS)
    with activated(connd):
        connd.socket.unlink()
        eventually(lambda: own_events(connd, "error"), "it notices", NOTICED)
        (said,) = own_events(connd, "error")
        assert "clients cannot connect" in said and str(connd.socket) in said and "restart" in said
        assert not connd.socket.exists(), "it is not connd's to make"
