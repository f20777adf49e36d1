# SPDX-License-Identifier: Apache-2.0
"""`connd-manager migrate`: from SQLite to PostgreSQL, and back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from connd_testing import MANAGER, Manager, link
from manager_http import send
from test_manager_migrate import KEEP, VERSIONS, Old, covers, without_reads
from test_manager_push import tag_of, view


@pytest.fixture
def new_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Makes databases; managers of the test are on SQLite unless they name one."""
    assert Manager.new_store
    make = Manager.new_store
    monkeypatch.setattr(Manager, "new_store", None)
    return make


def move(source: str, target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MANAGER, "migrate", "--from", source, "--to", target],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def fill(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("db", host="a", password="s3cret", links=[link(prod)])
    manager.update(manager.create_variable("v", "1", prod), airflowVariable={"value": "2"})


def test_everything_moves_and_comes_back(workdir: Path, new_database: Callable[[], str]) -> None:
    url = new_database()
    manager = Manager(workdir)
    with manager:
        fill(manager)
        path = f"{view(manager)}&showSecrets=true"
        tag, before = tag_of(manager, path), send(manager, "GET", path).body
    directory = f"sqlite:{manager.data}"
    done = move(directory, url)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows["object"] == 2 and rows["link"] == 1 and rows["token"] == 1
    with manager.beside(workdir / "moved", url) as moved:
        reply = send(moved, "GET", path)
        assert reply.body == before and reply.headers["etag"] == tag
        moved.create_variable("w", "3", manager.deployment_ids["prod"])
        after = send(moved, "GET", path).body
    # Another content is never written over.
    refused = move(directory, url)
    assert refused.returncode == 1 and "a store with other content" in refused.stderr, (
        refused.stderr
    )
    back = workdir / "back" / "manager"
    back.mkdir(parents=True)
    (back / "manager.key").write_bytes((manager.data / "manager.key").read_bytes())
    (back / "manager.key").chmod(0o600)
    done = move(url, f"sqlite:{back}")
    assert done.returncode == 0, done.stderr
    manager.data = back
    with manager:
        assert send(manager, "GET", path).body == after


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_a_database_of_an_earlier_release_moves_as_it_is(
    workdir: Path, new_database: Callable[[], str], version: int
) -> None:
    """No manager of this release has opened it before."""
    url = new_database()
    old = Old(workdir, version)
    done = move(f"sqlite:{old.data}", url)
    assert done.returncode == 0, done.stderr
    old.store = url
    old.serve(*KEEP)
    for path, then in old.facts["answers"].items():
        status, now = old.get(path)
        assert status == 200, (path, now)
        if "history" in then:
            now, then = without_reads(now), without_reads(then)
        if not path.startswith("/tokens"):
            covers(now, then, path)
    old.stop()


def test_a_password_on_the_command_line_is_refused(workdir: Path) -> None:
    for pair in (("sqlite:x", "postgresql://u:pw@h/d"), ("postgresql://u:pw@h/d", "sqlite:x")):
        done = move(*pair)
        assert done.returncode == 2 and "password" in done.stderr, done.stderr
        assert "pw@" not in done.stderr
