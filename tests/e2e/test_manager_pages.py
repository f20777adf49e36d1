# SPDX-License-Identifier: Apache-2.0
"""Lists in pages: joined, the pages are the list, for every caller and query, despite writes."""

from __future__ import annotations

import http.client
import random
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connd_testing import PATIENCE, Manager, eventually, link
from faulty_manager import Exchange, FaultyManager
from manager_http import connection, objects, send

TYPES = {
    "AIRFLOW_VARIABLE": ("airflowVariable", {"value": "v", "isSecret": True}),
    "CONNECTION": ("connection", {"type": "http", "host": "h", "password": "p"}),
    "ENVIRONMENT_VARIABLE": ("environmentVariable", {"value": "v", "isSecret": True}),
}
# Names that are sorted differently in another order than by bytes.
LETTERS = {"CONNECTION": "aBb_", "AIRFLOW_VARIABLE": "aBb_é", "ENVIRONMENT_VARIABLE": "ABC_"}
FIELDS = ("objectType", "objectKey", "createdAt", "updatedAt")
Row = dict[str, Any]


class Data:
    """Objects of all types in all places, and all possible views of them."""

    def __init__(self, manager: Manager, rnd: random.Random) -> None:
        self.manager, self.rnd = manager, rnd
        self.over = connection(manager)
        self.database = sqlite3.connect(f"file:{manager.data}/manager.db?mode=ro", uri=True)
        self.ids: list[tuple[str, str]] = []
        prod, dev = (manager.deployment_ids[name] for name in ("prod", "dev"))
        reply = send(
            manager, "POST", f"/v1/organizations/{manager.organization}/projects",
            {"name": "ide", "workspaceId": manager.workspace, "deploymentId": prod},
        )  # fmt: skip
        assert reply.status == 200, reply.raw
        self.places = {
            "PROJECT": [reply.body["id"]], "DEPLOYMENT": [prod, dev],
            "WORKSPACE": [manager.workspace],
        }  # fmt: skip
        self.views = [
            (manager.token, ""),
            (manager.token, f"workspaceId={manager.workspace}"),
            (manager.token, f"deploymentId={prod}"),
            (manager.token, f"deploymentId={prod}&resolveLinked=true"),
            (manager.token, f"deploymentId={prod}&resolveLinked=true&showSecrets=true"),
            (manager.token, f"deploymentId={dev}&resolveLinked=true&showSecrets=true"),
            (manager.token, f"projectId={reply.body['id']}&resolveLinked=true"),
            (self.token("workspace", manager.workspace), ""),
            (self.token("deployment", dev), "resolveLinked=true&showSecrets=true"),
        ]
        while len(self.ids) < 90:
            self.create()

    def token(self, scope: str, scope_id: str) -> str:
        out = self.manager.command(
            "token", "create", "--data", str(self.manager.data), "--name", f"of a {scope}",
            "--scope", scope, "--scope-id", scope_id, "--role", "MEMBER",
        )  # fmt: skip
        token: str = out["token"]
        return token

    def in_order(self, rows: list[Row], sorts: list[str]) -> list[Row]:
        """The order that the API promises: each sort, then type, key, narrower scope first, id."""
        columns = "type, key, scope_id, id, created_ms, updated_ms"
        kept = {row[:3]: row[3:] for row in self.database.execute(f"SELECT {columns} FROM object")}

        def fields(row: Row) -> dict[str, Any]:
            at = row.get("sourceScopeEntityId", row["scopeEntityId"])
            object_id, created, updated = kept[row["objectType"], row["objectKey"], at]
            assert row.get("id", object_id) == object_id
            # Times are shown in whole seconds.
            return {**row, "id": object_id, "createdAt": created, "updatedAt": updated}

        by = [f"{name}:asc" for name in ("objectType", "objectKey", "scope", "id")]
        pairs = [(fields(row), row) for row in rows]
        for sort in reversed(sorts + by):
            name, _, order = sort.partition(":")
            pairs.sort(key=lambda pair: pair[0][name], reverse=order == "desc")
        return [row for _, row in pairs]

    def create(self) -> None:
        rnd = self.rnd
        kind = rnd.choice([*TYPES, "CONNECTION"])
        member, typed = TYPES[kind]
        scope = rnd.choice(["WORKSPACE", "WORKSPACE", "DEPLOYMENT", "DEPLOYMENT", "PROJECT"])
        body: dict[str, Any] = {
            "objectType": kind, "scope": scope, "scopeEntityId": rnd.choice(self.places[scope]),
            "objectKey": rnd.choice(LETTERS[kind][:-1])
            + "".join(rnd.choices(LETTERS[kind], k=rnd.randint(0, 3))),
            member: typed,
        }  # fmt: skip
        if scope == "WORKSPACE":
            body["autoLinkDeployments"] = rnd.random() < 0.4
            body["autoLinkProjects"] = rnd.random() < 0.2
            body["links"] = [link(d) for d in self.places["DEPLOYMENT"] if rnd.random() < 0.4]
            body["excludeLinks"] = [
                link(d)
                for d in self.places["DEPLOYMENT"]
                if rnd.random() < 0.2 and link(d) not in body["links"]
            ]
        reply = send(self.manager, "POST", objects(self.manager), body, over=self.over)
        assert reply.status in (200, 409), reply.raw
        if reply.status == 200:
            self.ids.append((reply.body["id"], kind))

    def write(self) -> None:
        """Creates, deletes or changes one object."""
        what = self.rnd.choice(["create", "delete", "update"])
        if what == "create":
            self.create()
            return
        object_id, kind = self.rnd.choice(self.ids)
        path = f"{objects(self.manager)}/{object_id}"
        if what == "delete":
            self.ids.remove((object_id, kind))
            assert send(self.manager, "DELETE", path, over=self.over).status == 204
        else:
            member, typed = TYPES[kind]
            body = {member: typed, "autoLinkDeployments": self.rnd.random() < 0.5}
            assert send(self.manager, "POST", path, body, over=self.over).status in (200, 400)

    def read(self, view: tuple[str, str], asks: list[str], limit: int, offset: int) -> Any:
        """The rows, totalCount, and the ETag."""
        query = "&".join([view[1], *asks, f"limit={limit}", f"offset={offset}"])
        path = f"{objects(self.manager)}?{query.lstrip('&')}"
        reply = send(self.manager, "GET", path, token=view[0], over=self.over)
        assert reply.status == 200, reply.raw
        page = reply.body
        assert (page["limit"], page["offset"]) == (limit, offset)
        return page["environmentObjects"], page["totalCount"], reply.headers["etag"]

    def walk(self) -> Iterator[None]:
        """Reads one list page by page, and yields after each page, so that others can read or
        write."""
        rnd = self.rnd
        view = rnd.choice(self.views)
        sorts = [f"{field}:{rnd.choice(['asc', 'desc'])}" for field in rnd.choices(FIELDS, k=4)]
        sorts = sorts[: rnd.randint(0, 4)]
        filters = []
        if rnd.random() < 0.6:
            filters.append("objectType=" + rnd.choice([*TYPES, "CONNECTION"]))
        if rnd.random() < 0.1:
            filters.append("objectKey=" + rnd.choice(["a", "B", "b", "A"]))
        asks = [*filters, *(f"sorts={sort}" for sort in sorts)]
        limit, offset = rnd.choice([1, 2, 3, 5, 8, 13, 40, 200]), 0
        while True:
            rows, total, tag = self.read(view, filters, 1000, 0)
            expected = self.in_order(rows, sorts)
            assert self.read(view, asks, 1000, 0) == (expected, total, tag)
            assert len(rows) == total
            page = self.read(view, asks, limit, offset)
            assert page == (expected[offset : offset + limit], total, tag), (view, asks, offset)
            if offset >= total:
                return
            # Sometimes not the next page.
            offset += limit if rnd.random() < 0.9 else rnd.randint(1, 20)
            yield


