# SPDX-License-Identifier: Apache-2.0
"""connctl diff: what differs between connd, Deployments, Workspaces and Airflow's exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemas
from admin import Admin
from connd_testing import Connd, Manager, eventually, link
from faulty_manager import FaultyManager, connection_row

SECRET, OVERRIDE, EXTRA = "s3cr3t-p@ss", "0verride-s3cret", "3xtra-s3cret"
CONNECTION = {
    "type": "postgres", "host": "db", "login": "etl", "password": SECRET, "port": 5432,
    "extra": {"token": EXTRA, "nested": {"a": [1, {"b": 2}]}},
}  # fmt: skip


class Person(Admin):
    connd: Connd

    def diff(self, a: str, b: str, *args: str, code: int = 0) -> dict[str, Any]:
        """The differences by key: the fields, or the side that alone has it."""
        done = self.run_any("diff", a, b, "--json", *args)
        assert done.returncode == code, done
        assert "Sanitizer" not in done.stderr
        for secret in (SECRET, OVERRIDE, EXTRA, self.token):
            assert secret not in done.stdout + done.stderr
        if code == 2:
            assert done.stdout == ""
            return {"error": json.loads(done.stderr)["error"]["message"]}
        report = schemas.check("diff", json.loads(done.stdout))
        assert report["same"] is (code == 0) and report["different_count"] == len(
            report["differences"]
        )
        self.report = report
        return {one["key"]: one.get("fields", one.get("only_in")) for one in report["differences"]}

    def file(self, name: str, content: Any) -> str:
        path = self.home / name
        path.write_text(json.dumps(content))
        return str(path)


@pytest.fixture
def filled(manager: Manager) -> Manager:
    prod, dev = (manager.deployment_ids[name] for name in ("prod", "dev"))
    manager.create(
        "CONNECTION", "warehouse", CONNECTION, description="The warehouse",
        links=[link(prod), link(dev, connection={"host": "dev-db", "password": OVERRIDE})],
    )  # fmt: skip
    manager.create("CONNECTION", "lake", {"type": "http", "host": "lake"}, links=[link(dev)])
    manager.create_variable("region", SECRET, prod)
    manager.create_variable("region", SECRET, dev)
    return manager


@pytest.fixture
def served(filled: Manager) -> Iterator[Connd]:
    with filled.connd() as connd:
        connd.wait_for(lambda status: status["connections"] == 1, "one connection")
        yield connd


@pytest.fixture
def person(workdir: Path, served: Connd, filled: Manager) -> Person:
    person = Person(workdir, filled)
    person.login()
    person.env["CONND_SOCKET"] = str(served.socket)
    person.connd = served
    return person


def test_connd_and_its_deployment(person: Person) -> None:
    assert person.diff("connd", "deployment:prod") == {}
    assert person.report["same_count"] == 2
    assert person.report["kinds"] == ["connection", "variable", "environment-variable"]
    assert person.diff("deployment:prod", "connd") == {}
    shown = person.run("diff", "connd", "deployment:prod").stdout
    assert shown == "0 differ, 2 are the same\n"


def test_two_deployments_differ_in_fields_and_keys(person: Person) -> None:
    found = person.diff("deployment:prod", "deployment:dev", code=1)
    assert found == {"lake": "b", "warehouse": ["host", "password"]}
    done = person.run_any("diff", "deployment:prod", "deployment:dev")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "connection  lake       only in deployment:dev",
        "connection  warehouse  differs in host, password",
        "2 differ, 1 is the same",
    ]
    assert person.diff("workspace:Analytics", "deployment:dev", code=1) == {
        "region": "b", "warehouse": ["host", "password"],
    }  # fmt: skip


def test_environment_variables_are_compared_too(person: Person) -> None:
    person.manager.create(
        "ENVIRONMENT_VARIABLE", "AWS_REGION", {"value": "eu", "isSecret": False},
        person.manager.deployment_ids["prod"],
    )  # fmt: skip
    assert person.diff("deployment:prod", "deployment:dev", code=1)["AWS_REGION"] == "a"
    eventually(
        lambda: person.run_any("diff", "connd", "deployment:prod").returncode == 0,
        "connd has it, too",
    )


def export(**changes: Any) -> dict[str, Any]:
    """The warehouse as `airflow connections export` writes it: extra is a text."""
    extra = {"nested": {"a": [1, {"b": 2}]}, "token": EXTRA}
    whole = {
        "conn_type": "postgres", "description": "The warehouse", "login": "etl", "host": "db",
        "password": SECRET, "port": 5432, "schema": "", "extra": json.dumps(extra),
    }  # fmt: skip
    return {"warehouse": {**whole, **changes}}


def test_an_export_and_the_manager(person: Person) -> None:
    connections = "connections:" + person.file("connections.json", export())
    assert person.diff(connections, "deployment:prod") == {}
    assert person.report["kinds"] == ["connection"]
    assert person.diff("connd", connections) == {}
    changed = export(port=5433, schema="dwh", extra=json.dumps({"token": "x"}), description=None)
    changed = {**changed, "own": {"conn_type": "http"}}
    connections = "connections:" + person.file("connections.json", changed)
    assert person.diff(connections, "deployment:prod", code=1) == {
        "own": "a",
        "warehouse": ["description", "extra.nested", "extra.token", "port", "schema"],
    }
    variables = "variables:" + person.file("variables.json", {"region": SECRET})
    assert person.diff(variables, "deployment:prod") == {}
    variables = "variables:" + person.file("variables.json", {"region": 7})
    assert person.diff(variables, "deployment:prod", code=1) == {"region": ["value"]}


def test_an_entry_that_cannot_be_compared_is_a_difference(person: Person) -> None:
    bad = {**export(), "bad": {"host": "no type"}}
    connections = "connections:" + person.file("connections.json", bad)
    assert person.diff(connections, "deployment:prod", code=1) == {"bad": "a"}
    assert "conn_type is missing" in person.report["differences"][0]["reason"]


FAKE_AIRFLOW = """\
#!/bin/sh
[ "$2" = export ] || exit 1
case $1 in
connections) cp {connections} "$3" ;;
variables) cp {variables} "$3" ;;
esac
"""


def test_airflows_database_by_its_own_export(person: Person) -> None:
    """With a real Airflow: tests/airflow/test_import.py."""
    command = person.home / "airflow"
    command.write_text(
        FAKE_AIRFLOW.format(
            connections=person.file("c.json", export()),
            variables=person.file("v.json", {"region": SECRET}),
        )
    )
    command.chmod(0o755)
    assert person.diff(f"airflow:{command}", "deployment:prod") == {}
    assert person.report["kinds"] == ["connection", "variable"]
    found = person.diff(f"airflow:{command}", "deployment:dev", code=1)
    assert found == {"lake": "b", "warehouse": ["host", "password"]}


def test_what_connd_serves_while_the_manager_is_away(person: Person) -> None:
    """That is what its snapshot holds."""
    connections = "connections:" + person.file("connections.json", export())
    person.manager.stop()
    assert person.diff("connd", connections) == {}
    assert "error" in person.diff("connd", "deployment:prod", code=2)


def test_a_secret_that_the_manager_withholds(
    workdir: Path, faulty: FaultyManager, person: Person
) -> None:
    row = connection_row("shut", faulty.deployment, password="x")
    del row["connection"]["password"]
    faulty.rows["CONNECTION"] = [row]
    (workdir / "faulty").mkdir()
    with faulty.connd(workdir / "faulty") as connd:
        args = ("connd", "deployment:prod", "--socket", str(connd.socket))
        assert "shut" in person.diff(*args, code=2)["error"]


def test_what_cannot_be_compared_is_2(person: Person) -> None:
    connections = "connections:" + person.file("connections.json", export())
    variables = "variables:" + person.file("variables.json", {})
    for a, b, words in (
        ("conn", "connd", "is not a side"),
        ("deployment:", "connd", "is not a side"),
        ("deployment:nowhere", "connd", 'no Deployment "nowhere"'),
        (connections, variables, "nothing in common"),
        ("connections:/no/such/file", "connd", "/no/such/file"),
        ("airflow:/no/such/airflow", "connd", "cannot be run"),
    ):
        assert words in person.diff(a, b, code=2)["error"]
    assert "reach" in person.diff("connd", connections, "--socket", "/no/such", code=2)["error"]
    assert person.run_any("diff", "connd").returncode == 2
    person.run("organization", "set", "--secrets-fetching", "off", "--yes")
    assert "showSecrets" in person.diff("deployment:prod", "deployment:dev", code=2)["error"]
    assert "keyed hashes" in person.run("diff", "--help").stdout
