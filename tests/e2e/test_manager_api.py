# SPDX-License-Identifier: Apache-2.0
"""Authentication, addresses, and one object: create, get, delete, validation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from connd_testing import Manager, link
from manager_http import connection, objects, send
from manager_rows import CUID, GOOD, NOWHERE, TIME, listing, one

# --- authentication and addresses ---------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer x.y.z"]
)
def test_authentication_comes_before_routing(manager: Manager, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in (
        objects(manager),
        "/nowhere",
        "/v1/organizations//environment-objects",
        "/v1//",
    ):
        reply = send(manager, "GET", path, headers=headers, token="")
        reply.error(401)
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert "location" not in reply.headers


def test_a_forged_or_cut_token_is_refused(manager: Manager) -> None:
    head, claims, signature = manager.token.split(".")
    for token in (
        f"{head}.{claims}.",
        f"{head}.{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        f"{head}.{claims[:-1]}{'A' if claims[-1] != 'A' else 'B'}.{signature}",
        manager.token + "=",
        manager.token + "x",
        "eyJhbGciOiJub25lIn0." + claims + ".",
    ):
        send(manager, "GET", objects(manager), token=token).error(401)
    for two in ({"Authorization": f"Bearer {manager.token}, Bearer x"},):
        send(manager, "GET", objects(manager), headers=two).error(401)


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/organizations/",
        "/v1/organizations//environment-objects",
        "/v2/organizations",
        "//v1/organizations",
        "/v1/organizations/{org}/environment-objects/",
        "/v1/organizations/{org}/nothing",
        "/v1/organizations/" + NOWHERE + "/environment-objects",
        "/v1/organizations/x/environment-objects",
    ],
)
def test_unknown_paths_are_404(manager: Manager, path: str) -> None:
    reply = send(manager, "GET", path.replace("{org}", manager.organization))
    reply.error(404)
    assert "location" not in reply.headers


@pytest.mark.parametrize(
    "base",
    [
        "/v1alpha1",
        "/platform/v1beta1",
        "/astronomer.io/v1",
        "/astronomer.io/v1alpha1",
        "/astronomer.io/platform/v1beta1",
    ],
)
def test_paths_of_older_stock_clients(manager: Manager, base: str) -> None:
    object_id = manager.create_connection("c", host="h")
    path = base + objects(manager).removeprefix("/v1")
    assert send(manager, "GET", base + "/organizations").body["totalCount"] == 1
    page = send(manager, "GET", path + "?objectType=CONNECTION&limit=1000").body
    assert [row["id"] for row in page["environmentObjects"]] == [object_id]
    body = {"connection": {"type": "postgres", "host": "h2"}}
    reply = send(manager, "POST", f"{path}/{object_id}", body)
    assert reply.status == 200 and reply.body["connection"]["host"] == "h2"
    send(manager, "PUT", path).error(405)
    send(manager, "GET", base).error(404)
    send(manager, "GET", base + "/organizations//environment-objects").error(404)
    send(manager, "GET", base + "/organizations//environment-objects", token="").error(401)
    send(manager, "GET", base + "/v1/organizations").error(404)
    assert send(manager, "DELETE", f"{path}/{object_id}").status == 204


@pytest.mark.parametrize("path", ["/platform/v1/organizations", "/platform/organizations",
    "/v1beta1/organizations", "/astronomer.io", "/astronomer.io/organizations"])  # fmt: skip
def test_other_paths_are_404(manager: Manager, path: str) -> None:
    send(manager, "GET", path).error(404)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
def test_wrong_method_is_405_with_allow(manager: Manager, method: str) -> None:
    reply = send(manager, method, objects(manager))
    reply.error(405)
    assert reply.headers["allow"] == "GET, HEAD, POST"
    reply = send(manager, "GET", f"{objects(manager)}/{NOWHERE}/exclude-linking")
    reply.error(405)
    assert reply.headers["allow"] == "POST"


def test_the_version_may_be_pinned(manager: Manager) -> None:
    for version in (None, "1.0", "1"):
        headers = {"X-API-Version": version} if version else {}
        reply = send(manager, "GET", objects(manager), headers=headers)
        assert reply.status == 200 and reply.headers["x-api-version"] == "1.0"
    send(manager, "GET", objects(manager), headers={"X-API-Version": "7.3"}).error(
        400, "X-API-Version"
    )


def test_head_is_get_without_a_body(manager: Manager) -> None:
    manager.create_variable("x", "1")
    conn = connection(manager)
    got = send(manager, "GET", objects(manager), over=conn)
    head = send(manager, "HEAD", objects(manager), over=conn)
    assert head.status == 200 and head.raw == b""
    assert head.headers["content-length"] == str(len(got.raw))
    assert send(manager, "GET", objects(manager), over=conn).raw == got.raw
    conn.close()


def test_request_ids_differ(manager: Manager) -> None:
    ids = {send(manager, "GET", "/nowhere").body["requestId"] for _ in range(5)}
    assert len(ids) == 5


# --- the first reads of stock clients ------------------------------------------------------------


def test_organizations_workspaces_deployments(manager: Manager) -> None:
    base = f"/v1/organizations/{manager.organization}"
    page = send(manager, "GET", "/v1/organizations?limit=100&offset=0").body
    assert page["totalCount"] == 1
    (organization,) = page["organizations"]
    assert organization["id"] == manager.organization and organization["name"] == "Acme"
    assert organization["product"] == "HOSTED"
    assert TIME.match(organization["createdAt"])
    assert send(manager, "GET", base).body["id"] == manager.organization
    page = send(manager, "GET", base + "/workspaces?limit=1000&offset=0&sorts=name:asc").body
    assert page["totalCount"] == 1
    assert page["workspaces"][0]["id"] == manager.workspace
    assert page["workspaces"][0]["name"] == "Analytics"
    page = send(manager, "GET", base + f"/deployments?workspaceIds={manager.workspace}").body
    assert page["totalCount"] == 2
    assert [d["name"] for d in page["deployments"]] == ["dev", "prod"]
    assert {d["workspaceId"] for d in page["deployments"]} == {manager.workspace}
    prod = manager.deployment_ids["prod"]
    page = send(manager, "GET", base + f"/deployments?deploymentIds={prod}").body
    assert [d["id"] for d in page["deployments"]] == [prod]
    page = send(manager, "GET", base + f"/deployments?workspaceIds={NOWHERE}").body
    assert page["deployments"] == [] and page["totalCount"] == 0
    page = send(manager, "GET", base + "/deployments?workspaceIds=").body
    assert page["totalCount"] == 2
    page = send(manager, "GET", base + "/deployments?limit=1&offset=1").body
    assert [d["name"] for d in page["deployments"]] == ["prod"] and page["totalCount"] == 2
    assert send(manager, "GET", base + f"/deployments/{prod}").body["name"] == "prod"
    assert (
        send(manager, "GET", base + f"/workspaces/{manager.workspace}").body["name"] == "Analytics"
    )
    send(manager, "GET", base + f"/deployments/{manager.workspace}").error(404)
    send(manager, "GET", base + f"/workspaces/{NOWHERE}").error(404)


# --- create, get, delete ------------------------------------------------------------------------


def test_create_answers_200_with_the_id_alone(manager: Manager) -> None:
    body = {
        "objectKey": "warehouse",
        "objectType": "CONNECTION",
        "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "connection": {"type": "postgres"},
    }
    reply = send(manager, "POST", objects(manager), body)
    assert reply.status == 200
    assert set(reply.body) == {"id"} and CUID.match(reply.body["id"])
    again = send(manager, "POST", objects(manager), body)
    again.error(409, "objectKey")
    # The same key is free for another type and in another scope.
    manager.create_variable("warehouse", "x")
    manager.create_connection("warehouse", manager.deployment_ids["prod"])


def test_all_fields_are_returned_as_sent(manager: Manager) -> None:
    text = "ü/@:%+&?#\"'\\\u0001\t\n😀"
    extra = (
        '{"n":9007199254740993,"m":-9223372036854775808,"f":1.50,"e":1E+2,'
        '"x":null,"d":{"e":[1,{}]},"":""}'
    )
    fields = {
        "type": "postgres",
        "host": text,
        "login": text,
        "password": text,
        "schema": text,
        "port": 65535,
    }
    raw = (
        json.dumps(
            {
                "objectKey": "a.b-c/d",
                "objectType": "CONNECTION",
                "scope": "WORKSPACE",
                "scopeEntityId": manager.workspace,
                "description": text,
                "autoLinkDeployments": True,
                "connection": {**fields, "extra": "@"},
            }
        )
        .replace('"@"', extra)
        .encode()
    )
    object_id = send(manager, "POST", objects(manager), raw).body["id"]
    reply = send(manager, "GET", objects(manager) + "?showSecrets=true&objectKey=a.b-c/d")
    assert extra.encode() in reply.raw.replace(b" ", b"")
    (row,) = reply.body["environmentObjects"]
    no_password = {k: v for k, v in row["connection"].items() if k not in ("extra",)}
    assert no_password == fields
    assert row["description"] == text and row["id"] == object_id
    assert row["autoLinkDeployments"] is True
    assert sorted(row["setFields"]) == sorted(
        [
            "type",
            "host",
            "login",
            "password",
            "schema",
            "port",
            "extra.n",
            "extra.m",
            "extra.f",
            "extra.e",
            "extra.d",
        ]
    )
    assert row["links"] == [] and row["excludeLinks"] == []
    assert TIME.match(row["createdAt"]) and TIME.match(row["updatedAt"])
    assert row["createdBy"]["subjectType"] == "SERVICEKEY" and CUID.match(row["createdBy"]["id"])
    assert row["updatedBy"]["apiTokenName"]


def test_what_is_absent_stays_absent_and_empty_stays_empty(manager: Manager) -> None:
    manager.create_connection("bare")
    assert one(manager, "bare", showSecrets=True)["connection"] == {"type": "postgres"}
    assert "description" not in one(manager, "bare")
    manager.create_connection(
        "empty", host="", login="", schema="", password="", extra={}, description=""
    )
    row = one(manager, "empty", showSecrets=True)
    assert row["connection"] == {
        "type": "postgres",
        "host": "",
        "login": "",
        "schema": "",
        "password": "",
        "extra": {},
    }
    assert row["description"] == "" and row["setFields"] == ["type"]


def test_null_equals_absent(manager: Manager) -> None:
    body = {
        "objectKey": "nulls",
        "objectType": "CONNECTION",
        "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "description": None,
        "links": None,
        "excludeLinks": None,
        "autoLinkDeployments": None,
        "airflowVariable": None,
        "connection": {"type": "postgres", "host": None, "port": None, "extra": None},
    }
    assert send(manager, "POST", objects(manager), body).status == 200
    assert one(manager, "nulls")["connection"] == {"type": "postgres"}


def test_get_by_id_never_shows_secrets(manager: Manager) -> None:
    object_id = manager.create_connection(
        "c", host="h", password="hunter2", extra={"k": "hunter3", "n": 5}
    )
    reply = send(manager, "GET", f"{objects(manager)}/{object_id}?showSecrets=true")
    assert b"hunter" not in reply.raw
    assert reply.body["connection"] == {
        "type": "postgres",
        "host": "h",
        "extra": {"k": "", "n": ""},
    }
    assert set(reply.body["setFields"]) == {"type", "host", "password", "extra.k", "extra.n"}


def test_delete_is_204_then_404(manager: Manager) -> None:
    object_id = manager.create_variable("v", "1")
    reply = send(manager, "DELETE", f"{objects(manager)}/{object_id}")
    assert reply.status == 204 and reply.raw == b""
    for method in ("DELETE", "GET"):
        send(manager, method, f"{objects(manager)}/{object_id}").error(404)
    for object_id in (NOWHERE, "nonsense", "%20"):
        send(manager, "GET", f"{objects(manager)}/{object_id}").error(404)


# --- validation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"objectKey": None}, "objectKey"),
        ({"objectKey": ""}, "objectKey"),
        ({"objectKey": "a b"}, "objectKey"),
        ({"objectKey": "ü"}, "objectKey"),
        ({"objectKey": "k" * 251}, "objectKey"),
        ({"objectKey": 1}, "objectKey"),
        ({"objectType": "THING"}, "objectType"),
        ({"scope": "ORGANIZATION"}, "scope"),
        ({"scopeEntityId": NOWHERE}, "scopeEntityId"),
        ({"scopeEntityId": "x"}, "scopeEntityId"),
        ({"scope": "DEPLOYMENT"}, "scopeEntityId"),
        ({"connection": {}}, "connection.type"),
        ({"connection": {"type": "t", "port": 0}}, "connection.port"),
        ({"connection": {"type": "t", "port": 65536}}, "connection.port"),
        ({"connection": {"type": "t", "port": "5432"}}, "connection.port"),
        ({"connection": {"type": "t", "port": 1.5}}, "connection.port"),
        ({"connection": {"type": "t", "port": True}}, "connection.port"),
        ({"connection": {"type": "t", "host": 1}}, "connection.host"),
        ({"connection": {"type": "t", "host": "a\0b"}}, "connection.host"),
        ({"connection": {"type": "t", "login": "\ud800"}}, "connection.login"),
        ({"connection": {"type": "t", "extra": "{}"}}, "connection.extra"),
        ({"connection": {"type": "t", "extra": []}}, "connection.extra"),
        ({"connection": {"type": "t", "extra": {"a": {"b": "\0"}}}}, "connection.extra"),
        ({"description": "d" * 501}, "description"),
        ({"description": 1}, "description"),
        ({"autoLinkDeployments": "true"}, "autoLinkDeployments"),
        ({"links": {}}, "links"),
        ({"links": [{"scope": "DEPLOYMENT"}]}, "links[0].scopeEntityId"),
        ({"links": [{"scope": "WORKSPACE", "scopeEntityId": NOWHERE}]}, "links[0].scope"),
        ({"links": [{"scope": "DEPLOYMENT", "scopeEntityId": NOWHERE}]}, "links[0].scopeEntityId"),
        (
            {"excludeLinks": [{"scope": "DEPLOYMENT", "scopeEntityId": NOWHERE}]},
            "excludeLinks[0].scopeEntityId",
        ),
        ({"airflowVariable": {"value": "x"}}, "airflowVariable"),
    ],
)
def test_a_bad_field_is_named(manager: Manager, change: dict[str, Any], field: str) -> None:
    body = {**GOOD, "scopeEntityId": manager.workspace, **change}
    send(manager, "POST", objects(manager), body).field_error(field)
    assert listing(manager)["totalCount"] == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b"{}x",
        b'{"objectKey":"a","objectKey":"b"}',
        b"[" * 1000 + b"]" * 1000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_body_that_is_not_a_json_object_is_refused(manager: Manager, raw: bytes) -> None:
    send(manager, "POST", objects(manager), raw).field_error("body")


def test_keys_by_type(manager: Manager) -> None:
    good = [
        ("CONNECTION", "A-z_0.9:/\\#!()" + "k" * 200),
        ("AIRFLOW_VARIABLE", "config/smtp password ü {}"),
        ("AIRFLOW_VARIABLE", "😀" * 250),
        ("ENVIRONMENT_VARIABLE", "_PATH9"),
    ]
    for object_type, key in good:
        typed = {"type": "t"} if object_type == "CONNECTION" else {"value": "v"}
        manager.create(object_type, key, typed)
    assert listing(manager)["totalCount"] == len(good)
    bad = [
        ("AIRFLOW_VARIABLE", "a\nb"),
        ("AIRFLOW_VARIABLE", "\u0085"),
        ("AIRFLOW_VARIABLE", "😀" * 251),
        ("ENVIRONMENT_VARIABLE", "9A"),
        ("ENVIRONMENT_VARIABLE", "A-B"),
    ]
    member = {"AIRFLOW_VARIABLE": "airflowVariable", "ENVIRONMENT_VARIABLE": "environmentVariable"}
    for object_type, key in bad:
        body = {
            "objectKey": key,
            "objectType": object_type,
            "scope": "WORKSPACE",
            "scopeEntityId": manager.workspace,
            member[object_type]: {"value": "v"},
        }
        send(manager, "POST", objects(manager), body).field_error("objectKey")


def test_members_without_meaning_at_deployment_scope(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("a", prod, links=[], excludeLinks=[], autoLinkDeployments=False)
    row = one(manager, "a")
    assert row["links"] == [] and row["excludeLinks"] == [] and "autoLinkDeployments" not in row
    for more, field in (
        ({"links": [link(prod)]}, "links"),
        ({"excludeLinks": [link(prod)]}, "excludeLinks"),
        ({"autoLinkDeployments": True}, "autoLinkDeployments"),
    ):
        body = {**GOOD, "scope": "DEPLOYMENT", "scopeEntityId": prod, **more}
        send(manager, "POST", objects(manager), body).field_error(field)


def test_a_body_up_to_a_mebibyte(manager: Manager) -> None:
    room = 1024 * 1024 - len(json.dumps({**GOOD, "scopeEntityId": manager.workspace}))
    filler = " " * room
    body = {**GOOD, "scopeEntityId": manager.workspace}
    fits = json.dumps(body).encode() + filler.encode()
    assert len(fits) == 1024 * 1024
    assert send(manager, "POST", objects(manager), fits).status == 200
    reply = send(manager, "POST", objects(manager), fits + b" ")
    reply.error(413)


def test_a_64_kib_key_with_newlines(manager: Manager) -> None:
    key = ("-----BEGIN KEY-----\n" + "A" * 64 + "\n") * 780
    manager.create_connection("ssh", extra={"private_key": key})
    row = one(manager, "ssh", showSecrets=True)
    assert row["connection"]["extra"]["private_key"] == key
