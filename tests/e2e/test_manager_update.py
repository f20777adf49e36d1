# SPDX-License-Identifier: Apache-2.0
"""Updates of an object, including the special cases that stock clients rely on."""

from __future__ import annotations

from typing import Any

import pytest
from connd_testing import Manager, link
from manager_http import objects, send


def secrets(manager: Manager, object_id: str) -> Any:
    """The object with its secrets, from the list request, which is the only one that shows them."""
    key = manager.api("GET", f"/{object_id}")["objectKey"]
    rows = manager.api("GET", f"?objectKey={key}&showSecrets=true")["environmentObjects"]
    return next(row for row in rows if row["id"] == object_id)


def resolved(manager: Manager, key: str, deployment: str) -> Any:
    page = manager.api(
        "GET",
        f"?objectKey={key}&deploymentId={deployment}&resolveLinked=true&showSecrets=true",
    )
    (row,) = page["environmentObjects"]
    return row


@pytest.fixture
def prod(manager: Manager) -> str:
    return manager.deployment_ids["prod"]


@pytest.fixture
def dev(manager: Manager) -> str:
    return manager.deployment_ids["dev"]


def test_the_answer_is_the_object_as_it_is_now(manager: Manager) -> None:
    object_id = manager.create_connection("c", host="a", password="hunter2")
    reply = send(
        manager, "POST", f"{objects(manager)}/{object_id}",
        {"connection": {"type": "mysql", "host": "b"}},
    )  # fmt: skip
    assert reply.status == 200 and b"hunter2" not in reply.raw
    assert reply.body["id"] == object_id
    assert reply.body["connection"] == {"type": "mysql", "host": "b"}
    assert reply.body == manager.api("GET", f"/{object_id}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "connection"),
        ({"description": "x"}, "connection"),
        ({"connection": {}}, "connection.type"),
        ({"connection": {"type": "t"}, "objectKey": "d"}, "objectKey"),
        ({"connection": {"type": "t"}, "objectKey": 1}, "objectKey"),
        ({"connection": {"type": "t"}, "objectType": "AIRFLOW_VARIABLE"}, "objectType"),
        ({"connection": {"type": "t"}, "scope": "DEPLOYMENT"}, "scope"),
        ({"connection": {"type": "t"}, "scopeEntityId": "x"}, "scopeEntityId"),
        ({"airflowVariable": {"value": "t"}}, "airflowVariable"),
        ({"connection": {"type": "t", "port": 0}}, "connection.port"),
        ({"connection": {"type": "t"}, "description": "d" * 501}, "description"),
    ],
)
def test_what_an_update_refuses(manager: Manager, body: dict[str, Any], field: str) -> None:
    object_id = manager.create_connection("c", host="a")
    before = manager.api("GET", f"/{object_id}")
    send(manager, "POST", f"{objects(manager)}/{object_id}", body).field_error(field)
    assert manager.api("GET", f"/{object_id}") == before


def test_what_never_changes_may_be_sent_back(manager: Manager) -> None:
    """A client may send back the object as it read it."""
    object_id = manager.create_connection("c", host="a")
    before = manager.api("GET", f"/{object_id}")
    reply = send(manager, "POST", f"{objects(manager)}/{object_id}", before)
    assert reply.status == 200, reply.raw
    times = {"updatedAt": "", "updatedBy": ""}
    assert {**reply.body, **times} == {**before, **times}


def test_is_secret_cannot_change(manager: Manager) -> None:
    object_id = manager.create_variable("v", "x", secret=True)
    path = f"{objects(manager)}/{object_id}"
    body = {"airflowVariable": {"value": "y", "isSecret": False}}
    send(manager, "POST", path, body).field_error("airflowVariable.isSecret")
    body["airflowVariable"]["isSecret"] = True
    assert send(manager, "POST", path, body).status == 200
    assert secrets(manager, object_id)["airflowVariable"] == {"value": "y", "isSecret": True}


def test_an_unknown_object_is_404_before_its_body_is_read(manager: Manager) -> None:
    send(manager, "POST", f"{objects(manager)}/c{'0' * 24}", b"no json").error(404)


def test_connections_are_replaced_but_for_their_secrets(manager: Manager) -> None:
    object_id = manager.create_connection(
        "c", host="h", login="l", schema="s", port=1, password="p", extra={"a": "1", "b": {"c": 1}}
    )
    manager.update(object_id, connection={"type": "t", "host": "", "extra": {"a": "2", "z": 3}})
    assert secrets(manager, object_id)["connection"] == {
        "type": "t", "host": "", "password": "p", "extra": {"a": "2", "b": {"c": 1}, "z": 3},
    }  # fmt: skip
    manager.update(object_id, connection={"type": "t", "password": ""})
    assert secrets(manager, object_id)["connection"] == {
        "type": "t", "password": "p", "extra": {"a": "2", "b": {"c": 1}, "z": 3},
    }  # fmt: skip
    manager.update(object_id, connection={"type": "t", "password": "q", "extra": {}})
    assert secrets(manager, object_id)["connection"] == {"type": "t", "password": "q", "extra": {}}


