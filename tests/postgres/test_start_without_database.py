# SPDX-License-Identifier: Apache-2.0
"""A start is not stricter than a run: a manager starts without its database, refuses requests with
503, and serves when the database comes. What a person has to mend ends the start."""

from __future__ import annotations

import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from connd_testing import MANAGER, Manager, eventually, free_port
from manager_http import send
from postgres import DATABASE, USER, Postgres

OUTAGE = "the database cannot be used: requests are refused until it can"
END = "the database can be used again"


def launch(manager: Manager, *more: str) -> str:
    """Starts it without waiting for the database. Returns the address of its metrics."""
    places = manager.launch(
        "--listen", f"127.0.0.1:{manager.port}", "--metrics", "127.0.0.1:0", *more
    )
    return str(places["metrics"])


def text_of(address: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=2) as reply:
        return str(reply.read().decode())


def assert_says_so(manager: Manager, metrics: str, *, up: bool) -> None:
    """Each at once: nothing of this asks the database."""
    health = text_of(f"127.0.0.1:{manager.port}", "/healthz")
    assert health.startswith("ok\n") and ("cannot be used" in health) is not up
    assert text_of(metrics, "/healthz") == health
    assert f"connd_manager_store_up {int(up)}\n" in text_of(metrics, "/metrics")


def assert_refuses(manager: Manager, metrics: str) -> None:
    reply = send(manager, "GET", "/v1/organizations")
    assert reply.status == 503 and int(reply.headers["retry-after"]) >= 1
    assert_says_so(manager, metrics, up=False)


def serves(manager: Manager) -> None:
    eventually(lambda: send(manager, "GET", "/v1/organizations").status == 200, "it serves")
    manager.create_variable("v", "1", manager.deployment_ids["prod"])


def log(manager: Manager) -> str:
    assert manager.program
    return manager.program.stderr_text()


def assert_one_outage(manager: Manager, *reasons: str) -> None:
    lines = [line for line in log(manager).splitlines() if "the database" in line]
    assert len(lines) == 2 and OUTAGE in lines[0] and END in lines[1], lines
    assert all(reason in lines[0] for reason in reasons), lines


@contextmanager
def running(manager: Manager, *more: str) -> Iterator[str]:
    metrics = launch(manager, *more)
    assert manager.program
    try:
        yield metrics
    except BaseException:
        manager.program.kill()
        raise
    manager.stop()


@pytest.fixture
def made(workdir: Path) -> Manager:
    return Manager(workdir)


def test_it_starts_without_the_database(made: Manager, server: Postgres) -> None:
    server.stop()
    try:
        with running(made) as metrics:
            assert_refuses(made, metrics)
            # Without the database no token is good or bad.
            assert send(made, "GET", "/v1/organizations", token="nonsense").status == 503
            done = subprocess.run(
                [MANAGER, "token", "list", "--data", made.data], capture_output=True, text=True,
                timeout=30, check=False,
            )  # fmt: skip
            assert done.returncode == 1 and "the database cannot be used now" in done.stderr
            server.start()
            serves(made)
            assert_says_so(made, metrics, up=True)
            made.command("token", "list", "--data", str(made.data))
            assert_one_outage(made, "Connection refused")
    finally:
        if not server.process:
            server.start()


def test_it_starts_at_a_standby(workdir: Path) -> None:
    with Postgres(workdir / "primary") as primary:
        made = Manager(workdir, store=primary.url())
        with Postgres(workdir / "standby", of=primary) as standby:
            made.store = standby.url()
            with running(made) as metrics:
                assert_refuses(made, metrics)
                standby.promote()
                serves(made)
                assert_one_outage(made, "read-only")


def test_it_starts_while_a_migration_has_the_lock(made: Manager, server: Postgres) -> None:
    database = made.store.partition("?")[0].rpartition("/")[2]
    with ExitStack() as migration:
        lock = "LOCK TABLE program IN ACCESS EXCLUSIVE MODE"
        migration.enter_context(server.holding(lock, database))
        with running(made) as metrics:
            assert_refuses(made, metrics)
            migration.close()
            serves(made)
            assert_one_outage(made)


