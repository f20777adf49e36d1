# SPDX-License-Identifier: Apache-2.0
"""How fast connd responds, compared with the baseline of this machine (floor.c: epoll, recv, send)
and with memcached if it is installed. All are measured in the same run, interleaved, so that the
ratios are comparable; the absolute numbers depend on the machine.

    lookup.py DIRECTORY [--rounds N] [--milliseconds MS]

DIRECTORY contains the built `load` and `floor`. One CPU: server and client pinned to it, which
gives comparable ratios. Unpinned: what a user sees, including wake-ups. Throughput: the server on
the first CPU, the load on the second.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Manager, Varlink, eventually

KEY = "bench_variable"
REPLY_BYTES = 300


@dataclasses.dataclass
class Server:
    name: str
    socket: Path
    request: Path
    terminator: str
    pid: int

    def pin(self, cpus: set[int]) -> None:
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(thread), cpus)


@dataclasses.dataclass(frozen=True)
class Mode:
    name: str
    clients: int
    depth: int
    server_cpus: frozenset[int]
    load_cpus: frozenset[int]
    unit: str  # "us": median time of one request; "req/s"


def modes() -> list[Mode]:
    cpus = sorted(os.sched_getaffinity(0))
    everywhere, first, last = frozenset(cpus), frozenset(cpus[:1]), frozenset(cpus[-1:])
    return [
        Mode("1 client, one CPU", 1, 1, first, first, "us"),
        Mode("1 client, unpinned", 1, 1, everywhere, everywhere, "us"),
        Mode("64 clients, two CPUs", 64, 1, first, last, "req/s"),
        Mode("1 client x 64 pipelined, two CPUs", 1, 64, first, last, "req/s"),
    ]


def measure(load: Path, server: Server, mode: Mode, milliseconds: int) -> float:
    server.pin(set(mode.server_cpus))
    done = subprocess.run(
        [load, server.socket, server.request, server.terminator, str(mode.clients), str(mode.depth),
         str(milliseconds)],
        check=True, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, set(mode.load_cpus)),
    )  # fmt: skip
    got = json.loads(done.stdout)
    if mode.unit == "us":
        return float(got["p50_us"])
    return float(got["answered"]) / float(got["seconds"])


def start_floor(
    directory: Path, work: Path, request: Path, reply: bytes
) -> subprocess.Popen[bytes]:
    (work / "reply").write_bytes(reply)
    process = subprocess.Popen([directory / "floor", work / "floor.sock", work / "reply"])
    eventually((work / "floor.sock").exists, "the floor listens")
    return process


def start_memcached(work: Path, value: str) -> tuple[subprocess.Popen[bytes], Server] | None:
    program = shutil.which("memcached") or shutil.which("memcached", path="/usr/bin:/usr/sbin")
    if not program:
        return None
    path, request = work / "memcached.sock", work / "memcached.request"
    process = subprocess.Popen([program, "-u", "root", "-t", "1", "-s", str(path)])
    eventually(path.exists, "memcached listens")
    with Varlink(path) as client:
        client.send(f"set {KEY} 0 0 {len(value)}\r\n{value}\r\n".encode())
        assert client.sock.recv(64) == b"STORED\r\n"
    request.write_bytes(f"get {KEY}\r\n".encode())
    return process, Server("memcached -t 1", path, request, "END\r\n", process.pid)


def show(mode: Mode, figures: dict[str, list[float]]) -> None:
    print(f"\n{mode.name} ({mode.unit})")
    floor = statistics.median(figures["floor"])
    for name, values in figures.items():
        median = statistics.median(values)
        digits = 1 if mode.unit == "us" else 0
        ratio = median / floor if mode.unit == "us" else floor / median
        print(
            f"  {name:16}{median:12,.{digits}f}  ({min(values):,.{digits}f} - "
            f"{max(values):,.{digits}f})  {ratio:5.2f} x floor"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--milliseconds", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name:
        bench(Path(name), options.directory.resolve(), options.rounds, options.milliseconds)


def bench(work: Path, directory: Path, rounds: int, milliseconds: int) -> None:
    children: list[subprocess.Popen[bytes]] = []
    call = Varlink.frame("io.connd.secrets.GetVariable", {"key": KEY})
    request = work / "request"
    request.write_bytes(call)
    with Manager(work) as manager:
        value = "v" * (REPLY_BYTES - 90)
        manager.create_variable(KEY, value, manager.deployment_ids["prod"])
        with manager.connd(sections={"manager": {"refresh": "1h"}, "freshness": {
            "ttl": "3h", "stale": "4h"}}) as connd, connd.client() as client:  # fmt: skip
            client.send(call)
            reply = client.sock.recv(65536)
            assert value.encode() in reply and reply.endswith(b"\0")
            try:
                children.append(start_floor(directory, work, request, reply))
                servers = [
                    Server("floor", work / "floor.sock", request, "\\0", children[0].pid),
                    Server("connd", connd.socket, request, "\\0", connd.running.pid),
                ]
                memcached = start_memcached(work, value)
                if memcached:
                    children.append(memcached[0])
                    servers.append(memcached[1])
                print(
                    f"request {len(call)} bytes, reply {len(reply)} bytes, {rounds} rounds of "
                    f"{milliseconds} ms each, interleaved; median (min - max)"
                )
                for mode in modes():
                    figures: dict[str, list[float]] = {s.name: [] for s in servers}
                    for server in servers:
                        measure(directory / "load", server, mode, milliseconds // 4)  # warms up
                    for _ in range(rounds):
                        for server in servers:
                            figures[server.name].append(
                                measure(directory / "load", server, mode, milliseconds)
                            )
                    show(mode, figures)
            finally:
                for child in children:
                    child.terminate()
                    child.wait()


if __name__ == "__main__":
    main()
