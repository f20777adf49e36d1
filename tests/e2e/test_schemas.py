# SPDX-License-Identifier: Apache-2.0
"""docs/schemas/connctl: the output of connctl --json, as the real programs print it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from admin import Admin
from connd_testing import CONNCTL, PATIENCE, REPO, Connd, Manager, eventually
from jsonschema import Draft202012Validator

SCHEMAS = REPO / "docs" / "schemas" / "connctl"


def check(name: str, text: str, lines: bool = False) -> Any:
    """Holds output against the schema. It is one object, or one a line."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    rows = [json.loads(row) for row in text.splitlines()] if lines else [json.loads(text)]
    assert rows, f"no output to hold against {name}"
    for row in rows:
        Draft202012Validator(schema).validate(row)
    return rows if lines else rows[0]


class World:
    def __init__(self, directory: Path, manager: Manager, connd: Connd) -> None:
        self.directory, self.manager, self.connd = directory, manager, connd
        self.admin = Admin(directory, manager)

    def ask(self, *args: str, code: int = 0) -> str:
        """Of connd."""
        done = self.connd.connctl(*args, "--json")
        assert done.returncode == code, done
        return str(done.stdout or done.stderr)

    def administer(self, *args: str) -> str:
        return str(self.admin.run(*args, "--json").stdout)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="connd-") as name, Manager(Path(name)) as manager:
        prod = manager.deployment_ids["prod"]
        manager.create_connection("warehouse", prod, password="s3cr3t-pass", extra={"a": {"b": 1}})
        manager.create_variable("v", "a-long-value", prod)
        typed = {"value": "e-long-value", "isSecret": True}
        manager.create("ENVIRONMENT_VARIABLE", "E", typed, prod)
        with manager.connd() as connd:
            world = World(Path(name), manager, connd)
            login = world.administer(
                "login", "--manager", manager.url, "--token-file", str(world.admin.token_file)
            )
            check("context", login)
            yield world


def test_each_schema_is_one() -> None:
    for path in SCHEMAS.iterdir():
        schema = json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)
        name = path.name.removesuffix(".schema.json")
        assert schema.get("$id", name).split(":")[-1] == name


def test_what_connd_is_asked_for(world: World) -> None:
    check("get", world.ask("get", "conn", "warehouse"))
    check("get", world.ask("get", "conn", "warehouse", "--reveal"))
    check("get", world.ask("get", "var", "v"))
    check("list", world.ask("list"))
    check("status", world.ask("status"))
    check("refresh", world.ask("refresh"))
    check("wait", world.ask("wait"))
    check("env", world.ask("env"))
    assert len(check("trace", world.ask("trace"), lines=True)) >= 3
    check("top", world.ask("top"))
    (world.directory / "leak").write_text("x a-long-value e-long-value\n")
    found = world.ask("scan", str(world.directory / "leak"), code=1)
    assert len(check("scan", found, lines=True)) == 2


def test_a_watch_prints_a_line_for_each_change_and_for_a_restart(world: World) -> None:
    out = world.directory / "watched"
    with (
        out.open("w") as stdout,
        subprocess.Popen(
            [CONNCTL, "watch", "--json", "--socket", world.connd.socket],
            stdout=stdout,
            stderr=subprocess.DEVNULL,
        ) as watcher,
    ):
        eventually(lambda: world.connd.accepted() == 1, "connected")
        world.manager.create_variable("new", "x", world.manager.deployment_ids["prod"])
        eventually(lambda: "added" in out.read_text(), "the change")
        world.connd.stop()
        world.connd.start()
        eventually(lambda: "reconnected" in out.read_text(), "the restart")
        watcher.terminate()
        assert watcher.wait(PATIENCE) == 0
    check("watch", out.read_text(), lines=True)


def test_errors_and_notes(world: World) -> None:
    error = check("error", world.ask("get", "conn", "absent", code=1))
    assert error["error"]["code"] == 1 and "warehouse" not in json.dumps(error["error"]["next"])
    assert check("error", world.ask("get", "--frobnicate", code=2))["error"]["code"] == 2
    assert check("error", world.ask("list", "--socket", "/nonexistent", code=3))
    (world.directory / "clean").write_text("nothing\n")
    check("note", world.ask("scan", str(world.directory / "clean")), lines=True)


def test_administration(world: World, tmp_path: Path) -> None:
    run = world.administer
    check("contexts", run("context", "list"))
    for noun in ("workspace", "deployment", "project"):
        check(f"{noun}s", run(noun, "list"))
    check("organization", run("organization", "show"))
    check("tokens", run("token", "list"))
    token = check("token", run("token", "create", "t", "--role", "MEMBER", "--yes"))
    check("change", run("token", "revoke", token["id"], "--yes"))
    check("change", run("connection", "create", "c", "--type", "http", "--host", "h", "--yes"))
    check("change", run("connection", "set", "c", "--host", "i", "--dry-run"))
    check("change", run("connection", "link", "c", "--deployment", "prod", "--yes"))
    check("objects", run("connection", "list"))
    check("object", run("connection", "get", "c"))
    check("history", run("connection", "history", "c"))
    check("history", run("audit"))
    check("change", run("deployment", "create", "new", "--yes"))
    manager = ("--manager", world.manager.url, "--organization", world.manager.organization)
    token_file = ("--token-file", str(world.admin.token_file))
    check("token-renew", run("token", "renew", *manager, *token_file))
    (tmp_path / "v.json").write_text('{"imported": "x"}')
    where = ("--deployment", world.manager.deployment_ids["prod"])
    given = ("--variables", str(tmp_path / "v.json"), *where)
    check("import", run("import", *given, *manager, *token_file))
