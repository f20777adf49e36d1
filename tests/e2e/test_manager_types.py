# SPDX-License-Identifier: Apache-2.0
"""Auth types of connections, and metrics exports."""

from __future__ import annotations

from typing import Any

import pytest
from connd_testing import Manager, link
from manager_http import objects, send

SNOWFLAKE_KEY = "cauthsnowflakekeypair0000"
POSTGRES = "cauthpostgres000000000000"
GENERIC = "cauthgeneric0000000000000"


def row(manager: Manager, key: str, query: str = "") -> Any:
    page = manager.api("GET", f"?objectKey={key}{query}")
    (one,) = page["environmentObjects"]
    return one


def test_the_catalogue(manager: Manager) -> None:
    path = f"/v1/organizations/{manager.organization}/connection-auth-types?limit=100"
    page = send(manager, "GET", path).body
    types = page["connectionAuthTypes"]
    assert page["totalCount"] == len(types)
    assert {
        "postgres", "mysql", "snowflake", "aws", "google_cloud_platform", "http", "ssh", "sftp",
        "redis", "kafka", "databricks", "generic",
    } <= {one["airflowType"] for one in types}  # fmt: skip
    assert all(one["providerPackageName"].startswith("apache-airflow") for one in types)
    assert len({one["id"] for one in types}) == len(types)


def test_an_auth_type_comes_back_as_what_it_stands_for(manager: Manager) -> None:
    object_id = manager.create_connection(
        "s", type="snowflake", authTypeId=SNOWFLAKE_KEY, login="u",
        extra={"account": "acme", "private_key_content": "hunter2", "other": "hunter3"},
    )  # fmt: skip
    got = manager.api("GET", f"/{object_id}")["connection"]
    assert got["connectionAuthType"]["id"] == SNOWFLAKE_KEY
    assert got["connectionAuthType"]["providerPackageName"] == "apache-airflow-providers-snowflake"
    assert "authTypeId" not in got
    # Members that are secret by the catalogue are hidden, and unknown ones.
    assert got["extra"] == {"account": "acme", "private_key_content": "", "other": ""}
    shown = row(manager, "s", "&showSecrets=true")
    assert shown["connection"]["extra"]["other"] == "hunter3"
    assert shown["connection"]["connectionAuthType"]["id"] == SNOWFLAKE_KEY
    assert "authTypeId" not in shown["setFields"] and "connectionAuthType" not in shown["setFields"]


def test_without_one_all_of_extra_is_hidden(manager: Manager) -> None:
    manager.create_connection("s", extra={"account": "acme", "n": 5})
    assert row(manager, "s")["connection"]["extra"] == {"account": "", "n": ""}
    manager.create_connection("empty", authTypeId="")
    assert row(manager, "empty", "&showSecrets=true")["connection"] == {"type": "postgres"}


