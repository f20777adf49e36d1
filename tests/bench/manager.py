# SPDX-License-Identifier: Apache-2.0
"""How fast the manager responds, compared with baselines of this machine: an evhttp server with an
empty handler (httpfloor.c), the store read and decrypted without HTTP (rows.c), and one thread that
sends a thousand prepared responses (waitfloor.c). What is compared is measured in the same run,
interleaved, so that the ratios are comparable.

    manager.py DIRECTORY [--rounds N] [--milliseconds MS] [--rows N] [--waiting N] [--json FILE]

DIRECTORY contains the built helpers. Servers and baselines run on the first CPU. The clients share
it for round trips, and use the last CPU for lists.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Manager
from figures import Figures
from manager_http import connection, objects, send

CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = CPUS[0], CPUS[-1]
HEAD_END, LIST_END = "\r\n\r\n", "\r\n0\r\n\r\n"
AT_ONCE = 20
PAGE = 1000
UPDATES = 5
IDLE_SECONDS = 3.0


def on(cpu: int) -> Callable[[], None]:
    """For a child process: pins it to a CPU, with priority where allowed."""

    def settle() -> None:
        os.sched_setaffinity(0, {cpu})
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)

    return settle


class Requests(NamedTuple):
    """Files for waiters.c."""

    list: Path
    update: Path
    tokens: Path


class Bench:
    def __init__(self, work: Path, directory: Path, options: argparse.Namespace) -> None:
        self.work, self.directory, self.options = work, directory, options
        self.manager = Manager(work)
        self.prod = self.manager.deployment_ids["prod"]
        self.dev = self.manager.deployment_ids["dev"]
        self.report = Figures()
        self.idle_ms: float | None = None  # CPU time of the manager while all clients wait

    # --- requests and helpers ---------------------------------------------------------------

    def head(self, method: str, path: str, *more: str, token: bool = True) -> str:
        """A request without the empty line that ends it."""
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.manager.port}",
            *([f"Authorization: Bearer {self.manager.token}"] if token else []),
            "Accept: */*",
            *more,
        ]
        return "\r\n".join(lines) + "\r\n"

    def file(self, name: str, text: str) -> Path:
        path = self.work / name
        path.write_bytes(text.encode())
        return path

    def view(self, deployment: str, limit: int, offset: int = 0) -> str:
        return (
            f"{objects(self.manager)}?objectType=CONNECTION&deploymentId={deployment}"
            f"&resolveLinked=true&showSecrets=true&limit={limit}&offset={offset}"
            "&sorts=objectKey:asc"
        )

    def tag(self, path: str) -> str:
        reply = send(self.manager, "GET", path)
        assert reply.status == 200, reply.raw[:500]
        return reply.headers["etag"]

    def helper(self, cpu: int, name: str, *args: object) -> Any:
        done = subprocess.run(
            [self.directory / name, *map(str, args)],
            check=True, stdout=subprocess.PIPE, text=True, preexec_fn=on(cpu),
        )  # fmt: skip
        return json.loads(done.stdout)

    def load(
        self, cpu: int, port: int, request: Path, end: str, clients: int = 1, ms: int | None = None
    ) -> Any:
        wanted = self.options.milliseconds if ms is None else ms
        return self.helper(cpu, "load", port, request, end, clients, 1, wanted)

    @property
    def pid(self) -> int:
        assert self.manager.program
        return self.manager.program.pid

    def serve(self) -> None:
        self.manager.serve()
        os.sched_setaffinity(self.pid, {FIRST})
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.pid, -20)

    def fill(self) -> None:
        """Half of the rows are the Deployment's own, half come from the Workspace through links."""
        over = connection(self.manager)
        for n in range(self.options.rows):
            own = n % 2 == 0
            body = {
                "objectType": "CONNECTION",
                "objectKey": f"conn_{n:05d}",
                "scope": "DEPLOYMENT" if own else "WORKSPACE",
                "scopeEntityId": self.prod if own else self.manager.workspace,
                "connection": {
                    "type": "postgres",
                    "host": f"db-{n}.example.com",
                    "login": "etl",
                    "password": f"password-{n:05d}",
                    "schema": "warehouse",
                    "port": 5432,
                    "extra": {"sslmode": "require", "application_name": f"airflow-{n}"},
                },
            }
            if not own:
                body["links"] = [{"scope": "DEPLOYMENT", "scopeEntityId": self.prod}]
            reply = send(self.manager, "POST", objects(self.manager), body, over=over)
            assert reply.status == 200, reply.raw[:500]
        over.close()

    # --- the limits -------------------------------------------------------------------------

    def unmodified(self) -> None:
        path = self.view(self.prod, PAGE)
        request = self.head("GET", path, f"If-None-Match: {self.tag(path)}")
        file = self.file("unmodified", request + "\r\n")
        floor = subprocess.Popen(
            [self.directory / "httpfloor"], stdout=subprocess.PIPE, text=True,
            preexec_fn=on(FIRST),
        )  # fmt: skip
        try:
            assert floor.stdout
            ports = {"evhttp": int(floor.stdout.readline()), "manager": self.manager.port}
            figures: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(self.options.rounds):
                for name, port in ports.items():
                    got = self.load(FIRST, port, file, HEAD_END)
                    figures[name].append(got["p50_us"])
        finally:
            floor.kill()
            floor.wait()
        what = "manager, a 304, one client, one CPU"
        self.report.add(what, "evhttp, empty handler", "us", figures["evhttp"])
        self.report.add(
            what, "manager", "us", figures["manager"], {"evhttp": figures["evhttp"]}, bar=1.5
        )

    def listing(self, copy: Path) -> None:
        rows = self.options.rows
        whole = self.file("whole", self.head("GET", self.view(self.prod, rows)) + "\r\n")
        pages = [
            self.file(f"page-{at}", self.head("GET", self.view(self.prod, PAGE, at)) + "\r\n")
            for at in range(0, rows, PAGE)
        ]
        figures: dict[str, list[float]] = {"store": [], "one list": [], "pages": []}
        self.load(LAST, self.manager.port, whole, LIST_END, ms=1)
        for _ in range(self.options.rounds):
            floor = self.helper(FIRST, "rows", copy, self.prod, self.options.milliseconds)
            assert floor["rows"] == rows, floor
            figures["store"].append(floor["seconds"] / floor["answered"] * 1e3)
            got = self.load(LAST, self.manager.port, whole, LIST_END)
            figures["one list"].append(got["seconds"] / got["answered"] * 1e3)
            took = [self.load(LAST, self.manager.port, page, LIST_END, ms=1) for page in pages]
            figures["pages"].append(sum(g["seconds"] / g["answered"] for g in took) * 1e3)
        what = f"manager, a list of {rows:,} resolved connections with secrets"
        self.report.add(what, "rows read and decrypted", "ms", figures["store"])
        for name in ("one list", "pages"):
            base = {"read and decrypted": figures["store"]}
            self.report.add(what, name, "ms", figures[name], base, bar=3)
        self.memory(what, whole)

    def peak_kib(self, clients: int, request: Path) -> int:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # the peak starts anew
        self.load(LAST, self.manager.port, request, LIST_END, clients, ms=1)
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1])

    def memory(self, what: str, request: Path) -> None:
        one, many = self.peak_kib(1, request), self.peak_kib(AT_ONCE, request)
        each = (many - one) / (AT_ONCE - 1)
        self.report.add(what, "peak memory for each client more", "KiB", [each])

    def cpu_ms(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def own_tokens(self) -> list[str]:
        """One token for each waiting client, with the same rights as the shared one."""
        over = connection(self.manager)
        path = f"/v1/organizations/{self.manager.organization}/tokens"
        body = {"scope": "DEPLOYMENT", "scopeEntityId": self.dev, "role": "MEMBER"}
        made = []
        for n in range(self.options.waiting):
            reply = send(self.manager, "POST", path, {"name": f"waiter {n}", **body}, over=over)
            assert reply.status == 200, reply.raw[:500]
            made.append(reply.body["token"])
        over.close()
        return made

    def told(self, port: int, requests: Requests, tag: str) -> list[dict[str, float]]:
        """Measures some updates: when the waiting clients have their responses. The first call
        begins with IDLE_SECONDS of waiting."""
        process = subprocess.Popen(
            [
                self.directory / "waiters", str(port), str(self.options.waiting), str(UPDATES),
                requests.list, tag, requests.update, requests.tokens,
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=on(LAST),
        )  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        if self.idle_ms is None and port == self.manager.port:
            before = self.cpu_ms()
            time.sleep(IDLE_SECONDS)
            self.idle_ms = self.cpu_ms() - before
        out, _ = process.communicate("go\n", timeout=60)
        assert process.returncode == 0
        return [json.loads(line) for line in out.splitlines()]

    def waiting(self) -> None:
        variable = self.manager.create_variable("waited_for", "00000000", self.dev)
        # One CPU for the manager, one for the clients, so that they do not wait for each other.
        path = self.view(self.dev, PAGE).replace("CONNECTION", "AIRFLOW_VARIABLE")
        body = json.dumps({"airflowVariable": {"value": "########"}})
        update = self.head(
            "POST", f"{objects(self.manager)}/{variable}", "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )  # fmt: skip
        shared = Requests(
            self.file("list", self.head("GET", path, token=False)),
            self.file("update", f"{update}\r\n{body}"),
            self.file("token", f"{self.manager.token}\n"),
        )
        tokens = self.file("tokens", "".join(f"{token}\n" for token in self.own_tokens()))
        own = Requests(shared.list, shared.update, tokens)
        size = len(send(self.manager, "GET", path).raw)
        floor = subprocess.Popen(
            [self.directory / "waitfloor", str(size)], stdout=subprocess.PIPE, text=True,
            preexec_fn=on(FIRST),
        )  # fmt: skip
        try:
            assert floor.stdout
            asked = {
                "floor": (int(floor.stdout.readline()), shared),
                "one token": (self.manager.port, shared),
                "own tokens": (self.manager.port, own),
            }
            lines: dict[str, list[dict[str, float]]] = {name: [] for name in asked}
            for _ in range(self.options.rounds):
                for name, (port, requests) in asked.items():
                    lines[name] += self.told(port, requests, self.tag(path))
        finally:
            floor.kill()
            floor.wait()
        what = f"manager, {self.options.waiting:,} clients wait, from the 200 of an update"
        for key, title in (("p50_us", "median client"), ("last_us", "the last client")):
            ms = {
                name: [answer[key] / 1e3 for answer in answers] for name, answers in lines.items()
            }
            self.report.add(what, f"{title}, one thread that only sends", "ms", ms["floor"])
            for name in ("one token", "own tokens"):
                self.report.add(
                    what, f"{title}, {name}", "ms", ms[name], {"only sending": ms["floor"]}
                )
        self.report.add(
            what, f"CPU while they wait for {IDLE_SECONDS:g} s", "ms", [self.idle_ms or 0.0]
        )

    def run(self) -> None:
        print(f"{self.options.rounds} rounds, in turn; median (quartiles)")
        self.serve()
        self.fill()
        self.manager.stop()
        copy = self.work / "copy"
        shutil.copytree(self.manager.data, copy, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
        self.serve()
        try:
            self.unmodified()
            self.listing(copy)
            self.waiting()
        finally:
            self.manager.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--milliseconds", type=int, default=300)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # In memory if possible: no limit depends on the disk, and filling is faster.
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="connd-bench-", dir=shm if os.access(shm, os.W_OK) else None
    ) as name:
        bench = Bench(Path(name), options.directory.resolve(), options)
        bench.run()
        bench.report.dump(options.json)


if __name__ == "__main__":
    main()
