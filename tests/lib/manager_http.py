# SPDX-License-Identifier: Apache-2.0
"""Low-level access to the manager's HTTP API: whole responses with their headers, and bare sockets
to send data that no client library would send."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket
from typing import Any

from connd_testing import PATIENCE, Manager


@dataclasses.dataclass
class Reply:
    status: int
    headers: dict[str, str]  # names in lower case
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def error(self, status: int, *words: str) -> Any:
        """Asserts that this is one of the manager's error responses and that its message has these
        words."""
        assert self.status == status, (self.status, self.raw[:500])
        assert self.headers["content-type"] == "application/json"
        body = self.body
        assert set(body) <= {"message", "requestId", "statusCode", "fieldErrors"}, body
        assert body["statusCode"] == status
        assert body["requestId"] == self.headers["x-request-id"]
        for word in words:
            assert word in body["message"], (word, body)
        return body

    def field_error(self, field: str) -> None:
        body = self.error(400, field)
        assert [e["field"] for e in body["fieldErrors"]] == [field], body
        assert all(set(e) == {"code", "field", "message"} for e in body["fieldErrors"]), body


def objects(manager: Manager) -> str:
    return f"/v1/organizations/{manager.organization}/environment-objects"


def connection(manager: Manager, timeout: float = PATIENCE) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", manager.port, timeout=timeout)


def send(
    manager: Manager,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    over: http.client.HTTPConnection | None = None,
) -> Reply:
    """Sends one request. body: bytes are sent unchanged, anything else as JSON. token "": no
    token."""
    head = dict(headers or {})
    if token != "":
        head.setdefault("Authorization", f"Bearer {token or manager.token}")
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        head.setdefault("Content-Type", "application/json")
    conn = over or connection(manager)
    try:
        conn.request(method, path, body, head)
        reply = conn.getresponse()
        raw = reply.read()
        names = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, names, raw)
    finally:
        if over is None:
            conn.close()


def dial(manager: Manager, timeout: float = PATIENCE) -> socket.socket:
    return socket.create_connection(("127.0.0.1", manager.port), timeout)


def request_text(manager: Manager, method: str, path: str, *headers: str, body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {manager.token}"]
    lines += headers
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def read_reply(sock: socket.socket, method: str = "GET") -> Reply:
    """Reads the next response from a bare socket, and no byte of the one after it."""
    reply = http.client.HTTPResponse(_Unbuffered(sock), method=method)  # type: ignore[arg-type]
    reply.begin()
    raw = reply.read()
    return Reply(reply.status, {n.lower(): v for n, v in reply.getheaders()}, raw)


def read_to_end(sock: socket.socket) -> bytes:
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


class _Unbuffered:
    """The file that HTTPResponse reads from, without reading ahead."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def makefile(self, *_: object, **__: object) -> Any:
        return _WholeReads(self.sock.makefile("rb", 0))


class _WholeReads:
    def __init__(self, raw: Any) -> None:
        self.readline, self.close, self.flush = raw.readline, raw.close, lambda: None
        self.raw = raw

    def read(self, n: int = -1) -> bytes:
        data = b""
        while n < 0 or len(data) < n:
            piece = self.raw.read(65536 if n < 0 else n - len(data))
            if not piece:
                break
            data += piece
        return data
