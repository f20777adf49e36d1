# SPDX-License-Identifier: Apache-2.0
"""What a task would write: BaseHook.get_connection() for each id given, printed on one line."""

from __future__ import annotations

import sys

from airflow.exceptions import AirflowNotFoundException
from airflow.sdk import BaseHook

FIELDS = ("conn_type", "host", "port", "schema", "login", "password")

for conn_id in sys.argv[1:]:
    try:
        c = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        print(f"{conn_id}: AirflowNotFoundException: {error}")
        continue
    fields = [f"{name}={getattr(c, name)}" for name in FIELDS if getattr(c, name) is not None]
    if c.extra_dejson:
        fields.append(f"extra={c.extra_dejson}")
    print(f"{conn_id}: {' '.join(fields)}")
