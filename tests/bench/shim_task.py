#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a lookup costs in a real task of Airflow 3: through connd, and through Airflow's own way.

    .venvs/airflow33/bin/python tests/bench/shim_task.py [--bar 50]

Starts a manager, a connd and `airflow standalone` (a minute or two). One task looks up a connection
that connd has, and one that only Airflow's database has: its supervisor asks the api-server for it.
Both use BaseHook.get_connection, in turn in the same process: as it is, and without Airflow's
masking, which costs both the same. Exit 1 if connd's median is less than --bar times faster.
"""

from __future__ import annotations

import argparse
import json
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


def times(directory: Path) -> dict[str, dict[str, list[float]]]:
    """Microseconds of each lookup in the task: with Airflow's masking and without, by the source of
    the value."""
    in_database = json.dumps({"conn_type": "postgres", **CONNECTION})
    dags = {"AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags")}
    with Manager(directory, deployments=("prod",)) as manager:
        manager.create_connection("warehouse", manager.deployment_ids["prod"], **CONNECTION)
        with manager.connd("prod") as connd:
            wait_for_key(connd, "warehouse")
            airflow = Standalone(directory / "airflow", connd.socket, **dags)
            for command in (
                ("db", "migrate"),
                ("connections", "add", "in_database", "--conn-json", in_database),
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
    missed = False
    for what, found in (("", report["masked"]), (", without Airflow's masking", report["bare"])):
        group = f"one task of Airflow 3, {len(found['connd'])} lookups each{what}"
        figures.add(group, "connd", "us", found["connd"])
        row = figures.add(
            group, "supervisor and api-server", "us", found["airflow"], {"connd": found["connd"]},
            bar=options.bar, at_least=True,
        )  # fmt: skip
        missed = missed or "MISSED" in row.verdict()
    figures.dump(options.json)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
