# SPDX-License-Identifier: Apache-2.0
"""A load of writes whose outcome is known: what was acknowledged must be there, whole; what was
not is there whole or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connd_testing import Manager, eventually

WRITERS = 3


class Load:
    """Writers at one or several managers, until they are stopped."""

    def __init__(self, managers: list[Manager], deployment: str = "prod", pause: float = 0) -> None:
        self.managers = managers
        self.deployment = deployment
        self.acknowledged: set[str] = set()
        self.statuses: set[int] = set()
        self._pause = pause
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
                status, _ = post(manager, key, self.deployment)
            except OSError:
                status = 0  # no response
            self.statuses.add(status)
            if 200 <= status < 300:
                self.acknowledged.add(key)
                time.sleep(self._pause)
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


def post(manager: Manager, key: str, deployment: str = "prod") -> tuple[int, Any]:
    """Every member says the key, so that half a write shows."""
    body = {
        "objectType": "CONNECTION", "objectKey": key, "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "connection": {"type": "postgres", "host": key, "login": key, "password": key},
        "links": [{"scope": "DEPLOYMENT", "scopeEntityId": manager.deployment_ids[deployment],
                   "overrides": {"connection": {"schema": key}}}],
    }  # fmt: skip
    path = f"/v1/organizations/{manager.organization}/environment-objects"
    return manager.request("POST", path, body)


def is_whole(key: str, row: dict[str, Any]) -> bool:
    return {row[name] for name in ("host", "login", "password", "schema")} == {key}


def everything(manager: Manager, deployment: str = "prod") -> dict[str, Any]:
    """The connections of a Deployment's view, by their keys."""
    place, rows = manager.deployment_ids[deployment], {}
    while True:
        query = f"deploymentId={place}&resolveLinked=true&showSecrets=true&limit=1000"
        page = manager.api("GET", f"?{query}&objectType=CONNECTION&offset={len(rows)}")
        for row in page["environmentObjects"]:
            rows[row["objectKey"]] = row["connection"]
        if len(rows) >= page["totalCount"]:
            return rows


def check(load: Load) -> None:
    """No acknowledged write is lost, and none is half made."""
    served = everything(load.managers[0], load.deployment)
    lost = load.acknowledged - served.keys()
    assert not lost, f"{len(lost)} of {len(load.acknowledged)} acknowledged writes are lost"
    half = [row for key, row in served.items() if not is_whole(key, row)]
    assert not half, half[:3]
    assert load.statuses <= {0, 200, 409, 503}, load.statuses  # 409: made, and not acknowledged


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
    check(load)
