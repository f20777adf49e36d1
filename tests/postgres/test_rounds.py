# SPDX-License-Identifier: Apache-2.0
"""Failures in rounds, while all there is goes on at once: two managers on a PostgreSQL, writers,
clients that hold a request, and connd that is asked all the time. No acknowledged write is lost,
none is half made, no lookup at any connd fails. Ends with a table. `make failover` is the long
form of it."""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from connd_testing import Connd, Manager, Varlink, eventually
from held_clients import HeldClients
from load import Load, check
from matrix import Row
from postgres import Pgbouncer, Postgres
from test_manager_push import tag_of, view

FULL = os.environ.get("FAILOVER") == "full"
ROUNDS, HELD, CONNDS = (20, 2000, 50) if FULL else (1, 60, 4)
TABLE = "What a failure costs"
BACK_S = 60  # by then it must have recovered, on a machine that is busy with other things


class Lookups:
    """Asks every connd in turn, without a pause of its own for longer than a moment."""

    def __init__(self, connds: list[Connd]) -> None:
        self.right = 0
        self.failed: list[str] = []
        self.longest = 0.0
        self._clients = [one.client() for one in connds]
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _ask(self, client: Varlink) -> None:
        began = time.monotonic()
        try:
            value = client.variable("k")
            if not value.startswith("value "):
                self.failed.append(value)
            self.right += 1
        except Exception as error:  # whatever it is, it is a failure
            self.failed.append(repr(error))
        self.longest = max(self.longest, time.monotonic() - began)

    def _run(self) -> None:
        while not self._ends.is_set():
            for client in self._clients:
                self._ask(client)
            time.sleep(0.02)

    def __enter__(self) -> Lookups:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(30)
        for client in self._clients:
            client.close()


