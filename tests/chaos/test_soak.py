# SPDX-License-Identifier: Apache-2.0
"""Long runs: connd restarts again and again under load; a day of faults in a few minutes."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Connd, eventually
from faulty_manager import Exchange, FaultyManager
from test_manager_faults import (
    error_500,
    malformed,
    nothing_left,
    reset,
    storm_429,
    wrong_deployment,
)
from world import FAST, FULL, SOAK, Ask, fill_faulty, running, snapshot_section

Row = Callable[..., None]
RESTARTS = 500 if SOAK else 100 if FULL else 15
LOOKUPS, PER_SECOND = (
    (10_000_000, 30_000) if SOAK else (1_000_000, 20_000) if FULL else (200_000, 10_000)
)
TABLE = "Long rounds"


def serves(connd: Connd) -> int:
    return connd.stderr_path.read_bytes().count(b'"event":"connd serves"')


def upgrade(connd: Connd) -> None:
    before = serves(connd)
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: serves(connd) > before, "the new program serves")


def restart(connd: Connd, passed: socket.socket) -> None:
    """Restarts connd as systemd does with connd.socket."""
    before = serves(connd)
    connd.stop()
    start_with_socket(connd, passed)
    eventually(lambda: serves(connd) > before, "the next one serves")


def start_with_socket(connd: Connd, passed: socket.socket) -> None:
    fd = passed.fileno()
    script = f'exec 3<&{fd} {fd}<&-; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
    connd.start(
        wait="", wrap=lambda argv: ["bash", "-c", script, "bash", *argv], pass_fds=(fd,)
    )  # fmt: skip


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("how", ["SIGUSR2", "a passed socket"])
def test_restarts_under_load(workdir: Path, faulty: FaultyManager, row: Row, how: str) -> None:
    fill_faulty(faulty)
    connd = faulty.connd(workdir, {"manager": FAST, "snapshot": snapshot_section(workdir)})
    passed = socket.socket(socket.AF_UNIX)
    if how == "SIGUSR2":
        connd.start()
    else:
        passed.bind(str(connd.socket))
        passed.listen(1024)
        start_with_socket(connd, passed)
    connd.wait_for(lambda s: s["state"] == "fresh", "data")
    eventually((workdir / "snap/connd.snapshot").exists, "a snapshot")
    began = time.monotonic()
    with Ask(connd.socket, how="mixed+back", per_second=8000) as ask:
        for _ in range(RESTARTS):
            if how == "SIGUSR2":
                upgrade(connd)
            else:
                restart(connd, passed)
        tally = ask.finish()
    seconds = time.monotonic() - began
    connd.stop()
    passed.close()
    bad = {k: tally[k] for k in ("wrong", "failed", "not_ready", "expired", "other_error")}
    assert not any(bad.values()), tally
    assert tally["right"] > RESTARTS * 10 and tally["longest_ms"] < 5000
    # At least one client must have met a restart, or the test shows nothing.
    assert tally["asked_again"] >= RESTARTS // 2, tally
    row(
        TABLE, round=f"{RESTARTS} restarts by {how}",
        lookups=f"{tally['asked']:,}, 0 failed, 0 wrong; {tally['asked_again']:,} asked once more",
        longest=f"{tally['longest_ms']:.0f} ms", took=f"{seconds:.0f} s", memory="-",
    )  # fmt: skip


def hang(x: Exchange) -> None:
    x.manager.closing.wait(3)
    x.hang_up()


class Flapper(threading.Thread):
    """A manager that works for a moment, then has a random fault, and changes its values all the
    time."""

    def __init__(self, faulty: FaultyManager, keys: int) -> None:
        super().__init__(daemon=True)
        self.faulty, self.keys = faulty, keys
        self.over = threading.Event()
        self.faults = self.turn = 0

    def run(self) -> None:
        draw = random.Random(7)
        answers = [error_500, malformed, nothing_left, reset, storm_429, wrong_deployment, hang]
        while not self.over.wait(draw.uniform(0.1, 0.6)):
            self.turn += 1
            fill_faulty(self.faulty, self.turn, self.keys)
            if self.turn % 2:
                self.faults += 1
                self.faulty.fault = draw.choice(answers)
            else:
                self.faulty.fault = None


def resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.timeout(1200)
def test_a_day_of_faults(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    keys = 100
    fill_faulty(faulty, 0, keys)
    connd = faulty.connd(workdir, {"manager": FAST, "snapshot": snapshot_section(workdir)})
    flapper = Flapper(faulty, keys)
    memory: list[int] = []
    with running(connd):
        pid = connd.running.pid
        generation = connd.status()["generation"]
        flapper.start()
        began = time.monotonic()
        with Ask(
            connd.socket, keys, clients=4, depth=16, lookups=LOOKUPS, per_second=PER_SECOND,
            how="keep",
        ) as ask:  # fmt: skip
            while ask.process.poll() is None:
                memory.append(resident_kib(pid))
                time.sleep(0.1)  # the interval of the samples
            tally: dict[str, Any] = ask.wait(60)
        seconds = time.monotonic() - began
        flapper.over.set()
        flapper.join()
        faulty.fault = None
        connd.wait_for(lambda s: not s.get("last_error"), "it recovers", 60)
        status = connd.status()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    bad = {k: tally[k] for k in ("wrong", "failed", "not_ready", "expired", "other_error")}
    assert not any(bad.values()), tally
    assert tally["asked"] >= LOOKUPS
    generations = status["generation"] - generation
    assert generations >= (3 if FULL else 1) and status["syncs_failed"] >= 3, status
    quarter = len(memory) // 4
    first, last = statistics.median(memory[:quarter]), statistics.median(memory[-quarter:])
    assert last <= first * 1.1 + 256, (first, last)
    assert descriptors < 32
    row(
        TABLE, round=f"a flapping manager: {flapper.faults} faults, {generations} generations",
        lookups=f"{tally['asked']:,}, 0 failed, 0 wrong", longest=f"{tally['longest_ms']:.0f} ms",
        took=f"{seconds:.0f} s", memory=f"{first:,.0f} KiB, then {last:,.0f}",
    )  # fmt: skip
