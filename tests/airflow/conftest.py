# SPDX-License-Identifier: Apache-2.0
"""Real Airflow, real connd, real manager. Run by the pytest of the Airflow under test."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from connd_testing import Manager
from harness import VERSION, WAREHOUSE, Airflow, Record, Worker


def pytest_report_header():
    return f"apache-airflow {'.'.join(map(str, VERSION))}"


@pytest.fixture(scope="session")
def directory():
    path = Path(tempfile.mkdtemp(prefix="connd-airflow-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def manager(directory):
    with Manager(directory, deployments=("prod",)) as serving:
        prod = serving.deployment_ids["prod"]
        given = {**WAREHOUSE, "type": WAREHOUSE["conn_type"]}
        del given["conn_type"]
        serving.create_connection("warehouse", prod, **given)
        serving.create_variable("greeting", "hello", prod)
        serving.create_variable("empty", "", prod)
        serving.create_variable("at_parse", "parsed", prod)
        yield serving


@pytest.fixture(scope="session")
def connd(manager):
    """A daemon for the tests that do not stop it."""
    with manager.connd("prod", {"log": {"level": "debug"}}) as running:
        yield running


@pytest.fixture
def mortal_connd(manager):
    """A daemon that a test may stop and start."""
    daemon = manager.connd("prod", {"log": {"level": "debug"}}, name="mortal")
    with daemon:
        yield daemon


@pytest.fixture
def record(connd):
    return Record(connd)


@pytest.fixture(scope="session")
def airflow(directory, connd):
    """An Airflow with a metadata database."""
    home = Airflow(directory / "airflow", connd.socket)
    done = home.run("db", "migrate")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def worker(airflow):
    """Starts an interpreter: worker(NAME=VALUE, ...) adds to its environment."""
    started = []

    def start(**environment):
        started.append(Worker(airflow, **environment))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="module")
def long_worker(airflow):
    """One interpreter for all tests of a file."""
    one = Worker(airflow)
    yield one
    one.close()
