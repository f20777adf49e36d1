# SPDX-License-Identifier: Apache-2.0
"""Forks, threads and event loops of one interpreter."""

from __future__ import annotations

import pytest
from harness import VERSION, WAREHOUSE


def test_inherited_by_a_fork(long_worker, record):
    got = long_worker.result("fork", "warehouse")
    assert got["password"] == WAREHOUSE["password"]
    asked = record.lookups(key="warehouse", kind="connection")
    assert [event["pid"] for event in asked] == [long_worker.pid, got["pid"], long_worker.pid]


def test_threads(long_worker, record):
    got = long_worker.result("threads", ["warehouse"] * 12)
    assert all(one["password"] == WAREHOUSE["password"] for one in got)
    assert record.keys() == {"warehouse": 12}


@pytest.mark.skipif(VERSION < (3, 1), reason="this Airflow has no async lookups")
def test_async(long_worker, record):
    got = long_worker.result("async", ["warehouse"] * 5)
    assert all(one["password"] == WAREHOUSE["password"] for one in got)
    assert record.keys(pid=long_worker.pid) == {"warehouse": 5}


@pytest.mark.skipif(VERSION < (3,), reason="this Airflow has no task SDK")
def test_sdk(long_worker, record):
    assert long_worker.result("sdk", "warehouse")["password"] == WAREHOUSE["password"]
    assert record.keys(pid=long_worker.pid) == {"warehouse": 1}


@pytest.mark.parametrize("conn_id", ["a/b", "new\nline", "sp ace", "ü", "", "x" * 300])
def test_any_id_is_only_a_miss(long_worker, conn_id):
    answer = long_worker.ask("core", conn_id)
    assert "isn't defined" in answer["error"]
    assert not [line for line in answer["log"] if line[0] == "airflow_connd"]
