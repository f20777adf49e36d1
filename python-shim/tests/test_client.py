# SPDX-License-Identifier: Apache-2.0
"""The socket side, against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import pytest
from fakes import echo, reply

from airflow_connd import _client, _wire, errors

SECRET = "hunter2-" + "s" * 40


def request(key="k"):
    return _wire.GET_VARIABLE.request(key)


def value_of(path, key="k", timeout=5.0):
    return _wire.value(False, _client.call, path, request(key), timeout)


def async_value_of(path, key="k", timeout=5.0):
    return _wire.value(False, asyncio.run(_client.call_async(path, request(key), timeout)).take)


both = pytest.mark.parametrize("ask", [value_of, async_value_of], ids=["sync", "async"])


def sends(*pieces, pause=0.0, then=lambda peer: peer.hold()):
    def script(peer):
        peer.request()
        for piece in pieces:
            peer.send(piece)
            if pause:
                time.sleep(pause)
        then(peer)

    return script


def leaves(peer):
    """Ends the connection."""


def open_sockets():
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue
    return sum(link.startswith("socket:") for link in links)


@both
def test_response(fake, ask):
    server = fake(echo)
    assert ask(server.path, "café\n☃") == "café\n☃"
    assert server.requests == [
        {"method": "io.connd.secrets.GetVariable", "parameters": {"key": "café\n☃"}}
    ]


def test_one_connection_is_kept(fake):
    server = fake(echo)
    assert [value_of(server.path, str(n)) for n in range(20)] == [str(n) for n in range(20)]
    assert server.accepted == 1


@both
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_short_reads(fake, ask, size):
    whole = reply("v" * 3000)
    server = fake(sends(*(whole[i : i + size] for i in range(0, len(whole), size))))
    assert ask(server.path) == "v" * 3000


@both
def test_a_reply_of_megabytes(fake, ask):
    server = fake(sends(reply("v" * 3_000_000)))
    assert ask(server.path) == "v" * 3_000_000


@both
def test_stall_ends_at_the_deadline(fake, ask):
    server = fake(sends())
    start = time.monotonic()
    with pytest.raises(errors.Unreachable, match="no response in time"):
        ask(server.path, timeout=0.3)
    assert 0.25 < time.monotonic() - start < 20


@both
def test_one_deadline_for_a_dripping_reply(fake, ask):
    server = fake(sends(*[b"x"] * 200, pause=0.05))
    start = time.monotonic()
    with pytest.raises(errors.Unreachable, match="no response in time"):
        ask(server.path, timeout=0.4)
    assert 0.35 < time.monotonic() - start < 9


@both
def test_new_connection_closed_without_a_byte(fake, ask):
    server = fake(leaves)
    with pytest.raises(errors.Unreachable, match=r"closed|reset|Broken pipe"):
        ask(server.path)
    assert server.accepted == 1


def test_kept_connection_that_ended_is_replaced_once(fake):
    first_has_left = threading.Event()

    def one_reply(peer):
        peer.request()
        peer.send(reply("first"))
        peer.sock.close()
        first_has_left.set()

    server = fake(one_reply, echo)
    assert value_of(server.path) == "first"
    assert first_has_left.wait(5)
    assert value_of(server.path, "second") == "second"
    assert server.accepted == 2


def test_kept_connection_that_ends_on_the_request_is_replaced_once(fake):
    def one_reply_then_leave_at_the_next_request(peer):
        peer.request()
        peer.send(reply("first"))
        peer.request()

    server = fake(one_reply_then_leave_at_the_next_request, echo)
    assert value_of(server.path) == "first"
    assert value_of(server.path, "again") == "again"
    assert server.accepted == 2


def test_one_deadline_for_a_kept_connection_and_its_successor(fake):
    def one_reply_then_leave_late(peer):
        peer.request()
        peer.send(reply("first"))
        peer.request()
        time.sleep(1.5)

    server = fake(one_reply_then_leave_late, sends())
    assert value_of(server.path) == "first"
    start = time.monotonic()
    with pytest.raises(errors.Unreachable, match="no response in time"):
        value_of(server.path, timeout=2)
    assert time.monotonic() - start < 3.4  # two of them would take 3.5
    assert server.accepted == 2


@both
def test_no_descriptor_left(fake, ask, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    server = fake(echo)
    monkeypatch.setattr(
        _client, "socket", types.SimpleNamespace(**{**vars(socket), "socket": refuse})
    )
    with pytest.raises(errors.Unreachable, match="Too many open files"):
        ask(server.path)


def test_restarted_server_is_used_at_once(fake, tmp_path):
    old = fake(echo)
    assert value_of(old.path, "a") == "a"
    old.stop()
    os.unlink(old.path)
    from fakes import FakeConnd

    new = FakeConnd(old.path, [echo])
    try:
        assert value_of(new.path, "b") == "b"
    finally:
        new.stop()


@both
def test_close_in_the_middle_of_a_reply(fake, ask):
    server = fake(sends(reply(SECRET)[:30], then=leaves))
    with pytest.raises(errors.Unreachable, match="middle of a response"):
        ask(server.path)
    assert server.accepted == 1


def test_close_in_the_middle_is_not_sent_again_on_a_kept_connection(fake):
    def script(peer):
        peer.request()
        peer.send(reply("whole"))
        peer.request()
        peer.send(b'{"par')

    server = fake(script)
    assert value_of(server.path) == "whole"
    with pytest.raises(errors.Unreachable, match="middle of a response"):
        value_of(server.path)
    assert server.accepted == 1


@both
def test_endless_reply_is_bounded(fake, ask, monkeypatch):
    monkeypatch.setattr(_client, "MAX_REPLY", 1 << 20)

    def endless(peer):
        peer.request()
        while True:
            peer.send(b"x" * 65536)

    server = fake(endless)
    with pytest.raises(errors.ProtocolError, match="too large"):
        ask(server.path)


@both
def test_two_replies_to_one_request(fake, ask):
    server = fake(sends(reply("one") + reply("two")), echo)
    with pytest.raises(errors.ProtocolError, match="more than one response"):
        ask(server.path)
    assert ask(server.path, "mine") == "mine"
    assert server.accepted == 2


def test_a_peer_that_does_not_read(fake):
    server = fake(lambda peer: peer.hold())
    with pytest.raises(errors.Unreachable, match="does not read"):
        _client.call(server.path, b"x" * 4_000_000, 0.3)


@both
def test_nobody_there(tmp_path, ask):
    with pytest.raises(errors.Unreachable, match=r"No such file.*check connd\.service"):
        ask(str(tmp_path / "none.sock"))
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(dead))
    with pytest.raises(errors.Unreachable, match="refused"):
        ask(str(dead))
    with pytest.raises(errors.Unreachable, match="too long"):
        ask("/" + "x" * 200)


@both
def test_a_socket_of_others(fake, ask, monkeypatch):
    """Root may open every socket, so the kernel's refusal is simulated."""

    class Closed(socket.socket):
        def connect(self, address):
            raise PermissionError(errno.EACCES, "Permission denied")

    server = fake(echo)
    monkeypatch.setattr(
        _client, "socket", types.SimpleNamespace(**{**vars(socket), "socket": Closed})
    )
    with pytest.raises(errors.Unreachable, match=r"Permission denied: .*\[socket\] in connd\.conf"):
        ask(server.path)


