# SPDX-License-Identifier: Apache-2.0
"""The history of changes and reads; restoring an earlier version; promoting a Deployment's
object."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import urllib.parse
from typing import Any

import pytest
from connd_testing import Manager, eventually, link
from manager_http import Reply, objects, send


def history(manager: Manager, object_id: str, query: str = "") -> list[dict[str, Any]]:
    page: dict[str, Any] = manager.api("GET", f"/{object_id}/history{query}")
    rows: list[dict[str, Any]] = page["history"]
    return rows


def secret(manager: Manager, key: str) -> Any:
    page = manager.api("GET", f"?objectKey={key}&showSecrets=true")
    return page["environmentObjects"][0]


def test_history_names_changed_fields_without_values(manager: Manager) -> None:
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


def version_of(manager: Manager, object_id: str, version: object, query: str = "") -> Reply:
    return send(manager, "GET", f"{objects(manager)}/{object_id}/history/{version}{query}")


def test_an_earlier_version_is_shown_without_its_secrets(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    typed = {"type": "postgres", "host": "one", "password": "hunter1", "port": 1}
    object_id = manager.create_connection(
        "c", **typed, description="first", extra={"k": "hunter2"}, autoLinkDeployments=True,
        links=[link(prod, connection={"host": "o1", "password": "hunter3"})],
        excludeLinks=[{"scope": "DEPLOYMENT", "scopeEntityId": dev}],
    )  # fmt: skip
    first = send(manager, "GET", f"{objects(manager)}/{object_id}").body
    manager.update(
        object_id, connection={"type": "mysql", "host": "two", "password": "hunter4"},
        description="second", links=[],
    )  # fmt: skip
    reply = version_of(manager, object_id, 1)
    assert b"hunter" not in reply.raw
    assert (reply.status, reply.body["version"]) == (200, 1)
    for name in ("createdAt", "updatedAt", "createdBy", "updatedBy"):
        del first[name]
    assert reply.body["environmentObject"] == first
    assert "changedFields" not in reply.body
    reply = version_of(manager, object_id, 1, "?against=2")
    assert reply.body["changedFields"] == [
        "type", "host", "password", "port", "description", "autoLinkDeployments", f"links.{prod}",
        f"links.{prod}.host", f"links.{prod}.password", f"excludeLinks.{dev}",
    ]  # fmt: skip
    assert version_of(manager, object_id, 2, "?against=2").body["changedFields"] == []


def test_a_version_of_a_deleted_object_is_shown(manager: Manager) -> None:
    secret_id = manager.create_variable("s", "hunter1", secret=True)
    plain_id = manager.create_variable("v", "one", description="the first")
    for each in (secret_id, plain_id):
        manager.delete(each)
    assert version_of(manager, secret_id, 1).body["environmentObject"]["airflowVariable"] == {
        "value": "", "isSecret": True
    }  # fmt: skip
    shown = version_of(manager, plain_id, 1).body["environmentObject"]
    assert (shown["objectKey"], shown["airflowVariable"]["value"]) == ("v", "one")
    assert shown["description"] == "the first"


def test_what_is_secret_by_now_is_not_shown_of_an_earlier_version(manager: Manager) -> None:
    """The same value: plain under an earlier auth type, secret under the present one."""
    aws = "cauthawsaccesskey00000000"
    object_id = manager.create_connection(
        "c", type="aws", authTypeId=aws, extra={"region_name": "hunter1"}
    )
    assert b"hunter1" in version_of(manager, object_id, 1).raw
    manager.update(object_id, connection={"type": "aws", "extra": {"region_name": "hunter1"}})
    assert b"hunter1" not in send(manager, "GET", f"{objects(manager)}/{object_id}").raw
    assert b"hunter1" not in version_of(manager, object_id, 1).raw


def test_versions_that_are_not_there_are_404(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    object_id = manager.create_variable("v", "1", prod)
    for version in (0, 2, -1, "x", "1x", 99999999999999999999):
        version_of(manager, object_id, version).error(404, "at this version")
    version_of(manager, "c" + "0" * 24, 1).error(404)
    version_of(manager, object_id, 1, "?against=2").error(404)
    version_of(manager, object_id, 1, "?against=x").field_error("against")
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "of dev", "--scope",
        "deployment", "--scope-id", dev, "--role", "OWNER",
    )["token"]  # fmt: skip
    path = f"{objects(manager)}/{object_id}/history/1"
    send(manager, "GET", path, token=token).error(404)
    manager.delete(object_id)
    send(manager, "GET", path, token=token).error(404)
    manager.request("DELETE", f"/v1/organizations/{manager.organization}/deployments/{prod}")
    send(manager, "GET", path).error(404)


def test_restoring_an_earlier_version(manager: Manager) -> None:
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


def test_the_audit_log_is_filtered(manager: Manager) -> None:
    base = f"/v1/organizations/{manager.organization}"
    body = {"name": "other", "scope": "ORGANIZATION", "role": "OPERATOR"}
    other = send(manager, "POST", f"{base}/tokens", body).body
    first = manager.create_variable("First", "1")
    manager.delete(first)
    manager.api("GET", "?showSecrets=true")
    moved = {"objectType": "AIRFLOW_VARIABLE", "objectKey": "second", "scope": "WORKSPACE",
             "scopeEntityId": manager.workspace}  # fmt: skip
    assert send(manager, "POST", objects(manager), moved, token=other["token"]).status == 200

    def found(query: str) -> list[tuple[str, str]]:
        page = send(manager, "GET", f"{base}/audit-log?limit=100&{query}").body
        assert page["totalCount"] == len(page["history"])
        return [(row["action"], row.get("name", "")) for row in page["history"]]

    assert found("action=DELETE") == [("DELETE", "First")]
    assert found(f"tokenId={other['id']}") == [("CREATE", "second")]
    assert found("search=fIRS") == [("DELETE", "First"), ("CREATE", "First")]
    assert found("search=first&action=CREATE") == [("CREATE", "First")]
    assert found("action=READ_SECRETS") == [("READ_SECRETS", "")]
    changes = found("reads=false")
    assert ("CREATE_TOKEN", "other") in changes
    assert not [name for name, _ in changes if name.startswith("READ")]
    assert found("search=%25") == []
    deleted = send(manager, "GET", f"{base}/audit-log?action=DELETE").body["history"][0]
    assert deleted["restorable"] is True
    for query, field in (("action=GONE", "action"), ("tokenId=x", "tokenId"), ("reads=2", "reads")):
        send(manager, "GET", f"{base}/audit-log?{query}").field_error(field)


def test_entries_of_the_audit_log_name_their_request(manager: Manager) -> None:
    log = f"/v1/organizations/{manager.organization}/audit-log"
    body = {"objectType": "AIRFLOW_VARIABLE", "objectKey": "v", "scope": "WORKSPACE",
            "scopeEntityId": manager.workspace}  # fmt: skip
    made = send(manager, "POST", objects(manager), body)
    mine = {"X-Request-Id": "airflow.run:1/try=2"}
    gone = send(manager, "DELETE", f"{objects(manager)}/{made.body['id']}", headers=mine)
    assert gone.headers["x-request-id"] == mine["X-Request-Id"]

    def found(request: str, more: str = "") -> list[tuple[str, str]]:
        query = f"requestId={urllib.parse.quote(request)}{more}"
        page = send(manager, "GET", f"{log}?{query}").body
        assert page["totalCount"] == len(page["history"])
        return [(row["action"], row["requestId"]) for row in page["history"]]

    theirs = made.headers["x-request-id"]
    assert found(theirs) == [("CREATE", theirs)]
    assert found("airflow.run:1/try=2") == [("DELETE", "airflow.run:1/try=2")]
    assert found("airflow.run:1/try=2", f"&workspaceId={manager.workspace}&action=CREATE") == []
    assert found("airflow.run:1") == []
    rows = send(manager, "GET", f"{log}?search=Acme").body["history"]
    assert rows and "requestId" not in rows[0], "a subcommand is not a request"


@pytest.mark.parametrize("sent", ["", "x" * 65, 'a"b', "a b", "a,b", "\xe4", "a\tb"])
def test_a_request_id_that_cannot_be_logged_is_replaced(manager: Manager, sent: str) -> None:
    refused = send(manager, "GET", "/nowhere", headers={"X-Request-Id": sent})
    assert re.fullmatch("[0-9a-f]{32}", refused.body["requestId"])
    refused.error(404)


def test_a_read_with_an_id_of_its_own_is_found_by_it(manager: Manager) -> None:
    manager.create_variable("v", "hunter2", secret=True)
    log = f"/v1/organizations/{manager.organization}/audit-log"
    for request in ("first", "first", "second"):
        send(manager, "GET", f"{objects(manager)}?showSecrets=true",
             headers={"X-Request-Id": request})  # fmt: skip
    for request in ("first", "second"):
        rows = send(manager, "GET", f"{log}?requestId={request}").body["history"]
        assert [row["action"] for row in rows] == ["READ_SECRETS"]


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
    # Only an object of a Deployment can be promoted, and only if the key is free in the Workspace.
    send(manager, "POST", f"{objects(manager)}/{object_id}/promote").error(400, "scope")
    other = manager.create_connection("c", dev)
    send(manager, "POST", f"{objects(manager)}/{other}/promote").error(409, "objectKey")
    send(manager, "POST", f"{objects(manager)}/c{'0' * 24}/promote").error(404)
    # A token of a Deployment may not write to the Workspace.
    mine = manager.create_connection("d", dev)
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "t", "--scope", "deployment",
        "--scope-id", dev, "--role", "OWNER",
    )["token"]  # fmt: skip
    send(manager, "POST", f"{objects(manager)}/{mine}/promote", token=token).error(403)


def come_back(manager: Manager, body: Any, token: str | None = None) -> Reply:
    path = f"/v1/organizations/{manager.organization}/audit-log/restore"
    return send(manager, "POST", path, body, token=token)


def last_words(manager: Manager, key: str) -> dict[str, Any]:
    """The audit row of the deletion, which has everything that restoring needs."""
    path = f"/v1/organizations/{manager.organization}/audit-log?limit=100"
    rows = send(manager, "GET", path).body["history"]
    row = next(row for row in rows if row["action"] == "DELETE" and row["name"] == key)
    assert row["restorable"] is True
    return {"subjectId": row["subjectId"], "version": row["version"]}


def test_deleted_object_is_restored(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    object_id = manager.create_connection(
        "c", host="one", password="p1", extra={"k": "v"}, description="first",
        links=[link(prod, connection={"password": "o1"})], excludeLinks=[link(dev)],
    )  # fmt: skip
    first = secret(manager, "c")
    manager.update(object_id, connection={"type": "x", "password": "p2"}, links=[link(dev)])
    before = secret(manager, "c")
    view = f"?deploymentId={dev}&resolveLinked=true&showSecrets=true"
    resolved = manager.api("GET", view)
    manager.delete(object_id)
    tag = send(manager, "GET", objects(manager) + view).headers["etag"]
    named = last_words(manager, "c")
    assert named == {"subjectId": object_id, "version": 2}
    reply = come_back(manager, named)
    assert reply.status == 200 and reply.body["id"] == object_id
    assert send(manager, "GET", objects(manager) + view).headers["etag"] != tag
    for member in ("connection", "links", "excludeLinks", "description", "setFields", "objectKey"):
        assert secret(manager, "c").get(member) == before.get(member), member
    got = manager.api("GET", view)["environmentObjects"][0]
    assert got["connection"] == resolved["environmentObjects"][0]["connection"]
    changes = [r for r in history(manager, object_id, "?limit=100") if "version" in r]
    assert [(row["action"], row["version"]) for row in changes] == [
        ("RESTORE", 3), ("DELETE", 2), ("UPDATE", 2), ("CREATE", 1),
    ]  # fmt: skip
    # It behaves like any other object, and can be deleted and restored again.
    manager.update(object_id, connection={"type": "x", "host": "again"}, links=[link(prod)])
    manager.delete(object_id)
    assert last_words(manager, "c")["version"] == 4
    assert come_back(manager, {"subjectId": object_id, "version": 1}).status == 200
    for member in ("connection", "links", "excludeLinks", "description"):
        assert secret(manager, "c").get(member) == first.get(member), member


def test_deleted_variable_of_a_deployment_is_restored(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_variable("v", "hunter2", prod, secret=True)
    manager.delete(object_id)
    named = last_words(manager, "v")
    # The first of several requests wins; the others find that it exists.
    assert come_back(manager, named).status == 200
    come_back(manager, named).error(404, "subjectId")
    got = secret(manager, "v")
    assert (got["scope"], got["scopeEntityId"], got["id"]) == ("DEPLOYMENT", prod, object_id)
    assert got["airflowVariable"] == {"value": "hunter2", "isSecret": True}


def test_what_cannot_be_restored(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    named = {}
    for key, deployment in (("taken", prod), ("placeless", dev), ("shared", "")):
        more = {} if deployment else {"links": [link(dev), link(prod)]}
        manager.delete(manager.create_variable(key, "hunter2", deployment, **more))
        named[key] = last_words(manager, key)
    manager.create_variable("taken", "another", prod)
    come_back(manager, named["taken"]).error(409, "objectKey")
    path = f"/v1/organizations/{manager.organization}/deployments/{dev}"
    assert send(manager, "DELETE", path).status == 204
    come_back(manager, named["placeless"]).error(404)
    come_back(manager, {**named["shared"], "version": 2}).error(404, "version")
    come_back(manager, {**named["shared"], "subjectId": f"c{'0' * 24}"}).error(404)
    come_back(manager, {**named["shared"], "subjectId": "x"}).field_error("subjectId")
    come_back(manager, {"version": 1}).field_error("subjectId")
    come_back(manager, {"subjectId": named["shared"]["subjectId"]}).field_error("version")

    def token(scope: str, scope_id: str, role: str) -> str:
        text: str = manager.command(
            "token", "create", "--data", str(manager.data), "--name", "t", "--scope", scope,
            "--scope-id", scope_id, "--role", role,
        )["token"]  # fmt: skip
        return text

    author = token("workspace", manager.workspace, "AUTHOR")
    come_back(manager, named["shared"], author).error(403)
    elsewhere = send(
        manager, "POST", f"/v1/organizations/{manager.organization}/workspaces", {"name": "w2"}
    ).body["id"]
    come_back(manager, named["shared"], token("workspace", elsewhere, "OWNER")).error(404)
    come_back(manager, named["shared"], token("deployment", prod, "OWNER")).error(404)
    operator = token("workspace", manager.workspace, "OPERATOR")
    reply = come_back(manager, named["shared"], operator)
    assert reply.status == 200
    assert [entry["scopeEntityId"] for entry in reply.body["links"]] == [prod], "dev is gone"


def test_promoted_object_is_not_restored_for_its_deployment(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "t", "--scope", "deployment",
        "--scope-id", prod, "--role", "OWNER",
    )["token"]  # fmt: skip
    object_id = manager.create_connection("c", prod)
    path = f"{objects(manager)}/{object_id}"
    assert send(manager, "POST", f"{path}/promote").status == 200
    send(manager, "GET", f"{path}/history", token=token).error(404)
    send(manager, "POST", f"{path}/restore", {"version": 1}, token=token).error(404)
    manager.delete(object_id)
    for version in (1, 2):
        named = {"subjectId": object_id, "version": version}
        come_back(manager, named, token).error(404, "subjectId")
    assert come_back(manager, named).status == 200


def test_history_of_a_deleted_place_is_deleted(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    manager.create_variable("stays", "hunter1", prod)
    object_id = manager.create_variable("v", "hunter2", dev, secret=True)
    base = f"/v1/organizations/{manager.organization}"
    assert send(manager, "DELETE", f"{base}/deployments/{dev}").status == 204
    rows = send(manager, "GET", f"{base}/audit-log?limit=100").body["history"]
    restorable_of = {row["name"]: row["restorable"] for row in rows if "restorable" in row}
    assert restorable_of == {"stays": True, "v": False}
    come_back(manager, {"subjectId": object_id, "version": 1}).error(404)
    with contextlib.closing(sqlite3.connect(manager.data / "manager.db")) as db:
        assert db.execute("SELECT count(*) FROM version").fetchone() == (1,)


def test_old_records_are_deleted_and_the_log_says_how_many(manager: Manager) -> None:
    object_id = manager.create_variable("v", "1")
    for value in ("2", "3"):
        manager.update(object_id, airflowVariable={"value": value})
    manager.stop()
    with contextlib.closing(sqlite3.connect(manager.data / "manager.db")) as db:
        # A hundred days ago; what `init` has done was just now.
        db.execute(
            "UPDATE audit SET at_ms = at_ms - 8640000000 WHERE action IN ('CREATE', 'UPDATE')"
        )
        db.commit()
    manager.serve("--audit-days", "120")
    assert [r["action"] for r in history(manager, object_id)].count("UPDATE") == 2
    manager.stop()
    manager.serve()
    log = (manager.directory / "manager.log").read_text()
    (line,) = [part for part in log.splitlines() if "old records deleted" in part]
    assert "audit_rows=3" in line and "object_versions=2" in line
    assert not [r for r in history(manager, object_id) if r["action"] in ("CREATE", "UPDATE")]
    assert secret(manager, "v")["airflowVariable"]["value"] == "3"


def test_a_key_that_is_too_long_to_be_noted_is_cut_between_two_characters(
    manager: Manager,
) -> None:
    for key in ("a" + "é" * 600, "é" * 600, "𝄞" * 251):
        query = urllib.parse.quote(key)
        assert manager.api("GET", f"?objectKey={query}")["totalCount"] == 0
    path = f"/v1/organizations/{manager.organization}/audit-log?limit=100"
    rows = send(manager, "GET", path).body["history"]
    names = [row["name"] for row in rows if row["action"] == "READ"]
    assert names == ["𝄞" * 250, "é" * 500, "a" + "é" * 499]
