# SPDX-License-Identifier: Apache-2.0
"""connctl scan over 1 GB of task logs, beside `grep -F` with the same values, and how the time
grows with the bytes.

    scan.py [--rounds N] [--megabytes N] [--values N] [--json FILE]

CPU time (user and system) of each program, with the files in the page cache. scan also looks for
each value as base64, URL- and JSON-escaped text, and names its place; grep counts lines. Rounds
are interleaved; medians (min - max).
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from connd_testing import CONNCTL, Connd, Manager
from figures import Figures

FILE_MB = 25
LEAKS = 3
LEVELS = ("INFO", "INFO", "INFO", "WARNING", "ERROR")
VOCABULARY = (
    "task warehouse rows loaded retry queued https://example.com/api/v1/jobs state=success None "
    "duration=12.4s dag_id=daily_sales [2026-11-30 {taskinstance.py:1138} postgres select from "
    "s3://bucket/key.parquet where"
)


def log_text(megabytes: int, chance: random.Random) -> bytes:
    vocabulary = VOCABULARY.split()
    lines, size = [], 0
    while size < megabytes * 1_000_000:
        words = " ".join(chance.choice(vocabulary) for _ in range(chance.randrange(8, 20)))
        lines.append(f"[{chance.random():.12f}] {chance.choice(LEVELS)} - {words}\n")
        size += len(lines[-1])
    return "".join(lines).encode()


def write_logs(directory: Path, megabytes: int, values: Sequence[str]) -> list[Path]:
    """Files that differ, of one text; the first ones have a leak each."""
    chance = random.Random(1)
    text = log_text(FILE_MB, chance)
    files = []
    for i in range(max(1, megabytes // FILE_MB)):
        path = directory / f"attempt={i}.log"
        leak = f"connecting with {values[i]}\n".encode() if i < LEAKS else b""
        path.write_bytes(text[i * 1000 :] + leak + text[: i * 1000])
        files.append(path)
    return files


def cpu_s(command: Sequence[str | Path], expected: int) -> float:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == expected, (command[0], child.returncode)
    return used.ru_utime + used.ru_stime


def hold(manager: Manager, n: int) -> list[str]:
    values = [secrets.token_urlsafe(24) for _ in range(n)]
    for i, value in enumerate(values):
        manager.create_connection(f"c{i}", manager.deployment_ids["prod"], password=value)
    return values


def measure(
    connd: Connd, files: Sequence[Path], patterns: Path, rounds: int
) -> dict[str, list[float]]:
    scan = [CONNCTL, "scan", "--socket", connd.socket, *files]
    grep = ["env", "LC_ALL=C", "grep", "-c", "-a", "-F", "-f", patterns, *files]
    cpu_s(grep, 0)
    times: dict[str, list[float]] = {"grep -F": [], "connctl scan": []}
    for _ in range(rounds):
        times["grep -F"].append(cpu_s(grep, 0))
        times["connctl scan"].append(cpu_s(scan, 1))  # it finds the leaks
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--values", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="connd-bench-") as name, Manager(Path(name)) as manager:
        values = hold(manager, options.values)
        patterns = Path(name) / "patterns"
        patterns.write_text("\n".join(values) + "\n")
        logs = Path(name) / "logs"
        logs.mkdir()
        files = write_logs(logs, options.megabytes, values)
        few = files[: max(1, len(files) // 10)]
        with manager.connd() as connd:
            tenth = measure(connd, few, patterns, options.rounds)["connctl scan"]
            times = measure(connd, files, patterns, options.rounds)
    group = f"scan of {options.megabytes:,} MB for {options.values} values"
    figures.add(group, "grep -F, CPU", "s", times["grep -F"])
    figures.add(
        group, "connctl scan, CPU", "s", times["connctl scan"],
        {"grep -F": times["grep -F"]}, bar=1,
    )  # fmt: skip
    figures.add(
        group, "beside a tenth of it (linear: 10)", "s", times["connctl scan"],
        {"a tenth": tenth}, bar=12,
    )  # fmt: skip
    figures.dump(options.json)


if __name__ == "__main__":
    main()
