# SPDX-License-Identifier: Apache-2.0
"""Under real eventlet, gevent and uvloop: Celery's pools, and other event loops.

Each test runs an interpreter of its own, since monkey-patching cannot be undone; the server runs in
this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from fakes import answers, echo, error

SOURCE = str(Path(__file__).resolve().parents[1] / "src")

PATCH = {
    "eventlet": "import eventlet; eventlet.monkey_patch()\n",
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()\n",
}
SPAWN = {
    "eventlet": "spawn = eventlet.spawn; join = lambda threads: [t.wait() for t in threads]\n",
    "gevent": "spawn = gevent.spawn; join = gevent.joinall\n",
}
PREPARE = """
import logging, sys, time
lines = []
class Keep(logging.Handler):
    def emit(self, record): lines.append((record.levelname, record.getMessage()))
logging.getLogger("airflow_connd").addHandler(Keep())
"""
OURS = """
from airflow_connd import backend, errors
errors._denied_class = type("Denied", (errors.Denied,), {})  # as an Airflow that can deny has it
class Backend(backend.Lookups):
    def deserialize_connection(self, conn_id, value): return conn_id
path = sys.argv[1]
"""

pools = pytest.mark.parametrize("pool", ["eventlet", "gevent"])
early_and_late = pytest.mark.parametrize("late", [False, True], ids=["early", "late"])


def run(code, path, needs):
    if find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    environment = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(
        [sys.executable, "-c", code, path],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr


def green(pool, late):
    """Patched before the shim is imported, or after it: Airflow imports it early."""
    parts = (PREPARE, OURS, PATCH[pool]) if late else (PATCH[pool], PREPARE, OURS)
    return "".join(parts) + SPAWN[pool]


@pools
@early_and_late
def test_many_greenlets_get_their_own_responses(fake, pool, late):
    run(
        green(pool, late) + "b = Backend(socket_path=path)\n"
        "wrong = []\n"
        "def many(name):\n"
        "    for n in range(20):\n"
        "        key = f'{name}-{n}'\n"
        "        if b.get_variable(key) != key: wrong.append(key)\n"
        "join([spawn(many, n) for n in range(25)])\n"
        "assert not wrong and not lines, (wrong, lines)\n",
        fake(echo).path,
        pool,
    )


@pools
@early_and_late
def test_waiting_lookups_let_other_greenlets_run(fake, pool, late):
    """A lookup that hangs until its deadline stops neither the hub nor the other lookups."""
    run(
        green(pool, late) + "b = Backend(socket_path=path, timeout=1, on_error='none')\n"
        "ticks, ends = [], []\n"
        "def tick():\n"
        "    while not ends: ticks.append(1); time.sleep(0.01)\n"
        "def hang():\n"
        "    assert b.get_variable('x') is None\n"
        "def hang_all():\n"
        "    start = time.monotonic()\n"
        "    join([spawn(hang) for _ in range(5)])\n"
        "    ends.append(time.monotonic() - start)\n"
        "join([spawn(tick), spawn(hang_all)])\n"
        "assert len(ticks) > 5, ticks\n"
        "assert ends[0] < 4.5, ends  # one after the other would take 5\n"
        "assert [level for level, _ in lines] == ['WARNING'] * 5, lines\n"
        "assert all('no response in time' in text for _, text in lines)\n",
        fake(lambda peer: peer.hold()).path,
        pool,
    )


@pools
@early_and_late
def test_nothing_fails_in_silence_or_open(fake, pool, late):
    store = {"var:x": error("org.varlink.service.PermissionDenied"), "conn:good": "{}"}
    run(
        green(pool, late) + "b = Backend(socket_path=path, on_error='deny')\n"
        "assert b.get_connection('good') == 'good'\n"
        "assert b.get_conn_value('absent') is None and not lines\n"
        "def denied(look_up, key):\n"
        "    lines.clear()\n"
        "    try: look_up(key)\n"
        "    except errors.Denied: pass\n"
        "    else: raise AssertionError('not denied')\n"
        "    assert [level for level, _ in lines] == ['WARNING'], lines\n"
        "denied(b.get_variable, 'x')\n"
        "denied(b.get_variable, 7)\n"
        "gone = Backend(socket_path=path + '.none', on_error='deny')\n"
        "for look_up in (gone.get_connection, gone.get_conn_value, gone.get_variable):\n"
        "    denied(look_up, 'y')\n"
        "    assert 'No such file' in lines[0][1], lines\n",
        fake(answers(store)).path,
        pool,
    )


@pools
def test_restarted_connd(fake, pool):
    def one_reply(peer):
        peer.server.scripts = [echo]
        asked = peer.request()
        from fakes import reply

        peer.send(reply(asked["parameters"]["key"]))

    run(
        green(pool, False) + "b = Backend(socket_path=path)\n"
        "assert b.get_variable('before') == 'before'\n"
        "time.sleep(0.2)\n"
        "assert b.get_variable('after') == 'after' and not lines\n",
        fake(one_reply, echo).path,
        pool,
    )


@pools
def test_fork_in_a_pool(fake, pool):
    run(
        green(pool, False) + "import os\n"
        "b = Backend(socket_path=path)\n"
        "assert b.get_variable('parent') == 'parent'\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os._exit(0 if b.get_variable('child') == 'child' else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "assert b.get_variable('after') == 'after'\n",
        fake(echo).path,
        pool,
    )


UVLOOP = """
import asyncio, uvloop
def run(coroutine):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)
"""
if sys.version_info < (3, 11):
    UVLOOP = "import asyncio, uvloop\nuvloop.install()\nrun = asyncio.run\n"


def test_uvloop(fake):
    store = {f"conn:c{n}": "{}" for n in range(50)}
    run(
        UVLOOP + PREPARE + OURS + "b = Backend(socket_path=path)\n"
        "async def many():\n"
        "    return await asyncio.gather(*(b.aget_connection(f'c{n}') for n in range(50)))\n"
        "assert run(many()) == [f'c{n}' for n in range(50)]\n"
        "assert run(b.aget_connection('absent')) is None and not lines\n",
        fake(answers(store)).path,
        "uvloop",
    )


def test_uvloop_with_large_responses(fake):
    store = {"conn:big": '{"password":"' + "p" * 3_000_000 + '"}'}
    run(
        UVLOOP + PREPARE + OURS + "b = Backend(socket_path=path)\n"
        "assert run(b.aget_connection('big')) == 'big' and not lines\n",
        fake(answers(store)).path,
        "uvloop",
    )


def test_uvloop_fails_closed(fake):
    run(
        UVLOOP + PREPARE + OURS + "def denied(b, key, why):\n"
        "    lines.clear()\n"
        "    try: run(b.aget_connection(key))\n"
        "    except errors.Denied: pass\n"
        "    else: raise AssertionError('not denied')\n"
        "    assert [level for level, _ in lines] == ['WARNING'], lines\n"
        "    assert why in lines[0][1], lines\n"
        "denied(Backend(socket_path=path, timeout=0.3, on_error='deny'), 'x', 'in time')\n"
        "denied(Backend(socket_path=path, on_error='deny'), 7, 'not text')\n"
        "denied(Backend(socket_path=path + '.none', on_error='deny'), 'x', 'No such file')\n",
        fake(lambda peer: peer.hold()).path,
        "uvloop",
    )
