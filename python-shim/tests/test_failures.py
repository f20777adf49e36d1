# SPDX-License-Identifier: Apache-2.0
"""Whatever goes wrong: one WARNING with the reason, then on_error decides. Never a value."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import select
import signal
import socket
import sys
import time
import types
from pathlib import Path

import pytest
from fakes import answers

from airflow_connd import _client, backend, errors

SECRET = "hunter2"
WAREHOUSE = '{"conn_type":"postgres","password":"hunter2"}'
STORE = {"conn:warehouse": WAREHOUSE, "var:warehouse": SECRET, "var:config/warehouse": SECRET}
SOURCE = str(Path(backend.__file__).parent)


class Backend(backend.Lookups):
    @staticmethod
    def build_path(path_prefix, secret_id, sep="/"):
        return f"{path_prefix}{sep}{secret_id}"

    def deserialize_connection(self, conn_id, value):
        return conn_id, len(value)


LOOKUPS = {
    "get_connection": lambda b, key, **team: b.get_connection(key, **team),
    "get_conn_value": lambda b, key, **team: b.get_conn_value(key, **team),
    "get_variable": lambda b, key, **team: b.get_variable(key, **team),
    "get_config": lambda b, key, **team: b.get_config(key),
    "aget_connection": lambda b, key, **team: asyncio.run(b.aget_connection(key, **team)),
}
every_lookup = pytest.mark.parametrize("lookup", LOOKUPS)


@pytest.fixture
def connd(fake):
    return fake(answers(STORE))


@pytest.fixture(autouse=True)
def _an_airflow_that_can_deny(caplog, monkeypatch):
    class AccessDenied(PermissionError):
        pass

    monkeypatch.setattr(errors, "_denied_class", errors._build_class_of_denial(AccessDenied))
    caplog.set_level(logging.DEBUG, logger="airflow_connd")


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def check_rules(caplog, lookup, key, says, team=None, **kwargs):
    """The lookup fails by the rules, with each on_error, and with one WARNING that says why."""
    for on_error in ("raise", "none", "deny"):
        caplog.clear()
        b = Backend(on_error=on_error, **kwargs)
        caught = result = None
        try:
            result = LOOKUPS[lookup](b, key, team_name=team)
        except errors.ConndError as error:
            caught = error
        assert result is None
        if on_error == "none" and lookup != "get_config":
            assert caught is None
        else:
            assert caught is not None
            denies = on_error == "deny" and lookup != "get_config"
            assert isinstance(caught, errors.Denied) == denies
        (line,) = warnings(caplog)
        assert says in line
        assert SECRET not in caplog.text + repr(caught)


# --- keys and teams of the wrong kind


@every_lookup
@pytest.mark.parametrize("key", [None, 7, b"warehouse", ["warehouse"], object()])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {f"{kind}_prefix": "prod" for kind in ("connections", "variables", "config")},
        {f"{kind}_lookup_pattern": "w" for kind in ("connections", "variables", "config")},
    ],
    ids=["plain", "prefix", "pattern"],
)
def test_key_that_is_not_text(connd, caplog, lookup, key, options):
    check_rules(caplog, lookup, key, "is not text", socket_path=connd.path, **options)
    assert not connd.requests


@pytest.mark.parametrize("lookup", ["get_connection", "get_variable", "aget_connection"])
@pytest.mark.parametrize("team", [7, b"red", ["red"]])
def test_team_that_is_not_text(connd, caplog, lookup, team):
    says = "the team is not text"
    check_rules(caplog, lookup, "warehouse", says, team=team, socket_path=connd.path)
    assert not connd.requests


# --- every primitive below us, made to raise


def broken_socket(method, error):
    def fail(*_, **__):
        raise error

    return type("Broken", (socket.socket,), {method: fail})


SOCKET_METHODS = ["__init__", "setblocking", "connect", "settimeout", "fileno", "recv"]
ERRORS = {
    "attribute": AttributeError("module 'select' has no attribute 'poll'"),
    "runtime": RuntimeError(SECRET),
    "value": ValueError(SECRET),
    "key": KeyError(SECRET),
    "type": TypeError(SECRET),
    "memory": MemoryError(),
    "recursion": RecursionError(SECRET),
    "os": OSError(5, "Input/output error", SECRET),
    "os-without-text": OSError(),
    "stop": StopIteration(SECRET),
}


@pytest.mark.parametrize("lookup", ["get_connection", "get_variable", "get_config"])
@pytest.mark.parametrize("method", SOCKET_METHODS)
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_socket_that_raises(connd, caplog, monkeypatch, lookup, method, error):
    namespace = {**vars(socket), "socket": broken_socket(method, error)}
    monkeypatch.setattr(_client, "socket", types.SimpleNamespace(**namespace))
    says = "connd" if isinstance(error, OSError) else type(error).__name__
    check_rules(caplog, lookup, "warehouse", says, socket_path=connd.path)


@pytest.mark.parametrize("method", SOCKET_METHODS[:3])
@pytest.mark.parametrize("error", list(ERRORS.values())[:-1], ids=list(ERRORS)[:-1])
def test_socket_that_raises_in_an_async_lookup(connd, caplog, monkeypatch, method, error):
    namespace = {**vars(socket), "socket": broken_socket(method, error)}
    monkeypatch.setattr(_client, "socket", types.SimpleNamespace(**namespace))
    says = "connd" if isinstance(error, OSError) else type(error).__name__
    check_rules(caplog, "aget_connection", "warehouse", says, socket_path=connd.path)


@pytest.mark.parametrize(
    "broken",
    [
        (asyncio.SelectorEventLoop, "sock_sendall"),
        (asyncio.SelectorEventLoop, "sock_recv"),
        (asyncio, "wait_for"),
    ],
    ids=lambda broken: broken[1],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_event_loop_that_raises(connd, caplog, monkeypatch, broken):
    def fail(*_, **__):
        raise NotImplementedError(SECRET)

    monkeypatch.setattr(*broken, fail)
    b = Backend(socket_path=connd.path, on_error="none")
    assert LOOKUPS["aget_connection"](b, "warehouse") is None
    (line,) = warnings(caplog)
    assert "NotImplementedError" in line and SECRET not in line


@pytest.mark.parametrize("lookup", ["get_connection", "get_variable", "get_config"])
@pytest.mark.parametrize("name", ["monotonic", "_kept", "_Connection", "write"])
def test_clock_and_thread_primitives_that_raise(connd, caplog, monkeypatch, lookup, name):
    class Broken:
        def __getattr__(self, _):
            raise RuntimeError(SECRET)

        def __call__(self, *_):
            raise RuntimeError(SECRET)

    if name == "monotonic":
        monkeypatch.setattr(_client, "time", Broken())
    else:
        monkeypatch.setattr(_client, name, Broken())
    check_rules(caplog, lookup, "warehouse", "RuntimeError", socket_path=connd.path)
    monkeypatch.undo()


def test_sleep_that_raises_while_the_queue_is_full(fake, caplog, monkeypatch):
    def fail(_):
        raise RuntimeError(SECRET)

    server = fake(backlog=0)
    clients = []
    for _ in range(4):
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        clients.append(sock)
        try:
            sock.connect(server.path)
        except BlockingIOError:
            break
    clock = types.SimpleNamespace(monotonic=time.monotonic, sleep=fail)
    monkeypatch.setattr(_client, "time", clock)
    check_rules(caplog, "get_variable", "x", "RuntimeError", socket_path=server.path)
    for sock in clients:
        sock.close()


def test_close_that_raises_hides_nothing(connd, caplog, monkeypatch):
    broken = broken_socket("close", RuntimeError(SECRET))
    broken.recv = lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error"))
    namespace = {**vars(socket), "socket": broken}
    monkeypatch.setattr(_client, "socket", types.SimpleNamespace(**namespace))
    check_rules(caplog, "get_variable", "x", "Input/output error", socket_path=connd.path)
    monkeypatch.undo()


def test_select_without_poll(connd, monkeypatch):
    """As under eventlet."""
    monkeypatch.delattr(select, "poll")
    assert Backend(socket_path=connd.path).get_variable("warehouse") == SECRET


@pytest.mark.parametrize("lookup", ["get_connection", "aget_connection"])
def test_connection_that_airflow_cannot_read(connd, caplog, monkeypatch, lookup):
    def fail(*_):
        raise TypeError(SECRET)

    monkeypatch.setattr(Backend, "deserialize_connection", fail)
    says = "Airflow cannot read the connection: TypeError"
    check_rules(caplog, lookup, "warehouse", says, socket_path=connd.path)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_task_is_not_a_failure(connd, caplog, monkeypatch, kind):
    """Airflow's task time-out, a cancelled coroutine, gevent's Timeout: BaseExceptions all."""
    namespace = {**vars(socket), "socket": broken_socket("recv", kind())}
    monkeypatch.setattr(_client, "socket", types.SimpleNamespace(**namespace))
    with pytest.raises(kind):
        Backend(socket_path=connd.path, on_error="none").get_variable("x")
    assert not warnings(caplog)


# --- values where keys belong

VALUES = {
    "dsn": f"postgresql+psycopg2://airflow:{SECRET}@db.example.com:5432/airflow",
    "words": f"host=db password={SECRET}",
    "json": f'{{"conn_type": "postgres", "password": "{SECRET}"}}',
    "list": f'["{SECRET}"]',
    "no-scheme": f"airflow:{SECRET}@db/airflow",
    "odbc": f"Server=db;Pwd={SECRET}",
    "pem": f"-----BEGIN KEY-----\n{SECRET}\n-----END KEY-----",
    "long": "k" * 250 + SECRET,
    "newline": f"{SECRET}\n",
    "upper": f"MYSQL://root:{SECRET}@h/",
    "spaces-in-front": f"  redis://:{SECRET}@h/0",
}


@every_lookup
@pytest.mark.parametrize("key", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("path", ["connd", "nobody"])
def test_value_in_place_of_a_key_is_never_logged_whole(connd, caplog, lookup, key, path):
    socket_path = connd.path if path == "connd" else connd.path + ".none"
    for options in ({}, {"on_missing": "deny"}):
        caplog.clear()
        b = Backend(socket_path=socket_path, **options)
        try:
            LOOKUPS[lookup](b, key)
        except errors.ConndError as error:
            assert SECRET not in str(error)
        assert caplog.records
        for record in caplog.records:
            line = record.getMessage()
            assert SECRET not in line and "shortened: it looks like a value, not a key" in line
            assert line.isprintable() and len(line) < 600
    if path == "connd":
        assert connd.requests  # connd decides whether it has such a key


def test_shortened_key_shows_its_scheme(tmp_path, caplog):
    b = Backend(socket_path=str(tmp_path / "none"), on_error="none")
    for key in (VALUES["dsn"], VALUES["json"], "pw\n"):
        b.get_variable(key)
    shown = [line.split(" (")[0] for line in warnings(caplog)]
    assert shown == [
        "connd: variable 'postgresql+psycopg2://...'",
        "connd: variable '{\"co...'",
        "connd: variable 'p...'",
    ]


@pytest.mark.parametrize(
    "key", ["warehouse", "a/b", "", "team.x-1:2\\#!()", "x" * 250, "warehouse_prod"]
)
def test_key_is_logged_whole(tmp_path, caplog, key):
    b = Backend(socket_path=str(tmp_path / "none"), on_error="none")
    b.get_conn_value(key)
    b.get_variable(key)
    assert all(f" {key!r}: " in line for line in warnings(caplog))


# --- options that decide about failing closed


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ({"on_eror": "deny"}, "on_error"),
        ({"onerror": "deny"}, "on_error"),
        ({"ON_ERROR": "deny"}, "on_error"),
        ({"on_mising": "deny"}, "on_missing"),
        ({"on-missing": "deny"}, "on_missing"),
        ({"on_error": "dney"}, "nearest: deny"),
        ({"on_missing": True}, "on_missing"),
    ],
)
def test_misspelt_option_that_decides_about_failing_closed_is_an_error(caplog, given, nearest):
    for _ in range(3):
        Backend(**given)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert nearest in record.getMessage()


def test_other_misspelt_option_is_a_warning_with_the_nearest_name(caplog):
    Backend(timeot=1, conections_prefix="x", then_kwarg={})
    assert [r.levelno for r in caplog.records] == [logging.WARNING] * 3
    for name in ("'timeout'", "'connections_prefix'", "'then_kwargs'"):
        assert name in caplog.text


def test_option_name_that_is_a_value_is_shortened(caplog):
    Backend(**{VALUES["dsn"]: 1})
    assert SECRET not in caplog.text and "shortened" in caplog.text


def test_forked_process_says_it_again(caplog, tmp_path):
    """Its log may be a task's own."""
    Backend(on_eror="deny")
    Backend(on_eror="deny")
    assert len(caplog.records) == 1
    pid = os.fork()
    if pid == 0:
        caplog.clear()
        Backend(on_eror="deny")
        Backend(on_eror="deny")
        os._exit(len(caplog.records))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


