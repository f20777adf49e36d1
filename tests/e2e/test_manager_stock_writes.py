# SPDX-License-Identifier: Apache-2.0
"""Writes in the form that stock clients send: a create with four members, a free auth type, an
update that sends back what was read, misspelt names. Whatever they write, a secret stays secret.
"""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager, VarlinkError, eventually, link
from manager_http import objects, send

GENERIC = "cauthgeneric0000000000000"
AWS_KEY = "cauthawsaccesskey00000000"  # says that region_name and role_arn are not secret
VALUES = {
    "CONNECTION": ("connection", {"type": "postgres", "host": "db"}),
    "AIRFLOW_VARIABLE": ("airflowVariable", {"value": "v", "isSecret": True}),
    "ENVIRONMENT_VARIABLE": ("environmentVariable", {"value": "v", "isSecret": False}),
    "METRICS_EXPORT": ("metricsExport", {"endpoint": "https://m", "exporterType": "PROMETHEUS"}),
}
HIDDEN = {"value": "", "isSecret": True}


def create(manager: Manager, kind: str, key: str, **more: Any) -> str:
    """Creates an object with the four members of the API reference's example, and those given."""
    body = {
        "objectKey": key, "objectType": kind, "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, **more,
    }  # fmt: skip
    got = manager.api("POST", "", body)
    assert set(got) == {"id"}
    object_id: str = got["id"]
    return object_id


def one(manager: Manager, key: str, query: str = "&showSecrets=true") -> Any:
    (row,) = manager.api("GET", f"?objectKey={key}{query}")["environmentObjects"]
    return row


# --- a create of four members -------------------------------------------------------------------


@pytest.mark.parametrize("kind", VALUES)
def test_four_members_create_an_object_that_an_update_gives_its_value(
    manager: Manager, kind: str
) -> None:
    member, value = VALUES[kind]
    object_id = create(
        manager, kind, "prod_postgres_db", links=[link(manager.deployment_ids["prod"])]
    )
    resolved = f"&deploymentId={manager.deployment_ids['prod']}&resolveLinked=true&showSecrets=true"
    for row in (
        manager.api("GET", f"/{object_id}"),
        one(manager, "prod_postgres_db"),
        one(manager, "prod_postgres_db", resolved),
    ):
        assert row["objectType"] == kind and row["setFields"] == []
        assert not {name for name, _ in VALUES.values()} & set(row)
    # Without a typed body there is nothing to store; with one, it is read like a create.
    send(manager, "POST", f"{objects(manager)}/{object_id}", {"description": "x"}).field_error(
        member
    )
    got = manager.update(object_id, **{member: value}, links=[link(manager.deployment_ids["prod"])])
    assert got[member] == (HIDDEN if kind == "AIRFLOW_VARIABLE" else value)
    assert one(manager, "prod_postgres_db", resolved)[member] == value
    assert got["id"] == object_id and got["createdAt"]


@pytest.mark.parametrize("kind", ["CONNECTION", "METRICS_EXPORT"])
def test_a_first_value_is_as_complete_as_in_a_create(manager: Manager, kind: str) -> None:
    member, value = VALUES[kind]
    object_id = create(manager, kind, "k")
    for name in [n for n in value if n != "host"]:
        partial = {n: v for n, v in value.items() if n != name}
        reply = send(manager, "POST", f"{objects(manager)}/{object_id}", {member: partial})
        reply.field_error(f"{member}.{name}")


def test_an_object_without_a_value_has_nothing_to_override(manager: Manager) -> None:
    body = {
        "objectKey": "k", "objectType": "CONNECTION", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "links": [link(manager.deployment_ids["prod"], connection={"host": "h"})],
    }  # fmt: skip
    reply = send(manager, "POST", objects(manager), body)
    reply.field_error("links[0].overrides")
    reply.error(400, "connection")


def test_its_life_goes_on_without_a_value(manager: Manager) -> None:
    """It can be promoted, deleted and restored, also from a later version."""
    body = {
        "objectKey": "k", "objectType": "CONNECTION", "scope": "DEPLOYMENT",
        "scopeEntityId": manager.deployment_ids["prod"],
    }  # fmt: skip
    object_id: str = manager.api("POST", "", body)["id"]
    got = manager.api("POST", f"/{object_id}/promote")
    assert got["scope"] == "WORKSPACE" and "connection" not in got
    manager.update(object_id, connection={"type": "t", "password": "p"})
    assert "connection" not in manager.api("POST", f"/{object_id}/restore", {"version": 2})
    assert one(manager, "k")["setFields"] == []
    manager.api("DELETE", f"/{object_id}")
    path = f"/v1/organizations/{manager.organization}/audit-log/restore"
    reply = send(manager, "POST", path, {"subjectId": object_id, "version": 4})
    assert reply.status == 200 and "connection" not in reply.body


