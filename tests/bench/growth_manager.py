# SPDX-License-Identifier: Apache-2.0
"""How connd-manager's costs grow: with the rows of a list, the links of an object, the clients that
wait for a change, and the changes that its history keeps.

    growth_manager.py [--rounds N] [--json FILE]

Times are CPU times of the manager, all threads together; a ratio compares two of one round. The
data is in memory where there is room, so no disk is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Manager
from figures import Figures, cpu_us
from manager_http import connection, dial, objects, read_reply, request_text, send

SIZES = (10, 100, 1000, 10_000)
LINKS = (1, 10, 100, 1000)
MEMBERS = 20  # of each link's override
WAITING = (10, 100, 1000, 3000)
CHANGES = (10, 100, 1000, 10_000)


class Bench:
    def __init__(self, manager: Manager, rounds: int, figures: Figures) -> None:
        self.manager = manager
        self.rounds = rounds
        self.figures = figures
        self.over: http.client.HTTPConnection = connection(manager)

    @property
    def pid(self) -> int:
        assert self.manager.program
        return self.manager.program.pid

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = send(self.manager, method, path, body, named, over=self.over)
        assert reply.status in (200, 201, 304), (reply.status, reply.raw[:300])
        return reply

    def make_places(self) -> None:
        path = f"/v1/organizations/{self.manager.organization}/deployments"
        for name in names():
            body = {"name": name, "workspaceId": self.manager.workspace}
            self.manager.deployment_ids[name] = self.call("POST", path, body).body["id"]

    def variable(self, key: str, deployment: str, **more: Any) -> str:
        body = {
            "objectType": "AIRFLOW_VARIABLE", "objectKey": key,
            "airflowVariable": {"value": "x" * 64}, "scope": "DEPLOYMENT",
            "scopeEntityId": deployment, **more,
        }  # fmt: skip
        return str(self.call("POST", objects(self.manager), body).body["id"])

    def cpu_of(self, what: Callable[[], object], times: int = 1) -> float:
        before = cpu_us(self.pid)
        for _ in range(times):
            what()
        return (cpu_us(self.pid) - before) / times

    def curve(
        self, name: str, unit: str, points: dict[int, Callable[[], float]], base: int, bar: float
    ) -> None:
        """Measures all points in turn in each round."""
        values: dict[int, list[float]] = {x: [] for x in points}
        for round in range(self.rounds + 1):
            for x, measure in points.items():
                value = measure()
                if round:  # the first warms up
                    values[x].append(value)
        for x in points:
            self.figures.add(
                "growth, manager", name, unit, values[x], {f"that of {base:,}": values[base]}, x=x,
                bar=bar if x > base else None,
            )  # fmt: skip

    # --- rows of a Deployment ---------------------------------------------------------------

    def view(self, deployment: str) -> str:
        return (
            f"{objects(self.manager)}?objectType=AIRFLOW_VARIABLE&deploymentId={deployment}"
            "&resolveLinked=true&showSecrets=true&limit=10000&sorts=objectKey:asc"
        )

    def rows(self) -> None:
        places = [self.manager.deployment_ids[f"rows{n}"] for n in SIZES]
        some = {}
        for n, place in zip(SIZES, places, strict=True):
            for i in range(n):
                some[n] = self.variable(f"v{i:05}", place)
        paths = {n: self.view(place) for n, place in zip(SIZES, places, strict=True)}
        tags = {n: self.call("GET", path).headers["etag"] for n, path in paths.items()}
        self.curve("CPU of a list, for each row", "us", {
            n: lambda n=n: self.cpu_of(lambda: self.call("GET", paths[n])) / n for n in SIZES
        }, base=1000, bar=1.5)  # fmt: skip
        self.curve("CPU of a 304, by the rows of its list", "us", {
            n: lambda n=n: self.cpu_of(
                lambda: self.call("GET", paths[n], If_None_Match=tags[n]), 100
            )
            for n in SIZES
        }, base=10, bar=1.5)  # fmt: skip
        self.curve("CPU of an update, by the rows beside it", "us", {
            n: lambda n=n: self.cpu_of(lambda: self.change(some[n]), 20) for n in SIZES
        }, base=10, bar=1.5)  # fmt: skip

    def change(self, object_id: str) -> None:
        self.changes = getattr(self, "changes", 0) + 1
        body = {"airflowVariable": {"value": f"{self.changes:064}"}}
        self.call("POST", f"{objects(self.manager)}/{object_id}", body)

    # --- links ------------------------------------------------------------------------------

    def links(self) -> None:
        places = [self.manager.deployment_ids[f"link{i}"] for i in range(LINKS[-1])]
        path = objects(self.manager)

        def body(n: int, text: str) -> dict[str, Any]:
            extra = {f"member_{m}": f"{text}{m}" for m in range(MEMBERS)}
            return {
                "connection": {"type": "postgres", "host": "h"},
                "links": [
                    {"scope": "DEPLOYMENT", "scopeEntityId": place,
                     "overrides": {"connection": {"extra": extra}}}
                    for place in places[:n]
                ],
            }  # fmt: skip

        ids = {}
        for n in LINKS:
            head = {"objectType": "CONNECTION", "objectKey": f"linked_{n}", "scope": "WORKSPACE",
                    "scopeEntityId": self.manager.workspace}  # fmt: skip
            ids[n] = self.call("POST", path, head | body(n, "a")).body["id"]
        turn = [0]

        def update(n: int) -> None:
            turn[0] += 1
            self.call("POST", f"{path}/{ids[n]}", body(n, f"{turn[0]}-"))

        self.curve(f"CPU of an update, for each link with {MEMBERS} members", "us", {
            n: lambda n=n: self.cpu_of(lambda: update(n), max(1, 20 // n)) / n for n in LINKS
        }, base=100, bar=1.5)  # fmt: skip

    # --- waiting clients ----------------------------------------------------------------------

    def waiting(self) -> None:
        place = self.manager.deployment_ids["waited"]
        waited = self.variable("waited_for", place)
        path = self.view(place).removeprefix("http://")
        self.curve("CPU of a change, for each client that waits for it", "us", {
            n: lambda n=n: self.wake(waited, path, n) / n for n in WAITING
        }, base=100, bar=1.5)  # fmt: skip

    def wake(self, waited: str, path: str, n: int) -> float:
        tag = self.call("GET", path).headers["etag"]
        held = request_text(self.manager, "GET", path, f"If-None-Match: {tag}", "Prefer: wait=50")
        with contextlib.ExitStack() as on:
            waiting = [on.enter_context(contextlib.closing(dial(self.manager))) for _ in range(n)]
            for sock in waiting:
                sock.sendall(held)
            self.call("GET", path)  # behind the requests that came before it
            before = cpu_us(self.pid)
            self.change(waited)
            for sock in waiting:
                reply = read_reply(sock)
                assert reply.status == 200, (n, reply)
            return cpu_us(self.pid) - before

    # --- history ------------------------------------------------------------------------------

    def history(self) -> None:
        place = self.manager.deployment_ids["history"]
        ids = {n: self.variable(f"changed_{n}", place) for n in CHANGES}
        data = self.manager.data / "manager.db"
        before, made = data_bytes(data), 0
        for n, object_id in ids.items():
            for _ in range(n):
                self.change(object_id)
            made += n
        self.figures.add("growth, manager", "database, for each change", "bytes",
                         [(data_bytes(data) - before) / made], x=made)  # fmt: skip
        self.curve("CPU of an update, by the changes before it", "us", {
            n: lambda n=n: self.cpu_of(lambda: self.change(ids[n]), 20) for n in CHANGES
        }, base=10, bar=1.5)  # fmt: skip
        path = objects(self.manager)
        self.curve("CPU of the first page of its history", "us", {
            n: lambda n=n: self.cpu_of(
                lambda: self.call("GET", f"{path}/{ids[n]}/history?limit=10"), 20
            )
            for n in CHANGES
        }, base=10, bar=2.0)  # fmt: skip

        def read_all(n: int) -> None:
            for offset in range(0, n, 100):
                self.call("GET", f"{path}/{ids[n]}/history?limit=100&offset={offset}")

        self.curve("CPU of reading a whole history in pages of 100, for each row", "us", {
            n: lambda n=n: self.cpu_of(lambda: read_all(n)) / n for n in CHANGES
        }, base=100, bar=1.5)  # fmt: skip


def data_bytes(database: Path) -> int:
    """The database with its log."""
    return sum(path.stat().st_size for path in database.parent.glob(database.name + "*"))


def names() -> Sequence[str]:
    return [
        *(f"rows{n}" for n in SIZES), *(f"link{i}" for i in range(LINKS[-1])), "waited", "history",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="rows links waiting history")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = Figures()
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="connd-growth-", dir=place) as name,
        Manager(Path(name)) as manager,
    ):
        bench = Bench(manager, options.rounds, figures)
        bench.make_places()
        for part in options.only.split():
            getattr(bench, part)()
    figures.dump(options.json)


if __name__ == "__main__":
    main()
