# SPDX-License-Identifier: Apache-2.0
"""While one user misbehaves, all lookups of other users succeed, and are hardly slower than before.

The misbehaving user is another uid, so these tests need root. The limit: no lookup of another user
is refused, and their 99th percentile is at most three times the quiet one, or half a second."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import (
    PATIENCE,
    SANITIZED,
    Connd,
    Manager,
    Varlink,
    VarlinkError,
    eventually,
    limited_files,
)
from faulty_manager import FaultyManager, connection_row, variable_row

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users")

MALLORY, EVE = 65534, 65533
BIG = "x" * 900_000
P99_S = 0.5
OVERLOADED = "io.connd.secrets.Overloaded"


@contextlib.contextmanager
def as_user(uid: int) -> Iterator[None]:
    """Connections made in the block belong to this user: the kernel records the effective uid."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def connect_as(uid: int, connd: Connd) -> Varlink:
    with as_user(uid):
        return connd.client()


def sections(**more: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"socket": {"mode": "0666"}, "manager": {"refresh": "1h", "push": "no"}, **more}


def p99_of_lookups(connd: Connd, n: int = 200) -> float:
    """Lookups of root, alternately on an open connection and on a new one. None may fail."""
    took = []
    with connd.client() as kept:
        for i in range(n):
            began = time.monotonic()
            if i % 2:
                assert kept.variable("v") == "1"
            else:
                assert connd.variable("v") == "1"
            took.append(time.monotonic() - began)
    return sorted(took)[n * 99 // 100]


def assert_others_are_served(connd: Connd, quiet: float) -> None:
    """Three attempts, so that other load on the machine does not decide."""
    bar = max(3 * quiet, P99_S)
    got = []
    while len(got) < 3:
        got.append(p99_of_lookups(connd))
        if got[-1] <= bar:
            return
    raise AssertionError(f"p99 {got} s, quiet {quiet:.3f} s")


def rss_kib(connd: Connd) -> int:
    status = Path(f"/proc/{connd.running.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1])


@contextlib.contextmanager
def served(manager: Manager, **more: dict[str, str]) -> Iterator[Connd]:
    prod = manager.deployment_ids["prod"]
    manager.create_variable("v", "1", prod)
    manager.create_variable("big", BIG, prod)
    with manager.connd(sections=sections(**more)) as connd, limited_files(8000):
        yield connd
        assert connd.variable("v") == "1"


# --- unread responses ----------------------------------------------------------------------


def test_responses_that_nobody_reads_take_64_mib_and_others_are_served(manager: Manager) -> None:
    call = Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"})
    with served(manager) as connd:
        quiet = p99_of_lookups(connd)
        before = rss_kib(connd)
        deaf = [connect_as(MALLORY, connd) for _ in range(1500)]
        for client in deaf:
            client.send(call)
        assert_others_are_served(connd, quiet)
        assert connd.variable("big") == BIG, "a large one, too"
        grown = (rss_kib(connd) - before) / 1024
        # This user's share is 48 MiB; a sanitizer does not return freed memory at once.
        assert grown < (400 if SANITIZED else 80), f"{grown:.0f} MiB"
        # The first ones are complete; the last ones are Overloaded.
        first, last = deaf[0].receive(), deaf[-1].receive()
        assert first and first["parameters"]["value"] == BIG
        assert last and last["error"] == "io.connd.secrets.Overloaded"
        assert last["parameters"]["retry_ms"] > 0
        for client in deaf:
            client.close()
        eventually(lambda: connd.accepted() == 0, "their sockets are closed")
        with connect_as(MALLORY, connd) as client:
            assert client.variable("big") == BIG, "and then it is served again"


def test_incomplete_requests_are_bounded_too(manager: Manager) -> None:
    with served(manager, socket={"mode": "0666", "max_frame": "1M"}) as connd:
        before = rss_kib(connd)
        clients = []
        for _ in range(200):
            client = connect_as(MALLORY, connd)
            client.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                for _ in range(30):
                    client.sock.send(b" " * 30000)
            clients.append(client)
        assert connd.variable("big") == BIG
        grown = (rss_kib(connd) - before) / 1024
        assert grown < (400 if SANITIZED else 80), f"{grown:.0f} MiB"
        for client in clients:
            client.close()


# --- connections ---------------------------------------------------------------------------


def test_users_with_all_connections_lose_idle_ones(manager: Manager) -> None:
    """Two users hold all connections, first idle, then with incomplete requests."""
    with served(manager, socket={"mode": "0666", "max_connections": "200"}) as connd:
        quiet = p99_of_lookups(connd)
        for begun in (b"", b'{"method":'):
            held = [connect_as(MALLORY, connd) for _ in range(250)]
            held += [connect_as(EVE, connd) for _ in range(100)]
            for client in held:
                with contextlib.suppress(BrokenPipeError):
                    client.send(begun)
            eventually(lambda: connd.accepted() == 200, "the room is full")
            assert_others_are_served(connd, quiet)
            for client in held:
                client.close()
            eventually(lambda: connd.accepted() == 0, "their sockets are closed")
        refused = [e for e in connd.events("warn") if e["event"] == "connection refused"]
        assert not [e for e in refused if e["uid"] == 0]


def test_a_user_with_all_of_its_own_room_taken_is_served_on_new_connections(
    manager: Manager,
) -> None:
    with served(manager, socket={"mode": "0666", "max_connections": "40"}) as connd:
        held = [connect_as(MALLORY, connd) for _ in range(60)]
        eventually(lambda: connd.accepted() == 30, "three quarters")
        with connect_as(MALLORY, connd) as one_more:
            assert one_more.variable("v") == "1"
        assert held[0].receive() is None, "the longest idle was closed"
        assert held[-1].variable("v") == "1"
        for client in held:
            client.close()


def test_a_limit_of_1024_files_and_any_local_user_cost_no_lookup(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_variable("v", "1", prod)
    connd = manager.connd(sections=sections(metrics={"listen": "127.0.0.1:0"}))
    connd.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
    with limited_files(8000):
        quiet = p99_of_lookups(connd)
        port = [e for e in connd.events() if e["event"] == "metrics"][-1]["port"]
        held: list[Any] = [socket.create_connection(("127.0.0.1", port)) for _ in range(500)]
        held += [connect_as(MALLORY, connd).sock for _ in range(1500)]
        assert_others_are_served(connd, quiet)
        for path in ("/healthz", "/readyz", "/metrics"):
            probe = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            probe.request("GET", path)
            assert probe.getresponse().status == 200
            probe.close()
        for one in held:
            one.close()
    connd.stop()
    assert not [e for e in connd.events("warn") if "descriptor" in e["event"]]


# --- work ----------------------------------------------------------------------------------


@contextlib.contextmanager
def child(uid: int, work: Callable[[], None]) -> Iterator[None]:
    """Runs work as that user, in its own process, until the block ends."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(uid)
            while True:
                work()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def storm(connd: Connd, calls: bytes, connections: int) -> Callable[[], None]:
    """Sends requests on all connections as fast as possible, and reads the responses."""
    socks: list[socket.socket] = []

    def work() -> None:
        while len(socks) < connections:
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(connd.socket))
            s.setblocking(False)
            socks.append(s)
        for s in socks:
            with contextlib.suppress(BlockingIOError):
                s.send(calls)
            with contextlib.suppress(BlockingIOError):
                if not s.recv(1 << 20):
                    socks.remove(s)
                    s.close()
                    break

    return work


def test_a_storm_of_pipelined_lookups(manager: Manager) -> None:
    one = Varlink.frame("io.connd.secrets.GetVariable", {"key": "v"})
    with served(manager) as connd:
        quiet = p99_of_lookups(connd)
        with child(MALLORY, storm(connd, one * 500, 300)):
            eventually(lambda: connd.accepted() >= 300, "they are connected")
            assert_others_are_served(connd, quiet)


def test_a_storm_of_large_values(manager: Manager) -> None:
    one = Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"})
    with served(manager) as connd:
        quiet = p99_of_lookups(connd)
        with child(MALLORY, storm(connd, one, 300)):
            eventually(lambda: connd.accepted() >= 300, "they are connected")
            assert_others_are_served(connd, quiet)


@pytest.fixture
def many(faulty: FaultyManager, workdir: Path) -> Iterator[Connd]:
    """20,000 keys, and 40 rules that allow MALLORY only one key, which does not exist."""
    for i in range(20_000):
        faulty.add(connection_row(f"key-{i:05}", faulty.deployment))
    faulty.add(variable_row("v", faulty.deployment, "1"))
    connd = faulty.connd(workdir, sections())
    rules = ["allow = uid:0", *(f"allow = uid:{MALLORY} conn:none-{i}*" for i in range(40))]
    connd.write_config(connd.config_text() + "[access]\n" + "\n".join(rules) + "\n")
    with connd, limited_files(8000):
        yield connd


def test_a_storm_of_lists_over_many_keys_and_rules(many: Connd) -> None:
    call = Varlink.frame("io.connd.secrets.List", more=True)
    quiet = p99_of_lookups(many)
    with child(MALLORY, storm(many, call, 200)):
        eventually(lambda: many.accepted() >= 200, "they are connected")
        assert_others_are_served(many, quiet)
    with connect_as(MALLORY, many) as client:
        assert all_keys(client) == []
    with many.client() as client:
        assert all_keys(client) == [f"key-{i:05}" for i in range(20_000)]


def all_keys(client: Varlink) -> list[str]:
    """The connections of a List in several replies."""
    client.send(Varlink.frame("io.connd.secrets.List", more=True))
    keys: list[str] = []
    while True:
        reply = client.receive()
        assert reply and "error" not in reply
        keys += reply["parameters"].get("connections", [])
        if not reply.get("continues"):
            return keys


# --- generations held by lists -------------------------------------------------------------


def test_slow_lists_pin_few_generations_and_not_for_long(
    faulty: FaultyManager, workdir: Path
) -> None:
    row = variable_row("v", faulty.deployment, "1")
    faulty.add(row, *(variable_row(f"big-{i}", faulty.deployment, BIG) for i in range(8)))
    for i in range(20_000):
        faulty.add(connection_row(f"{'k' * 100}-{i:05}", faulty.deployment))
    with faulty.connd(workdir, {"manager": {"refresh": "1s", "push": "no"}}) as connd:
        size = connd.status()["bytes"]
        slow = []
        for n in range(8):
            client = connd.client()
            client.send(Varlink.frame("io.connd.secrets.List", more=True))
            slow.append(client)
            generation = connd.status()["generation"]
            row["airflowVariable"]["value"] = f"next-{n}"
            connd.wait_for(lambda s, g=generation: s["generation"] > g, "a new generation")
            # A thread wipes old generations.
            eventually(lambda: locked_bytes(connd) <= 4.5 * size, "few generations are held")
        assert connd.variable("v") == "next-7"
        eventually(lambda: locked_bytes(connd) < 1.5 * size, "none is held for long", 15 + PATIENCE)
        assert [e for e in connd.events("warn") if e["event"] == "lists closed"]
        for client in slow:
            client.close()


def locked_bytes(connd: Connd) -> int:
    """The memory of generations: locked memory, or, where locking is not allowed, the arenas'
    mappings. Those of a sanitizer, which are not in core dumps either, are at lower addresses."""
    total = 0
    size = 0
    start = 0
    for line in Path(f"/proc/{connd.running.pid}/smaps").read_text().splitlines():
        if match := re.match(r"([0-9a-f]+)-[0-9a-f]+ ", line):
            start = int(match[1], 16)
        elif match := re.match(r"Rss:\s+(\d+) kB", line):
            size = int(match[1]) * 1024 if start >= 0x7000_0000_0000 else 0
        elif line.startswith("VmFlags:") and " dd" in line:  # not in core dumps: an arena
            total += size
    return total


# --- small responses while all space is used -----------------------------------------------


def test_status_and_errors_are_answered_while_responses_wait(manager: Manager) -> None:
    """A user that has used its share still gets small responses, such as Overloaded."""
    call = Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"})
    with served(manager) as connd:
        deaf = [connect_as(MALLORY, connd) for _ in range(200)]
        for client in deaf:
            client.send(call)
        for client in deaf:
            assert client.sock.recv(1, socket.MSG_PEEK), "each has its response, or a part"
        with connect_as(MALLORY, connd) as client:
            with pytest.raises(VarlinkError) as caught:
                client.variable("big")
            assert caught.value.name == OVERLOADED
            client.send(Varlink.frame("io.connd.secrets.Status"))
            reply = client.receive()
            assert reply and reply.get("error", OVERLOADED) == OVERLOADED
        assert connd.status()["state"] == "fresh", "another user's"
        for client in deaf:
            client.close()
