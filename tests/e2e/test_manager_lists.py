# SPDX-License-Identifier: Apache-2.0
"""Lists of environment objects: filters, pages, links, masking, conditional requests."""

from __future__ import annotations

import json

import pytest
from connd_testing import Manager, link
from manager_http import connection, objects, send
from manager_rows import GOOD, NOWHERE, keys, listing, one

# --- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("offset=x", "offset"),
        ("offset=-1", "offset"),
        ("showSecrets=yes", "showSecrets"),
        ("showSecrets=", "showSecrets"),
        ("resolveLinked=1", "resolveLinked"),
        ("objectType=connection", "objectType"),
        ("objectType=", "objectType"),
        ("sorts=name:asc", "sorts"),
        ("sorts=objectKey", "sorts"),
        ("sorts=objectKey:up", "sorts"),
        ("limit=1&limit=2", "limit"),
        ("autoLinkDeployments=all", "autoLinkDeployments"),
        ("scope=ORGANIZATION", "scope"),
        ("scope=workspace", "scope"),
        ("updatedSince=yesterday", "updatedSince"),
        ("updatedSince=2026-02-29", "updatedSince"),
        ("updatedBefore=2026-01-31T24:00:00Z", "updatedBefore"),
        ("updatedBefore=2026-01-31T12:00:00", "updatedBefore"),
        ("updatedBy=a&updatedBy=b", "updatedBy"),
        ("objectKey=%ff", "query"),
    ],
)
def test_a_bad_parameter_is_named(manager: Manager, query: str, field: str) -> None:
    send(manager, "GET", f"{objects(manager)}?{query}").field_error(field)


def test_a_target_that_is_not_a_uri_is_refused_before_it_is_read(manager: Manager) -> None:
    for query in ("objectKey=%", 'objectKey="a"', "objectKey=a|b"):
        send(manager, "GET", f"{objects(manager)}?{query}").error(400, "percent-encoded")


def test_the_query_of_an_absolute_target_is_not_its_path(manager: Manager) -> None:
    path = f"/v1/organizations/{manager.organization}"
    assert send(manager, "GET", f"http://any{path}").status == 200
    for token in (None, ""):  # its path is "/", which leads to the page
        reply = send(manager, "GET", f"http://any?x={path}", token=token)
        assert (reply.status, reply.headers["location"]) == (302, "/ui/")


