# SPDX-License-Identifier: Apache-2.0
"""connd-manager on PostgreSQL, beside the same content on SQLite, and two managers beside one.

    two_managers.py DIRECTORY [--rounds N] [--milliseconds MS] [--rows N] [--json FILE]

DIRECTORY contains the built helpers. Each ratio is of the same round. The server is this machine's
newest PostgreSQL, without fsync, since no limit depends on the disk.

Whether two managers carry 1.6 times what one does shows only where they, their clients and the
database have cores of their own. So the CPU of a list is measured as well, the database's included:
with at most 1 / 0.8 of it at two managers, cores are all that twice the managers need. Both limits
say the same; the first one is printed with fewer than six cores and decides nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import MANAGER, Manager
from figures import Figures, cpu_us
from manager_http import connection, objects, send
from postgres import Postgres

HEAD_END, LIST_END = "\r\n\r\n", "\r\n0\r\n\r\n"
CLIENTS = 4
WRITES = 15  # a round
CORES = len(os.sched_getaffinity(0))
ENOUGH_CORES = 6  # two managers, two of the database, the clients


def children(pid: int) -> list[int]:
    return [
        int(line)
        for task in os.listdir(f"/proc/{pid}/task")
        for line in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    ]


class Bench:
    def __init__(self, work: Path, directory: Path, options: argparse.Namespace) -> None:
        self.work, self.directory, self.options = work, directory, options
        self.report = Figures()

    # --- the managers -----------------------------------------------------------------------

    def make(self, stack: ExitStack) -> None:
        """One manager on SQLite, two on a PostgreSQL with the same content."""
        for name in ("sqlite", "postgres"):
            (self.work / name).mkdir()
        self.sqlite = Manager(self.work / "sqlite")
        self.prod = self.sqlite.deployment_ids["prod"]
        with self.sqlite:
            self.fill()
        self.database = stack.enter_context(Postgres(self.work / "postgres" / "server"))
        url = self.database.url()
        subprocess.run(
            [MANAGER, "migrate", "--from", f"sqlite:{self.sqlite.data}", "--to", url],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.one = self.sqlite.beside(self.work / "one", url)
        self.other = self.sqlite.beside(self.work / "other", url)
        for manager in (self.sqlite, self.one, self.other):
            stack.enter_context(manager)

    def fill(self) -> None:
        over = connection(self.sqlite)
        for n in range(self.options.rows):
            body = {
                "objectType": "CONNECTION",
                "objectKey": f"conn_{n:05d}",
                "scope": "WORKSPACE" if n % 2 else "DEPLOYMENT",
                "scopeEntityId": self.sqlite.workspace if n % 2 else self.prod,
                "connection": {"type": "postgres", "host": f"db-{n}", "password": f"pw-{n:05d}"},
            }
            if n % 2:
                body["links"] = [{"scope": "DEPLOYMENT", "scopeEntityId": self.prod}]
            reply = send(self.sqlite, "POST", objects(self.sqlite), body, over=over)
            assert reply.status == 200, reply.raw[:500]
        over.close()

    def view(self, of: str = "CONNECTION") -> str:
        return (
            f"{objects(self.sqlite)}?objectType={of}&deploymentId={self.prod}"
            "&resolveLinked=true&showSecrets=true&limit=1000&sorts=objectKey:asc"
        )

    # --- throughput -------------------------------------------------------------------------

    def request(self, name: str, *more: str) -> Path:
        lines = [
            f"GET {self.view()} HTTP/1.1", "Host: 127.0.0.1",
            f"Authorization: Bearer {self.sqlite.token}", *more,
        ]  # fmt: skip
        path = self.work / name
        path.write_text("\r\n".join(lines) + "\r\n\r\n", newline="")
        return path

    def load(self, managers: list[Manager], request: Path, end: str) -> float:
        """Requests a second, of all together."""
        loads = [
            subprocess.Popen(
                [self.directory / "load", str(manager.port), request, end, str(CLIENTS), "1",
                 str(self.options.milliseconds)],
                stdout=subprocess.PIPE, text=True,
            )
            for manager in managers
        ]  # fmt: skip
        rate = 0.0
        for load in loads:
            out, _ = load.communicate(timeout=60)
            assert load.returncode == 0
            said = json.loads(out)
            rate += said["answered"] / said["seconds"]
            self.answered += said["answered"]
        return rate

    def cpu_us(self) -> float:
        """Of the managers on PostgreSQL and of the database."""
        assert self.database.process
        pids = [m.program.pid for m in (self.one, self.other) if m.program]
        server = self.database.process.pid
        return sum(cpu_us(pid) for pid in (*pids, server, *children(server)))

    def stores(self) -> None:
        tag = send(self.sqlite, "GET", self.view()).headers["etag"]
        assert send(self.one, "GET", self.view()).headers["etag"] == tag
        wanted = {
            f"a list of {self.options.rows:,} resolved connections": (
                self.request("list"),
                LIST_END,
            ),
            "a 304": (self.request("unmodified", f"If-None-Match: {tag}"), HEAD_END),
        }
        self.answered = 0
        for what, (request, end) in wanted.items():
            rates: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
            for _ in range(self.options.rounds):
                rates["SQLite"].append(self.load([self.sqlite], request, end))
                rates["PostgreSQL"].append(self.load([self.one], request, end))
            group = f"manager, {what}, {CLIENTS} clients"
            self.report.add(group, "on SQLite", "req/s", rates["SQLite"])
            self.report.add(
                group, "on PostgreSQL", "req/s", rates["PostgreSQL"], {"SQLite": rates["SQLite"]},
                bar=0.5, at_least=True,
            )  # fmt: skip

    def both(self) -> None:
        request = self.request("list")
        rates: list[list[float]] = [[], []]
        costs: list[list[float]] = [[], []]
        self.load([self.one, self.other], request, LIST_END)  # both know the rows
        for _ in range(self.options.rounds):
            for i, managers in enumerate(([self.one], [self.one, self.other])):
                self.answered, before = 0, self.cpu_us()
                rates[i].append(self.load(managers, request, LIST_END))
                costs[i].append((self.cpu_us() - before) / self.answered)
        group = f"managers on one PostgreSQL, lists, {CLIENTS} clients each, {CORES} cores"
        bar = {"bar": 1.6, "at_least": True} if CORES >= ENOUGH_CORES else {}
        self.report.add(group, "one manager", "req/s", rates[0])
        self.report.add(group, "two managers", "req/s", rates[1], {"one": rates[0]}, **bar)
        self.report.add(group, "CPU of a list, with the database's, one", "us", costs[0])
        self.report.add(
            group, "CPU of a list, with the database's, two", "us", costs[1], {"one": costs[0]},
            bar=1.25,
        )  # fmt: skip

    # --- how soon a change arrives ----------------------------------------------------------

    def arrives_ms(self, variable: str, waits_at: Manager, value: int) -> float:
        """From sending a write to the whole response of a client that waits for the change."""
        path, waiting = self.view("AIRFLOW_VARIABLE"), connection(waits_at)
        tag = send(self.one, "GET", path).headers["etag"]
        known = {"If-None-Match": tag}
        while send(waits_at, "GET", path, headers=known, over=waiting).status != 304:
            pass  # it has not heard of the last change yet
        head = {"Authorization": f"Bearer {self.sqlite.token}", "Content-Type": "application/json"}
        waiting.request("GET", path, headers={**head, **known, "Prefer": "wait=20"})
        time.sleep(0.02)  # it is held
        body = {"airflowVariable": {"value": str(value)}}
        over = connection(self.one)
        over.connect()
        data = json.dumps(body)
        began = time.perf_counter()
        over.request("POST", f"{objects(self.one)}/{variable}", data, head)
        answer = waiting.getresponse()
        raw = answer.read()
        took = (time.perf_counter() - began) * 1e3
        assert answer.status == 200 and f'"{value}"'.encode() in raw, raw
        written = over.getresponse()
        assert written.status == 200, written.read()
        over.close()
        waiting.close()
        return took

    def change(self) -> None:
        variable = self.one.create_variable("waited_for", "0", self.prod)
        took: list[list[float]] = [[], []]
        for value in range(1, 1 + self.options.rounds * WRITES):
            for i, waits_at in enumerate((self.one, self.other)):
                took[i].append(self.arrives_ms(variable, waits_at, 2 * value + i))
        group = "managers on one PostgreSQL, from a write to the response of a client that waits"
        self.report.add(group, "at the manager that is written to", "ms", took[0])
        self.report.add(
            group, "at the other manager", "ms", took[1], {"the same manager": took[0]}, bar=3
        )

    def run(self) -> None:
        print(f"{self.options.rounds} rounds, in turn; median (quartiles)")
        with ExitStack() as stack:
            self.make(stack)
            self.stores()
            self.both()
            self.change()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=500)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # On PostgreSQL's account, which may enter nothing of root's but /tmp.
    with tempfile.TemporaryDirectory(prefix="connd-") as name:
        bench = Bench(Path(name), options.directory.resolve(), options)
        bench.run()
        bench.report.dump(options.json)


if __name__ == "__main__":
    main()
