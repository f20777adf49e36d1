# SPDX-License-Identifier: Apache-2.0
"""How long lookups wait while connd reads something large: a page of 30 MiB, the same compressed, a
gzip bomb, and a probe to which a server without filters responds with its whole list.

    large_pages.py [--rounds N] [--seconds S] [--json FILE]

One lookup every 2 ms, each timed from when it was due: a daemon that blocks for 200 ms delays a
hundred of them. Rounds are interleaved; medians (min - max), and ratios to quiet rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Connd, Varlink, eventually
from faulty_manager import Exchange, FaultyManager, connection_row, variable_row
from figures import Figures

MIB = 1024 * 1024
EVERY_S = 0.002
LOOKUP = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "db"})


def probe_daemon(socket: str, seconds: float) -> None:
    """Runs in a process of its own, so that the manager's threads do not delay it. Prints p99 and
    maximum."""
    late: list[float] = []
    favour(0)
    with Varlink(socket) as client:
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            time.sleep(max(0.0, due - time.perf_counter()))
            client.send(LOOKUP)
            reply = client.receive()
            assert reply and "error" not in reply, reply
            late.append(time.perf_counter() - due)
            due += EVERY_S
    late.sort()
    print(json.dumps({"p99_ms": late[int(len(late) * 0.99)] * 1e3, "max_ms": late[-1] * 1e3}))


def large_list(deployment: str) -> bytes:
    """30 rows of a megabyte."""
    rows = [
        variable_row(f"v{i:02}", deployment, ("x" * 63 + chr(97 + i % 26)) * (MIB // 64))
        for i in range(30)
    ]
    return json.dumps({"environmentObjects": rows, "totalCount": len(rows)}).encode()


class Served:
    """The manager's responses; the small lists are real."""

    def __init__(self, faulty: FaultyManager) -> None:
        self.plain = large_list(faulty.deployment)
        self.packed = gzip.compress(self.plain, 6)
        self.bomb = gzip.compress(b" " * (600 * MIB), 9)
        self.case = "quiet"
        self.large = 0
        faulty.fault = self.answer

    def answer(self, x: Exchange) -> None:
        wanted = x.type == "AIRFLOW_VARIABLE" and ("objectKey" in x.query) == (
            self.case == "a probe, unfiltered"
        )
        if self.case == "quiet" or not wanted:
            x.reply(x.page())
            return
        self.large += 1
        if self.case in ("30 MiB", "a probe, unfiltered"):
            x.reply(self.plain)
        else:
            x.reply(
                self.packed if self.case == "30 MiB, gzip" else self.bomb, Content_Encoding="gzip"
            )


def keep_busy(connd: Connd, served: Served, over: threading.Event) -> None:
    """Causes one sync after the other, or one miss after the other."""
    n = 0
    with connd.client() as client:
        while not over.is_set():
            before = served.large
            if served.case == "a probe, unfiltered":
                n += 1
                client.send(
                    Varlink.frame("io.connd.secrets.GetVariable", {"key": f"{time.time()}-{n}"})
                )
                client.receive()
            else:
                connd.send_signal(signal.SIGHUP)
            while not over.wait(0.01) and served.large == before:
                pass


def favour(pid: int) -> None:
    """Gives this thread priority, where allowed, so that other load on the machine does not
    decide."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(5))


def run(connd: Connd, served: Served, case: str, seconds: float) -> dict[str, float]:
    served.case = "quiet"
    connd.send_signal(signal.SIGHUP)
    connd.wait_for(lambda s: not s.get("last_error") and not s["syncing"], "an honest list", 60)
    served.case = case
    over = threading.Event()
    worker = threading.Thread(target=keep_busy, args=(connd, served, over))
    if case != "quiet":
        worker.start()
    done = subprocess.run(
        [sys.executable, __file__, "--probe", str(connd.socket), "--seconds", str(seconds)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    over.set()
    if case != "quiet":
        worker.join()
    eventually(lambda: not connd.status()["syncing"], "the last sync has ended", 60)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


CASES = ("quiet", "30 MiB", "30 MiB, gzip", "a gzip bomb", "a probe, unfiltered")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--probe", help="internal: the load's own process")
    options = parser.parse_args()
    if options.probe:
        probe_daemon(options.probe, options.seconds)
        return
    figures: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    seen = dict.fromkeys(CASES, 0)
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name, FaultyManager() as faulty:
        faulty.add(connection_row("db", faulty.deployment, host="h", password="p"))
        sections = {
            "manager": {"refresh": "1h", "timeout": "60s", "push": "no"},
            "freshness": {"ttl": "3h", "stale": "4h", "deletion_guard": "100%"},
            "misses": {"probe": "10ms"},
            "memory": {"max_bytes": "256M"},
        }
        with faulty.connd(Path(name), sections) as connd:
            served = Served(faulty)
            favour(connd.running.pid)  # its first thread: the loop, not the worker
            for _ in range(options.rounds):
                for case in CASES:
                    before = served.large
                    figures[case].append(run(connd, served, case, options.seconds))
                    seen[case] += served.large - before
    report = Figures()
    for figure in ("p99_ms", "max_ms"):
        quiet = [f[figure] for f in figures["quiet"]]
        for case in CASES:
            report.add(
                "lookups, one every 2 ms, while connd reads what is large",
                f"{figure.removesuffix('_ms')}, {case}", "ms", [f[figure] for f in figures[case]],
                {"quiet": quiet} if case != "quiet" else None,
            )  # fmt: skip
    print(f"  responses: {seen}")
    report.dump(options.json)


if __name__ == "__main__":
    main()
