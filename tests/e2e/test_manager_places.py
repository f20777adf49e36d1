# SPDX-License-Identifier: Apache-2.0
"""Workspaces, Deployments and tokens over the API, and permissions."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import Any

import pytest
from connd_testing import HttpError, Manager, eventually, link
from manager_http import Reply, objects, send

NOWHERE = "c" + "0" * 24
CUID = re.compile(r"^c[a-z0-9]{24}$")


def base(manager: Manager) -> str:
    return f"/v1/organizations/{manager.organization}"


def post(manager: Manager, path: str, body: Any, token: str | None = None) -> Reply:
    return send(manager, "POST", base(manager) + path, body, token=token)


def make_token(
    manager: Manager, scope: str, entity: str, role: str, token: str | None = None, **more: Any
) -> Any:
    body = {"name": "t", "scope": scope, "scopeEntityId": entity, "role": role, **more}
    reply = post(manager, "/tokens", body, token)
    assert reply.status == 200, reply.raw
    return reply.body


# --- Workspaces and Deployments -----------------------------------------------------------------


def test_an_environment_is_set_up_without_sql(manager: Manager) -> None:
    workspace = post(manager, "/workspaces", {"name": "Science ü"})
    assert workspace.status == 200 and workspace.body["name"] == "Science ü"
    assert CUID.match(workspace.body["id"])
    workspace_id = workspace.body["id"]
    deployment = post(manager, "/deployments", {"name": "lab", "workspaceId": workspace_id})
    assert deployment.status == 200 and deployment.body["workspaceId"] == workspace_id
    deployment_id = deployment.body["id"]
    manager.create_connection("own", deployment_id)
    renamed = post(manager, f"/deployments/{deployment_id}", {"name": "lab 2"})
    assert renamed.status == 200 and renamed.body["name"] == "lab 2"
    assert renamed.body["id"] == deployment_id
    renamed = post(manager, f"/workspaces/{workspace_id}", {"name": "Research"})
    assert renamed.status == 200 and renamed.body["name"] == "Research"
    reply = send(manager, "DELETE", f"{base(manager)}/workspaces/{workspace_id}")
    reply.error(409, "Deployments")
    reply = send(manager, "DELETE", f"{base(manager)}/deployments/{deployment_id}")
    assert reply.status == 204 and reply.raw == b""
    assert send(manager, "DELETE", f"{base(manager)}/workspaces/{workspace_id}").status == 204
    for path in (f"/deployments/{deployment_id}", f"/workspaces/{workspace_id}"):
        send(manager, "GET", base(manager) + path).error(404)
        send(manager, "DELETE", base(manager) + path).error(404)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/workspaces", {}, "name"),
        ("/workspaces", {"name": ""}, "name"),
        ("/workspaces", {"name": 1}, "name"),
        ("/workspaces", {"name": "a\nb"}, "name"),
        ("/workspaces", {"name": " a"}, "name"),
        ("/workspaces", {"name": "n" * 129}, "name"),
        ("/deployments", {"name": "a"}, "workspaceId"),
        ("/deployments", {"name": "a", "workspaceId": NOWHERE}, "workspaceId"),
        ("/deployments", {"name": "a", "workspaceId": "x"}, "workspaceId"),
        ("", {"environmentSecretsFetching": "on"}, "environmentSecretsFetching"),
    ],
)
def test_what_a_place_may_not_be(manager: Manager, path: str, body: Any, field: str) -> None:
    post(manager, path, body).field_error(field)


def test_names_are_taken_once(manager: Manager) -> None:
    post(manager, "/workspaces", {"name": "Analytics"}).error(409, "name")
    body = {"name": "prod", "workspaceId": manager.workspace}
    post(manager, "/deployments", body).error(409, "name")
    dev = manager.deployment_ids["dev"]
    post(manager, f"/deployments/{dev}", {"name": "prod"}).error(409, "name")
    assert post(manager, f"/deployments/{dev}", {"name": "dev"}).status == 200


def test_a_deployment_goes_with_its_links_but_not_the_workspace_object(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    own = manager.create_connection("own", prod)
    object_id = manager.create_connection(
        "c", links=[link(prod, connection={"host": "x"}), link(dev)]
    )
    assert send(manager, "DELETE", f"{base(manager)}/deployments/{prod}").status == 204
    got = manager.api("GET", f"/{object_id}")
    assert [entry["scopeEntityId"] for entry in got["links"]] == [dev]
    with pytest.raises(HttpError) as gone:
        manager.api("GET", f"/{own}")
    assert gone.value.status == 404


# --- attributes of places -----------------------------------------------------------------------


def make(manager: Manager, kind: str, **body: Any) -> Any:
    if kind != "workspaces":
        body = {"workspaceId": manager.workspace, **body}
    reply = post(manager, f"/{kind}", {"name": "said", **body})
    assert reply.status == 200, reply.raw
    return reply.body


def get(manager: Manager, path: str) -> Any:
    reply = send(manager, "GET", base(manager) + path)
    assert reply.status == 200, reply.raw
    return reply.body


@pytest.mark.parametrize("kind", ["workspaces", "deployments", "projects"])
def test_a_description_comes_back_as_it_was_given(manager: Manager, kind: str) -> None:
    assert "description" not in make(manager, kind, name="silent")
    assert "description" not in make(manager, kind, name="null", description=None)
    longest = "ü" * 500
    made = make(manager, kind, description=longest)
    path = f"/{kind}/{made['id']}"
    assert made["description"] == longest
    for given, want in (
        ({}, longest),
        ({"description": None}, longest),
        ({"description": ""}, ""),
        ({}, ""),
        ({"description": 'a\nb "\u2028" '}, 'a\nb "\u2028" '),
        ({"name": "renamed"}, 'a\nb "\u2028" '),
    ):
        reply = post(manager, path, {"name": "said", **given})
        assert reply.status == 200 and reply.body["description"] == want
        assert get(manager, path) == reply.body
        assert reply.body in get(manager, f"/{kind}?limit=100")[kind]
    for bad in ("x" * 501, 1, "\0", ["x"]):
        post(manager, path, {"name": "lost", "description": bad}).field_error("description")
        body = {"name": "lost", "workspaceId": manager.workspace, "description": bad}
        post(manager, f"/{kind}", body).field_error("description")
    assert get(manager, path) == reply.body
    assert get(manager, f"/{kind}?names=lost")["totalCount"] == 0


def test_whether_ci_cd_is_enforced(manager: Manager) -> None:
    workspace = make(manager, "workspaces", cicdEnforcedDefault=True)
    assert workspace["cicdEnforcedDefault"] is True
    assert make(manager, "workspaces", name="unsaid")["cicdEnforcedDefault"] is False
    inside = {"workspaceId": workspace["id"]}
    begins = make(manager, "deployments", name="begins", **inside)
    assert begins["isCicdEnforced"] is True  # as in its Workspace
    told = make(manager, "deployments", name="told", isCicdEnforced=False, **inside)
    assert told["isCicdEnforced"] is False
    path = f"/workspaces/{workspace['id']}"
    changed = post(manager, path, {"name": "said", "cicdEnforcedDefault": False}).body
    assert changed["cicdEnforcedDefault"] is False
    assert post(manager, path, {"name": "said"}).body["cicdEnforcedDefault"] is False
    # Existing Deployments keep their setting.
    assert get(manager, f"/deployments/{begins['id']}") == begins
    path = f"/deployments/{told['id']}"
    assert post(manager, path, {"name": "told", "isCicdEnforced": True}).body["isCicdEnforced"]
    assert post(manager, path, {"name": "told", "isCicdEnforced": None}).body["isCicdEnforced"]
    post(manager, path, {"name": "told", "isCicdEnforced": 1}).field_error("isCicdEnforced")
    body = {"name": "new", "cicdEnforcedDefault": "no"}
    post(manager, "/workspaces", body).field_error("cicdEnforcedDefault")


def test_the_history_names_what_became_another(manager: Manager) -> None:
    made = make(manager, "workspaces", description="secret plan", cicdEnforcedDefault=False)
    body = {"name": "said", "description": "secret plan", "cicdEnforcedDefault": True}
    for change in ({}, {"description": "other plan"}, {"name": "called", "description": ""}):
        body |= change
        assert post(manager, f"/workspaces/{made['id']}", body).status == 200
    reply = send(manager, "GET", f"{base(manager)}/audit-log?workspaceId={made['id']}&limit=100")
    assert [(row["action"], row["fields"]) for row in reply.body["history"]] == [
        ("UPDATE_ENTITY", ["name", "description"]),
        ("UPDATE_ENTITY", ["description"]),
        ("UPDATE_ENTITY", ["cicdEnforcedDefault"]),
        ("CREATE_ENTITY", ["name", "description", "cicdEnforcedDefault"]),
    ]
    assert b"plan" not in reply.raw


# --- sort orders --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["workspaces", "deployments", "projects"])
def test_places_are_listed_in_the_order_asked_for(manager: Manager, kind: str) -> None:
    for name in ("m", "C", "z", "a"):
        made = make(manager, kind, name=name)
        body = {"name": name, "description": "touched"}
        if name in "mz":
            assert post(manager, f"/{kind}/{made['id']}", body).status == 200
    with contextlib.closing(
        sqlite3.connect(f"file:{manager.data}/manager.db?mode=ro", uri=True)
    ) as db:
        rows = db.execute(f"SELECT name, created_ms, updated_ms, id FROM {kind[:-1]}").fetchall()
    field = {"name": 0, "createdAt": 1, "updatedAt": 2}

    def names(*sorts: str) -> list[str]:
        query = "&".join(["limit=100", *(f"sorts={sort}" for sort in sorts)])
        return [row["name"] for row in get(manager, f"/{kind}?{query}")[kind]]

    def expected(*sorts: str) -> list[str]:
        found = sorted(rows)
        for sort in reversed(sorts):
            by, way = sort.split(":")
            found.sort(key=lambda row: row[field[by]], reverse=way == "desc")
        return [row[0] for row in found]

    ways = [f"{by}:{way}" for by in field for way in ("asc", "desc")]
    assert names() == expected()
    for sort in ways:
        assert names(sort) == expected(sort), sort
        for then in ways:
            assert names(sort, then) == expected(sort, then), (sort, then)
    assert names("name:desc") == names()[::-1]
    page = get(manager, f"/{kind}?sorts=name:desc&limit=2&offset=1")
    assert [row["name"] for row in page[kind]] == names()[::-1][1:3]
    assert page["totalCount"] == len(rows)


@pytest.mark.parametrize("path", ["", "/workspaces", "/deployments", "/projects"])
def test_an_order_that_there_is_not(manager: Manager, path: str) -> None:
    url = f"{base(manager)}{path}" if path else "/v1/organizations"
    for bad in ("objectKey:asc", "name", "name:up", "", "name:asc,createdAt:asc"):
        reply = send(manager, "GET", f"{url}?sorts={bad}")
        reply.field_error("sorts")
        assert "createdAt" in reply.body["message"]
    send(manager, "GET", f"{url}?{'&'.join(5 * ['sorts=name:asc'])}").field_error("sorts")
    good = send(manager, "GET", f"{url}?{'&'.join(4 * ['sorts=updatedAt:desc'])}")
    assert good.status == 200


def test_the_organization_s_switch(manager: Manager) -> None:
    body = {"environmentSecretsFetching": False}
    assert post(manager, "", body).body["environmentSecretsFetching"] is False
    send(manager, "GET", objects(manager) + "?showSecrets=true").error(403, "showSecrets")
    assert post(manager, "", {"name": "Acme 2"}).body["name"] == "Acme 2"
    assert post(manager, "", {"environmentSecretsFetching": True}).status == 200
    assert send(manager, "GET", objects(manager) + "?showSecrets=true").status == 200


# --- tokens -------------------------------------------------------------------------------------


def test_creating_using_and_revoking_a_token(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    made = make_token(manager, "DEPLOYMENT", prod, "MEMBER", expiresInSeconds=3600)
    assert set(made) == {
        "id", "name", "scope", "scopeEntityId", "role", "createdAt", "expiresAt", "createdBy", "token",
        "familyId", "familyEndsAt",
        # The same in the form of the hosted API.
        "type", "description", "shortToken", "roles", "startAt", "endAt", "updatedAt", "updatedBy",
    }  # fmt: skip
    assert made["familyId"] == made["id"]
    token = made["token"]
    assert send(manager, "GET", objects(manager), token=token).status == 200
    me = send(manager, "GET", base(manager) + "/tokens/self", token=token).body
    assert me["id"] == made["id"] and "token" not in me
    listed = send(manager, "GET", base(manager) + f"/tokens?deploymentId={prod}")
    assert [t["id"] for t in listed.body["tokens"]] == [made["id"]]
    assert token.encode() not in listed.raw and listed.body["totalCount"] == 1
    assert send(manager, "GET", base(manager) + "/tokens").body["totalCount"] == 2
    reply = send(manager, "DELETE", f"{base(manager)}/tokens/{made['id']}")
    assert reply.status == 204
    send(manager, "GET", objects(manager), token=token).error(401)
    for method in ("GET", "DELETE"):
        send(manager, method, f"{base(manager)}/tokens/{made['id']}").error(404)
    listed = send(manager, "GET", base(manager) + f"/tokens?deploymentId={prod}")
    assert [t["id"] for t in listed.body["tokens"] if t["revokedAt"]] == [made["id"]]


def test_a_token_renews_itself(manager: Manager) -> None:
    made = make_token(
        manager, "DEPLOYMENT", manager.deployment_ids["prod"], "MEMBER", expiresInSeconds=60
    )
    renewed = post(manager, "/tokens/self/renew", None, token=made["token"])
    assert renewed.status == 200
    body = renewed.body
    assert body["id"] != made["id"] and body["expiresAt"] >= made["expiresAt"]
    assert (body["role"], body["scopeEntityId"]) == (made["role"], made["scopeEntityId"])
    for token in (made["token"], body["token"]):
        assert send(manager, "GET", objects(manager), token=token).status == 200


def test_a_token_may_revoke_itself(manager: Manager) -> None:
    made = make_token(manager, "WORKSPACE", manager.workspace, "MEMBER")
    reply = send(manager, "DELETE", base(manager) + "/tokens/self", token=made["token"])
    assert reply.status == 204
    send(manager, "GET", objects(manager), token=made["token"]).error(401)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"scope": "PROJECT"}, "scope"),
        ({"scope": None}, "scope"),
        ({"scopeEntityId": NOWHERE}, "scopeEntityId"),
        ({"scope": "DEPLOYMENT"}, "scopeEntityId"),
        ({"role": "KING"}, "role"),
        ({"expiresInSeconds": 0}, "expiresInSeconds"),
        ({"expiresInSeconds": "1"}, "expiresInSeconds"),
    ],
)
def test_what_a_token_may_not_be(manager: Manager, change: Any, field: str) -> None:
    body = {"name": "t", "scope": "WORKSPACE", "scopeEntityId": manager.workspace, "role": "MEMBER"}
    post(manager, "/tokens", {**body, **change}).field_error(field)


# --- roles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["OWNER", "OPERATOR", "AUTHOR", "MEMBER"])
def test_permissions_of_each_role(manager: Manager, role: str) -> None:
    token = make_token(manager, "WORKSPACE", manager.workspace, role)["token"]
    object_id = manager.create_connection("c", password="hunter2")
    writes = role in ("OWNER", "OPERATOR")
    expect = 200 if writes else 403

    def status(method: str, path: str, body: Any = None) -> int:
        return send(manager, method, objects(manager) + path, body, token=token).status

    assert status("GET", "") == 200
    assert status("GET", f"/{object_id}") == 200
    assert status("GET", "?showSecrets=true") == 200
    body = {
        "objectKey": "d", "objectType": "CONNECTION", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, "connection": {"type": "t"},
    }  # fmt: skip
    assert status("POST", "", body) == expect
    assert status("POST", f"/{object_id}", {"connection": {"type": "t"}}) == expect
    target = {"scope": "DEPLOYMENT", "scopeEntityId": manager.deployment_ids["prod"]}
    assert status("POST", f"/{object_id}/exclude-linking", target) == expect
    assert status("DELETE", f"/{object_id}") == (204 if writes else 403)
    deployment = {"name": "new", "workspaceId": manager.workspace}
    assert post(manager, "/deployments", deployment, token).status == expect
    assert post(manager, "/workspaces", {"name": "new"}, token).status in (403, 404)
    assert post(manager, "", {"name": "new"}, token).status in (403, 404)
    wanted = {
        "name": "t",
        "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "role": "MEMBER",
    }
    reply = post(manager, "/tokens", wanted, token)
    assert reply.status == (200 if role == "OWNER" else 403)


def test_token_cannot_create_one_with_more_rights(manager: Manager) -> None:
    owner = make_token(manager, "WORKSPACE", manager.workspace, "OWNER")["token"]
    prod = manager.deployment_ids["prod"]
    make_token(manager, "DEPLOYMENT", prod, "OWNER", token=owner)
    body = {
        "name": "t",
        "scope": "ORGANIZATION",
        "scopeEntityId": manager.organization,
        "role": "MEMBER",
    }
    assert post(manager, "/tokens", body, owner).status in (400, 403)
    # It can neither see nor revoke tokens with more rights.
    root = send(manager, "GET", base(manager) + "/tokens/self").body["id"]
    send(manager, "GET", f"{base(manager)}/tokens/{root}", token=owner).error(404)
    send(manager, "DELETE", f"{base(manager)}/tokens/{root}", token=owner).error(404)


def test_a_token_sees_what_its_scope_covers(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    shared = manager.create_connection("shared", links=[link(prod)])
    mine = manager.create_connection("mine", prod)
    theirs = manager.create_connection("theirs", dev)
    token = make_token(manager, "DEPLOYMENT", prod, "OPERATOR")["token"]

    def got(path: str) -> Reply:
        return send(manager, "GET", objects(manager) + path, token=token)

    def keys(path: str) -> list[str]:
        return [row["objectKey"] for row in got(path).body["environmentObjects"]]

    assert keys("") == ["mine"]
    assert keys("?resolveLinked=true") == ["mine", "shared"]
    assert keys(f"?deploymentId={prod}&resolveLinked=true&showSecrets=true") == ["mine", "shared"]
    got(f"?deploymentId={dev}").error(404)
    got(f"?workspaceId={manager.workspace}").error(404)
    assert got(f"/{mine}").status == 200
    for hidden in (shared, theirs):
        got(f"/{hidden}").error(404)
        send(manager, "DELETE", f"{objects(manager)}/{hidden}", token=token).error(404)
        body = {"connection": {"type": "t"}}
        send(manager, "POST", f"{objects(manager)}/{hidden}", body, token=token).error(404)
    body = {
        "objectKey": "x", "objectType": "CONNECTION", "scope": "DEPLOYMENT", "scopeEntityId": dev,
        "connection": {"type": "t"},
    }  # fmt: skip
    reply = send(manager, "POST", objects(manager), body, token=token)
    reply.field_error("scopeEntityId")
    page = send(manager, "GET", base(manager) + "/deployments", token=token).body
    assert [d["id"] for d in page["deployments"]] == [prod]
    page = send(manager, "GET", base(manager) + "/workspaces", token=token).body
    assert [w["id"] for w in page["workspaces"]] == [manager.workspace]
    send(manager, "DELETE", f"{base(manager)}/deployments/{prod}", token=token).error(403)

    workspace_token = make_token(manager, "WORKSPACE", manager.workspace, "MEMBER")["token"]
    page = send(manager, "GET", objects(manager), token=workspace_token).body
    assert page["totalCount"] == 3


def test_tokens_of_a_place_end_with_it(manager: Manager) -> None:
    dev = manager.deployment_ids["dev"]
    token = make_token(manager, "DEPLOYMENT", dev, "MEMBER")["token"]
    assert send(manager, "GET", objects(manager), token=token).status == 200
    assert send(manager, "DELETE", f"{base(manager)}/deployments/{dev}").status == 204
    eventually(lambda: send(manager, "GET", objects(manager), token=token).status == 401)
