# SPDX-License-Identifier: Apache-2.0
"""Many lookups and a week of refreshes, without their pauses: memory and descriptors of connd stay.

    long_run.py DIRECTORY [--lookups N] [--refreshes N] [--slices N] [--json FILE]

DIRECTORY contains the built `load`. In each slice clients ask as fast as they can while every list
of the manager is another one, so that each refresh builds a generation and frees one. The refreshes
that are left then follow with one client that asks less often. After each slice, with no client
connected and no sync running, memory and descriptors are counted. Exit 1 if
the second half of the slices has more of either than the first (memory: by 1 MiB), which has filled
what is kept for reuse.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Connd, eventually
from faulty_manager import FaultyManager
from figures import Figures, rss_kib
from growth import QUIET, frame
from outage import Prepared, rebuilding

OBJECTS = 200
WEEK = 7 * 24 * 3600 // 30  # refreshes, one every 30 s
CLIENTS, DEPTH = 64, 8
SLICE_MS = 1000
PAUSE = 0.005  # seconds between two looks at a refresh, and two lookups beside it
MOST_MORE_KIB = 1024


class Counted:
    """What there is after each slice."""

    def __init__(self) -> None:
        self.kib: list[float] = []
        self.descriptors: list[float] = []
        self.p99_us: list[float] = []
        self.lookups = 0
        self.refreshes = 0

    def take(self, connd: Connd) -> None:
        eventually(lambda: not connd.status()["syncing"], "the last sync has ended")
        eventually(lambda: connd.accepted() == 0, "no client is connected")
        self.kib.append(rss_kib(connd.running.pid))
        self.descriptors.append(len(os.listdir(f"/proc/{connd.running.pid}/fd")))


def slice_of(
    load: Path, connd: Connd, manager: Prepared, request: Path, counted: Counted, lookups: int,
    refreshes: int,
) -> None:  # fmt: skip
    """So many lookups and refreshes at least."""
    over = threading.Event()
    thread = threading.Thread(target=rebuilding, args=(connd, manager, over, PAUSE))
    asked, turn, p99 = 0, manager.turn, 0.0
    thread.start()
    while asked < lookups:
        done = subprocess.run(
            [load, connd.socket, request, "\\0", str(CLIENTS), str(DEPTH), str(SLICE_MS)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        got = json.loads(done.stdout)
        asked += got["answered"]
        p99 = max(p99, got["p99_us"])
    with connd.client() as client:
        while manager.turn - turn < refreshes:
            assert client.connection(f"service_{OBJECTS // 2}")
            asked += 1
            time.sleep(PAUSE)
    over.set()
    thread.join()
    counted.lookups += asked
    counted.refreshes += manager.turn - turn
    counted.p99_us.append(p99)
    counted.take(connd)


def growth(values: list[float]) -> float:
    """The most of the second half less the most of the first."""
    half = len(values) // 2
    return max(values[half:]) - max(values[:half])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--lookups", type=int, default=50_000_000)
    parser.add_argument("--refreshes", type=int, default=WEEK)
    parser.add_argument("--slices", type=int, default=20, help="2 at least")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load, counted = options.directory.resolve() / "load", Counted()
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name, FaultyManager() as faulty:
        manager = Prepared(faulty, OBJECTS)
        request = Path(name) / "request"
        request.write_bytes(frame(OBJECTS // 2))
        with faulty.connd(Path(name), QUIET) as connd:
            for i in range(options.slices):
                slice_of(
                    load, connd, manager, request, counted, options.lookups // options.slices,
                    options.refreshes // options.slices,
                )  # fmt: skip
                print(
                    f"  {i + 1}: {counted.lookups:,} lookups, {counted.refreshes:,} refreshes, "
                    f"{counted.kib[-1]:,.0f} KiB, {counted.descriptors[-1]:.0f} descriptors, "
                    f"p99 {counted.p99_us[-1]:.0f} us",
                    flush=True,
                )
    figures = Figures()
    what = f"{counted.lookups:,} lookups and {counted.refreshes:,} refreshes"
    more_kib, more_descriptors = growth(counted.kib), growth(counted.descriptors)
    figures.add(what, "resident memory", "KiB", counted.kib)
    figures.add(what, "descriptors", "", counted.descriptors)
    figures.add(what, "more memory in the second half", "KiB", [more_kib], bar=MOST_MORE_KIB)
    figures.add(what, "more descriptors in the second half", "", [more_descriptors], bar=0)
    figures.add(what, "p99, 512 requests in flight", "us", counted.p99_us)
    figures.dump(options.json)
    return 1 if more_kib > MOST_MORE_KIB or more_descriptors > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
