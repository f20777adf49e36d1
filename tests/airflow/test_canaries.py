# SPDX-License-Identifier: Apache-2.0
"""Marked secrets through a task that fails with them in its variables: what it printed, task logs,
Airflow's database and everything else under AIRFLOW_HOME are searched for them. (A task that logs a
Connection itself is Airflow's affair: it masks what a supervised task prints, and not what
`dags test` does.)"""

from __future__ import annotations

import base64
import secrets

from harness import Airflow, wait_for_key

DAG = """
import logging
from datetime import datetime

try:
    from airflow.sdk import DAG, BaseHook, Variable, task
except ImportError:
    from airflow.decorators import task
    from airflow.hooks.base import BaseHook
    from airflow.models import Variable
    from airflow.models.dag import DAG

with DAG("canary", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):

    @task
    def careless():
        log = logging.getLogger("careless")
        connection = BaseHook.get_connection("canary")
        variable = Variable.get("canary_secret")
        assert len(connection.password) > 20 and len(variable) > 20
        try:
            BaseHook.get_connection("absent_canary")
        except Exception as error:
            log.warning("absent: %r", error, exc_info=True)
        raise ValueError(f"failed with {connection.conn_id} in hand")

    careless()
"""


def test_a_careless_task_leaves_no_secret_in_logs_or_database(directory, manager, connd):
    prod = manager.deployment_ids["prod"]
    values = [f"canary{secrets.token_hex(12)}" for _ in range(3)]
    manager.create_connection(
        "canary", prod, host="h", login="l", password=values[0], extra={"password": values[1]}
    )
    manager.create_variable("canary_secret", values[2], prod, secret=True)
    wait_for_key(connd, "canary_secret", "variables")
    home = Airflow(directory / "canaries", connd.socket)
    dags = directory / "canary-dags"
    dags.mkdir()
    (dags / "canary.py").write_text(DAG)
    environment = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        # At DEBUG, Airflow 3.3 itself prints every value that it is about to mask.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow_connd=DEBUG",
    }
    assert home.run("db", "migrate", **environment).returncode == 0
    done = home.run("dags", "test", "canary", **environment)
    said = done.stdout + done.stderr
    assert "failed with" in said, said[-3000:]
    needles = [form for v in values for form in (v.encode(), base64.b64encode(v.encode()))]
    leaks = [line[:600] for line in said.splitlines() if any(n.decode() in line for n in needles)]
    assert not leaks, leaks
    searched = 0
    for path in home.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(needle in data for needle in needles), path
            searched += 1
    assert searched > 1, "airflow.db at least, and a log"
