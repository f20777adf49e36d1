# SPDX-License-Identifier: Apache-2.0
"""The manager's own machine goes wrong: nothing that cannot be undone rests on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connd_testing import Manager, eventually
from world import wall_clock

YEAR_S = 365 * 86400


def records(manager: Manager) -> tuple[list[Any], list[Any]]:
    """What pruning deletes: audit rows but those of reads, and tokens."""
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
    manager.launch("--listen", f"127.0.0.1:{manager.port}", env=wall_clock(offset))
    log = manager.directory / "manager.log"
    eventually(lambda: "nothing old is deleted for a day" in log.read_text(), "a line says so")
    assert records(manager) == before
    # It has expired, as far as this clock can tell; and is not lost.
    assert manager.request("GET", "/v1/organizations", token=worker["token"])[0] == 401
    manager.stop()
    with manager:
        assert records(manager) == before
        assert manager.request("GET", "/v1/organizations", token=worker["token"])[0] == 200
        restored = manager.api("POST", f"/{object_id}/restore", {"version": 1})
        assert restored["airflowVariable"]["value"] == "1"
