# SPDX-License-Identifier: Apache-2.0
"""Who changed or read what; going back to an earlier version; promoting a Deployment's object."""

from __future__ import annotations

from typing import Any

from connd_testing import Manager, eventually, link
from manager_http import objects, send


def history(manager: Manager, object_id: str, query: str = "") -> list[dict[str, Any]]:
    page: dict[str, Any] = manager.api("GET", f"/{object_id}/history{query}")
    rows: list[dict[str, Any]] = page["history"]
    return rows


def secret(manager: Manager, key: str) -> Any:
    page = manager.api("GET", f"?objectKey={key}&showSecrets=true")
    return page["environmentObjects"][0]


def test_changes_are_told_by_name_and_never_by_value(manager: Manager) -> None:
    object_id = manager.create_connection("c", host="hunter1", password="hunter2")
    manager.update(
        object_id, connection={"type": "postgres", "host": "hunter3", "password": "hunter4"}
    )
    reply = send(manager, "GET", f"{objects(manager)}/{object_id}/history?limit=100")
    assert b"hunter" not in reply.raw
    changes = [row for row in reply.body["history"] if not row["action"].startswith("READ")]
    assert [row["action"] for row in changes] == ["UPDATE", "CREATE"]
    assert [row["version"] for row in changes] == [2, 1]
    assert {"host", "password"} <= {name.split(".")[-1] for name in changes[0]["fields"]}
    for row in changes:
        assert row["subjectId"] == object_id and row["name"] == "c"
        assert row["by"]["subjectType"] == "SERVICEKEY"
    page = manager.api("GET", f"/{object_id}/history?limit=1&offset=1")
    assert len(page["history"]) == 1 and page["totalCount"] >= 2


def test_going_back(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_connection(
        "c", host="one", password="p1", description="first",
        links=[link(prod, connection={"host": "o1", "password": "op1"})],
    )  # fmt: skip
    before = secret(manager, "c")
    manager.update(
        object_id, connection={"type": "mysql", "password": "p2"}, description="second", links=[]
    )
    assert secret(manager, "c")["links"] == []
    reply = send(manager, "POST", f"{objects(manager)}/{object_id}/restore", {"version": 1})
    assert reply.status == 200 and reply.body["connection"]["host"] == "one"
    after = secret(manager, "c")
    for member in ("connection", "links", "description", "autoLinkDeployments", "setFields", "id"):
        assert after[member] == before[member], member
    changes = [r for r in history(manager, object_id, "?limit=100") if "version" in r]
    assert [row["action"] for row in changes[:2]] == ["RESTORE", "UPDATE"]
    assert changes[0]["version"] == 3

    path = f"{objects(manager)}/{object_id}/restore"
    send(manager, "POST", path, {"version": 99}).error(404)
    send(manager, "POST", path, {}).field_error("version")
    send(manager, "POST", path, {"version": 0}).field_error("version")
    send(manager, "POST", path, {"version": "1"}).field_error("version")


def test_reads_are_noted_once_for_each_state(manager: Manager) -> None:
    manager.create_variable("v", "hunter2", secret=True)

    def reads() -> list[dict[str, Any]]:
        path = f"/v1/organizations/{manager.organization}/audit-log?limit=1000"
        rows = send(manager, "GET", path).body["history"]
        return [row for row in rows if row["action"] == "READ_SECRETS"]

    for _ in range(5):
        manager.api("GET", "?showSecrets=true")
    found = eventually(reads, "the read is written out")
    assert len(found) == 1 and found[0]["by"]["id"]
    manager.create_variable("w", "x")
    manager.api("GET", "?showSecrets=true")
    eventually(lambda: len(reads()) == 2, "the next state is another read")


def test_the_audit_log(manager: Manager) -> None:
    object_id = manager.create_variable("v", "1")
    manager.delete(object_id)
    base = f"/v1/organizations/{manager.organization}"
    rows = send(manager, "GET", f"{base}/audit-log?limit=100").body["history"]
    mine = [row["action"] for row in rows if row.get("subjectId") == object_id]
    assert mine == ["DELETE", "CREATE"]
    only = send(manager, "GET", f"{base}/audit-log?workspaceId={manager.workspace}&limit=100").body
    assert object_id in [row.get("subjectId") for row in only["history"]]
    send(manager, "GET", f"{base}/audit-log?workspaceId=c{'0' * 24}").error(404)
    send(manager, "GET", f"{base}/audit-log?limit=x").field_error("limit")


def test_promote(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    object_id = manager.create_connection("c", prod, host="h", password="p")
    reply = send(manager, "POST", f"{objects(manager)}/{object_id}/promote")
    assert reply.status == 200
    got = reply.body
    assert got["id"] == object_id
    assert (got["scope"], got["scopeEntityId"]) == ("WORKSPACE", manager.workspace)
    assert [entry["scopeEntityId"] for entry in got["links"]] == [prod]
    page = manager.api("GET", f"?deploymentId={prod}&resolveLinked=true&showSecrets=true")
    assert page["environmentObjects"][0]["connection"]["password"] == "p"
    assert manager.api("GET", f"?deploymentId={dev}&resolveLinked=true")["totalCount"] == 0
    # Only a Deployment's object has somewhere to go, and only if the key is free there.
    send(manager, "POST", f"{objects(manager)}/{object_id}/promote").error(400, "scope")
    other = manager.create_connection("c", dev)
    send(manager, "POST", f"{objects(manager)}/{other}/promote").error(409, "objectKey")
    send(manager, "POST", f"{objects(manager)}/c{'0' * 24}/promote").error(404)
    # A Deployment's own token may not write to the Workspace.
    mine = manager.create_connection("d", dev)
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "t", "--scope", "deployment",
        "--scope-id", dev, "--role", "OWNER",
    )["token"]  # fmt: skip
    send(manager, "POST", f"{objects(manager)}/{mine}/promote", token=token).error(403)
