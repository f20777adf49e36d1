# SPDX-License-Identifier: Apache-2.0
"""A small model of the manager's environment objects, in dictionaries, based only on the rules of
proto/MANAGER.md ("Reading", "Updating"): the effect of an update on an object, and each
Deployment's view of it."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

CONNECTION, VARIABLE = "CONNECTION", "AIRFLOW_VARIABLE"
MEMBER = {CONNECTION: "connection", VARIABLE: "airflowVariable"}
PLAIN = ("type", "host", "login", "schema", "port")
POSTGRES_AUTH = "cauthpostgres000000000000"
PLAIN_EXTRA = ("sslmode",)  # of that auth type
Members = dict[str, Any]


def told(members: Members) -> Members:
    """null equals absent for the API's own members."""
    return {name: value for name, value in members.items() if value is not None}


def is_plain(auth: str | None, name: str) -> bool:
    """True if the auth type says that a member of extra is not secret. Without one, all are
    secret."""
    return auth == POSTGRES_AUTH and name in PLAIN_EXTRA


class Typed(dict[str, Any]):
    """A stored typed body or override. hidden: members of extra that stay secret although the auth
    type says they are not."""

    hidden: frozenset[str] = frozenset()

    def secret(self, auth: str | None, name: str) -> bool:
        return name in self.hidden or not is_plain(auth, name)

    def having(self, was: Typed, before: str | None, after: str | None, kept: set[str]) -> Typed:
        """Members that were secret and kept their value stay secret."""
        self.hidden = frozenset(
            n for n in kept & set(self.get("extra", {}))
            if was.secret(before, n) and is_plain(after, n)
        )  # fmt: skip
        return self


