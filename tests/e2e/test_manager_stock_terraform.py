# SPDX-License-Identifier: Apache-2.0
"""Typical sessions of the vendor's Terraform provider, by its model (stock_terraform)."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Manager
from manager_http import send
from stock_terraform import (
    COMPUTED,
    HEADERS,
    IDENTITY,
    MEMBER,
    Config,
    ProviderError,
    State,
    Terraform,
)


@pytest.fixture
def prod(manager: Manager) -> str:
    return manager.deployment_ids["prod"]


@pytest.fixture
def dev(manager: Manager) -> str:
    return manager.deployment_ids["dev"]


@pytest.fixture(params=["/v1", "/platform/v1beta1", "/astronomer.io/v1"])
def terraform(manager: Manager, request: pytest.FixtureRequest) -> Terraform:
    return Terraform(manager, request.param)


def seen_by(manager: Manager, deployment: str, key: str) -> Any:
    page = manager.api(
        "GET",
        f"?deploymentId={deployment}&objectKey={key}&resolveLinked=true&showSecrets=true",
    )
    (row,) = page["environmentObjects"]
    return next(row[member] for member in MEMBER.values() if member in row)


TYPED: dict[str, dict[str, Any]] = {
    "CONNECTION": {
        "type": "postgres", "host": "example.com", "port": 5432, "login": "user", "schema": "db",
        "password": "hunter2", "extra": '{"sslmode":"require","timeout":30}',
    },
    "AIRFLOW_VARIABLE": {"value": "one"},
    "ENVIRONMENT_VARIABLE": {"value": "one", "isSecret": True},
    "METRICS_EXPORT": {
        "endpoint": "https://prometheus.example.com/api/v1/write", "exporterType": "PROMETHEUS",
        "authType": "BASIC", "username": "u", "password": "hunter2", "headers": {"X-A": "1"},
        "labels": {"team": "data", "empty": ""},
    },
}  # fmt: skip
CHANGED: dict[str, dict[str, Any]] = {
    "CONNECTION": {"host": "other.example.com", "port": 5433},
    "AIRFLOW_VARIABLE": {"value": "two"},
    "ENVIRONMENT_VARIABLE": {"value": "two"},
    "METRICS_EXPORT": {"endpoint": "https://prometheus.example.com/api/v2/write"},
}
UNKNOWN_AFTER_IMPORT = ("password", "basicToken", "extra", "value")


def config_of(manager: Manager, kind: str, scope: str, **more: Any) -> Config:
    places = {"WORKSPACE": manager.workspace, "DEPLOYMENT": manager.deployment_ids["prod"]}
    return {
        "objectKey": "key", "objectType": kind, "scope": scope, "scopeEntityId": places[scope],
        **TYPED[kind], **more,
    }  # fmt: skip


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["WORKSPACE", "DEPLOYMENT"])
@pytest.mark.parametrize("kind", TYPED)
def test_create_plan_update_import_destroy(
    terraform: Terraform, manager: Manager, kind: str, scope: str
) -> None:
    config = config_of(manager, kind, scope)
    terraform.apply(config)
    config |= CHANGED[kind]
    assert set(terraform.plan(config)) <= set(CHANGED[kind])
    terraform.apply(config)
    config["description"] = "said ü"
    terraform.apply(config)
    deployment = manager.deployment_ids["prod"]
    if scope == "DEPLOYMENT":
        got = seen_by(manager, deployment, "key")
        want = {**TYPED[kind], **CHANGED[kind]}
        want["extra"] = json.loads(want.get("extra", "null"))
        assert {name: got.get(name) for name in want} == want

    again = Terraform(manager, terraform.base)
    imported = again.import_state(terraform.id)
    for name in terraform.known(config):
        if name not in UNKNOWN_AFTER_IMPORT:
            assert imported[name] == config[name], name
    again.apply(config)

    terraform.destroy()
    assert again.plan(config) == {"id": (again.id, None)}
    again.destroy()


@pytest.mark.parametrize("scope", ["WORKSPACE", "DEPLOYMENT"])
@pytest.mark.parametrize("kind", TYPED)
def test_the_least_that_can_be_configured(
    terraform: Terraform, manager: Manager, kind: str, scope: str
) -> None:
    """Everything unset is sent as "" or false, at DEPLOYMENT scope too, and is returned the
    same."""
    least = ("type", "value", "endpoint", "exporterType")
    config = config_of(manager, kind, scope)
    config = {n: v for n, v in config.items() if n in IDENTITY or n in least}
    terraform.apply(config)
    for name in terraform.known({"description": "", **dict.fromkeys(COMPUTED[kind])}):
        assert terraform.state[name] == "", name
    assert terraform.state["autoLinkDeployments"] is False
    assert terraform.state["links"] == terraform.state["excludeLinks"] == []
    terraform.apply({**config, "description": "x"})
    terraform.apply({**config, "description": ""})


def test_empty_ones_that_are_configured_come_back_empty(
    terraform: Terraform, manager: Manager
) -> None:
    config = config_of(manager, "CONNECTION", "WORKSPACE", host="", login="", schema="", extra="{}")
    terraform.apply({**config, "description": "", "links": [], "excludeLinks": []})
    terraform.apply({**config, "host": "h"})
    export = Terraform(manager, terraform.base)
    export.apply(config_of(manager, "METRICS_EXPORT", "WORKSPACE", headers={}, labels={}))
    variable = Terraform(manager, terraform.base)
    variable.apply(config_of(manager, "AIRFLOW_VARIABLE", "WORKSPACE", value=""))


OVERRIDE: dict[str, list[dict[str, Any]]] = {
    "CONNECTION": [
        {"host": "o"},
        {"host": "o", "password": "hunter3"},
        {"password": "hunter4"},
        {"extra": '{"sslmode":"prefer"}'},
        {"login": "", "port": 1, "schema": "s", "type": "postgres"},
        {"password": ""},
        {},
    ],
    "AIRFLOW_VARIABLE": [{"value": "o"}, {"value": ""}],
    "ENVIRONMENT_VARIABLE": [{"value": "o"}, {"value": "p"}],  # a secret variable
    "METRICS_EXPORT": [
        {"endpoint": "o", "authType": "AUTH_TOKEN"},
        {"basicToken": "hunter3", "password": "hunter4"},
        {"headers": {"X-A": "2"}, "labels": {"l": ""}},
        {"headers": {}},
        {"username": "", "exporterType": "PROMETHEUS"},
        {},
    ],
}


@pytest.mark.parametrize("kind", TYPED)
def test_links_and_overrides_come_and_go(
    terraform: Terraform, manager: Manager, prod: str, dev: str, kind: str
) -> None:
    """Created with, changed, removed and added again: each plan after an apply is empty."""
    for first in OVERRIDE[kind]:
        config = config_of(
            manager, kind, "WORKSPACE", links=[{"scopeEntityId": prod, "overrides": first}]
        )
        terraform.apply(config)
        for overrides in (*OVERRIDE[kind], None, first):
            config["links"] = [
                {"scopeEntityId": prod, "overrides": overrides},
                {"scopeEntityId": dev},
            ]
            terraform.apply(config)
            own = seen_by(manager, dev, "key")
            expected = {**own, **(overrides or {})}
            if "extra" in (overrides or {}):
                expected["extra"] = {**own["extra"], **json.loads(expected["extra"])}
            if (overrides or {}).get("password") == "":
                expected["password"] = seen_by(manager, prod, "key")["password"]
            got = seen_by(manager, prod, "key")
            if overrides is None:
                assert got == own  # secret ones are cleared, too
            for name in overrides or {}:
                if name not in ("headers", "labels"):
                    assert got[name] == expected[name]
        terraform.destroy()


def test_overrides_without_a_configured_object_are_cleared(
    terraform: Terraform, manager: Manager, prod: str
) -> None:
    """`overrides` is removed from the configuration: kept ones would be an inconsistent result."""
    link = {"scopeEntityId": prod, "overrides": {"host": "o", "password": "hunter3"}}
    config = config_of(manager, "CONNECTION", "WORKSPACE", links=[link])
    terraform.apply(config)
    terraform.apply({**config, "links": [{"scopeEntityId": prod}]})
    assert seen_by(manager, prod, "key")["password"] == "hunter2"
    assert seen_by(manager, prod, "key")["host"] == "example.com"


def test_auto_link_and_exclusions(
    terraform: Terraform, manager: Manager, prod: str, dev: str
) -> None:
    config = config_of(
        manager, "AIRFLOW_VARIABLE", "WORKSPACE", autoLinkDeployments=True, excludeLinks=[dev]
    )
    terraform.apply(config)
    assert seen_by(manager, prod, "key")["value"] == "one"
    query = f"?deploymentId={dev}&resolveLinked=true"
    assert manager.api("GET", query)["totalCount"] == 0
    terraform.apply({**config, "excludeLinks": []})
    assert manager.api("GET", query)["totalCount"] == 1
    terraform.apply({**config, "autoLinkDeployments": False, "excludeLinks": []})
    assert manager.api("GET", query)["totalCount"] == 0


def test_links_that_others_made_are_seen_and_taken_away(
    terraform: Terraform, manager: Manager, prod: str
) -> None:
    """Without links in the configuration the provider reads them silently, and removes them in its
    next update."""
    config = config_of(manager, "AIRFLOW_VARIABLE", "WORKSPACE")
    terraform.apply(config)
    link = {"scope": "DEPLOYMENT", "scopeEntityId": prod}
    manager.update(terraform.id, airflowVariable={"value": "one"}, links=[link])
    assert terraform.plan(config) == {}
    assert set(terraform.plan({**config, "links": []})) == {"links"}
    terraform.apply({**config, "description": "x"})
    assert terraform.state["links"] == []


def test_what_others_changed_is_seen(terraform: Terraform, manager: Manager, prod: str) -> None:
    link = {"scopeEntityId": prod, "overrides": {"host": "o"}}
    config = config_of(manager, "CONNECTION", "WORKSPACE", links=[link])
    terraform.apply(config)
    manager.update(
        terraform.id, connection={"type": "postgres", "host": "theirs"}, description="theirs",
        links=[{"scope": "DEPLOYMENT", "scopeEntityId": prod,
                "overrides": {"connection": {"host": "theirs"}}}],
    )  # fmt: skip
    changed = dict.fromkeys(("host", "port", "login", "schema", "description", "links"))
    assert set(terraform.plan({**config, "description": ""})) == set(terraform.known(changed))
    terraform.apply(config)


def test_a_secret_stays_when_an_imported_object_is_applied_without_it(
    terraform: Terraform, manager: Manager, prod: str
) -> None:
    object_id = manager.create_connection("key", password="hunter2", links=[
        {"scope": "DEPLOYMENT", "scopeEntityId": prod,
         "overrides": {"connection": {"password": "hunter3"}}},
    ])  # fmt: skip
    imported = terraform.import_state(object_id)
    assert imported["links"][0]["overrides"]["password"] is None
    config = config_of(
        manager, "CONNECTION", "WORKSPACE", links=[{"scopeEntityId": prod, "overrides": {}}]
    )
    del config["password"]
    terraform.apply(config)
    assert manager.api("GET", "?showSecrets=true")["environmentObjects"][0]["connection"][
        "password"
    ] == "hunter2"  # fmt: skip


def test_a_workspace_does_not_drift(terraform: Terraform) -> None:
    """`astro_workspace`: all three attributes are required, all are sent, and all must be
    returned."""
    path = f"{terraform.base}/organizations/{terraform.manager.organization}/workspaces"

    def call(method: str, below: str = "", body: Any = None) -> State:
        answer = terraform.good(
            send(terraform.manager, method, path + below, body, headers=HEADERS)
        )
        described = {"description": "", **answer}  # the provider reads absent as ""
        names = ("id", "name", "description", "cicdEnforcedDefault")
        return {name: described[name] for name in names}

    for first in ("what for", ""):
        config = {"name": "Science", "description": first, "cicdEnforcedDefault": True}
        made = call("POST", "", config)
        assert made == {**config, "id": made["id"]} == call("GET", f"/{made['id']}")
        for change in ({"description": "other"}, {"cicdEnforcedDefault": False}, {"name": "Lab"},
                       {"description": ""}):  # fmt: skip
            config |= change
            assert call("POST", f"/{made['id']}", config) == {**config, "id": made["id"]}
            assert call("GET", f"/{made['id']}") == {**config, "id": made["id"]}
        reply = send(terraform.manager, "DELETE", f"{path}/{made['id']}", headers=HEADERS)
        assert reply.status == 204


def test_an_auth_type_that_the_catalogue_does_not_know_is_accepted(
    terraform: Terraform, manager: Manager
) -> None:
    """The provider's published example and two of its acceptance tests use one."""
    config = config_of(manager, "CONNECTION", "WORKSPACE", authTypeId="snowflake-password")
    terraform.apply(config)
    assert terraform.state["authTypeId"] == "snowflake-password"
    terraform.apply(config | {"host": "other.example.com"})