def fill(server):
    """Connect until the listener's queue is full."""
    clients = []
    while True:
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        clients.append(sock)
        try:
            sock.connect(server.path)
        except BlockingIOError:
            return clients


@both
def test_full_queue_is_waited_for(fake, ask):
    server = fake(backlog=1)
    clients = fill(server)
    server.scripts = [echo]
    timer = threading.Timer(0.3, server.accept)
    timer.start()
    start = time.monotonic()
    assert ask(server.path, "patient") == "patient"
    assert time.monotonic() - start > 0.2
    timer.join()
    for sock in clients:
        sock.close()


@both
def test_full_queue_ends_at_the_deadline(fake, ask):
    server = fake(backlog=1)
    clients = fill(server)
    start = time.monotonic()
    with pytest.raises(errors.Unreachable, match=r"queue|in time"):
        ask(server.path, timeout=0.3)
    assert 0.25 < time.monotonic() - start < 20
    for sock in clients:
        sock.close()


def test_threads_get_their_own_responses(fake):
    server = fake(echo)
    wrong = []

    def many(name):
        for n in range(100):
            key = f"{name}-{n}"
            if value_of(server.path, key) != key:
                wrong.append(key)

    threads = [threading.Thread(target=many, args=(t,)) for t in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert server.accepted == 12


def in_child(work):
    """Fork, run, and return the child's exit code: 0 if `work` returned true."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_fork_uses_connections_of_its_own(fake):
    server = fake(echo)
    assert value_of(server.path, "before") == "before"
    for n in range(3):
        assert in_child(lambda n=n: value_of(server.path, f"child{n}") == f"child{n}") == 0
    assert value_of(server.path, "after") == "after"
    assert server.accepted == 1 + 3


def test_fork_closes_what_it_inherited_from_every_thread(fake):
    server = fake(echo)
    go_on = threading.Event()
    asked = threading.Barrier(5)

    def other():
        value_of(server.path, "thread")
        asked.wait()
        go_on.wait(30)

    threads = [threading.Thread(target=other) for _ in range(4)]
    for thread in threads:
        thread.start()
    asked.wait()
    value_of(server.path, "main")

    # The server's sockets are this process's too; count only the difference.
    before = open_sockets()
    try:
        assert in_child(lambda: gc.collect() >= 0 and open_sockets() == before - 5) == 0
    finally:
        go_on.set()
    for thread in threads:
        thread.join()
    assert value_of(server.path, "still") == "still"
    assert server.accepted == 5


def test_thread_that_ends_closes_its_connection(fake):
    server = fake(echo)
    value_of(server.path)
    gc.collect()
    before = open_sockets()
    thread = threading.Thread(target=value_of, args=(server.path,))
    thread.start()
    thread.join()
    deadline = time.monotonic() + 5
    while open_sockets() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_sockets() == before


def test_descriptor_does_not_survive_exec(fake):
    server = fake(echo)
    value_of(server.path)
    sock = _client._kept.by_path[server.path]._socket
    code = f"import os; os.fstat({sock.fileno()})"
    ran = subprocess.run([sys.executable, "-c", code], close_fds=False, capture_output=True)
    assert ran.returncode != 0


class Interrupted(Exception):
    pass


def test_interrupted_lookup_never_leaves_its_response_to_the_next(fake):
    asked = threading.Event()

    def late(peer):
        peer.request()
        peer.send(reply("warm"))
        peer.request()
        asked.set()
        peer.server.stopping.wait(0.3)
        peer.send(reply("the late response"))
        peer.hold()

    def interrupt(_number, _frame):
        raise Interrupted

    server = fake(late, echo)
    assert value_of(server.path) == "warm"
    previous = signal.signal(signal.SIGUSR1, interrupt)
    try:
        main = threading.main_thread().ident
        killer = threading.Thread(
            target=lambda: asked.wait(5) and signal.pthread_kill(main, signal.SIGUSR1)
        )
        killer.start()
        with pytest.raises(Interrupted):
            value_of(server.path, "interrupted")
        killer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert value_of(server.path, "next") == "next"


def test_lookup_inside_a_lookup(fake):
    """A signal handler looks up too, in the middle of a request: each gets its own response."""
    waiting, nested = threading.Event(), []

    def slow_second(peer):
        peer.request()
        peer.send(reply("warm"))
        peer.request()
        waiting.set()
        while not nested:
            time.sleep(0.005)
        peer.send(reply("outer"))
        echo(peer)

    server = fake(slow_second, echo)
    assert value_of(server.path) == "warm"
    previous = signal.signal(
        signal.SIGUSR1, lambda *_: nested.append(value_of(server.path, "inner"))
    )
    try:
        main = threading.main_thread().ident
        killer = threading.Thread(
            target=lambda: waiting.wait(5) and signal.pthread_kill(main, signal.SIGUSR1)
        )
        killer.start()
        assert value_of(server.path, "outer") == "outer"
        killer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert nested == ["inner"]
    assert value_of(server.path, "afterwards") == "afterwards"


def test_signals_do_not_move_the_deadline(fake):
    server = fake(sends())
    previous = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    start = time.monotonic()
    try:
        with pytest.raises(errors.Unreachable):
            value_of(server.path, timeout=0.4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert 0.35 < time.monotonic() - start < 20


def test_async_lookups_run_side_by_side(fake):
    def slow(peer):
        asked = peer.request()
        time.sleep(0.3)
        peer.send(reply(asked["parameters"]["key"]))

    server = fake(slow)

    async def ten():
        frames = (request(str(n)) for n in range(10))
        return await asyncio.gather(*(_client.call_async(server.path, f, 5) for f in frames))

    start = time.monotonic()
    values = [_wire.value(False, one.take) for one in asyncio.run(ten())]
    assert values == [str(n) for n in range(10)]
    assert time.monotonic() - start < 1.5


def test_cancelled_async_lookup_closes_its_socket(fake):
    server = fake(sends())

    async def cancel():
        task = asyncio.ensure_future(_client.call_async(server.path, request(), 30))
        while not server.requests:
            await asyncio.sleep(0.01)
        during = open_sockets()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return during - open_sockets()

    assert asyncio.run(cancel()) == 1


@both
@pytest.mark.parametrize(
    "script",
    [
        sends(reply(SECRET)[:-20], then=leaves),
        sends(reply(SECRET)[:-1], then=leaves),
        sends(reply(SECRET) + reply(SECRET)),
        sends(reply(SECRET)[:-20]),
    ],
    ids=["cut", "no-end", "twice", "stall"],
)
def test_no_traceback_shows_a_value(fake, ask, script):
    """Some loggers print the locals of every frame."""
    server = fake(script)
    with pytest.raises(errors.ConndError) as caught:
        ask(server.path, timeout=0.5)
    frames = caught.value.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename != __file__:
            assert "hunter2" not in repr(frames.tb_frame.f_locals)
        frames = frames.tb_next
    assert "hunter2" not in str(caught.value) + repr(caught.value)
