# SPDX-License-Identifier: Apache-2.0
"""The model of tests/lib/manager_model.py, and random writes to two managers on one database.

Each write goes to one of the two, drawn anew. Each list is read from both: they agree with each
other, ETags included, and with the model. Only the same state at both is waited for.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Manager, eventually
from manager_http import Reply, connection, send
from test_manager_model import (
    LONG,
    World,
    tell_stories,
    test_what_every_deployment_sees,
    world,
)

__all__ = ["test_what_every_deployment_sees", "world"]  # run again on PostgreSQL

EXAMPLES = 8


class Two(World):
    """Two managers behind what looks like one."""

    def __init__(self, manager: Manager, other: Manager) -> None:
        super().__init__(manager)
        self.both = (manager, other)
        self.overs = [connection(one) for one in self.both]
        self.draw = random.Random(1)  # the same story in each run
        self.writes = [0, 0]

    def _send(
        self, which: int, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> Reply:
        self.manager, self.over = self.both[which], self.overs[which]
        return super().send(method, path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        if method == "GET":
            return self._read(path, headers)
        which = self.draw.randrange(2)
        self.writes[which] += 1

        def done() -> Reply | None:
            """A machine so busy that the manager did not see the database for a second: again."""
            reply = self._send(which, method, path, body, headers)
            return reply if reply.status != 503 else None

        reply: Reply = eventually(done, "the manager has the database")
        return reply

    def _read(self, path: str, headers: dict[str, str]) -> Reply:
        """From both, once they have the same state. A manager that hears of a change late may
        confirm the ETag of the state before."""

        def same() -> tuple[Reply, Reply] | None:
            a, b = (self._send(which, "GET", path, None, headers) for which in (0, 1))
            alike = a.status == b.status and a.headers.get("etag") == b.headers.get("etag")
            return (a, b) if alike and a.status != 503 else None

        a, b = eventually(same, f"both have the same state of {path}", timeout=30)
        assert a.raw == b.raw
        return a if self.draw.randrange(2) else b

    def restart(self) -> None:
        which = self.draw.randrange(2)
        self.overs[which].close()
        self.both[which].stop()
        self.both[which].serve()

    def rotate_key(self) -> None:
        """The other one refuses until it has the new key."""
        this, other = self.draw.sample(self.both, 2)
        this.rotate_key()
        shutil.copy2(this.data / "manager.key", other.data / "manager.key")
        for one in self.both:
            eventually(lambda one=one: self.serves(one), "it has the new key", timeout=10)

    def serves(self, one: Manager) -> bool:
        path = f"/v1/organizations/{one.organization}/environment-objects?showSecrets=true"
        return send(one, "GET", path).status == 200


@pytest.fixture
def two(workdir: Path) -> Iterator[Two]:
    with Manager(workdir) as manager, manager.beside(workdir / "other") as other:
        yield Two(manager, other)


@pytest.mark.timeout(180 + 10 * LONG)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_two_managers_written_to_at_random_agree_with_the_model(two: Two) -> None:
    tell_stories(two, EXAMPLES)
    assert min(two.writes) > 100, "both are written to"
