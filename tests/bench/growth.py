# SPDX-License-Identifier: Apache-2.0
"""How connd's costs grow: with the number of objects, and with the number of connected clients.

    growth.py DIRECTORY [--rounds N] [--most-objects N] [--json FILE]

DIRECTORY contains the built `parse`. All sizes run at the same time and are measured in turn in
each round; a ratio compares two of one round. Times are CPU times of connd, all threads together.
The manager is a Python server with prepared pages, so it costs connd what any manager would.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Connd, Varlink, eventually
from faulty_manager import FaultyManager
from figures import Figures, cpu_us, one_cpu, rss_kib
from outage import Prepared, first_answer_ms

SIZES = (10, 100, 1000, 10_000, 100_000)
CLIENTS = (1, 10, 100, 1000, 5000)
BATCH = 50  # requests in one send(), fewer than connd reads ahead
BASE_KIB = 6 * 1024  # of memory, whatever the number of objects

QUIET = {
    "manager": {"refresh": "1h", "timeout": "60s", "push": "no"},
    "freshness": {"ttl": "3h", "stale": "4h", "deletion_guard": "100%"},
    "memory": {"max_bytes": "2G"},
}


def frame(i: int) -> bytes:
    return Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": f"service_{i}"})


def receive(client: Varlink, replies: int) -> int:
    """Receives so many replies. Returns their bytes."""
    got = size = 0
    while got < replies:
        data = client.sock.recv(1 << 20)
        assert data
        got += data.count(b"\0")
        size += len(data)
    return size


def rendered_bytes(connd: Connd) -> int:
    events = [e for e in connd.events() if e["event"] == "new generation"]
    return int(events[-1]["bytes"])


# --- objects -----------------------------------------------------------------------------------


class Size:
    """One connd with so many connections."""

    def __init__(self, on: contextlib.ExitStack, n: int) -> None:
        self.n = n
        self.work = Path(on.enter_context(tempfile.TemporaryDirectory(prefix="connd-growth-")))
        self.faulty = on.enter_context(FaultyManager())
        self.manager = Prepared(self.faulty, n)
        self.connd = self.faulty.connd(self.work, QUIET)
        self.connd.start(wait="listening")
        self.connd.wait_for(lambda s: s["state"] != "not-ready", "data", 120)
        on.callback(self.connd.stop)
        self.client = on.enter_context(self.connd.client())

    @property
    def pid(self) -> int:
        return self.connd.running.pid

    def lookups_us(self, batches: int, batch: int) -> float:
        """CPU time of a lookup of a random key. In a batch, system calls count little."""
        calls = [
            b"".join(frame(random.randrange(self.n)) for _ in range(batch)) for _ in range(batches)
        ]
        before = cpu_us(self.pid)
        for call in calls:
            self.client.send(call)
            receive(self.client, batch)
        return (cpu_us(self.pid) - before) / (batches * batch)

    def sync_us(self) -> float:
        """CPU time of one refresh that changes every object."""
        generation = self.connd.status()["generation"]
        before = cpu_us(self.pid)
        self.manager.changing = True
        self.connd.send_signal(signal.SIGHUP)
        self.connd.wait_for(
            lambda s: s["generation"] != generation and not s["syncing"], "a generation", 120
        )
        time.sleep(0.05 + self.n / 1e6)  # the old generation is wiped behind the answer
        return cpu_us(self.pid) - before

    def curl_and_parse_us(self, parse: Path) -> float:
        """CPU time of the plainest program that has the same rows in memory: curl and cJSON."""
        offsets = f"[0-{self.n - 1}:1000]" if self.n > 1000 else "[0-0]"
        url = (
            f"{self.faulty.url}/v1/organizations/{self.faulty.organization}/environment-objects"
            f"?objectType=CONNECTION&limit=1000&offset={offsets}"
        )
        used = child_us(["curl", "-sf", "-o", self.work / "page_#1", url])
        return used + child_us([parse, *sorted(self.work.glob("page_*"))])


def child_us(argv: Sequence[str | Path]) -> float:
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, argv
    return (usage.ru_utime + usage.ru_stime) * 1e6


def objects(figures: Figures, directory: Path, rounds: int, sizes: Sequence[int]) -> None:
    with contextlib.ExitStack() as on:
        running = [Size(on, n) for n in sizes]
        memory(figures, running)
        times: dict[int, list[float]] = {n: [] for n in sizes}
        single: dict[int, list[float]] = {n: [] for n in sizes}
        with one_cpu(*(size.pid for size in running)):
            for size in running:
                size.lookups_us(20, BATCH)
            for _ in range(rounds * 3):
                for size in running:
                    times[size.n].append(size.lookups_us(40, BATCH))
                    single[size.n].append(size.lookups_us(1000, 1))
        for n in sizes:
            base = {f"that of {sizes[0]}": times[sizes[0]]}
            figures.add("growth, objects", "CPU of a lookup, pipelined", "us", times[n], base, x=n)
        for n in sizes:
            base = {f"that of {sizes[0]}": single[sizes[0]]}
            figures.add("growth, objects", "CPU of a lookup", "us", single[n], base, x=n, bar=1.25)
        syncs(figures, directory / "parse", running, rounds)
        for size in running:
            peak = rss_kib(size.pid, "VmHWM") * 1024
            figures.add("growth, objects", "memory, peak of a refresh", "MiB", [peak / 2**20],
                        x=size.n)  # fmt: skip


def memory(figures: Figures, running: Sequence[Size]) -> None:
    for size in running:
        rss, rendered = rss_kib(size.pid, "RssAnon") * 1024, rendered_bytes(size.connd)
        figures.add("growth, objects", "rendered bytes", "MiB", [rendered / 2**20], x=size.n)
        figures.add(
            "growth, objects", "memory of its own", "MiB", [rss / 2**20],
            {"(2.5 x rendered + 6 MiB)": [(2.5 * rendered + BASE_KIB * 1024) / 2**20]},
            x=size.n, bar=1.0,
        )  # fmt: skip


def syncs(figures: Figures, parse: Path, running: Sequence[Size], rounds: int) -> None:
    ours: dict[int, list[float]] = {size.n: [] for size in running}
    plain: dict[int, list[float]] = {size.n: [] for size in running}
    for _ in range(rounds):
        for size in running:
            ours[size.n].append(size.sync_us() / 1e3)
            plain[size.n].append(size.curl_and_parse_us(parse) / 1e3)
    for n in ours:
        figures.add(
            "growth, objects", "CPU of a refresh", "ms", ours[n],
            {"curl and one parse": plain[n]}, x=n, bar=2.0,
        )  # fmt: skip


# --- a start from a snapshot --------------------------------------------------------------------


def starts(figures: Figures, rounds: int, sizes: Sequence[int]) -> None:
    with contextlib.ExitStack() as on:
        prepared = [prepare_start(on, n) for n in sizes]
        times: dict[int, list[float]] = {n: [] for n in sizes}
        for _ in range(rounds):
            for n, connd in zip(sizes, prepared, strict=True):
                times[n].append(first_answer_ms(connd, frame(n // 2)))
        for n in sizes:
            figures.add(
                "growth, start from a snapshot", "first answer after", "ms", times[n],
                {f"that of {sizes[0]}": times[sizes[0]]}, x=n,
            )  # fmt: skip


def prepare_start(on: contextlib.ExitStack, n: int) -> Connd:
    work = Path(on.enter_context(tempfile.TemporaryDirectory(prefix="connd-growth-")))
    (work / "snap").mkdir()
    (work / "key").write_text(secrets.token_hex(32))
    (work / "key").chmod(0o600)
    snapshot = {"path": str(work / "snap/content"), "key_file": str(work / "key")}
    faulty = on.enter_context(FaultyManager())
    Prepared(faulty, n)
    connd = faulty.connd(work, {**QUIET, "snapshot": snapshot})
    connd.start(wait="listening")
    connd.wait_for(lambda s: s["state"] != "not-ready", "data", 120)
    eventually((work / "snap/content").exists, "the snapshot", 120)
    connd.stop()
    faulty.fault = lambda x: x.reply(b"{}", 503)
    return connd


# --- clients -----------------------------------------------------------------------------------


@contextlib.contextmanager
def connected(connd: Connd, n: int) -> Iterator[list[Varlink]]:
    with contextlib.ExitStack() as on:
        clients = [on.enter_context(connd.client()) for _ in range(n)]
        for i, client in enumerate(clients):
            client.send(frame(i % 10))
            receive(client, 1)
        yield clients


def in_turn_us(connd: Connd, clients: Sequence[Varlink], lookups: int) -> float:
    """CPU time of a lookup when each comes from the next client."""
    pid, call = connd.running.pid, frame(5)
    before = cpu_us(pid)
    for i in range(lookups):
        clients[i % len(clients)].send(call)
        receive(clients[i % len(clients)], 1)
    return (cpu_us(pid) - before) / lookups


def clients(figures: Figures, rounds: int) -> None:
    sections = {**QUIET, "socket": {"max_connections": "6000", "max_connections_per_uid": "6000"}}
    one: dict[int, list[float]] = {n: [] for n in CLIENTS}
    turns: dict[int, list[float]] = {n: [] for n in CLIENTS}
    kib: dict[int, list[float]] = {n: [] for n in CLIENTS}
    with tempfile.TemporaryDirectory(prefix="connd-growth-") as name, FaultyManager() as faulty:
        Prepared(faulty, 10)
        with faulty.connd(Path(name), sections) as connd:
            for round in range(rounds + 1):
                for n in CLIENTS:
                    with connected(connd, n) as all_of_them, one_cpu(connd.running.pid):
                        a = in_turn_us(connd, all_of_them[:1], 4000)
                        b = in_turn_us(connd, all_of_them, 5000)
                        memory = rss_kib(connd.running.pid)
                    if round:  # the first warms up
                        one[n].append(a)
                        turns[n].append(b)
                        kib[n].append(memory / 1024)
    for n in CLIENTS:
        figures.add("growth, clients", "CPU of a lookup, one asks, the others are idle", "us",
                    one[n], {"that of 1": one[1]}, x=n, bar=1.5)  # fmt: skip
    for n in CLIENTS:
        figures.add("growth, clients", "CPU of a lookup, all ask in turn", "us", turns[n],
                    {"that of 1": turns[1]}, x=n, bar=1.5)  # fmt: skip
    for n in CLIENTS:
        figures.add("growth, clients", "memory", "MiB", kib[n], x=n)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most-objects", type=int, default=SIZES[-1])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = Figures()
    sizes = [n for n in SIZES if n <= options.most_objects]
    objects(figures, options.directory.resolve(), options.rounds, sizes)
    starts(figures, options.rounds, sizes)
    clients(figures, options.rounds)
    figures.dump(options.json)


if __name__ == "__main__":
    main()