def test_it_starts_without_the_address_to_listen_at(made: Manager, server: Postgres) -> None:
    away = f"postgresql://{USER}@127.0.0.1:{free_port()}/{DATABASE}?passfile={server.passfile}"
    with running(made, "--store-listen", away) as metrics:
        assert_refuses(made, metrics)
        assert OUTAGE in log(made) and "Connection refused" in log(made)


# --- what ends the start --------------------------------------------------------------------------


def start(manager: Manager, store: str, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MANAGER, "--data", manager.data, "--listen", "127.0.0.1:0", "--store", store, *more],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_what_is_wrong_ends_the_start(made: Manager, server: Postgres, workdir: Path) -> None:
    other_password = workdir / "other.pass"
    other_password.write_text("*:*:*:*:another\n")
    other_password.chmod(0o600)
    other_key = workdir / "other.key"
    other_key.write_text("0" * 64)
    other_key.chmod(0o600)
    good = made.store
    stranger = re.sub(
        "passfile=[^&]*", f"passfile={other_password}", good.replace(f"{USER}@", "nobody@")
    )
    database = good.partition("?")[0].rpartition("/")[2]
    server.sql("CREATE DATABASE no_tables")
    wrong: list[tuple[list[str | Path], str, str]] = [
        (
            [re.sub("passfile=[^&]*", f"passfile={other_password}", good)],
            "password auth",
            "passfil",
        ),
        ([re.sub("passfile=[^&]*", "passfile=/nowhere", good)], "no password", "mode 0600"),
        ([stranger], "authentication failed", "check the user"),
        ([good.replace(database, "absent")], "absent", "createdb"),
        ([server.url(database="no_tables")], "there is no store in it", "connd-manager init"),
        ([f"{good}&sslmode=nonsense"], "sslmode", "parameters of the URL"),
        ([good, "--key-file", other_key], "is not the one it was sealed with", "key"),
        ([good, "--store-listen", stranger], "authentication failed", "check the user"),
    ]
    for words, why, next_step in wrong:
        done = start(made, *words)  # type: ignore[arg-type]
        assert done.returncode == 1, (words, done.stderr)
        last = done.stderr.splitlines()[-1]
        assert last.startswith("connd-manager: ") and why in last and next_step in last, last
        assert "another" not in last and "LOCATION" not in last and "28P01" not in last, last
    server.sql("UPDATE program SET schema = 99, oldest = 99", database=database)
    done = start(made, good)
    assert done.returncode == 1 and "or newer" in done.stderr


def test_what_is_wrong_ends_a_start_that_waits(
    made: Manager, server: Postgres, workdir: Path
) -> None:
    password = workdir / "own.pass"
    password.write_text("*:*:*:*:another\n")
    password.chmod(0o600)
    made.store = re.sub("passfile=[^&]*", f"passfile={password}", made.store)
    server.stop()
    try:
        launch(made)
    finally:
        server.start()
    assert made.program
    assert made.program.process.wait(30) == 1
    last = log(made).splitlines()[-1]
    assert last.startswith("connd-manager: ") and "check the user in the URL" in last, last


# --- a database that does not answer --------------------------------------------------------------


def test_a_database_that_hangs_is_no_hang_of_the_manager(made: Manager, server: Postgres) -> None:
    with running(made) as metrics:
        serves(made)
        server.signal_all(signal.SIGSTOP)
        try:
            began = time.monotonic()
            reply: Any = send(made, "GET", f"/v1/organizations/{made.organization}/workspaces")
            assert reply.status in (200, 503)  # the first moment
            eventually(lambda: send(made, "GET", "/v1/organizations").status == 503, "it refuses")
            assert time.monotonic() - began < 10  # not one statement's 15 s
            assert_refuses(made, metrics)
        finally:
            server.signal_all(signal.SIGCONT)
        eventually(lambda: send(made, "GET", "/v1/organizations").status == 200, "it recovers")
        assert_says_so(made, metrics, up=True)