def test_a_secret_variable_keeps_its_value_on_an_empty_one(manager: Manager) -> None:
    shut = manager.create_variable("shut", "hunter2", secret=True)
    manager.update(shut, airflowVariable={"value": ""})
    assert secrets(manager, shut)["airflowVariable"]["value"] == "hunter2"
    plain = manager.create_variable("plain", "x")
    manager.update(plain, airflowVariable={"value": ""})
    assert secrets(manager, plain)["airflowVariable"]["value"] == ""


def test_description_is_kept_when_absent(manager: Manager) -> None:
    object_id = manager.create_connection("c", description="one")
    for sent, want in (({}, "one"), ({"description": None}, "one"), ({"description": ""}, "")):
        got = manager.update(object_id, connection={"type": "t"}, **sent)
        assert got["description"] == want


def test_links_exclusions_and_auto_link_go_when_absent(
    manager: Manager, prod: str, dev: str
) -> None:
    exclude = {"scope": "DEPLOYMENT", "scopeEntityId": dev}
    object_id = manager.create_connection(
        "c", links=[link(prod)], excludeLinks=[exclude], autoLinkDeployments=True
    )
    got = manager.update(
        object_id, connection={"type": "t"}, links=[link(prod)], excludeLinks=[exclude],
        autoLinkDeployments=True,
    )  # fmt: skip
    assert len(got["links"]) == 1 and len(got["excludeLinks"]) == 1 and got["autoLinkDeployments"]
    got = manager.update(object_id, connection={"type": "t"})
    assert got["links"] == [] and got["excludeLinks"] == [] and got["autoLinkDeployments"] is False


OVERRIDES = {"host": "o", "password": "op", "extra": {"k": "ok"}}


@pytest.fixture
def overridden(manager: Manager, prod: str) -> str:
    return manager.create_connection(
        "c", host="h", password="p", extra={"k": "k", "m": "m"},
        links=[link(prod, connection=OVERRIDES)],
    )  # fmt: skip


KEPT = {"password": "op", "extra": {"k": "ok"}}


@pytest.mark.parametrize(
    ("entry", "more", "want"),
    [
        # A link without overrides: kept, unless the client sends the whole object.
        ({}, {}, OVERRIDES),
        ({"overrides": None}, {}, OVERRIDES),
        ({}, {"description": ""}, {}),
        # An empty one: the client sends back what it read, without secrets; or sends the whole
        # object.
        ({"overrides": {}}, {}, KEPT),
        ({"overrides": {"connection": {}}}, {}, KEPT),
        ({"overrides": {}}, {"description": "x"}, {}),
        ({"overrides": {"connection": {}}}, {"description": "x"}, {}),
        # Plain fields as sent; secret ones that are not sent are kept.
        ({"overrides": {"connection": {"login": "l"}}}, {}, {"login": "l", **KEPT}),
        ({"overrides": {"connection": {"login": "l", "password": ""}}}, {"description": "x"},
         {"login": "l", **KEPT}),
        ({"overrides": {"connection": {"password": "np"}}}, {}, {**KEPT, "password": "np"}),
        ({"overrides": {"connection": {"host": "o", "extra": {"n": 1}}}}, {},
         {"host": "o", "password": "op", "extra": {"k": "ok", "n": 1}}),
        ({"overrides": {"connection": {"extra": {"k": ""}}}}, {}, KEPT),
        ({"overrides": {"connection": {"extra": {}}}}, {}, KEPT),
        ({"overrides": {"connection": {"extra": {}}}}, {"description": ""}, {"password": "op"}),
        # unsetFields drops fields; alone it is a patch.
        ({"overrides": {"unsetFields": ["password"]}}, {}, {"host": "o", "extra": {"k": "ok"}}),
        ({"overrides": {"unsetFields": ["password"]}}, {"description": "x"},
         {"host": "o", "extra": {"k": "ok"}}),
        ({"overrides": {"unsetFields": ["extra.k", "login"]}}, {}, {"host": "o", "password": "op"}),
        ({"overrides": {"unsetFields": ["extra"]}}, {}, {"host": "o", "password": "op"}),
        ({"overrides": {"unsetFields": ["password"], "connection": {"schema": "s"}}}, {},
         {"schema": "s", "extra": {"k": "ok"}}),
        ({"overrides": {"unsetFields": ["extra.k"], "connection": {}}}, {}, {"password": "op"}),
    ],
)  # fmt: skip
def test_what_becomes_of_overrides(
    manager: Manager, prod: str, overridden: str, entry: Any, more: Any, want: Any
) -> None:
    manager.update(
        overridden, connection={"type": "postgres", "host": "h", "extra": {"k": "k", "m": "m"}},
        links=[{**link(prod), **entry}], **more,
    )  # fmt: skip
    row = secrets(manager, overridden)
    assert row["links"][0].get("connectionOverrides", {}) == want
    merged = {"type": "postgres", "host": "h", "password": "p", "extra": {"k": "k", "m": "m"}}
    seen = {**merged, **want, "extra": {**merged["extra"], **want.get("extra", {})}}  # type: ignore[dict-item]
    assert resolved(manager, "c", prod)["connection"] == seen


