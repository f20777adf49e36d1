# SPDX-License-Identifier: Apache-2.0
"""Shared by the tests of the manager's objects and lists."""

from __future__ import annotations

import re
from typing import Any

from connd_testing import Manager
from manager_http import objects, send

CUID = re.compile(r"^c[a-z0-9]{24}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
NOWHERE = "c" + "0" * 24
# The body of a create, without its scopeEntityId.
GOOD: dict[str, Any] = {
    "objectKey": "k",
    "objectType": "CONNECTION",
    "scope": "WORKSPACE",
    "connection": {"type": "t"},
}


def no_null(value: Any) -> None:
    assert value is not None
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            no_null(one)


def listing(manager: Manager, **query: Any) -> Any:
    pairs = []
    for name, value in query.items():
        for one in value if isinstance(value, list) else [value]:
            pairs.append(f"{name}={str(one).lower() if isinstance(one, bool) else one}")
    reply = send(manager, "GET", objects(manager) + "?" + "&".join(pairs))
    assert reply.status == 200, reply.raw
    assert "json" in reply.headers["content-type"]
    no_null(reply.body)
    return reply.body


def keys(page: Any) -> list[str]:
    return [row["objectKey"] for row in page["environmentObjects"]]


def one(manager: Manager, key: str, **query: Any) -> Any:
    rows = listing(manager, objectKey=key, **query)["environmentObjects"]
    assert len(rows) == 1, rows
    return rows[0]