def test_a_refusal_is_told_with_its_field_and_leaves_nothing(
    terraform: Terraform, manager: Manager
) -> None:
    config = config_of(manager, "CONNECTION", "WORKSPACE")
    for change, field in (
        ({"objectKey": "no spaces"}, "objectKey"),
        ({"scopeEntityId": "c" + "0" * 24}, "scopeEntityId"),
        ({"links": [{"scopeEntityId": "c" + "0" * 24}]}, "links[0].scopeEntityId"),
    ):
        with pytest.raises(ProviderError, match=field.replace("[", r"\[")):
            terraform.apply({**config, **change})
    assert manager.api("GET", "")["totalCount"] == 0


def test_data_sources_list_everything_or_by_one_filter(
    terraform: Terraform, manager: Manager, prod: str
) -> None:
    """`astro_environment_objects`: by Workspace alone, all types; by key alone, all places; page by
    page."""
    kinds = [k for k in TYPED if not (k == "ENVIRONMENT_VARIABLE" and "v1beta1" in terraform.base)]
    for kind in kinds:
        one = Terraform(manager, terraform.base)
        one.apply(config_of(manager, kind, "WORKSPACE"))
        one.id = ""
        one.apply(config_of(manager, kind, "DEPLOYMENT"))
    for query, n in (
        ("", 2 * len(kinds)),
        (f"workspaceId={manager.workspace}&", len(kinds)),
        (f"deploymentId={prod}&", len(kinds)),
        ("objectKey=key&", 2 * len(kinds)),
        ("objectType=METRICS_EXPORT&objectKey=key&", 2),
    ):
        rows: list[Any] = []
        while True:
            page = terraform.good(terraform.call("GET", f"?{query}limit=3&offset={len(rows)}"))
            rows += page["environmentObjects"]
            if not page["environmentObjects"] or len(rows) >= page["totalCount"]:
                break
        assert len(rows) == n == len({row["id"] for row in rows}), query


# --- many at once -------------------------------------------------------------------------------


@pytest.fixture
def limited(workdir: Path) -> Iterator[Manager]:
    """A manager with the limits that the hosted API documents for one token."""
    manager = Manager(workdir)
    manager.serve("--rate-get", "25/s", "--rate-post", "10/s")
    yield manager
    manager.stop()


def test_a_plan_of_many_is_delayed_and_never_refused(limited: Manager) -> None:
    """Ten requests at once, reading every object on each plan: two plans within a second exceed the
    limit."""

    def create(n: int) -> Terraform:
        terraform = Terraform(limited)
        terraform.apply(config_of(limited, "AIRFLOW_VARIABLE", "WORKSPACE", objectKey=f"key{n}"))
        return terraform

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        every = list(pool.map(create, range(25)))
        began = time.monotonic()
        for _ in range(3):
            plans = list(
                pool.map(
                    lambda n: every[n].plan(
                        config_of(limited, "AIRFLOW_VARIABLE", "WORKSPACE", objectKey=f"key{n}")
                    ),
                    range(25),
                )
            )
            assert plans == [{}] * 25
        assert time.monotonic() - began > 1
        list(pool.map(lambda one: one.destroy(), every))
