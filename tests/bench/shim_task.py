#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a lookup costs in a real task of Airflow 3: through connd, and through Airflow's own way.

    .venvs/airflow33/bin/python tests/bench/shim_task.py [--bar 50]

Starts a manager, a connd and `airflow standalone` (a minute or two). One task looks up a connection
that connd has, and one that only Airflow's database has: its supervisor asks the api-server for it.
Both use BaseHook.get_connection, in turn in the same process. Exit 1 if connd's median is less
than --bar times faster.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "airflow"), str(HERE.parent / "lib")]

from connd_testing import Manager  # noqa: E402
from harness import Standalone, wait_for_key  # noqa: E402
from shim_ping import CONNECTION  # noqa: E402


def times(directory: Path) -> dict[str, list[float]]:
    """Microseconds of each lookup in the task, by the source of the value."""
    dags = {"AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags")}
    with Manager(directory, deployments=("prod",)) as manager:
        manager.create_connection("warehouse", manager.deployment_ids["prod"], **CONNECTION)
        with manager.connd("prod") as connd:
            wait_for_key(connd, "warehouse")
            airflow = Standalone(directory / "airflow", connd.socket, **dags)
            for command in (
                ("db", "migrate"),
                ("connections", "add", "in_database", "--conn-uri", "postgres://u:p@h:5432/s"),
            ):
                done = airflow.run(*command)
                assert done.returncode == 0, done.stderr[-2000:]
            with airflow:
                (report,) = airflow.run_and_wait("lookups", "times")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bar", type=float, default=50)
    bar = parser.parse_args().bar
    directory = Path(tempfile.mkdtemp(prefix="shim-task-"))
    try:
        report = times(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"in one task, {len(report['connd'])} lookups each, load {os.getloadavg()[0]:.1f}:")
    for name, what in (("connd", "connd"), ("airflow", "supervisor and api-server")):
        middle, low, high = statistics.median(report[name]), min(report[name]), max(report[name])
        print(f"  {what:26} {middle:9.1f} us ({low:.1f}-{high:.1f})")
    ratio = statistics.median(report["airflow"]) / statistics.median(report["connd"])
    verdict = "ok" if ratio >= bar else f"MISSED by {1 - ratio / bar:.0%}"
    print(f"connd is {ratio:.0f} times as fast (bar {bar:g}): {verdict}")
    return 0 if ratio >= bar else 1


if __name__ == "__main__":
    sys.exit(main())
