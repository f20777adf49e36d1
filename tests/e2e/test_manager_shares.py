# SPDX-License-Identifier: Apache-2.0
"""Shares: each caller has a share of connections, held requests, open lists and buffered bytes.
While one caller misbehaves, none of the others is refused, and they are about as fast as before."""

from __future__ import annotations

import contextlib
import itertools
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from connd_testing import PATIENCE, SANITIZED, Manager, eventually, limited_files
from manager_http import dial, objects, read_reply, read_to_end, request_text, send

# Smaller limits under sanitizers, so that they are reached as well.
FILES = 768 if SANITIZED else 4096 + 256
HELD = 700 if SANITIZED else 5000
SIDECARS = 4
SAMPLES = 60


def few_files() -> None:
    """The limit of descriptors with which the manager accepts this many connections."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def fewer_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))


@pytest.fixture
def crowded(workdir: Path) -> Iterator[Manager]:
    manager = Manager(workdir)
    manager.launch("--listen", f"127.0.0.1:{manager.port}", preexec_fn=few_files)
    yield manager
    manager.stop()


def token(manager: Manager, name: str, role: str = "MEMBER") -> str:
    text: str = manager.command(
        "token", "create", "--data", str(manager.data), "--name", name, "--scope", "deployment",
        "--scope-id", manager.deployment_ids["prod"], "--role", role,
    )["token"]  # fmt: skip
    return text


def view(manager: Manager, more: str = "") -> str:
    prod = manager.deployment_ids["prod"]
    return f"{objects(manager)}?deploymentId={prod}&resolveLinked=true&limit=1000{more}"


def as_token(manager: Manager, text: bytes, own: str) -> bytes:
    return text.replace(manager.token.encode(), own.encode())


class Others:
    """The OWNER and some sidecars, which continue to send requests, each on a new connection, and
    measure their duration."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.tokens = [manager.token, *(token(manager, f"sidecar {i}") for i in range(SIDECARS))]
        self.sample()  # each has used its token once

    def sample(self) -> float:
        """The 99th percentile of a hundred requests, in seconds. Asserts that none is refused."""
        took = []
        for i in range(SAMPLES):
            own = self.tokens[i % len(self.tokens)]
            began = time.monotonic()
            reply = send(self.manager, "GET", view(self.manager), token=own)
            took.append(time.monotonic() - began)
            assert reply.status == 200, (i, reply.status, reply.raw)
        return sorted(took)[int(SAMPLES * 0.99) - 1]

    def assert_served_while(self, misbehave: Callable[[], None]) -> None:
        quiet = self.sample()
        with going_on(misbehave):
            self.sample()
            loud = self.sample()
        print(f"p99 quiet {quiet * 1e3:.1f} ms, meanwhile {loud * 1e3:.1f} ms")
        # Under sanitizers, beside other tests, only a hang counts.
        assert loud <= max(3 * quiet, PATIENCE / 2 if SANITIZED else 0.5), (quiet, loud)