@dataclasses.dataclass
class Object:
    id: str
    kind: str
    key: str
    deployment: int | None  # None: of the Workspace
    typed: Typed
    description: str | None = None
    auto: bool = False
    links: dict[int, Typed] = dataclasses.field(default_factory=dict)  # the overrides of each link
    excluded: set[int] = dataclasses.field(default_factory=set)

    @property
    def secret(self) -> bool:
        return bool(self.typed.get("isSecret"))

    @property
    def auth(self) -> str | None:
        return self.typed.get("authTypeId")

    def update(self, body: Members) -> None:
        """body: as in the API, but the typed member is "typed", and links and exclusions name the
        number of the Deployment. null equals absent."""
        stated = body.get("description") is not None
        before = self.auth
        self.typed = self.updated(told(body["typed"]))
        if stated:
            self.description = body["description"]
        self.auto = bool(body.get("autoLinkDeployments"))
        self.excluded = set(body.get("excludeLinks") or ())
        self.links = {
            number: self.overridden(self.links.get(number, Typed()), overrides, stated, before)
            for number, overrides in (body.get("links") or {}).items()
        }

    def updated(self, sent: Members) -> Typed:
        was = self.typed
        if self.kind == VARIABLE:
            keep = self.secret and sent["value"] == ""
            return Typed({**was, "value": was["value"] if keep else sent["value"]})
        now = {name: sent[name] for name in PLAIN if name in sent}
        now["authTypeId"] = sent.get("authTypeId") or None
        now["password"] = sent.get("password") or was.get("password")
        now["extra"] = was.get("extra")
        if sent.get("extra") == {}:
            now["extra"] = {}
        elif "extra" in sent:
            kept = was.get("extra", {})
            new = {k: v for k, v in sent["extra"].items() if v != "" or k not in kept}
            now["extra"] = {**kept, **new}
        replaced = {k for k, v in sent.get("extra", {}).items() if v != ""}
        same = set(was.get("extra", {})) - replaced
        return Typed(told(now)).having(was, self.auth, now["authTypeId"], same)

    def overridden(
        self, was: Typed, overrides: Members | None, stated: bool, before: str | None
    ) -> Typed:
        """The new overrides of a link. stated: the client sends the whole object."""
        unset = (overrides or {}).get("unsetFields") or []
        typed = (overrides or {}).get("typed")
        same = set(was.get("extra", {}))
        if overrides is None and stated:
            return Typed()
        if overrides is None or (typed is None and unset):
            now = dict(was)
        elif stated and not unset and not told(typed or {}):
            now = self.blank({}, typed)
        else:
            sent = told(typed or {})
            now = self.blank(self.laid(was, sent, stated, before), typed)
            same -= {k for k, v in sent.get("extra", {}).items() if v != ""}
        extra = dict(now.pop("extra", {}))
        for name in unset:
            now.pop(name, None)
            if name.startswith("extra."):
                extra.pop(name[len("extra.") :], None)
        if extra and "extra" not in unset:
            now["extra"] = extra
        return Typed(now).having(was, before, self.auth, same)

    def laid(self, was: Typed, sent: Members, stated: bool, before: str | None) -> Members:
        """A typed object: plain members exactly as sent; secret ones not sent are kept."""
        if self.kind == VARIABLE:
            value = sent.get("value")
            return told({"value": (value or was.get("value") or None) if self.secret else value})
        now = {name: sent[name] for name in PLAIN if name in sent}
        now["password"] = sent.get("password") or was.get("password")
        given, stored = sent.get("extra", {}), was.get("extra", {})
        kept = {k: v for k, v in stored.items() if was.secret(before, k)}
        new = {
            k: v for k, v in given.items()
            if v != "" or (k not in kept and (k in stored or is_plain(self.auth, k)))
        }  # fmt: skip
        now["extra"] = None if stated and sent.get("extra") == {} else {**kept, **new} or None
        return told(now)

    def blank(self, now: Members, typed: Members | None) -> Members:
        """The override of a secret variable sent as "" exists, although it has no value."""
        given = self.kind == VARIABLE and self.secret and "value" in told(typed or {})
        return {"value": ""} if given and not now else now

    def seen_by(self, number: int) -> bool:
        if self.deployment is not None:
            return self.deployment == number
        return number in self.links or (self.auto and number not in self.excluded)

    def merged(self, number: int) -> Typed:
        over = self.links.get(number, Typed())
        if self.secret and over.get("value") == "":
            over = Typed()
        now = Typed({**self.typed, **over})
        now.hidden = self.typed.hidden
        if "extra" in over:
            now["extra"] = {**self.typed.get("extra", {}), **over["extra"]}
            now.hidden = self.typed.hidden - set(over["extra"]) | over.hidden
        return now

    def shown(self, typed: Typed, secrets: bool, override: bool = False) -> Members:
        """Without secrets, an override leaves them out, because Terraform compares it sparsely."""
        if secrets:
            return typed
        now = {name: value for name, value in typed.items() if name != "password"}
        extra = {
            k: "" if typed.secret(self.auth, k) else v for k, v in typed.get("extra", {}).items()
            if not (override and typed.secret(self.auth, k))
        }  # fmt: skip
        now.pop("extra", None)
        if "extra" in typed and (extra or not override):
            now["extra"] = extra
        if self.secret and "value" in now:
            now["value"] = ""
        return now


def set_fields(typed: Members) -> list[str]:
    """The members that are present and not empty, including secrets, shown or not."""
    others = ("extra", "isSecret", "authTypeId")
    names = [n for n, v in typed.items() if n not in others and v != ""]
    extra = typed.get("extra", {})
    return sorted(names + [f"extra.{n}" for n, v in extra.items() if v not in ("", None)])


