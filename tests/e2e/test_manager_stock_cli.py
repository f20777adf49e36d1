# SPDX-License-Identifier: Apache-2.0
"""Typical sessions of the vendor's CLI, by a model of its requests and of how it reads responses.

The model has the requests of each command, which parts of an object it sends back in an update, and
which parts of a response it needs. `/v1` is its release 1.43 and later. Before that, `env` was at
`/v1alpha1`, the rest at `/platform/v1beta1`, and an update sent nothing back.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from connd_testing import Manager
from manager_http import Reply, send

MEMBER = {
    "CONNECTION": "connection",
    "AIRFLOW_VARIABLE": "airflowVariable",
    "ENVIRONMENT_VARIABLE": "environmentVariable",
    "METRICS_EXPORT": "metricsExport",
}
CUID = re.compile(r"c[a-z0-9]{24}")
HEADERS = {
    "User-Agent": "astro-cli/1.45.0",
    "x-astro-client-identifier": "cli",
    "x-astro-client-version": "1.45.0",
    "x-client-os-identifier": "linux-amd64",
    "Accept-Encoding": "gzip",
}
REGISTERED = {"HS256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "none"}


class CliError(AssertionError):
    """The message that it prints before it exits with 1."""


def parse_token(text: str) -> Any:
    """Parses ASTRO_API_TOKEN before the first request. The CLI does not check the signature."""
    head, claims, _ = text.split(".")

    def part(encoded: str) -> Any:
        return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))

    assert part(head)["alg"] in REGISTERED
    found = part(claims)
    assert isinstance(found["permissions"], list) and found["permissions"]
    for permission in found["permissions"]:
        kind, identifier = permission.split(":")  # the CLI crashes without it
        assert kind and identifier
    for name in ("iat", "exp"):
        assert isinstance(found.get(name, 0), int | float)
    assert found.get("exp", time.time() + 1) > time.time()
    return found


@dataclasses.dataclass
class Cli:
    manager: Manager
    old: bool = False
    token: str = ""
    organization: str = ""
    workspace: str = ""

    def call(self, method: str, path: str, body: Any = None, base: str = "/v1") -> Reply:
        reply = send(
            self.manager, method, base + path, body, headers=HEADERS, token=self.token or None
        )
        if reply.status >= 300:
            raise CliError(reply.body["message"])
        return reply

    def env(self, method: str, path: str = "", body: Any = None) -> Any:
        """A request of `astro env`, to the organization that login() found."""
        base = "/v1alpha1" if self.old else "/v1"
        reply = self.call(
            method, f"/organizations/{self.organization}/environment-objects{path}", body, base
        )
        if reply.status == 204 or path.endswith("exclude-linking"):
            return None
        assert reply.status == 200 and "json" in reply.headers["content-type"]
        return reply.body

    def login(self) -> Cli:
        """The start of every command when ASTRO_API_TOKEN is set."""
        claims = parse_token(self.token or self.manager.token)
        rights = dict(permission.split(":") for permission in claims["permissions"])
        self.workspace = rights.get("workspaceId", "")
        base = "/platform/v1beta1" if self.old else "/v1"
        page = self.call("GET", "/organizations?limit=100&offset=0", base=base).body
        assert page["organizations"][0]["product"] == "HOSTED"
        self.organization = rights["organizationId"]
        assert self.organization == page["organizations"][0]["id"]
        return self

    # --- reading ----------------------------------------------------------------------------

    def list(
        self, scope: str, kind: str, *, resolve: bool = True, secrets: bool = False, key: str = "",
    ) -> list[Any]:  # fmt: skip
        rows: list[Any] = []
        limit = 2 if key else 1000
        for _ in range(100):
            page = self.env(
                "GET",
                f"?offset={len(rows)}&limit={limit}&{scope}&objectType={kind}"
                + (f"&objectKey={key}" if key else "")
                + f"&showSecrets={str(secrets).lower()}&resolveLinked={str(resolve).lower()}",
            )
            rows += page["environmentObjects"]
            if len(page["environmentObjects"]) < limit or len(rows) >= page["totalCount"]:
                return rows
        raise CliError("too many pages")

    def get(self, what: str, scope: str, kind: str, *, secrets: bool = False) -> Any:
        if CUID.fullmatch(what):
            return self.env("GET", f"/{what}")
        for row in self.list(scope, kind, resolve=False, secrets=secrets, key=what):
            if row["objectKey"] == what:
                return row
        raise CliError(f"environment object not found: {what}")

    # --- changing ---------------------------------------------------------------------------

    def create(
        self, scope: str, kind: str, key: str, *, auto_link: bool | None = None, **typed: Any
    ) -> str:
        place, entity = scope.split("=")
        if kind.endswith("VARIABLE"):
            typed = {"isSecret": False, **typed}
        body = {
            "objectKey": key, "objectType": kind,
            "scope": {"workspaceId": "WORKSPACE", "deploymentId": "DEPLOYMENT"}[place],
            "scopeEntityId": entity, MEMBER[kind]: typed,
        }  # fmt: skip
        if auto_link is not None:
            body["autoLinkDeployments"] = auto_link
        identifier: str = self.env("POST", "", body)["id"]
        assert CUID.fullmatch(identifier)
        return identifier

    def echo(self, body: dict[str, Any], current: Any) -> None:
        """What an update must send back, or lose; overrides only of environment variables."""
        if "autoLinkDeployments" not in body and "autoLinkDeployments" in current:
            body["autoLinkDeployments"] = current["autoLinkDeployments"]
        body["links"] = [self.echo_link(link) for link in current.get("links") or ()]
        body["excludeLinks"] = [
            {"scope": e["scope"], "scopeEntityId": e["scopeEntityId"]}
            for e in current.get("excludeLinks") or ()
        ]

    @staticmethod
    def echo_link(link: Any) -> dict[str, Any]:
        entry = {"scope": link["scope"], "scopeEntityId": link["scopeEntityId"]}
        told = link.get("environmentVariableOverrides")
        if told is not None:
            entry["overrides"] = {"environmentVariable": {"value": told["value"]}}
        return entry

    def update(
        self, what: str, scope: str, kind: str, *, auto_link: bool | None = None, **typed: Any
    ) -> Any:
        current = self.get(what, scope, kind)
        if kind == "CONNECTION":
            typed.setdefault("password", "")  # without a terminal there is no prompt
        body: dict[str, Any] = {MEMBER[kind]: typed}
        if auto_link is not None:
            body["autoLinkDeployments"] = auto_link
        if not self.old:
            self.echo(body, current)
        answer = self.env("POST", f"/{current['id']}", body)
        assert answer["id"] == current["id"]
        return answer

    def delete(self, what: str, scope: str, kind: str) -> None:
        identifier = what if CUID.fullmatch(what) else self.get(what, scope, kind)["id"]
        self.env("DELETE", f"/{identifier}")

    # --- links of environment variables -----------------------------------------------------

    def change_links(self, current: Any, **arrays: Any) -> None:
        body: dict[str, Any] = {
            "environmentVariable": {"value": current["environmentVariable"]["value"]}
        }
        self.echo(body, current)
        self.env("POST", f"/{current['id']}", {**body, **arrays})

    def link(self, key: str, scope: str, deployment: str, value: str | None = None) -> None:
        current = self.get(key, scope, "ENVIRONMENT_VARIABLE")
        assert deployment not in [e["scopeEntityId"] for e in current["excludeLinks"]]
        entry: dict[str, Any] = {"scope": "DEPLOYMENT", "scopeEntityId": deployment}
        if value is not None:
            entry["overrides"] = {"environmentVariable": {"value": value}}
        others = [
            self.echo_link(link) for link in current["links"] if link["scopeEntityId"] != deployment
        ]
        self.change_links(current, links=[*others, entry])

    def unlink(self, key: str, scope: str, deployment: str) -> None:
        current = self.get(key, scope, "ENVIRONMENT_VARIABLE")
        others = [
            self.echo_link(link) for link in current["links"] if link["scopeEntityId"] != deployment
        ]
        assert len(others) == len(current["links"]) - 1
        self.change_links(current, links=others)

    def exclude(self, key: str, scope: str, deployment: str) -> None:
        current = self.get(key, scope, "ENVIRONMENT_VARIABLE")
        body = {"scope": "DEPLOYMENT", "scopeEntityId": deployment}
        self.env("POST", f"/{current['id']}/exclude-linking", body)

    def unexclude(self, key: str, scope: str, deployment: str) -> None:
        current = self.get(key, scope, "ENVIRONMENT_VARIABLE")
        others = [e for e in current["excludeLinks"] if e["scopeEntityId"] != deployment]
        assert len(others) == len(current["excludeLinks"]) - 1
        self.change_links(current, excludeLinks=others)

    def links(self, key: str, scope: str, *, secrets: bool = False) -> dict[str, str | None]:
        current = self.get(key, scope, "ENVIRONMENT_VARIABLE", secrets=secrets)
        return {
            link["scopeEntityId"]: link.get("environmentVariableOverrides", {}).get("value")
            for link in current["links"]
        }

    # --- `astro dev start` ------------------------------------------------------------------

    def start(self, scope: str) -> dict[str, dict[str, Any]]:
        """The connections it would create, in the form of Airflow's API; the last one of a key
        wins."""
        made = {}
        for row in self.list(scope, "CONNECTION", secrets=True):
            told = {n: v for n, v in row["connection"].items() if v not in ("", 0)}
            if "extra" in told:
                told["extra"] = json.dumps(told["extra"], sort_keys=True)
            made[row["objectKey"]] = told
        return made


@pytest.fixture(params=["1.45", "1.42"])
def cli(manager: Manager, request: pytest.FixtureRequest) -> Cli:
    return Cli(manager, old=request.param == "1.42").login()


@pytest.fixture
def new_cli(manager: Manager) -> Cli:
    return Cli(manager).login()


@pytest.fixture
def workspace(manager: Manager) -> str:
    return f"workspaceId={manager.workspace}"


@pytest.fixture
def prod(manager: Manager) -> str:
    return manager.deployment_ids["prod"]


@pytest.fixture
def dev(manager: Manager) -> str:
    return manager.deployment_ids["dev"]


def values(rows: list[Any]) -> dict[str, str]:
    return {row["objectKey"]: row["environmentVariable"]["value"] for row in rows}


# --- before anything else -----------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["organization", "workspace", "deployment"])
def test_every_token_parses_and_finds_its_organization(manager: Manager, scope: str) -> None:
    ids = {
        "organization": manager.organization,
        "workspace": manager.workspace,
        "deployment": manager.deployment_ids["prod"],
    }
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "a:b c", "--scope", scope,
        "--scope-id", ids[scope], "--role", "OPERATOR", "--expires-in", "3600",
    )["token"]  # fmt: skip
    cli = Cli(manager, token=token).login()
    assert cli.workspace == manager.workspace  # the default of commands
    key = "workspaceId" if scope == "organization" else f"{scope}Id"
    place = f"{key}={manager.workspace if scope == 'organization' else ids[scope]}"
    cli.create(place, "ENVIRONMENT_VARIABLE", "V", value="x")
    assert values(cli.list(place, "ENVIRONMENT_VARIABLE")) == {"V": "x"}


def test_a_bad_token_is_told_at_the_path_without_an_organization(manager: Manager) -> None:
    """The CLI hides the refusal of its first request, and continues without the organization's
    id."""
    cli = Cli(manager, token="e30.e30.e30")
    for _ in range(2):
        with pytest.raises(CliError, match="token"):
            cli.env("GET", "?limit=1000")
    assert "//" in f"/organizations/{cli.organization}/environment-objects"


def test_organization_workspace_and_deployment_tables(cli: Cli, manager: Manager) -> None:
    """All members for the columns are present; the CLI crashes on a missing one."""
    base = "/platform/v1beta1" if cli.old else "/v1"
    path = f"/organizations/{manager.organization}"
    cli.call("GET", path, base=base)
    page = cli.call("GET", f"{path}/workspaces?limit=1000&offset=0&sorts=name:asc", base=base).body
    assert [(w["name"], w["id"]) for w in page["workspaces"]] == [("Analytics", manager.workspace)]
    query = f"workspaceIds={manager.workspace}&limit=1000&offset=0"
    page = cli.call("GET", f"{path}/deployments?{query}", base=base).body
    assert page["totalCount"] == 2
    for row in page["deployments"]:
        for name in (
            "name",
            "namespace",
            "id",
            "runtimeVersion",
            "airflowVersion",
            "workspaceName",
        ):
            assert isinstance(row[name], str), name
        assert isinstance(row["isDagDeployEnabled"], bool) and isinstance(
            row["isCicdEnforced"], bool
        )
        assert row["type"] == "STANDARD"  # all others have a cluster with a name


def test_workspace_create_and_update(cli: Cli, manager: Manager) -> None:
    """`astro workspace create|update --description --enforce-cicd`: an update sends the whole
    Workspace."""
    base = "/platform/v1beta1" if cli.old else "/v1"
    path = f"/organizations/{manager.organization}/workspaces"

    def find(identifier: str) -> Any:
        page = cli.call("GET", f"{path}?limit=1000&offset=0&sorts=name:asc", base=base).body
        return next(w for w in page["workspaces"] if w["id"] == identifier)

    def update(identifier: str, name: str = "", description: str = "", cicd: str = "") -> Any:
        known = find(identifier)
        body = {
            "name": name or known["name"],
            "description": description or known.get("description", ""),
            "cicdEnforcedDefault": cicd == "ON" if cicd else known["cicdEnforcedDefault"],
        }
        return cli.call("POST", f"{path}/{identifier}", body, base).body

    body = {"name": "Science", "description": "what for", "cicdEnforcedDefault": True}
    made = cli.call("POST", path, body, base).body
    assert find(made["id"]) == made and made | body == made
    renamed = update(made["id"], name="Research")
    assert renamed == {**made, "name": "Research", "updatedAt": renamed["updatedAt"]}
    update(made["id"], description="other")
    update(made["id"], cicd="OFF")
    got = find(made["id"])
    assert (got["name"], got["description"], got["cicdEnforcedDefault"]) == (
        "Research",
        "other",
        False,
    )


def test_it_finds_the_description_of_the_api(manager: Manager) -> None:
    for path in ("/spec/v1.0", "/spec/v1"):
        reply = send(manager, "GET", path, headers=HEADERS, token="")
        assert reply.status == 200 and b"operationId: ListEnvironmentObjects" in reply.raw


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["workspace", "deployment"])
def test_a_day_with_connections(cli: Cli, manager: Manager, prod: str, place: str) -> None:
    scope = f"workspaceId={manager.workspace}" if place == "workspace" else f"deploymentId={prod}"
    made = cli.create(
        scope, "CONNECTION", "warehouse", type="postgres", host="db", login="etl",
        password="hunter2", schema="dwh", port=5432, extra={"b": 1, "a": {"x": True}},
    )  # fmt: skip
    with pytest.raises(CliError, match="objectKey"):
        cli.create(scope, "CONNECTION", "warehouse", type="postgres")
    for what in (made, "warehouse"):
        got = cli.get(what, scope, "CONNECTION")
        assert got["id"] == made and "password" not in got["connection"]
    assert cli.get("warehouse", scope, "CONNECTION", secrets=True)["connection"]["port"] == 5432
    answer = cli.update("warehouse", scope, "CONNECTION", type="postgres", host="db2", port=5433)
    assert answer["connection"] == {
        "type": "postgres", "host": "db2", "port": 5433, "extra": {"b": "", "a": ""},
    }  # fmt: skip
    started = cli.start(f"deploymentId={prod}")
    if place == "workspace":
        assert started == {}
        cli.update(made, scope, "CONNECTION", type="postgres", host="db2", auto_link=True)
        started = cli.start(f"deploymentId={prod}")
    # Fields that were not sent are cleared, except the password and members of extra.
    assert started == {
        "warehouse": {
            "type": "postgres", "host": "db2", "password": "hunter2",
            "extra": '{"a": {"x": true}, "b": 1}', **({"port": 5433} if place != "workspace" else {}),
        }
    }  # fmt: skip
    cli.delete("warehouse", scope, "CONNECTION")
    for again in (
        lambda: cli.delete(made, scope, "CONNECTION"),
        lambda: cli.get("warehouse", scope, "CONNECTION"),
    ):
        with pytest.raises(CliError, match="not found"):
            again()


@pytest.mark.parametrize("place", ["workspace", "deployment"])
@pytest.mark.parametrize("kind", ["AIRFLOW_VARIABLE", "ENVIRONMENT_VARIABLE"])
@pytest.mark.parametrize("secret", [False, True])
def test_a_day_with_variables(
    cli: Cli, manager: Manager, prod: str, place: str, kind: str, secret: bool
) -> None:
    scope = f"workspaceId={manager.workspace}" if place == "workspace" else f"deploymentId={prod}"
    cli.create(scope, kind, "REGION", value="eu", isSecret=secret)
    (row,) = cli.list(scope, kind)
    assert row[MEMBER[kind]] == {"value": "" if secret else "eu", "isSecret": secret}
    cli.update("REGION", scope, kind, value="us")
    (row,) = cli.list(scope, kind, secrets=True)
    assert row[MEMBER[kind]] == {"value": "us", "isSecret": secret}
    cli.update("REGION", scope, kind, value="")
    (row,) = cli.list(scope, kind, secrets=True)
    assert row[MEMBER[kind]]["value"] == ("us" if secret else "")
    cli.delete("REGION", scope, kind)
    assert cli.list(scope, kind) == []


@pytest.mark.parametrize("place", ["workspace", "deployment"])
def test_a_day_with_metrics_exports(cli: Cli, manager: Manager, prod: str, place: str) -> None:
    scope = f"workspaceId={manager.workspace}" if place == "workspace" else f"deploymentId={prod}"
    full = {
        "endpoint": "https://one.example.com", "exporterType": "PROMETHEUS", "authType": "SIGV4",
        "sigV4AssumeArn": "arn:x", "sigV4StsRegion": "eu", "headers": {"X-A": "1"},
        "labels": {"team": "data"}, "password": "hunter2",
    }  # fmt: skip
    cli.create(scope, "METRICS_EXPORT", "prometheus", **full)
    answer = cli.update("prometheus", scope, "METRICS_EXPORT", endpoint="https://two.example.com")
    told = {n: v for n, v in full.items() if n != "password"}
    assert answer["metricsExport"] == {**told, "endpoint": "https://two.example.com"}
    (row,) = cli.list(scope, "METRICS_EXPORT", secrets=True)
    assert row["metricsExport"]["password"] == "hunter2"
    cli.delete("prometheus", scope, "METRICS_EXPORT")


@pytest.mark.parametrize("secret", [False, True])
def test_a_day_with_links(new_cli: Cli, workspace: str, prod: str, dev: str, secret: bool) -> None:
    cli = new_cli
    cli.create(workspace, "ENVIRONMENT_VARIABLE", "V", value="ws", isSecret=secret)
    cli.link("V", workspace, prod, "prod's")
    cli.link("V", workspace, dev)
    assert cli.links("V", workspace, secrets=True) == {prod: "prod's", dev: None}
    assert cli.links("V", workspace) == {prod: "" if secret else "prod's", dev: None}

    def seen(deployment: str) -> dict[str, str]:
        scope = f"deploymentId={deployment}"
        return values(cli.list(scope, "ENVIRONMENT_VARIABLE", secrets=True))

    assert seen(prod) == {"V": "prod's"} and seen(dev) == {"V": "ws"}
    # An update of a value sends the links back, with overrides as read; those of secrets were not
    # shown.
    cli.update("V", workspace, "ENVIRONMENT_VARIABLE", value="ws 2")
    assert seen(prod) == {"V": "prod's"} and seen(dev) == {"V": "ws 2"}
    # Linked again without a value: the override stays. To remove it, the link is deleted and added.
    cli.link("V", workspace, prod)
    assert seen(prod) == {"V": "prod's"}
    cli.link("V", workspace, dev, "dev's")
    assert seen(prod) == {"V": "prod's"} and seen(dev) == {"V": "dev's"}
    cli.unlink("V", workspace, prod)
    assert seen(prod) == {} and seen(dev) == {"V": "dev's"}
    cli.link("V", workspace, prod)
    assert seen(prod) == {"V": "ws 2"}
    # To all Deployments except one.
    cli.unlink("V", workspace, prod)
    cli.update("V", workspace, "ENVIRONMENT_VARIABLE", value="ws 3", auto_link=True)
    assert seen(prod) == {"V": "ws 3"} and seen(dev) == {"V": "dev's"}
    cli.exclude("V", workspace, prod)
    cli.exclude("V", workspace, prod)
    assert seen(prod) == {}
    cli.link("V", workspace, dev, "dev's 2")  # the exclusion and the flag are sent back
    assert seen(prod) == {} and seen(dev) == {"V": "dev's 2"}
    cli.unexclude("V", workspace, prod)
    assert seen(prod) == {"V": "ws 3"}
    assert cli.get("V", workspace, "ENVIRONMENT_VARIABLE")["autoLinkDeployments"] is True


def test_an_update_keeps_overrides_that_it_does_not_know_to_say(
    new_cli: Cli, manager: Manager, workspace: str, prod: str
) -> None:
    """Links of the other types are sent back without overrides."""
    for kind, typed, override, change in (
        ("CONNECTION", {"type": "postgres", "host": "h"},
         {"host": "o", "password": "hunter2", "extra": {"k": "v"}},
         {"type": "postgres", "host": "h2"}),
        ("AIRFLOW_VARIABLE", {"value": "v"}, {"value": "o"}, {"value": "w"}),
        ("METRICS_EXPORT", {"endpoint": "e", "exporterType": "PROMETHEUS"},
         {"endpoint": "o", "password": "hunter2"}, {"endpoint": "f"}),
    ):  # fmt: skip
        identifier = new_cli.create(workspace, kind, "K", **typed)
        link = {
            "scope": "DEPLOYMENT", "scopeEntityId": prod, "overrides": {MEMBER[kind]: override},
        }  # fmt: skip
        manager.update(identifier, **{MEMBER[kind]: typed}, links=[link])
        new_cli.update("K", workspace, kind, **change)
        (row,) = new_cli.list(f"deploymentId={prod}", kind, secrets=True)
        assert {name: row[MEMBER[kind]][name] for name in override} == override
        assert "id" not in row and row["sourceScopeEntityId"] == manager.workspace


def test_before_1_43_an_update_loses_links(manager: Manager, workspace: str, prod: str) -> None:
    """Without links in the update, all are removed; later releases therefore send them back."""
    old, new = Cli(manager, old=True).login(), Cli(manager).login()
    new.create(workspace, "ENVIRONMENT_VARIABLE", "V", value="a", auto_link=True)
    new.link("V", workspace, prod)
    old.update("V", workspace, "ENVIRONMENT_VARIABLE", value="b")
    current = new.get("V", workspace, "ENVIRONMENT_VARIABLE")
    assert current["links"] == [] and current["autoLinkDeployments"] is False


def test_lists_of_more_than_a_page(new_cli: Cli, manager: Manager, workspace: str) -> None:
    for n in range(1003):
        manager.create_variable(f"k{n:04}", str(n))
    rows = new_cli.list(workspace, "AIRFLOW_VARIABLE")
    assert len(rows) == 1003 == len({row["id"] for row in rows})


def test_an_id_is_told_from_a_key_by_its_shape(new_cli: Cli, workspace: str) -> None:
    """Every id of ours must have the form that the CLI expects."""
    for n in range(40):
        identifier = new_cli.create(workspace, "AIRFLOW_VARIABLE", f"k{n}", value="v")
        assert new_cli.get(identifier, workspace, "AIRFLOW_VARIABLE")["objectKey"] == f"k{n}"


@pytest.fixture
def without_secrets(manager: Manager) -> Iterator[Manager]:
    manager.command("organization", "set", "--data", str(manager.data), "--secrets-fetching", "off")
    yield manager


def test_it_knows_the_organization_s_refusal(
    cli: Cli, without_secrets: Manager, workspace: str
) -> None:
    cli.create(workspace, "CONNECTION", "c", type="postgres", password="hunter2")
    with pytest.raises(CliError) as refused:
        cli.start(workspace)
    text = str(refused.value).lower()
    assert "showsecrets" in text and "organization" in text and "not allowed" in text
    # Changes and lists work as before: they do not request secrets.
    cli.update("c", workspace, "CONNECTION", type="postgres", host="h")
    (row,) = cli.list(workspace, "CONNECTION")
    assert set(row["setFields"]) == {"type", "host", "password"}
