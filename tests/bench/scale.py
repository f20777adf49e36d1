# SPDX-License-Identifier: Apache-2.0
"""One manager that holds ten thousand waiting clients, and what that means for a hundred thousand
sidecars.

    scale.py FLEET [--clients N] [--sidecars N] [--managers N] [--objects N ...] [--json FILE]

First a real manager with N clients in two processes, a hundred for each Deployment: descriptors,
memory and CPU time for a client that waits, for a change that wakes one Deployment's clients, for
one that wakes all, and for the other requests that connd makes. Then FLEET, the built simulation
(tests/sim/fleet), with the costs that were measured. Works without root; the limit of open files
must allow N and some more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Manager
from figures import Figures, cpu_us, rss_kib
from manager_http import connection, objects, send

EACH = 100  # clients of a Deployment
ROWS = 100  # objects in it
PROCESSES = 2
ROUNDS = 5
PATIENCE = 60.0


def raise_limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# --- the clients ----------------------------------------------------------------------------


class Clients:
    """Connections of one process, each with the ETag that it has seen last."""

    def __init__(self, port: int, heads: Sequence[bytes], tags: Sequence[str]) -> None:
        self.heads, self.tags = heads, list(tags)
        self.socks = [socket.create_connection(("127.0.0.1", port)) for _ in heads]
        self.selector = selectors.DefaultSelector()
        for i, sock in enumerate(self.socks):
            self.selector.register(sock, selectors.EVENT_READ, i)

    def hold(self, n: int) -> None:
        """The last n send a request that is held."""
        for sock, head, tag in list(zip(self.socks, self.heads, self.tags, strict=True))[-n:]:
            sock.sendall(head + f"If-None-Match: {tag}\r\nPrefer: wait=60\r\n\r\n".encode())

    def read(self, n: int) -> None:
        """Reads n responses, which fit into one segment each."""
        end = time.monotonic() + PATIENCE
        while n:
            assert time.monotonic() < end, f"{n} clients have no response"
            for key, _ in self.selector.select(1):
                head = self.socks[key.data].recv(65536).decode()
                assert head.startswith(("HTTP/1.1 200", "HTTP/1.1 304")), head
                tag = head.lower().index("\r\netag: ") + 8
                self.tags[key.data] = head[tag : head.index("\r\n", tag)]
                n -= 1


def run_clients(
    pipe: multiprocessing.connection.Connection, port: int, heads: Sequence[bytes],
    tags: Sequence[str],
) -> None:  # fmt: skip
    raise_limit()
    clients: Clients | None = None
    while True:
        order, argument = pipe.recv()
        if order == "connect":
            clients = Clients(port, heads, tags)
        elif order == "end":
            return
        else:
            assert clients
            getattr(clients, order)(argument)
        pipe.send("done")


class Fleet:
    """The processes of the clients."""

    def __init__(self, port: int, heads: Sequence[bytes], tags: Sequence[str]) -> None:
        self.pipes = []
        self.children = []
        for i in range(PROCESSES):
            mine, theirs = multiprocessing.Pipe()
            child = multiprocessing.Process(
                target=run_clients, args=(theirs, port, heads[i::PROCESSES], tags[i::PROCESSES]),
                daemon=True,
            )  # fmt: skip
            child.start()
            self.pipes.append(mine)
            self.children.append(child)

    def all(self, order: str, argument: int = 0) -> None:
        for pipe in self.pipes:
            pipe.send((order, argument))
        for pipe in self.pipes:
            assert pipe.recv() == "done"

    def end(self) -> None:
        for pipe, child in zip(self.pipes, self.children, strict=True):
            pipe.send(("end", None))
            child.join(PATIENCE)


# --- the manager ----------------------------------------------------------------------------


class Bench:
    def __init__(self, manager: Manager, clients: int, figures: Figures) -> None:
        self.manager, self.figures, self.n = manager, figures, clients
        self.over = connection(manager)
        assert manager.program
        self.pid = manager.program.pid
        self.group = f"one manager, {clients:,} clients wait"
        self.changes = 0

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = send(self.manager, method, path, body, named, over=self.over)
        assert reply.status in (200, 201, 304), (reply.status, reply.raw[:300])
        return reply

    def create(self, body: dict[str, Any]) -> str:
        return str(self.call("POST", objects(self.manager), body).body["id"])

    def make_places(self) -> None:
        path = f"/v1/organizations/{self.manager.organization}/deployments"
        self.places = []
        for i in range(self.n // EACH):
            body = {"name": f"d{i}", "workspaceId": self.manager.workspace}
            self.places.append(self.call("POST", path, body).body["id"])
        self.own = [self.connection_in(place, "own") for place in self.places]
        for i in range(ROWS - 2):
            self.connection_in(self.places[0], f"filler_{i}")
        self.shared = self.create({
            "objectType": "CONNECTION", "objectKey": "shared", "scope": "WORKSPACE",
            "scopeEntityId": self.manager.workspace, "connection": {"type": "postgres"},
            "autoLinkDeployments": True,
        })  # fmt: skip

    def connection_in(self, place: str, key: str) -> str:
        return self.create({
            "objectType": "CONNECTION", "objectKey": key, "scope": "DEPLOYMENT",
            "scopeEntityId": place,
            "connection": {"type": "postgres", "host": f"db-{key}", "password": "p" * 24},
        })  # fmt: skip

    def view(self, place: str, more: str = "") -> str:
        return (
            f"{objects(self.manager)}?{more}deploymentId={place}&resolveLinked=true"
            "&showSecrets=true"
        )

    def held_view(self, place: str) -> str:
        """What connd's held request asks for: all types, no rows."""
        return self.view(place) + "&limit=0&offset=0&sorts=objectKey:asc"

    def head(self, path: str) -> bytes:
        return (
            f"GET {path} HTTP/1.1\r\nHost: manager\r\n"
            f"Authorization: Bearer {self.manager.token}\r\n"
        ).encode()

    def change(self, object_id: str, **more: Any) -> None:
        self.changes += 1
        connection = {"type": "postgres", "host": f"db-{self.changes}"}
        self.call(
            "POST", f"{objects(self.manager)}/{object_id}", {"connection": connection, **more}
        )

    def cpu_of(self, what: Callable[[], object]) -> float:
        before = cpu_us(self.pid)
        what()
        return cpu_us(self.pid) - before

    def add(self, name: str, unit: str, values: Sequence[float], **more: Any) -> float:
        return self.figures.add(self.group, name, unit, values, **more).value.median

    # --- the figures ----------------------------------------------------------------------

    @contextlib.contextmanager
    def waiting(self) -> Iterator[Fleet]:
        paths = [self.held_view(self.places[i // EACH]) for i in range(self.n)]
        tags = {path: self.call("GET", path).headers["etag"] for path in set(paths)}
        port = self.manager.port
        fleet = Fleet(port, [self.head(p) for p in paths], [tags[p] for p in paths])
        try:
            yield fleet
        finally:
            fleet.end()

    def settle(self) -> None:
        """The manager has read what was sent before: it serves a request after its turn."""
        for _ in range(5):
            self.call("GET", self.held_view(self.places[0]))
            time.sleep(0.02)

    def run(self) -> dict[str, float]:
        costs = {}
        before_kib, before_fds = rss_kib(self.pid), self.descriptors()
        with self.waiting() as fleet:
            connect = self.cpu_of(lambda: (fleet.all("connect"), self.settle())) / self.n
            costs["connection"] = self.add("CPU of a new connection", "us", [connect])
            self.add("memory for an idle connection", "KiB", [self.kib_each(before_kib)])
            held = self.cpu_of(lambda: self.hold(fleet, self.n))
            costs["hold"] = self.add("CPU of a request that is held", "us", [held / self.n])
            self.add("descriptors for each client", "",
                     [(self.descriptors() - before_fds) / self.n], bar=1.01)  # fmt: skip
            self.add("memory for each client", "KiB", [self.kib_each(before_kib)])
            idle = self.cpu_of(lambda: time.sleep(3)) / 3
            self.add("CPU while all wait, for each second", "us", [idle])
            self.wake_some(fleet)
            costs["woken"] = self.wake_all(fleet)
        costs["unmodified"] = self.unmodified()
        costs["row"] = self.row()
        return costs

    def kib_each(self, before_kib: int) -> float:
        return (rss_kib(self.pid) - before_kib) / self.n

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def wake_some(self, fleet: Fleet) -> None:
        """A change in the last Deployment: its clients alone get a response."""
        values = []
        for _ in range(ROUNDS):
            values.append(self.cpu_of(lambda: (
                self.change(self.own[-1]), fleet.all("read", EACH // PROCESSES),
            )) / EACH)  # fmt: skip
            self.hold(fleet, EACH)
        self.add(f"CPU of a change that wakes {EACH}, for each of them", "us", values)

    def hold(self, fleet: Fleet, n: int) -> None:
        fleet.all("hold", n // PROCESSES)
        self.settle()

    def wake_all(self, fleet: Fleet) -> float:
        values, taken = [], []

        def wake() -> None:
            began = time.monotonic()
            self.change(self.shared, autoLinkDeployments=True)
            fleet.all("read", self.n // PROCESSES)
            taken.append((time.monotonic() - began) * 1e3)

        for _ in range(ROUNDS):
            values.append(self.cpu_of(wake) / self.n)
            self.hold(fleet, self.n)
        self.add("a change that wakes all, until the last has read it", "ms", taken)
        return self.add("CPU of a change that wakes all, for each of them", "us", values)

    def unmodified(self) -> float:
        path = self.view(self.places[0], "objectType=CONNECTION&") + "&limit=1000"
        tag = self.call("GET", path).headers["etag"]
        values = []
        for _ in range(ROUNDS):
            values.append(self.cpu_of(lambda: [
                self.call("GET", path, If_None_Match=tag) for _ in range(200)
            ]) / 200)  # fmt: skip
        return self.add("CPU of a 304", "us", values)

    def row(self) -> float:
        path = self.view(self.places[0], "objectType=CONNECTION&") + "&limit=1000"
        values = []
        for _ in range(ROUNDS):
            values.append(self.cpu_of(lambda: [
                self.call("GET", path) for _ in range(20)
            ]) / 20 / ROWS)  # fmt: skip
        return self.add(f"CPU of a row, in a list of {ROWS}", "us", values)


# --- the simulation -------------------------------------------------------------------------


def simulate(
    program: Path, options: argparse.Namespace, costs: dict[str, float], n_objects: int,
    figures: Figures,
) -> None:  # fmt: skip
    argv = [
        str(program), "--sidecars", str(options.sidecars), "--managers", str(options.managers),
        "--deployments", str(options.sidecars // EACH), "--objects", str(n_objects),
    ]  # fmt: skip
    for name, us in costs.items():
        argv += [f"--{name}", str(max(1, round(us)))]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        scene = json.loads(line)
        group = (
            f"{options.sidecars:,} sidecars, {options.managers} managers, {n_objects} objects: "
            f"{scene['scene']}"
        )
        figures.add(group, "requests a second", "", [scene["mean"]])
        figures.add(group, "in the busiest second", "", [scene["peak"]])
        figures.add(group, "CPUs, of all managers", "", [scene["cpus"]])
        figures.add(group, "CPUs, of the busiest in its busiest second", "", [scene["peak_cpu"]])
        figures.add(group, "longest wait for a manager", "ms", [scene["queue_ms"]])
        figures.add(group, "lists put off with 503", "", [scene["put_off"]])
        figures.add(group, "requests without a response in time", "", [scene["timed_out"]], bar=0)
        if scene["seen_last_ms"]:
            for name in ("p50", "p99", "last"):
                figures.add(
                    group, f"served by the sidecars, {name}", "ms", [scene[f"seen_{name}_ms"]]
                )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("fleet", type=Path)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--sidecars", type=int, default=100_000)
    parser.add_argument("--managers", type=int, default=10)
    parser.add_argument("--objects", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    limit = raise_limit()
    clients = min(options.clients, (limit - 1000) // EACH // PROCESSES * EACH * PROCESSES)
    figures = Figures()
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="connd-scale-", dir=place) as name,
        Manager(Path(name)) as manager,
    ):
        bench = Bench(manager, clients, figures)
        bench.make_places()
        costs = bench.run()
    for n_objects in options.objects:
        simulate(options.fleet.resolve(), options, costs, n_objects, figures)
    figures.dump(options.json)


if __name__ == "__main__":
    main()
