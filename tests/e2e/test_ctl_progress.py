# SPDX-License-Identifier: Apache-2.0
"""connctl says on a terminal what it waits for, when that takes longer than a second."""

from __future__ import annotations

import http.server
import os
import pty
import re
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import CONNCTL, PATIENCE

ERASED = "\r\033[K"
HELD_S = 1.6  # longer than a wait that is not shown


class Terminal:
    """connctl with a terminal as its standard error."""

    def __init__(self, *args: str | Path, **environment: str) -> None:
        self.ours, theirs = pty.openpty()
        env = {"TERM": "xterm", "PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
        self.process = subprocess.Popen(
            [CONNCTL, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=env,
        )
        os.close(theirs)
        self.shown = ""

    def read(self) -> bool:
        """Reads what there is. False: connctl has ended."""
        if not select.select([self.ours], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing was shown but {self.shown!r}")
        try:
            self.shown += os.read(self.ours, 4096).decode()
        except OSError:  # the other end is closed
            return False
        return True

    def read_until(self, pattern: str) -> None:
        while not re.search(pattern, self.shown):
            assert self.read(), self.shown

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.ours)
        out, _ = self.process.communicate(timeout=PATIENCE)
        assert b"\033" not in out
        return self.process.returncode


@pytest.fixture
def manager() -> Iterator[tuple[str, threading.Event]]:
    """A manager that responds once the event is set."""
    may_respond = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"totalCount":0,"limit":0,"offset":0,"workspaces":[]}'
            may_respond.wait(PATIENCE)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", may_respond
        may_respond.set()
        server.shutdown()


@pytest.fixture
def arguments(tmp_path: Path, manager: tuple[str, threading.Event]) -> list[str | Path]:
    token = tmp_path / "token"
    token.write_text("t\n")
    token.chmod(0o600)
    return ["workspace", "list", "--manager", manager[0], "--organization", "o",
            "--token-file", token]  # fmt: skip


def test_a_slow_manager_is_shown_and_the_line_goes(
    manager: tuple[str, threading.Event], arguments: list[str | Path]
) -> None:
    terminal = Terminal(*arguments)
    terminal.read_until(r"waiting for the manager, [1-9]\d* s")
    manager[1].set()
    assert terminal.end() == 0
    assert terminal.shown.endswith(ERASED)


@pytest.mark.parametrize("how", ["--json", "NO_COLOR", "dumb"])
def test_nobody_else_sees_it(
    manager: tuple[str, threading.Event], arguments: list[str | Path], how: str
) -> None:
    environment = {"NO_COLOR": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"}}.get(how, {})
    terminal = Terminal(*arguments, *(["--json"] if how == "--json" else []), **environment)
    threading.Timer(HELD_S, manager[1].set).start()
    assert terminal.end() == 0
    assert terminal.shown == ""


@pytest.mark.parametrize("verb", ["status", "list", "wait"])
def test_a_connd_that_does_not_respond_is_shown(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        terminal = Terminal(verb, "--socket", path)
        terminal.read_until(r"waiting (for connd|until connd is ready), [1-9]\d* s")
        terminal.process.terminate()
        terminal.end()
