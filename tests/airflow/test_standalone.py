# SPDX-License-Identifier: Apache-2.0
"""All of Airflow 3 at once. connd's own record says which process asked for what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request

import pytest
from connd_testing import eventually, free_port
from harness import BIN, TWIN, VERSION, WAREHOUSE, Airflow, Record

pytestmark = [
    pytest.mark.skipif(VERSION < (3,), reason="standalone runs need the task SDK"),
    pytest.mark.timeout(900),
]


def children(pid):
    """Every process below `pid`, and itself."""
    found = {pid}
    below = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(name))
    todo = [pid]
    while todo:
        for child in below.get(todo.pop(), []):
            found.add(child)
            todo.append(child)
    return found


def end(process):
    """TERM to the parent; whoever of its children outlives it is killed."""
    everyone = children(process.pid)
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in everyone - {process.pid}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.fixture
def standalone(directory, connd):
    home = Airflow(directory / "standalone", connd.socket)
    port = free_port()
    log = home.home / "log"
    environment = {
        **home.environment,
        "AIRFLOW_CONN_WAREHOUSE": TWIN,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
        # A busy machine: a client that gives up on its first call fails the task for good.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "PROBE_DEFER": "1",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [BIN / "airflow", "standalone"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    home.process, home.log, home.url = process, log, f"http://127.0.0.1:{port}"
    yield home
    end(process)


def call(url, token=None, body=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as reply:
        return json.load(reply)


def start_a_run(standalone):
    """OSError until the api-server answers and has the DAG."""
    assert standalone.process.poll() is None
    token = call(f"{standalone.url}/auth/token")["access_token"]
    return call(f"{standalone.url}/api/v2/dags/probe/dagRuns", token, {"logical_date": None})


def test_task_parser_and_triggerer_each_ask(standalone, connd):
    record = Record(connd)

    # Not by a schedule: on a busy machine a first task outruns the api-server, and fails for good.
    eventually(lambda: start_a_run(standalone), "a run is started", timeout=400)

    def finished():
        assert standalone.process.poll() is None
        return standalone.told("resumed")

    try:
        (resumed,) = eventually(finished, "the deferred task resumed", timeout=400)
    except AssertionError as error:
        lines = standalone.log.read_text().splitlines()
        told = [line[:600] for line in lines if "[info" not in line and "dag-processor" not in line]
        raise AssertionError("\n".join([str(error), *told[-80:]])) from None
    assert resumed["event"] == WAREHOUSE["host"]
    expected = {"conn_id": "warehouse", **WAREHOUSE}

    # The task: its own process, forked by its supervisor; a hit is one question.
    (task,) = standalone.told("task")
    assert task["conn"] == expected
    assert task["variable"] == "hello"
    asked = record.keys(pid=task["pid"])
    assert asked["warehouse"] == asked["greeting"] == asked["empty"] == 1
    # A miss is asked for by the task, and by the api-server on its behalf.
    for key in ("missing", "absent"):
        pids = [event["pid"] for event in record.asked(key=key)]
        assert len(pids) == 2 and pids[0] == task["pid"] != pids[1]

    # The trigger: inside the triggerer's runner; one question for each of its two lookups.
    (trigger,) = standalone.told("trigger")
    assert trigger["conn"] == expected and trigger["same"]
    assert trigger["pid"] != task["pid"]
    assert "triggerer" in trigger["parent"]
    assert record.keys(pid=trigger["pid"]) == {"warehouse": 2}

    # The parser: a child of the DAG processor; the file is read again by each task.
    parses = standalone.told("parse")
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
    assert {event["uid"] for event in record.asked()} == {os.getuid()}
    assert "twin.example.com" not in str(standalone.told("task") + standalone.told("trigger"))
