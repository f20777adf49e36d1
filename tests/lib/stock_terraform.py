# SPDX-License-Identifier: Apache-2.0
"""A model of the vendor's Terraform provider: which members it sends when an attribute is set,
unset or computed; which parts of a response become state; and Terraform's two rules: the response
must match the plan, and a second plan must be empty.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

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
# Sent as "" or false if they are not configured: that is how the provider sees a value that
# Terraform does not know yet.
COMPUTED = {
    "CONNECTION": ("host", "login", "schema"),
    "AIRFLOW_VARIABLE": (),
    "ENVIRONMENT_VARIABLE": (),
    "METRICS_EXPORT": ("username",),
}
# Left out if they are not configured.
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
    """The error that Terraform would report."""


@dataclasses.dataclass
class Terraform:
    """One resource `astro_environment_object` and its state."""

    manager: Manager
    base: str = "/v1"
    id: str = ""
    state: State = dataclasses.field(default_factory=dict)

    def known(self, config: Config) -> Config:
        """The attributes that this release knows: v1beta1 has no description."""
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
        """The state, completed with known values that the API never returns. None stands for
        null."""
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
        """Attributes that differ from the configuration, including those that are not configured
        and not null."""
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

    # --- commands ---------------------------------------------------------------------------

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
        """The changes it would make; {"id": ...} if it would create the object."""
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
