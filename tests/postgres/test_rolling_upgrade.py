# SPDX-License-Identifier: Apache-2.0
"""Managers of two releases on one database. The newer one is tests/lib/newer_manager.c: the same
program with a schema that is one version ahead."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from connd_testing import BUILD, MANAGER, Manager, eventually
from load import post, under_load
from manager_http import send
from postgres import Postgres
from test_failover import refused_with_503
from test_manager_push import held, tag_of, view

PROGRAMS = BUILD / "release" if BUILD.name == "build" else BUILD
NEWER = PROGRAMS / "tests/lib/newer_manager"
LOCK = "SELECT pg_advisory_xact_lock(7236837152)"


@pytest.fixture
def newer(manager: Manager, workdir: Path) -> Iterator[Manager]:
    """Not started."""
    other = manager.beside(workdir / "newer")
    other.binary = NEWER
    yield other
    if other.program:
        other.stop()


def database_of(manager: Manager) -> str:
    return urlsplit(manager.store).path[1:]


def schema(server: Postgres, manager: Manager) -> str:
    return server.sql("SELECT schema, oldest FROM program", database_of(manager))


def wait_for_migrations_lock(server: Postgres) -> None:
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    eventually(lambda: server.sql(waits) == "1", "the newer one waits for the lock", timeout=10)


def start_with(in_the_way: str, newer: Manager, manager: Manager, server: Postgres) -> None:
    """The newer one waits, and the other one serves reads and writes, as long as a transaction is
    in the way of the migration."""
    with ThreadPoolExecutor(1) as pool:
        with server.holding(in_the_way, database_of(manager)):
            started = pool.submit(newer.start)
            if in_the_way == LOCK:
                wait_for_migrations_lock(server)
            for n in range(20):
                assert post(manager, f"meanwhile{n}")[0] == 200
                assert send(manager, "GET", view(manager)).status == 200
            assert schema(server, manager) == "1|1"
            assert not started.done()
        started.result()


@pytest.mark.parametrize("in_the_way", [LOCK, "SELECT count(*) FROM object"])
def test_no_request_fails_while_managers_are_upgraded_one_by_one(
    manager: Manager, newer: Manager, server: Postgres, in_the_way: str
) -> None:
    """In the way: another migration, or a long list that is being read."""
    path = view(manager)
    with under_load(manager) as load:
        start_with(in_the_way, newer, manager, server)
        assert schema(server, manager) == "2|1"
        load.move_to(manager, newer)
        # The older program hears the newer one, and may be started again.
        dev = view(manager, "dev")  # which the load does not change
        with held(manager, dev, tag_of(manager, dev)) as waiting:
            assert post(newer, "from_the_newer", "dev")[0] == 200
            waiting.reply(timeout=5)
        load.move_to(newer)
        manager.stop()
        manager.start()
        load.move_to(newer, manager)
        assert load.statuses == {200}
    eventually(lambda: tag_of(manager, path) == tag_of(newer, path), "ETags agree", timeout=5)


def test_a_schema_that_does_not_serve_the_older_program_stops_it(
    manager: Manager, newer: Manager, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(manager, "before")[0] == 200
    monkeypatch.setenv("NEWER_BREAKS", "1")
    newer.start()
    assert schema(server, manager) == "2|2"
    refused_with_503(manager)
    assert post(newer, "after")[0] == 200
    reason = "serves programs that know version 2 or newer; this one knows 1: use connd-manager"
    assert manager.program and reason in manager.program.stderr_text()
    manager.stop()
    argv = [MANAGER, "--data", manager.data, "--store", manager.store, "--listen", "127.0.0.1:0"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and reason in done.stderr, done.stderr
