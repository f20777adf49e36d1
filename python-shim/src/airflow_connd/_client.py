# SPDX-License-Identifier: Apache-2.0
"""One question over connd's socket: one deadline for all of it, one bounded reply.

A connection is kept per thread and taken out while it is in use. So whatever interrupts a lookup
(a signal's exception, a nested lookup from a finalizer), no one ever reads another's answer. A
forked child drops what it inherited: it closes its copies of the descriptors and never shuts down
a socket it shares with its parent.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from typing import NoReturn

from airflow_connd import errors

MAX_REPLY = 16 * 1024 * 1024
"""Bytes of one reply: a record of 1 MiB, the most a manager takes, escaped twice, is well under."""

_CHUNK = 64 * 1024
_NUL = b"\0"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two tries while the listener's queue is full: AF_UNIX then refuses at once."""


class _Connection:
    """A connected, non-blocking socket, and the reply it is in the middle of.

    The partial reply lives here and not in a local variable: some loggers print the locals of
    every frame of a traceback.
    """

    __slots__ = ("_partial", "_poll", "_socket")

    def __init__(self, sock: socket.socket, path: str, deadline: float) -> None:
        self._socket = sock
        self._poll = select.poll()
        self._partial = bytearray()
        try:
            pause = _FIRST_PAUSE
            while not _try_connect(self._socket, path):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise errors.Unreachable(_text(path, "its queue of new connections is full"))
                time.sleep(min(pause, remaining))
                pause = min(pause * 2, _LONGEST_PAUSE)
            self._poll.register(self._socket, select.POLLIN)
        except BaseException:
            self._socket.close()
            raise

    def __del__(self) -> None:
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

    def exchange(self, path: str, frame: bytes, deadline: float) -> bytes:
        """The reply with its NUL; empty if the peer had gone before the reply's first byte."""
        try:
            if self._socket.send(frame) != len(frame):
                # The queue of an idle stream holds any question: this peer does not read.
                raise errors.Unreachable(_text(path, "it does not read the question"))
            self._wait(path, deadline)
            reply = self._socket.recv(_CHUNK)
        except BlockingIOError:
            _fail(path, "it does not read the question")
        except (BrokenPipeError, ConnectionResetError):
            return b""
        except OSError as error:
            _fail(path, error)
        if not reply or reply.find(_NUL) == len(reply) - 1:
            return reply
        self._partial += reply
        del reply
        return self._rest(path, deadline)

    def _wait(self, path: str, deadline: float) -> None:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not self._poll.poll(remaining * 1000):
            raise errors.Unreachable(_text(path, "no reply in time"))

    def _rest(self, path: str, deadline: float) -> bytes:
        while not _is_whole(self._partial):
            self._wait(path, deadline)
            before = len(self._partial)
            try:
                self._partial += self._socket.recv(_CHUNK)
            except OSError as error:
                _fail(path, error)
            if len(self._partial) == before:
                _fail(path, "it closed in the middle of a reply")
        reply = bytes(self._partial)
        self._partial = bytearray()
        return reply


class _Kept(threading.local):
    def __init__(self) -> None:
        self.by_path: dict[str, _Connection] = {}


_kept = _Kept()


def _forget_inherited() -> None:
    """In a forked child. The other threads' are closed as the interpreter drops those threads."""
    for connection in _kept.by_path.values():
        connection.close()
    _kept.by_path.clear()


os.register_at_fork(after_in_child=_forget_inherited)


def ask(path: str, frame: bytes, timeout: float) -> bytes:
    """Send a question, return its reply (NUL included). Raises Unreachable or ProtocolError.

    `timeout` is in seconds, for everything together. A kept connection that turns out to be gone
    (connd was restarted) is replaced, and the question asked once more.
    """
    deadline = time.monotonic() + timeout
    kept = _kept.by_path
    connection = kept.pop(path, None)
    if connection is not None:
        reply = _exchange_or_close(connection, path, frame, deadline)
        if reply:
            kept[path] = connection
            return reply
        connection.close()
    connection = _Connection(_new_socket(path), path, deadline)
    reply = _exchange_or_close(connection, path, frame, deadline)
    if not reply:
        connection.close()
        _fail(path, "it closed without a reply")
    kept[path] = connection
    return reply


def _exchange_or_close(connection: _Connection, path: str, frame: bytes, deadline: float) -> bytes:
    try:
        return connection.exchange(path, frame, deadline)
    except BaseException:
        connection.close()
        raise


async def ask_async(path: str, frame: bytes, timeout: float) -> bytes:
    """As ask(), on the running event loop, with a connection of its own."""
    import asyncio  # dear to load, and a process that comes here has it

    with _new_socket(path) as sock:
        partial = _Partial()
        try:
            await asyncio.wait_for(_converse(sock, path, frame, partial), timeout)
        except asyncio.TimeoutError:
            raise errors.Unreachable(_text(path, "no reply in time")) from None
        except (BrokenPipeError, ConnectionResetError):
            raise errors.Unreachable(_text(path, "it closed without a reply")) from None
        except OSError as error:
            _fail(path, error)
    return bytes(partial.data)


class _Partial:
    """As in _Connection: a reply that no frame's locals show."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()


async def _converse(sock: socket.socket, path: str, frame: bytes, partial: _Partial) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    pause = _FIRST_PAUSE
    # Not loop.sock_connect(): it takes a full queue for a connection under way.
    while not _try_connect(sock, path):
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    await loop.sock_sendall(sock, frame)
    while not _is_whole(partial.data):
        before = len(partial.data)
        partial.data += await loop.sock_recv(sock, _CHUNK)
        if len(partial.data) == before:
            _fail(path, "it closed in the middle of a reply" if before else "it closed unasked")


def _new_socket(path: str) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:  # this process has no descriptor left
        _fail(path, error)
    sock.setblocking(False)
    return sock


def _try_connect(sock: socket.socket, path: str) -> bool:
    """False if the listener's queue is full just now."""
    try:
        sock.connect(path)
    except BlockingIOError:
        return False
    except OSError as error:
        _fail(path, error)
    return True


def _is_whole(reply: bytearray) -> bool:
    """Whether the reply has come to its NUL. Nothing may follow that: one question, one reply."""
    end, size = reply.find(_NUL), len(reply)
    del reply  # a traceback's locals show it
    if end >= 0 and end != size - 1:
        raise errors.ProtocolError("connd sent more than one reply")
    if size > MAX_REPLY:
        raise errors.ProtocolError("the reply is too large")
    return end >= 0


def _fail(path: str, why: str | OSError) -> NoReturn:
    if isinstance(why, PermissionError):
        why = "Permission denied: this user is not in the socket's group ([socket] in connd.conf)"
    elif isinstance(why, OSError):
        why = why.strerror or str(why)
    raise errors.Unreachable(_text(path, why)) from None


def _text(path: str, why: str) -> str:
    return f"no answer from connd at {path}: {why}; check connd.service (or its container)"