def walk_many(data: Data, n: int, writes: float) -> None:
    walks = [data.walk() for _ in range(4)]
    while n:
        which = data.rnd.randrange(len(walks))
        try:
            next(walks[which])
        except StopIteration:
            walks[which] = data.walk()
            n -= 1
        if data.rnd.random() < writes:
            data.write()
    data.over.close()
    data.database.close()


def test_pages_put_together_are_the_list(manager: Manager) -> None:
    walk_many(Data(manager, random.Random(7)), 60, 0)


def test_a_page_is_of_the_list_as_it_is_now(manager: Manager) -> None:
    walk_many(Data(manager, random.Random(11)), 40, 0.4)


def test_connd_never_mixes_pages_of_two_moments(workdir: Path, manager: Manager) -> None:
    """The first and the last row of a list are changed, in this order, while it is read: the last
    must never be newer than the first."""
    prod = manager.deployment_ids["prod"]
    keys = [f"c{i}" for i in range(10)]
    ids = [manager.create_connection(key, prod, host="h", port=1) for key in keys]
    turns, latest, one_writer = 0, 1, threading.Lock()

    def disturb() -> None:
        nonlocal latest
        with one_writer:
            latest += 1
            typed = {"type": "postgres", "host": "h", "port": latest}
            for object_id in (ids[0], ids[-1]):
                manager.update(object_id, connection=typed)

    def small_pages(exchange: Exchange) -> None:
        """The manager's responses, in pages of 3 rows."""
        nonlocal turns
        if exchange.type == "CONNECTION" and exchange.offset == 6:
            turns += 1
            if turns % 3:  # the third attempt succeeds
                disturb()
        query = urllib.parse.urlencode({**exchange.query, "limit": "3"})
        wanted = ("Authorization", "If-None-Match", "Prefer")
        headers = {name: value for name, value in exchange.handler.headers.items()
                   if name in wanted}  # fmt: skip
        over = http.client.HTTPConnection("127.0.0.1", manager.port, timeout=PATIENCE)
        over.request("GET", f"{exchange.path}?{query}", headers=headers)
        reply = over.getresponse()
        body, tag = reply.read(), reply.headers["ETag"]
        over.close()
        if reply.status == 304:
            exchange.head(304, "application/json", ETag=tag)
        else:
            exchange.reply(body, reply.status, ETag=tag)

    with FaultyManager() as between:
        between.fault = small_pages
        sections = {"manager": {"url": between.url, "push": "no"}}
        with manager.connd(sections=sections) as connd, connd.client() as client:

            def settled() -> bool:
                last = client.connection(keys[-1])["port"]
                first = client.connection(keys[0])["port"]
                if first < last:
                    raise RuntimeError(f"the first is of {first}, the last of {last}")
                return first == last == latest

            for _ in range(4):
                disturb()
                eventually(settled, "connd has the last change")
    assert turns >= 12
