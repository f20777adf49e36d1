# SPDX-License-Identifier: Apache-2.0
"""connctl export: from what connd serves to files that imports read back the same."""

from __future__ import annotations

import base64
import json
import os
import pty
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from connd_testing import CONNCTL, PATIENCE, Connd, Manager

SECRET = "s3cr3t/p@ss:w%rd#?&+\"'\\"
CONNECTIONS: dict[str, dict[str, Any]] = {
    "warehouse": {
        "type": "postgres", "host": "DB.example.com", "login": "etl@acme", "password": SECRET,
        "schema": "dwh/a?b", "port": 5432, "extra": {"n": 2**63 - 1, "nested": {"list": [1, None]}},
    },
    "odd": {
        "type": "my_type", "host": "https://Bücher.example/p?q=1", "login": "жук",
        "password": "\x01 \x7f\x85\u2028\ufeff😀\n\t",
        "extra": {"__extra__": "x", "": "y", "é": "a=b&c"},
    },
    "bare": {"type": "fs"},
    "socket": {"type": "mysql", "host": "/var/run/Sock", "login": "", "schema": "s"},
    "v6": {"type": "http", "host": "::1", "port": 80, "password": "only"},
}  # fmt: skip
VARIABLES = {
    "text": f"hello {SECRET}", "json": '{"a": 1.50}', "number": "007", "word": "yes",
    "ключ ☃": " in front and behind ", 'k"e\\y:': "# no comment",
}  # fmt: skip
ONLY_JSON_AND_YAML = {"lines": "a\nb\r\n\u2028c\x85", "empty": ""}


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    place = tmp_path_factory.mktemp("export")
    with Manager(place, deployments=("prod", "copy", "lines")) as serving:
        prod, lines = serving.deployment_ids["prod"], serving.deployment_ids["lines"]
        for key, fields in CONNECTIONS.items():
            serving.create_connection(key, prod, **fields)
        for deployment, variables in ((prod, VARIABLES), (lines, ONLY_JSON_AND_YAML)):
            for key, value in variables.items():
                serving.create_variable(key, value, deployment)
        serving.create_variable("config/x", "y", lines)
        yield serving


@pytest.fixture(scope="module")
def connd(manager: Manager) -> Iterator[Connd]:
    with manager.connd() as running:
        yield running


def export(connd: Connd, *words: str, code: int = 0) -> str:
    done = connd.connctl("export", *words)
    assert done.returncode == code, done
    assert SECRET not in done.stderr
    if code:
        assert done.stdout == ""
    return done.stdout if code == 0 else done.stderr


def revealed(connd: Connd, kind: str) -> dict[str, Any]:
    """What each key of a kind is for Airflow."""
    listed = json.loads(connd.connctl("list", "--json").stdout)
    keys = listed["connections" if kind == "conn" else "variables"]
    texts = {key: connd.connctl("get", kind, key, "--reveal").stdout[:-1] for key in keys}
    return {key: json.loads(text) for key, text in texts.items()} if kind == "conn" else texts


FORMATS = (("airflow-json", "json"), ("airflow-yaml", "yaml"), ("dotenv", "env"))