def test_overrides_are_masked_by_the_auth_type(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection(
        "s", type="snowflake", authTypeId=SNOWFLAKE_KEY,
        links=[link(prod, connection={"extra": {"account": "b", "private_key_content": "hunter2"}})],
    )  # fmt: skip
    assert row(manager, "s")["links"][0]["connectionOverrides"] == {"extra": {"account": "b"}}
    resolved = row(manager, "s", f"&deploymentId={prod}&resolveLinked=true")["connection"]
    assert resolved["extra"] == {"account": "b", "private_key_content": ""}


def test_an_auth_type_of_the_catalogue_is_for_one_type_of_connection(manager: Manager) -> None:
    body = {
        "objectKey": "c", "objectType": "CONNECTION", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "connection": {"type": "postgres", "authTypeId": SNOWFLAKE_KEY},
    }  # fmt: skip
    send(manager, "POST", objects(manager), body).field_error("connection.authTypeId")


def test_an_update_without_it_drops_it(manager: Manager) -> None:
    object_id = manager.create_connection("c", authTypeId=POSTGRES)
    got = manager.update(object_id, connection={"type": "mysql"})
    assert "connectionAuthType" not in got["connection"]
    got = manager.update(object_id, connection={"type": "anything", "authTypeId": GENERIC})
    assert got["connection"]["connectionAuthType"]["id"] == GENERIC


# --- metrics exports ----------------------------------------------------------------------------


def export(manager: Manager, key: str, **fields: Any) -> str:
    body = {
        "objectKey": key, "objectType": "METRICS_EXPORT", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, "metricsExport": fields.pop("metricsExport", fields),
        **({"links": fields.pop("links")} if "links" in fields else {}),
    }  # fmt: skip
    object_id: str = manager.api("POST", "", body)["id"]
    return object_id


FULL = {
    "endpoint": "https://prom.example.com", "exporterType": "PROMETHEUS", "authType": "BASIC",
    "username": "u", "password": "hunter2", "basicToken": "hunter3",
    "sigV4AssumeArn": "arn:x", "sigV4StsRegion": "eu", "headers": {"X-A": "1"}, "labels": {"l": ""},
}  # fmt: skip


def test_a_metrics_export(manager: Manager) -> None:
    object_id = export(manager, "m", **FULL)
    got = manager.api("GET", f"/{object_id}")
    hidden = {k: v for k, v in FULL.items() if k not in ("password", "basicToken")}
    assert got["metricsExport"] == hidden
    assert set(got["setFields"]) == {
        "endpoint", "exporterType", "authType", "username", "password", "basicToken",
        "sigV4AssumeArn", "sigV4StsRegion", "headers.X-A",
    }  # fmt: skip
    assert row(manager, "m", "&showSecrets=true")["metricsExport"] == FULL
    assert row(manager, "m", "&objectType=METRICS_EXPORT")["id"] == object_id


def test_its_update_is_a_patch(manager: Manager) -> None:
    object_id = export(manager, "m", **FULL)
    manager.update(object_id, metricsExport={"endpoint": "https://new"})
    assert row(manager, "m", "&showSecrets=true")["metricsExport"] == {
        **FULL, "endpoint": "https://new",
    }  # fmt: skip
    manager.update(
        object_id, metricsExport={"password": "", "username": "", "headers": {"X-B": "2"}}
    )
    got = row(manager, "m", "&showSecrets=true")["metricsExport"]
    assert got["password"] == "hunter2" and got["username"] == "" and got["headers"] == {"X-B": "2"}


def test_its_overrides(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    overrides = {"password": "hunter4", "labels": {"l": "x"}}
    object_id = export(
        manager, "m", metricsExport=FULL, links=[link(prod, metricsExport=overrides)]
    )
    got = manager.api("GET", f"/{object_id}")["links"][0]
    assert got["metricsExportOverrides"] == {"labels": {"l": "x"}}
    assert set(got["setFields"]) == {"password", "labels.l"}
    # An update whose link has no overrides keeps the stored ones, including the password.
    manager.update(object_id, metricsExport={"endpoint": "e"}, links=[link(prod)])
    seen = row(manager, "m", f"&deploymentId={prod}&resolveLinked=true&showSecrets=true")
    assert seen["metricsExport"]["password"] == "hunter4"
    assert seen["metricsExport"]["labels"] == {"l": "x"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": None}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"exporterType": None}, "exporterType"),
        ({"exporterType": "OTHER"}, "exporterType"),
        ({"authType": "NONE"}, "authType"),
        ({"headers": {"a": 1}}, "headers"),
        ({"headers": []}, "headers"),
        ({"labels": {"a": None}}, "labels"),
    ],
)
def test_what_an_export_may_not_be(manager: Manager, change: Any, field: str) -> None:
    body = {
        "objectKey": "m", "objectType": "METRICS_EXPORT", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, "metricsExport": {**FULL, **change},
    }  # fmt: skip
    send(manager, "POST", objects(manager), body).field_error(f"metricsExport.{field}")
