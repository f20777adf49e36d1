# SPDX-License-Identifier: Apache-2.0
"""connctl explain: where each field comes from, or the one cause of a key that is not served."""

from __future__ import annotations

import http.server
import json
import os
import pwd
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemas
from admin import Admin
from connd_testing import CONNCTL, PATIENCE, Connd, Manager, eventually, link
from faulty_manager import FaultyManager, connection_row
from manager_http import send

SECRET, OVERRIDE, EXTRA = "s3cr3t-p@ss", "0verride-s3cret", "3xtra-s3cret"
SECRETS = (SECRET, OVERRIDE, EXTRA)


class Person(Admin):
    """Explains keys with a home directory; login() adds the manager's context."""

    connd: Connd

    def explain(self, *args: str, code: int = 0, env: dict[str, str] | None = None) -> Any:
        """The report. args without a kind are a connection's key and options."""
        done = self.shown(*args, "--json", code=code, env=env)
        return schemas.check("explain", json.loads(done.stdout))

    def shown(
        self, *args: str, code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        kind = () if args[0] in ("conn", "var") else ("conn",)
        done = subprocess.run(
            [CONNCTL, "explain", *kind, *args], capture_output=True, text=True, check=False,
            timeout=PATIENCE * 2, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Sanitizer" not in done.stderr, done.stderr
        assert done.returncode == code, done
        if "--reveal" not in args:
            assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
        return done


def fields(report: Any) -> dict[str, tuple[str | None, dict[str, str]]]:
    """Each field: which value wins, and every value by its source."""
    return {
        one["field"]: (one.get("from"), {v["from"]: v["value"] for v in one["values"]})
        for one in report["manager"]["fields"]
    }


@pytest.fixture
def filled(manager: Manager) -> Manager:
    prod, dev = (manager.deployment_ids[name] for name in ("prod", "dev"))
    manager.create(
        "CONNECTION", "warehouse",
        {"type": "postgres", "host": "db", "login": "etl", "password": SECRET, "port": 5432,
         "extra": {"token": EXTRA}},
        links=[link(prod, connection={"host": "prod-db", "password": OVERRIDE}), link(dev)],
    )  # fmt: skip
    manager.create("CONNECTION", "lake", {"type": "http", "host": "lake"}, links=[link(dev)])
    manager.create_connection("own", prod, type="http", host="own-host")
    manager.create(
        "CONNECTION", "own", {"type": "http", "host": "shared-host", "login": "shared"},
        links=[link(prod, connection={"host": "linked-host"})],
    )  # fmt: skip
    manager.create_variable("region", SECRET, prod)
    return manager


@pytest.fixture
def served(filled: Manager) -> Iterator[Connd]:
    with filled.connd() as connd:
        connd.wait_for(lambda status: status["connections"] == 2, "two connections")
        yield connd


@pytest.fixture
def person(workdir: Path, served: Connd, filled: Manager) -> Person:
    person = Person(workdir, filled)
    person.env["CONND_SOCKET"] = str(served.socket)
    person.connd = served
    return person


# --- where a value comes from


def test_from_the_socket_alone(person: Person) -> None:
    report = person.explain("warehouse")
    assert "manager" not in report and report["served"] is True
    connd = report["connd"]
    assert (connd["record"], connd["state"], connd["allowed"]) == ("value", "fresh", True)
    assert connd["deployment"] == person.manager.deployment_ids["prod"]
    assert connd["value"]["host"] == "prod-db" and connd["value"]["password"] == "***"
    shown = person.shown("warehouse").stdout
    assert "manager  not asked" in shown and "connd has no [access] rules" in shown
    assert person.explain("var", "region")["connd"]["value"] == "***"


def test_each_field_names_its_source_and_what_it_hides(person: Person) -> None:
    person.login()
    report = person.explain("warehouse")
    assert report["manager"]["reach"] == "linked"
    assert fields(report) == {
        "type": ("workspace", {"workspace": "postgres"}),
        "host": ("link", {"workspace": "db", "link": "prod-db"}),
        "login": ("workspace", {"workspace": "etl"}),
        "password": ("link", {"workspace": "***", "link": "***"}),
        "port": ("workspace", {"workspace": "5432"}),
        "extra.token": ("workspace", {"workspace": "***"}),
    }
    shown = person.shown("warehouse").stdout
    assert "host         prod-db   link" in shown and "workspace: db" in shown


def test_the_deployments_own_object_wins_as_a_whole(person: Person) -> None:
    person.login()
    report = person.explain("own")
    assert report["manager"]["reach"] == "own"
    assert fields(report) == {
        "type": ("deployment", {"workspace": "http", "deployment": "http"}),
        "host": (
            "deployment",
            {"workspace": "shared-host", "link": "linked-host", "deployment": "own-host"},
        ),
        "login": (None, {"workspace": "shared"}),
    }
    wins = {one["scope"]: one["wins"] for one in report["manager"]["objects"]}
    assert wins == {"workspace": False, "deployment": True}


def test_a_projects_object_wins_over_its_deployments(person: Person) -> None:
    manager = person.login().manager
    base, prod = f"/v1/organizations/{manager.organization}", manager.deployment_ids["prod"]
    named = {"name": "ide", "workspaceId": manager.workspace, "deploymentId": prod}
    project = send(manager, "POST", f"{base}/projects", named).body["id"]
    assert fields(person.explain("own", "--project", "ide"))["host"][0] == "deployment"
    own = {"type": "http", "host": "ide-host"}
    place = {"scope": "PROJECT", "scopeEntityId": project}
    body: dict[str, Any] = {"objectType": "CONNECTION", "objectKey": "own", "connection": own}
    manager.api("POST", "", {**body, **place})
    report = person.explain("own", "--project", "ide")
    assert fields(report)["host"][0] == "project" and fields(report)["host"][1]["project"]
    assert report["manager"]["project"]["name"] == "ide"
    assert fields(person.explain("own"))["host"][0] == "deployment"


def test_who_changed_a_field_and_when(person: Person, workdir: Path) -> None:
    person.login()
    token = person.json("token", "create", "second", "--role", "OWNER", "--yes")["token"]
    (workdir / "second.token").touch(0o600)
    (workdir / "second.token").write_text(token + "\n")
    target = ("--manager", person.manager.url, "--token-file", str(workdir / "second.token"))
    person.run("connection", "override", "warehouse", "--deployment", "prod", "--host", "new-db",
               "--yes", *target)  # fmt: skip
    found = {one["field"]: one for one in person.explain("warehouse")["manager"]["fields"]}
    by = {v["from"]: v["by"] for v in found["host"]["values"]}
    assert by == {"workspace": "init", "link": "second"}
    assert {v["by"] for v in found["password"]["values"]} == {"init"}
    assert all(v["exact"] for one in found.values() for v in one["values"])


class WithoutHistory(http.server.BaseHTTPRequestHandler):
    """Passes everything on to the manager but histories: the hosted API has none."""

    manager: Manager

    def do_GET(self) -> None:
        status, body = 404, b'{"message":"not found","requestId":"r","statusCode":404}'
        if "/history" not in self.path:
            reply = send(self.manager, "GET", self.path)
            status, body = reply.status, reply.raw
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


def test_a_manager_without_history_dates_the_object(person: Person) -> None:
    handler = type("Handler", (WithoutHistory,), {"manager": person.manager})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        found = person.explain(
            "warehouse", "--manager", url, "--token-file", str(person.token_file)
        )
        server.shutdown()
    values = [v for one in found["manager"]["fields"] for v in one["values"]]
    assert values and all(v["by"] == "init" and v["at"] and not v["exact"] for v in values)


def test_reveal_shows_what_connd_serves(person: Person) -> None:
    assert person.explain("warehouse", "--reveal")["connd"]["value"]["password"] == OVERRIDE
    person.login()
    report = person.explain("warehouse", "--reveal")
    shown = {one["field"]: one["served"] for one in report["manager"]["fields"]}
    assert shown["password"] == OVERRIDE and shown["extra.token"] == EXTRA
    assert shown["port"] == "5432" and shown["type"] == "postgres"
    assert person.explain("var", "region", "--reveal")["connd"]["value"] == SECRET
    assert SECRET not in person.shown("warehouse", "--reveal").stdout


# --- why a key is not served


def test_a_misspelt_key_names_the_nearest(person: Person) -> None:
    report = person.explain("warehose", code=1)
    assert report["next"] == 'Nearest: "warehouse".' and report["connd"]["record"] == "not-found"
    person.login()
    report = person.explain("lak", code=1)
    assert report["next"] == 'Nearest: "lake".', "connd does not have it; the Workspace does"
    assert report["cause"] == (
        'neither Deployment "prod" nor its Workspace "Analytics" has a connection "lak"'
    )
    assert "variable" in person.explain("var", "nowhere", code=1)["cause"]


def test_a_key_that_is_not_linked_names_the_command_that_links_it(person: Person) -> None:
    person.login()
    report = person.explain("lake", code=1)
    assert report["manager"]["reach"] == "not-linked"
    assert report["cause"] == (
        'connection "lake" exists in Workspace "Analytics", and is not linked to Deployment '
        '"prod"; it is linked to dev'
    )
    command = shlex.split(report["next"])
    assert command[0] == "connctl"
    person.run(*command[1:], "--yes")
    eventually(
        lambda: person.shown("lake", code=0) if person.connd.status()["connections"] == 3 else None,
        "connd serves it",
    )


def test_an_excluded_deployment(person: Person) -> None:
    person.login()
    person.run("connection", "set", "lake", "--auto-link", "yes", "--yes")
    person.run("connection", "exclude", "lake", "--deployment", "prod", "--yes")
    gone = lambda: person.run_any("explain", "conn", "lake").returncode == 1  # noqa: E731
    eventually(gone, "connd has heard of both changes")
    report = person.explain("lake", code=1)
    assert report["manager"]["reach"] == "excluded"
    assert 'Deployment "prod" is excluded' in report["cause"]
    assert report["next"] == "connctl connection link lake --deployment prod"


def test_the_connd_of_another_deployment(person: Person) -> None:
    done = person.shown("warehouse", "--deployment", "dev", code=1)
    assert 'serves Deployment "prod", not "dev"' in done.stderr
    person.login()
    report = person.explain("warehouse", "--deployment", "dev", "--reveal", code=1)
    assert fields(report)["host"] == ("workspace", {"workspace": "db"})
    assert not any("served" in one for one in report["manager"]["fields"])
    assert person.explain("warehouse", "--deployment", "prod")["served"] is True


def test_what_the_manager_has_and_connd_has_not(person: Person, workdir: Path) -> None:
    """connd is of another manager with the same ids: as after a restored backup."""
    person.login()
    manager = person.manager
    sections = {"manager": {"refresh": "1h", "push": "no"}, "misses": {"probe": "0"}}
    with manager.connd("prod", sections, name="slow") as slow:
        slow.wait_for(lambda status: status["connections"] == 2, "two connections")
        manager.create_connection("newest", manager.deployment_ids["prod"], type="http")
        report = person.explain("newest", "--socket", str(slow.socket), code=1)
    assert "the manager has this connection" in report["cause"]
    assert "connctl refresh" in report["next"]


def test_without_connd_a_named_deployment_is_explained(person: Person) -> None:
    person.connd.stop()
    done = person.shown("warehouse", code=3)
    assert done.stdout == "" and "reach connd" in done.stderr
    person.login()
    report = person.explain("warehouse", "--deployment", "prod")
    assert "connd" not in report and report["served"] is True
    assert fields(report)["host"][0] == "link"
    assert person.explain("lake", "--deployment", "prod", code=1)["next"].startswith("connctl ")


def test_a_manager_that_is_gone_leaves_connds_part(person: Person) -> None:
    person.login()
    person.manager.stop()
    report = person.explain("warehouse")
    assert report["connd"]["record"] == "value" and "manager" not in report
    shown = person.shown("warehouse")
    assert "manager  not known" in shown.stdout and person.manager.url in shown.stderr
    person.shown("warehouse", "--deployment", "prod", "--context", "default", code=3)


def test_a_connd_that_has_no_data(person: Person) -> None:
    person.login()
    person.run("organization", "set", "--secrets-fetching", "off", "--yes")
    new = person.manager.connd("prod", name="new").start(wait="listening")
    new.wait_for(lambda status: status.get("last_error"), "the first sync has failed")
    report = person.explain("warehouse", "--socket", str(new.socket), "--timeout", "5s", code=3)
    new.stop()
    assert report["connd"]["record"] == "not-ready" and report["manager"]["reach"] == "linked"
    assert "connd has no data yet: " in report["cause"] and "is off" in report["cause"]


def test_a_password_that_the_manager_withholds(
    workdir: Path, faulty: FaultyManager, person: Person
) -> None:
    row = connection_row("shut", faulty.deployment, password="x")
    del row["connection"]["password"]
    faulty.rows["CONNECTION"] = [row]
    (workdir / "faulty").mkdir()
    with faulty.connd(workdir / "faulty") as connd:
        report = person.explain("shut", "--socket", str(connd.socket), code=3)
    assert report["connd"]["record"] == "withheld"
    assert "withholds secrets of this key: password" in report["cause"]


# --- who may read it


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_rule_that_lets_a_user_read_it(person: Person) -> None:
    rules = {"deny": "user:nobody conn:own", "allow": "user:root\nuser:nobody conn:*"}
    sections = {"socket": {"mode": "0666"}, "access": rules}
    with person.manager.connd("prod", sections, name="ruled") as ruled:
        ruled.wait_for(lambda status: status["connections"] == 2, "two connections")
        socket = ("--socket", str(ruled.socket))
        assert person.explain("own", *socket)["connd"]["rule"] == "allow = user:root"
        report = person.explain("own", "--user", "nobody", *socket, code=4)
        assert report["connd"]["rule"] == "deny = user:nobody conn:own"
        assert report["connd"]["record"] == "denied" and report["user"]["name"] == "nobody"
        assert "user nobody may not read" in report["cause"]
        report = person.explain("warehouse", "--user", "nobody", *socket)
        assert report["connd"]["rule"] == "allow = user:nobody conn:*"
        report = person.explain("var", "region", "--user", "nobody", *socket, code=4)
        assert "no rule of [access] allows it" in report["cause"]
    assert person.run_any("explain", "conn", "own", "--user", "no-such-user").returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_user_who_may_not_open_the_socket(person: Person) -> None:
    person.connd.socket.chmod(0o600)
    done = person.shown("warehouse", "--user", "nobody", code=4)
    assert "may not open" in done.stderr and done.stdout == ""


# --- Airflow's other sources. With a real Airflow: tests/airflow/test_explain.py


def airflow_config(person: Person, text: str) -> str:
    path = person.home / "airflow.cfg"
    path.write_text(text)
    return str(path)


def airflow_part(person: Person, key: str, text: str, code: int = 0, **env: str) -> Any:
    path = airflow_config(person, text.replace("SOCKET", str(person.connd.socket)))
    report = person.explain(key, "--airflow-config", path, code=code, env=env)
    assert not any(secret in json.dumps(report) for secret in SECRETS)
    return report["airflow"]


def roles(part: Any) -> dict[str, str]:
    return {one["source"]: one["role"] for one in part["sources"]}


OURS = """\
# a comment
[core]
backend = other.Backend
[secrets]
backend = airflow_connd.ConndBackend
backend_kwargs = {"socket_path": "SOCKET",
    "on_missing": "deny"}
"""


def test_a_configuration_that_asks_connd_first(person: Person) -> None:
    part = airflow_part(person, "warehouse", OURS, AIRFLOW_CONN_WAREHOUSE="http://x")
    assert part["answers"] == "connd"
    assert roles(part) == {"connd": "answers", "environment": "shadowed", "database": "not asked"}
    part = airflow_part(person, "nowhere", OURS, code=1, AIRFLOW_CONN_NOWHERE="http://x")
    assert roles(part)["connd"] == "ends" and "answers" not in part
    later = OURS.replace(',\n    "on_missing": "deny"', "")
    part = airflow_part(person, "nowhere", later, code=1, AIRFLOW_CONN_NOWHERE="http://x")
    assert part["answers"] == "environment"


def test_a_configuration_that_does_not_ask_connd(person: Person) -> None:
    part = airflow_part(person, "warehouse", "[core]\n", AIRFLOW_CONN_WAREHOUSE="http://x")
    assert part["answers"] == "environment" and "connd" not in roles(part)
    part = airflow_part(person, "warehouse", "[secrets]\nbackend = some.Vault\n")
    assert part["sources"][0]["name"] == "some.Vault" and "answers" not in part
    workers = OURS + "[workers]\nsecrets_backend: some.Vault\n"
    assert airflow_part(person, "warehouse", workers)["sources"][0]["name"] == "some.Vault"
    part = airflow_part(person, "warehouse", OURS, AIRFLOW__SECRETS__BACKEND="env.Vault")
    assert part["sources"][0]["name"] == "env.Vault"


def test_a_configuration_of_another_socket_or_with_another_backend_first(person: Person) -> None:
    part = airflow_part(person, "warehouse", OURS.replace("SOCKET", "/run/other.sock"))
    assert "another socket" in part["sources"][0]["why"] and "answers" not in part
    first = OURS.replace('"on_missing": "deny"', '"first": "some.Vault", "then": "some.Files"')
    part = airflow_part(person, "warehouse", first)
    assert [one["source"] for one in part["sources"]] == [
        "backend", "connd", "backend", "environment", "database",
    ]  # fmt: skip
    assert part["answers"] == "connd"


def test_a_python_without_the_shim_or_none_at_all(person: Person) -> None:
    done = person.shown("warehouse", "--python", "/no/such/python", code=3)
    assert "cannot be run" in done.stderr and "served" in done.stdout
    env = {"PYTHONPATH": str(person.home)}
    done = person.shown("warehouse", "--python", sys.executable, code=3, env=env)
    assert "gives no report" in done.stderr and "airflow-provider-connd" in done.stderr


PYTHON = """\
#!/bin/sh
source="\\"source\\":\\"connd\\",\\"name\\":\\"$(id -un) $HOME $AIRFLOW_CONFIG\\""
rest='"role":"asked","why":""'
echo "{\\"kind\\":\\"connection\\",\\"key\\":\\"k\\",\\"sources\\":[{$source,$rest}]}"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_python_runs_as_the_user(person: Person) -> None:
    """A stand-in for the worker's Python that says who runs it, and where it is at home."""
    (person.home / "python").write_text(PYTHON)
    (person.home / "python").chmod(0o755)
    person.connd.socket.chmod(0o666)
    args = ("--python", str(person.home / "python"), "--airflow-config", "/etc/airflow.cfg")
    found = person.explain("warehouse", "--user", "nobody", *args)
    home = pwd.getpwnam("nobody").pw_dir
    assert found["airflow"]["sources"][0]["name"] == f"nobody {home} /etc/airflow.cfg"


def test_usage(person: Person) -> None:
    assert person.run_any("explain", "warehouse").returncode == 2
    person.shown("warehouse", "--airflow-config", "/no/such/airflow.cfg", code=2)
    shown = person.run("explain", "--help").stdout
    assert "From the socket alone" in shown and "With a person's token" in shown