@pytest.mark.parametrize(("name", "end"), FORMATS)
def test_our_own_import_reads_it_back_the_same(
    manager: Manager, connd: Connd, workdir: Path, name: str, end: str
) -> None:
    files = {kind: workdir / f"{kind}.{end}" for kind in ("connections", "variables")}
    for kind, path in files.items():
        assert export(connd, kind, "--format", name, "--output", str(path)) == ""
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = workdir / "copy.token"
    token.touch(0o600)
    token.write_text(manager.token)
    copy = manager.deployment_ids["copy"]
    done = subprocess.run(
        [CONNCTL, "import", "--manager", manager.url, "--organization", manager.organization,
         "--token-file", token, "--deployment", copy, "--update", "--json",
         "--connections", files["connections"], "--variables", files["variables"]],
        capture_output=True, text=True, timeout=PATIENCE * 2, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert len(json.loads(done.stdout)["objects"]) == len(CONNECTIONS) + len(VARIABLES)
    with manager.connd("copy", name=f"copy-{end}") as other:
        assert revealed(other, "var") == VARIABLES == revealed(connd, "var")
        got, wanted = revealed(other, "conn"), revealed(connd, "conn")
    if name == "dotenv":  # a URI does not tell nothing from ""
        for fields in [*got.values(), *wanted.values()]:
            for field in ("host", "schema", "login"):
                fields.setdefault(field, "")
    assert got == wanted


def test_json_and_yaml_hold_what_lines_of_names_cannot(manager: Manager, workdir: Path) -> None:
    wanted = {**ONLY_JSON_AND_YAML, "config/x": "y"}
    with manager.connd("lines", name="lines") as connd:
        assert json.loads(export(connd, "variables")) == wanted
        text = export(connd, "variables", "--format=airflow-yaml")
        assert yaml.safe_load(text) == wanted
        path = workdir / "out"
        stderr = export(connd, "variables", "--format=dotenv", f"--output={path}", code=1)
        assert 'variable "lines" cannot be exported: it holds a line break' in stderr
        assert 'variable "empty" cannot' in stderr and "--partial" in stderr and not path.exists()
        done = connd.connctl("export", "variables", "--format=dotenv", "--partial")
        assert (done.returncode, done.stdout) == (0, "config/x=y\n")
        assert 'variable "lines" is left out' in done.stderr
        stderr = export(connd, "--format=k8s-secret", code=1)
        assert 'variable "config/x" cannot be exported' in stderr
        assert export(connd, "connections") == "{\n}\n"
        assert export(connd, "connections", "--format=airflow-yaml") == "{}\n"
        secret = yaml.safe_load(export(connd, "connections", "--format=k8s-secret"))
        assert secret["data"] == {}


def test_a_secret_for_kubernetes(manager: Manager, connd: Connd, workdir: Path) -> None:
    prod = manager.deployment_ids["prod"]
    made = [
        manager.create("ENVIRONMENT_VARIABLE", "REGION", {"value": "eu"}, prod),
        manager.create("ENVIRONMENT_VARIABLE", "LD_PRELOAD", {"value": "x"}, prod),
        manager.create_variable("Text", "twin", prod),
    ]
    assert connd.connctl("refresh").returncode == 0
    text = export(connd, "--format=k8s-secret", "--name=airflow.prod", "--partial")
    secret = yaml.safe_load(text)
    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "airflow.prod")
    data = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    connections = {f"AIRFLOW_CONN_{key.upper()}": key for key in CONNECTIONS}
    assert {name: json.loads(data.pop(name)) for name in connections} == {
        name: json.loads(connd.connctl("get", "conn", key, "--reveal").stdout)
        for name, key in connections.items()
    }
    # Text and text are one name; others hold characters that a Secret does not take.
    names = ("json", "number", "word")
    assert data == {"REGION": "eu", **{f"AIRFLOW_VAR_{n.upper()}": VARIABLES[n] for n in names}}
    for one in made:
        manager.delete(one)
    assert connd.connctl("refresh").returncode == 0


def test_a_terminal_shows_secrets_by_request_only(connd: Connd) -> None:
    for more, code in (((), 2), (("--reveal",), 0)):
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [CONNCTL, "export", "variables", "--socket", connd.socket, *more],
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        os.close(theirs)
        try:
            shown = os.read(ours, 65536).decode()
        except OSError:
            shown = ""
        os.close(ours)
        assert done.returncode == code and ("s3cr3t" in shown) == (code == 0)
        assert code == 0 or ("--reveal" in done.stderr and "--output" in done.stderr)


def test_a_file_is_replaced_whole_or_not_at_all(connd: Connd, workdir: Path) -> None:
    path = workdir / "old.json"
    path.write_text("old")
    path.chmod(0o644)
    export(connd, "variables", "--output", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == VARIABLES
    export(connd, "variables", "--output", str(workdir), code=3)
    assert [p.name for p in workdir.iterdir() if ".new" in p.name] == []


@pytest.mark.parametrize(
    "words",
    [
        (), ("--format=dotenv",), ("everything",), ("connections", "variables"),
        ("variables", "--format=toml"), ("variables", "--json"),
        ("--format=k8s-secret", "--name=Upper"), ("--format=k8s-secret", "--name=-x"),
    ],
)  # fmt: skip
def test_wrong_command_line_is_exit_code_2(connd: Connd, words: tuple[str, ...]) -> None:
    export(connd, *words, code=2)


def test_without_connd_it_is_exit_code_3(workdir: Path) -> None:
    done = subprocess.run(
        [CONNCTL, "export", "variables", "--socket", workdir / "none", "--output", workdir / "x"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "") and not (workdir / "x").exists()
