# SPDX-License-Identifier: Apache-2.0
"""Projects: their own objects, those linked to them, and the view of their test Deployment."""

from __future__ import annotations

from typing import Any

import pytest
from connd_testing import Manager, link
from manager_http import Reply, objects, send

NOWHERE = "c" + "0" * 24


def base(manager: Manager) -> str:
    return f"/v1/organizations/{manager.organization}"


def post(manager: Manager, path: str, body: Any) -> Reply:
    return send(manager, "POST", base(manager) + path, body)


def make_project(manager: Manager, name: str = "ide", **more: Any) -> str:
    reply = post(manager, "/projects", {"name": name, "workspaceId": manager.workspace, **more})
    assert reply.status == 200, reply.raw
    project_id: str = reply.body["id"]
    return project_id


def project_link(project: str, **overrides: Any) -> dict[str, Any]:
    return {**link(project, **overrides), "scope": "PROJECT"}


def view(manager: Manager, project: str) -> dict[str, Any]:
    page = manager.api("GET", f"?projectId={project}&resolveLinked=true&showSecrets=true&limit=100")
    rows = page["environmentObjects"]
    assert len(rows) == page["totalCount"]
    return {row["objectKey"]: row["connection"].get("host") for row in rows}


def test_creating_renaming_and_deleting_a_project(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    project = make_project(manager, deploymentId=prod)
    got = send(manager, "GET", f"{base(manager)}/projects/{project}").body
    assert got["deploymentId"] == prod and got["workspaceId"] == manager.workspace
    page = send(manager, "GET", f"{base(manager)}/projects").body
    assert [p["id"] for p in page["projects"]] == [project] and page["totalCount"] == 1
    post(manager, "/projects", {"name": "ide", "workspaceId": manager.workspace}).error(409, "name")
    reply = post(manager, f"/projects/{project}", {"name": "ide 2"})
    assert reply.body["name"] == "ide 2" and reply.body["deploymentId"] == prod
    reply = post(manager, f"/projects/{project}", {"deploymentId": ""})
    assert "deploymentId" not in reply.body and reply.body["name"] == "ide 2"
    reply = post(manager, f"/projects/{project}", {"deploymentId": NOWHERE})
    reply.field_error("deploymentId")
    body = {"name": "x", "workspaceId": manager.workspace, "deploymentId": NOWHERE}
    post(manager, "/projects", body).field_error("deploymentId")
    assert send(manager, "DELETE", f"{base(manager)}/projects/{project}").status == 204
    send(manager, "GET", f"{base(manager)}/projects/{project}").error(404)
    send(manager, "GET", f"{objects(manager)}?projectId={project}").error(404)


def test_an_update_is_done_as_a_whole_or_not_at_all(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    project = make_project(manager, deploymentId=prod)
    make_project(manager, "taken")
    path = f"/projects/{project}"
    post(manager, path, {"name": "taken", "deploymentId": dev}).error(409, "name")
    post(manager, path, {"name": "new", "deploymentId": NOWHERE}).field_error("deploymentId")
    got = send(manager, "GET", base(manager) + path).body
    assert (got["name"], got["deploymentId"]) == ("ide", prod)
    got = post(manager, path, {"name": "new", "deploymentId": dev}).body
    assert (got["name"], got["deploymentId"]) == ("new", dev)
    rows = send(manager, "GET", f"{base(manager)}/audit-log?limit=100").body["history"]
    mine = [(row["action"], row["fields"]) for row in rows if row.get("subjectId") == project]
    assert mine == [
        ("UPDATE_ENTITY", ["name", "deployment"]), ("CREATE_ENTITY", ["name", "deployment"]),
    ]  # fmt: skip


def test_a_workspace_with_a_project_stays(manager: Manager) -> None:
    workspace = post(manager, "/workspaces", {"name": "science"}).body["id"]
    project = make_project(manager, workspaceId=workspace)
    path = f"{base(manager)}/workspaces/{workspace}"
    send(manager, "DELETE", path).error(409, "projects")
    assert send(manager, "DELETE", f"{base(manager)}/projects/{project}").status == 204
    assert send(manager, "DELETE", path).status == 204


def test_the_view_of_a_project(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    project = make_project(manager, deploymentId=prod)
    body = {"objectType": "CONNECTION", "scope": "PROJECT", "scopeEntityId": project}
    own = {**body, "objectKey": "own", "connection": {"type": "t", "host": "project"}}
    assert send(manager, "POST", objects(manager), own).status == 200
    both = {**body, "objectKey": "both", "connection": {"type": "t", "host": "project"}}
    assert send(manager, "POST", objects(manager), both).status == 200
    manager.create_connection("both", prod, host="deployment")
    manager.create_connection("deployed", prod, host="deployment")
    manager.create_connection("elsewhere", dev, host="other")
    manager.create(
        "CONNECTION", "linked", {"type": "t", "host": "workspace"},
        projectLinks=[project_link(project, connection={"host": "over"})],
    )  # fmt: skip
    manager.create("CONNECTION", "all", {"type": "t", "host": "workspace"}, autoLinkProjects=True)
    manager.create_connection("through", host="workspace", links=[link(prod)])
    assert view(manager, project) == {
        "own": "project", "both": "project", "deployed": "deployment", "linked": "over",
        "all": "workspace", "through": "workspace",
    }  # fmt: skip
    # Other Deployments do not see it, nor do lists without a place.
    page = manager.api("GET", "?limit=100")
    assert {r["scope"] for r in page["environmentObjects"]} == {"WORKSPACE", "DEPLOYMENT"}
    assert page["totalCount"] == len(page["environmentObjects"])
    page = manager.api("GET", f"?deploymentId={prod}&resolveLinked=true")
    assert [r["objectKey"] for r in page["environmentObjects"]] == ["both", "deployed", "through"]
    page = manager.api("GET", f"?projectId={project}")
    assert [r["objectKey"] for r in page["environmentObjects"]] == ["both", "own"]
    post(manager, f"/projects/{project}", {"deploymentId": ""})
    assert set(view(manager, project)) == {"own", "both", "linked", "all"}


def test_clients_that_know_nothing_of_projects_leave_their_links(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    project = make_project(manager)
    overrides = {"host": "o", "password": "op"}
    object_id = manager.create(
        "CONNECTION", "c", {"type": "t", "host": "h"},
        projectLinks=[project_link(project, connection=overrides)], autoLinkProjects=True,
    )  # fmt: skip
    got = manager.api("GET", f"/{object_id}")
    assert got["links"] == [] and got["autoLinkProjects"] is True
    assert got["projectLinks"][0]["connectionOverrides"] == {"host": "o"}
    typed = {"type": "t", "host": "h2"}
    for body in ({}, {"description": "whole"}, {"links": [link(prod)], "description": ""}):
        got = manager.update(object_id, connection=typed, **body)
        assert len(got["projectLinks"]) == 1 and got["autoLinkProjects"] is True
        shown = manager.api("GET", "?objectKey=c&showSecrets=true")["environmentObjects"][0]
        assert shown["projectLinks"][0]["connectionOverrides"] == overrides
    assert [entry["scopeEntityId"] for entry in got["links"]] == [prod]
    got = manager.update(object_id, connection=typed, projectLinks=[], autoLinkProjects=False)
    assert "projectLinks" not in got and "autoLinkProjects" not in got and got["links"] == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"projectLinks": {}}, "projectLinks"),
        ({"projectLinks": [{"scope": "DEPLOYMENT", "scopeEntityId": NOWHERE}]},
         "projectLinks[0].scope"),
        ({"links": [{"scope": "PROJECT", "scopeEntityId": NOWHERE}]}, "links[0].scope"),
        ({"projectLinks": [{"scope": "PROJECT", "scopeEntityId": NOWHERE}]},
         "projectLinks[0].scopeEntityId"),
        ({"autoLinkProjects": 1}, "autoLinkProjects"),
    ],
)  # fmt: skip
def test_bad_project_links_are_named(manager: Manager, more: Any, field: str) -> None:
    body = {
        "objectKey": "c", "objectType": "CONNECTION", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, "connection": {"type": "t"}, **more,
    }  # fmt: skip
    send(manager, "POST", objects(manager), body).field_error(field)


