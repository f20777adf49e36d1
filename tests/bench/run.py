# SPDX-License-Identifier: Apache-2.0
"""All benchmarks, one after the other: a table, plots, and what has moved since the figures that
are kept in the repository.

    run.py DIRECTORY [--only PART...] [--keep] [--peers]

DIRECTORY contains the built helpers. --peers: other secrets backends too, with their provider
packages. Writes figures.json and the plots to build/bench/; with --keep also to
tests/bench/kept.json and docs/performance/, which are committed. Exit 0 whatever was measured:
figures of a busy machine decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from figures import Row, load_rows, moved

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

OUT = ROOT / "build/bench"
KEPT, KEPT_PLOTS = HERE / "kept.json", ROOT / "docs/performance"
AIRFLOW = ROOT / ".venvs/airflow33/bin/python"
PROVIDERS = ROOT / ".venvs/providers33/bin/python"
LONGEST = 300  # seconds for one part


def parts(directory: Path, peers: bool) -> dict[str, list[str | Path]]:
    """Name -> command, in the order in which they run."""
    python = sys.executable
    found: dict[str, list[str | Path]] = {
        "lookup": [python, HERE / "lookup.py", directory, "--rounds", "9"],
        "growth": [python, HERE / "growth.py", directory, "--rounds", "3"],
        "outage": [python, HERE / "outage.py", directory, "--rounds", "2"],
        "growth_manager": [python, HERE / "growth_manager.py", "--rounds", "2"],
        "manager": [python, HERE / "manager.py", directory, "--rounds", "3", "--rows", "5000"],
        "two_managers": [python, HERE / "two_managers.py", directory, "--rounds", "5"],
        "audit": [python, HERE / "audit.py", "--rounds", "2"],
        "shim_ping": [python, HERE / "shim_ping.py", "--real", "--rounds", "5"],
        "shim_airflow": [AIRFLOW, HERE / "shim_airflow.py", "--rounds", "5"],
        "scan": [python, HERE / "scan.py", "--rounds", "2"],
        "large_pages": [python, HERE / "large_pages.py", "--rounds", "2", "--seconds", "1"],
        "shim_task": [AIRFLOW, HERE / "shim_task.py"],
    }
    if peers:
        found["peers"] = [PROVIDERS, HERE / "peers.py"]
    return found


def machine() -> dict[str, str]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def run(name: str, command: Sequence[str | Path]) -> list[Row]:
    print(f"\n=== {name}", flush=True)
    began = time.monotonic()
    if not Path(command[0]).exists():
        print(f"left out: {command[0]} is missing")
        return []
    file = OUT / f"{name}.json"
    file.unlink(missing_ok=True)
    child = subprocess.Popen([*command, "--json", file], start_new_session=True)
    try:
        child.wait(LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGTERM)  # what it started, too
        child.wait()
        print(f"{name}: left out: it was ended after {LONGEST} s")
    if child.returncode not in (0, 1):  # 1: a limit is missed
        print(f"{name}: failed with {child.returncode}")
    print(f"({name}: {time.monotonic() - began:.0f} s)")
    return load_rows(file) if file.exists() else []


def show_summary(rows: Sequence[Row], seconds: float) -> None:
    limited = [row for row in rows if row.bar is not None]
    missed = [row for row in limited if "MISSED" in row.verdict()]
    print(f"\n=== {len(rows)} figures in {seconds:.0f} s; {len(limited)} have a limit")
    for row in missed:
        print(f"  {row.id}: {row.compared} {'x ' + row.base if row.ratio else row.unit}, "
              f"{row.verdict()}")  # fmt: skip
    if not missed:
        print("  every limit is kept")
    if not KEPT.exists():
        return
    kept = json.loads(KEPT.read_text())
    lines = moved(load_rows(KEPT), rows)
    print(f"\n=== beyond noise since the kept figures ({kept['machine']['cpu']}): {len(lines)}")
    for line in lines:
        print(f"  {line}")


def write_table(path: Path, about: dict[str, str], rows: Sequence[Row]) -> None:
    """All figures as Markdown."""
    lines = [
        "# All figures",
        "",
        "Written by `make bench KEEP=1`; [../performance.md](../performance.md) explains them.",
        f"Machine: {about['cpu']}, Linux {about['kernel']}; load while it ran: {about['load']}.",
        "Each figure is a median, with the quartiles of its rounds in brackets.",
    ]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines += ["", f"## {group}", "", "| | figure | beside | limit |", "|---|---|---|---|"]
        at = "" if row.x is None else f", {row.x:,.0f}"
        ratio = f"{row.ratio} x {row.base}" if row.ratio else ""
        lines.append(f"| {row.name}{at} | {row.value} {row.unit} | {ratio} | {row.verdict()} |")
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    began, about = time.monotonic(), machine()
    rows: list[Row] = []
    for name, command in parts(options.directory.resolve(), options.peers).items():
        if not options.only or name in options.only:
            rows += run(name, command)
    about["load"] += f" - {os.getloadavg()[0]:.1f}"
    file = OUT / "figures.json"
    file.write_text(json.dumps({"machine": about, "rows": [r.as_dict() for r in rows]}, indent=1))
    show_summary(rows, time.monotonic() - began)
    subprocess.run([sys.executable, HERE / "plots.py", file, OUT], check=False)
    if options.keep:
        shutil.copy(file, KEPT)
        KEPT_PLOTS.mkdir(exist_ok=True)
        for plot in OUT.glob("*.svg"):
            shutil.copy(plot, KEPT_PLOTS)
        write_table(KEPT_PLOTS / "figures.md", about, rows)


if __name__ == "__main__":
    main()
