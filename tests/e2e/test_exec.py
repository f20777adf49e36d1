# SPDX-License-Identifier: Apache-2.0
"""connctl exec: the command has the variables, and is otherwise run as if connctl was not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager, eventually

# Writes its environment to FILE, and ends with 7 on SIGTERM; each further line is a signal.
COMMAND = """
import os, signal, sys
def write(line):
    with open(sys.argv[1], "a") as f:
        f.write(line + "\\n")
def on_signal(sig, frame):
    write(signal.Signals(sig).name)
    if sig == signal.SIGTERM:
        sys.exit(7)
for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
    signal.signal(sig, on_signal)
write(f"MODE={os.environ.get('MODE')}")
while True:
    signal.pause()
"""


def create(manager: Manager, key: str, value: str) -> str:
    prod = manager.deployment_ids["prod"]
    typed = {"value": value, "isSecret": True}
    return manager.create("ENVIRONMENT_VARIABLE", key, typed, prod)


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    manager.create_connection("warehouse", manager.deployment_ids["prod"], password="pw")
    with manager.connd() as running:
        yield running


def change(manager: Manager, mode: str, value: str) -> None:
    manager.update(mode, environmentVariable={"value": value, "isSecret": True})


def execute(connd: Connd, *args: str, **run: Any) -> subprocess.CompletedProcess[str]:
    return connd.connctl("exec", *args, **run)


def test_the_command_has_the_variables_and_everything_else_it_had(
    manager: Manager, connd: Connd
) -> None:
    create(manager, "MODE", "fast\n'x'")
    connd.wait_for(lambda s: s["environment_variables"] == 1, "it is there")
    show = "import json,os; print(json.dumps([dict(os.environ), os.umask(0), os.getcwd()]))"
    env = {"MINE": "1", "MODE": "old"}
    done = execute(connd, "--", sys.executable, "-c", show, env=env, umask=0o027)
    assert done.returncode == 0 and done.stderr == ""
    got, umask, directory = json.loads(done.stdout)
    assert got == {**os.environ, "CONND_SOCKET": str(connd.socket), **env, "MODE": "fast\n'x'"}
    assert umask == 0o027 and directory == str(Path.cwd())
    done = execute(connd, "--airflow", "--without", "MODE", "--", sys.executable, "-c", show)
    got = json.loads(done.stdout)[0]
    assert json.loads(got["AIRFLOW_CONN_WAREHOUSE"])["password"] == "pw" and "MODE" not in got


def test_the_command_reads_and_writes_and_ends_as_without_connctl(connd: Connd) -> None:
    for mode in ("ignore", "restart", "signal"):
        way = ("--on-change", mode, "--")
        done = execute(connd, *way, "sh", "-c", 'cat; printf "%s|" "$@"; exit 41', "sh",
                       "--json", "a b", "--", input="stdin\n")  # fmt: skip
        assert (done.returncode, done.stdout) == (41, "stdin\n--json|a b|--|"), mode
        assert execute(connd, *way, "sh", "-c", "kill -KILL $$").returncode == -signal.SIGKILL
        assert execute(connd, *way, "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
        done = execute(connd, *way, "/nowhere/program")
        assert done.returncode == 127 and "/nowhere/program" in done.stderr
        done = execute(connd, *way, "/dev/null")
        assert done.returncode == 126 and "Permission denied" in done.stderr
        # A pipe that nobody reads ends a program, as it does without connctl.
        done = execute(connd, *way, "sh", "-c", "yes | head -n 1")
        assert done.stdout == "y\n" and "Broken pipe" not in done.stderr


def test_usage(connd: Connd) -> None:
    for args in (("true",), (), ("--",), ("true", "--", "x")):
        done = execute(connd, *args)
        assert done.returncode == 2 and done.stdout == "", args
        assert "connctl exec -- COMMAND" in done.stderr, args
    assert execute(connd, "--on-change", "panic", "--", "true").returncode == 2


def test_dangerous_names_keep_the_command_from_running(manager: Manager, connd: Connd) -> None:
    create(manager, "LD_PRELOAD", "/tmp/evil.so")
    connd.wait_for(lambda s: s["environment_variables"] == 1, "it is there")
    done = execute(connd, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (1, "") and "LD_PRELOAD (" in done.stderr
    assert "evil" not in done.stderr
    assert execute(connd, "--without=LD_PRELOAD", "--", "echo", "ran").stdout == "ran\n"


def test_what_does_not_fit_is_named(manager: Manager, connd: Connd) -> None:
    create(manager, "HUGE", "x" * 200_000)
    connd.wait_for(lambda s: s["environment_variables"] == 1, "it is there")
    done = execute(connd, "--", "true")
    assert done.returncode == 126 and "limit" in done.stderr and "HUGE" in done.stderr


def test_waits_for_a_connd_that_starts(manager: Manager) -> None:
    create(manager, "MODE", "fast")
    connd = manager.connd()
    waiting = subprocess.Popen(
        [CONNCTL, "exec", "--socket", connd.socket, "--", "sh", "-c", "echo $MODE"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.5)
    with connd:
        assert waiting.communicate(timeout=PATIENCE)[0] == "fast\n"
    assert waiting.returncode == 0


def test_without_connd_it_ends_after_the_timeout(workdir: Path) -> None:
    done = subprocess.run(
        [CONNCTL, "exec", "--timeout", "200ms", "--socket", workdir / "none", "--", "echo", "ran"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "") and "cannot reach connd" in done.stderr


class Supervised:
    """connctl exec --on-change MODE with COMMAND, and the lines that this has written."""

    def __init__(self, connd: Connd, mode: str, directory: Path) -> None:
        self.file = directory / "lines"
        self.file.touch()
        self.stderr = directory / "stderr"
        self.program = subprocess.Popen(
            [CONNCTL, "exec", "--socket", connd.socket, "--on-change", mode, "--",
             sys.executable, "-c", COMMAND, self.file],
            stderr=self.stderr.open("w"),
        )  # fmt: skip

    def wait_for(self, *lines: str) -> None:
        eventually(lambda: self.file.read_text().splitlines() == list(lines), f"{lines}")

    def end(self, sig: int) -> tuple[int, str]:
        self.program.send_signal(sig)
        code = self.program.wait(PATIENCE)
        return code, self.stderr.read_text()


@pytest.mark.parametrize("mode", ["ignore", "restart", "signal"])
def test_signals_reach_the_command(
    manager: Manager, connd: Connd, workdir: Path, mode: str
) -> None:
    running = Supervised(connd, mode, workdir)
    running.wait_for("MODE=None")
    running.program.send_signal(signal.SIGUSR1)
    running.wait_for("MODE=None", "SIGUSR1")
    running.program.send_signal(signal.SIGINT)
    running.wait_for("MODE=None", "SIGUSR1", "SIGINT")
    assert running.end(signal.SIGTERM) == (7, "")
    running.wait_for("MODE=None", "SIGUSR1", "SIGINT", "SIGTERM")


def test_a_change_restarts_the_command(manager: Manager, connd: Connd, workdir: Path) -> None:
    mode = create(manager, "MODE", "one")
    connd.wait_for(lambda s: s["environment_variables"] == 1, "it is there")
    running = Supervised(connd, "restart", workdir)
    running.wait_for("MODE=one")
    manager.create_variable("other", "not in this environment", manager.deployment_ids["prod"])
    change(manager, mode, "two")
    running.wait_for("MODE=one", "SIGTERM", "MODE=two")
    create(manager, "LD_PRELOAD", "x")  # refused: the command goes on
    eventually(lambda: "goes on" in running.stderr.read_text(), "it says so")
    manager.stop()
    connd.stop()  # without connd, too
    code, said = running.end(signal.SIGTERM)
    assert code == 7 and said.count("restarting the command") == 1
    assert said.count("LD_PRELOAD (") == 1
    running.wait_for("MODE=one", "SIGTERM", "MODE=two", "SIGTERM")


def test_a_change_signals_the_command(manager: Manager, connd: Connd, workdir: Path) -> None:
    mode = create(manager, "MODE", "one")
    connd.wait_for(lambda s: s["environment_variables"] == 1, "it is there")
    running = Supervised(connd, "signal", workdir)
    running.wait_for("MODE=one")
    change(manager, mode, "two")
    running.wait_for("MODE=one", "SIGHUP")
    code, said = running.end(signal.SIGTERM)
    assert code == 7 and said.count("sending SIGHUP") == 1


def test_a_connd_that_hangs_delays_no_signal(connd: Connd, workdir: Path) -> None:
    running = Supervised(connd, "restart", workdir)
    running.wait_for("MODE=None")
    connd.send_signal(signal.SIGSTOP)
    try:
        for i in range(3):
            running.program.send_signal(signal.SIGUSR1)
            running.wait_for("MODE=None", *["SIGUSR1"] * (i + 1))
        assert running.end(signal.SIGTERM)[0] == 7
    finally:
        connd.send_signal(signal.SIGCONT)


def test_the_command_ends_with_its_supervisor(connd: Connd, workdir: Path) -> None:
    running = Supervised(connd, "restart", workdir)
    running.wait_for("MODE=None")
    assert running.end(signal.SIGKILL)[0] == -signal.SIGKILL
    running.wait_for("MODE=None", "SIGTERM")


def test_works_while_the_manager_is_down_and_after_a_restart(
    manager: Manager, workdir: Path
) -> None:
    create(manager, "MODE", "fast")
    key = workdir / "key" / "snapshot.key"
    key.parent.mkdir()
    key.touch(0o600)
    key.write_text("ab" * 32)
    snapshot = {"path": str(workdir / "snapshot"), "key_file": str(key)}
    with manager.connd(sections={"snapshot": snapshot}) as connd:
        connd.wait_for(lambda s: s["snapshot"] == "current", "the snapshot")
        manager.stop()
        assert execute(connd, "--", "sh", "-c", "echo $MODE").stdout == "fast\n"
        connd.stop()
        connd.start()
        assert execute(connd, "--", "sh", "-c", "echo $MODE").stdout == "fast\n"
        done = connd.connctl("env", "--format", "json")
        assert json.loads(done.stdout) == {"MODE": "fast"}
