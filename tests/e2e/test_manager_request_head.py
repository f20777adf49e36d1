# SPDX-License-Identifier: Apache-2.0
"""How the manager parses requests, compared with llhttp (in httptools) and h11. They must accept
what it accepts, with the same method, target, fields, body and end; it may refuse more. Where two
readings are possible, a proxy in front may choose the other one."""

from __future__ import annotations

import contextlib
import os
import random
import struct
import subprocess
import urllib.parse
from typing import Any, NamedTuple

import h11
import httptools
import pytest
from connd_testing import BUILD

READER = next(
    (
        path
        for path in (BUILD / "tests/lib/http_read", BUILD / "release/tests/lib/http_read")
        if path.exists()
    ),
    None,
)
REQUESTS = int(os.environ.get("HEAD_REQUESTS", "20000"))


class Read(NamedTuple):
    method: bytes
    target: bytes  # as sent
    fields: list[tuple[bytes, bytes]]
    body: bytes
    keep_alive: bool


class Ours(NamedTuple):
    used: int
    http10: bool
    keep_alive: bool
    method: bytes
    path: bytes
    query: bytes | None
    body: bytes
    fields: list[tuple[bytes, bytes]]


def text_of(word: str) -> bytes | None:
    return None if word == "-" else b"" if word == "." else bytes.fromhex(word)


def read_all(requests: list[bytes]) -> list[Ours | int | None]:
    """The manager's reading of each: a request, the status of a refusal, or None if incomplete."""
    assert READER, "make tests builds it"
    data = b"".join(struct.pack("<I", len(r)) + r for r in requests)
    out = subprocess.run([READER], input=data, check=True, capture_output=True).stdout.decode()
    found: list[Ours | int | None] = []
    for line in out.splitlines():
        kind, *words = line.split(" ")
        if kind == "DONE":
            texts = [text_of(word) for word in words[3:]]
            fields = list(zip(texts[4::2], texts[5::2], strict=True))
            found.append(
                Ours(int(words[0]), words[1] == "1", words[2] == "1", *texts[:4], fields)  # type: ignore[arg-type]
            )
        else:
            found.append(int(words[0]) if kind == "BAD" else None)
    assert len(found) == len(requests)
    return found