def test_unknown_places_in_a_query_are_404(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    for query in (
        f"workspaceId={NOWHERE}",
        f"deploymentId={NOWHERE}",
        "deploymentId=x",
        "workspaceId=",
        f"deploymentId={manager.workspace}",
        f"workspaceId={prod}",
        f"deploymentId={prod}&workspaceId={NOWHERE}",
    ):
        send(manager, "GET", f"{objects(manager)}?{query}").error(404)
    assert listing(manager, deploymentId=prod, workspaceId=manager.workspace)["totalCount"] == 0


def test_paging(manager: Manager) -> None:
    for i in range(45):
        manager.create_variable(f"v{i:02}", str(i))
    page = listing(manager)
    assert (page["limit"], page["offset"], page["totalCount"]) == (20, 0, 45)
    assert keys(page) == [f"v{i:02}" for i in range(20)]
    page = listing(manager, limit=7, offset=40)
    assert (page["limit"], page["offset"], page["totalCount"]) == (7, 40, 45)
    assert keys(page) == ["v40", "v41", "v42", "v43", "v44"]
    assert listing(manager, limit=0) == {
        "environmentObjects": [],
        "limit": 0,
        "offset": 0,
        "totalCount": 45,
    }
    assert keys(listing(manager, offset=1000)) == []
    assert len(keys(listing(manager, limit=1000))) == 45
    assert len(keys(listing(manager, limit=9223372036854775807))) == 45


def test_sorts_are_repeated_parameters(manager: Manager) -> None:
    for object_type, key in (
        ("AIRFLOW_VARIABLE", "b"),
        ("ENVIRONMENT_VARIABLE", "a"),
        ("AIRFLOW_VARIABLE", "c"),
        ("ENVIRONMENT_VARIABLE", "c"),
    ):
        manager.create(object_type, key, {"value": "x"})
    assert keys(listing(manager, sorts="objectKey:asc")) == ["a", "b", "c", "c"]
    assert keys(listing(manager, sorts="objectKey:desc")) == ["c", "c", "b", "a"]
    rows = listing(manager, sorts=["objectKey:desc", "objectType:desc"])["environmentObjects"]
    assert [(r["objectKey"], r["objectType"][0]) for r in rows] == [
        ("c", "E"),
        ("c", "A"),
        ("b", "A"),
        ("a", "E"),
    ]
    rows = listing(manager, sorts=["objectType:desc", "objectKey:asc"])["environmentObjects"]
    assert [r["objectKey"] for r in rows] == ["a", "c", "b", "c"]
    times = [r["createdAt"] for r in listing(manager, sorts="createdAt:desc")["environmentObjects"]]
    assert times == sorted(times, reverse=True)


def test_filters(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    manager.create_variable("v", "1")
    manager.create("ENVIRONMENT_VARIABLE", "v", {"value": "2"})
    manager.create_connection("v", prod)
    manager.create_connection("w", dev)
    assert listing(manager)["totalCount"] == 4
    assert keys(listing(manager, objectKey="v", objectType="CONNECTION")) == ["v"]
    assert listing(manager, objectKey="v")["totalCount"] == 3
    assert listing(manager, objectKey="")["totalCount"] == 0
    assert listing(manager, workspaceId=manager.workspace)["totalCount"] == 2
    assert keys(listing(manager, deploymentId=dev)) == ["w"]
    assert keys(listing(manager, deploymentId=prod, workspaceId=manager.workspace)) == ["v"]


def test_search_finds_a_part_of_a_key(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    for i in range(12):
        manager.create_variable(f"Batch_{i:02}", "1", autoLinkDeployments=True)
    manager.create_variable("A", "1", autoLinkDeployments=True)
    manager.create_connection("batch", prod)
    first_ten = [f"Batch_{i:02}" for i in range(10)]
    assert keys(listing(manager, search="BATCH_0", limit=1000)) == first_ten
    assert listing(manager, search="_")["totalCount"] == 12  # not a wildcard
    assert listing(manager, search="%25")["totalCount"] == 0
    assert listing(manager, search="")["totalCount"] == listing(manager)["totalCount"]
    # Pages of a search follow one another, and do not mix with those of the whole list.
    view = {"deploymentId": prod, "resolveLinked": True, "limit": 5}
    assert keys(listing(manager, **view)) == ["A", *first_ten[:4]]
    found = keys(listing(manager, search="batch", **view))
    assert found + keys(listing(manager, search="batch", offset=5, **view)) == first_ten
    assert listing(manager, search="batch", **view)["totalCount"] == 13


# --- filters -------------------------------------------------------------------------------------


def test_lists_are_filtered_by_their_links(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    not_dev = [{"scope": "DEPLOYMENT", "scopeEntityId": dev}]
    manager.create_connection("all", autoLinkDeployments=True)
    manager.create_connection("all_but_dev", autoLinkDeployments=True, excludeLinks=not_dev)
    manager.create_connection("prod_alone", links=[link(prod)])
    manager.create_connection("nobody")
    manager.create_connection("all", prod)  # hides the Workspace's, whose link stays
    of = {"workspaceId": manager.workspace}
    assert keys(listing(manager, autoLinkDeployments=True, **of)) == ["all", "all_but_dev"]
    assert keys(listing(manager, autoLinkDeployments=False, **of)) == ["nobody", "prod_alone"]
    assert keys(listing(manager, linkedTo=prod, **of)) == ["all", "all_but_dev", "prod_alone"]
    assert keys(listing(manager, linkedTo=dev, **of)) == ["all"]
    found = listing(manager, linkedTo=prod, autoLinkDeployments=False, **of)
    assert (keys(found), found["totalCount"]) == (["prod_alone"], 1)
    assert listing(manager, linkedTo=prod)["totalCount"] == 3  # of all scopes, links alone count
    # Pages of a filtered list follow one another, and do not mix with those of the whole list.
    for offset in range(4):
        page = listing(manager, linkedTo=prod, limit=1, offset=offset, **of)
        assert page["totalCount"] == 3
        assert keys(page) == ["all", "all_but_dev", "prod_alone"][offset : offset + 1]
        assert listing(manager, limit=1, offset=offset, **of)["totalCount"] == 4


def test_linked_to_a_project_counts_its_own_links(manager: Manager) -> None:
    org = f"/v1/organizations/{manager.organization}"
    body = {"name": "lab", "workspaceId": manager.workspace}
    project = manager.request("POST", f"{org}/projects", body)[1]["id"]
    manager.create_connection("deployments", autoLinkDeployments=True)
    manager.create(
        "CONNECTION", "projects", {"type": "t"}, autoLinkProjects=True, autoLinkDeployments=False
    )
    assert keys(listing(manager, linkedTo=project)) == ["projects"]


def test_linked_to_does_not_tell_of_places_that_the_token_does_not_cover(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "of prod", "--scope",
        "deployment", "--scope-id", prod, "--role", "MEMBER",
    )["token"]  # fmt: skip
    for place in (dev, NOWHERE, "x", manager.workspace):
        reply = send(manager, "GET", f"{objects(manager)}?linkedTo={place}", token=token)
        reply.error(404, "linkedTo")
    assert send(manager, "GET", f"{objects(manager)}?linkedTo={prod}", token=token).status == 200
    send(manager, "GET", f"{objects(manager)}?linkedTo={NOWHERE}").error(404, "linkedTo")


def test_lists_are_filtered_by_where_objects_are_kept(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    org = f"/v1/organizations/{manager.organization}"
    body = {"name": "lab", "workspaceId": manager.workspace, "deploymentId": dev}
    project = manager.request("POST", f"{org}/projects", body)[1]["id"]
    manager.create_connection("shared", autoLinkDeployments=True)
    manager.create_connection("own", prod)
    manager.create_connection("of_dev", dev)
    manager.api("POST", "", {**GOOD, "objectKey": "of_lab", "scope": "PROJECT",
                             "scopeEntityId": project})  # fmt: skip
    view = {"deploymentId": prod, "resolveLinked": True}
    assert keys(listing(manager, scope="DEPLOYMENT", **view)) == ["own"]
    assert keys(listing(manager, scope="WORKSPACE", **view)) == ["shared"]
    view = {"projectId": project, "resolveLinked": True}
    assert keys(listing(manager, scope="PROJECT", **view)) == ["of_lab"]
    assert keys(listing(manager, scope="DEPLOYMENT", **view)) == ["of_dev"]
    assert keys(listing(manager, scope="WORKSPACE", **view)) == ["shared"]
    assert keys(listing(manager, scope="DEPLOYMENT")) == ["of_dev", "own"]


def test_lists_are_filtered_by_who_changed_them_and_when(manager: Manager) -> None:
    command = ("token", "create", "--data", str(manager.data), "--name", "Ada L", "--scope",
               "organization", "--scope-id", manager.organization, "--role", "OWNER")  # fmt: skip
    ada = manager.command(*command)
    manager.create_variable("mine", "1")
    body = {**GOOD, "objectKey": "hers", "scopeEntityId": manager.workspace}
    assert send(manager, "POST", objects(manager), body, token=ada["token"]).status == 200
    for text in ("ada", "A+l", ada["id"]):
        assert keys(listing(manager, updatedBy=text)) == ["hers"], text
    assert listing(manager, updatedBy="nobody")["totalCount"] == 0
    assert listing(manager, updatedBy="")["totalCount"] == 2
    at = one(manager, "hers")["updatedAt"]
    assert "hers" in keys(listing(manager, updatedSince=at))
    assert "hers" not in keys(listing(manager, updatedBefore=at))
    everything = listing(manager, updatedSince="2020-02-29", updatedBefore="2999-01-01")
    assert everything["totalCount"] == 2
    assert listing(manager, updatedSince="2999-01-01T00:00:00.123Z")["totalCount"] == 0


# --- links --------------------------------------------------------------------------------------


def test_resolution(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    manager.create_connection(
        "linked",
        host="ws",
        login="ws",
        password="pw",
        extra={"a": 1, "b": {"c": 1}},
        links=[link(prod, connection={"host": "prod", "extra": {"b": 2, "z": "s"}})],
    )
    manager.create_connection("auto", host="all", autoLinkDeployments=True)
    manager.create_connection(
        "excluded",
        autoLinkDeployments=True,
        excludeLinks=[{"scope": "DEPLOYMENT", "scopeEntityId": prod}],
    )
    manager.create_connection("unlinked")
    manager.create_connection("auto", dev, host="own")

    assert keys(listing(manager, deploymentId=prod, resolveLinked=True)) == ["auto", "linked"]
    assert keys(listing(manager, deploymentId=dev, resolveLinked=True)) == ["auto", "excluded"]
    assert keys(listing(manager, deploymentId=prod)) == []
    assert keys(listing(manager, deploymentId=dev)) == ["auto"]

    row = one(manager, "linked", deploymentId=prod, resolveLinked=True, showSecrets=True)
    assert row["connection"] == {
        "type": "postgres",
        "host": "prod",
        "login": "ws",
        "password": "pw",
        "extra": {"a": 1, "b": 2, "z": "s"},
    }
    assert "id" not in row and "links" not in row and "excludeLinks" not in row
    assert (row["sourceScope"], row["sourceScopeEntityId"]) == ("WORKSPACE", manager.workspace)
    assert (row["scope"], row["scopeEntityId"]) == ("DEPLOYMENT", prod)
    assert set(row["setFields"]) == {
        "type",
        "host",
        "login",
        "password",
        "extra.a",
        "extra.b",
        "extra.z",
    }

    own = one(manager, "auto", deploymentId=dev, resolveLinked=True)
    assert own["connection"]["host"] == "own"
    assert "sourceScope" not in own and "id" not in own

    # The Workspace's own view has Workspace values, and ids.
    row = one(
        manager, "linked", workspaceId=manager.workspace, resolveLinked=True, showSecrets=True
    )
    assert row["connection"]["host"] == "ws" and "id" in row and "sourceScope" not in row


def test_links_are_echoed_sparse(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    object_id = manager.create_connection(
        "c", host="h", links=[link(prod, connection={"host": "", "port": 1}), link(dev)]
    )
    links = {
        entry["scopeEntityId"]: entry for entry in manager.api("GET", f"/{object_id}")["links"]
    }
    assert links[prod] == {
        "scope": "DEPLOYMENT",
        "scopeEntityId": prod,
        "setFields": ["port"],
        "connectionOverrides": {"host": "", "port": 1},
    }
    assert links[dev] == {"scope": "DEPLOYMENT", "scopeEntityId": dev, "setFields": []}


def test_an_override_of_secrets_alone_is_there_without_them(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_connection(
        "c", links=[link(prod, connection={"password": "hunter2"})]
    )
    secret_id = manager.create_variable(
        "s", "ws", secret=True, links=[link(prod, airflowVariable={"value": "hunter2"})]
    )
    reply = send(manager, "GET", f"{objects(manager)}/{object_id}")
    assert b"hunter2" not in reply.raw
    assert reply.body["links"][0]["connectionOverrides"] == {}
    assert reply.body["links"][0]["setFields"] == ["password"]
    reply = send(manager, "GET", f"{objects(manager)}/{secret_id}")
    assert b"hunter2" not in reply.raw
    assert reply.body["links"][0]["airflowVariableOverrides"] == {"value": ""}
    assert reply.body["links"][0]["setFields"] == ["value"]
    row = one(manager, "c", showSecrets=True)
    assert row["links"][0]["connectionOverrides"] == {"password": "hunter2"}


def test_exclude_linking(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    object_id = manager.create_connection("c", autoLinkDeployments=True)
    target = {"scope": "DEPLOYMENT", "scopeEntityId": prod}
    path = f"{objects(manager)}/{object_id}/exclude-linking"
    for _ in range(2):
        reply = send(manager, "POST", path, target)
        assert reply.status == 200 and reply.raw == b""
    assert manager.api("GET", f"/{object_id}")["excludeLinks"] == [target]
    assert keys(listing(manager, deploymentId=prod, resolveLinked=True)) == []
    assert keys(listing(manager, deploymentId=dev, resolveLinked=True)) == ["c"]
    send(manager, "POST", path, {"scope": "DEPLOYMENT"}).field_error("scopeEntityId")
    send(manager, "POST", path, {"scope": "WORKSPACE", "scopeEntityId": prod}).field_error("scope")
    send(manager, "POST", path, {**target, "scopeEntityId": NOWHERE}).field_error("scopeEntityId")
    own = manager.create_connection("own", prod)
    send(manager, "POST", f"{objects(manager)}/{own}/exclude-linking", target).error(400, "scope")


def test_a_link_and_an_exclusion_of_one_deployment(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    body = {
        **GOOD,
        "scopeEntityId": manager.workspace,
        "links": [link(prod)],
        "excludeLinks": [{"scope": "DEPLOYMENT", "scopeEntityId": prod}],
    }
    send(manager, "POST", objects(manager), body).field_error("excludeLinks[0].scopeEntityId")
    body["excludeLinks"] = []
    body["links"] = [link(prod), link(prod)]
    send(manager, "POST", objects(manager), body).field_error("links[1].scopeEntityId")
    # In separate requests: the link takes precedence.
    object_id = manager.create_connection("c", links=[link(prod)])
    manager.api(
        "POST", f"/{object_id}/exclude-linking", {"scope": "DEPLOYMENT", "scopeEntityId": prod}
    )
    assert keys(listing(manager, deploymentId=prod, resolveLinked=True)) == ["c"]


# --- masking ------------------------------------------------------------------------------------


def test_masking_of_variables(manager: Manager) -> None:
    manager.create_variable("open", "plain")
    manager.create_variable("shut", "hunter2", secret=True)
    manager.create_variable("void", "", secret=True)
    assert one(manager, "open")["airflowVariable"] == {"value": "plain", "isSecret": False}
    assert one(manager, "shut")["airflowVariable"] == {"value": "", "isSecret": True}
    assert one(manager, "shut")["setFields"] == ["value"]
    assert one(manager, "void")["setFields"] == []
    assert one(manager, "shut", showSecrets=True)["airflowVariable"]["value"] == "hunter2"


def test_masking_of_a_list(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection(
        "c",
        host="h",
        password="hunter2",
        extra={"k": "hunter3", "o": {"p": "hunter4"}},
        links=[link(prod, connection={"password": "hunter5", "extra": {"k": "hunter6"}})],
    )
    for query in ("", "?showSecrets=false", f"?deploymentId={prod}&resolveLinked=true"):
        reply = send(manager, "GET", objects(manager) + query)
        assert b"hunter" not in reply.raw
        (row,) = reply.body["environmentObjects"]
        assert row["connection"] == {"type": "postgres", "host": "h", "extra": {"k": "", "o": ""}}
        assert set(row["setFields"]) == {"type", "host", "password", "extra.k", "extra.o"}


def test_the_switch_for_fetching_secrets(manager: Manager) -> None:
    manager.create_variable("v", "hunter2", secret=True)
    manager.command("organization", "set", "--data", str(manager.data), "--secrets-fetching", "off")
    reply = send(manager, "GET", objects(manager) + "?showSecrets=true")
    body = reply.error(403)
    assert body["message"] == (
        f"showSecrets on organization with id {manager.organization} is not allowed"
    )
    assert one(manager, "v")["airflowVariable"]["value"] == ""
    manager.command("organization", "set", "--data", str(manager.data), "--secrets-fetching", "on")
    assert one(manager, "v", showSecrets=True)["airflowVariable"]["value"] == "hunter2"


# --- conditional requests -----------------------------------------------------------------------


def test_etag_and_304(manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    path = f"{objects(manager)}?deploymentId={prod}&resolveLinked=true&objectType=CONNECTION"
    first = send(manager, "GET", path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for value in (tag, "W/" + tag, f'"other", W/{tag}', "*"):
        reply = send(manager, "GET", path, headers={"If-None-Match": value})
        assert reply.status == 304 and reply.raw == b"" and reply.headers["etag"] == tag
    assert send(manager, "GET", path, headers={"If-None-Match": '"other"'}).status == 200
    # Only the first page is conditional; all pages carry the tag.
    reply = send(manager, "GET", path + "&offset=1", headers={"If-None-Match": tag})
    assert reply.status == 200 and reply.headers["etag"] == tag
    # Another Deployment's objects and another type's do not touch this view.
    manager.create_connection("other", dev)
    manager.create_variable("v", "1", prod)
    assert send(manager, "GET", path, headers={"If-None-Match": tag}).status == 304
    object_id = manager.create_connection("c", autoLinkDeployments=True)
    changed = send(manager, "GET", path, headers={"If-None-Match": tag})
    assert changed.status == 200 and keys(changed.body) == ["c"] and changed.headers["etag"] != tag
    tag = changed.headers["etag"]
    manager.delete(object_id)
    assert send(manager, "GET", path, headers={"If-None-Match": tag}).status == 200


def test_many_rows_stream_whole(manager: Manager) -> None:
    """Far more than one piece of output; the list shows one version, despite writes meanwhile."""
    for i in range(300):
        manager.create_variable(f"v{i:03}", "x" * 3000)
    conn = connection(manager)
    conn.request(
        "GET",
        objects(manager) + "?limit=1000",
        headers={"Authorization": f"Bearer {manager.token}"},
    )
    reply = conn.getresponse()
    begin = reply.read(10)
    manager.create_variable("late", "y")
    page = json.loads(begin + reply.read())
    assert page["totalCount"] == 300 and keys(page) == [f"v{i:03}" for i in range(300)]
    assert send(manager, "GET", objects(manager), over=conn).body["totalCount"] == 301
    conn.close()