@contextlib.contextmanager
def going_on(work: Callable[[], None]) -> Iterator[None]:
    """Calls work() again and again in a thread."""
    ending = threading.Event()

    def run() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError):
                work()
            time.sleep(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def has_data(s: socket.socket) -> bool:
    s.setblocking(False)
    try:
        return bool(s.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
    finally:
        s.settimeout(PATIENCE)


def gave_way(manager: Manager) -> str:
    assert manager.program
    return "\n".join(
        line for line in manager.program.stderr_text().splitlines() if "gives way" in line
    )


@pytest.mark.timeout(300)
def test_held_requests_of_one_member_leave_the_others_served(crowded: Manager) -> None:
    others = Others(crowded)
    member = token(crowded, "hostile")
    tag = send(crowded, "GET", view(crowded)).headers["etag"]
    hold = as_token(
        crowded,
        request_text(crowded, "GET", view(crowded), f"If-None-Match: {tag}", "Prefer: wait=60"),
        member,
    )
    sidecar = dial(crowded)
    sidecar.sendall(hold.replace(member.encode(), others.tokens[1].encode()))
    held: list[socket.socket] = []
    with limited_files(HELD + 1000), contextlib.ExitStack() as mine:

        def attack() -> None:
            s = mine.enter_context(dial(crowded))
            held.append(s)
            s.sendall(hold)

        for _ in range(HELD):
            with contextlib.suppress(OSError):
                attack()
        others.assert_served_while(attack)
        # Those that were closed got a 503, never an early 304.
        replies = [read_reply(s) for s in held if has_data(s)]
        assert len(replies) > HELD // 20
        for reply in replies:
            reply.error(503, "Retry-After")
            assert 1 <= int(reply.headers["retry-after"]) <= 5
        # An earlier request of a caller with few of them is still held.
        sidecar.setblocking(False)
        with pytest.raises(BlockingIOError):
            sidecar.recv(1)
        crowded.create_variable("news", "1", crowded.deployment_ids["prod"])
        sidecar.settimeout(PATIENCE)
        assert read_reply(sidecar).status == 200
    sidecar.close()
    assert "what=connections" in gave_way(crowded) or "held requests" in gave_way(crowded)
    assert len(gave_way(crowded).splitlines()) < 20


@pytest.mark.timeout(300)
def test_connections_without_a_token_leave_the_others_served(crowded: Manager) -> None:
    others = Others(crowded)
    n = FILES
    with limited_files(n + 1000), contextlib.ExitStack() as mine:

        def attack() -> None:
            s = mine.enter_context(dial(crowded))
            s.sendall(b"GET /v1/organizations HTTP/1.1\r\nHost: ")

        for _ in range(n):
            with contextlib.suppress(OSError):
                attack()
        others.assert_served_while(attack)


def fill(manager: Manager, rows: int = 8) -> None:
    for n in range(rows):
        manager.create_variable(f"large_{n}", "x" * 900_000, manager.deployment_ids["prod"])


def slow_list(manager: Manager, own: str) -> socket.socket:
    """A list whose client reads the first bytes and then stops."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(PATIENCE)
    s.connect(("127.0.0.1", manager.port))
    s.sendall(as_token(manager, request_text(manager, "GET", view(manager)), own))
    s.recv(13)
    return s


@pytest.mark.timeout(300)
def test_slow_lists_of_one_member_leave_the_others_served(manager: Manager) -> None:
    fill(manager)
    member, other = token(manager, "hostile"), token(manager, "sidecar")
    with contextlib.ExitStack() as slow:
        for n in range(70):  # within 30 s, when the manager ends a list that is not read
            slow.enter_context(slow_list(manager, member))
            manager.create_variable(f"between_{n}", "1", manager.deployment_ids["dev"])
            if n % 30 == 29 or n == 69:
                for own in (manager.token, other):
                    reply = send(manager, "GET", view(manager, "&objectKey=large_1"), token=own)
                    assert reply.status == 200, reply.raw
        assert "open lists" in gave_way(manager)


def test_a_list_ends_when_its_token_is_revoked(manager: Manager) -> None:
    fill(manager)
    made = send(
        manager, "POST", f"/v1/organizations/{manager.organization}/tokens",
        {"name": "leaver", "scope": "DEPLOYMENT", "scopeEntityId": manager.deployment_ids["prod"],
         "role": "MEMBER"},
    ).body  # fmt: skip
    leaver, stayer = slow_list(manager, made["token"]), slow_list(manager, manager.token)
    manager.command("token", "revoke", "--data", str(manager.data), "--id", made["id"])
    text = read_to_end(leaver)
    assert len(text) < 4_000_000 and not text.endswith(
        b"0\r\n\r\n"
    )  # it cannot be taken for a complete list
    assert b"totalCount" not in text
    while not text.endswith(b"\r\n0\r\n\r\n"):
        piece = stayer.recv(1 << 20)
        assert piece, "the other one goes on to its end"
        text = text[-100:] + piece
    leaver.close()
    stayer.close()


def test_a_list_of_secrets_ends_when_the_switch_goes_off(manager: Manager) -> None:
    fill(manager)
    own = token(manager, "sidecar")
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(slow_list(manager, own))
        secret = stack.enter_context(socket.socket())
        secret.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        secret.connect(("127.0.0.1", manager.port))
        path = view(manager, "&showSecrets=true")
        secret.sendall(as_token(manager, request_text(manager, "GET", path), own))
        secret.settimeout(PATIENCE)
        assert secret.recv(13) == b"HTTP/1.1 200 "
        manager.command(
            "organization", "set", "--data", str(manager.data), "--secrets-fetching", "off"
        )
        assert b"totalCount" not in read_to_end(secret)
        text = b""
        while b"totalCount" not in text:
            piece = plain.recv(1 << 20)
            assert piece, "a list without secrets goes on"
            text = text[-100:] + piece


@pytest.mark.timeout(300)
def test_bodies_of_one_member_leave_the_others_served(manager: Manager) -> None:
    others = Others(manager)
    member = token(manager, "hostile")
    head = as_token(
        manager, request_text(manager, "POST", objects(manager), "Content-Length: 1000000"), member
    )
    with contextlib.ExitStack() as mine:
        slots = [mine.enter_context(contextlib.ExitStack()) for _ in range(2000)]
        turns = itertools.cycle(slots)

        def attack() -> None:
            slot = next(turns)
            slot.close()
            s = slot.enter_context(dial(manager))
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.send(head + b"x" * 900_000)

        for _ in range(60):
            attack()
        others.assert_served_while(attack)
        # A small write of another caller succeeds, too.
        manager.create_variable("small", "1")
    eventually(lambda: "request bytes" in gave_way(manager), "a line about it")


def rss_kib(manager: Manager, name: str = "VmRSS") -> int:
    assert manager.program
    text = Path(f"/proc/{manager.program.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is not the manager's")
@pytest.mark.timeout(300)
def test_bodies_cost_no_more_than_their_room_and_are_given_back(manager: Manager) -> None:
    """Three thousand connections with bodies of a megabyte: without a token none is read; with one,
    at most 32 MiB of them together."""
    member = token(manager, "hostile")
    head = request_text(manager, "POST", objects(manager), "Content-Length: 1000000")
    body = b"x" * 900_000
    send(manager, "GET", view(manager))
    before = rss_kib(manager)
    for own in ("none", member):
        with limited_files(4096), contextlib.ExitStack() as mine:
            for _ in range(3000):
                s = mine.enter_context(dial(manager))
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError, OSError):
                    s.send(as_token(manager, head, own) + body)
            assert send(manager, "GET", view(manager)).status == 200
        peak = rss_kib(manager, "VmHWM")
        print(f"token {own[:4]}: {before} KiB before, {peak} KiB at most")
        assert peak - before < 96 * 1024
    eventually(lambda: rss_kib(manager) - before < 32 * 1024, "memory is given back", 20)


def test_the_room_is_what_the_files_allow(workdir: Path) -> None:
    """With more clients than descriptors, the others wait in the kernel's queue; none is lost."""
    manager = Manager(workdir)
    manager.launch("--listen", f"127.0.0.1:{manager.port}", preexec_fn=fewer_files)
    with contextlib.ExitStack() as stack:
        for _ in range(700):
            stack.enter_context(dial(manager))
        assert send(manager, "GET", view(manager)).status == 200
        assert manager.program
        used = len(list(Path(f"/proc/{manager.program.pid}/fd").iterdir()))
        assert used < 600
    manager.stop()
