# SPDX-License-Identifier: Apache-2.0
"""A list costs few statements, however many rows it has: each one is a round trip to the database.
The server's log counts them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from connd_testing import Manager, link
from manager_http import Reply, connection, send
from postgres import Postgres
from test_manager_sidecars import REPORT

OBJECTS, OTHERS = 100, 30
MOST = 15  # statements more than for a list of one row, and for what goes on beside it


class Log:
    """The statements of one database's clients, those excepted that only listen."""

    def __init__(self, server: Postgres, manager: Manager) -> None:
        self.file = server.directory.with_suffix(".log")
        self.database = urlsplit(manager.store).path[1:]
        server.sql(f"ALTER DATABASE {self.database} SET log_statement = 'all'")

    def statements(self, run: Callable[[], Reply], naming: bytes = b"") -> tuple[int, Reply]:
        begin = self.file.stat().st_size
        reply = run()
        assert reply.status == 200, reply.raw[:300]
        text = self.file.read_bytes()
        lines = [line.split(b" ", 2) for line in text[begin:].splitlines()]
        listeners = {
            line.split(b" ", 2)[1] for line in text.splitlines() if b"LISTEN connd_change" in line
        }
        return sum(
            line[0] == self.database.encode()
            and line[1] not in listeners
            and naming in line[2]
            and line[2].startswith((b"LOG:  statement: ", b"LOG:  execute "))
            for line in lines
            if len(line) == 3
        ), reply


def fill(manager: Manager) -> str:
    """Returns an object with a history."""
    over, prod = connection(manager), manager.deployment_ids["prod"]
    top = f"/v1/organizations/{manager.organization}"

    def post(path: str, **body: object) -> str:
        reply = send(manager, "POST", top + path, body, over=over)
        assert reply.status == 200, reply.raw
        return str(reply.body.get("id"))

    kept = ""
    for n in range(OBJECTS):
        kept = post(
            "/environment-objects", objectType="CONNECTION", objectKey=f"k{n:03}",
            scope="WORKSPACE", scopeEntityId=manager.workspace, connection={"type": "x"},
            links=[link(prod), link(manager.deployment_ids["dev"])],
        )  # fmt: skip
    place = {"scope": "WORKSPACE", "scopeEntityId": manager.workspace}
    for n in range(OTHERS):
        post(f"/environment-objects/{kept}", connection={"type": f"x{n}"})
        post("/tokens", name=f"t{n}", role="MEMBER", **place)
        post("/deployments", name=f"d{n}", workspaceId=manager.workspace)
        post("/projects", name=f"p{n}", workspaceId=manager.workspace)
        path = f"{top}/environment-objects?deploymentId={prod}&limit=1"
        report = json.dumps({**REPORT, "id": f"{n:032x}"})
        send(manager, "GET", path, headers={"X-Connd-Report": report}, over=over)
    over.close()
    return kept


@pytest.fixture
def reader(manager: Manager, workdir: Path) -> Iterator[Manager]:
    """Another manager; started by the test."""
    other = manager.beside(workdir / "reader")
    yield other
    if other.program:
        other.stop()


def test_no_list_costs_a_statement_a_row(
    server: Postgres, manager: Manager, reader: Manager
) -> None:
    kept = fill(manager)
    manager.stop()  # which writes what it has in memory
    log = Log(server, manager)
    reader.start()
    prod = manager.deployment_ids["prod"]
    lists = {
        f"/environment-objects?workspaceId={manager.workspace}": OBJECTS,
        f"/environment-objects?workspaceId={manager.workspace}&showSecrets=true": OBJECTS,
        "/environment-objects?objectType=CONNECTION": OBJECTS,
        f"/environment-objects?deploymentId={prod}&resolveLinked=true": OBJECTS
        - 1,  # an update took links
        f"/environment-objects/{kept}/history?": OTHERS,
        "/audit-log?": OBJECTS,
        "/tokens?": OTHERS,
        "/workspaces?": 1,
        "/deployments?": OTHERS,
        "/deployments?sorts=createdAt:desc": OTHERS,
        "/projects?": OTHERS,
        "/sidecars?": OTHERS,
        "/connection-auth-types?": 10,
    }
    for path, rows in lists.items():
        top = f"/v1/organizations/{manager.organization}{path}&limit="
        one, _ = log.statements(lambda path=f"{top}1": send(reader, "GET", path))
        if path.startswith("/environment-objects?"):
            reader.stop()  # one that has seen no object's row
            reader.start()
        all_rows, reply = log.statements(lambda path=f"{top}1000": send(reader, "GET", path))
        served = max(len(v) for v in reply.body.values() if isinstance(v, list))
        assert served >= rows, path
        assert all_rows <= one + MOST, (path, one, all_rows)
        if "resolveLinked" in path:  # the size of rows is known, and no link is wanted
            read, _ = log.statements(
                lambda path=f"{top}1000": send(reader, "GET", path), b"LIMIT $4 OFFSET $5"
            )
            assert read == 1
