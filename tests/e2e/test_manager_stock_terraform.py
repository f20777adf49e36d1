# SPDX-License-Identifier: Apache-2.0
"""Whole days of the vendor's Terraform provider, played by what it sends and how it reads answers.

It is no client library's work but a model of the provider: which members it sends when an attribute is set, unset or
computed; what of an answer becomes state; and Terraform's two rules, that what was planned is what comes back, and
that a second plan is empty.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Manager
from manager_http import Reply, send

HEADERS = {
    "User-Agent": "terraform-provider-astro/1.5.0",
    "x-astro-client-identifier": "terraform-provider-astro",
    "x-astro-client-version": "1.5.0",
    "x-client-os-identifier": "linux-amd64",
    "Accept-Encoding": "gzip",
}
MEMBER = {
    "CONNECTION": "connection",
    "AIRFLOW_VARIABLE": "airflowVariable",
    "ENVIRONMENT_VARIABLE": "environmentVariable",
    "METRICS_EXPORT": "metricsExport",
}
# Sent as their zero when they are not configured: what Terraform does not know yet is "" or false to the provider.
COMPUTED = {
    "CONNECTION": ("host", "login", "schema"),
    "AIRFLOW_VARIABLE": (),
    "ENVIRONMENT_VARIABLE": (),
    "METRICS_EXPORT": ("username",),
}
# Left out when they are not configured.
OPTIONAL = {
    "CONNECTION": ("type", "password", "port", "authTypeId"),
    "AIRFLOW_VARIABLE": ("value",),
    "ENVIRONMENT_VARIABLE": ("value",),
    "METRICS_EXPORT": (
        "endpoint", "exporterType", "authType", "basicToken", "password", "headers", "labels",
    ),
}  # fmt: skip
OVERRIDES = {
    "CONNECTION": ("type", "host", "port", "schema", "login", "password"),
    "AIRFLOW_VARIABLE": ("value",),
    "ENVIRONMENT_VARIABLE": ("value",),
    "METRICS_EXPORT": (
        "endpoint", "exporterType", "authType", "basicToken", "username", "password", "headers",
        "labels",
    ),
}  # fmt: skip
SECRETS = ("password", "basicToken")
IDENTITY = ("objectKey", "objectType", "scope", "scopeEntityId")
Config = dict[str, Any]
State = dict[str, Any]


class ProviderError(AssertionError):
    """What Terraform would end with."""


@dataclasses.dataclass
class Terraform:
    """One resource `astro_environment_object` and its state."""

    manager: Manager
    base: str = "/v1"
    id: str = ""
    state: State = dataclasses.field(default_factory=dict)

    def known(self, config: Config) -> Config:
        """What this release knows of it: v1beta1 has no description."""
        if "v1beta1" not in self.base:
            return config
        return {name: value for name, value in config.items() if name != "description"}

    # --- HTTP -------------------------------------------------------------------------------

    def call(self, method: str, path: str = "", body: Any = None) -> Reply:
        whole = f"{self.base}/organizations/{self.manager.organization}/environment-objects{path}"
        reply = send(self.manager, method, whole, body, headers=HEADERS)
        if reply.status >= 300:
            error = reply.body
            assert {"message", "requestId", "statusCode"} <= set(error)
        return reply

    def good(self, reply: Reply) -> Any:
        if reply.status != 200:
            raise ProviderError(reply.body["message"])
        assert "json" in reply.headers["content-type"]
        return reply.body

    # --- bodies -----------------------------------------------------------------------------

    def typed(self, config: Config, created: bool) -> dict[str, Any]:
        kind = config["objectType"]
        body = {name: config.get(name, "") for name in COMPUTED[kind]}
        body |= {name: config[name] for name in OPTIONAL[kind] if name in config}
        if "extra" in config:
            body["extra"] = json.loads(config["extra"])
        if created and kind.endswith("VARIABLE"):
            body["isSecret"] = config.get("isSecret", False)
        return body

    def overrides(self, config: Config, link: Any, created: bool) -> dict[str, Any] | None:
        kind, given = config["objectType"], link.get("overrides")
        if given is None or (created and kind.endswith("VARIABLE") and "value" not in given):
            return None
        typed = {name: given[name] for name in OVERRIDES[kind] if name in given}
        if "extra" in given:
            typed["extra"] = json.loads(given["extra"])
        return {MEMBER[kind]: typed}

    def links(self, config: Config, created: bool) -> list[dict[str, Any]]:
        entries = []
        for link in config["links"]:
            entry = {"scope": "DEPLOYMENT", "scopeEntityId": link["scopeEntityId"]}
            overrides = self.overrides(config, link, created)
            entries.append(entry if overrides is None else {**entry, "overrides": overrides})
        return entries

    def body(self, config: Config, created: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "description": config.get("description", ""),
            "autoLinkDeployments": config.get("autoLinkDeployments", False),
            MEMBER[config["objectType"]]: self.typed(config, created),
        }
        if created:
            body |= {name: config[name] for name in IDENTITY}
        if "links" in config:
            body["links"] = self.links(config, created)
        if "excludeLinks" in config:
            body["excludeLinks"] = [
                {"scope": "DEPLOYMENT", "scopeEntityId": i} for i in config["excludeLinks"]
            ]
        if not created:
            body = {"links": [], "excludeLinks": [], **body}
        return self.known(body)

    # --- answers ----------------------------------------------------------------------------

    def read(self, answer: Any, known: Config) -> State:
        """State, with what is known and never told put back; None: null."""
        kind = answer["objectType"]
        value = answer[MEMBER[kind]]
        state: State = {name: answer[name] for name in ("id", *IDENTITY, "createdAt", "updatedAt")}
        state["description"] = answer.get("description")
        state["autoLinkDeployments"] = answer.get("autoLinkDeployments", False)
        for name in (*COMPUTED[kind], *OPTIONAL[kind]):
            state[name] = value.get(name)
        for name in SECRETS:
            if name in state:
                state[name] = value.get(name) or known.get(name)
        if kind.endswith("VARIABLE"):
            state["isSecret"] = value["isSecret"]
            if value["isSecret"]:
                state["value"] = known.get("value", value["value"])
        if kind == "CONNECTION":
            state["authTypeId"] = known.get("authTypeId")
            told = json.dumps(value["extra"]) if "extra" in value else None
            state["extra"] = known.get("extra", told)
        elif kind == "METRICS_EXPORT":
            state["authType"] = value.get("authType") or known.get("authType")
        state["links"] = state["excludeLinks"] = None
        if "links" in answer:
            state["links"] = [self.read_link(kind, link, known) for link in answer["links"]]
        if "excludeLinks" in answer:
            state["excludeLinks"] = [entry["scopeEntityId"] for entry in answer["excludeLinks"]]
        return state

    def read_link(self, kind: str, link: Any, known: Config) -> dict[str, Any]:
        entry = {"scopeEntityId": link["scopeEntityId"], "overrides": None}
        told = link.get(f"{MEMBER[kind]}Overrides")
        if told is None:
            return entry
        before: dict[str, Any] = {}
        for one in known.get("links") or ():
            if one["scopeEntityId"] == link["scopeEntityId"]:
                before = one.get("overrides") or {}
        overrides = {name: told.get(name) for name in OVERRIDES[kind]}
        for name in (*SECRETS, *(["value"] if kind.endswith("VARIABLE") else [])):
            if name in overrides and not told.get(name):
                overrides[name] = before.get(name, told.get(name))
        if kind == "CONNECTION":
            extra = json.dumps(told["extra"]) if "extra" in told else None
            overrides["extra"] = before.get("extra", extra)
        return {**entry, "overrides": overrides}

    def planned(self, config: Config, name: str) -> Any:
        if name != "links":
            return config[name]
        kind = config["objectType"]
        names = (*OVERRIDES[kind], *(["extra"] if kind == "CONNECTION" else []))
        return [
            {
                "scopeEntityId": link["scopeEntityId"],
                "overrides": None
                if link.get("overrides") is None
                else {n: link["overrides"].get(n) for n in names},
            }
            for link in config["links"]
        ]

    def difference(self, config: Config, state: State) -> dict[str, Any]:
        """Attributes that are configured and not so, and those that may only be null when they are not configured."""
        kind = config["objectType"]
        found = {}
        for name in config:
            planned, is_now = self.planned(config, name), state[name]
            if name in ("links", "excludeLinks") and is_now is not None:
                planned, is_now = sorted(planned, key=str), sorted(is_now, key=str)
            if planned != is_now:
                found[name] = (planned, is_now)
        for name in ("password", "basicToken", "authTypeId"):
            if name in OPTIONAL[kind] and name not in config and state[name] is not None:
                found[name] = (None, state[name])
        return found

    def take(self, answer: Any, config: Config) -> None:
        self.state = self.read(answer, config)
        different = self.difference(config, self.state)
        if different:
            raise ProviderError(f"Provider produced inconsistent result after apply: {different}")

    # --- what a person does -----------------------------------------------------------------

    def apply(self, config: Config) -> None:
        """Creates or updates, and plans again."""
        config = self.known(config)
        if not self.id:
            created = self.good(self.call("POST", "", self.body(config, True)))
            assert set(created) == {"id"}
            self.id = created["id"]
        else:
            self.good(self.call("POST", f"/{self.id}", self.body(config, False)))
        self.take(self.good(self.call("GET", f"/{self.id}")), config)
        assert self.plan(config) == {}

    def plan(self, config: Config) -> dict[str, Any]:
        """What it would change; {"id": ...} when it would create the object."""
        reply = self.call("GET", f"/{self.id}")
        if reply.status == 404:
            return {"id": (self.id, None)}
        return self.difference(self.known(config), self.read(self.good(reply), self.state))

    def import_state(self, identifier: str) -> State:
        self.id = identifier
        self.state = self.read(self.good(self.call("GET", f"/{identifier}")), {"objectType": ""})
        return self.state

    def destroy(self) -> None:
        reply = self.call("DELETE", f"/{self.id}")
        assert reply.status in (200, 204, 404), reply.raw
        self.id = ""


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


# --- days ---------------------------------------------------------------------------------------


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
    """Everything unset is sent as "" or false, at DEPLOYMENT scope too, and comes back so."""
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
    "ENVIRONMENT_VARIABLE": [{"value": "o"}, {"value": "p"}],  # a secret one
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
    """Created with, changed, taken away and given again: no plan after an apply has anything to say."""
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
                assert got == own  # secret ones are gone too
            for name in overrides or {}:
                if name not in ("headers", "labels"):
                    assert got[name] == expected[name]
        terraform.destroy()


def test_overrides_without_a_configured_object_are_cleared(
    terraform: Terraform, manager: Manager, prod: str
) -> None:
    """`overrides` leaves the configuration: kept ones would be an inconsistent result."""
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
    """Without links in its configuration it reads them quietly, and its next update has none."""
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
    """`astro_workspace`: all three attributes are required, all are sent, and all must come back."""
    path = f"{terraform.base}/organizations/{terraform.manager.organization}/workspaces"

    def call(method: str, below: str = "", body: Any = None) -> State:
        answer = terraform.good(
            send(terraform.manager, method, path + below, body, headers=HEADERS)
        )
        described = {"description": "", **answer}  # absent is "" to the provider
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
    """The provider's published example names one, and two of its acceptance tests do."""
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
    """`astro_environment_objects`: by Workspace alone every type, by key alone every place; pages as they come."""
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
    """With the limits that the hosted API documents for one token."""
    manager = Manager(workdir)
    manager.serve("--rate-get", "25/s", "--rate-post", "10/s")
    yield manager
    manager.stop()


def test_a_plan_of_many_is_delayed_and_never_refused(limited: Manager) -> None:
    """Ten at once, every object read on each plan: two plans within the second are more than the limit."""

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
