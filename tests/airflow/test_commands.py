# SPDX-License-Identifier: Apache-2.0
"""Airflow's commands, and how often each asks connd: the numbers are Airflow's, seen in both."""

from __future__ import annotations

import json

from harness import TWIN, VERSION, WAREHOUSE, wait_for_key

TWINS = {"AIRFLOW_CONN_WAREHOUSE": TWIN, "AIRFLOW_VAR_GREETING": "the twin"}


def built_once(airflow):
    return list(airflow.built().values()) == [1]


def test_connections_get(airflow, record):
    done = airflow.run("connections", "get", "warehouse", "-o", "json", **TWINS)
    assert done.returncode == 0, done.stderr
    (got,) = json.loads(done.stdout)
    assert got["conn_id"] == "warehouse"
    for name in ("conn_type", "host", "login", "password", "schema"):
        assert got[name] == WAREHOUSE[name]
    assert str(got["port"]) == "5432"
    assert got["extra_dejson"] == WAREHOUSE["extra"]
    assert record.keys() == {"warehouse": 1}
    assert built_once(airflow)


def test_connections_get_of_a_missing_one(airflow, record):
    done = airflow.run("connections", "get", "missing")
    assert done.returncode != 0
    assert record.keys() == {"missing": 1}
    assert "airflow_connd" not in done.stderr, "a miss is no failure"
    assert built_once(airflow)


def test_variables_get(airflow, record):
    done = airflow.run("variables", "get", "greeting", **TWINS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "hello"
    assert record.keys() == {"greeting": 1}
    assert built_once(airflow)


def test_config_get_value(airflow, manager, connd, record):
    url = f"sqlite:///{airflow.home}/airflow.db"
    manager.create_variable("config/db-url", url, manager.deployment_ids["prod"], secret=True)
    wait_for_key(connd, "config/db-url", "variables")
    done = airflow.run(
        "config",
        "get-value",
        "database",
        "sql_alchemy_conn",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET="db-url",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == url
    assert record.keys() == {"config/db-url": 8}
    assert list(airflow.built().values()) == [9]


def test_config_is_never_defaulted_in_an_outage(airflow, tmp_path):
    """Not even with on_error=none: Airflow would go on with an empty SQLite file."""
    done = airflow.run(
        "config",
        "get-value",
        "database",
        "sql_alchemy_conn",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET="db-url",
        **airflow.backend(socket_path=str(tmp_path / "none.sock"), on_error="none"),
    )
    assert done.returncode != 0
    assert "sqlite" not in done.stdout
    assert str(tmp_path / "none.sock") in done.stderr


def test_dags_test(airflow, record):
    done = airflow.run("dags", "test", "probe", "2026-02-01", **TWINS)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = airflow.reports("task")
    assert report["conn"] == {"conn_id": "warehouse", **WAREHOUSE}
    assert report["variable"] == "hello"
    assert report["empty"] == ""
    assert report["defaulted"] is None
    assert "AirflowNotFoundException" in report["missing"]
    assert {one["value"] for one in airflow.reports("parse")} == {"parsed"}

    asked, built = record.keys(), airflow.built()
    assert asked["warehouse"] == asked["greeting"] == asked["empty"] == 1
    if VERSION < (3,):
        # One process, one backend.
        assert asked["missing"] == asked["absent"] == 1
        assert list(built.values()) == [1]
    else:
        # The client's search, then the server's in the same process: a miss is asked for twice.
        assert asked["missing"] == asked["absent"] == 2
        assert list(built.values()) == [3]
    assert {event["pid"] for event in record.lookups(key="warehouse")} == {report["pid"]}