@dataclasses.dataclass
class Model:
    workspace: str
    deployments: list[str] = dataclasses.field(default_factory=list)  # ids, by number
    live: list[int] = dataclasses.field(default_factory=list)
    objects: list[Object] = dataclasses.field(default_factory=list)

    def at(self, kind: str, key: str, deployment: int | None) -> Object | None:
        named = (
            o for o in self.objects if (o.kind, o.key, o.deployment) == (kind, key, deployment)
        )
        return next(named, None)

    def place(self, deployment: int | None) -> Members:
        if deployment is None:
            return {"scope": "WORKSPACE", "scopeEntityId": self.workspace}
        return {"scope": "DEPLOYMENT", "scopeEntityId": self.deployments[deployment]}

    def drop_deployment(self, number: int) -> None:
        self.live.remove(number)
        self.objects = [o for o in self.objects if o.deployment != number]
        for one in self.objects:
            one.links.pop(number, None)
            one.excluded.discard(number)

    def effective(self, number: int) -> list[Object]:
        """By type and key; the Deployment's own object comes before that of the Workspace."""
        seen = [o for o in self.objects if o.seen_by(number)]
        seen.sort(key=lambda o: (o.kind, o.key, o.deployment is None))
        groups = itertools.groupby(seen, lambda o: (o.kind, o.key))
        return [next(group) for _, group in groups]

    def row(self, one: Object, typed: Typed, secrets: bool) -> Members:
        row = {
            "objectKey": one.key, "objectType": one.kind, "setFields": set_fields(typed),
            MEMBER[one.kind]: one.shown(typed, secrets),
        }  # fmt: skip
        if one.description is not None:
            row["description"] = one.description
        return row

    def resolved(self, number: int, secrets: bool) -> list[Members]:
        rows = []
        for one in self.effective(number):
            row = {**self.row(one, one.merged(number), secrets), **self.place(number)}
            if one.deployment is None:
                row.update(sourceScope="WORKSPACE", sourceScopeEntityId=self.workspace)
            rows.append(row)
        return rows

    def own(self, deployment: int | None, secrets: bool) -> list[Members]:
        """The objects of a place, as shown to a client that changes them."""
        mine = [o for o in self.objects if o.deployment == deployment]
        mine.sort(key=lambda o: (o.kind, o.key))
        return [self.whole(o, secrets) for o in mine]

    def whole(self, one: Object, secrets: bool) -> Members:
        row = {**self.row(one, one.typed, secrets), **self.place(one.deployment), "id": one.id}
        if one.deployment is None:
            row["autoLinkDeployments"] = one.auto
        row["links"] = {
            self.deployments[number]: (one.shown(over, secrets, override=True), set_fields(over))
            for number, over in one.links.items()
        }
        row["excludeLinks"] = sorted(self.deployments[number] for number in one.excluded)
        return row

    def answers(self, number: int) -> tuple[dict[str, Members], dict[str, str]]:
        """The connections and variables for Airflow."""
        connections, variables = {}, {}
        for one in self.effective(number):
            typed = one.merged(number)
            if one.kind == VARIABLE:
                variables[one.key] = typed["value"]
                continue
            described = {"conn_type": typed["type"], "description": one.description}
            names = ("host", "login", "password", "schema", "port", "extra")
            fields = {**described, **{name: typed.get(name) for name in names}}
            for name in ("password", "extra"):  # empty ones count as absent
                fields[name] = fields[name] or None
            connections[one.key] = told(fields)
        return connections, variables


def canonical(rows: list[Members]) -> str:
    """JSON text to compare: True differs from 1, and a difference is shown line by line."""
    return "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)


def shown(row: Members) -> Members:
    """A row of the manager, in the form of the model."""
    row = {n: v for n, v in row.items() if n[:7] not in ("created", "updated")}
    row["setFields"] = sorted(row["setFields"])
    auth_type = row.get("connection", {}).pop("connectionAuthType", None)
    if auth_type:
        row["connection"]["authTypeId"] = auth_type["id"]
    if "links" in row:
        over = f"{MEMBER[row['objectType']]}Overrides"
        row["links"] = {
            entry["scopeEntityId"]: (entry.get(over, {}), sorted(entry["setFields"]))
            for entry in row["links"]
        }
        row["excludeLinks"] = sorted(entry["scopeEntityId"] for entry in row["excludeLinks"])
    return row
