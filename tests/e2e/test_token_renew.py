# SPDX-License-Identifier: Apache-2.0
"""connctl token renew: when it is time, the file is replaced in one step; else it is not
changed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from connd_testing import CONNCTL, MANAGER, Manager, eventually

DAY = 86400


@pytest.fixture
def token_file(workdir: Path) -> Path:
    return workdir / "renewed.token"


def issue(manager: Manager, token_file: Path, seconds: int | None) -> str:
    """Issues a token of the Deployment into the file."""
    command = [MANAGER, "token", "create", "--data", manager.data, "--name", "renewed"]
    command += ["--scope", "deployment", "--scope-id", manager.deployment_ids["prod"]]
    command += ["--role", "MEMBER"]
    command += ["--expires-in", str(seconds)] if seconds else []
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    token = str(json.loads(done.stdout)["token"])
    token_file.write_text(token + "\n")
    token_file.chmod(0o640)
    return token


def renew(manager: Manager, token_file: Path) -> subprocess.CompletedProcess[str]:
    command = [CONNCTL, "token", "renew", "--manager", manager.url, "--json"]
    command += ["--organization", manager.organization, "--token-file", token_file]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_token_is_replaced_when_half_of_its_life_is_over(
    manager: Manager, token_file: Path
) -> None:
    old = issue(manager, token_file, 16)
    if os.geteuid() == 0:
        os.chown(token_file, 0, 4711)
    link = token_file.with_name("link")
    link.symlink_to(token_file.name)

    def is_renewed() -> bool:
        done = renew(manager, link)
        assert done.returncode == 0, done.stderr
        return bool(json.loads(done.stdout)["renewed"])

    before = token_file.stat()
    eventually(is_renewed, "half of its life is over")
    after = token_file.stat()
    new = token_file.read_text()
    assert new != old
    assert new.count(".") == 2
    assert after.st_ino != before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert link.is_symlink()
    assert sorted(p.name for p in token_file.parent.glob("renewed.token*")) == ["renewed.token"]
    # The new token can be renewed, too.
    assert renew(manager, token_file).returncode == 0


@pytest.mark.parametrize("seconds", [DAY, None])
def test_a_token_that_is_not_due_is_left_alone(
    manager: Manager, token_file: Path, seconds: int | None
) -> None:
    old = issue(manager, token_file, seconds)
    done = renew(manager, token_file)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["renewed"] is False
    assert ("expiresAt" in said) == bool(seconds)
    assert token_file.read_text().strip() == old


def test_what_is_refused_changes_nothing_and_shows_no_token(
    manager: Manager, token_file: Path
) -> None:
    token = issue(manager, token_file, DAY)
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    token_file.write_text(forged)
    done = renew(manager, token_file)
    assert done.returncode == 4
    assert done.stdout == ""
    assert "new token" in done.stderr
    assert forged not in done.stderr
    assert token_file.read_text() == forged

    token_file.chmod(0o644)
    done = renew(manager, token_file)
    assert done.returncode == 2
    assert "chmod" in done.stderr

    token_file.unlink()
    assert renew(manager, token_file).returncode == 2


def test_without_a_manager_the_token_stays(manager: Manager, token_file: Path) -> None:
    token = issue(manager, token_file, DAY)
    manager.stop()
    done = renew(manager, token_file)
    assert done.returncode == 3
    assert token_file.read_text().strip() == token
