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
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "airflow"), str(HERE.parent / "lib")]

from connd_testing import Manager  # noqa: E402
from figures import Figures  # noqa: E402
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
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="shim-task-"))
    try:
        report = times(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    figures = Figures()
    group = f"one task of Airflow 3, {len(report['connd'])} lookups each"
    figures.add(group, "connd", "us", report["connd"])
    row = figures.add(
        group, "supervisor and api-server", "us", report["airflow"], {"connd": report["connd"]},
        bar=options.bar, at_least=True,
    )  # fmt: skip
    figures.dump(options.json)
    return 1 if "MISSED" in row.verdict() else 0


if __name__ == "__main__":
    sys.exit(main())