def test_connd_answers_invalid_until_it_has_a_value(manager: Manager, connd: Connd) -> None:
    object_id = create(manager, "CONNECTION", "empty", autoLinkDeployments=True)
    create(manager, "AIRFLOW_VARIABLE", "void", autoLinkDeployments=True)
    manager.create_connection("other", autoLinkDeployments=True, host="h")
    eventually(lambda: connd.connection("other")["host"] == "h", "the list is there")
    for method, name, key, field in (
        ("GetConnection", "conn_id", "empty", "connection"),
        ("GetVariable", "key", "void", "airflowVariable"),
    ):
        with connd.client() as client, pytest.raises(VarlinkError) as caught:
            client.call(f"io.connd.secrets.{method}", {name: key})
        assert caught.value.name == "io.connd.secrets.Invalid"
        assert caught.value.parameters["field"] == field
        kind = "conn" if name == "conn_id" else "var"
        done = subprocess.run(
            [CONNCTL, "--socket", connd.socket, "get", kind, key],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (3, "")
        assert "has no usable value in the manager" in done.stderr and field in done.stderr
    manager.update(
        object_id, connection={"type": "postgres", "host": "now"}, autoLinkDeployments=True
    )

    def there() -> bool:
        with connd.client() as client:
            try:
                return (
                    "now"
                    in client.call("io.connd.secrets.GetConnection", {"conn_id": "empty"})["value"]
                )
            except VarlinkError:
                return False

    eventually(there, "the value arrives")


# --- auth types ---------------------------------------------------------------------------------


def test_an_auth_type_of_nobody_is_kept_and_given_back(manager: Manager) -> None:
    """The provider's published example uses this auth type."""
    object_id = manager.create_connection(
        "s", type="snowflake", authTypeId="snowflake-password", extra={"account": "a"}
    )
    got = manager.api("GET", f"/{object_id}")
    assert got["connection"]["authTypeId"] == "snowflake-password"
    assert "connectionAuthType" not in got["connection"]
    assert got["connection"]["extra"] == {"account": ""}
    assert got["setFields"] == ["type", "extra.account"]
    # Round trip: send back what was read.
    again = manager.update(object_id, connection=got["connection"])
    assert again["connection"] == got["connection"]
    assert one(manager, "s")["connection"]["extra"] == {"account": "a"}


def test_an_auth_type_of_the_catalogue_makes_the_round_trip_by_its_id(manager: Manager) -> None:
    object_id = manager.create_connection("s", authTypeId=GENERIC)
    got = manager.api("GET", f"/{object_id}")["connection"]
    assert "authTypeId" not in got
    typed = {"type": got["type"], "authTypeId": got["connectionAuthType"]["id"]}
    again = manager.update(object_id, connection=typed)["connection"]
    assert again["connectionAuthType"] == got["connectionAuthType"]


# --- a secret stays secret ----------------------------------------------------------------------


def test_another_auth_type_shows_nothing_that_was_secret(manager: Manager) -> None:
    prod, dev = manager.deployment_ids.values()
    secret = {"region_name": "hunter2", "role_arn": "hunter3", "k": "hunter4"}
    object_id = manager.create_connection(
        "a", type="aws", extra=secret,
        links=[link(prod, connection={"extra": secret}), link(dev)],
    )  # fmt: skip
    # As an OPERATOR without the right to read secrets would do it: only a new auth type.
    got = manager.update(
        object_id, connection={"type": "aws", "authTypeId": AWS_KEY}, links=[link(prod), link(dev)]
    )
    resolved = f"&deploymentId={prod}&resolveLinked=true"
    for row in (got, manager.api("GET", f"/{object_id}"), one(manager, "a", resolved)):
        assert row["connection"]["extra"] == {"region_name": "", "role_arn": "", "k": ""}
        assert "hunter" not in str(row)
    assert got["links"][0]["connectionOverrides"] == {}
    assert one(manager, "a")["connection"]["extra"] == secret
    # For new values the auth type decides, and for members that were never secret.
    extra = {"role_arn": "arn", "region_name": ""}
    got = manager.update(
        object_id, connection={"type": "aws", "authTypeId": AWS_KEY, "extra": extra},
        links=[link(prod, connection={"extra": {"role_arn": "arn:prod"}}), link(dev)],
    )  # fmt: skip
    assert got["connection"]["extra"] == {"region_name": "", "role_arn": "arn", "k": ""}
    assert got["links"][0]["connectionOverrides"] == {"extra": {"role_arn": "arn:prod"}}
    seen = one(manager, "a", resolved)["connection"]["extra"]
    assert seen == {"region_name": "", "role_arn": "arn:prod", "k": ""}
    shown = one(manager, "a", f"{resolved}&showSecrets=true")["connection"]["extra"]
    assert shown == {"region_name": "hunter2", "role_arn": "arn:prod", "k": "hunter4"}


def test_no_sequence_of_changes_reveals_a_secret(manager: Manager) -> None:
    """Not through another auth type in between, an unknown one, a restored version, or
    promotion."""
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_connection(
        "a", prod, type="aws", authTypeId=AWS_KEY, extra={"region_name": "hunter2"}
    )
    assert manager.api("GET", f"/{object_id}")["connection"]["extra"] == {"region_name": "hunter2"}
    for auth in ("of nobody", AWS_KEY, GENERIC, AWS_KEY):
        got = manager.update(object_id, connection={"type": "aws", "authTypeId": auth})
        assert got["connection"]["extra"] == {"region_name": ""}, auth
    for version in (1, 5, 3):
        got = manager.api("POST", f"/{object_id}/restore", {"version": version})
        assert got["connection"]["extra"] == {"region_name": ""}, version
    assert manager.api("POST", f"/{object_id}/promote")["connection"]["extra"] == {
        "region_name": ""
    }
    manager.api("DELETE", f"/{object_id}")
    path = f"/v1/organizations/{manager.organization}/audit-log/restore"
    got = send(manager, "POST", path, {"subjectId": object_id, "version": 1}).body
    assert got["connection"]["extra"] == {"region_name": ""}


# --- an update that sends back what it read -------------------------------------------------------


def echo(manager: Manager, object_id: str) -> Any:
    """An update of the CLI's next major version: overrides as GET returned them, no description."""
    got = manager.api("GET", f"/{object_id}")
    member, _ = VALUES[got["objectType"]]
    typed = {n: v for n, v in got[member].items() if n not in ("isSecret", "connectionAuthType")}
    if "connectionAuthType" in got[member]:
        typed["authTypeId"] = got[member]["connectionAuthType"]["id"]
    links = [
        {
            "scope": entry["scope"], "scopeEntityId": entry["scopeEntityId"],
            "overrides": {member: entry.get(f"{member}Overrides", {})},
        }
        for entry in got["links"]
    ]  # fmt: skip
    return manager.update(object_id, **{member: typed}, links=links)


@pytest.mark.parametrize(
    ("kind", "typed", "overrides"),
    [
        ("CONNECTION", {"type": "t"}, {"password": "s"}),
        ("CONNECTION", {"type": "t"}, {"extra": {"k": "s"}}),
        ("CONNECTION", {"type": "t"}, {"host": "h", "password": "s", "extra": {"k": "s", "n": 1}}),
        ("CONNECTION", {"type": "aws", "authTypeId": AWS_KEY},
         {"extra": {"region_name": "eu", "k": "s"}}),
        ("AIRFLOW_VARIABLE", {"value": "v", "isSecret": True}, {"value": "s"}),
        ("AIRFLOW_VARIABLE", {"value": "v", "isSecret": True}, {"value": ""}),
        ("ENVIRONMENT_VARIABLE", {"value": "v", "isSecret": False}, {"value": "s"}),
        ("METRICS_EXPORT", VALUES["METRICS_EXPORT"][1], {"password": "s", "basicToken": "s"}),
        ("METRICS_EXPORT", VALUES["METRICS_EXPORT"][1], {"labels": {"a": "b"}, "password": "s"}),
    ],
)  # fmt: skip
def test_an_echo_changes_nothing(
    manager: Manager, kind: str, typed: dict[str, Any], overrides: dict[str, Any]
) -> None:
    member, _ = VALUES[kind]
    prod, dev = manager.deployment_ids.values()
    object_id = create(
        manager, kind, "k", **{member: typed},
        links=[link(prod, **{member: overrides}), link(dev, **{member: overrides})],
    )  # fmt: skip
    before = one(manager, "k")
    assert [entry[f"{member}Overrides"] for entry in before["links"]] == [overrides, overrides]
    echo(manager, object_id)
    after = one(manager, "k")
    assert {**after, "updatedAt": ""} == {**before, "updatedAt": ""}


def test_a_secret_variables_blank_override_is_shown_and_overrides_nothing(manager: Manager) -> None:
    """Terraform compares what it configured with what it reads."""
    prod = manager.deployment_ids["prod"]
    object_id = create(
        manager, "AIRFLOW_VARIABLE", "k", airflowVariable={"value": "ws", "isSecret": True},
        links=[link(prod, airflowVariable={"value": ""})],
    )  # fmt: skip
    for got in (manager.api("GET", f"/{object_id}"), one(manager, "k")):
        assert got["links"][0]["airflowVariableOverrides"] == {"value": ""}
        assert got["links"][0]["setFields"] == []
    resolved = f"&deploymentId={prod}&resolveLinked=true&showSecrets=true"
    assert one(manager, "k", resolved)["airflowVariable"]["value"] == "ws"


# --- unknown members ----------------------------------------------------------------------------


def test_misspelt_members_are_accepted_named_and_audited(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    body = {
        "objectKey": "k", "objectType": "CONNECTION", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, "autoLinkDeployment": True,
        "connection": {"type": "t", "hots": "db"},
    }  # fmt: skip
    made = send(manager, "POST", objects(manager), body)
    assert made.status == 200
    assert made.headers["warning"] == (
        '299 connd-manager "ignored members that are not known: connection.hots (nearest: host), '
        'autoLinkDeployment (nearest: autoLinkDeployments)"'
    )
    path = f"{objects(manager)}/{made.body['id']}"
    update = send(
        manager, "POST", path,
        {"connection": {"type": "t"}, "links": [{**link(prod), "override": {}}]},
    )  # fmt: skip
    assert "links[0].override (nearest: overrides)" in update.headers["warning"]
    exclude = {"scope": "DEPLOYMENT", "scopeEntityId": prod, "scopeEntityID": 1}
    reply = send(manager, "POST", f"{path}/exclude-linking", exclude)
    assert (
        reply.status == 200 and "scopeEntityID (nearest: scopeEntityId)" in reply.headers["warning"]
    )


@pytest.mark.parametrize(
    ("path", "body", "warned"),
    [
        ("tokens", {"name": "n", "role": "ORGANIZATION_MEMBER", "expiresInSecond": 60},
         "expiresInSecond (nearest: expiresInSeconds)"),
        ("tokens", {"name": "n", "role": "ORGANIZATION_MEMBER", "colourful": 1}, "colourful"),
        ("workspaces", {"name": "w", "descripton": "d"}, "descripton (nearest: description)"),
        ("deployments", {"name": "d", "workspaceId": "{w}", "isCICDEnforced": True},
         "isCICDEnforced (nearest: isCicdEnforced)"),
        ("projects", {"name": "p", "workspaceId": "{w}", "deploymentID": "x"},
         "deploymentID (nearest: deploymentId)"),
    ],
)  # fmt: skip
def test_misspelt_members_of_tokens_and_places_are_named(
    manager: Manager, path: str, body: dict[str, Any], warned: str
) -> None:
    body = {n: manager.workspace if v == "{w}" else v for n, v in body.items()}
    made = send(manager, "POST", f"/v1/organizations/{manager.organization}/{path}", body)
    assert made.status == 200, made.raw
    assert made.headers["warning"].endswith(f': {warned}"')
    audit = send(manager, "GET", f"/v1/organizations/{manager.organization}/audit-log").body
    (entry,) = [e for e in audit["history"] if e.get("subjectId") == made.body["id"]]
    assert f"ignored {warned.split()[0]}" in entry["fields"]


def test_what_the_hosted_api_knows_of_a_place_gets_no_warning(manager: Manager) -> None:
    """Its clients send a whole Deployment, most members of which have no meaning here."""
    body = {
        "name": "d", "workspaceId": manager.workspace, "isCicdEnforced": True, "type": "STANDARD",
        "executor": "CELERY", "isDagDeployEnabled": True, "schedulerSize": "SMALL",
        "contactEmails": [], "workerQueues": [], "astroRuntimeVersion": "12.0.0",
        "defaultTaskPodCpu": "0.25", "isHighAvailability": False, "cloudProvider": "AWS",
        "region": "us-east-1", "environmentVariables": [], "isDevelopmentMode": False,
    }  # fmt: skip
    path = f"/v1/organizations/{manager.organization}/deployments"
    made = send(manager, "POST", path, body)
    assert made.status == 200 and "warning" not in made.headers
    again = send(manager, "POST", f"{path}/{made.body['id']}", body)
    assert again.status == 200 and "warning" not in again.headers


def test_known_members_get_no_warning(manager: Manager) -> None:
    made = send(
        manager, "POST", objects(manager),
        {
            "objectKey": "k", "objectType": "CONNECTION", "scope": "WORKSPACE", "description": "",
            "scopeEntityId": manager.workspace, "connection": {"type": "t", "extra": {"hots": 1}},
            "links": [link(manager.deployment_ids["prod"], connection={"host": "h"})],
            "excludeLinks": [], "autoLinkDeployments": False, "airflowVariable": None,
        },
    )  # fmt: skip
    assert made.status == 200 and "warning" not in made.headers
