# SPDX-License-Identifier: Apache-2.0
"""Hooks that schemathesis loads in test_manager_openapi.py.

The schema describes the form of an id, but not which ids exist; nor that a Deployment may be named
only once, that an update must have the type of its object, or that a field cannot be both set and
unset. The hooks give requests that are meant to be valid existing ids, and make them consistent.
Requests meant to be invalid stay invalid, but their valid parts get existing ids, too. No request,
operation or check is left out.

One more check: a response has only members that the schema describes.
"""

from __future__ import annotations

import itertools
import json
import os
import urllib.error
import urllib.request
from typing import Any

import schemathesis
import yaml
from schemathesis.core.parameters import ParameterLocation

with open(os.environ["CONND_OPENAPI_WORLD"]) as file:
    WORLD: dict[str, Any] = json.load(file)  # written by the test
with open(WORLD["description"]) as file:
    DESCRIPTION: dict[str, Any] = yaml.safe_load(file)

# Operations that only some objects allow.
PARTICULAR = (
    "UpdateEnvironmentObject",
    "ExcludeLinkingEnvironmentObject",
    "PromoteEnvironmentObject",
)
LINK_MEMBERS = (
    "links",
    "excludeLinks",
    "autoLinkDeployments",
    "projectLinks",
    "autoLinkProjects",
)
MEMBERS = {
    "connection": ("CONNECTION", {"type": "postgres"}),
    "airflowVariable": ("AIRFLOW_VARIABLE", {"value": "x"}),
    "environmentVariable": ("ENVIRONMENT_VARIABLE", {"value": "x"}),
    "metricsExport": ("METRICS_EXPORT", {"endpoint": "x", "exporterType": "PROMETHEUS"}),
}
made: list[str] = []  # names
seen: list[str] = []  # keys and names sent
turns = itertools.count()
pool: dict[str, str] = {}  # member of the typed body: an object of that type


# --- direct requests to the manager ----------------------------------------------------------


def call(method: str, path: str, body: Any = None) -> Any:
    """The body of the response; None unless it succeeded with one."""
    url = f"{WORLD['url']}/v1/organizations/{WORLD['organization']}{path}"
    request = urllib.request.Request(url, method=method)
    request.add_header("Authorization", f"Bearer {WORLD['token']}")
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=30) as reply:
            raw = reply.read()
            return json.loads(raw) if raw else None
    except urllib.error.HTTPError:
        return None


def place(scope: str) -> str:
    ids = {
        "ORGANIZATION": WORLD["organization"],
        "WORKSPACE": WORLD["workspace"],
        "DEPLOYMENT": WORLD["deployments"][0],
        "PROJECT": PROJECTS[0],
    }
    identifier: str = ids[scope]
    return identifier


def new(path: str, **body: Any) -> str:
    created = call("POST", path, body)
    identifier: str = created["id"]
    return identifier


def new_name() -> str:
    made.append(f"made_{len(made)}")
    return made[-1]


def new_object(member: str = "connection", scope: str = "WORKSPACE") -> str:
    """Without links."""
    kind, typed = MEMBERS[member]
    return new(
        "/environment-objects", objectKey=new_name(), objectType=kind, scope=scope,
        scopeEntityId=place(scope), **{member: typed},
    )  # fmt: skip


def deleted_object() -> str:
    identifier = new_object()
    call("DELETE", f"/environment-objects/{identifier}")
    return identifier


def an_object(member: str = "connection") -> str:
    """An existing object, which other requests may use as well."""
    if get_object(pool.get(member, "")) is None:
        pool[member] = new_object(member)
    return pool[member]


def get_object(identifier: str) -> Any:
    return call("GET", f"/environment-objects/{identifier}") if identifier.isalnum() else None


def new_project() -> str:
    return new("/projects", name=new_name(), workspaceId=WORLD["workspace"])


PROJECTS = [new_project() for _ in range(4)]
NEW = {
    "projectId": new_project,
    "environmentObjectId": new_object,
    "workspaceId": lambda: new("/workspaces", name=new_name()),
    "deploymentId": lambda: new(
        "/deployments", name=new_name(), workspaceId=WORLD["workspace"]
    ),
    "tokenId": lambda: new(
        "/tokens", name=new_name(), scope="WORKSPACE", scopeEntityId=WORLD["workspace"],
        role="MEMBER",
    ),
}  # fmt: skip
THERE = {
    "projectId": lambda: PROJECTS[0],
    "environmentObjectId": an_object,
    "workspaceId": lambda: WORLD["workspace"],
    "deploymentId": lambda: WORLD["deployments"][0],
    "tokenId": lambda: "self",
}
# Objects that the run needs are not deleted.
KEPT = {
    WORLD["workspace"],
    *WORLD["deployments"],
    *PROJECTS,
    "self",
    call("GET", "/tokens/self")["id"],
}


# --- consistency ------------------------------------------------------------------------------


def without_nul(value: Any) -> Any:
    """Removes NUL from names of members, which a schema cannot describe."""
    if isinstance(value, list):
        return [without_nul(v) for v in value]
    if isinstance(value, dict):
        return {name.replace("\0", "0"): without_nul(v) for name, v in value.items()}
    return value


def sense_of_links(body: dict[str, Any]) -> None:
    """Names each Deployment and project once, and no field as both set and unset."""
    deployments = iter(WORLD["deployments"])
    for name, ids in (
        ("links", deployments),
        ("excludeLinks", deployments),
        ("projectLinks", iter(PROJECTS)),
    ):
        if isinstance(body.get(name), list):
            body[name] = [
                {**entry, "scopeEntityId": identifier}
                for entry, identifier in zip(body[name], ids, strict=False)
            ]
    for entry in (*(body.get("links") or ()), *(body.get("projectLinks") or ())):
        overrides = entry.get("overrides") or {}
        typed: dict[str, Any] = next((overrides[m] for m in MEMBERS if overrides.get(m)), {})
        named = {*typed, *(f"{n}.{m}" for n, v in typed.items() if isinstance(v, dict) for m in v)}
        if isinstance(overrides.get("unsetFields"), list):
            overrides["unsetFields"] = [f for f in overrides["unsetFields"] if f not in named]


