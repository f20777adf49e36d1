# SPDX-License-Identifier: Apache-2.0
"""A log that nobody reads: the programs continue, stop in time, and count the dropped lines."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import PATIENCE, Connd, Manager, eventually
from faulty_manager import FaultyManager, variable_row

DEBUG = {"log": {"level": "debug"}}
LOOKUPS = 4000  # about 150 bytes each: more than the pipe and the program's queue hold


class Pipe:
    """The reading end of a FIFO of 4 KiB to which a program writes its log."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, 4096)
        self.text = ""

    def fill(self) -> None:
        writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b'{"level":"info","event":"before"}\n' * 30)
        os.close(writer)

    def read(self) -> str:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, 65536):
                self.text += data.decode()
        return self.text

    def events(self) -> list[dict[str, Any]]:
        lines = self.read().split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def dropped(self) -> list[dict[str, Any]]:
        return [e for e in self.events() if e["event"].startswith("log lines dropped")]


@pytest.fixture
def pipe(workdir: Path) -> Iterator[Pipe]:
    p = Pipe(workdir / "log")
    yield p
    os.close(p.fd)


@contextlib.contextmanager
def made(faulty: FaultyManager, workdir: Path, stderr: Path) -> Iterator[Connd]:
    """A program that is not started yet, and is killed at the end in any case."""
    faulty.add(variable_row("v", faulty.deployment, "1"))
    connd = faulty.connd(workdir, DEBUG)
    connd.stderr_path = stderr
    try:
        yield connd
    finally:
        if connd.program:
            connd.program.kill()


@pytest.fixture
def connd(faulty: FaultyManager, workdir: Path, pipe: Pipe) -> Iterator[Connd]:
    with made(faulty, workdir, pipe.path) as connd:
        yield connd


def look_up(connd: Connd, times: int) -> None:
    with connd.client() as client:
        for _ in range(times):
            assert client.variable("v") == "1"


def ends_in_time(process: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert time.monotonic() - began < PATIENCE / 2


def test_lookups_and_stop_do_not_wait_for_the_log_reader(connd: Connd, pipe: Pipe) -> None:
    connd.start()
    look_up(connd, LOOKUPS)
    ends_in_time(connd.running.process)
    assert "connd serves" in pipe.read()


def test_the_count_of_dropped_lines_is_logged_when_lines_go_again(connd: Connd, pipe: Pipe) -> None:
    connd.start()
    look_up(connd, LOOKUPS)
    eventually(pipe.dropped, "the count is logged")

    def lines_go_again() -> bool:
        look_up(connd, 1)
        events = [e["event"] for e in pipe.events()]
        return "lookup" in events[events.index(pipe.dropped()[-1]["event"]) :]

    look_up(connd, 9)
    eventually(lines_go_again)
    ends_in_time(connd.running.process)
    events = pipe.events()
    dropped = sum(e["lines"] for e in pipe.dropped())
    written = sum(e["event"] == "lookup" for e in events)
    assert written + dropped >= LOOKUPS + 10, "each line is written or counted"
    assert all(e["level"] == "warn" for e in pipe.dropped())


def test_full_pipe_at_start_does_not_block(connd: Connd, pipe: Pipe) -> None:
    pipe.fill()
    connd.start()
    look_up(connd, 10)
    connd.send_signal(signal.SIGHUP)
    look_up(connd, 10)
    ends_in_time(connd.running.process)


def test_upgrade_does_not_wait_for_the_log_reader(connd: Connd, pipe: Pipe) -> None:
    pipe.fill()
    connd.start()
    connd.send_signal(signal.SIGUSR2)
    eventually(lambda: pipe.read().count("connd serves") == 2, "both said that they serve")
    look_up(connd, 10)
    ends_in_time(connd.running.process)


def test_stopped_terminal_does_not_block(faulty: FaultyManager, workdir: Path) -> None:
    """As after Ctrl-S."""
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)
    with made(faulty, workdir, Path(os.ttyname(slave))) as connd:
        connd.start()
        look_up(connd, LOOKUPS)
        assert not select.select([master], [], [], 0)[0], "it is stopped"
        ends_in_time(connd.running.process)
    os.close(slave)
    os.close(master)


def test_closed_log_pipe_does_not_block(connd: Connd, pipe: Pipe) -> None:
    connd.start()
    os.close(pipe.fd)
    pipe.fd = os.open("/dev/null", os.O_RDONLY)
    look_up(connd, LOOKUPS)
    ends_in_time(connd.running.process)


def test_a_manager_serves_and_ends_though_its_log_is_not_read(workdir: Path, pipe: Pipe) -> None:
    manager = Manager(workdir)
    pipe.fill()
    os.symlink(pipe.path, workdir / "manager.log")
    try:
        manager.start()
        ask_and_end(manager)
    finally:
        if manager.program:
            manager.program.kill()


def ask_and_end(manager: Manager) -> None:
    threads = [
        threading.Thread(target=manager.request, args=("GET", "/v1/organizations", None, "x"))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert manager.request("GET", "/v1/organizations")[0] == 200
    assert manager.program
    ends_in_time(manager.program.process)
