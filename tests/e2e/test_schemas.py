# SPDX-License-Identifier: Apache-2.0
"""docs/schemas/connctl: the output of connctl --json, as the real programs print it."""

from __future__ import annotations

import json
import re
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
OBJECTS = ("connection", "variable", "env-var", "metrics-export")
PLACES = ("workspace", "deployment", "project")
CHANGES_OF_OBJECTS = (
    "create",
    "set",
    "delete",
    "link",
    "unlink",
    "exclude",
    "override",
    "promote",
    "restore",
)

# The schema of what each verb prints with --json. A verb that is not here has no schema: write one.
SCHEMA_OF: dict[str, str] = {
    **{v: v for v in ("diff", "doctor", "env", "explain", "get", "import", "init", "list",
                      "refresh", "scan", "sidecars", "status", "top", "trace", "wait", "watch")},
    "audit": "history",
    "login": "context",
    **{f"context {verb}": "contexts" for verb in ("list", "use", "delete")},
    "organization show": "organization", "organization set": "change",
    "token list": "tokens", "token create": "token", "token revoke": "change",
    "token renew": "token-renew",
    **{f"{noun} list": f"{noun}s" for noun in PLACES},
    **{f"{noun} {verb}": "change" for noun in PLACES for verb in ("create", "rename", "delete")},
    **{f"{noun} list": "objects" for noun in OBJECTS},
    **{f"{noun} get": "object" for noun in OBJECTS},
    **{f"{noun} history": "history" for noun in OBJECTS},
    **{f"{noun} {verb}": "change" for noun in OBJECTS for verb in CHANGES_OF_OBJECTS},
}  # fmt: skip
ERRORS_ONLY = {"redact", "render"}  # they print a stream or YAML; --json is for what goes wrong


def help_of(*words: str) -> str:
    done = subprocess.run([CONNCTL, *words, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


def verbs(*group: str) -> Iterator[str]:
    """Every verb that help lists, those of a group as "group verb"."""
    for line in help_of(*group).splitlines():
        found = re.match(r"  ([a-z][a-z-]*(?: [a-z]+)?)(?= --| [A-Z[(]|  |$| [a-z]+\|)", line)
        if not found or line.startswith("  -"):
            continue
        if not group and re.match(r" VERB\b", line[found.end() :]):
            yield from verbs(found[1])
        else:
            yield found[1]


def test_every_verb_with_json_has_a_schema() -> None:
    found = set(verbs())
    assert len(found) > 80 and {"status", "connection list", "token renew"} <= found
    with_json = {verb for verb in found if "--json" in help_of(*verb.split())}
    assert with_json == SCHEMA_OF.keys() | ERRORS_ONLY
    files = {path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir()}
    assert files == {*SCHEMA_OF.values(), "error", "note"}


def check(name: str, text: str, lines: bool = False) -> Any:
    """Holds output against the schema. It is one object, or one a line."""
    if isinstance(text, Output) and name not in ("error", "note"):
        assert SCHEMA_OF[text.verb] == name
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    rows = [json.loads(row) for row in text.splitlines()] if lines else [json.loads(text)]
    assert rows, f"no output to hold against {name}"
    for row in rows:
        Draft202012Validator(schema).validate(row)
    return rows if lines else rows[0]


class Output(str):
    """What a verb has printed."""

    verb: str


def output_of(args: tuple[str, ...], text: str) -> Output:
    out = Output(text)
    two = " ".join(args[:2])
    out.verb = two if two in SCHEMA_OF else args[0]
    return out


class World:
    def __init__(self, directory: Path, manager: Manager, connd: Connd) -> None:
        self.directory, self.manager, self.connd = directory, manager, connd
        self.admin = Admin(directory, manager)

    def ask(self, *args: str, code: int = 0) -> Output:
        """Of connd."""
        done = self.connd.connctl(*args, "--json")
        assert done.returncode == code, done
        return output_of(args, done.stdout or done.stderr)

    def administer(self, *args: str) -> Output:
        done = self.admin.run(*args, "--json")
        return output_of(args, done.stdout or done.stderr)


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
    check("sidecars", run("sidecars"))
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
    check("change", run("deployment", "rename", "new", "newer", "--yes"))
    check("change", run("deployment", "delete", "newer", "--yes"))
    check(
        "change", run("connection", "override", "c", "--deployment", "prod", "--host", "x", "--yes")
    )
    check("change", run("connection", "unlink", "c", "--deployment", "prod", "--yes"))
    check("change", run("connection", "exclude", "c", "--deployment", "prod", "--yes"))
    check("change", run("connection", "restore", "c", "--to-version", "1", "--yes"))
    check("change", run("connection", "delete", "c", "--yes"))
    check("change", run("organization", "set", "--secrets-fetching", "on", "--yes"))
    check("doctor", output_of(("doctor",), world.connd.connctl("doctor", "--json").stdout))
    manager = ("--manager", world.manager.url, "--organization", world.manager.organization)
    token_file = ("--token-file", str(world.admin.token_file))
    check("token-renew", run("token", "renew", *manager, *token_file))
    (tmp_path / "v.json").write_text('{"imported": "x"}')
    where = ("--deployment", world.manager.deployment_ids["prod"])
    given = ("--variables", str(tmp_path / "v.json"), *where)
    check("import", run("import", *given, *manager, *token_file))


def test_contexts_and_a_connd_of_ones_own(world: World, tmp_path: Path) -> None:
    run = Admin(tmp_path, world.manager).run
    manager = ("--manager", world.manager.url)
    login = ("login", "second", *manager, "--token-file", str(tmp_path / "person.token"))
    check("context", output_of(login, run(*login, "--json").stdout))
    use = ("context", "use", "second")
    check("contexts", output_of(use, run(*use, "--json").stdout))
    make = (
        "init",
        "--local",
        "--deployment",
        "prod",
        "--token-file",
        str(tmp_path / "person.token"),
    )
    here = {"XDG_RUNTIME_DIR": str(tmp_path)}
    check("init", output_of(make, run(*make, "--json", env=here).stdout))
    end = ("context", "delete", "second")
    check("contexts", output_of(end, run(*end, "--json").stdout))