class World:
    """Two managers and everything around them."""

    def __init__(self, directory: Path, store: str) -> None:
        self.first = Manager(directory, ("prod", "dev", "load"), store=store)
        self.second = self.first.beside(directory / "second")
        self.managers = [self.first, self.second]
        self.connds: list[Connd] = []
        self.back: list[float] = []  # s from a failure to the next acknowledged write
        self._turn = 0

    def _connd(self, n: int) -> Connd:
        urls = [one.url for one in self.managers[:: 1 if n % 2 else -1]]
        section = {"url": " ".join(urls), "refresh": "5s", "timeout": "3s"}
        return self.first.connd(sections={"manager": section}, name=f"connd{n}")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for manager in self.managers:
                stack.enter_context(manager)
            prod, dev = (self.first.deployment_ids[name] for name in ("prod", "dev"))
            self.k = self.first.create_variable("k", "value 0", prod)
            self.beacon = self.first.create_variable("beacon", "0", dev)
            for n in range(CONNDS):
                self.connds.append(stack.enter_context(self._connd(n)))
            path = view(self.first, "dev")
            self.held = stack.enter_context(
                HeldClients(self.managers, path, tag_of(self.first, path), HELD)
            )
            self.lookups = stack.enter_context(Lookups(self.connds))
            self.load = Load(self.managers, "load", pause=0.05)
            self.load.start()
            try:
                yield
            finally:
                self.load.stop()
            check(self.load)

    def update(self, object_id: str, value: str) -> Manager:
        """Through either manager, again until it is acknowledged."""

        def written() -> Manager | None:
            manager = self.managers[self._turn % 2]
            path = f"/v1/organizations/{manager.organization}/environment-objects/{object_id}"
            body = {"airflowVariable": {"value": value, "isSecret": False}}
            if manager.program and manager.request("POST", path, body)[0] == 200:
                return manager
            self._turn += 1
            return None

        by: Manager = eventually(written, "a write is acknowledged", BACK_S)
        self._turn += 1
        return by

    def spread(self) -> list[float]:
        """One write: ms from its response until each connd serves it."""
        value = f"value {time.monotonic_ns()}"
        waiting = [one.client() for one in self.connds]
        self.update(self.k, value)
        began, took = time.monotonic(), []
        while waiting:
            for client in waiting[:]:
                if client.variable("k") == value:
                    took.append((time.monotonic() - began) * 1000)
                    waiting.remove(client)
                    client.close()
            assert time.monotonic() - began < BACK_S, f"{len(waiting)} connd do not serve it"
        return took

    def everybody_hears(self) -> None:
        """A write reaches every connd and every held request, of both managers."""
        self.spread()
        by = self.update(self.beacon, f"{time.monotonic_ns()}")
        tag = tag_of(by, view(by, "dev"))
        eventually(lambda: self.held.all_have(tag), "all that hold a request have it", BACK_S)

    def rounds(self, row: Row, what: str, fail: Callable[[int], None]) -> None:
        """fail(n) makes the failure, and mends what does not mend itself."""
        with self.running():
            self.load.more(10)
            for n in range(ROUNDS):
                was, began = len(self.load.acknowledged), time.monotonic()
                fail(n)
                eventually(
                    lambda was=was: len(self.load.acknowledged) > was, "writes go on", BACK_S
                )
                self.back.append(time.monotonic() - began)
                self.everybody_hears()
        lookups = self.lookups
        assert not lookups.failed, (len(lookups.failed), lookups.failed[:3])
        row(
            TABLE,
            failure=what, rounds=str(ROUNDS),
            **{"writes acknowledged": f"{len(self.load.acknowledged):,}", "lost or half made": "0",
               "lookups": f"{lookups.right:,}", "failed": "0",
               "longest lookup": f"{lookups.longest * 1000:.0f} ms",
               "a write is acknowledged after: median, longest":
                   f"{statistics.median(self.back):.1f} s, {max(self.back):.1f} s"},
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def primary(workdir: Path) -> Iterator[Postgres]:
    with Postgres(workdir / "primary") as running:
        yield running


def test_a_write_is_served_by_every_connd(workdir: Path, primary: Postgres, row: Row) -> None:
    world = World(workdir, primary.url())
    with world.running():
        eventually(world.held.all_wait, "all hold a request", BACK_S)
        took = sorted(ms for _ in range(ROUNDS) for ms in world.spread())
        world.everybody_hears()
    assert not world.lookups.failed, world.lookups.failed[:3]
    row(
        "From a write through one of two managers to every connd",
        **{"connd": str(CONNDS), "held requests": f"{HELD:,}", "writes": str(ROUNDS),
           "median": f"{statistics.median(took):.0f} ms",
           "p99": f"{took[int(0.99 * (len(took) - 1))]:.0f} ms", "longest": f"{took[-1]:.0f} ms"},
    )  # fmt: skip


def test_kill_a_manager(workdir: Path, primary: Postgres, row: Row) -> None:
    world = World(workdir, primary.url())

    def fail(n: int) -> None:
        victim = world.managers[n % 2]
        assert victim.program
        victim.program.kill()
        victim.program = None
        world.load.more(3)  # through the other one
        victim.start()

    world.rounds(row, "`kill -9` of a manager", fail)


def test_kill_the_database(workdir: Path, primary: Postgres, row: Row) -> None:
    def fail(_: int) -> None:
        primary.kill()
        time.sleep(1.5)  # long enough that both managers refuse
        primary.start()

    World(workdir, primary.url()).rounds(row, "`kill -9` of the database", fail)


def test_promote_a_synchronous_standby(workdir: Path, primary: Postgres, row: Row) -> None:
    """Each round has a primary and a new standby of it; their two addresses stay the same."""
    servers = [primary, Postgres(workdir / "standby0", of=primary)]

    def fail(n: int) -> None:
        primary, standby = servers
        primary.kill()
        standby.sql("ALTER SYSTEM RESET synchronous_standby_names")
        standby.promote()
        if n + 1 < ROUNDS:
            renewed = Postgres(workdir / f"standby{n + 1}", of=standby, port=primary.port)
            servers[:] = standby, renewed.start()
            standby.wait_for_standby()

    try:
        servers[1].start()
        primary.wait_for_standby()
        world = World(workdir, primary.url(servers[1]))
        world.rounds(row, "promotion of a synchronous standby", fail)
    finally:
        for one in servers:
            if one.process:
                one.stop()


def test_restart_pgbouncer(workdir: Path, primary: Postgres, row: Row) -> None:
    with Pgbouncer(primary, workdir / "bouncer") as bouncer:

        def fail(_: int) -> None:
            bouncer.stop()
            bouncer.start()

        World(workdir, bouncer.url()).rounds(row, "restart of pgbouncer", fail)
