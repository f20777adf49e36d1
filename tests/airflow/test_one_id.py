# SPDX-License-Identifier: Apache-2.0
"""From a line of Airflow's task log to the manager's audit log: the id in the line names the lookup in
connd's trace, whose request id names the sync that brought the data."""

from __future__ import annotations

import json
import re
import urllib.parse

import pytest
from harness import Worker, wait_for_key, warnings_of


@pytest.fixture
def untyped(manager, connd):
    """The key of a connection that has no value yet: connd cannot serve it, and says so."""
    body = {"objectType": "CONNECTION", "objectKey": "untyped", "scope": "DEPLOYMENT",
            "scopeEntityId": manager.deployment_ids["prod"]}  # fmt: skip
    made = manager.api("POST", "", body)["id"]
    wait_for_key(connd, "untyped")
    yield "untyped"
    manager.delete(made)


def traced(connd, trace):
    done = connd.connctl("trace", "--json")
    lookups = [json.loads(line) for line in done.stdout.splitlines()]
    return [one for one in lookups if one.get("trace") == trace]


def audit_of(manager, request):
    path = f"/v1/organizations/{manager.organization}/audit-log?requestId="
    status, page = manager.request("GET", path + urllib.parse.quote(request))
    assert status == 200
    return page["history"]


def test_a_line_of_the_task_log_leads_to_the_sync_in_the_managers_audit_log(
    airflow, connd, manager, untyped
):
    worker = Worker(airflow)
    try:
        (line,) = warnings_of(worker.ask("core", untyped))
    finally:
        worker.close()
    (trace,) = re.findall(r"\[trace ([0-9a-f]+)\]", line)
    (lookup,) = traced(connd, trace)
    assert (lookup["key"], lookup["result"]) == (untyped, "invalid")

    status = connd.status()
    assert lookup["generation"] == status["generation"]
    assert lookup["request_id"] == status["request_id"]
    rows = audit_of(manager, lookup["request_id"])
    assert {row["action"] for row in rows} == {"READ_SECRETS"}
    # The one list that was new. A counted row, after many reads in this hour, has no type.
    assert {row.get("objectType", "CONNECTION") for row in rows} == {"CONNECTION"}
    assert {row["scopeEntityId"] for row in rows} == {manager.deployment_ids["prod"]}