# --- trace ids


def test_trace_id_leads_from_the_warning_to_the_request(fake, caplog):
    denied = b'{"error":"org.varlink.service.PermissionDenied"}\0'
    connd = fake(answers({"var:x": denied}))
    b = Backend(socket_path=connd.path)
    for _ in range(2):
        with pytest.raises(errors.Denied):
            b.get_variable("x")
    (trace,) = {request["io.connd.trace"] for request in connd.requests}
    assert len(trace) == 8
    assert all(f"[trace {trace}]" in line for line in warnings(caplog))


def test_fork_has_a_trace_id_of_its_own(connd):
    b = Backend(socket_path=connd.path)
    b.get_variable("warehouse")
    pid = os.fork()
    if pid == 0:
        b.get_variable("warehouse")
        os._exit(0)
    os.waitpid(pid, 0)
    b.get_variable("warehouse")
    parent, child, again = (request["io.connd.trace"] for request in connd.requests)
    assert parent == again != child


# --- asynchronous exceptions


class Interrupt(BaseException):
    """As a signal handler raises it: a task time-out, for example."""


def frames_of_ours(error):
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.startswith(SOURCE):
            yield traceback.tb_frame
        traceback = traceback.tb_next


@pytest.mark.parametrize("lookup", ["get_connection", "get_conn_value", "get_variable"])
def test_no_frame_holds_a_value_when_interrupted(connd, lookup):
    """An exception at every place where CPython looks for signals: at calls, and after C calls."""
    b = Backend(socket_path=connd.path)
    LOOKUPS[lookup](b, "warehouse")
    interrupted = 0
    for place in itertools.count(1):
        seen = itertools.count(1)

        def interrupt(frame, event, _, seen=seen, place=place):
            ours = frame.f_code.co_filename.startswith(SOURCE)
            if ours and event in ("call", "c_return") and next(seen) == place:
                sys.setprofile(None)
                raise Interrupt

        try:
            sys.setprofile(interrupt)
            LOOKUPS[lookup](b, "warehouse")
            break
        except Interrupt as error:
            sys.setprofile(None)
            interrupted += 1
            for frame in frames_of_ours(error):
                assert SECRET not in repr(frame.f_locals), frame
        finally:
            sys.setprofile(None)
    assert interrupted > 20
    assert LOOKUPS[lookup](b, "warehouse")


