# SPDX-License-Identifier: Apache-2.0
"""Further requests of stock clients: members of a Deployment, and paths that are not served."""

from __future__ import annotations

import pytest
from connd_testing import Manager
from manager_http import send


def test_a_deployment_has_what_inspecting_it_needs(manager: Manager) -> None:
    """The CLI crashes with a nil pointer if one of these is absent."""
    path = f"/v1/organizations/{manager.organization}/deployments"
    one = send(manager, "GET", f"{path}/{manager.deployment_ids['prod']}").body
    for name in (
        "executor", "schedulerSize", "defaultTaskPodCpu", "defaultTaskPodMemory",
        "resourceQuotaCpu", "resourceQuotaMemory",
    ):  # fmt: skip
        assert isinstance(one[name], str), name
    assert one in send(manager, "GET", path).body["deployments"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("deployment-options?deploymentType=HYBRID", "runs no Airflow"),
        ("users?limit=10", "tokens"),
        ("teams", "tokens"),
        ("roles", "tokens"),
        ("audit-logs", "/audit-log"),
        ("deployments/{deployment}/logs", "runs no Airflow"),
        ("workspaces/{workspace}/astroide/projects", "/projects"),
        ("tokens/{deployment}/rotate", "renew"),
    ],
)
@pytest.mark.parametrize("base", ["/v1", "/v1alpha1", "/iam/v1beta1"])
def test_a_path_that_is_not_served_says_so(
    manager: Manager, base: str, path: str, words: str
) -> None:
    where = path.format(deployment=manager.deployment_ids["prod"], workspace=manager.workspace)
    for method in ("GET", "POST"):
        body = {} if method == "POST" else None
        reply = send(manager, method, f"{base}/organizations/{manager.organization}/{where}", body)
        reply.error(404, "connd-manager", words)
    # Without a valid token it responds like any other path.
    where = f"{base}/organizations/{manager.organization}/{where}"
    send(manager, "GET", where, token="x").error(401)


def test_the_identity_api_is_served_at_its_own_address_too(manager: Manager) -> None:
    """The Terraform provider requests tokens there."""
    path = f"/organizations/{manager.organization}/tokens"
    here, there = (send(manager, "GET", base + path).body for base in ("/v1", "/iam/v1beta1"))
    assert [one["id"] for one in here["tokens"]] == [one["id"] for one in there["tokens"]]