def sense_of_body(name: str, sent: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = without_nul(sent)
    if name == "CreateToken" and str(body["role"]).startswith("WORKSPACE_"):  # the hosted shape
        body["entityId"] = WORLD["workspace"]
    elif name in ("CreateEnvironmentObject", "CreateToken"):
        body["scopeEntityId"] = place(body["scope"])
    # A duplicate key or name is a conflict; allow it sometimes, but rarely.
    for member in ("objectKey", "name"):
        if member in body:
            if body[member] in seen and next(turns) % 8:
                body[member] = new_name()
            seen.append(body[member])
    if name == "ExcludeLinkingEnvironmentObject":
        body["scopeEntityId"] = WORLD["deployments"][-1]
    if name in ("RestoreEnvironmentObject", "RestoreDeletedEnvironmentObject"):
        body["version"] = 1
    if name == "RestoreDeletedEnvironmentObject":
        body["subjectId"] = deleted_object()
    if name in ("CreateDeployment", "CreateProject"):
        body["workspaceId"] = WORLD["workspace"]
    if name in ("CreateProject", "UpdateProject") and body.get("deploymentId"):
        body["deploymentId"] = WORLD["deployments"][0]
    if name in ("CreateEnvironmentObject", "UpdateEnvironmentObject"):
        sense_of_links(body)
    return body


def object_for(name: str, identifier: str, body: Any) -> str:
    """An object for an operation that only some objects allow: the given one if possible."""
    there = get_object(identifier) or {}
    if name == "ExcludeLinkingEnvironmentObject":
        return identifier if there.get("scope") == "WORKSPACE" else an_object()
    if name == "PromoteEnvironmentObject":
        fits = there.get("scope") == "DEPLOYMENT"
        return identifier if fits else new_object(scope="DEPLOYMENT")
    member = next((m for m in MEMBERS if m in (body or {})), "connection")
    links = any(body.get(m) for m in LINK_MEMBERS) if body else False
    fits = member in there and (there["scope"] == "WORKSPACE" or not links)
    return identifier if fits else an_object(member)


def sense_of_path(name: str, case: Any, body: Any) -> None:
    path = case.path_parameters or {}
    linked = case.meta.phase.name.value == "stateful"
    for parameter, identifier in path.items():
        if parameter == "organizationId":
            path[parameter] = WORLD["organization"]
        elif "version" in path:  # of an object that has no other
            path[parameter] = 1 if parameter == "version" else new_object()
        elif case.method == "DELETE":
            path[parameter] = identifier if linked and identifier not in KEPT else NEW[parameter]()
        elif name == "RestoreEnvironmentObject":
            path[parameter] = (
                new_object()
            )  # the first version of an object that was changed often is gone
        elif name in PARTICULAR:
            path[parameter] = object_for(name, identifier, body)
        elif not linked:
            path[parameter] = THERE[parameter]()


@schemathesis.hook
def before_call(_: Any, case: Any, **__: Any) -> None:
    def is_valid(where: ParameterLocation) -> bool:
        part = case.meta.components.get(where)
        return part is None or part.mode.is_positive

    name = case.operation.definition.raw["operationId"]
    body = case.body if is_valid(ParameterLocation.BODY) else None
    if isinstance(body, dict):
        case.body = body = sense_of_body(name, body)
    if is_valid(ParameterLocation.PATH):
        sense_of_path(name, case, body)
    if is_valid(ParameterLocation.QUERY):
        query = case.query or {}
        for parameter in {"workspaceId", "deploymentId", "projectId"} & set(query):
            query[parameter] = THERE[parameter]()
    if is_valid(ParameterLocation.HEADER) and "If-Match" in (case.headers or {}):
        case.headers["If-Match"] = "*"  # drawn tags fit no object


# --- checking responses -----------------------------------------------------------------------


@schemathesis.hook
def after_call(_: Any, case: Any, response: Any) -> None:
    with open(WORLD["log"], "a") as log:
        name = case.operation.definition.raw["operationId"]
        log.write(f"{name} {case.method} {response.status_code}\n")


def resolve(node: Any) -> Any:
    while "$ref" in node:
        target = DESCRIPTION
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def properties(schema: Any) -> dict[str, Any]:
    found: dict[str, Any] = resolve(schema).get("properties", {})
    return found


def undescribed(schema: Any, value: Any, where: str) -> list[str]:
    """The members of value, at any depth, that the schema does not have."""
    schema = resolve(schema)
    for part in schema.get("allOf", ()):
        schema = {**schema, "properties": {**schema.get("properties", {}), **properties(part)}}
    if isinstance(value, list):
        items = schema.get("items", {})
        return [w for i, v in enumerate(value) for w in undescribed(items, v, f"{where}[{i}]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = []
    for name, member in value.items():
        if name in schema["properties"]:
            found += undescribed(schema["properties"][name], member, f"{where}.{name}")
        else:
            found.append(f"{where}.{name}")
    return found


@schemathesis.check
def described_members_only(_: Any, response: Any, case: Any) -> None:
    statuses = case.operation.definition.raw["responses"]
    answer = resolve(statuses.get(str(response.status_code), {}))
    media = answer.get("content", {}).get("application/json")
    if media and case.method == case.operation.method.upper():
        extra = undescribed(media["schema"], response.json(), "$")
        assert not extra, f"members that are not described: {extra}"