def test_queries_name_one_place(manager: Manager) -> None:
    project = make_project(manager)
    prod = manager.deployment_ids["prod"]
    path = f"{objects(manager)}?projectId={project}"
    assert send(manager, "GET", f"{path}&workspaceId={manager.workspace}").status == 200
    send(manager, "GET", f"{path}&deploymentId={prod}").error(404)
    send(manager, "GET", f"{path}&deploymentId=").error(404)
    theirs = make_project(manager, name="p2", deploymentId=prod)
    path = f"{objects(manager)}?projectId={theirs}"
    assert send(manager, "GET", f"{path}&deploymentId={prod}").status == 200
    send(manager, "GET", f"{path}&deploymentId={manager.deployment_ids['dev']}").error(404)
    path = f"{objects(manager)}?projectId={project}"
    send(manager, "GET", f"{path}&workspaceId={NOWHERE}").error(404)
    send(manager, "GET", f"{objects(manager)}?projectId={prod}").error(404)


def test_a_change_of_the_view_is_pushed(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    project = make_project(manager, deploymentId=prod)
    path = f"{objects(manager)}?projectId={project}&resolveLinked=true"
    tag = send(manager, "GET", path).headers["etag"]
    manager.create_connection("new", prod)
    headers = {"If-None-Match": tag, "Prefer": "wait=20"}
    reply = send(manager, "GET", path, headers=headers)
    assert reply.status == 200 and reply.body["totalCount"] == 1
