# SPDX-License-Identifier: Apache-2.0
"""A task that times its own lookups: a connection that connd has, and one in Airflow's database;
each also without Airflow's masking, which sends each password and extra to the supervisor and waits
for it, wherever the connection comes from."""

import time
from datetime import datetime
from unittest import mock

import probe
from airflow.sdk import DAG, BaseHook, task

CALLS = 200


def timed(conn_id):
    """Microseconds of each lookup, the first one left out."""
    BaseHook.get_connection(conn_id)
    times = []
    for _ in range(CALLS):
        start = time.perf_counter_ns()
        BaseHook.get_connection(conn_id)
        times.append((time.perf_counter_ns() - start) / 1000)
    return times


with DAG("lookups", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):

    @task
    def look_up():
        masked = {"connd": timed("warehouse"), "airflow": timed("in_database")}
        with mock.patch("airflow.sdk.execution_time.context.mask_secret"):
            bare = {"connd": timed("warehouse"), "airflow": timed("in_database")}
        probe.report("times", masked=masked, bare=bare)

    look_up()
