# SPDX-License-Identifier: Apache-2.0
"""A name service that hangs: a reload or an upgrade waits for it, lookups and the end do not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from connd_testing import PATIENCE, eventually
from faulty_manager import FaultyManager, variable_row

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts another /etc/passwd")

LOOKUPS = 200


class Names:
    """connd's /etc/passwd, in a mount namespace of its own. hang() has every look-up of a user
    wait until answer() is called."""

    def __init__(self, faulty: FaultyManager, workdir: Path) -> None:
        self.passwd, self.fifo = workdir / "passwd", workdir / "fifo"
        self.passwd.write_bytes(Path("/etc/passwd").read_bytes())
        os.mkfifo(self.fifo)
        faulty.add(variable_row("v", faulty.deployment, "1"))
        self.connd = faulty.connd(workdir)
        self.configure("allow = user:root")
        mount = 'mount --bind "$0" /etc/passwd && exec "$@"'
        self.connd.start(wrap=lambda argv: ["unshare", "-m", "sh", "-c", mount, self.passwd, *argv])

    def configure(self, rules: str) -> None:
        self.connd.write_config(self.connd.config_text() + f"[access]\n{rules}\n")

    def inside(self, *command: str | Path) -> None:
        pid = self.connd.status()["pid"]
        subprocess.run(["nsenter", "-m", "-t", str(pid), *command], check=True, timeout=PATIENCE)

    def hang(self) -> None:
        self.inside("mount", "--bind", self.fifo, "/etc/passwd")

    def answer(self) -> None:
        """Those who wait read the file; whoever comes later sees it, too."""
        self.inside("umount", "-l", "/etc/passwd")
        with contextlib.suppress(BrokenPipeError):  # root is the first line: no more is read
            self.fifo.write_bytes(self.passwd.read_bytes())

    def look_up(self) -> None:
        for _ in range(LOOKUPS):
            assert self.connd.variable("v") == "1"

    def count(self, event: str) -> int:
        return sum(e["event"] == event for e in self.connd.events())


@pytest.fixture
def names(faulty: FaultyManager, workdir: Path) -> Names:
    return Names(faulty, workdir)


def test_lookups_are_served_while_a_reload_waits_for_a_name(names: Names) -> None:
    names.hang()
    names.configure("deny = user:nobody\nallow = user:root")
    for _ in range(3):
        names.connd.send_signal(signal.SIGHUP)
        names.look_up()
    assert names.count("reloaded") == 0
    names.answer()
    eventually(lambda: names.count("reloaded") == 2, "the reload, and one more for the others")
    names.look_up()
    names.connd.stop()


def test_connd_ends_in_time_while_a_reload_waits_for_a_name(names: Names) -> None:
    names.hang()
    names.connd.send_signal(signal.SIGHUP)
    names.look_up()
    began = time.monotonic()
    names.connd.stop()
    assert time.monotonic() - began < PATIENCE


def test_an_upgrade_waits_for_a_name_and_lookups_do_not(names: Names) -> None:
    names.hang()
    names.connd.send_signal(signal.SIGUSR2)
    names.look_up()
    assert names.count("upgrading") == 0
    names.answer()
    eventually(lambda: names.count("connd serves") == 2, "the upgrade")
    names.look_up()
    names.connd.stop()
