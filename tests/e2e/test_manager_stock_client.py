# SPDX-License-Identifier: Apache-2.0
"""A session with a client of the hosted API by others: its generated Python package.

The client is strict: it fails on a missing required member, and on null.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astro_platform_api_client import AuthenticatedClient, models
from astro_platform_api_client.api.deployment import get_deployment, list_deployments
from astro_platform_api_client.api.environment import (
    create_environment_object,
    delete_environment_object,
    exclude_linking_environment_object,
    get_environment_object,
    list_environment_objects,
    update_environment_object,
)
from astro_platform_api_client.api.organization import (
    get_organization,
    list_organizations,
    update_organization,
)
from astro_platform_api_client.api.workspace import (
    create_workspace,
    delete_workspace,
    get_workspace,
    list_workspaces,
    update_workspace,
)
from connd_testing import Manager


@pytest.fixture
def manager(workdir: Path) -> Iterator[Manager]:
    with Manager(workdir) as manager:
        yield manager


@pytest.fixture(params=["/v1", "/platform/v1beta1"])
def client(manager: Manager, request: pytest.FixtureRequest) -> AuthenticatedClient:
    """The client was made for v1beta1, and the examples of its authors use that address."""
    return AuthenticatedClient(
        base_url=manager.url + request.param, token=manager.token, raise_on_unexpected_status=True
    )


def create(client: AuthenticatedClient, manager: Manager, **body: Any) -> Any:
    body = {"scope": "WORKSPACE", "scopeEntityId": manager.workspace, **body}
    request = models.CreateEnvironmentObjectRequest.from_dict(body)
    return create_environment_object.sync(manager.organization, client=client, body=request)


def rows(client: AuthenticatedClient, manager: Manager, **query: Any) -> dict[str, dict[str, Any]]:
    page = list_environment_objects.sync(manager.organization, client=client, limit=1000, **query)
    assert isinstance(page, models.EnvironmentObjectsPaginated)
    assert page.total_count == len(page.environment_objects)
    return {row.object_key: row.to_dict() for row in page.environment_objects}


def view(client: AuthenticatedClient, manager: Manager, deployment: str) -> dict[str, Any]:
    return rows(
        client,
        manager,
        deployment_id=manager.deployment_ids[deployment],
        resolve_linked=True,
        show_secrets=True,
    )


WAREHOUSE = {
    "type": "postgres",
    "host": "db",
    "login": "",
    "password": "pw",
    "port": 5432,
    "extra": {"sslmode": "require", "keepalives": 1},
}


def test_a_connection_s_whole_life(client: AuthenticatedClient, manager: Manager) -> None:
    prod, dev = manager.deployment_ids["prod"], manager.deployment_ids["dev"]
    made = create(
        client,
        manager,
        objectKey="warehouse",
        objectType="CONNECTION",
        connection=WAREHOUSE,
        links=[
            {
                "scope": "DEPLOYMENT",
                "scopeEntityId": prod,
                "overrides": {"connection": {"host": "prod-db", "extra": {"sslmode": "prefer"}}},
            }
        ],
    )
    assert isinstance(made, models.CreateEnvironmentObject)

    again = create(
        client, manager, objectKey="warehouse", objectType="CONNECTION", connection=WAREHOUSE
    )
    assert isinstance(again, models.Error)
    assert again.status_code == 409 and "objectKey" in again.message and again.request_id

    seen = get_environment_object.sync(manager.organization, made.id, client=client)
    assert isinstance(seen, models.EnvironmentObject)
    assert seen.to_dict()["connection"] == {
        "type": "postgres",
        "host": "db",
        "login": "",
        "port": 5432,
        "extra": {"sslmode": "", "keepalives": ""},
    }
    assert seen.to_dict()["links"][0]["connectionOverrides"]["host"] == "prod-db"

    assert view(client, manager, "prod")["warehouse"]["connection"] == {
        **WAREHOUSE,
        "host": "prod-db",
        "extra": {"sslmode": "prefer", "keepalives": 1},
    }
    assert view(client, manager, "dev") == {}

    updated = update_environment_object.sync(
        manager.organization,
        made.id,
        client=client,
        body=models.UpdateEnvironmentObjectRequest.from_dict(
            {
                "connection": {"type": "postgres", "host": "db2", "password": ""},
                "autoLinkDeployments": True,
                "links": [],
                "excludeLinks": [],
            }
        ),
    )
    assert isinstance(updated, models.EnvironmentObject)
    assert updated.to_dict()["autoLinkDeployments"] is True
    for deployment in ("prod", "dev"):
        assert view(client, manager, deployment)["warehouse"]["connection"] == {
            "type": "postgres",
            "host": "db2",
            "password": "pw",
            "extra": WAREHOUSE["extra"],
        }

    done = exclude_linking_environment_object.sync_detailed(
        manager.organization,
        made.id,
        client=client,
        body=models.ExcludeLinkEnvironmentObjectRequest.from_dict(
            {"scope": "DEPLOYMENT", "scopeEntityId": dev}
        ),
    )
    assert done.status_code in (200, 204)
    assert view(client, manager, "dev") == {}
    assert set(view(client, manager, "prod")) == {"warehouse"}

    gone = delete_environment_object.sync_detailed(manager.organization, made.id, client=client)
    assert gone.status_code == 204
    twice = delete_environment_object.sync(manager.organization, made.id, client=client)
    assert isinstance(twice, models.Error) and twice.status_code == 404
    assert rows(client, manager, workspace_id=manager.workspace) == {}


def test_variables_and_metrics_exports(client: AuthenticatedClient, manager: Manager) -> None:
    create(
        client,
        manager,
        objectKey="region",
        objectType="AIRFLOW_VARIABLE",
        airflowVariable={"value": "eu", "isSecret": True},
        autoLinkDeployments=True,
    )
    create(
        client,
        manager,
        objectKey="prometheus",
        objectType="METRICS_EXPORT",
        metricsExport={
            "endpoint": "https://metrics.example",
            "exporterType": "PROMETHEUS",
            "authType": "BASIC",
            "username": "u",
            "password": "p",
            "labels": {"team": "data"},
        },
    )
    everything = rows(client, manager, workspace_id=manager.workspace)
    assert set(everything) == {"region", "prometheus"}
    assert everything["region"]["airflowVariable"] == {"value": "", "isSecret": True}
    assert everything["prometheus"]["metricsExport"]["labels"] == {"team": "data"}
    assert "password" not in everything["prometheus"]["metricsExport"]
    assert view(client, manager, "prod")["region"]["airflowVariable"]["value"] == "eu"


def test_v1beta1_lists_no_type_that_it_does_not_have(manager: Manager) -> None:
    """The client fails on ENVIRONMENT_VARIABLE, which it does not know."""
    manager.create_variable("region", "eu")
    manager.api("POST", "", {
        "objectKey": "REGION", "objectType": "ENVIRONMENT_VARIABLE", "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace, "environmentVariable": {"value": "eu"},
    })  # fmt: skip
    client = AuthenticatedClient(
        base_url=f"{manager.url}/platform/v1beta1", token=manager.token,
        raise_on_unexpected_status=True,
    )  # fmt: skip
    assert set(rows(client, manager)) == {"region"}
    assert set(rows(client, manager, workspace_id=manager.workspace)) == {"region"}


def test_a_refusal_is_an_error_it_can_read(manager: Manager) -> None:
    stranger = AuthenticatedClient(base_url=f"{manager.url}/v1", token="no-token")
    refused = list_environment_objects.sync(manager.organization, client=stranger)
    assert isinstance(refused, models.Error) and refused.status_code == 401


# --- organizations, Workspaces, Deployments -----------------------------------------------------


def test_it_reads_the_organization(client: AuthenticatedClient, manager: Manager) -> None:
    page = list_organizations.sync(client=client, limit=100)
    assert isinstance(page, models.OrganizationsPaginated) and page.total_count == 1
    (listed,) = page.organizations
    got = get_organization.sync(manager.organization, client=client)
    assert isinstance(got, models.Organization)
    assert got == listed
    assert (got.id, got.name) == (manager.organization, "Acme")
    assert (got.product, got.status) == (
        models.OrganizationProduct.HOSTED,
        models.OrganizationStatus.ACTIVE,
    )
    assert not got.is_scim_enabled and not got.allow_enhanced_support_access
    assert got.created_by.api_token_name == got.updated_by.api_token_name == "connd-manager"
    assert isinstance(get_organization.sync("c" + "0" * 24, client=client), models.Error)


def test_it_renames_the_organization(client: AuthenticatedClient, manager: Manager) -> None:
    body = models.UpdateOrganizationRequest(
        billing_email="b@example.com", is_scim_enabled=False, name="Acme 2"
    )
    got = update_organization.sync(manager.organization, client=client, body=body)
    assert isinstance(got, models.Organization)
    assert got.name == "Acme 2"


def test_it_sets_up_and_reads_workspaces(client: AuthenticatedClient, manager: Manager) -> None:
    made = create_workspace.sync(
        manager.organization,
        client=client,
        body=models.CreateWorkspaceRequest(
            name="Science", description="d", cicd_enforced_default=True
        ),
    )
    assert isinstance(made, models.Workspace) and made.name == "Science"
    assert made.organization_id == manager.organization and made.cicd_enforced_default is True
    assert made.description == "d"
    page = list_workspaces.sync(
        manager.organization,
        client=client,
        limit=1000,
        sorts=[models.ListWorkspacesSortsItem.NAMEASC],
    )
    assert isinstance(page, models.WorkspacesPaginated) and page.total_count == 2
    assert [w.name for w in page.workspaces] == ["Analytics", "Science"]
    page = list_workspaces.sync(
        manager.organization,
        client=client,
        sorts=[models.ListWorkspacesSortsItem.CREATEDATDESC],
    )
    assert isinstance(page, models.WorkspacesPaginated)
    assert [w.name for w in page.workspaces] == ["Science", "Analytics"]
    assert get_workspace.sync(manager.organization, made.id, client=client) == made
    named = list_workspaces.sync(manager.organization, client=client, names=["Science", "None"])
    assert isinstance(named, models.WorkspacesPaginated)
    assert [w.id for w in named.workspaces] == [made.id]
    renamed = update_workspace.sync(
        manager.organization,
        made.id,
        client=client,
        body=models.UpdateWorkspaceRequest(
            name="Research", description="", cicd_enforced_default=False
        ),
    )
    assert isinstance(renamed, models.Workspace) and renamed.name == "Research"
    assert renamed.description == "" and renamed.cicd_enforced_default is False
    taken = create_workspace.sync_detailed(
        manager.organization, client=client, body=models.CreateWorkspaceRequest(name="")
    )
    assert isinstance(taken.parsed, models.Error) and "name" in taken.parsed.message
    gone = delete_workspace.sync_detailed(manager.organization, made.id, client=client)
    assert gone.status_code == 204


def test_it_reads_deployments(client: AuthenticatedClient, manager: Manager) -> None:
    page = list_deployments.sync(
        manager.organization, client=client, workspace_ids=[manager.workspace], limit=1000
    )
    assert isinstance(page, models.DeploymentsPaginated) and page.total_count == 2
    assert [d.name for d in page.deployments] == ["dev", "prod"]
    for listed in page.deployments:
        got = get_deployment.sync(manager.organization, listed.id, client=client)
        assert isinstance(got, models.Deployment)
        assert got == listed
        assert (got.workspace_id, got.workspace_name) == (manager.workspace, "Analytics")
        # Unknown values are stated as unknown, or are empty.
        assert got.status is models.DeploymentStatus.UNKNOWN
        assert got.astro_runtime_version == got.airflow_version == got.web_server_url == ""
        assert got.executor is models.DeploymentExecutor.CELERY
        assert got.scheduler_size is models.DeploymentSchedulerSize.SMALL
    named = list_deployments.sync(manager.organization, client=client, names=["prod"])
    assert isinstance(named, models.DeploymentsPaginated)
    assert [d.id for d in named.deployments] == [manager.deployment_ids["prod"]]
