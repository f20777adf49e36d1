# SPDX-License-Identifier: Apache-2.0
"""Values set through the manager's API come out of the socket, resolved for the Deployment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Connd, Manager, Varlink, VarlinkError, eventually, link
from faulty_manager import Exchange, FaultyManager, connection_row, variable_row

FIELDS = {
    "host": "db.example.com",
    "login": "etl",
    "password": "p@ss/w:rd%+&?#\"'\\",
    "schema": "analytics",
    "port": 5432,
    "extra": {
        "sslmode": "require",
        "nested": {"a": [1, 2.5, None, True, "x"], "empty": {}},
        "big": 9223372036854775807,
        "small": -9223372036854775808,
        "empty": "",
    },
}


def wait_connection(connd: Connd, key: str, **fields: Any) -> dict[str, Any]:
    """Waits until the connection has these fields."""

    def there() -> dict[str, Any] | None:
        got = connd.connection(key)
        return got if all(got.get(k) == v for k, v in fields.items()) else None

    found: dict[str, Any] = eventually(there, f"{key} with {fields}")
    return found


def test_every_field_arrives_in_the_fixed_order(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("warehouse", prod, description="The warehouse", **FIELDS)
    with manager.connd() as connd, connd.client() as client:
        reply = client.call("io.connd.secrets.GetConnection", {"conn_id": "warehouse"})
        text = reply["value"]
        value = json.loads(text)
        assert list(value) == [
            "conn_type", "description", "host", "login", "password", "schema", "port", "extra",
        ]  # fmt: skip
        assert value == {"conn_type": "postgres", "description": "The warehouse", **FIELDS}
        # All digits are kept: a double would round them.
        assert "9223372036854775807" in text and "-9223372036854775808" in text
        assert reply["state"] == "fresh" and reply["generation"] > 0 and reply["age_ms"] >= 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"port": 1}, {"port": 1}),
        ({"port": 65535}, {"port": 65535}),
        ({}, {}),
        ({"extra": {}}, {}),
        ({"password": "\x01\x1f\x7f\n\r\t end "}, {"password": "\x01\x1f\x7f\n\r\t end "}),
        (
            {"login": "Zoë 🔑 \u202e", "schema": "日本"},
            {"login": "Zoë 🔑 \u202e", "schema": "日本"},
        ),
        ({"password": "k" * 65535 + "\n"}, {"password": "k" * 65535 + "\n"}),
        (
            {"extra": {"key": "-----BEGIN\n" + "A" * 65536 + "\n-----END\n"}},
            {"extra": {"key": "-----BEGIN\n" + "A" * 65536 + "\n-----END\n"}},
        ),
    ],
    ids=["port-1", "port-max", "bare", "empty-extra", "control", "unicode", "64k", "64k-extra"],
)
def test_values_at_the_edges(
    manager: Manager, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    manager.create_connection("edge", manager.deployment_ids["prod"], **fields)
    with manager.connd() as connd:
        got = connd.connection("edge")
        assert got.pop("conn_type") == "postgres"
        if "extra" in fields and not fields["extra"]:
            got.pop(
                "extra", None
            )  # an empty one may be present or absent: Airflow treats both alike
        assert got == expected


def test_keys_are_opaque(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    keys = ["a.b-c", "a/b", "A_b", "a b", "ü"]
    for key in keys:
        manager.create_variable(key, f"value of {key}", prod)
    with manager.connd() as connd:
        assert [connd.variable(key) for key in keys] == [f"value of {key}" for key in keys]


def test_variables_and_config_options(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_variable("plain", "a\nb", prod)
    manager.create_variable("secret", "hush", prod, secret=True)
    manager.create_variable("empty", "", prod)
    manager.create_variable("config/sql_alchemy_conn", "sqlite://", prod)
    with manager.connd() as connd, connd.client() as client:
        assert client.variable("plain") == "a\nb"
        assert client.variable("secret") == "hush"
        assert client.variable("empty") == ""
        got = client.call("io.connd.secrets.GetConfig", {"key": "sql_alchemy_conn"})
        assert got["value"] == "sqlite://"


def test_links_overrides_auto_links_and_exclusions(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection(
        "linked", host="ws", password="ws-secret", extra={"a": 1, "b": {"x": 1}},
        links=[link(prod, connection={"host": "prod", "extra": {"b": {"y": 2}}})],
    )  # fmt: skip
    manager.create_connection("auto", host="all", autoLinkDeployments=True)
    manager.create_connection(
        "excluded", host="not-prod", autoLinkDeployments=True,
        excludeLinks=[{"scope": "DEPLOYMENT", "scopeEntityId": prod}],
    )  # fmt: skip
    manager.create_connection("both", host="workspace", autoLinkDeployments=True)
    manager.create_connection("both", prod, host="own")
    manager.create_connection("unlinked", host="nobody")
    with manager.connd("prod") as in_prod, manager.connd("dev", name="dev") as in_dev:
        assert in_prod.connection("linked") == {
            "conn_type": "postgres", "host": "prod", "password": "ws-secret",
            "extra": {"a": 1, "b": {"y": 2}},
        }  # fmt: skip
        assert in_prod.connection("auto")["host"] == in_dev.connection("auto")["host"] == "all"
        assert in_prod.connection("both")["host"] == "own"
        assert in_dev.connection("both")["host"] == "workspace"
        assert in_dev.connection("excluded")["host"] == "not-prod"
        for connd, key in ((in_prod, "excluded"), (in_dev, "linked"), (in_prod, "unlinked")):
            with pytest.raises(VarlinkError) as caught:
                connd.connection(key)
            assert caught.value.name == "io.connd.secrets.NotFound"


def test_a_changed_override_arrives(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    body = {"type": "postgres", "host": "ws", "password": "s1"}
    object_id = manager.create_connection(
        "db", **body, links=[link(prod, connection={"host": "one"})]
    )
    with manager.connd() as connd:
        before = connd.status()["generation"]
        assert connd.connection("db")["host"] == "one"
        manager.update(object_id, connection=body, links=[link(prod, connection={"host": "two"})])
        wait_connection(connd, "db", host="two", password="s1")
        assert connd.status()["generation"] > before
        manager.delete(object_id)
        eventually(lambda: "db" not in keys(connd)["connections"], "the deletion arrives")


def keys(connd: Connd) -> dict[str, Any]:
    with connd.client() as client:
        return client.call("io.connd.secrets.List")


def younger_than(age: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: bool(status["age_ms"] < age)


def test_unchanged_content_keeps_its_generation(manager: Manager) -> None:
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    with manager.connd() as connd:
        first = connd.status()["generation"]
        # The age falls when a sync confirms the data: after two falls, two syncs have run.
        for _ in range(2):
            age = connd.wait_for(lambda s: s["age_ms"] > 500, "it ages")["age_ms"]
            connd.wait_for(younger_than(age), "a refresh")
        assert connd.status()["generation"] == first


def test_not_found_is_an_answer(connd: Connd) -> None:
    with connd.client() as client:
        for method, parameters, kind in (
            ("GetConnection", {"conn_id": "nope"}, "connection"),
            ("GetVariable", {"key": "nope"}, "variable"),
            ("GetConfig", {"key": "nope"}, "variable"),
        ):
            with pytest.raises(VarlinkError) as caught:
                client.call(f"io.connd.secrets.{method}", parameters)
            assert caught.value.name == "io.connd.secrets.NotFound"
            got = caught.value.parameters
            assert got["kind"] == kind and got["state"] == "fresh" and got["age_ms"] >= 0


def test_team_key_is_tried_first(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_variable("key", "everybody's", prod)
    manager.create_variable("blue___key", "blue's", prod)
    with manager.connd() as connd:
        assert connd.variable("key", team="blue") == "blue's"
        assert connd.variable("key", team="red") == "everybody's"
        assert connd.variable("key", team=None) == connd.variable("key", team="") == "everybody's"
        assert connd.variable("blue___key") == "blue's"


def test_teams_yes_hides_keys_of_other_teams(manager: Manager) -> None:
    manager.create_variable("blue___key", "blue's", manager.deployment_ids["prod"])
    with manager.connd(sections={"access": {"allow": "*", "teams": "yes"}}) as connd:
        assert connd.variable("key", team="blue") == "blue's"
        with pytest.raises(VarlinkError, match="NotFound"):
            connd.variable("blue___key")


def test_list_is_sorted_and_shows_no_values(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    for key in ("b", "a", "B", "c.d"):
        manager.create_connection(key, prod, password="hidden")
        manager.create_variable(key, "hidden", prod)
    with manager.connd() as connd, connd.client() as client:
        expected = ["B", "a", "b", "c.d"]
        got = client.call("io.connd.secrets.List")
        assert (got["connections"], got["variables"]) == (expected, expected)
        assert got["state"] == "fresh" and "hidden" not in json.dumps(got)
        client.send(Varlink.frame("io.connd.secrets.List", more=True))
        joined: dict[str, list[str]] = {"connections": [], "variables": []}
        continues = True
        while continues:
            reply = client.receive()
            assert reply
            continues = reply.get("continues", False)
            for kind in joined:
                joined[kind] += reply["parameters"].get(kind, [])
        assert joined == {"connections": expected, "variables": expected}


def test_status_counts_records(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("c", prod)
    manager.create_variable("v1", "1", prod)
    manager.create_variable("v2", "2", prod)
    manager.create("ENVIRONMENT_VARIABLE", "ENV", {"value": "x", "isSecret": False}, prod)
    with manager.connd() as connd:
        status = connd.status()
        assert status["state"] == "fresh"
        assert (status["connections"], status["variables"], status["withheld"]) == (1, 2, 0)
        assert status["environment_variables"] == 1
        assert not status.get("last_error")
        assert status["deployment"] == prod and status["organization"] == manager.organization


def test_the_service_describes_itself(connd: Connd) -> None:
    with connd.client() as client:
        info = client.call("org.varlink.service.GetInfo")
        assert set(info) == {"vendor", "product", "version", "url", "interfaces"}
        assert info["product"] == "connd"
        assert sorted(info["interfaces"]) == ["io.connd.secrets", "org.varlink.service"]
        for interface in info["interfaces"]:
            text = client.call(
                "org.varlink.service.GetInterfaceDescription", {"interface": interface}
            )["description"]
            assert f"interface {interface}" in text
        with pytest.raises(VarlinkError) as caught:
            client.call("org.varlink.service.GetInterfaceDescription", {"interface": "com.example"})
        assert caught.value.parameters == {"parameter": "interface"}


@pytest.mark.parametrize(
    ("method", "parameters", "error"),
    [
        ("com.example.Foo", None, "org.varlink.service.InterfaceNotFound"),
        ("io.connd.secrets.Frobnicate", None, "org.varlink.service.MethodNotFound"),
        ("io.connd.secrets.GetConnection", None, "org.varlink.service.InvalidParameter"),
        ("io.connd.secrets.GetConnection", {"conn_id": 7}, "org.varlink.service.InvalidParameter"),
        (
            "io.connd.secrets.GetConnection",
            {"conn_id": "a", "x": 1},
            "org.varlink.service.InvalidParameter",
        ),
        ("io.connd.secrets.Status", {"x": 1}, "org.varlink.service.InvalidParameter"),
    ],
)
def test_wrong_requests_get_standard_errors(
    connd: Connd, method: str, parameters: dict[str, Any] | None, error: str
) -> None:
    with connd.client() as client:
        with pytest.raises(VarlinkError) as caught:
            client.call(method, parameters)
        assert caught.value.name == error
        assert client.status()["state"] == "fresh"  # the connection stays usable


def test_oneway_calls_are_never_answered(connd: Connd) -> None:
    with connd.client() as client:
        client.send(Varlink.frame("io.connd.secrets.Status", oneway=True))
        client.send(Varlink.frame("com.example.Nonsense", oneway=True))
        client.send(Varlink.frame("io.connd.secrets.GetVariable", {"key": "no"}))
        reply = client.receive()
        assert reply and reply["error"] == "io.connd.secrets.NotFound"


def test_server_without_etag_and_prefer_suffices(workdir: Path, faulty: FaultyManager) -> None:
    """connd works with a server that supports neither ETag nor Prefer, and limits its pages."""
    deployment = faulty.deployment
    for i in range(25):
        faulty.add(connection_row(f"c{i:02}", deployment, host=f"h{i}", password=f"p{i}"))
        row = variable_row(f"v{i:02}", deployment, f"value {i}")
        row["createdBy"] = {"id": "x", "subjectType": "USER"}
        faulty.add(row)

    def short_pages(exchange: Exchange) -> None:
        page = exchange.page()
        page["environmentObjects"] = page["environmentObjects"][:7]
        exchange.reply(page)

    faulty.fault = short_pages
    with faulty.connd(workdir) as connd:
        got = keys(connd)
        assert got["connections"] == [f"c{i:02}" for i in range(25)]
        assert len(got["variables"]) == 25
        assert connd.connection("c24")["password"] == "p24"
    for path, query, headers in faulty.requests:
        assert path == f"/v1/organizations/{faulty.organization}/environment-objects"
        assert query["deploymentId"] == deployment and query["showSecrets"] == "true"
        assert query["resolveLinked"] == "true"
        assert headers["Authorization"] == "Bearer demo-token"
