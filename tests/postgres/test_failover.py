# SPDX-License-Identifier: Apache-2.0
"""What a lost manager, database or primary costs: no acknowledged write, and nothing half made.

Each test writes all the time, and counts what was acknowledged (2xx). Afterwards everything that
was acknowledged is there, whole; what got no response, or a 503, is there whole or not at all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import Manager, eventually
from load import post, under_load
from postgres import Pgbouncer, Postgres


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
