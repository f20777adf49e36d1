# SPDX-License-Identifier: Apache-2.0
"""The shim's README: each command is run, each example of a configuration is read."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import subprocess
import sys

import pytest
from airflow_connd import _options
from connd_testing import REPO
from doc_commands import blocks
from harness import BIN

README = REPO / "python-shim" / "README.md"
DEV_PYTHON = REPO / ".venvs" / "dev" / "bin" / "python"


COMMANDS = [line for block in blocks(README, "sh") for line in block.text.splitlines()]


def install(arguments, home, tmp_path):
    """Without the network, and not into an environment that others use."""
    assert arguments == ["pip", "install", "./python-shim"]
    command = [DEV_PYTHON, "-m", *arguments[:2], "--no-index", "--no-build-isolation"]
    done = run([*command, "--target", tmp_path, arguments[2]], home)
    listed = run([sys.executable, "-m", "airflow_connd", "--version"], home, PYTHONPATH=tmp_path)
    assert listed.stdout.startswith("airflow_connd ")
    return done


def run(command, home, **environment):
    return subprocess.run(
        [str(part) for part in command],
        cwd=REPO,
        env={**home.environment, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_command(airflow, connd, command, tmp_path):
    arguments = shlex.split(command)
    program, *rest = arguments
    if program == "pip":
        done = install(arguments, airflow, tmp_path)
    else:
        done = run([BIN / program, *rest], airflow)
    if arguments[:3] == ["python", "-m", "airflow_connd"]:
        # This Airflow has few providers, and not the one of this connection.
        failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("failed")]
        assert (done.returncode, failed) == (1, ["providers"]), done.stdout + done.stderr
    else:
        assert done.returncode == 0, done.stdout + done.stderr
    if arguments[:2] == ["airflow", "providers"]:
        assert "airflow_connd.ConndBackend" in done.stdout
    if "warehouse" in arguments:
        assert "warehouse" in done.stdout


def test_reason_is_shown_as_the_readme_says(airflow, tmp_path):
    """`airflow connections get -v` while connd is not there."""
    gone = airflow.backend(socket_path=str(tmp_path / "none.sock"))
    done = airflow.run("connections", "get", "-v", "warehouse", **gone)
    assert done.returncode != 0
    assert "no response from connd" in done.stdout + done.stderr


def test_there_are_commands():
    assert {shlex.split(command)[0] for command in COMMANDS} == {"pip", "python", "airflow"}


@pytest.mark.parametrize("block", blocks(README, "ini"), ids=str)
def test_configuration(block):
    parser = configparser.RawConfigParser()
    parser.read_string(block.text)
    for section, backend in (("secrets", "backend"), ("workers", "secrets_backend")):
        if parser.has_section(section):
            assert parser.get(section, backend) == "airflow_connd.ConndBackend"
            kwargs = json.loads(parser.get(section, f"{backend}_kwargs", fallback="{}"))
            assert _options.read(kwargs)[1] == []


def test_table_of_options():
    rows = re.findall(
        r"^\| (`[a-z_, `]+`) \| ([^|]+) \| ",
        README.read_text().split("## Options")[1],
        re.MULTILINE,
    )
    documented = {name: default for names, default in rows for name in re.findall(r"\w+", names)}
    assert list(documented) == list(_options._OPTIONS)
    for name, default in documented.items():
        value = _options._OPTIONS[name][1]
        written = default.strip("` ").strip('"')
        assert written == (
            "none" if value in (None, {}) else f"{value:g}" if isinstance(value, float) else value
        )
