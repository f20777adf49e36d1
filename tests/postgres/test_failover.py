# SPDX-License-Identifier: Apache-2.0
"""What a lost manager, database or primary costs: no acknowledged write, and nothing half made.

Each round writes all the time, and counts what was acknowledged (2xx). Afterwards everything that
was acknowledged is there, whole; what got no response, or a 503, is there whole or not at all.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Manager, eventually
from postgres import Pgbouncer, Postgres

WRITERS = 3


class Load:
    """Writers at one or several managers, until they are told to stop."""

    def __init__(self, managers: list[Manager]) -> None:
        self.managers = managers
        self.acknowledged: set[str] = set()
        self.statuses: set[int] = set()
        self.retry_after_missing = 0
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]

    def _write(self, writer: int) -> None:
        n = 0
        while not self._ends.is_set():
            n += 1
            key = f"w{writer}_{n}"
            managers = self.managers  # which may become other ones
            manager = managers[n % len(managers)]
            try:
                status, _ = post(manager, key)
            except OSError:
                status = 0  # no response
            self.statuses.add(status)
            if 200 <= status < 300:
                self.acknowledged.add(key)
            else:
                time.sleep(0.05)

    def more(self, n: int = 20) -> None:
        """Until n more writes are acknowledged."""
        enough = len(self.acknowledged) + n
        eventually(lambda: len(self.acknowledged) >= enough, "writes are acknowledged", timeout=30)

    def move_to(self, *managers: Manager) -> None:
        """From here on, no request is under way at the others."""
        self.managers = list(managers)
        self.more(2 * WRITERS)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(60)


def post(manager: Manager, key: str) -> tuple[int, Any]:
    """Every member says the key, so that half a write shows."""
    prod = manager.deployment_ids["prod"]
    body = {
        "objectType": "CONNECTION", "objectKey": key, "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "connection": {"type": "postgres", "host": key, "login": key, "password": key},
        "links": [{"scope": "DEPLOYMENT", "scopeEntityId": prod,
                   "overrides": {"connection": {"schema": key}}}],
    }  # fmt: skip
    path = f"/v1/organizations/{manager.organization}/environment-objects"
    return manager.request("POST", path, body)


def everything(manager: Manager) -> dict[str, Any]:
    prod, rows = manager.deployment_ids["prod"], {}
    while True:
        query = f"deploymentId={prod}&resolveLinked=true&showSecrets=true&limit=1000"
        page = manager.api("GET", f"?{query}&offset={len(rows)}")
        for row in page["environmentObjects"]:
            rows[row["objectKey"]] = row["connection"]
        if len(rows) >= page["totalCount"]:
            return rows


@contextmanager
def under_load(*managers: Manager) -> Iterator[Load]:
    load = Load(list(managers))
    load.start()
    try:
        load.more()
        yield load
        load.more()  # it recovered by itself
    finally:
        load.stop()
    served = everything(managers[0])
    lost = load.acknowledged - served.keys()
    assert not lost, f"{len(lost)} of {len(load.acknowledged)} acknowledged writes are lost"
    for key, row in served.items():
        assert {row[name] for name in ("host", "login", "password", "schema")} == {key}, row
    assert load.statuses <= {0, 200, 409, 503}, load.statuses  # 409: made, and not acknowledged


def refused_with_503(manager: Manager) -> None:
    """Within a second or two, reads and writes are refused, and say when to come back."""

    def refused() -> bool:
        return manager.request("GET", "/v1/organizations")[0] == 503

    eventually(refused, "reads are refused", timeout=5)
    assert post(manager, "refused")[0] == 503
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-D", "-", "-H", f"Authorization: Bearer {manager.token}",
         f"{manager.url}/v1/organizations"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert "retry-after: " in done.stdout.lower(), done.stdout


@pytest.fixture
def primary(workdir: Path) -> Iterator[Postgres]:
    with Postgres(workdir / "primary") as running:
        yield running


def test_a_killed_manager_loses_no_acknowledged_write(manager: Manager, workdir: Path) -> None:
    with manager.beside(workdir / "other") as other, under_load(manager, other) as load:
        assert other.program
        for _ in range(3):
            other.program.kill()
            other.program = None
            load.more(5)
            other.start()
            load.more(5)


def test_a_killed_database_loses_no_acknowledged_write(primary: Postgres, workdir: Path) -> None:
    with Manager(workdir, store=primary.url()) as manager, under_load(manager):
        for _ in range(2):
            primary.kill()
            refused_with_503(manager)
            primary.start()


def test_a_promoted_standby_has_every_acknowledged_write(primary: Postgres, workdir: Path) -> None:
    with Postgres(workdir / "standby", of=primary) as standby:
        primary.wait_for_standby()
        with Manager(workdir, store=primary.url(standby)) as manager, under_load(manager):
            primary.kill()
            refused_with_503(manager)
            standby.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
            standby.promote()


def test_a_database_that_became_read_only_is_refused_with_503(
    primary: Postgres, workdir: Path
) -> None:
    """What a standby is, too: nothing of it is served as if it were news."""
    with Manager(workdir, store=primary.url()) as manager:
        primary.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        primary.sql("SELECT pg_reload_conf()")
        refused_with_503(manager)
        primary.sql("ALTER SYSTEM RESET default_transaction_read_only")
        primary.sql("SELECT pg_reload_conf()")
        eventually(lambda: post(manager, "later")[0] == 200, "it recovers", timeout=10)


def test_pgbouncer_may_be_restarted(primary: Postgres, workdir: Path) -> None:
    with (
        Pgbouncer(primary, workdir / "bouncer") as bouncer,
        Manager(workdir, store=bouncer.url()) as manager,
        under_load(manager) as load,
    ):
        for _ in range(2):
            bouncer.stop()
            bouncer.start()
            load.more(5)


def test_through_pgbouncer_other_managers_changes_arrive(primary: Postgres, workdir: Path) -> None:
    with (
        Pgbouncer(primary, workdir / "bouncer") as bouncer,
        Manager(workdir, store=bouncer.url()) as manager,
        manager.beside(workdir / "other") as other,
        other.connd() as connd,
    ):
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        eventually(lambda: connd.variable("v") == "1", "it is served", timeout=5)
