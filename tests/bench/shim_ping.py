#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a warm lookup through the shim costs, compared with a bare socket ping-pong of the same
size.

    shim_ping.py [--real | --socket PATH --conn-id ID] [--rounds 7] [--calls 3000] [--bar 2.0]

Interleaved in one run, pinned to one CPU and unpinned: the median of the rounds' medians, with the
lowest and the highest. Both sides of the bare ping-pong are Python; the server's response is fixed.
--real starts a manager and a connd of $CONND_BUILD (build/); --socket uses a running connd. Then
both the shim and a bare client with the same bytes send their requests to that connd. Exit 1 if the
shim's pinned median is above --bar times that of the bare ping-pong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python-shim" / "src"), str(ROOT / "tests" / "lib")]

from airflow_connd import _wire  # noqa: E402
from airflow_connd.backend import Lookups  # noqa: E402
from figures import Figures  # noqa: E402

CONNECTION = {
    "description": "the warehouse",
    "host": "warehouse.example.com",
    "login": "etl",
    "password": "correct horse battery staple",
    "schema": "analytics",
    "port": 5432,
    "extra": {"sslmode": "require", "connect_timeout": 10, "keepalives_idle": 30},
}


def canned_reply() -> bytes:
    value = json.dumps({"conn_type": "postgres", **CONNECTION}, separators=(",", ":"))
    parameters = {"value": value, "generation": 1795298400000, "state": "fresh", "age_ms": 1234}
    return json.dumps({"parameters": parameters}, separators=(",", ":")).encode() + b"\0"


@contextlib.contextmanager
def real_connd(directory: str):
    """Starts a manager and a connd that has the connection. Returns connd's socket and pid."""
    from connd_testing import Manager

    with Manager(Path(directory), deployments=("prod",)) as manager:
        manager.create_connection("warehouse", manager.deployment_ids["prod"], **CONNECTION)
        with manager.connd("prod") as connd:
            yield str(connd.socket), connd.running.pid


@contextlib.contextmanager
def undisturbed(*pids: int):
    """Real-time priority for these processes (0: this one), where that is allowed.

    A lookup sleeps until connd responds. On a busy machine an ordinary process then also waits for
    a CPU, which is not part of the lookup.
    """
    raised = []
    try:
        with contextlib.suppress(PermissionError):
            for pid in pids:
                os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(10))
                raised.append(pid)
        yield bool(raised)
    finally:
        for pid in raised:
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def serve(path: str, reply: bytes, cpu: int | None, ready) -> None:
    """The server of a bare ping-pong: one read, one write; a process for each client."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    ready.set()
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            while client.recv(65536):
                client.sendall(reply)
            os._exit(0)
        client.close()


def bare(path: str, frame: bytes):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)

    def ping() -> bytes:
        sock.sendall(frame)
        return sock.recv(65536)

    return ping


def median_us(call, calls: int) -> float:
    clock = time.perf_counter_ns
    times = []
    for _ in range(calls):
        start = clock()
        call()
        times.append(clock() - start)
    return statistics.median(times) / 1000


def run(arguments: argparse.Namespace, cpu: int | None, figures: Figures) -> float:
    """One table. Returns the shim's median over the bare ping-pong's."""
    frame = _wire.GET_CONNECTION.request(arguments.conn_id)
    directory = tempfile.mkdtemp(prefix="shim-ping-")
    path = os.path.join(directory, "python.sock")
    before = os.sched_getaffinity(0)
    if cpu is not None:
        for pid in {0, arguments.pid}:
            os.sched_setaffinity(pid, {cpu})
    reply = bare(arguments.socket, frame)() if arguments.socket else canned_reply()
    value = _wire.value(True, lambda: reply)
    if isinstance(value, Exception):
        raise SystemExit(f"no such connection: {value}")
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(path, reply, cpu, ready), daemon=True)
    server.start()
    ready.wait()

    shim_python = Lookups(socket_path=path)
    candidates = {
        "bare ping-pong, Python server": bare(path, frame),
        "shim, Python server": lambda: shim_python.get_conn_value(arguments.conn_id),
    }
    if arguments.socket:
        shim_connd = Lookups(socket_path=arguments.socket)
        candidates["bare client, connd"] = bare(arguments.socket, frame)
        candidates["shim, connd"] = lambda: shim_connd.get_conn_value(arguments.conn_id)
    rounds: dict[str, list[float]] = {name: [] for name in candidates}
    for call in candidates.values():
        median_us(call, arguments.calls // 6)
    with undisturbed(*{0, arguments.pid}):
        for _ in range(arguments.rounds):
            for name, call in candidates.items():
                rounds[name].append(median_us(call, arguments.calls))
    server.terminate()
    server.join()
    os.unlink(path)
    os.rmdir(directory)
    for pid in {0, arguments.pid}:
        os.sched_setaffinity(pid, before)

    floor = rounds["bare ping-pong, Python server"]
    where = "one CPU" if cpu is not None else "unpinned"
    measured = "shim, connd" if arguments.socket else "shim, Python server"
    for name, times in rounds.items():
        figures.add(
            f"shim, {where}", name, "us", times, {"ping-pong in Python": floor},
            bar=arguments.bar if name == measured and cpu is not None else None,
        )  # fmt: skip
    return statistics.median(rounds[measured]) / statistics.median(floor)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--socket", help="a running connd's socket")
    parser.add_argument("--real", action="store_true", help="start a manager and a connd")
    parser.add_argument("--conn-id", default="warehouse")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--bar", type=float, default=2.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.pid = 0  # do not pin a connd that was already running
    print(
        f"CPython {platform.python_version()}, {arguments.rounds} rounds of {arguments.calls}"
        f" calls, load {os.getloadavg()[0]:.1f}"
    )
    with (
        tempfile.TemporaryDirectory(prefix="shim-ping-") as directory,
        contextlib.ExitStack() as on,
    ):
        if arguments.real:
            arguments.socket, arguments.pid = on.enter_context(real_connd(directory))
        figures = Figures()
        ratio = run(arguments, min(os.sched_getaffinity(0)), figures)
        run(arguments, None, figures)
    figures.dump(arguments.json)
    return 0 if ratio <= arguments.bar else 1


if __name__ == "__main__":
    sys.exit(main())
