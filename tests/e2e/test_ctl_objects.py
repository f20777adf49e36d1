# SPDX-License-Identifier: Apache-2.0
"""connctl connection, variable, env-var, metrics-export: what a change sends and leaves alone."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pty
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from admin import Admin
from connd_testing import CONNCTL, Manager, eventually, link

SECRET = "s3cr3t-p@ss"
OTHER = "0ther-s3cret"


@pytest.fixture
def admin(workdir: Path, manager: Manager) -> Admin:
    return Admin(workdir, manager).login()


def secret_file(admin: Admin, text: str, name: str = "secret") -> str:
    path = admin.home / name
    path.write_text(text + "\n")
    return str(path)


def resolved(admin: Admin, key: str, deployment: str = "prod", kind: str = "connection") -> Any:
    """What connd would get for that Deployment, secrets included."""
    types = {"connection": "CONNECTION", "airflowVariable": "AIRFLOW_VARIABLE"}
    where = admin.manager.deployment_ids[deployment]
    rows = admin.manager.api(
        "GET",
        f"?objectType={types[kind]}&deploymentId={where}&resolveLinked=true&showSecrets=true"
        f"&objectKey={key}",
    )["environmentObjects"]
    return rows[0][kind] if rows else None


def make_warehouse(admin: Admin) -> str:
    """A Workspace connection with everything a careless update loses."""
    manager = admin.manager
    prod, dev = (manager.deployment_ids[name] for name in ("prod", "dev"))
    return manager.create(
        "CONNECTION", "warehouse",
        {"type": "postgres", "host": "db", "login": "etl", "password": SECRET, "port": 5432,
         "extra": {"token": SECRET, "account": "x"}},
        links=[link(prod, connection={"password": OTHER}),
               link(dev, connection={"host": "dev-db", "password": OTHER})],
        description="The warehouse",
    )  # fmt: skip


def everything(admin: Admin) -> dict[str, Any]:
    return {name: resolved(admin, "warehouse", name) for name in ("prod", "dev")}


def test_a_connection_from_nothing_to_every_deployment(admin: Admin) -> None:
    """As a new user would, without curl."""
    changes = admin.change(
        "connection", "create", "warehouse", "--type", "postgres", "--host", "db", "--port", "5432",
        "--login", "etl", "--password-file", secret_file(admin, SECRET), "--description", "W",
    )  # fmt: skip
    assert changes["password"] == (None, "***") and changes["host"] == (None, "db")
    assert resolved(admin, "warehouse") is None
    assert admin.change("connection", "link", "warehouse", "--deployment", "prod") == {
        "link": (None, "prod")
    }
    assert resolved(admin, "warehouse")["password"] == SECRET
    changes = admin.change(
        "connection", "override", "warehouse", "--deployment", "prod", "--host", "prod-db"
    )
    assert changes == {"for prod: host": (None, "prod-db")}
    admin.change("connection", "set", "warehouse", "--auto-link", "yes")
    assert resolved(admin, "warehouse", "prod")["host"] == "prod-db"
    assert resolved(admin, "warehouse", "dev")["host"] == "db"
    admin.change("connection", "exclude", "warehouse", "--deployment", "dev")
    assert resolved(admin, "warehouse", "dev") is None
    admin.change("connection", "link", "warehouse", "--deployment", "dev")
    assert resolved(admin, "warehouse", "dev")["host"] == "db"
    shown = admin.run("connection", "get", "warehouse").stdout
    assert SECRET not in shown and "for prod: host" in shown and "password" in shown
    assert "***" in shown
    admin.change("connection", "delete", "warehouse")
    assert resolved(admin, "warehouse") is None


def test_linking_one_more_deployment_keeps_everything_else(admin: Admin) -> None:
    make_warehouse(admin)
    before = everything(admin)
    assert before["prod"]["password"] == OTHER and before["dev"]["host"] == "dev-db"
    admin.manager.request(
        "POST", f"/v1/organizations/{admin.manager.organization}/deployments",
        {"name": "third", "workspaceId": admin.manager.workspace},
    )  # fmt: skip
    admin.change("connection", "link", "warehouse", "--deployment", "third")
    assert everything(admin) == before
    changes = admin.change("connection", "unlink", "warehouse", "--deployment", "third")
    assert changes == {"link": ("third", None)}
    assert everything(admin) == before
    done = admin.json("connection", "unlink", "warehouse", "--deployment", "third", "--yes")
    assert done["made"] is False


@pytest.mark.parametrize(
    "args",
    [
        ("--login", "new"),
        ("--description", "Another"),
        ("--description", "Another", "--login", "new"),
        ("--auto-link", "yes"),
        ("--unset", "port"),
    ],
)
def test_setting_one_field_keeps_everything_else(admin: Admin, args: tuple[str, ...]) -> None:
    make_warehouse(admin)
    before = everything(admin)
    admin.change("connection", "set", "warehouse", *args)
    after = everything(admin)
    for seen in (*before.values(), *after.values()):
        seen.pop("login")
        if "port" in args:
            seen.pop("port", None)
    assert after == before
    row = admin.json("connection", "get", "warehouse")
    assert row["description"] == ("Another" if "Another" in args else "The warehouse")


def test_secrets_and_extra_are_set_from_files(admin: Admin) -> None:
    make_warehouse(admin)
    extra = secret_file(admin, json.dumps({"token": OTHER, "more": {"a": 1}}), "extra.json")
    changes = admin.change("connection", "set", "warehouse", "--extra-file", extra)
    assert changes == {"extra.token": ("***", "***"), "extra.more": (None, "***")}
    assert resolved(admin, "warehouse")["extra"] == {
        "token": OTHER,
        "account": "x",
        "more": {"a": 1},
    }
    admin.change("connection", "set", "warehouse", "--password-file", "-", input="piped")
    assert resolved(admin, "warehouse", "dev")["password"] == OTHER  # its override
    admin.change(
        "connection", "override", "warehouse", "--deployment", "dev", "--unset", "password"
    )
    assert resolved(admin, "warehouse", "dev")["password"] == "piped"
    assert resolved(admin, "warehouse", "dev")["host"] == "dev-db"
    code, shown = admin.answer(
        "typed\n", "connection", "set", "warehouse", "--password", "--yes", "--json"
    )
    assert code == 0 and "typed" not in shown
    admin.change("connection", "override", "warehouse", "--deployment", "dev", "--unset", "host")
    assert resolved(admin, "warehouse", "dev")["password"] == "typed"
    assert resolved(admin, "warehouse", "dev")["host"] == "db"
    admin.change("connection", "set", "warehouse", "--unset", "extra")
    assert "extra" not in resolved(admin, "warehouse") or not resolved(admin, "warehouse")["extra"]
    for field in ("password", "extra.account"):
        admin.run("connection", "set", "warehouse", "--unset", field, "--yes", code=2)


def test_variables_are_secret_unless_plain(admin: Admin) -> None:
    admin.run("variable", "create", "token", "--value", SECRET, "--yes", code=2)
    admin.change("variable", "create", "token", "--value-file", secret_file(admin, SECRET))
    admin.change("variable", "link", "token", "--deployment", "prod")
    assert resolved(admin, "token", kind="airflowVariable")["value"] == SECRET
    admin.run("variable", "set", "token", "--value", OTHER, "--yes", code=2)
    changes = admin.change(
        "variable", "override", "token", "--deployment", "prod", "--value-file", "-", input=OTHER
    )
    assert changes == {"for prod: value": (None, "***")}
    admin.change("variable", "set", "token", "--description", "kept")
    assert resolved(admin, "token", kind="airflowVariable")["value"] == OTHER
    admin.change("variable", "override", "token", "--deployment", "prod", "--unset", "value")
    assert resolved(admin, "token", kind="airflowVariable")["value"] == SECRET
    admin.change("variable", "create", "color", "--plain", "--value", "red", "--link", "dev")
    assert admin.change("variable", "set", "color", "--value", "blue") == {"value": ("red", "blue")}
    changes = admin.change(
        "variable", "override", "color", "--deployment", "dev", "--value", "green"
    )
    assert changes == {"for dev: value": (None, "green")}
    lines = [line.split() for line in admin.run("variable", "list").stdout.splitlines()]
    assert lines[0][:2] == ["color", "blue"] and lines[1][:2] == ["token", "secret"]
    assert "from the Workspace" in admin.run("variable", "list", "--deployment", "dev").stdout
    code, shown = admin.answer("prompted\n", "variable", "set", "token", "--yes")
    assert code == 0 and "prompted" not in shown
    assert resolved(admin, "token", kind="airflowVariable")["value"] == "prompted"


def test_environment_variables_and_metrics_exports(admin: Admin) -> None:
    admin.change("env-var", "create", "TOKEN", "--value-file", secret_file(admin, SECRET))
    admin.change("env-var", "link", "TOKEN", "--deployment", "prod")
    row = admin.json("env-var", "get", "TOKEN")
    assert row["environmentVariable"]["isSecret"] is True and len(row["links"]) == 1
    admin.change(
        "metrics-export", "create", "prom", "--endpoint", "https://a.example/write",
        "--auth-type", "BASIC", "--username", "u", "--password-file", secret_file(admin, SECRET),
    )  # fmt: skip
    changes = admin.change("metrics-export", "set", "prom", "--endpoint", "https://b.example/write")
    assert changes == {"endpoint": ("https://a.example/write", "https://b.example/write")}
    row = admin.json("metrics-export", "get", "prom")
    assert "password" in row["setFields"] and row["metricsExport"]["username"] == "u"
    admin.change("metrics-export", "override", "prom", "--deployment", "dev", "--username", "v")
    admin.change("metrics-export", "delete", "prom")
    assert admin.json("metrics-export", "list")["environmentObjects"] == []


def test_a_deployments_own_object_is_promoted(admin: Admin) -> None:
    own = ("--deployment", "prod")
    admin.change("connection", "create", "own", "--type", "http", "--host", "a", *own)
    admin.run("connection", "get", "own", code=1)
    for verb in ("link", "exclude"):
        done = admin.run("connection", verb, "own", *own, "--yes", code=1)
        assert "connctl connection promote" in done.stderr
    assert admin.json("connection", "get", "own", *own)["scope"] == "DEPLOYMENT"
    admin.change("connection", "set", "own", "--login", "x", *own)
    changes = admin.change("connection", "promote", "own", *own)
    assert changes["scope"] == ("DEPLOYMENT", "WORKSPACE")
    assert admin.json("connection", "get", "own")["scope"] == "WORKSPACE"
    assert resolved(admin, "own") == {"type": "http", "host": "a", "login": "x"}


def test_history_and_restore(admin: Admin) -> None:
    make_warehouse(admin)
    before = everything(admin)
    admin.change("connection", "set", "warehouse", "--host", "wrong")
    history = admin.json("connection", "history", "warehouse")["history"]
    changed = [e for e in history if e["action"] in ("CREATE", "UPDATE")]
    assert [e["version"] for e in changed] == [2, 1]
    assert "host" in admin.run("connection", "history", "warehouse").stdout
    admin.run("connection", "restore", "warehouse", "--yes", code=2)
    admin.change("connection", "override", "warehouse", "--deployment", "dev", "--host", "other")
    shown = admin.change("connection", "restore", "warehouse", "--to-version", "1")
    assert shown["host"] == shown["for dev: host"] == ("as it is", "as in version 1")
    assert shown["version"] == (None, "1") and len(shown) == 3
    assert everything(admin) == before
    admin.change("connection", "delete", "warehouse")
    admin.change("connection", "restore", "warehouse")
    assert everything(admin) == before
    admin.run("connection", "restore", "never-there", "--yes", code=1)
    admin.change("connection", "unlink", "warehouse", "--deployment", "dev")
    version = admin.json("connection", "history", "warehouse")["history"][0]["version"]
    admin.change("connection", "link", "warehouse", "--deployment", "dev")
    shown = admin.change("connection", "restore", "warehouse", "--to-version", str(version))
    assert "link to dev" in shown, "by name"


def test_a_linked_object_is_not_the_deployments_own(admin: Admin) -> None:
    make_warehouse(admin)
    linked = admin.run("connection", "get", "warehouse", "--deployment", "dev", code=1)
    assert "gets the Workspace's through a link" in linked.stderr
    assert '"connctl connection get warehouse"' in linked.stderr
    absent = admin.run("connection", "get", "other", "--deployment", "dev", code=1)
    assert 'there is no connection "other" in this Deployment' in absent.stderr
    shown = admin.run("connection", "get", "warehouse").stdout.splitlines()
    assert len([line for line in shown if line.startswith("type ")]) == 1


class Typist:
    """A person who is asked to confirm, and takes time."""

    def __init__(self, admin: Admin, *args: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(CONNCTL, [str(CONNCTL), *args], admin.env)
        self.shown = b""
        while b"[y/N]" not in self.shown:
            self.shown += os.read(self.terminal, 4096)

    def type(self, text: str) -> tuple[int, str]:
        os.write(self.terminal, text.encode())
        with contextlib.suppress(OSError):
            while part := os.read(self.terminal, 4096):
                self.shown += part
        os.close(self.terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code, self.shown.decode()


def test_lists_are_filtered(admin: Admin) -> None:
    admin.manager.create_connection("warehouse", autoLinkDeployments=True)
    admin.manager.create_connection("events")

    def found(*options: str) -> list[str]:
        rows = json.loads(admin.run("connection", "list", "--json", *options).stdout)
        return [row["objectKey"] for row in rows["environmentObjects"]]

    assert found() == ["events", "warehouse"]
    assert found("--search", "WARE") == found("--linked", "all") == ["warehouse"]
    assert found("--linked", "restricted") == ["events"]
    assert found("--updated-by", "nobody") == []
    assert found("--updated-since", "2020-01-01", "--updated-before", "2020-01-02") == []
    for option, value, why in (
        ("--linked", "some", "--linked takes all|restricted"),
        ("--updated-since", "yesterday", "updatedSince must be a time in UTC"),
    ):
        refused = admin.run("connection", "list", option, value, code=2)
        assert why in refused.stderr, refused.stderr


def test_somebody_elses_change_is_not_overwritten(admin: Admin) -> None:
    """The object changes while the first person is asked to confirm."""
    object_id = make_warehouse(admin)
    person = Typist(admin, "connection", "set", "warehouse", "--host", "second")
    admin.change("connection", "set", "warehouse", "--login", "first")
    code, shown = person.type("y\n")
    assert code == 1 and "somebody else changed it" in shown
    row = admin.json("connection", "get", "warehouse")
    assert row["connection"]["login"] == "first" and row["connection"]["host"] == "db"
    assert row["id"] == object_id


def test_an_interrupt_at_a_prompt_leaves_the_terminal_as_it_was(admin: Admin) -> None:
    make_warehouse(admin)
    code, shown = admin.answer("half\x03", "connection", "set", "warehouse", "--password")
    assert code == 1 and "interrupted" in shown and "half" not in shown


def test_two_people_at_once_lose_nothing(admin: Admin) -> None:
    make_warehouse(admin)
    for n in range(4):
        admin.change("deployment", "create", f"d{n}")

    def work(n: int) -> None:
        while True:  # a 412 says: run it again
            done = admin.run_any(
                "connection",
                "override",
                "warehouse",
                "--deployment",
                f"d{n}",
                "--host",
                f"h{n}",
                "--yes",
            )
            assert done.returncode in (0, 1), done
            if done.returncode == 0:
                return
            assert "somebody else" in done.stderr, done

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = admin.json("connection", "get", "warehouse")
    assert len(row["links"]) == 6
    hosts = {entry.get("connectionOverrides", {}).get("host") for entry in row["links"]}
    assert {"h0", "h1", "h2", "h3", "dev-db"} <= hosts
    assert resolved(admin, "warehouse", "prod")["password"] == OTHER


def test_what_makes_no_sense_is_refused(admin: Admin) -> None:
    make_warehouse(admin)
    own = ("--deployment", "prod")
    for args in (
        ("connection", "create", "new"),
        ("connection", "create", "new", "--type", "http", "--port", "0"),
        ("connection", "create", "a b", "--type", "http"),
        ("connection", "create", "new", "--type", "http", "--link", "dev", *own),
        ("connection", "set", "warehouse"),
        ("connection", "set", "warehouse", "--extra-file", secret_file(admin, "[]", "list")),
        ("connection", "override", "warehouse", *own),
        ("metrics-export", "create", "new"),
    ):
        admin.run(*args, "--yes", code=2)
    for args in (
        ("connection", "set", "nope", "--host", "x"),
        ("connection", "link", "warehouse", "--deployment", "nope"),
        ("connection", "exclude", "warehouse", *own),
        ("connection", "create", "warehouse", "--type", "http"),
        ("connection", "promote", "warehouse", *own),
    ):
        admin.run(*args, "--yes", code=1)
    admin.change("connection", "set", "warehouse", "--auto-link", "yes")
    admin.change("deployment", "create", "auto")
    done = admin.run("connection", "unlink", "warehouse", "--deployment", "auto", "--yes", code=1)
    assert "exclude" in done.stderr


class WithoutTags(http.server.BaseHTTPRequestHandler):
    """Passes everything on to the manager, and no ETag back: the hosted API has none."""

    target = ""

    def pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {k: v for k, v in self.headers.items() if k in ("Authorization", "Content-Type")}
        assert "If-Match" not in self.headers
        request = urllib.request.Request(
            self.target + self.path, self.rfile.read(length) or None, headers, method=self.command
        )
        try:
            with urllib.request.urlopen(request) as reply:
                status, body = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = pass_on

    def log_message(self, *_: Any) -> None: ...


def test_without_tags_the_time_of_the_last_change_is_compared(admin: Admin) -> None:
    make_warehouse(admin)
    handler = type("Handler", (WithoutTags,), {"target": admin.manager.url})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        target = ("--manager", url, "--token-file", str(admin.token_file))
        begun = admin.json("connection", "get", "warehouse")["updatedAt"]

        def later() -> bool:  # that time counts whole seconds
            now = admin.manager.api("GET", "?limit=0")
            return now is not None and time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > begun

        eventually(later, "the next second")
        admin.change("connection", "set", "warehouse", "--host", "one", *target)
        person = Typist(admin, "connection", "set", "warehouse", "--host", "two", *target)
        eventually(later, "the next second")
        begun = admin.json("connection", "get", "warehouse")["updatedAt"]
        eventually(later, "the next second")
        admin.change("connection", "set", "warehouse", "--login", "first")
        code, shown = person.type("y\n")
        assert code == 1 and "somebody else changed it" in shown
        assert admin.json("connection", "get", "warehouse")["connection"]["host"] == "one"
        server.shutdown()


@pytest.mark.parametrize("noun", ["connection", "variable", "env-var", "metrics-export"])
@pytest.mark.parametrize("verb", ["set", "delete", "link", "unlink", "exclude", "override"])
def test_help_names_the_race_with_a_manager_without_etags(noun: str, verb: str) -> None:
    done = subprocess.run([CONNCTL, noun, verb, "--help"], capture_output=True, text=True)
    assert "sends no ETag" in " ".join(done.stdout.split()), done
