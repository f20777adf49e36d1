# SPDX-License-Identifier: Apache-2.0
"""Misbehaving clients do not affect other clients."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from connd_testing import Connd, Manager, Varlink, eventually, limited_files

BIG = "x" * 200_000


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("db", prod, host="h", password="secret")
    manager.create_variable("big", BIG, prod)
    with manager.connd() as running:
        yield running
        # Whatever the test did, connd still serves.
        assert running.connection("db")["password"] == "secret"


def closes(client: Varlink) -> bool:
    return client.receive() is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0",
        b"hello\0",
        b"{}\0",
        b"[]\0",
        b'"method"\0',
        b'{"method":1}\0',
        b'{"method":"io.connd.secrets.Status"\0',
        b'{"method":"io.connd.secrets.Status","more":1}\0',
        b'{"method":"io.connd.secrets.Status","more":true,"oneway":true}\0',
        b'{"method":"io.connd.secrets.Status","foreign":1}\0',
        b'{"method":"io.connd.secrets.Status","method":"io.connd.secrets.Status"}\0',
        b'{"method":"io.connd.secrets.Status","parameters":[]}\0',
        b'{"method":"io.connd.secrets.Status"}{}\0',
        b'{"method":"\xff\xfe"}\0',
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\0",
        b"[" * 60000 + b"\0",
        bytes(range(1, 256)) * 16 + b"\0",
    ],
)
def test_garbage_closes_that_connection_only(connd: Connd, garbage: bytes) -> None:
    with connd.client() as bystander, connd.client() as client:
        client.send(garbage)
        assert closes(client)
        assert bystander.status()["state"] == "fresh"


@pytest.mark.parametrize("text", [b"a\\u0000b", b"a\\ud800b"])
def test_invalid_text_is_refused_and_not_echoed(connd: Connd, text: bytes) -> None:
    for call, parameter in (
        (b'{"method":"%s"}', "method"),
        (b'{"method":"io.connd.secrets.GetVariable","parameters":{"key":"%s"}}', "key"),
    ):
        with connd.client() as client:
            client.send(call % text + b"\0")
            assert client.receive() == {
                "error": "org.varlink.service.InvalidParameter",
                "parameters": {"parameter": parameter},
            }


def test_a_good_call_before_garbage_is_answered(connd: Connd) -> None:
    with connd.client() as client:
        client.send(Varlink.frame("io.connd.secrets.GetVariable", {"key": "no"}) + b"garbage\0")
        reply = client.receive()
        assert reply and reply["error"] == "io.connd.secrets.NotFound"
        assert closes(client)


def test_unknown_dotted_members_are_ignored(connd: Connd) -> None:
    with connd.client() as client:
        client.send(b'{"method":"io.connd.secrets.Status","io.connd.trace":"a1","x.y":{"z":[]}}\0')
        reply = client.receive()
        assert reply and reply["parameters"]["state"] == "fresh"


def test_incomplete_frame_closes_after_its_time(connd: Connd) -> None:
    with connd.client() as client, connd.client() as bystander:
        client.send(b'{"method":"io.connd.secrets.')
        assert bystander.connection("db")["host"] == "h"
        client.send(b'Status"}\0')
        reply = client.receive()
        assert reply and "parameters" in reply
        client.send(b'{"method":')
    assert connd.connection("db")["host"] == "h"


def test_a_ten_megabyte_frame_is_cut_off_early(connd: Connd) -> None:
    before = connd.memory_peak_kib()
    with connd.client() as client:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(160):
                client.send(b"x" * 65536)
        assert closes(client)
    assert connd.memory_peak_kib() - before < 2048


def test_a_thousand_pipelined_calls_are_answered_in_order(connd: Connd) -> None:
    calls = b"".join(
        Varlink.frame("io.connd.secrets.GetVariable", {"key": f"k{i}"}) for i in range(1000)
    )
    with connd.client() as client, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(client.send, calls)
        for i in range(1000):
            reply = client.receive()
            assert reply and reply["parameters"]["key"] == f"k{i}"
        sending.result()


def test_one_byte_at_a_time(connd: Connd) -> None:
    frame = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "db"})
    with connd.client() as client:
        for byte in frame:
            client.send(bytes([byte]))
        reply = client.receive()
        assert reply and "secret" in reply["parameters"]["value"]


def test_client_that_never_reads_uses_bounded_memory(connd: Connd) -> None:
    """A client that requests 200 kB replies and never reads is paused; others are served."""
    frame = Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"})
    before = connd.memory_peak_kib()
    with connd.client() as client:
        client.sock.setblocking(False)
        stuck_since = time.monotonic()
        sent = 0
        # connd stops reading requests when enough replies are unread: a second without progress
        # shows that.
        while time.monotonic() - stuck_since < 1.0 and sent < 50_000:
            try:
                sent += client.sock.send(frame * 10) // len(frame)
                stuck_since = time.monotonic()
            except BlockingIOError:
                with connd.client() as other:
                    assert other.variable("big") == BIG
        assert sent < 50_000, "it took every call"
        grown = connd.memory_peak_kib() - before
        assert grown < 16 * 1024, f"{grown} KiB for one client that does not read"
    assert connd.variable("big") == BIG


def test_client_that_reads_late_gets_every_reply(connd: Connd) -> None:
    frame = Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"})
    with connd.client() as client, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(client.send, frame * 200)
        eventually(lambda: connd.connection("db"), "others are served")
        for _ in range(200):
            reply = client.receive()
            assert reply and reply["parameters"]["value"] == BIG
        sending.result()


def test_disconnects_in_the_middle_of_a_reply(connd: Connd) -> None:
    frame = Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"})
    for rude in (False, True):
        for _ in range(50):
            client = connd.client()
            client.send(frame * 5)
            client.sock.recv(1)
            if rude:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
    eventually(lambda: connd.accepted() == 0, "their sockets are closed")


def test_half_closed_input_is_still_answered(connd: Connd) -> None:
    with connd.client() as client:
        client.send(Varlink.frame("io.connd.secrets.GetVariable", {"key": "big"}))
        client.sock.shutdown(socket.SHUT_WR)
        reply = client.receive()
        assert reply and reply["parameters"]["value"] == BIG
        assert closes(client)


def test_five_hundred_connections_at_once(connd: Connd) -> None:
    with limited_files(2000):
        clients = [connd.client() for _ in range(500)]
        try:
            for client in clients:
                client.send(Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "db"}))
            for client in clients:
                reply = client.receive()
                assert reply and "secret" in reply["parameters"]["value"]
            assert connd.accepted() == 500
        finally:
            for client in clients:
                client.close()
    eventually(lambda: connd.accepted() == 0, "their sockets are closed")


def test_five_hundred_short_connections(connd: Connd) -> None:
    def one(i: int) -> str:
        with connd.client() as client:
            host: str = client.connection("db")["host"]
            return host

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(one, range(500))) == {"h"}


def test_without_descriptors_connd_neither_stops_nor_spins(manager: Manager) -> None:
    """With more clients than descriptors, the others wait, and are served when some leave."""
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    import resource

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    connd = manager.connd()
    connd.start(preexec_fn=few_files)
    with limited_files(2000):
        clients = [connd.client() for _ in range(120)]
        try:
            cpu_before = cpu_seconds(connd)
            time.sleep(1.0)  # measures during this time; does not wait for an event
            assert cpu_seconds(connd) - cpu_before < 0.5, "it spins"
            assert len(connd.running.stderr_text().splitlines()) < 30
        finally:
            for client in clients:
                client.close()
    eventually(lambda: connd.variable("v") == "1", "it serves again")
    connd.stop()


def cpu_seconds(connd: Connd) -> float:
    fields = Path(f"/proc/{connd.running.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("cap", ["max_connections", "max_connections_per_uid"])
def test_beyond_the_cap_a_new_connection_takes_the_place_of_the_longest_idle(
    manager: Manager, cap: str
) -> None:
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    caps = {"max_connections": "20", "max_connections_per_uid": "20", cap: "10"}
    with manager.connd(sections={"socket": caps}) as connd:
        eventually(lambda: connd.accepted() == 0, "room for all of them")
        clients = [connd.client() for _ in range(10)]
        assert all(c.variable("v") == "1" for c in clients)
        assert clients[0].variable("v") == "1"
        with connd.client() as one_more:
            assert one_more.variable("v") == "1"
            assert closes(clients[1])
            assert all(c.variable("v") == "1" for c in [*clients[:1], *clients[2:]])
        for client in clients:
            client.close()
        (closed,) = connd.events("warn")
        assert closed["event"] == "connections closed to make room for others"
        assert (closed["uid"], closed["closed"]) == (os.geteuid(), 1)


def test_a_frame_may_be_as_long_as_max_frame_says(manager: Manager) -> None:
    with manager.connd(sections={"socket": {"max_frame": "1K"}}) as connd:
        call = Varlink.frame("io.connd.secrets.Status")[:-1]
        with connd.client() as client:
            client.send(call + b" " * (1024 - len(call)) + b"\0")
            reply = client.receive()
            assert reply and "parameters" in reply
        with connd.client() as client:
            client.send(call + b" " * (1025 - len(call)) + b"\0")
            assert closes(client)
