# SPDX-License-Identifier: Apache-2.0
"""`python -m airflow_connd explain` names the source that answers, as real Airflow does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from connd_testing import CONNCTL
from harness import CAN_DENY, TWIN, VERSION, WAREHOUSE, Airflow, Worker

IS_SERVED = VERSION[0] >= 3
SECRETS = [WAREHOUSE["password"], "twin-password", "s3cr3t"]
LOCAL_FILES = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
DATABASE_ROW = {"conn_type": "http", "host": "database.example.com", "password": "s3cr3t"}


@pytest.fixture(scope="module")
def home(directory, connd):
    one = Airflow(directory / "explain-home", connd.socket)
    assert one.run("db", "migrate").returncode == 0
    return one


@pytest.fixture(scope="module")
def worker_here(home):
    worker = Worker(home, AIRFLOW_CONN_WAREHOUSE=TWIN, AIRFLOW_CONN_ONLY_HERE=TWIN,
                    AIRFLOW_VAR_GREETING="twin-password")  # fmt: skip
    rows = [{"conn_id": name, **DATABASE_ROW} for name in ("warehouse", "only_here", "stored")]
    variables = [{"key": name, "val": "s3cr3t"} for name in ("greeting", "empty", "stored_var")]
    worker.result("fill", {"connections": rows, "variables": variables})
    yield worker
    worker.close()


@pytest.fixture
def explain(worker_here, home):
    def run(kind, key, **kwargs):
        given = {"kind": kind, "key": key, "env": home.backend(**kwargs) if kwargs else {}}
        found = worker_here.result("explain", given)
        for secret in SECRETS:
            assert secret not in json.dumps(found)
        return found

    return run


def roles(found):
    return {one["source"]: one["role"] for one in found["sources"]}


@pytest.mark.parametrize(
    ("key", "answers", "host"),
    [
        ("warehouse", "connd", WAREHOUSE["host"]),
        ("only_here", "environment", "twin.example.com"),
        ("stored", "database", "database.example.com"),
    ],
)
def test_the_source_that_answers_is_the_one_airflow_takes(explain, worker_here, key, answers, host):
    found = explain("conn", key)
    assert found["answers"] == answers
    assert worker_here.result("core", key)["host"] == host


def test_every_source_behind_the_first_is_shadowed(explain):
    found = explain("conn", "warehouse")
    order = [one["source"] for one in found["sources"]]
    served = ["api-server"] * IS_SERVED
    assert order == ["connd", "environment", *served, "database"]
    assert found["sources"][1]["name"] == "AIRFLOW_CONN_WAREHOUSE"
    wanted = {"connd": "answers", "environment": "shadowed", "database": "shadowed"}
    assert {**roles(found), **wanted} == roles(found)
    assert found["kind"] == "connection" and found["key"] == "warehouse"
    assert found["airflow"] == ".".join(map(str, VERSION))


def test_variables_and_the_empty_one(explain, worker_here):
    assert roles(explain("var", "greeting"))["environment"] == "shadowed"
    found = explain("var", "empty")
    assert found["answers"] == "connd" and roles(found)["database"] == "shadowed"
    assert worker_here.result("variable", "empty") == ""
    assert explain("var", "stored_var")["answers"] == "database"
    assert explain("var", "nowhere")["answers"] is None


def test_a_miss_that_is_a_denial_ends_the_lookup(explain):
    found = explain("conn", "only_here", on_missing="deny")
    if CAN_DENY:
        assert found["answers"] is None and roles(found)["connd"] == "ends"
        assert roles(found)["environment"] == "not asked"
    else:
        assert found["answers"] == "environment"


def test_connd_that_cannot_be_reached(explain, tmp_path):
    found = explain("conn", "warehouse", socket_path=str(tmp_path / "none.sock"))
    first = found["sources"][0]
    assert first["source"] == "connd" and first["has"] is None and first["why"]
    assert found["answers"] == "environment"
    found = explain("conn", "warehouse", socket_path=str(tmp_path / "none.sock"), on_error="deny")
    assert found["answers"] == (None if CAN_DENY else "environment")


def test_a_key_that_connd_is_not_asked_for(explain):
    found = explain("conn", "warehouse", connections_lookup_pattern="lake")
    assert found["answers"] == "environment"
    assert "is not asked for this key" in found["sources"][0]["why"]


def test_another_backend_before_connd(explain, tmp_path):
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"warehouse": TWIN}))
    arguments = {"first": LOCAL_FILES, "first_kwargs": {"connections_file_path": str(file)}}
    found = explain("conn", "warehouse", **arguments)
    assert found["answers"] == "backend" and roles(found)["connd"] == "shadowed"
    assert "LocalFilesystemBackend" in found["sources"][0]["name"]
    assert explain("conn", "stored", **arguments)["answers"] == "database"


def run(home, *arguments, **env):
    return subprocess.run(
        [sys.executable, "-m", "airflow_connd", "explain", *arguments],
        env={**home.environment, **env}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_as_a_program(home):
    done = run(home, "conn", "warehouse", AIRFLOW_CONN_WAREHOUSE=TWIN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "connd answers.\n" in done.stdout and "[shadowed]" in done.stdout
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    done = run(home, "conn", "warehouse", "--json", AIRFLOW__SECRETS__BACKEND="")
    assert done.returncode == 1
    assert "connd" not in [one["source"] for one in json.loads(done.stdout)["sources"]]
    done = run(home, "conn", "x", AIRFLOW__SECRETS__BACKEND="airflow_connd.CondBackend")
    assert done.returncode == 3 and not done.stdout and "could not be loaded" in done.stderr


def test_connctl_runs_it_with_the_workers_python(home, connd):
    env = {**home.environment, "AIRFLOW_CONN_WAREHOUSE": TWIN, "HOME": str(home.home)}
    done = subprocess.run(
        [CONNCTL, "explain", "conn", "warehouse", "--json", "--socket", str(connd.socket),
         "--python", sys.executable],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["connd"]["record"] == "value" and found["airflow"]["answers"] == "connd"
    assert roles(found["airflow"])["environment"] == "shadowed"
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)


def test_usage(home):
    assert run(home, "conn").returncode == 2
    done = run(home, "--help")
    assert done.returncode == 0 and "exit codes:" in done.stdout
