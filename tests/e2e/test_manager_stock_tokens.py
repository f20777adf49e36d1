# SPDX-License-Identifier: Apache-2.0
"""Tokens as clients of the hosted API create, list and read them."""

from __future__ import annotations

from typing import Any

import pytest
from connd_testing import Manager
from manager_http import Reply, send


def tokens(manager: Manager, method: str, below: str = "", body: Any = None, **how: Any) -> Reply:
    base = how.pop("base", "/v1")
    path = f"{base}/organizations/{manager.organization}/tokens{below}"
    return send(manager, method, path, body, **how)


def printed(token: Any) -> list[str]:
    """The row that the CLI prints; it fails on a member that is missing or null."""
    role = next(one["role"] for one in token["roles"])
    return [
        token["id"], token["name"], token["description"], token["type"], role,
        token["createdAt"], token["createdBy"]["fullName"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "scope", "role"),
    [
        ({"role": "ORGANIZATION_MEMBER", "scope": "ORGANIZATION"}, "ORGANIZATION", "MEMBER"),
        ({"role": "ORGANIZATION_OWNER", "type": "ORGANIZATION"}, "ORGANIZATION", "OWNER"),
        ({"role": "WORKSPACE_MEMBER", "scope": "WORKSPACE"}, "WORKSPACE", "MEMBER"),
        ({"role": "WORKSPACE_AUTHOR", "type": "WORKSPACE"}, "WORKSPACE", "AUTHOR"),
        ({"role": "DEPLOYMENT_ADMIN", "scope": "DEPLOYMENT"}, "DEPLOYMENT", "OWNER"),
        (
            {"role": "MEMBER", "scope": "DEPLOYMENT", "expiresInSeconds": 3600},
            "DEPLOYMENT",
            "MEMBER",
        ),
    ],
)
@pytest.mark.parametrize("base", ["/v1", "/iam/v1beta1"])
def test_a_token_of_the_hosted_shape_works(
    manager: Manager, sent: dict[str, Any], scope: str, role: str, base: str
) -> None:
    ids = {
        "ORGANIZATION": manager.organization, "WORKSPACE": manager.workspace,
        "DEPLOYMENT": manager.deployment_ids["prod"],
    }  # fmt: skip
    body = {"name": "ci", "description": "for CI", "entityId": ids[scope], **sent}
    if "expiresInSeconds" not in sent:
        body["tokenExpiryPeriodInDays"] = 30
    made = tokens(manager, "POST", "", body, base=base)
    assert made.status == 200, made.raw
    got = made.body
    assert (got["scope"], got["scopeEntityId"], got["role"]) == (scope, ids[scope], role)
    assert got["roles"] == [
        {"entityId": ids[scope], "entityType": scope, "role": got["roles"][0]["role"]}
    ]
    assert got["endAt"] == got["expiresAt"] > got["startAt"]
    assert "warning" not in made.headers
    printed(got)
    mine = tokens(manager, "GET", "/self", token=got["token"]).body
    assert mine == {n: v for n, v in got.items() if n != "token"} | {
        n: mine[n] for n in ("lastUsedAt",) if n in mine
    }
    assert tokens(manager, "DELETE", f"/{got['id']}").status == 204


def test_what_the_manager_has_no_word_for_is_named(manager: Manager) -> None:
    body = {"name": "n", "entityId": manager.workspace}
    for change, field in (
        ({"role": "WORKSPACE_ACCESSOR"}, "role"),
        ({"role": "ORGANIZATION_BILLING_ADMIN"}, "role"),
        ({"role": "a-custom-role", "scope": "WORKSPACE"}, "role"),
        ({"role": "WORKSPACE_MEMBER", "scope": "DEPLOYMENT"}, "role"),
        ({"role": "DEPLOYMENT_ADMIN"}, "entityId"),
        ({"role": "WORKSPACE_MEMBER", "entityId": None}, "scopeEntityId"),
        ({"role": "WORKSPACE_MEMBER", "tokenExpiryPeriodInDays": 4000}, "tokenExpiryPeriodInDays"),
    ):
        tokens(manager, "POST", "", {**body, **change}).field_error(field)


def test_lists_with_and_without_those_of_narrower_scope(manager: Manager) -> None:
    for n in range(3):
        body = {"name": f"w{n}", "role": "WORKSPACE_MEMBER", "entityId": manager.workspace}
        assert tokens(manager, "POST", "", body).status == 200
        body = {"name": f"o{n}", "role": "ORGANIZATION_MEMBER"}
        assert tokens(manager, "POST", "", body).status == 200
    every = tokens(manager, "GET", "?limit=1000&sorts=createdAt:desc").body
    only = tokens(manager, "GET", "?includeOnlyOrganizationTokens=true").body
    assert every["totalCount"] == 7 and len(every["tokens"]) == 7
    assert only["totalCount"] == 4
    assert [one["name"] for one in only["tokens"]] == [
        one["name"] for one in every["tokens"] if one["scope"] == "ORGANIZATION"
    ]
    second = tokens(manager, "GET", "?includeOnlyOrganizationTokens=true&limit=2&offset=2").body
    assert (second["totalCount"], second["tokens"]) == (4, only["tokens"][2:])
    for one in every["tokens"]:
        printed(one)
    tokens(manager, "GET", "?includeOnlyOrganizationTokens=x").field_error(
        "includeOnlyOrganizationTokens"
    )