class Collector:
    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.whole = self.has_head = self.keep_alive = False
        self.parser = httptools.HttpRequestParser(self)

    def on_headers_complete(self) -> None:
        self.has_head = True
        self.keep_alive = self.parser.should_keep_alive()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # later ones are trailers
            self.fields.append((name, value.strip(b" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


def llhttp(request: bytes) -> Read:
    seen = Collector()
    parser = seen.parser
    # what follows is in the protocol of Upgrade
    with contextlib.suppress(httptools.HttpParserUpgrade):
        parser.feed_data(request)
    assert seen.whole, "not whole"
    return Read(parser.get_method(), seen.url, seen.fields, seen.body, seen.keep_alive)


def python(request: bytes) -> tuple[Read, bytes]:
    """And the bytes after it."""
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(request)
    head: Any = conn.next_event()
    assert isinstance(head, h11.Request), head
    body = b""
    while True:
        event = conn.next_event()
        if isinstance(event, h11.EndOfMessage):
            break
        assert isinstance(event, h11.Data), event
        body += bytes(event.data)
    rest, _ = conn.trailing_data
    keep = conn.our_state is not h11.MUST_CLOSE and conn.their_state is h11.DONE
    fields = [(bytes(n), bytes(v)) for n, v in head.headers.raw_items()]
    return Read(head.method, head.target, fields, body, keep), bytes(rest)


def target_of(read: Ours, sent: bytes) -> bytes:
    """The target as it was sent, rebuilt from its parsed form."""
    ours = read.path + (b"" if read.query is None else b"?" + read.query)
    if sent.startswith(b"/"):
        return ours
    parts = urllib.parse.urlsplit(sent)
    assert parts.scheme.lower() in (b"http", b"https") and parts.hostname
    whole = (parts.path or b"/") + (b"?" + parts.query if b"?" in sent else b"")
    assert whole == ours, (sent, ours)
    return sent


def compare_with_llhttp(request: bytes, ours: Ours) -> None:
    theirs = llhttp(request[: ours.used])
    assert theirs.method == ours.method
    assert target_of(ours, theirs.target) == theirs.target
    assert theirs.fields == ours.fields
    upgrades = any(name.lower() == b"upgrade" for name, _ in ours.fields)
    if not upgrades:  # llhttp then takes what follows as another protocol
        assert theirs.body == ours.body
    assert theirs.keep_alive or not ours.keep_alive


def compare_with_h11(request: bytes, ours: Ours) -> None:
    read, rest = python(request)
    assert read.method == ours.method
    assert target_of(ours, read.target) == read.target
    lower = [(n, v.lower() if n.lower() == b"transfer-encoding" else v) for n, v in ours.fields]
    assert read.fields == lower and read.body == ours.body
    if ours.keep_alive:
        assert rest == request[ours.used :]


def compare(request: bytes, ours: Ours) -> None:
    if ours.method in KNOWN:  # llhttp has a list of them, and knows no others
        compare_with_llhttp(request, ours)
    if not request.startswith(b"\r\n"):  # h11 does not accept that, although RFC 9112 advises it
        compare_with_h11(request, ours)


# --- random requests ----------------------------------------------------------------------------

KNOWN = (b"GET", b"POST", b"DELETE", b"HEAD", b"PATCH", b"PUT", b"OPTIONS")
METHODS = [
    b"GET",
    b"POST",
    b"DELETE",
    b"HEAD",
    b"PATCH",
    b"PUT",
    b"OPTIONS",
    b"CONNECT",
    b"get",
    b"G T",
]
TARGETS = [
    b"/", b"/v1/organizations?x=1", b"/a%20b?c=%2f", b"//h/v1", b"/a?b?c", b"/?", b"*", b"h:80",
    b"http://h/v1", b"http://h?x=/v1", b"http://h", b"HTTP://h:80/", b"https://[::1]:1/a?b", b"http:///v1",
    b"http://u@h/", b"http://h:x/", b"/a b", b"/a#b", b'/"', b"/%", b"/%zz", b"/\xff", b"", b"/\t", b"a/b",
]  # fmt: skip
VERSIONS = [b"HTTP/1.1"] * 6 + [
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"HTTP/11",
]
FIELDS = [
    b"Host: h", b"Host: h:80", b"Host:", b"Host: a b", b"host: [::1]", b"A: b", b"A:", b"A:  b \t", b"A : b",
    b"A: b\xe4", b"A: b\x01", b": b", b"A", b" A: b", b"Connection: close", b"Connection: keep-alive",
    b"Connection: x, close", b"Content-Length: 3", b"Content-Length: 3", b"Content-Length: +3",
    b"Content-Length: 0", b"Content-Length: 3, 3", b"Content-Length:", b"content-length: 03",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: xchunked",
    b"Expect: 100-continue", b"Upgrade: h2c", b"Connection: Upgrade", b"Trailer: x", b"TE: trailers",
]  # fmt: skip
BODIES = [
    b"", b"abc", b"abcdef", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabc\r\n0\r\nT: x\r\n\r\n", b"3\nabc\n0\n\n", b"03\r\nabc\r\n00\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n", b"4\r\nabc\r\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"A\r\n0123456789\r\n0\r\n\r\n",
    b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
]  # fmt: skip
ENDS = [b"\r\n"] * 30 + [b"\n", b"\r", b"\r\r\n", b" \r\n"]


def a_request(draw: random.Random) -> bytes:
    end = lambda: draw.choice(ENDS)  # noqa: E731
    lines = [draw.choice(METHODS[:5] if draw.random() < 0.8 else METHODS)]
    lines[0] += b" " + draw.choice(TARGETS) + b" " + draw.choice(VERSIONS)
    if draw.random() < 0.9:
        lines.append(b"Host: h")
    lines += draw.sample(FIELDS, draw.randrange(4))
    text = b"".join(line + end() for line in lines) + end() + draw.choice(BODIES)
    if draw.random() < 0.05:
        text = b"\r\n" + text
    if draw.random() < 0.3:  # and one byte is changed, missing or doubled
        at = draw.randrange(len(text))
        middle = draw.choice(
            [b"", bytes([draw.randrange(256)]), text[at : at + 1] * 2, b" ", b"\r\n"]
        )
        text = text[:at] + middle + text[at + 1 :]
    return text


def test_what_the_manager_accepts_others_read_the_same() -> None:
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    requests = [a_request(draw) for _ in range(REQUESTS)]
    accepted = 0
    for request, ours in zip(requests, read_all(requests), strict=True):
        if not isinstance(ours, Ours):
            continue
        accepted += 1
        try:
            compare(request, ours)
        except Exception as error:
            raise AssertionError(
                f"seed {seed}: {request!r} is read as {ours}: {error!r}"
            ) from error
    assert accepted > REQUESTS / 50, accepted


@pytest.mark.parametrize(
    ("request_line", "path"),
    [
        (b"GET /where?q=now HTTP/1.1", b"/where"),
        (
            b"GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1",
            b"/pub/WWW/TheProject.html",
        ),
        (b"OPTIONS http://www.example.org:8001 HTTP/1.1", b"/"),
        (b"GET http://any?x=/v1/organizations/ID HTTP/1.1", b"/"),
    ],
)
def test_examples(request_line: bytes, path: bytes) -> None:
    request = request_line + b"\r\nHost: www.example.org\r\n\r\n"
    (ours,) = read_all([request])
    assert isinstance(ours, Ours) and ours.path == path
    compare(request, ours)
