# SPDX-License-Identifier: Apache-2.0
"""Concurrent updates of one object: one wins or both apply; the result is never a mix."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from connd_testing import Manager, link

WRITERS, ROUNDS = 4, 40


def fields(mark: str) -> dict[str, Any]:
    return {"type": "postgres", "host": mark, "login": mark, "password": mark, "schema": mark}


def test_racing_updates_never_mix(workdir: Path) -> None:
    with Manager(workdir) as manager:
        prod = manager.deployment_ids["prod"]
        object_id = manager.create_connection("shared", **fields("first"))
        marks: list[str] = []
        faults: list[BaseException] = []

        def write(writer: int) -> None:
            try:
                for turn in range(ROUNDS):
                    mark = f"w{writer}-{turn}"
                    answer = manager.update(
                        object_id,
                        connection=fields(mark),
                        links=[link(prod, connection={"host": mark, "login": mark})],
                    )
                    marks.append(mark)
                    seen = answer["connection"]
                    assert seen["host"] == seen["login"] == seen["schema"]
            except BaseException as fault:
                faults.append(fault)

        writers = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
        for thread in writers:
            thread.start()
        while any(thread.is_alive() for thread in writers):
            rows = manager.api("GET", f"?deploymentId={prod}&resolveLinked=true&showSecrets=true")
            for row in rows["environmentObjects"]:
                seen = row["connection"]
                assert len({seen[name] for name in ("host", "login", "password", "schema")}) == 1
        assert not faults
        assert len(marks) == WRITERS * ROUNDS
        last = manager.api("GET", f"/{object_id}")["connection"]
        assert last["host"] in {f"w{n}-{ROUNDS - 1}" for n in range(WRITERS)}
