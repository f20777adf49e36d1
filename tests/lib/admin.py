# SPDX-License-Identifier: Apache-2.0
"""connctl's administrative verbs against a real manager, for a person with a home directory."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

from connd_testing import CONNCTL, PATIENCE, Manager


class Admin:
    """A person: a home directory and a token. login() makes the manager the current context."""

    def __init__(self, directory: Path, manager: Manager, token: str = "") -> None:
        self.manager = manager
        self.home = directory
        self.token = token or manager.token
        self.token_file = directory / "person.token"
        self.token_file.touch(0o600)
        self.token_file.write_text(self.token + "\n")
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ASTRO_")},
            "HOME": str(directory),
            "XDG_CONFIG_HOME": "",
        }

    def login(self, *args: str) -> Admin:
        self.run(
            "login", "--manager", self.manager.url, "--token-file", str(self.token_file), *args
        )
        return self

    def run(self, *args: str, code: int = 0, **run: Any) -> subprocess.CompletedProcess[str]:
        env = {**self.env, **run.pop("env", {})}
        done = subprocess.run(
            [CONNCTL, *args], capture_output=True, text=True, timeout=PATIENCE * 2, check=False,
            env=env, **{"stdin": subprocess.DEVNULL, **run} if "input" not in run else {**run},
        )  # fmt: skip
        assert "Sanitizer" not in done.stderr, done.stderr
        assert self.token not in done.stdout + done.stderr
        assert done.returncode == code, done
        if code:
            begins = '{"error":' if "--json" in args else "connctl: "
            assert done.stdout == "" and begins in done.stderr, done
        return done

    def run_any(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Whatever the exit code."""
        return subprocess.run(
            [CONNCTL, *args], capture_output=True, text=True, timeout=PATIENCE * 2, check=False,
            env=self.env, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def json(self, *args: str, **run: Any) -> Any:
        return json.loads(self.run(*args, "--json", **run).stdout)

    def change(self, *args: str, **run: Any) -> Any:
        """A change that was made. Its fields by name: (from, to)."""
        report = self.json(*args, "--yes", **run)
        assert report["made"] is True
        self.id = report.get("id")
        return {c["field"]: (c.get("from"), c.get("to")) for c in report["changes"]}

    def answer(self, text: str, *args: str) -> tuple[int, str]:
        """Runs it on a terminal and types text. Returns the exit code and the output."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(CONNCTL, [str(CONNCTL), *args], self.env)
        shown = b""
        sent = False
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
            if not sent and shown.rstrip().endswith((b"[y/N]", b":")):
                os.write(terminal, text.encode())
                sent = True
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()
