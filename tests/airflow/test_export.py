# SPDX-License-Identifier: Apache-2.0
"""What `connctl export` writes is for Airflow what connd serves."""

from __future__ import annotations

import base64

import pytest
import yaml
from harness import Airflow, Worker

CONNECTIONS = {
    "out_warehouse": {
        "type": "postgres",
        "host": "DB.Example.com",
        "login": "etl@acme",
        "password": "p/ss:w@rd%&?#\"' ☃\n",
        "schema": "dwh/a?b",
        "port": 5432,
        "extra": {"n": 2**63 - 1, "text": "1", "nested": {"list": [1, None]}},
    },
    "out_odd": {
        "type": "my_own_type",
        "host": "https://Bücher.example/p?q=1",
        "login": "жук",
        "password": "\x01 \x7f\x85\u2028\ufeff😀\t",
        "extra": {"é": "a=b&c", "": "y"},
    },
    "out_bare": {"type": "fs"},
    "out_socket": {"type": "mysql", "host": "/var/run/Sock", "login": "l", "schema": "s"},
    "out_v6": {"type": "http", "host": "::1", "login": "", "password": "only", "port": 80},
}
VARIABLES = {
    "out_text": "hello é",
    "json": '{"a": 1.50}',
    "number": "007",
    "word": "yes",
    "date": "2026-01-01",
}
MORE = {"out_lines": "a\nb\r\n\u2028c\x85", "out_empty": "", "ключ ☃": " in front "}


@pytest.fixture(scope="module")
def served(manager):
    prod = manager.deployment_ids["prod"]
    made = [manager.create_connection(key, prod, **fields) for key, fields in CONNECTIONS.items()]
    made += [manager.create_variable(k, v, prod) for k, v in (VARIABLES | MORE).items()]
    with manager.connd("prod", name="exported") as connd:
        yield connd
    for one in made:
        manager.delete(one)


@pytest.fixture(scope="module")
def asking(served, directory):
    one = Worker(Airflow(directory / "exporting", served.socket))
    yield one
    one.close()


def export(connd, *words):
    done = connd.connctl("export", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fields(conn, blank):
    """What to compare: a URI does not tell nothing from "", and has no description."""
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    return {name: blank if conn[name] in (None, "") else conn[name] for name in names}


@pytest.mark.parametrize(
    ("name", "end"), [("airflow-json", "json"), ("airflow-yaml", "yaml"), ("dotenv", "env")]
)
def test_airflow_s_import_reads_it_back_the_same(served, asking, tmp_path, name, end):
    path = str(tmp_path / f"connections.{end}")
    export(served, "connections", "--format", name, "--output", path)
    loaded = asking.result("loaded_connections", path)
    for key in CONNECTIONS:
        blank = "" if name == "dotenv" else None
        assert fields(loaded[key], blank) == fields(asking.result("whole", key), blank), key
    path = str(tmp_path / f"variables.{end}")
    partial = ["--partial"] if name == "dotenv" else []
    export(served, "variables", "--format", name, "--output", path, *partial)
    loaded = asking.result("loaded_variables", path)
    wanted = VARIABLES if partial else VARIABLES | MORE
    assert {key: loaded[key] for key in wanted} == {key: [v, None] for key, v in wanted.items()}


def test_airflow_finds_what_a_secret_puts_into_the_environment(served, asking, directory):
    secret = yaml.safe_load(export(served, "--format=k8s-secret", "--partial"))
    environment = {n: base64.b64decode(v).decode() for n, v in secret["data"].items()}
    plain = Airflow(directory / "plain", "/nowhere")
    worker = Worker(plain, AIRFLOW__SECRETS__BACKEND="", **environment)
    try:
        for key in CONNECTIONS:
            found = worker.result("whole", key)
            assert fields(found, None) == fields(asking.result("whole", key), None)
        for key, value in VARIABLES.items():
            assert worker.result("variable", key) == value
    finally:
        worker.close()
