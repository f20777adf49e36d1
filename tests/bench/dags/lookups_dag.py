# SPDX-License-Identifier: Apache-2.0
"""A task that times its own lookups: a connection that connd has, and one in Airflow's database."""

import time
from datetime import datetime

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
        probe.report("times", connd=timed("warehouse"), airflow=timed("in_database"))

    look_up()
