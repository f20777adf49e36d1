# SPDX-License-Identifier: Apache-2.0
"""Malicious or broken clients: the manager responds where possible, and continues to serve the
others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import socket
import time

import pytest
from connd_testing import PATIENCE, Manager, Stopwatch, eventually, limited_files
from manager_http import connection, dial, objects, read_reply, read_to_end, request_text, send


@pytest.fixture(autouse=True)
def others_go_on(manager: Manager) -> object:
    """Checks at the end of a test that the manager still serves."""
    yield
    assert send(manager, "GET", objects(manager)).status == 200
    manager.create_variable("after", "all")


SMUGGLING = {
    "both lengths": ("Content-Length: 3", "Transfer-Encoding: chunked"),
    "two lengths": ("Content-Length: 3", "Content-Length: 3"),
    "two different lengths": ("Content-Length: 3", "Content-Length: 4"),
    "length list": ("Content-Length: 3, 3",),
    "signed length": ("Content-Length: +3",),
    "chunked twice": ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "chunked and something": ("Transfer-Encoding: chunked, identity",),
    "folded": ("X-A: 1", " folded"),
    "blank before the colon": ("Content-Length : 3",),
    "no colon": ("Nonsense",),
    "control character": ("X-A: a\x01b",),
    "two hosts": ("Host: other",),
}


@pytest.mark.parametrize("headers", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_a_request_that_could_be_read_in_two_ways(
    manager: Manager, headers: tuple[str, ...]
) -> None:
    with dial(manager) as s:
        s.sendall(request_text(manager, "POST", objects(manager), *headers, body="0\r\n\r\n"))
        reply = read_reply(s)
        assert reply.status in (400, 501)
        reply.error(reply.status)
        assert reply.headers["connection"] == "close"
        assert read_to_end(s) == b""  # the bytes after it are never taken for a request


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS on a plain port
        (b"hello\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
        (b"GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"A" * 100000, 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 40000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9" + b"9" * 30 + b"\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417),
    ],
)
def test_every_refusal_has_the_managers_error_body(
    manager: Manager, raw: bytes, status: int
) -> None:
    with dial(manager) as s:
        s.sendall(raw)
        reply = read_reply(s)
        reply.error(status)
        assert read_to_end(s) == b""


def test_a_body_that_is_too_large_is_refused_though_it_keeps_coming(manager: Manager) -> None:
    with dial(manager) as s:
        s.sendall(request_text(manager, "POST", objects(manager), "Transfer-Encoding: chunked"))
        try:
            for _ in range(40):
                s.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except OSError:
            pass  # it has stopped reading, which is allowed
        read_reply(s).error(413)


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("POST", "{objects}", "not a token", 401),
        ("POST", "{objects}/nothing/here", None, 404),
        ("POST", "{objects}s", None, 404),
        ("PATCH", "{objects}", None, 405),
        ("POST", "/v1/organizations/c0000000000000000000000000", None, 404),
    ],
)
def test_a_refusal_does_not_wait_for_the_body(
    manager: Manager, method: str, path: str, token: str | None, status: int
) -> None:
    lines = [
        f"{method} {path.format(objects=objects(manager))} HTTP/1.1", "Host: test",
        f"Authorization: Bearer {token or manager.token}", "Content-Length: 1000000",
    ]  # fmt: skip
    with dial(manager) as s:
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        reply = read_reply(s)
        reply.error(status)
        assert reply.headers["connection"] == "close"
    # A client that first sends its whole body can still read the refusal.
    with dial(manager) as s:
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        with contextlib.suppress(OSError):
            for _ in range(100):
                s.sendall(b"x" * 10_000)
        read_reply(s).error(status)


def test_one_byte_at_a_time(manager: Manager) -> None:
    body = json.dumps(
        {"objectKey": "k", "objectType": "AIRFLOW_VARIABLE", "scope": "WORKSPACE",
         "scopeEntityId": manager.workspace, "airflowVariable": {"value": "v"}}
    )  # fmt: skip
    chunked = "".join(f"1\r\n{c}\r\n" for c in body) + "0\r\n\r\n"
    text = request_text(
        manager, "POST", objects(manager), "Transfer-Encoding: chunked", body=chunked
    )
    with dial(manager) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(text)):
            s.send(text[i : i + 1])
        assert read_reply(s).status == 200


def test_pipelined_requests_are_answered_in_their_order(manager: Manager) -> None:
    for i in range(10):
        manager.create_variable(f"v{i}", "x" * 20000)
    n = 500
    with dial(manager) as s:
        text = b"".join(
            request_text(manager, "GET", f"{objects(manager)}?offset={i % 10}&limit=1")
            for i in range(n)
        )
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sending = pool.submit(s.sendall, text)
            for i in range(n):
                assert read_reply(s).body["offset"] == i % 10
            sending.result()


def test_a_connection_goes_on_behind_a_large_answer(manager: Manager) -> None:
    value = "x" * 300_000  # more than the buffer for a client, less than its socket holds
    created = manager.create_variable("large", value)
    over = connection(manager)
    for _ in range(3):
        reply = send(manager, "GET", f"{objects(manager)}/{created}", over=over)
        assert reply.body["airflowVariable"]["value"] == value
    over.close()


def test_a_client_that_never_reads(manager: Manager) -> None:
    for i in range(50):
        manager.create_variable(f"v{i}", "x" * 20000)
    with dial(manager) as s:
        s.setblocking(False)
        one = request_text(manager, "GET", f"{objects(manager)}?limit=1000")
        sent = 0
        try:
            for _ in range(100000):
                sent += s.send(one)
        except BlockingIOError:
            pass
        assert sent < 64 * 1024 * 1024
        assert send(manager, "GET", objects(manager)).status == 200


def test_many_unread_lists_end_in_503_for_one(manager: Manager) -> None:
    """Each reads another version of the store; when there are too many, one gets a 503 with
    Retry-After."""
    prod = manager.deployment_ids["prod"]
    for n in range(8):
        manager.create_variable(f"large_{n}", "x" * 900_000, prod)
    path = f"{objects(manager)}?deploymentId={prod}&resolveLinked=true&limit=1000"
    with contextlib.ExitStack() as slow:
        reply = None
        for n in range(100):
            s = slow.enter_context(socket.socket())
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(PATIENCE)
            s.connect(("127.0.0.1", manager.port))
            s.sendall(request_text(manager, "GET", path))
            status = s.recv(13)
            if status != b"HTTP/1.1 200 ":
                reply = send(manager, "GET", path)
                break
            manager.create_variable(f"between_{n}", "1", manager.deployment_ids["dev"])
        assert reply and n >= 32
        reply.error(503, "busy")
        assert 1 <= int(reply.headers["retry-after"]) <= 5

    def served() -> bool:
        return send(manager, "GET", path).status == 200

    eventually(served, "lists are served again")


def test_client_that_closes_in_the_middle_of_a_response(manager: Manager) -> None:
    for i in range(100):
        manager.create_variable(f"v{i}", "x" * 20000)
    for _ in range(20):
        with dial(manager) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.sendall(request_text(manager, "GET", f"{objects(manager)}?limit=1000"))
            s.recv(100)


def test_half_closed_input_is_still_answered(manager: Manager) -> None:
    with dial(manager) as s:
        s.sendall(request_text(manager, "GET", objects(manager)) * 3)
        s.shutdown(socket.SHUT_WR)
        for _ in range(3):
            assert read_reply(s).status == 200
        assert read_to_end(s) == b""
    # Many at once: some of them are delayed.
    sockets = [dial(manager) for _ in range(50)]
    for s in sockets:
        s.sendall(request_text(manager, "GET", objects(manager)) * 2)
        s.shutdown(socket.SHUT_WR)
    for s in sockets:
        assert [read_reply(s).status, read_reply(s).status] == [200, 200]
        assert read_to_end(s) == b""
        s.close()


def test_continue_is_said_before_the_body(manager: Manager) -> None:
    with dial(manager) as s:
        s.sendall(
            request_text(
                manager, "POST", objects(manager), "Content-Length: 2", "Expect: 100-continue"
            )
        )
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"{}")
        read_reply(s).field_error("objectKey")


def test_http_1_0_closes(manager: Manager) -> None:
    with dial(manager) as s:
        text = f"GET {objects(manager)} HTTP/1.0\r\nAuthorization: Bearer {manager.token}\r\n\r\n"
        s.sendall(text.encode())
        assert read_reply(s).status == 200
        assert read_to_end(s) == b""


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500000,
        b'{"a":' * 100000,
        b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(60000)) + b"}",
        b'{"objectKey":"' + b"\\u0041" * 150000 + b'"}',
        b'{"connection":{"extra":{' + b",".join(b'"k%d":1' % i for i in range(60000)) + b"}}}",
        b'{"links":[' + b",".join([b'{"scope":"DEPLOYMENT"}'] * 40000) + b"]}",
        b"\xff\xfe" * 1000,
        b'{"objectKey":"\xc3\x28"}',
        b'{"objectKey":"\xed\xa0\x80"}',
        b"\0" * 1000,
        b'{"a":"' + b"\x01" * 10 + b'"}',
        b'{"a":1e999999999,"b":' + b"9" * 100000 + b"}",
    ],
    ids=range(12),
)
def test_bodies_that_are_huge_or_broken(manager: Manager, body: bytes) -> None:
    began = time.monotonic()
    reply = send(manager, "POST", objects(manager), body)
    reply.error(400)
    assert time.monotonic() - began < 5


def test_a_thousand_idle_connections(manager: Manager) -> None:
    with limited_files(4096):
        idle = [dial(manager) for _ in range(1000)]
        try:
            began = time.monotonic()
            for _ in range(20):
                assert send(manager, "GET", objects(manager)).status == 200
            assert time.monotonic() - began < 5
        finally:
            for s in idle:
                s.close()


def test_more_connections_than_the_limit(manager: Manager) -> None:
    """The longest idle connections are closed; no request is refused."""
    with limited_files(8192):
        sockets = []
        try:
            for _ in range(4200):
                sockets.append(dial(manager))
            assert send(manager, "GET", objects(manager)).status == 200

            def first_is_closed() -> bool:
                sockets[0].setblocking(False)
                try:
                    return sockets[0].recv(1) == b""
                except BlockingIOError:
                    return False

            eventually(first_is_closed, "the idlest connection is closed")
        finally:
            for s in sockets:
                s.close()


def test_many_long_lists_do_not_block_a_small_request(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    conn = connection(manager)
    body = {
        "objectType": "AIRFLOW_VARIABLE", "scope": "DEPLOYMENT", "scopeEntityId": prod,
        "airflowVariable": {"value": "x" * 2000},
    }  # fmt: skip
    for i in range(1500):
        reply = send(manager, "POST", objects(manager), {**body, "objectKey": f"v{i}"}, over=conn)
        assert reply.status == 200
    conn.close()
    path = f"{objects(manager)}?deploymentId={prod}&resolveLinked=true&limit=10000"
    listers = [dial(manager) for _ in range(60)]
    for s in listers:
        s.sendall(request_text(manager, "GET", path))
    took = []
    assert manager.program
    for _ in range(10):
        watch = Stopwatch(manager.program.pid)
        assert send(manager, "GET", "/v1/organizations").status == 200
        took.append(watch.seconds())
    assert max(took) < 2, took
    # And each of them gets its complete list, while others are served in between.
    for s in listers[::20]:
        assert len(read_reply(s).body["environmentObjects"]) == 1500
    for s in listers:
        s.close()