def test_interrupted_lookups_leave_no_noise(connd, monkeypatch):
    """No finalizer complains, wherever the signal comes."""
    noise = []
    monkeypatch.setattr(sys, "unraisablehook", noise.append)

    def interrupt(*_):
        raise Interrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    b = Backend(socket_path=connd.path)
    interrupted = 0
    try:
        for n in range(2000):
            try:
                signal.setitimer(signal.ITIMER_REAL, (n % 200 + 1) * 2e-6)
                b.get_variable("warehouse")
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt as error:
                interrupted += 1
                for frame in frames_of_ours(error):
                    assert SECRET not in repr(frame.f_locals), frame
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert interrupted and not noise


def test_a_failed_start_of_a_connection_leaves_no_noise(monkeypatch):
    noise = []
    monkeypatch.setattr(sys, "unraisablehook", noise.append)
    connection = _client._Connection.__new__(_client._Connection)
    del connection
    assert not noise


def test_frames_of_a_failure_hold_no_value(fake):
    """A response that is cut short or unreadable, and loggers that print locals."""
    cut = b'{"parameters":{"value":"hunter2","gen'
    for response in (cut + b"\0", b'{"parameters":{"value":7,"x":"hunter2"}}\0'):
        connd = fake(answers({"var:x": response}))
        with pytest.raises(errors.ProtocolError) as caught:
            Backend(socket_path=connd.path).get_variable("x")
        for frame in frames_of_ours(caught.value):
            assert SECRET not in repr(frame.f_locals)
