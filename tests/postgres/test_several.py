# SPDX-License-Identifier: Apache-2.0
"""Several managers on one database."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from connd_testing import MANAGER, HttpError, Manager, eventually
from manager_http import send
from test_manager_push import held, new_token, tag_of, view


@pytest.fixture
def other(manager: Manager, workdir: Path) -> Iterator[Manager]:
    with manager.beside(workdir / "other") as running:
        yield running


def test_a_change_through_one_ends_a_held_call_at_the_other(
    manager: Manager, other: Manager
) -> None:
    path = view(manager)
    with held(other, path, tag_of(other, path)) as waiting:
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        reply = waiting.reply(timeout=3)
        assert reply.status == 200 and reply.body["totalCount"] == 1
        assert reply.headers["etag"] == tag_of(manager, path)


def test_connd_at_one_serves_what_is_written_through_the_other(
    manager: Manager, other: Manager
) -> None:
    with other.connd() as connd:
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        eventually(lambda: connd.variable("v") == "1", "it is served", timeout=5)


def test_etags_agree(manager: Manager, other: Manager) -> None:
    path = view(manager)
    for i in range(5):
        (manager, other)[i % 2].create_variable(f"v{i}", "1", manager.deployment_ids["prod"])
        time.sleep(0.05)
        assert tag_of(manager, path) == tag_of(other, path)


def test_a_token_revoked_at_one_is_dead_at_the_other_within_a_second(
    manager: Manager, other: Manager
) -> None:
    token = new_token(manager, "deployment", manager.deployment_ids["prod"])
    path = view(manager)
    assert other.request("GET", path, token=token["token"])[0] == 200
    with held(other, path, tag_of(other, path), token=token["token"]) as waiting:
        manager.command("token", "revoke", "--data", str(manager.data), "--id", token["id"])
        waiting.reply(timeout=1).error(401)
    assert other.request("GET", path, token=token["token"])[0] == 401


def test_two_managers_do_not_share_a_data_directory(manager: Manager) -> None:
    done = subprocess.run(
        [MANAGER, "--data", manager.data, "--store", manager.store, "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "another connd-manager has this data directory" in done.stderr


def test_one_that_is_killed_leaves_the_other_serving(manager: Manager, other: Manager) -> None:
    assert other.program
    other.create_variable("v", "1", manager.deployment_ids["prod"])
    other.program.kill()
    other.program = None
    manager.create_variable("w", "2", manager.deployment_ids["prod"])
    assert send(manager, "GET", view(manager)).body["totalCount"] == 2
    other.start()
    assert send(other, "GET", view(manager)).body["totalCount"] == 2


def test_many_lists_at_once_wait_for_their_turn(manager: Manager) -> None:
    """More than there are sessions of the store."""
    for i in range(30):
        manager.create_variable(f"v{i}", "x" * 2000, manager.deployment_ids["prod"])
    path = f"{view(manager)}&showSecrets=true"
    with ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(lambda _: send(manager, "GET", path).status, range(320)))
    assert set(replies) == {200}, replies


def values(manager: Manager, path: str) -> list[str]:
    objects = send(manager, "GET", path).body["environmentObjects"]
    return [one["airflowVariable"]["value"] for one in objects]


def test_the_key_is_changed_while_both_run(manager: Manager, other: Manager) -> None:
    path = f"{view(manager)}&showSecrets=true"
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    assert send(other, "GET", path).body["totalCount"] == 1
    manager.command("rotate-key", "--data", str(manager.data))
    # Without the key the other one refuses, and writes nothing under the old key.
    eventually(lambda: send(other, "GET", path).status == 503, "it refuses", timeout=3)
    with pytest.raises(HttpError, match="503"):
        other.create_variable("w", "2", manager.deployment_ids["prod"])
    shutil.copy2(manager.data / "manager.key", other.data / "manager.key")
    eventually(lambda: send(other, "GET", path).status == 200, "it goes on", timeout=5)
    other.create_variable("w", "2", manager.deployment_ids["prod"])
    for one in (manager, other):
        eventually(lambda one=one: values(one, path) == ["1", "2"], "both are read", timeout=5)