def test_overrides_of_a_variable(manager: Manager, prod: str) -> None:
    object_id = manager.create_variable(
        "v", "ws", secret=True, links=[link(prod, airflowVariable={"value": "o"})]
    )
    assert resolved(manager, "v", prod)["airflowVariable"] == {"value": "o", "isSecret": True}
    # "" keeps a secret one.
    manager.update(
        object_id, airflowVariable={"value": ""}, links=[link(prod, airflowVariable={"value": ""})]
    )
    assert resolved(manager, "v", prod)["airflowVariable"]["value"] == "o"
    manager.update(
        object_id, airflowVariable={"value": ""}, links=[link(prod, unsetFields=["value"])]
    )
    assert resolved(manager, "v", prod)["airflowVariable"]["value"] == "ws"


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"airflowVariable": {"value": "x"}}, "links[0].overrides.airflowVariable"),
        ({"connection": {"port": 0}}, "links[0].overrides.connection.port"),
        ({"connection": {"authTypeId": "x"}}, "links[0].overrides.connection.authTypeId"),
        ({"unsetFields": ["nosuch"]}, "links[0].overrides.unsetFields"),
        ({"unsetFields": ["host"] * 101}, "links[0].overrides.unsetFields"),
        ({"unsetFields": ["host"], "connection": {"host": "x"}}, "links[0].overrides.unsetFields"),
        ({"unsetFields": ["extra.k"], "connection": {"extra": {"k": 1}}},
         "links[0].overrides.unsetFields"),
    ],
)  # fmt: skip
def test_bad_overrides_are_named(
    manager: Manager, prod: str, overridden: str, overrides: Any, field: str
) -> None:
    body = {"connection": {"type": "t"}, "links": [{**link(prod), "overrides": overrides}]}
    send(manager, "POST", f"{objects(manager)}/{overridden}", body).field_error(field)
    assert secrets(manager, overridden)["links"][0]["connectionOverrides"] == OVERRIDES


def test_linked_to_all_and_back_keeps_overrides(
    manager: Manager, prod: str, dev: str, overridden: str
) -> None:
    typed = {"type": "postgres", "host": "h"}
    manager.update(overridden, connection=typed, links=[link(prod)], autoLinkDeployments=True)
    assert resolved(manager, "c", prod)["connection"]["host"] == "o"
    assert resolved(manager, "c", dev)["connection"]["host"] == "h"
    manager.update(overridden, connection=typed, links=[link(prod)])
    assert resolved(manager, "c", prod)["connection"]["host"] == "o"
    assert manager.api("GET", f"?deploymentId={dev}&resolveLinked=true")["totalCount"] == 0


def test_a_refused_link_changes_nothing(manager: Manager, prod: str, overridden: str) -> None:
    body = {"connection": {"type": "t", "host": "new"}, "links": [link(prod), link("c" + "0" * 24)]}
    reply = send(manager, "POST", f"{objects(manager)}/{overridden}", body)
    reply.field_error("links[1].scopeEntityId")
    assert secrets(manager, overridden)["connection"]["host"] == "h"


def test_at_v1beta1_a_link_without_overrides_has_none(
    manager: Manager, prod: str, overridden: str
) -> None:
    """Its bodies have no description, which elsewhere marks a request with the whole object."""
    path = objects(manager).replace("/v1/", "/platform/v1beta1/")
    body = {"connection": {"type": "postgres", "host": "h"}, "links": [link(prod)]}
    assert send(manager, "POST", f"{path}/{overridden}", body).status == 200
    assert "connectionOverrides" not in secrets(manager, overridden)["links"][0]
