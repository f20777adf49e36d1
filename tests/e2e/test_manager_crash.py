# SPDX-License-Identifier: Apache-2.0
"""The manager is killed again and again at any moment under concurrent writes: every acknowledged
write is stored, nothing is half-written, and it starts at once."""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connd_testing import PATIENCE, Manager

ROUNDS = int(os.environ.get("CONND_CRASH_ROUNDS", "200"))
WRITERS = 3


@dataclass
class Writer:
    """The objects of one thread: a counter that is updated, and keys that are created and
    deleted."""

    manager: Manager
    name: str
    object_id: str = ""
    sent: int = 0
    acked: int = 0
    keys: dict[str, str] = field(default_factory=dict)  # acknowledged: key -> id
    maybe: set[str] = field(default_factory=set)  # keys whose create or delete got no response
    failures: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"/v1/organizations/{self.manager.organization}/environment-objects"

    def counter(self, n: int) -> dict[str, Any]:
        """An object with the same number in every part that is stored separately."""
        return {
            "connection": {"type": "t", "host": f"h{n}", "password": f"p{n}", "extra": {"n": n}},
            "description": f"d{n}",
            "links": [
                {
                    "scope": "DEPLOYMENT",
                    "scopeEntityId": deployment,
                    "overrides": {"connection": {"login": f"l{n}", "password": f"q{n}"}},
                }
                for deployment in self.manager.deployment_ids.values()
            ],
        }

    def place(self) -> dict[str, str]:
        return {"scope": "WORKSPACE", "scopeEntityId": self.manager.workspace}

    def call(self, c: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
        c.request(
            method,
            path,
            None if body is None else json.dumps(body),
            {
                "Authorization": f"Bearer {self.manager.token}",
                "Content-Type": "application/json",
            },
        )
        reply = c.getresponse()
        text = reply.read()
        if reply.status not in (200, 204):
            self.failures.append(f"{method} {path}: {reply.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def step(self, c: http.client.HTTPConnection, turn: int) -> None:
        if turn % 3 < 2:
            self.sent += 1
            self.call(c, "POST", f"{self.base}/{self.object_id}", self.counter(self.sent))
            self.acked = self.sent
        elif len(self.keys) < 5:
            key = f"{self.name}_{time.monotonic_ns()}"
            self.maybe.add(key)
            made = self.call(
                c,
                "POST",
                self.base,
                {
                    "objectKey": key,
                    "objectType": "AIRFLOW_VARIABLE",
                    **self.place(),
                    "airflowVariable": {"value": key, "isSecret": True},
                },
            )
            self.maybe.discard(key)
            self.keys[key] = made["id"]
        else:
            key, object_id = self.keys.popitem()
            self.maybe.add(key)
            self.call(c, "DELETE", f"{self.base}/{object_id}")
            self.maybe.discard(key)

    def run(self) -> None:
        """Writes until the manager is killed."""
        c = http.client.HTTPConnection("127.0.0.1", self.manager.port, timeout=PATIENCE)
        try:
            for turn in range(1_000_000):
                self.step(c, turn)
                if self.failures:
                    break
        except (OSError, http.client.HTTPException):
            pass  # an unfinished write may be stored or not
        finally:
            c.close()


def everything(manager: Manager) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    page = manager.api("GET", f"?workspaceId={manager.workspace}&showSecrets=true&limit=1000")
    assert page["totalCount"] == len(page["environmentObjects"])
    for row in page["environmentObjects"]:
        rows[row["objectKey"]] = row
    return rows


def check(writer: Writer, rows: dict[str, dict[str, Any]]) -> None:
    assert not writer.failures, writer.failures
    row = rows.pop(writer.name)
    n = row["connection"]["extra"]["n"]
    assert writer.acked <= n <= writer.sent
    expected = writer.counter(n)
    assert row["connection"].items() >= expected["connection"].items()
    assert row["description"] == expected["description"]
    assert [link["connectionOverrides"] for link in row["links"]] == [
        link["overrides"]["connection"] for link in expected["links"]
    ]
    writer.acked = writer.sent = n
    for key, object_id in writer.keys.items():
        row = rows.pop(key)
        assert row["id"] == object_id
        assert row["airflowVariable"]["value"] == key
    for key in writer.maybe & rows.keys():
        writer.keys[key] = rows.pop(key)["id"]
    writer.maybe.clear()


def test_a_kill_at_any_instant_loses_no_acknowledged_write(workdir: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    manager = Manager(workdir)
    manager.serve()
    writers = [Writer(manager, f"counter{i}") for i in range(WRITERS)]
    for writer in writers:
        writer.object_id = manager.api(
            "POST",
            "",
            {
                "objectKey": writer.name,
                "objectType": "CONNECTION",
                **writer.place(),
                **writer.counter(0),
            },
        )["id"]
    for _ in range(ROUNDS):
        threads = [threading.Thread(target=w.run) for w in writers]
        for t in threads:
            t.start()
        # Does not wait for an event: varies the moment of the kill.
        time.sleep(rng.uniform(0.0, 0.06))
        assert manager.program
        manager.program.kill()
        for t in threads:
            t.join()
        manager.program.assert_no_report()
        manager.serve()
        rows = everything(manager)
        for writer in writers:
            check(writer, rows)
        assert not rows, f"nobody wrote {sorted(rows)}"
    print(f"acknowledged updates: {[w.acked for w in writers]}")
    assert sum(w.acked for w in writers) > ROUNDS // 2  # it was killed while writing
    manager.stop()
