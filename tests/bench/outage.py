# SPDX-License-Identifier: Apache-2.0
"""Two limits: how much the p99 of lookups grows while a generation of 10,000 objects is rebuilt and
its snapshot written, and how long a start from such a snapshot takes, compared with decrypting and
copying it.

    outage.py DIRECTORY [--rounds N] [--milliseconds MS]

DIRECTORY contains the built `load` and `unseal`. Nothing is pinned: the threads of connd and of the
manager share the CPUs with the load, as in practice. Rounds are interleaved; medians (min - max).
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Connd, Varlink, eventually
from faulty_manager import Exchange, FaultyManager, connection_row

N = 10_000
CALL = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "service_5000"})
Figures = dict[str, list[float]]


class Prepared:
    """Prepared pages, so that the manager uses little CPU. While `changing`, two sets take turns,
    so that every list is another generation."""

    def __init__(self, faulty: FaultyManager) -> None:
        self.pages: list[dict[tuple[str, int], bytes]] = [{}, {}]
        self.changing = False
        self.turn = 0
        for turn, pages in enumerate(self.pages):
            rows = [
                connection_row(f"service_{i}", faulty.deployment, host=f"db-{i}.example.com",
                    login=f"user_{i}", password=f"{turn}:{i}:" + "p" * 24, schema="analytics",
                    port=5432, extra={"sslmode": "require", "application_name": f"app{i}"})
                for i in range(N)
            ]  # fmt: skip
            for offset in range(0, N, 1000):
                pages["CONNECTION", offset] = json.dumps(
                    {"environmentObjects": rows[offset : offset + 1000], "limit": 1000,
                     "offset": offset, "totalCount": N}
                ).encode()  # fmt: skip
        faulty.fault = self.answer

    def answer(self, x: Exchange) -> None:
        if x.type == "CONNECTION" and x.offset == 0 and self.changing:
            self.turn += 1
        body = self.pages[self.turn % 2].get((x.type, x.offset))
        x.reply(body if body else x.page())


def load(directory: Path, connd: Connd, request: Path, milliseconds: int) -> float:
    done = subprocess.run(
        [directory / "load", connd.socket, request, "\\0", "1", "1", str(milliseconds)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(json.loads(done.stdout)["p99_us"])


def rebuilding(connd: Connd, over: threading.Event) -> None:
    """Causes one rebuild after the other: each reload starts a sync."""
    with connd.client() as client:
        while not over.is_set():
            generation = client.status()["generation"]
            connd.send_signal(signal.SIGHUP)
            while not over.wait(0.02) and client.status()["generation"] == generation:
                pass


def lookups(
    work: Path, directory: Path, connd: Connd, manager: Prepared, rounds: int, milliseconds: int
) -> tuple[Figures, int]:
    request = work / "request"
    request.write_bytes(CALL)
    figures: Figures = {"at rest": [], "while rebuilt": []}
    load(directory, connd, request, milliseconds // 4)
    before = connd.status()["generation"]
    for _ in range(rounds):
        figures["at rest"].append(load(directory, connd, request, milliseconds))
        over = threading.Event()
        manager.changing = True
        thread = threading.Thread(target=rebuilding, args=(connd, over))
        thread.start()
        figures["while rebuilt"].append(load(directory, connd, request, milliseconds))
        over.set()
        thread.join()
        manager.changing = False
        eventually(lambda: not connd.status()["syncing"], "the last sync has ended")
    return figures, connd.status()["generation"] - before


def first_answer_ms(connd: Connd) -> float:
    connd.socket.unlink(missing_ok=True)
    began = time.perf_counter()
    connd.start(wait="")
    while True:
        try:
            client = connd.client()
            break
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.0002)
    with client:
        client.send(CALL)
        reply = client.receive()
    took = (time.perf_counter() - began) * 1e3
    assert reply and "error" not in reply, reply
    connd.stop()
    return took


def starts(work: Path, directory: Path, connd: Connd, content: Path, rounds: int) -> Figures:
    sealed = work / "sealed"
    unseal = directory / "unseal"
    subprocess.run([unseal, "make", sealed, str(content.stat().st_size)], check=True)
    figures: Figures = {"decrypt and copy": [], "the same, a process": [], "connd": []}
    for _ in range(rounds):
        began = time.perf_counter()
        done = subprocess.run([unseal, "open", sealed], check=True, capture_output=True, text=True)
        figures["the same, a process"].append((time.perf_counter() - began) * 1e3)
        figures["decrypt and copy"].append(float(done.stdout) / 1e3)
        figures["connd"].append(first_answer_ms(connd))
    return figures


def show(title: str, figures: Figures, unit: str, base: str) -> None:
    print(f"\n{title}")
    floor = statistics.median(figures[base])
    for name, values in figures.items():
        median = statistics.median(values)
        print(
            f"  {name:20}{median:10.1f} {unit}  ({min(values):.1f} - {max(values):.1f})  "
            f"{median / floor:5.2f} x {base}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=2500)
    options = parser.parse_args()
    directory = options.directory.resolve()
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name, FaultyManager() as faulty:
        work = Path(name)
        (work / "snap").mkdir()
        (work / "key").write_text(secrets.token_hex(32))
        (work / "key").chmod(0o600)
        content = work / "snap/content"
        manager = Prepared(faulty)
        connd = faulty.connd(
            work,
            {"manager": {"refresh": "1h", "timeout": "30s", "push": "no"},
             "freshness": {"ttl": "3h", "stale": "4h"},
             "snapshot": {"path": str(content), "key_file": str(work / "key")}},
        )  # fmt: skip
        with connd:
            figures, generations = lookups(
                work, directory, connd, manager, options.rounds, options.milliseconds
            )
            eventually(content.exists, "the snapshot")
        show(
            f"p99 of a lookup, {N:,} objects; {generations} generations built meanwhile",
            figures, "us", "at rest",
        )  # fmt: skip
        faulty.fault = lambda x: x.reply(b"{}", 503)
        show(
            f"start to first answer, a snapshot of {N:,} objects, {content.stat().st_size:,} bytes",
            starts(work, directory, connd, content, options.rounds * 2 + 1), "ms",
            "decrypt and copy",
        )  # fmt: skip


if __name__ == "__main__":
    main()
