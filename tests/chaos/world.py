# SPDX-License-Identifier: Apache-2.0
"""Shared by the rows of the matrix: a small data set whose values identify their key and version,
the client that checks every response (ask.c), and one procedure for all faults."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from connd_testing import BUILD, PATIENCE, Connd, Manager
from faulty_manager import FaultyManager, variable_row

ASK = BUILD / "release/tests/chaos/ask"
KEYS = 10
# Far below the time-out of requests to the manager, far above the delays of a busy machine.
LONGEST_MS = 500.0
MATRIX = "What an outage looks like"
IS_ROOT = os.geteuid() == 0

# CHAOS: "quick" (make test), "full" (make chaos), "soak" (make chaos SOAK=1).
FULL = os.environ.get("CHAOS") in ("full", "soak")
SOAK = os.environ.get("CHAOS") == "soak"


def value(i: int, turn: int) -> str:
    """The value of k<i> that ask.c expects."""
    return f"k{i}={turn};"


class Ask:
    """Runs ask.c beside a test and returns its summary."""

    def __init__(
        self, socket: Path, keys: int = KEYS, clients: int = 4, depth: int = 1, lookups: int = 0,
        per_second: int = 2000, how: str = "mixed",
    ) -> None:  # fmt: skip
        words = [ASK, socket, keys, clients, depth, lookups, per_second, how]
        self.process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, text=True)

    def finish(self, timeout: float = 60) -> dict[str, Any]:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float) -> dict[str, Any]:
        try:
            out, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert self.process.returncode == 0
        tally: dict[str, Any] = json.loads(out)
        return tally

    def __enter__(self) -> Ask:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def fill_manager(manager: Manager, turn: int = 0) -> list[str]:
    return [
        manager.create_variable(f"k{i}", value(i, turn), manager.deployment_ids["prod"])
        for i in range(KEYS)
    ]


def fill_faulty(faulty: FaultyManager, turn: int = 0, keys: int = KEYS) -> None:
    faulty.rows["AIRFLOW_VARIABLE"] = [
        variable_row(f"k{i}", faulty.deployment, value(i, turn)) for i in range(keys)
    ]


def snapshot_section(workdir: Path, directory: Path | None = None) -> dict[str, str]:
    directory = directory or workdir / "snap"
    directory.mkdir(exist_ok=True)
    key = workdir / "snapshot.key"
    if not key.exists():
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
    return {"path": str(directory / "connd.snapshot"), "key_file": str(key)}


FAST = {"refresh": "1s", "timeout": "1s"}


def all_right(tally: dict[str, Any], longest_ms: float = LONGEST_MS) -> str:
    """Asserts that every lookup had the right response in time. Returns the text for the table."""
    bad = {k: tally[k] for k in ("wrong", "failed", "not_ready", "expired", "other_error")}
    assert not any(bad.values()), tally
    assert tally["right"] > 100 and tally["not_found"] > 30, tally
    assert tally["longest_ms"] < longest_ms, tally
    return f"{tally['right'] + tally['not_found']:,} right, 0 failed"


def ms(tally: dict[str, Any]) -> str:
    return f"{tally['longest_ms']:.0f} ms" if tally["longest_ms"] >= 1 else "under 1 ms"


def wall_clock(offset: Path) -> dict[str, str]:
    """An environment that shifts the wall clock by the seconds in the file (wall.c)."""
    return {"LD_PRELOAD": str(ASK.with_name("wall.so")), "WALL_OFFSET": str(offset)}


def complaints(connd: Connd, says: str, event: str = "") -> list[dict[str, Any]]:
    """The warnings and errors in the log that contain this text."""
    return [
        e for e in connd.events("warn", "error")
        if re.search(says, e.get("reason", "") + e["event"]) and event in e["event"]
    ]  # fmt: skip


def in_words(event: dict[str, Any], *private: str) -> str:
    """A log line for the table, without numbers that differ from run to run."""
    text = event["event"] + (f": {event['reason']}" if event.get("reason") else "")
    for word in private:
        text = text.replace(word, "...")
    text = re.sub(r"/tmp/connd-\w+/", "", text)
    text = re.sub(r"https?://[\w.]+: ", "", re.sub(r"([a-z.1]):\d{4,5}", r"\1", text))
    return text.replace("|", "/")


def faults_said(connd: Connd) -> list[dict[str, Any]]:
    """The warnings and errors, but for the line about a held request that the fault ended."""
    return [e for e in connd.events("warn", "error") if "held request cut" not in e["event"]]


def course(
    connd: Connd, says: str, begin: Callable[[], object], end: Callable[[], object],
    syncs: int = 2,
) -> tuple[str, str, str, str]:  # fmt: skip
    """Runs one fault of the manager: it starts, is logged once, lasts for some syncs, and ends,
    while lookups continue. Returns the four cells of its row."""
    assert faults_said(connd) == []
    with Ask(connd.socket) as ask:
        begin()
        connd.wait_for(lambda s: s.get("last_error"), "the fault is noticed", PATIENCE * 2)
        failed = connd.status()["syncs_failed"]
        connd.wait_for(lambda s: s["syncs_failed"] >= failed + syncs - 1, "it lasts", PATIENCE * 2)
        lines = faults_said(connd)
        end()
        ended = time.monotonic()
        connd.wait_for(lambda s: not s.get("last_error"), "it recovers", 60)
        took = time.monotonic() - ended
        tally = ask.finish()
    assert len(lines) == 1, lines
    assert re.search(says, lines[0]["reason"]), lines
    assert len(faults_said(connd)) == 1
    assert connd.status()["state"] == "fresh"
    return all_right(tally), ms(tally), in_words(lines[0]), f"by itself, {took:.1f} s"


def in_namespace(setup: str, argv: list[str | Path]) -> list[str | Path]:
    """The command that runs the shell text `setup`, then argv, in a new mount namespace."""
    return ["unshare", "-m", "sh", "-ec", setup + '\nexec "$@"', "sh", *argv]


@contextlib.contextmanager
def running(connd: Connd, **start: Any) -> Iterator[Connd]:
    """Starts connd with options, and stops it at the end of the block."""
    connd.start(**start)
    try:
        yield connd
    except BaseException:
        connd.running.kill()
        raise
    connd.stop()
