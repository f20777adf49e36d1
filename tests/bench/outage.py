# SPDX-License-Identifier: Apache-2.0
"""Two limits: how much the p99.9 of lookups grows while a generation of many objects is rebuilt and
its snapshot written, and how long a start from such a snapshot takes, compared with decrypting and
copying it.

    outage.py DIRECTORY [--rounds N] [--milliseconds MS] [--objects N] [--json FILE]

DIRECTORY contains the built `load` and `unseal`. Nothing is pinned: the threads of connd and of the
manager share the CPUs with the load, as in practice. Rounds are interleaved; medians (min - max).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import Connd, Varlink, eventually
from faulty_manager import Exchange, FaultyManager, connection_row
from figures import Figures

CALL = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "service_5000"})
Times = dict[str, list[float]]
PERCENTILES = ("p50", "p99", "p999")


class Prepared:
    """A manager whose rows are encoded beforehand, so that it uses little CPU. With `changing` set,
    the next list is of the other one of two sets, so it is another generation."""

    def __init__(self, faulty: FaultyManager, n: int) -> None:
        self.n = n
        self.rows = [[encoded_row(faulty, turn, i) for i in range(n)] for turn in range(2)]
        self.changing = False
        self.turn = 0
        faulty.fault = self.answer

    def answer(self, x: Exchange) -> None:
        if x.type != "CONNECTION" or "objectKey" in x.query:
            x.reply(x.page())
            return
        if x.offset == 0 and self.changing:
            self.changing = False  # one list; page one may be asked for again at its end
            self.turn += 1
        rows = b",".join(self.rows[self.turn % 2][x.offset : x.offset + x.limit])
        tail = f'],"limit":{x.limit},"offset":{x.offset},"totalCount":{self.n}}}'
        x.reply(b'{"environmentObjects":[' + rows + tail.encode())


def encoded_row(faulty: FaultyManager, turn: int, i: int) -> bytes:
    row = connection_row(
        f"service_{i}", faulty.deployment, host=f"db-{i}.example.com", login=f"user_{i}",
        password=f"{turn}:{i}:" + "p" * 24, schema="analytics", port=5432,
        extra={"sslmode": "require", "application_name": f"app{i}"},
    )  # fmt: skip
    return json.dumps(row).encode()


def load(directory: Path, connd: Connd, request: Path, milliseconds: int) -> dict[str, float]:
    done = subprocess.run(
        [directory / "load", connd.socket, request, "\\0", "1", "1", str(milliseconds)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def rebuilding(
    connd: Connd, manager: Prepared, over: threading.Event, look_each: float = 0.02
) -> None:
    """Causes one rebuild after the other: each reload starts a sync, whose end is looked for every
    look_each seconds."""
    with connd.client() as client:
        while not over.is_set():
            generation = client.status()["generation"]
            manager.changing = True
            connd.send_signal(signal.SIGHUP)
            while not over.wait(look_each) and client.status()["generation"] == generation:
                pass


def lookups(
    work: Path, directory: Path, connd: Connd, manager: Prepared, rounds: int, milliseconds: int
) -> tuple[dict[str, Times], int]:
    request = work / "request"
    request.write_bytes(CALL)
    times: dict[str, Times] = {p: {"at rest": [], "while rebuilt": []} for p in PERCENTILES}
    load(directory, connd, request, milliseconds // 4)
    before = connd.status()["generation"]

    def measure(what: str) -> None:
        got = load(directory, connd, request, milliseconds)
        for percentile in PERCENTILES:
            times[percentile][what].append(got[f"{percentile}_us"])

    for _ in range(rounds):
        measure("at rest")
        over = threading.Event()
        thread = threading.Thread(target=rebuilding, args=(connd, manager, over))
        thread.start()
        measure("while rebuilt")
        over.set()
        thread.join()
        eventually(lambda: not connd.status()["syncing"], "the last sync has ended", 120)
    return times, connd.status()["generation"] - before


def first_answer_ms(connd: Connd, call: bytes = CALL) -> float:
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
        client.send(call)
        reply = client.receive()
    took = (time.perf_counter() - began) * 1e3
    assert reply and "error" not in reply, reply
    connd.stop()
    return took


def starts(work: Path, directory: Path, connd: Connd, content: Path, rounds: int) -> Times:
    sealed = work / "sealed"
    unseal = directory / "unseal"
    subprocess.run([unseal, "make", sealed, str(content.stat().st_size)], check=True)
    times: Times = {"decrypt and copy": [], "the same, a process": [], "connd": []}
    for _ in range(rounds):
        began = time.perf_counter()
        done = subprocess.run([unseal, "open", sealed], check=True, capture_output=True, text=True)
        times["the same, a process"].append((time.perf_counter() - began) * 1e3)
        times["decrypt and copy"].append(float(done.stdout) / 1e3)
        times["connd"].append(first_answer_ms(connd))
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=2500)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    directory, n = options.directory.resolve(), options.objects
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name, FaultyManager() as faulty:
        work = Path(name)
        (work / "snap").mkdir()
        (work / "key").write_text(secrets.token_hex(32))
        (work / "key").chmod(0o600)
        content = work / "snap/content"
        manager = Prepared(faulty, n)
        connd = faulty.connd(
            work,
            {"manager": {"refresh": "1h", "timeout": "60s", "push": "no"},
             "freshness": {"ttl": "3h", "stale": "4h"},
             "memory": {"max_bytes": "2G"},
             "snapshot": {"path": str(content), "key_file": str(work / "key")}},
        )  # fmt: skip
        with contextlib.ExitStack() as on:
            connd.start(wait="listening")
            on.callback(connd.stop)
            connd.wait_for(lambda s: s["state"] != "not-ready", "data", 120)
            percentiles, generations = lookups(
                work, directory, connd, manager, options.rounds, options.milliseconds
            )
            eventually(content.exists, "the snapshot", 120)
        for percentile, times in percentiles.items():
            for what, values in times.items():
                rebuilt = what != "at rest"
                figures.add(
                    f"a refresh of {n:,} objects, one after the other", f"{percentile}, {what}",
                    "us", values, {"at rest": times["at rest"]} if rebuilt else None,
                    bar=2.0 if rebuilt and percentile == "p999" else None,
                )  # fmt: skip
        print(f"  {generations} generations were built")
        faulty.fault = lambda x: x.reply(b"{}", 503)
        times = starts(work, directory, connd, content, options.rounds * 2 + 1)
        for what, values in times.items():
            figures.add(
                f"a start from a snapshot of {n:,} objects", what, "ms", values,
                {"decrypt and copy": times["decrypt and copy"]},
            )  # fmt: skip
    figures.dump(options.json)


if __name__ == "__main__":
    main()
