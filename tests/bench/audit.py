# SPDX-License-Identifier: Apache-2.0
"""How connd-manager's audit log and an object's history cost as they grow to a million records: a
page, pages that follow each other, filters, a write beside them, pruning.

    audit.py [--rounds N] [--rows N ...] [--json FILE]

The records are made by SQL while no manager runs, since a million changes by the API take minutes:
copies of a real one, of 1 000 objects and 20 tokens, a second apart. Times are CPU times of the
manager, all threads together, beside those of the smallest size. The data is in memory where there
is room.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Manager
from figures import Figures, cpu_us, rss_kib
from manager_http import connection, send

ROWS = (10_000, 100_000, 1_000_000)
OBJECTS, TOKENS = 1000, 20
RARE = 50  # one key in so many records has the name that is searched for
PAGE = 100
TIMES = 10  # requests for one value


def fill(database: Path, rows: int) -> None:
    """Makes that many records of the last change, the newest of them now."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(audit)")]
        made = {
            "n": "last.n + i",
            "at_ms": f"last.at_ms - ({rows} - i) * 1000",
            "actor": f"printf('%s%04d', substr(last.actor, 1, 21), i % {TOKENS})",
            "subject_id": f"printf('%s%04d', substr(last.subject_id, 1, 21), i % {OBJECTS})",
            "key": f"CASE WHEN i % {RARE} = 0 THEN 'rare' ELSE printf('key_%d', i % {OBJECTS}) END",
            "request_id": "printf('request-%d', i)",
        }
        values = [made.get(name, f"last.{name}") for name in columns]
        db.execute(
            "WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted "
            "WHERE i < ?), last AS (SELECT * FROM audit ORDER BY n DESC LIMIT 1) "
            f"INSERT INTO audit ({', '.join(columns)}) "
            f"SELECT {', '.join(values)} FROM counted, last",
            (rows,),
        )
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Size:
    """A manager with so many records."""

    def __init__(self, directory: Path, rows: int) -> None:
        self.rows = rows
        directory.mkdir()
        self.manager = Manager(directory)
        self.manager.serve()
        self.written = self.manager.create_variable(
            "written", "0", self.manager.deployment_ids["prod"]
        )
        self.manager.stop()
        fill(self.manager.data / "manager.db", rows)
        self.manager.serve()
        self.over = connection(self.manager)
        self.audit = f"/v1/organizations/{self.manager.organization}/audit-log"
        self.token = self.get(f"{self.audit}?limit=1")["history"][0]["by"]["id"]
        self.turn = 0

    @property
    def pid(self) -> int:
        assert self.manager.program
        return self.manager.program.pid

    def get(self, path: str) -> Any:
        reply = send(self.manager, "GET", path, over=self.over)
        assert reply.status == 200, reply.raw[:300]
        return reply.body

    def cpu_of(self, what: Callable[[], object], times: int = TIMES) -> float:
        before = cpu_us(self.pid)
        for _ in range(times):
            what()
        return (cpu_us(self.pid) - before) / times

    def page(self, query: str = "") -> float:
        return self.cpu_of(lambda: self.get(f"{self.audit}?limit={PAGE}{query}"))

    def pages(self) -> float:
        """Ten pages that follow each other, for each."""
        return self.cpu_of(lambda: [
            self.get(f"{self.audit}?limit={PAGE}&offset={PAGE * i}") for i in range(10)
        ], 1) / 10  # fmt: skip

    def first_look(self) -> float:
        """What a filter leaves out is counted once."""
        self.turn += 1
        return self.cpu_of(lambda: self.get(f"{self.audit}?search=none{self.turn}"), 1) / self.rows

    def write(self) -> float:
        def change() -> None:
            self.turn += 1
            self.manager.update(self.written, airflowVariable={"value": str(self.turn)})

        return self.cpu_of(change)

    def measures(self) -> dict[str, tuple[Callable[[], float], float]]:
        """Name -> (a measurement, the limit of its ratio to the smallest size)."""
        workspace = self.manager.workspace
        return {
            "the first page": (self.page, 1.5),
            "pages that follow each other": (self.pages, 1.5),
            "a page of one Workspace": (lambda: self.page(f"&workspaceId={workspace}"), 1.5),
            "a page of one token": (lambda: self.page(f"&tokenId={self.token}"), 1.5),
            "a page of one action": (lambda: self.page("&action=CREATE"), 1.5),
            "a page without reads": (lambda: self.page("&reads=false"), 1.5),
            "one request": (lambda: self.page("&requestId=request-77"), 1.5),
            "a page of a rare name": (lambda: self.page("&search=rare"), 1.5),
            "an update beside it": (self.write, 1.5),
            "the first page of a filter, for each record": (self.first_look, 1.5),
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="connd-audit-", dir=place) as name:
        sizes = [Size(Path(name) / str(rows), rows) for rows in options.rows]
        try:
            measure(figures, sizes, options.rounds)
        finally:
            for size in sizes:
                size.over.close()
                size.manager.stop()
    figures.dump(options.json)


def measure(figures: Figures, sizes: Sequence[Size], rounds: int) -> None:
    for what in sizes[0].measures():
        values: dict[int, list[float]] = {size.rows: [] for size in sizes}
        limit = 0.0
        for round in range(rounds + 1):
            for size in sizes:
                call, limit = size.measures()[what]
                value = call()
                if round:  # the first fills what is kept
                    values[size.rows].append(value)
        smallest = sizes[0].rows
        for size in sizes:
            figures.add(
                "audit log, by its records", f"CPU of {what}", "us", values[size.rows],
                {f"that of {smallest:,}": values[smallest]}, x=size.rows,
                bar=limit if size.rows > smallest else None,
            )  # fmt: skip
    for size in sizes:
        data = (size.manager.data / "manager.db").stat().st_size
        figures.add("audit log, by its records", "database, for each record", "bytes",
                    [data / size.rows], x=size.rows)  # fmt: skip
        figures.add("audit log, by its records", "resident memory", "KiB",
                    [rss_kib(size.pid)], x=size.rows)  # fmt: skip


if __name__ == "__main__":
    main()
