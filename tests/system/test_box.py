# SPDX-License-Identifier: Apache-2.0
"""The harness itself: what the other tests here take for granted."""

from __future__ import annotations

from pathlib import Path

import pytest
from box import Box

HELLO = """\
[Service]
Type=oneshot
RemainAfterExit=yes
LoadCredential=word:/etc/word
ExecStart=/bin/sh -c 'echo "word is $(cat $CREDENTIALS_DIRECTORY/word)"'
"""


def test_boots_runs_a_service_and_leaves_nothing(box: Box) -> None:
    (box.files / "etc/systemd/system").mkdir(parents=True)
    (box.files / "etc/systemd/system/hello.service").write_text(HELLO)
    (box.files / "etc/word").write_text("swordfish")
    groups = set(Path("/sys/fs/cgroup").rglob("connd-box-*"))

    with box:
        box.run("systemctl", "start", "hello.service")
        assert "word is swordfish" in box.run("journalctl", "-o", "cat", "-u", "hello").stdout
        # Its own world: systemd is process 1, the only network is the loopback.
        assert box.run("cat", "/proc/1/comm").stdout == "systemd\n"
        assert box.run("sh", "-c", "grep -c : /proc/net/dev").stdout == "1\n"

    assert not Path("/etc/systemd/system/hello.service").exists()
    assert set(Path("/sys/fs/cgroup").rglob("connd-box-*")) == groups
    assert str(box.directory) not in Path("/proc/self/mounts").read_text()


def test_says_why_it_does_not_boot(box: Box) -> None:
    units = box.files / "etc/systemd/system"
    (units / "sysinit.target.requires").mkdir(parents=True)
    (units / "broken.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/false\n")
    (units / "sysinit.target.requires/broken.service").symlink_to("../broken.service")
    with pytest.raises(AssertionError, match=r"broken\.service"):
        box.start()
    assert not list(Path("/sys/fs/cgroup").rglob(f"connd-box-*-{box.directory.name}"))
