# SPDX-License-Identifier: Apache-2.0
"""What a task would get for one connection, in an Airflow: one line each time that it changes."""

import sys
import time

from airflow.exceptions import AirflowNotFoundException
from airflow.sdk import BaseHook

seen = None
while True:
    try:
        c = BaseHook.get_connection(sys.argv[1])
        now = f"{c.login}@{c.host}:{c.port}"
    except AirflowNotFoundException:
        now = "not found"
    if now != seen:
        print(now, flush=True)
    seen = now
    time.sleep(0.05)
