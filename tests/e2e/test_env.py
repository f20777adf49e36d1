# SPDX-License-Identifier: Apache-2.0
"""connctl env: what programs read from it is what the manager has, in every format."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager
from dotenv import dotenv_values

VALUES = {
    "PLAIN": "on",
    "QUOTED": 'it\'s $HOME and `id` $(id) "x" # no comment',
    "LINES": "-----BEGIN-----\nabc\n-----END-----\n",
    "BACKSLASHES": "C:\\\\server\\share\\'x'",
    "TRAILING": "C:\\dir\\",
    "SPACES": "  padded  ",
    "CARRIAGE": "a\r\nb",
    "UNICODE": "caf\u00e9 \u2603",
}
SECRET = "s3cr3t-p@ss"


def create(manager: Manager, key: str, value: str, secret: bool = True) -> str:
    prod = manager.deployment_ids["prod"]
    typed = {"value": value, "isSecret": secret}
    return manager.create("ENVIRONMENT_VARIABLE", key, typed, prod)


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    prod = manager.deployment_ids["prod"]
    for key, value in VALUES.items():
        create(manager, key, value)
    manager.create_connection("warehouse", prod, host="db", login="etl", password=SECRET)
    manager.create_variable("batch_size", "100", prod)
    with manager.connd() as running:
        yield running


def printed(connd: Connd, *args: str) -> str:
    done = subprocess.run(
        [CONNCTL, "--socket", connd.socket, "env", *args],
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == b"", done
    return done.stdout.decode()


def sourced(shell: str, script: str) -> dict[str, str]:
    """The environment after `eval` of script in a shell."""
    done = subprocess.run(
        [shell, "-c", 'eval "$1"; env -0', shell, script],
        capture_output=True, timeout=PATIENCE, check=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    lines = done.stdout.decode().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


def test_every_format_gives_back_the_same_values(connd: Connd, workdir: Path) -> None:
    assert json.loads(printed(connd, "--format", "json")) == VALUES
    dotenv = workdir / "some.env"
    dotenv.write_text(printed(connd, "--format", "dotenv"), newline="")
    assert dict(dotenv_values(dotenv)) == VALUES
    script = printed(connd, "--format", "shell")
    for shell in filter(shutil.which, ("dash", "bash", "sh")):
        assert sourced(shell, script).items() >= VALUES.items()


def test_names_are_shown_without_values(connd: Connd) -> None:
    text = printed(connd)
    assert text.splitlines() == [f"{key}=***" for key in sorted(VALUES)]
    assert json.loads(printed(connd, "--json")) == dict.fromkeys(VALUES, "***")


def test_airflow_names_are_added_when_asked_for(connd: Connd) -> None:
    got = json.loads(printed(connd, "--airflow", "--format", "json"))
    assert got.items() >= VALUES.items() and len(got) == len(VALUES) + 2
    assert got["AIRFLOW_VAR_BATCH_SIZE"] == "100"
    assert json.loads(got["AIRFLOW_CONN_WAREHOUSE"]) == connd.connection("warehouse")


def test_values_reach_a_terminal_only_with_reveal(connd: Connd) -> None:
    for args, code in ((["--format", "json"], 2), (["--format", "json", "--reveal"], 0)):
        leader, follower = pty.openpty()
        done = subprocess.run(
            [CONNCTL, "--socket", connd.socket, "env", *args],
            stdout=follower, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        os.close(follower)
        assert done.returncode == code
        if code:
            assert "--reveal" in done.stderr and "BEGIN" not in done.stderr
        else:
            assert b"BEGIN" in os.read(leader, 65536)
        os.close(leader)


def refused(connd: Connd, *args: str) -> str:
    done = connd.connctl("env", *args)
    assert done.returncode == 1 and done.stdout == "", done
    assert SECRET not in done.stderr
    return done.stderr


def test_dangerous_names_are_refused_until_left_out(manager: Manager, connd: Connd) -> None:
    for key in ("LD_PRELOAD", "PATH", "PYTHONPATH"):
        create(manager, key, SECRET)
    connd.wait_for(lambda s: s["environment_variables"] == len(VALUES) + 3, "they are there")
    for args in ((), ("--format", "json"), ("--format", "shell"), ("--format", "dotenv")):
        said = refused(connd, *args)
        assert "LD_PRELOAD (" in said and "PATH (" in said and "PYTHONPATH (" in said
        assert "--without NAME" in said
    assert "LD_PRELOAD" in refused(connd, "--without", "PATH", "--without", "PYTHONPATH")
    rest = ("--without", "PATH", "--without=PYTHONPATH", "--without", "LD_PRELOAD")
    assert json.loads(printed(connd, *rest, "--format", "json")) == VALUES


def test_what_a_format_cannot_hold_is_refused_by_name(manager: Manager, connd: Connd) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("my-db", prod, password=SECRET)
    manager.create_variable("a/b", SECRET, prod)
    create(manager, "EXPANDED", "${HOME}")
    connd.wait_for(lambda s: (s["connections"], s["variables"]) == (2, 2), "they are there")
    said = refused(connd, "--airflow", "--format", "shell")
    assert "AIRFLOW_CONN_MY-DB (not a name that a shell can set)" in said
    assert "AIRFLOW_VAR_A/B (" in said
    said = refused(connd, "--airflow", "--format", "dotenv", "--without", "EXPANDED")
    assert "AIRFLOW_VAR_A/B (not a name that a .env file can hold)" in said and "MY-DB" not in said
    assert "differently" in (said := refused(connd, "--format", "dotenv")) and "EXPANDED" in said
    got = json.loads(printed(connd, "--airflow", "--format", "json"))
    assert got["EXPANDED"] == "${HOME}" and got["AIRFLOW_VAR_A/B"] == SECRET
    manager.create_variable("A/B", "other", prod)
    connd.wait_for(lambda s: s["variables"] == 3, "it is there")
    assert "A/B (the name of two records)" in refused(connd, "--airflow", "--format", "json")


def test_a_value_that_connd_does_not_have_is_named(manager: Manager, connd: Connd) -> None:
    prod = manager.deployment_ids["prod"]
    manager.api("POST", "", {
        "objectType": "ENVIRONMENT_VARIABLE", "objectKey": "EMPTY", "scope": "DEPLOYMENT",
        "scopeEntityId": prod,
    })  # fmt: skip
    connd.wait_for(lambda s: s["invalid"] == 1, "it is there")
    done = connd.connctl("env", "--format", "json")
    assert done.returncode == 3 and done.stdout == ""
    assert 'environment-variable "EMPTY": ' in done.stderr
    assert json.loads(printed(connd, "--format", "json", "--without", "EMPTY")) == VALUES


def test_rules_hide_environment_variables(manager: Manager) -> None:
    create(manager, "SHOWN", "1")
    create(manager, "HIDDEN", "2")
    rules = {"access": {"allow": f"uid:{os.getuid()} env:S*"}}
    with manager.connd(sections=rules) as connd:
        assert json.loads(printed(connd, "--format", "json")) == {"SHOWN": "1"}
