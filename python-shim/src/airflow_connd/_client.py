# SPDX-License-Identifier: Apache-2.0
"""One request over connd's socket: one deadline for the whole call, one bounded response.

Each thread keeps one connection per socket path. It is taken out while it is in use: whatever
interrupts a lookup (a signal handler's exception, a nested lookup, a switch to another greenlet),
no lookup reads another one's response. A forked child drops what it inherited: it closes its
copies of the descriptors and never shuts down a socket it shares with its parent.

Waiting is left to the socket's own time-out: every replacement of the socket module (eventlet,
gevent) has that, and `select.poll` is missing in some.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from posix import write
from typing import NoReturn

from airflow_connd import errors

MAX_REPLY = 16 * 1024 * 1024
"""Bytes of one response: a record of 1 MiB, a manager's limit, escaped twice is well below."""

_CHUNK = 64 * 1024
_NUL = b"\0"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two tries while the listener's queue is full: AF_UNIX then refuses at once."""

_LEAST_TIMEOUT = 0.001
"""Seconds. A socket's time-out of 0 would mean "do not wait", a negative one is an error."""

_LATE = "no response in time"


class _Ended(Exception):
    """The connection ended before the first byte of a response."""


class _Connection:
    """A connected socket, and the part of a response that was received so far.

    That part is kept here, not in a local variable: some loggers print the locals of every frame
    of a traceback.
    """

    is_idle = False
    """Whether the last response was read whole. If not, the connection cannot be used again."""

    _socket: socket.socket | None = None  # also when __init__ did not get far

    def __init__(self, path: str, deadline: float) -> None:
        self._path = path
        self._received = bytearray()
        self._timeout = 0.0
        self._socket = _new_socket(path)
        self._descriptor = self._socket.fileno()
        pause = _FIRST_PAUSE
        while not _try_connect(self._socket, path):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                _fail(path, "its queue of new connections is full")
            time.sleep(min(pause, remaining))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def close(self) -> None:
        """Close the socket. Raises nothing: that would hide the error that led here."""
        sock, self._socket = self._socket, None
        self._received = bytearray()
        if sock is not None:
            # No global name here: __del__ may run while the interpreter ends.
            try:  # noqa: SIM105
                sock.close()
            except Exception:
                pass

    __del__ = close

    def exchange(self, frame: bytes, timeout: float, deadline: float) -> bytes:
        """Send a request, return its response with the NUL. Raises _Ended or a ConndError."""
        reply = b""
        sock: socket.socket = self._socket  # type: ignore[assignment]
        self.is_idle = False
        try:
            if self._timeout != timeout:
                self._set_timeout(timeout)
            # Not sock.send(): with a time-out it polls first, a system call more. Not os.write():
            # eventlet's waits for ever when the peer is gone. The queue of an idle stream holds any
            # request, so this does not block.
            if write(self._descriptor, frame) != len(frame):
                _fail(self._path, "it does not read the request")
            reply = sock.recv(_CHUNK)
            if not reply:
                raise _Ended
            if reply.find(_NUL) == len(reply) - 1:
                self.is_idle = True
                return reply
            self._received += reply
        except (BrokenPipeError, ConnectionResetError):
            raise _Ended from None
        except BlockingIOError:
            _fail(self._path, "it does not read the request")
        except OSError as error:
            _fail(self._path, error)
        finally:
            del reply
        return self._rest(deadline)

    def _rest(self, deadline: float) -> bytes:
        try:
            while not _is_whole(self._received):
                self._receive(deadline - time.monotonic())
            self.is_idle = True
            return bytes(self._received)
        finally:
            self._received = bytearray()

    def _receive(self, remaining: float) -> None:
        if remaining <= 0:
            _fail(self._path, _LATE)
        before = len(self._received)
        self._set_timeout(remaining)
        try:
            self._received += self._socket.recv(_CHUNK)  # type: ignore[union-attr]
        except OSError as error:
            _fail(self._path, error)
        if len(self._received) == before:
            _fail(self._path, "it closed in the middle of a response")

    def _set_timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)  # type: ignore[union-attr]
        self._timeout = seconds


class _Kept(threading.local):
    def __init__(self) -> None:
        self.by_path: dict[str, _Connection] = {}


_kept = _Kept()

trace_id = os.urandom(4).hex()
"""Sent with each request of this process: a task is a process, so it finds all of a task's lookups
in connd's record. Read it as _client.trace_id: a forked child has another one."""


def _after_fork() -> None:
    """In the child. Other threads' connections are closed as Python drops those threads."""
    global trace_id
    trace_id = os.urandom(4).hex()
    for connection in _kept.by_path.values():
        connection.close()
    _kept.by_path.clear()


os.register_at_fork(after_in_child=_after_fork)


def call(path: str, frame: bytes, timeout: float) -> bytes:
    """Send a request, return its response (NUL included). Raises Unreachable or ProtocolError.

    `timeout` is in seconds, for the whole call. If a kept connection has ended (connd was
    restarted), the request is sent once more on a new one.
    """
    deadline = time.monotonic() + timeout
    kept = _kept.by_path
    connection = kept.pop(path, None)
    is_new = connection is None
    while True:
        if is_new or connection is None:
            connection = _Connection(path, deadline)
            timeout = max(deadline - time.monotonic(), _LEAST_TIMEOUT)
        try:
            return connection.exchange(frame, timeout, deadline)
        except _Ended:
            if is_new:
                _fail(path, "it closed without a response")
            is_new = True
        finally:
            if connection.is_idle:
                kept[path] = connection
            else:
                connection.close()


async def call_async(path: str, frame: bytes, timeout: float) -> Received:
    """As call(), on the running event loop, with a connection of its own."""
    import asyncio  # slow to import; a process that comes here has it

    received = Received()
    with _new_socket(path) as sock:
        try:
            await asyncio.wait_for(_exchange_async(sock, path, frame, received), timeout)
        except (asyncio.TimeoutError, socket.timeout):
            _fail(path, _LATE)
        except (BrokenPipeError, ConnectionResetError):
            _fail(path, "it closed without a response")
        except OSError as error:
            _fail(path, error)
    return received


class Received:
    """As in _Connection: a response that no frame's locals show."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def take(self) -> bytes:
        """The response, once."""
        try:
            return bytes(self.data)
        finally:
            self.data = bytearray()


async def _exchange_async(sock: socket.socket, path: str, frame: bytes, received: Received) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    pause = _FIRST_PAUSE
    # Not loop.sock_connect(): it takes a full queue for a connection under way.
    while not _try_connect(sock, path):
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    await loop.sock_sendall(sock, frame)
    while not _is_whole(received.data):
        before = len(received.data)
        received.data += await loop.sock_recv(sock, _CHUNK)
        if len(received.data) == before:
            _fail(path, f"it closed {'in the middle of' if before else 'without'} a response")


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
    """Whether the response has come to its NUL. Nothing may follow: one request, one response."""
    end, size = reply.find(_NUL), len(reply)
    del reply  # a traceback's locals show it
    if end >= 0 and end != size - 1:
        raise errors.ProtocolError("connd sent more than one response")
    if size > MAX_REPLY:
        raise errors.ProtocolError("the response is too large")
    return end >= 0


def _fail(path: str, why: str | OSError) -> NoReturn:
    if isinstance(why, PermissionError):
        why = "Permission denied: this user is not in the socket's group ([socket] in connd.conf)"
    elif isinstance(why, socket.timeout):
        why = _LATE
    elif isinstance(why, OSError):
        why = why.strerror or str(why)
    raise errors.Unreachable(
        f"no response from connd at {path}: {why}; check connd.service (or its container)"
    ) from None
