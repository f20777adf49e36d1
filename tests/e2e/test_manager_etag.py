# SPDX-License-Identifier: Apache-2.0
"""The ETag of an object, and conditional writes: no writer overwrites the change of another."""

from __future__ import annotations

from typing import Any

import pytest
from connd_testing import Manager, link
from manager_http import Reply, objects, send

TYPED = {"connection": {"type": "postgres", "host": "h"}}


def tag(manager: Manager, object_id: str) -> str:
    reply = send(manager, "GET", f"{objects(manager)}/{object_id}")
    assert reply.status == 200
    return reply.headers["etag"]


def write(manager: Manager, object_id: str, what: str, match: str | None, **how: Any) -> Reply:
    """One of the five writes. match: the value of If-Match."""
    bodies: dict[str, tuple[str, str, Any]] = {
        "update": ("POST", "", how.get("body", TYPED)),
        "delete": ("DELETE", "", None),
        "exclude": (
            "POST", "/exclude-linking",
            {"scope": "DEPLOYMENT", "scopeEntityId": manager.deployment_ids["dev"]},
        ),
        "promote": ("POST", "/promote", None),
        "restore": ("POST", "/restore", {"version": 1}),
    }  # fmt: skip
    method, below, body = bodies[what]
    headers = {} if match is None else {"If-Match": match}
    return send(manager, method, f"{objects(manager)}/{object_id}{below}", body, headers)


def make(manager: Manager, what: str) -> str:
    at = manager.deployment_ids["prod"] if what == "promote" else ""
    return manager.create_connection("c", at, host="h")


WRITES = ["update", "delete", "exclude", "promote", "restore"]


@pytest.mark.parametrize("what", WRITES)
def test_a_write_with_a_stale_tag_is_refused_and_changes_nothing(
    manager: Manager, what: str
) -> None:
    object_id = make(manager, what)
    stale = tag(manager, object_id)
    manager.update(object_id, connection={"type": "postgres", "host": "other"})
    before = manager.api("GET", f"/{object_id}")
    for match in (stale, f'"x", {stale}', "", '"x"', "nonsense", f"W/{tag(manager, object_id)}"):
        write(manager, object_id, what, match).error(412, "If-Match", "ETag")
    assert manager.api("GET", f"/{object_id}") == before


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("how", ["{}", '"x" , {}', '{}, W/"y"', "*", None])
def test_a_write_with_the_present_tag_or_without_one_goes_on(
    manager: Manager, what: str, how: str | None
) -> None:
    object_id = make(manager, what)
    now = tag(manager, object_id)
    reply = write(manager, object_id, what, how and how.format(now))
    assert reply.status in (200, 204), reply.raw
    if what in ("update", "promote", "restore"):
        assert reply.headers["etag"] == tag(manager, object_id) != now


def test_the_tag_moves_with_every_change_and_with_nothing_else(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_connection("c", links=[link(prod)], autoLinkDeployments=True)
    seen = [tag(manager, object_id)]
    manager.create_connection("other")
    manager.stop()
    manager.serve()
    assert tag(manager, object_id) == seen[0]
    for body in (
        {"links": [link(prod)], "autoLinkDeployments": True},
        {"links": [link(prod, connection={"password": "p"})], "autoLinkDeployments": True},
        {"links": [link(prod, connection={"password": "q"})], "autoLinkDeployments": True},
    ):
        manager.update(object_id, connection={"type": "postgres"}, **body)
        seen.append(tag(manager, object_id))
    write(manager, object_id, "exclude", None)
    seen.append(tag(manager, object_id))
    # Deleting a Deployment removes its link.
    deployments = f"/v1/organizations/{manager.organization}/deployments"
    assert send(manager, "DELETE", f"{deployments}/{prod}").status == 204
    seen.append(tag(manager, object_id))
    assert manager.api("GET", f"/{object_id}")["links"] == []
    assert len(set(seen)) == len(seen)
    write(manager, object_id, "update", seen[-2]).error(412)


def test_an_unchanged_object_is_a_304(manager: Manager) -> None:
    object_id = manager.create_connection("c")
    path, now = f"{objects(manager)}/{object_id}", tag(manager, object_id)
    for method in ("GET", "HEAD"):
        for tags in (now, f"W/{now}", f'"a,b", {now}', "*"):
            reply = send(manager, method, path, headers={"If-None-Match": tags})
            assert (reply.status, reply.raw, reply.headers["etag"]) == (304, b"", now)
    for tags in ('"x"', now[:-1], f'"a{now[1:]}'):
        assert send(manager, "GET", path, headers={"If-None-Match": tags}).status == 200
    # If-None-Match has no effect on a write.
    assert send(manager, "POST", path, TYPED, {"If-None-Match": now}).status == 200


def test_a_missing_object_is_a_404_whatever_is_expected(manager: Manager) -> None:
    for what in WRITES:
        write(manager, "c" + "0" * 24, what, '"x"').error(404)


def test_denied_write_does_not_reveal_the_etag(manager: Manager) -> None:
    object_id = manager.create_connection("c")
    member = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "m", "--scope", "workspace",
        "--scope-id", manager.workspace, "--role", "MEMBER",
    )["token"]  # fmt: skip
    reply = send(
        manager, "DELETE", f"{objects(manager)}/{object_id}", headers={"If-Match": '"x"'},
        token=member,
    )  # fmt: skip
    reply.error(403)
