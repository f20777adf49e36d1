# SPDX-License-Identifier: Apache-2.0
"""Attacks and exhausted resources: hostile tenants, a slow disk, an endless list, no memory. The
sidecars continue to serve, and changes arrive."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import PATIENCE, Connd, Manager, VarlinkError, eventually
from faulty_manager import Exchange, FaultyManager
from manager_http import objects, request_text, send
from world import (
    FAST,
    FULL,
    IS_ROOT,
    Ask,
    all_right,
    fill_faulty,
    fill_manager,
    ms,
    running,
    value,
)

Row = Callable[..., None]
ATTACKS = "Under attack"

as_root = pytest.mark.skipif(
    not IS_ROOT, reason="needs root: namespaces, limits of other processes"
)


def line(row: Row, attack: str, tally: dict[str, Any], outcome: str) -> None:
    row(ATTACKS, attack=attack, lookups=all_right(tally), longest=ms(tally), outcome=outcome)


def member(manager: Manager, name: str) -> dict[str, str]:
    made: dict[str, str] = manager.command(
        "token", "create", "--data", str(manager.data), "--name", name, "--scope", "deployment",
        "--scope-id", manager.deployment_ids["prod"], "--role", "MEMBER",
    )  # fmt: skip
    return made


@contextlib.contextmanager
def sidecar(manager: Manager, token: str, options: dict[str, str] = FAST) -> Iterator[Connd]:
    connd = manager.connd(sections={"manager": options}, token=token)
    with running(connd):
        yield connd


def a_change_arrives(manager: Manager, connd: Connd, ids: list[str], turn: int) -> float:
    """Seconds from an update's response to connd serving it."""
    manager.update(ids[0], airflowVariable={"value": value(0, turn)})
    began = time.monotonic()
    eventually(lambda: connd.variable("k0") == value(0, turn), f"change {turn}", PATIENCE * 4)
    return time.monotonic() - began


# --- tenants --------------------------------------------------------------------------------------


def test_hostile_tenants(workdir: Path, manager: Manager, row: Row) -> None:
    """Held requests, unread lists, endless bodies and unauthenticated clients, all at once, from
    another address."""
    ids = fill_manager(manager)
    for i in range(200):
        manager.create_variable(f"filler{i}", "x" * 4000, manager.deployment_ids["prod"])
    tenant = member(manager, "tenant")["token"].encode()
    path = f"{objects(manager)}?deploymentId={manager.deployment_ids['prod']}&resolveLinked=true"
    own = manager.token.encode()
    texts = itertools.cycle([
        request_text(manager, "GET", path, "Prefer: wait=60", 'If-None-Match: "x"').replace(own, tenant),
        request_text(manager, "GET", f"{path}&limit=1000").replace(own, tenant),
        request_text(manager, "POST", objects(manager), "Content-Length: 1000000").replace(own, tenant),
        b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer nothing\r\n\r\n",
        b"POST " + objects(manager).encode() + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n",
    ])  # fmt: skip
    open_sockets: list[socket.socket] = []
    ending = threading.Event()

    def attack() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError):
                s = socket.create_connection(("127.0.0.1", manager.port), 5, ("127.0.0.2", 0))
                open_sockets.append(s)
                s.sendall(next(texts))
                # the attack uses connections and memory, not the CPU of this machine
                time.sleep(0.002)
            if len(open_sockets) > 400:
                open_sockets.pop(0).close()

    # Where there is little CPU, a second is no measure.
    patient = {**FAST, "timeout": "10s"}
    with sidecar(manager, member(manager, "sidecar")["token"], patient) as connd:
        threads = [threading.Thread(target=attack) for _ in range(2)]
        with Ask(connd.socket) as ask:
            for thread in threads:
                thread.start()
            took = [a_change_arrives(manager, connd, ids, turn) for turn in range(1, 6)]
            ending.set()
            for thread in threads:
                thread.join()
            tally = ask.finish()
        assert connd.status()["state"] == "fresh"
    for s in open_sockets:
        s.close()
    line(row, "hostile tenants", tally, f"changes arrive within {max(took):.1f} s")


# --- the manager's disk ---


@as_root
def test_slow_fsync(workdir: Path, row: Row) -> None:
    """Each sync of the manager's database takes two seconds."""
    manager = Manager(workdir)
    calls = "fsync,fdatasync,sync_file_range"
    strace: list[str | Path] = [
        "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}",
        "-e", f"inject={calls}:delay_enter=2000000",
    ]  # fmt: skip
    manager.serve()
    ids = fill_manager(manager)
    sidecars_token = member(manager, "sidecar")["token"]
    manager.stop()
    manager.launch("--listen", f"127.0.0.1:{manager.port}", wrap=lambda argv: [*strace, *argv])
    with sidecar(manager, sidecars_token) as connd:
        with Ask(connd.socket) as ask:
            took = [a_change_arrives(manager, connd, ids, turn) for turn in (1, 2)]
            tally = ask.finish()
        assert connd.status()["state"] == "fresh"
        assert connd.status()["syncs_failed"] == 0
    assert manager.program
    manager.program.kill()
    line(row, "fsync takes 2 s", tally, f"changes arrive within {max(took):.1f} s")


# --- another process at the manager's address ---

