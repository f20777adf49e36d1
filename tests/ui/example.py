# SPDX-License-Identifier: Apache-2.0
"""An organization with some of everything, and every page of it: for what looks at all pages."""

from __future__ import annotations

import json
from typing import Any

from connd_testing import Manager, link
from manager_http import objects, send

# name: address, with the ids of the Workspace {w}, two Deployments and a project, and what appears.
PAGES = {
    "connections": ("w/{w}/connections", "tbody tr"),
    "airflow-variables": ("w/{w}/airflow-variables", "tbody tr"),
    "environment-variables": ("w/{w}/environment-variables", "tbody tr"),
    "metrics-exports": ("w/{w}/metrics-exports", "tbody tr"),
    "empty": ("w/{empty}/connections", ".empty"),
    "connection": ("w/{w}/connections/o/warehouse", "#history-title ~ div table"),
    "new-connection": ("w/{w}/connections/new", "form.object"),
    "variable": ("w/{w}/airflow-variables/o/batch_size", "#history-title ~ div table"),
    "metrics-export": ("w/{w}/metrics-exports/o/prometheus", "#history-title ~ div table"),
    "deployment": ("d/{prod}/connections", "tbody tr .more a"),
    "deployment-connection": ("d/{prod}/connections/o/warehouse", "#history-title ~ div table"),
    "project": ("p/{project}/connections", "tbody tr"),
    "places": ("w/{w}/places", "tbody tr"),
    "transfer": ("w/{w}/transfer", "#import-file"),
    "organization": ("org", "tbody tr"),
    "tokens": ("tokens", "tbody tr"),
    "audit": ("audit", "tbody tr"),
    "sidecars": ("sidecars", "tbody tr"),
}


def _place(m: Manager, kind: str, **body: Any) -> str:
    status, made = m.request("POST", f"/v1/organizations/{m.organization}/{kind}", body)
    assert status == 200, made
    return str(made["id"])


def _connection(m: Manager, key: str, auth: str, typed: dict[str, Any], **more: Any) -> None:
    at = more.pop("deployment", "")
    m.create("CONNECTION", key, {**typed, "authTypeId": auth} if auth else typed, at, **more)


def _report(m: Manager, name: str, deployment: str, generation: int) -> None:
    """What a connd says of itself beside a list."""
    report = {
        "id": name.encode().hex().ljust(32, "0"),
        "name": name,
        "version": "0.1.0",
        "generation": generation,
        "ageMs": 0,
        "state": "fresh",
        "snapshot": "current",
    }
    if name.startswith("ci"):
        report |= {"state": "offline", "ageMs": 600_000, "lastError": "connect: Connection refused"}
    path = f"{objects(m)}?deploymentId={deployment}&limit=1"
    assert send(m, "GET", path, headers={"X-Connd-Report": json.dumps(report)}).status == 200


def example(m: Manager) -> dict[str, str]:
    """Fills an empty manager; returns the addresses of PAGES."""
    prod, dev = m.deployment_ids["prod"], m.deployment_ids["dev"]
    staging = _place(m, "deployments", name="staging", workspaceId=m.workspace)
    project = _place(m, "projects", name="new-loader", workspaceId=m.workspace, deploymentId=dev)
    empty = _place(m, "workspaces", name="Marketing", description="Campaigns and attribution")
    _connection(
        m, "warehouse", "cauthpostgres000000000000",
        {"type": "postgres", "host": "dwh.example.com", "port": 5432, "login": "etl",
         "password": "a secret", "schema": "dwh", "extra": {"sslmode": "verify-full"}},
        description="The data warehouse", autoLinkDeployments=True,
        links=[link(staging, connection={"host": "dwh.staging.example.com", "password": "x"})],
        excludeLinks=[{"scope": "DEPLOYMENT", "scopeEntityId": dev}],
    )  # fmt: skip
    _connection(m, "warehouse", "", {"type": "postgres", "host": "localhost", "login": "me"},
                deployment=prod, description="Own copy for the migration")  # fmt: skip
    _connection(
        m, "data_lake", "cauthawsaccesskey00000000",
        {"type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "x",
         "extra": {"region_name": "eu-central-1"}},
        description="Object storage of raw events", autoLinkDeployments=True,
    )  # fmt: skip
    _connection(m, "crm_api", "cauthhttp0000000000000000",
                {"type": "http", "host": "https://crm.example", "login": "etl", "password": "y"},
                links=[link(prod)])  # fmt: skip
    _connection(m, "events", "cauthkafka000000000000000",
                {"type": "kafka", "extra": {"bootstrap.servers": "kafka-1:9092,kafka-2:9092"}},
                links=[link(prod), link(staging)])  # fmt: skip
    _connection(m, "legacy_erp", "",
                {"type": "oracle", "host": "erp.example.com", "port": 1521, "login": "reports",
                 "password": "x", "extra": {"service_name": "ERP"}})  # fmt: skip
    m.create_variable("batch_size", "5000", description="Rows in one insert",
                      autoLinkDeployments=True,
                      links=[link(staging, airflowVariable={"value": "100"})])  # fmt: skip
    m.create_variable("alert_email", "data-oncall@example.com", autoLinkDeployments=True)
    m.create_variable("api_token", "x", secret=True, links=[link(prod)])
    m.create_variable("features", '{"new_loader": true, "regions": ["eu", "us"]}',
                      autoLinkDeployments=True)  # fmt: skip
    proxy = {"value": "http://proxy.example.com:3128"}
    m.create("ENVIRONMENT_VARIABLE", "HTTP_PROXY", proxy, autoLinkDeployments=True)
    m.api("POST", "", {
        "objectKey": "prometheus", "objectType": "METRICS_EXPORT", "scope": "WORKSPACE",
        "scopeEntityId": m.workspace, "autoLinkDeployments": True,
        "metricsExport": {
            "endpoint": "https://prometheus.example.com/api/v1/write", "exporterType": "PROMETHEUS",
            "authType": "BASIC", "username": "airflow", "password": "x", "labels": {"team": "data"},
        },
    })  # fmt: skip
    for name, scope, at, role in (
        ("connd on prod", "deployment", prod, "MEMBER"),
        ("Ada", "workspace", m.workspace, "OPERATOR"),
        ("terraform", "organization", m.organization, "OWNER"),
    ):
        m.command("token", "create", "--data", str(m.data), "--name", name, "--scope", scope,
                  "--scope-id", at, "--role", role, "--expires-in", "7776000")  # fmt: skip
    for name, place, generation in (
        ("worker-1", prod, 41),
        ("worker-2", prod, 41),
        ("ci-1", dev, 7),
    ):
        _report(m, name, place, generation)
    ids = {"w": m.workspace, "prod": prod, "project": project, "empty": empty}
    return {name: address.format(**ids) for name, (address, _) in PAGES.items()}
