# SPDX-License-Identifier: Apache-2.0
"""`init` and `migrate` that are killed half-way leave nothing in the way of the next try."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from connd_testing import MANAGER, Manager, Program, eventually
from postgres import Postgres
from test_manager_push import view

# The last row that init inserts, that of the first token, waits for a lock. The trigger comes with
# the table, since nothing else may be in the database.
WAIT_FOR_THE_TEST = """
CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END';
CREATE FUNCTION add_wait() RETURNS event_trigger LANGUAGE plpgsql AS
    'BEGIN CREATE TRIGGER wait BEFORE INSERT ON token EXECUTE FUNCTION wait_for_the_test(); END';
CREATE EVENT TRIGGER add_wait ON ddl_command_end WHEN TAG IN ('CREATE VIEW')
    EXECUTE FUNCTION add_wait();
"""
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def init(data: Path, store: str) -> list[str | Path]:
    return [
        MANAGER, "init", "--data", data, "--store", store,
        "--organization", "Acme", "--workspace", "Analytics", "--deployment", "prod",
    ]  # fmt: skip


def killed_half_way(server: Postgres, argv: list[str | Path], log: Path) -> None:
    """Waits until the program waits for what the test holds."""
    program = Program(argv, log)
    eventually(lambda: server.sql(WAITS) != "0", "it is half-way", timeout=30)
    program.kill()


def test_init_that_is_killed_may_be_done_again(server: Postgres, workdir: Path) -> None:
    server.sql("CREATE DATABASE half_made")
    url, data = server.url(database="half_made"), workdir / "again"
    server.sql(WAIT_FOR_THE_TEST, "half_made")
    with server.holding("SELECT pg_advisory_xact_lock(1)", "half_made"):
        killed_half_way(server, init(data, url), workdir / "init.log")
    made = "SELECT to_regclass('object') IS NOT NULL"
    eventually(lambda: server.sql(made, "half_made") == "f", "nothing is left", timeout=30)
    server.sql("DROP EVENT TRIGGER add_wait", "half_made")
    shutil.rmtree(data)  # with the key, as with a pod
    done = subprocess.run(init(data, url), capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["token"]
    # What is whole is not made again.
    again = subprocess.run(
        init(data, url), capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert again.returncode == 1 and "nothing was changed" in again.stderr, again.stderr


def test_migrate_to_sqlite_that_is_killed_may_be_done_again(
    server: Postgres, manager: Manager, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        manager.create_variable(f"v{n}", "1", manager.deployment_ids["prod"])
    before = manager.request("GET", view(manager))[1]
    manager.stop()
    target = workdir / "target" / "manager"
    target.mkdir(parents=True)
    shutil.copy(manager.data / "manager.key", target)
    argv: list[str | Path] = [
        MANAGER, "migrate", "--from", manager.store, "--to", f"sqlite:{target}",
    ]  # fmt: skip
    database = urlsplit(manager.store).path[1:]
    # The objects are copied before the audit log.
    with server.holding("LOCK TABLE audit", database):
        killed_half_way(server, argv, workdir / "migrate.log")
        assert {p.name for p in target.iterdir()} == {"manager.key", "manager.init"}
        assert (target / "manager.init" / "manager.db").exists()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["copied"] is True
    assert {p.name for p in target.iterdir()} >= {"manager.key", "manager.db"}
    assert not (target / "manager.init").exists()
    compared = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(compared.stdout)["copied"] is False
    monkeypatch.setattr(Manager, "new_store", None)
    manager.store, manager.data = "", target
    manager.start()
    assert manager.request("GET", view(manager))[1] == before
