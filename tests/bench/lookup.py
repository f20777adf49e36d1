# SPDX-License-Identifier: Apache-2.0
"""What a lookup costs, compared with the baseline of this machine (floor.c: epoll, recv, send), and
with memcached and redis if they are installed, each with a value of the same size on a Unix socket.

    lookup.py DIRECTORY [--rounds N] [--milliseconds MS] [--also NAME=PATH] [--json FILE]

DIRECTORY contains the built `load` and `floor`; --also adds another connd. All are measured in
turn in each round, and ratios are taken within a round, so that a busy machine disturbs them less
than the times. One CPU: server and client pinned to it. CPU time of the server is counted by the
scheduler, so it does not contain the time in which others ran.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import connd_testing
from connd_testing import Manager, Varlink, eventually
from figures import Figures, cpu_us

KEY = "bench_variable"
VALUE_BYTES = 367
AT_END = "FIN"  # where the load sees the end of a reply of redis


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
    bar: float | None = None  # of connd's time for a lookup, in floors
    bar_redis: float | None = None  # of its CPU time, in redis's


def modes() -> list[Mode]:
    cpus = sorted(os.sched_getaffinity(0))
    everywhere, first, last = frozenset(cpus), frozenset(cpus[:1]), frozenset(cpus[-1:])
    return [
        Mode("1 client, one CPU", 1, 1, first, first, bar=1.15),
        Mode("1 client, unpinned", 1, 1, everywhere, everywhere),
        Mode("64 clients, two CPUs", 64, 1, first, last, bar_redis=1.0),
        Mode("1 client x 64 pipelined, two CPUs", 1, 64, first, last),
    ]


@dataclasses.dataclass
class Measured:
    each_us: list[float] = dataclasses.field(default_factory=list)  # median, or time per lookup
    cpu_us: list[float] = dataclasses.field(default_factory=list)  # of the server, per lookup


def measure(load: Path, server: Server, mode: Mode, milliseconds: int, into: Measured) -> None:
    """On a busy machine a whole round may pass without a CPU for it: then it is measured again."""
    server.pin(set(mode.server_cpus))
    while not measure_once(load, server, mode, milliseconds, into):
        pass


def measure_once(load: Path, server: Server, mode: Mode, milliseconds: int, into: Measured) -> bool:
    before = cpu_us(server.pid)
    done = subprocess.run(
        [load, server.socket, server.request, server.terminator, str(mode.clients), str(mode.depth),
         str(milliseconds)],
        check=True, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, set(mode.load_cpus)),
    )  # fmt: skip
    used = cpu_us(server.pid) - before
    got = json.loads(done.stdout)
    if not got["answered"]:
        return False
    one = mode.clients * mode.depth == 1
    into.each_us.append(got["p50_us"] if one else got["seconds"] / got["answered"] * 1e6)
    into.cpu_us.append(used / got["answered"])
    return True


def start_floor(
    directory: Path, work: Path, request: Path, reply: bytes
) -> subprocess.Popen[bytes]:
    (work / "reply").write_bytes(reply)
    process = subprocess.Popen([directory / "floor", work / "floor.sock", work / "reply"])
    eventually((work / "floor.sock").exists, "the floor listens")
    return process


def find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/bin:/usr/sbin")


Started = tuple[subprocess.Popen[bytes], Server]


def start_memcached(work: Path, value: str) -> Started | None:
    program = find("memcached")
    if not program:
        return None
    path, request = work / "memcached.sock", work / "memcached.request"
    process = subprocess.Popen([program, "-u", "root", "-t", "1", "-s", str(path)])
    eventually(path.exists, "memcached listens")
    with Varlink(path) as client:
        client.send(f"set {KEY} 0 0 {len(value)}\r\n{value}\r\n".encode())
        assert client.sock.recv(64) == b"STORED\r\n"
    request.write_bytes(f"get {KEY}\r\n".encode())
    return process, Server("memcached", path, request, "END\r\n", process.pid)


def start_redis(work: Path, value: str) -> Started | None:
    program = find("redis-server")
    if not program:
        return None
    path, request = work / "redis.sock", work / "redis.request"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(work)],
        stdout=subprocess.DEVNULL,
    )
    eventually(path.exists, "redis listens")
    with Varlink(path) as client:
        client.send(resp("SET", KEY, value))
        assert client.sock.recv(64) == b"+OK\r\n"
    request.write_bytes(resp("GET", KEY))
    return process, Server("redis", path, request, f"{AT_END}\r\n", process.pid)


def resp(*words: str) -> bytes:
    return (f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)).encode()


def report(figures: Figures, mode: Mode, measured: dict[str, Measured]) -> None:
    floor = measured["floor"]
    for name, of in measured.items():
        ours = name == "connd"
        group = f"lookup, {mode.name}"
        figures.add(
            group, f"{name}, time", "us", of.each_us, {"floor": floor.each_us},
            bar=mode.bar if ours else None,
        )  # fmt: skip
        figures.add(group, f"{name}, CPU of the server", "us", of.cpu_us, {"floor": floor.cpu_us})
    if "redis" in measured:
        figures.add(
            f"lookup, {mode.name}", "connd, CPU of the server beside redis", "us",
            measured["connd"].cpu_us, {"redis": measured["redis"].cpu_us}, bar=mode.bar_redis,
        )  # fmt: skip


def bench(
    work: Path, directory: Path, rounds: int, milliseconds: int, also: Sequence[str]
) -> Figures:
    figures = Figures()
    children: list[subprocess.Popen[bytes]] = []
    call = Varlink.frame("io.connd.secrets.GetVariable", {"key": KEY})
    request = work / "request"
    request.write_bytes(call)
    value = "v" * (VALUE_BYTES - len(AT_END)) + AT_END
    sections = {
        "manager": {"refresh": "1h", "push": "no"},
        "freshness": {"ttl": "3h", "stale": "4h"},
    }
    with Manager(work) as manager:
        manager.create_variable(KEY, value, manager.deployment_ids["prod"])
        with manager.connd(sections=sections) as connd, connd.client() as client:
            client.send(call)
            reply = client.sock.recv(65536)
            assert value.encode() in reply and reply.endswith(b"\0")
            try:
                children.append(start_floor(directory, work, request, reply))
                servers = [
                    Server("floor", work / "floor.sock", request, "\\0", children[0].pid),
                    Server("connd", connd.socket, request, "\\0", connd.running.pid),
                ]
                for start in (start_memcached, start_redis):
                    started = start(work, value)
                    if started:
                        children.append(started[0])
                        servers.append(started[1])
                for name, program in (one.split("=", 1) for one in also):
                    other = manager.connd(sections=sections, name=name)
                    connd_testing.CONND = Path(program)
                    other.start()
                    children.append(other.running.process)
                    servers.append(Server(name, other.socket, request, "\\0", other.running.pid))
                print(
                    f"request {len(call)} bytes, reply {len(reply)} bytes, {rounds} rounds of "
                    f"{milliseconds} ms each, in turn; median (quartiles)"
                )
                for mode in modes():
                    measured = {s.name: Measured() for s in servers}
                    for server in servers:  # warms up
                        measure(directory / "load", server, mode, milliseconds // 4, Measured())
                    for _ in range(rounds):
                        for s in servers:
                            measure(directory / "load", s, mode, milliseconds, measured[s.name])
                    report(figures, mode, measured)
            finally:
                for child in children:
                    child.terminate()
                    child.wait()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--milliseconds", type=int, default=150)
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name:
        figures = bench(
            Path(name), options.directory.resolve(), options.rounds, options.milliseconds,
            options.also,
        )  # fmt: skip
    figures.dump(options.json)


if __name__ == "__main__":
    main()
