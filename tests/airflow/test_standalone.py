# SPDX-License-Identifier: Apache-2.0
"""`airflow standalone`: connd's log says which process looked up what."""

from __future__ import annotations

import os

import pytest
from harness import TWIN, VERSION, WAREHOUSE, Record, Standalone

pytestmark = [
    pytest.mark.skipif(VERSION < (3,), reason="standalone runs need the task SDK"),
    pytest.mark.timeout(900),
]


@pytest.fixture
def standalone(directory, connd):
    twins = {"AIRFLOW_CONN_WAREHOUSE": TWIN, "PROBE_DEFER": "1"}
    with Standalone(directory / "standalone", connd.socket, **twins) as running:
        yield running


def test_task_parser_and_triggerer_each_ask(standalone, connd):
    record = Record(connd)

    (resumed,) = standalone.run_and_wait("probe", "resumed")
    assert resumed["event"] == WAREHOUSE["host"]
    expected = {"conn_id": "warehouse", **WAREHOUSE}

    # The task: its own process, forked by its supervisor; a hit is one lookup.
    (task,) = standalone.reports("task")
    assert task["conn"] == expected
    assert task["variable"] == "hello"
    asked = record.keys(pid=task["pid"])
    assert asked["warehouse"] == asked["greeting"] == asked["empty"] == 1
    # A miss is looked up by the task, and by the api-server on its behalf.
    for key in ("missing", "absent"):
        pids = [event["pid"] for event in record.lookups(key=key)]
        assert len(pids) == 2 and pids[0] == task["pid"] != pids[1]

    # The trigger: inside the triggerer's runner; one request for each of its two lookups.
    (trigger,) = standalone.reports("trigger")
    assert trigger["conn"] == expected and trigger["same"]
    assert trigger["pid"] != task["pid"]
    assert "triggerer" in trigger["parent"]
    assert record.keys(pid=trigger["pid"]) == {"warehouse": 2}

    # The parser: a child of the DAG processor; the file is read again by each task.
    parses = standalone.reports("parse")
    parsers = [one for one in parses if "dag-processor" in one["parent"]]
    assert parsers and all(one["value"] == "parsed" for one in parses)
    for one in parsers:
        assert record.keys(pid=one["pid"]) == {"at_parse": 1}
    others = {one["pid"] for one in parses} - {one["pid"] for one in parsers}
    assert {task["pid"], resumed["pid"]} <= others
    for pid in (task["pid"], resumed["pid"]):
        assert record.keys(pid=pid)["at_parse"] == 1

    # Each of those built one backend of its own, and no other.
    built = standalone.built()
    for one in (task, resumed, trigger, *parsers):
        assert built[str(one["pid"])] == 1

    assert len({task["pid"], trigger["pid"], parsers[0]["pid"]}) == 3
    assert {event["uid"] for event in record.lookups()} == {os.getuid()}
    assert "twin.example.com" not in str(standalone.reports("task") + standalone.reports("trigger"))