# Serves on a port and a socket path, as another user, and records the bytes that it receives.
SQUATTER = """\
import os, selectors, socket, sys
os.setgid(4242), os.setuid(4242)
port, path, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
tcp, local = socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_UNIX)
local.bind(path)
os.chmod(path, 0o666)
local.listen()
loop = selectors.DefaultSelector()
for server in tcp, local:
    loop.register(server, selectors.EVENT_READ)
print("serving", flush=True)
kept = []
while True:
    for key, _ in loop.select():
        if key.fileobj in (tcp, local):
            client, _ = key.fileobj.accept()
            kept.append(client)
            loop.register(client, selectors.EVENT_READ)
            open(log, "ab").write(b"connection\\n")
        else:
            got = key.fileobj.recv(65536)
            open(log, "ab").write(got)
            if not got:
                loop.unregister(key.fileobj)
"""


@contextlib.contextmanager
def squatter(port: int, path: Path, log: Path) -> Iterator[None]:
    argv = [sys.executable, "-c", SQUATTER, str(port), str(path), str(log)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "serving\n"
        try:
            yield
        finally:
            process.kill()


@as_root
def test_squatted_port(workdir: Path, manager: Manager, row: Row) -> None:
    """While the manager is down, another user serves on its port and at its socket path."""
    ids = fill_manager(manager)
    token = member(manager, "sidecar")["token"]
    manager.stop()
    workdir.chmod(0o755)
    room = workdir / "open"
    room.mkdir()
    room.chmod(0o777)
    path, log = room / "manager.sock", room / "squatter.log"
    manager.serve("--listen", f"unix:{path}")
    connd = manager.connd(sections={"manager": {**FAST, "url": f"unix:{path}"}}, token=token)
    with running(connd):
        with Ask(connd.socket) as ask:
            manager.stop()
            path.unlink(missing_ok=True)
            with squatter(manager.port, path, log):
                status = connd.wait_for(
                    lambda s: "uid 4242" in s.get("last_error", ""), "the other user is seen"
                )
                assert "nothing was sent" in status["last_error"]
                failed = status["syncs_failed"]
                connd.wait_for(lambda s: s["syncs_failed"] > failed + 1, "it is tried again", 60)
            path.unlink()
            manager.serve("--listen", f"unix:{path}")
            connd.wait_for(lambda s: not s.get("last_error"), "it recovers", 60)
            tally = ask.finish()
        assert a_change_arrives(manager, connd, ids, 9) < 60
    got = log.read_bytes()
    assert got and not got.replace(b"connection\n", b""), "connected to, and sent nothing"
    line(row, "another user at the manager's places", tally, "nothing is sent, nothing believed")


# --- a hostile manager ----------------------------------------------------------------------------


def test_endless_trailers(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    """A chunked list with an endless trailer."""
    fill_faulty(faulty)
    sent = 0

    def trailers(exchange: Exchange) -> None:
        nonlocal sent
        exchange.head(200, "application/json", Transfer_Encoding="chunked")
        body = json.dumps(exchange.page()).encode()
        exchange.write(b"%x\r\n%s\r\n0\r\n" % (len(body), body))
        field = b"X: " + b"y" * 8000 + b"\r\n"
        for _ in range(100_000):
            exchange.write(field * 10)
            sent += 10 * len(field)

    connd = faulty.connd(workdir, {"manager": {"refresh": "1s", "timeout": "5s"}})
    with running(connd):
        before = connd.memory_peak_kib()
        with Ask(connd.socket) as ask:
            faulty.fault = trailers
            connd.wait_for(
                lambda s: s["syncs_failed"] >= 2, "two lists were given up", PATIENCE * 3
            )
            faulty.fault = None
            connd.wait_for(lambda s: not s.get("last_error"), "it recovers", PATIENCE * 2)
            tally = ask.finish()
        grown = connd.memory_peak_kib() - before
    assert sent > 128 * 1024, "it was an attack"
    assert grown < 40 * 1024, f"{grown} KiB for {sent} bytes of trailers"
    line(row, "endless trailers", tally, f"given up, {grown} KiB at most")


# --- memory ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def no_more_memory(pid: int) -> Iterator[None]:
    """Limits the address space to the present size, so that the process gets no further memory."""
    used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (used, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, before)


@as_root
def test_memory_gone(workdir: Path, manager: Manager, row: Row) -> None:
    """connd, then the manager, cannot allocate memory for some seconds, again and again."""
    ids = fill_manager(manager)
    prod = manager.deployment_ids["prod"]
    for i in range(300):
        manager.create_variable(f"filler{i}", "x" * 2000, prod)
    assert manager.program
    with sidecar(manager, member(manager, "sidecar")["token"]) as connd:
        with Ask(connd.socket) as ask:
            for turn in range(1, 7 if FULL else 3):
                with no_more_memory(connd.running.pid):
                    manager.update(ids[0], airflowVariable={"value": value(0, turn)})
                    time.sleep(2)  # this is the fault
                eventually(
                    lambda turn=turn: connd.variable("k0") == value(0, turn), "the change", 60
                )
                with no_more_memory(manager.program.pid):
                    for _ in range(20):
                        with contextlib.suppress(OSError, http.client.HTTPException, VarlinkError):
                            send(
                                manager, "GET", f"{objects(manager)}?deploymentId={prod}&limit=1000"
                            )
                connd.wait_for(lambda s: not s.get("last_error"), "a good list", 60)
            tally = ask.finish()
        assert a_change_arrives(manager, connd, ids, 99) < 60
    line(row, "no memory for seconds", tally, "syncs go on when there is some again")
