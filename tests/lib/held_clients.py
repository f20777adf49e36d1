# SPDX-License-Identifier: Apache-2.0
"""Many clients that hold a request each, in one thread: they ask again after each response, and
move to another manager when theirs fails."""

from __future__ import annotations

import collections
import random
import selectors
import socket
import threading
import time
from collections.abc import Sequence

from connd_testing import Manager
from manager_http import request_text

RETRY_S = 1.0  # at most, after a failure


class _Client:
    def __init__(self, number: int, tag: str) -> None:
        self.number = number
        self.tag = tag
        self.sock: socket.socket | None = None
        self.got = b""


class HeldClients:
    """Of one view. Use in a with-block."""

    def __init__(self, managers: Sequence[Manager], path: str, tag: str, n: int) -> None:
        self.managers = managers
        self.path = path
        self.statuses: collections.Counter[int] = collections.Counter()  # 0: no response
        self._clients = [_Client(i, tag) for i in range(n)]
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, _Client]] = [(0.0, one) for one in self._clients]
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def all_have(self, tag: str) -> bool:
        return all(one.tag == tag for one in self._clients)

    def all_wait(self) -> bool:
        """Whether each has a connection with a request on it."""
        return all(one.sock for one in self._clients)

    def __enter__(self) -> HeldClients:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(30)
        for one in self._clients:
            if one.sock:
                one.sock.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._ends.is_set():
            now = time.monotonic()
            ready = [one for at, one in self._due if at <= now]
            self._due = [(at, one) for at, one in self._due if at > now]
            for one in ready:
                self._ask(one)
            for key, _ in self._selector.select(0.05):
                self._read(key.data)

    def _manager(self, one: _Client) -> Manager:
        return self.managers[one.number % len(self.managers)]

    def _ask(self, one: _Client) -> None:
        manager = self._manager(one)
        headers = (f"If-None-Match: {one.tag}", "Prefer: wait=60")
        try:
            if not one.sock:
                one.sock = socket.create_connection(("127.0.0.1", manager.port), timeout=10)
                self._selector.register(one.sock, selectors.EVENT_READ, one)
            one.sock.sendall(request_text(manager, "GET", self.path, *headers))
        except OSError:
            self._failed(one)

    def _failed(self, one: _Client) -> None:
        self.statuses[0] += 1
        if one.sock:
            self._selector.unregister(one.sock)
            one.sock.close()
        one.sock, one.got = None, b""
        one.number += 1  # the next manager
        self._due.append((time.monotonic() + random.random() * RETRY_S, one))

    def _read(self, one: _Client) -> None:
        assert one.sock
        try:
            data = one.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._failed(one)
            return
        one.got += data
        head, end, body = one.got.partition(b"\r\n\r\n")
        if not end:
            return
        fields = dict(
            line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line
        )
        status = int(head.split()[1])
        if status != 304 and len(body) < int(fields.get("content-length", "0")):
            return
        self.statuses[status] += 1
        one.got = b""
        if status == 200:
            one.tag = next(
                line.split(": ", 1)[1]
                for line in head.decode().split("\r\n")
                if line.lower().startswith("etag: ")
            )
        delay = random.random() * RETRY_S if status >= 400 else 0.0
        self._due.append((time.monotonic() + delay, one))
