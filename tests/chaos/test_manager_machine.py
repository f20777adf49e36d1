# SPDX-License-Identifier: Apache-2.0
"""Faults of the manager's machine: they cause no loss that cannot be undone."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, eventually
from world import IS_ROOT, in_namespace, wall_clock

YEAR_S = 365 * 86400

# --- the clock ---------------------------------------------------------------------------------


def records(manager: Manager) -> tuple[list[Any], list[Any]]:
    """The numbers of rows that pruning may delete: audit rows except those of reads, and tokens."""
    path = f"/v1/organizations/{manager.organization}/audit-log?limit=1000"
    rows = manager.request("GET", path)[1]["history"]
    tokens = manager.command("token", "list", "--data", str(manager.data))["tokens"]
    for token in tokens:
        token.pop("lastUsedAt", None)
    return [r for r in rows if not r["action"].startswith("READ")], tokens


def test_a_start_with_the_clock_a_year_ahead_deletes_nothing(workdir: Path) -> None:
    manager = Manager(workdir)
    with manager:
        object_id = manager.create_variable("v", "1")
        manager.update(object_id, airflowVariable={"value": "2"})
        worker = manager.command(
            "token", "create", "--data", str(manager.data), "--name", "worker", "--scope",
            "organization", "--scope-id", manager.organization, "--role", "MEMBER",
            "--expires-in", "86400",
        )  # fmt: skip
        before = records(manager)
    offset = workdir / "offset"
    offset.write_text(str(YEAR_S))
    ahead = ("--listen", f"127.0.0.1:{manager.port}")
    manager.launch(*ahead, env=wall_clock(offset))
    log = manager.directory / "manager.log"
    eventually(lambda: "nothing old is deleted for a day" in log.read_text(), "a line says so")
    assert records(manager) == before
    # Rows written since make the clock look right.
    manager.create_variable("ahead", "1")
    before = records(manager)
    manager.stop()
    manager.launch(*ahead, env=wall_clock(offset))
    assert records(manager) == before
    # By this clock the token has expired; its row must not be deleted.
    assert manager.request("GET", "/v1/organizations", token=worker["token"])[0] == 401
    manager.stop()
    with manager:
        assert records(manager) == before
        assert manager.request("GET", "/v1/organizations", token=worker["token"])[0] == 200
        restored = manager.api("POST", f"/{object_id}/restore", {"version": 1})
        assert restored["airflowVariable"]["value"] == "1"


# --- the disk ----------------------------------------------------------------------------------


def on_a_small_disk(manager: Manager) -> Path:
    """The manager with its data on a file system of 16 MiB. Returns the path to it from outside."""
    data = manager.data
    setup = (
        f"cp -a {data} {data}.src; mount -t tmpfs -o size=16m,mode=700 none {data}; "
        f"cp -a {data}.src/. {data}"
    )
    manager.launch(
        "--listen", f"127.0.0.1:{manager.port}", wrap=lambda argv: in_namespace(setup, argv)
    )
    assert manager.program
    return Path(f"/proc/{manager.program.pid}/root{data}")


def fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)


def worker(manager: Manager, inside: Path, name: str) -> dict[str, str]:
    made: dict[str, str] = manager.command(
        "token", "create", "--data", str(inside), "--name", name, "--scope", "organization",
        "--scope-id", manager.organization, "--role", "MEMBER",
    )  # fmt: skip
    return made


def reads(manager: Manager, token: dict[str, str]) -> int:
    return manager.request("GET", "/v1/organizations", token=token["token"])[0]


@pytest.mark.skipif(not IS_ROOT, reason="needs root: a mount")
@pytest.mark.timeout(180)
def test_revocation_works_when_the_disk_is_full(workdir: Path) -> None:
    manager = Manager(workdir)
    inside = on_a_small_disk(manager)
    objects = f"/v1/organizations/{manager.organization}/environment-objects"
    manager.create_variable("v", "secret", secret=True)
    workers = [worker(manager, inside, f"w{i}") for i in range(12)]
    filler = inside / "filler"

    def change() -> tuple[int, Any]:
        return manager.request("POST", objects, {
            "objectType": "AIRFLOW_VARIABLE", "objectKey": "k", "scope": "WORKSPACE",
            "scopeEntityId": manager.workspace, "airflowVariable": {"value": "x" * 100_000},
        })  # fmt: skip

    def revoke(token: dict[str, str]) -> int:
        path = f"/v1/organizations/{manager.organization}/tokens/{token['id']}"
        status, reply = manager.request("DELETE", path)
        assert reads(manager, token) == 401
        assert status == 204 or "restart" in reply["message"]
        return status

    # The reserved space is used only for changes that must not fail.
    fill(filler)
    status, reply = change()
    assert (status, "disk is full" in reply["message"]) == (500, True)
    assert revoke(workers.pop()) == 204
    eventually(lambda: fill(filler) or revoke(workers.pop()) == 202, "the space is used up")
    assert not (inside / "manager.reserve").exists()
    assert change()[0] == 500
    # When it is used up, changes are kept in memory.
    fill(filler)
    off = subprocess.run(
        [MANAGER, "organization", "set", "--data", inside, "--secrets-fetching", "off"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (off.returncode, json.loads(off.stdout)["durable"]) == (0, False)
    assert "warning" in off.stderr
    shown = f"{objects}?workspaceId={manager.workspace}&showSecrets=true"
    assert manager.request("GET", shown)[0] == 403
    assert reads(manager, workers[0]) == 200
    # They are written as soon as there is space, and the reserve is made again.
    filler.unlink()
    eventually((inside / "manager.reserve").exists, "housekeeping has room")
    tokens = manager.command("token", "list", "--data", str(inside))["tokens"]
    assert change()[0] == 200
    manager.command("backup", str(workdir / "copy.db"), "--data", str(inside))
    assert manager.program
    manager.program.kill()
    manager.program = None
    shutil.rmtree(manager.data)
    manager.data.mkdir()
    shutil.copy(f"{manager.data}.src/manager.key", manager.data / "manager.key")
    manager.command("restore", str(workdir / "copy.db"), "--data", str(manager.data))
    with manager:
        after = manager.command("token", "list", "--data", str(manager.data))["tokens"]
        assert [t.get("revokedAt") for t in after] == [t.get("revokedAt") for t in tokens]
        assert manager.request("GET", shown)[0] == 403
        assert reads(manager, workers[0]) == 200
