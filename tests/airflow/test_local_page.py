# SPDX-License-Identifier: Apache-2.0
"""docs/local.md: each command is run, from top to bottom, with an empty home directory."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from connd_testing import BUILD, CONND, REPO, Manager, Program, eventually
from doc_commands import Script
from harness import BIN

PAGE = REPO / "docs" / "local.md"
NOT_RUN = {
    "export PATH=$PWD/build": "PATH has the programs under test",
    "systemctl --user": "tests/system/test_more_units.py has a systemd that can run them",
}


class Laptop:
    """A home directory on this machine, and what runs there."""

    def __init__(self, directory, airflow, manager):
        self.home = directory / "home"
        self.manager = manager
        self.socket = directory / "run/connd/connd.sock"
        environment = {
            name: value
            for name, value in airflow.environment.items()
            if not name.startswith(("AIRFLOW__SECRETS__", "XDG_", "CONND"))
        }
        self.environment = {
            **environment,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(directory / "run"),
            "PATH": f"{BUILD}:{BIN}:{os.environ['PATH']}",
        }
        self.home.mkdir()
        (directory / "run").mkdir(0o700)

    def run(self, script):
        """The page's manager is the one of this test."""
        script = script.replace("https://manager.example.com", self.manager.url)
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def pids(self):
        """Of the connd that the page has started."""
        found = subprocess.run(
            ["pgrep", "-f", f"connd --config {self.home}/"], capture_output=True, text=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def end(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: not self.pids(), "connd has ended")

    def go_offline(self):
        """The manager is gone, and connd begins anew."""
        snapshot = self.home / ".local/state/connd/snapshot"
        eventually(snapshot.exists, "the snapshot is written")
        self.manager.stop()
        self.end()
        argv = [CONND, "--config", self.home / ".config/connd/connd.conf"]
        Program(argv, self.home / "again.log", env=self.environment)
        eventually(lambda: '"offline"' in self.run("connctl status --json").stdout, "it is offline")


@pytest.fixture
def laptop(tmp_path_factory, airflow):
    directory = tmp_path_factory.mktemp("laptop")
    with Manager(directory, deployments=("prod",)) as manager:
        prod = manager.deployment_ids["prod"]
        manager.create_connection("warehouse", prod, host="db.example.com", password="s3cr3t")
        manager.create_variable("greeting", "hello", prod)
        typed = {"value": "development", "isSecret": True}
        manager.create("ENVIRONMENT_VARIABLE", "APP_MODE", typed, prod)
        made = manager.command(
            *("token", "create", "--data", str(manager.data), "--name", "alice-laptop"),
            *("--scope", "deployment", "--scope-id", prod, "--role", "MEMBER"),
        )
        one = Laptop(directory, airflow, manager)
        (one.home / "laptop.token").touch(0o600)
        (one.home / "laptop.token").write_text(made["token"] + "\n")
        yield one
        one.end()


def test_page(laptop):
    script = Script(
        PAGE,
        laptop.run,
        NOT_RUN,
        before={"Without the network": laptop.go_offline},
        session=str(laptop.home / "session"),
    )
    script.play()
    assert (laptop.home / ".env").read_text() == "APP_MODE='development'\n"
    assert not (laptop.home / ".config/connd").exists()
