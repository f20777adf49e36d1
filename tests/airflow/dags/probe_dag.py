# SPDX-License-Identifier: Apache-2.0
"""A DAG that asks at parse time, in a task, and in the triggerer."""

import os
from datetime import datetime

import probe

try:
    from airflow.sdk import DAG, BaseHook, BaseOperator, Variable, task
except ImportError:
    from airflow.decorators import task
    from airflow.hooks.base import BaseHook
    from airflow.models import BaseOperator, Variable
    from airflow.models.dag import DAG

probe.report("parse", value=probe.attempt(lambda: Variable.get("at_parse", None)))


class Waiting(BaseOperator):
    def execute(self, context):
        self.defer(trigger=probe.AskingTrigger("warehouse"), method_name="finish")

    def finish(self, context, event):
        probe.report("resumed", event=event)


with DAG(
    "probe",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
):

    @task
    def ask():
        probe.report(
            "task",
            conn=probe.attempt(lambda: probe.fields(BaseHook.get_connection("warehouse"))),
            missing=probe.attempt(lambda: BaseHook.get_connection("missing").host),
            variable=probe.attempt(lambda: Variable.get("greeting")),
            empty=probe.attempt(lambda: Variable.get("empty")),
            defaulted=probe.attempt(lambda: Variable.get("absent", None)),
        )

    asked = ask()
    if os.environ.get("PROBE_DEFER"):
        asked >> Waiting(task_id="wait")
