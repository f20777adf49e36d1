# SPDX-License-Identifier: Apache-2.0
"""The names beside the ids in Status: of organization, Deployment and Workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from connd_testing import Manager
from faulty_manager import FaultyManager, variable_row


def test_status_shows_names_beside_ids(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    made = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "worker", "--scope", "deployment",
        "--scope-id", prod, "--role", "MEMBER",
    )  # fmt: skip
    with manager.connd() as connd:
        connd.write_token(made["token"])
    with connd:
        status = connd.wait_for(lambda s: s.get("deployment_name"), "the names")
        assert (status["deployment"], status["deployment_name"]) == (prod, "prod")
        assert status["organization_name"] and "workspace_name" not in status
        shown = connd.connctl("status").stdout
        assert f"{prod} (prod)" in shown and "name" not in shown
        missing = connd.connctl("get", "conn", "x").stderr
        assert 'of Deployment "prod"' in missing


def test_a_workspace_has_its_name(manager: Manager) -> None:
    connd = manager.connd()
    text = connd.config_text().replace(
        f"deployment = {manager.deployment_ids['prod']}", f"workspace = {manager.workspace}"
    )
    connd.write_config(text)
    with connd:
        status = connd.wait_for(lambda s: s.get("workspace_name"), "the names")
        assert status["workspace"] == manager.workspace and "deployment_name" not in status


BAD = [
    "[]",
    '{"name": 7}',
    '{"name": ""}',
    '{"name',
    '{"name": "' + "x" * 300 + '"}',
    "x" * 100_000,
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_what_is_not_a_name_is_not_shown(workdir: Path, faulty: FaultyManager, body: str) -> None:
    faulty.places = {"organizations": '{"name": "Acme"}', "deployments": body}
    with faulty.connd(workdir) as connd:
        connd.wait_for(lambda s: s.get("organization_name") == "Acme", "the other name")
        faulty.add(variable_row("v", faulty.deployment, "1"))
        assert connd.connctl("refresh").returncode == 0
        assert "deployment_name" not in connd.status()
        assert not connd.events("warn", "error")


def test_names_are_safe_for_a_terminal(workdir: Path, faulty: FaultyManager) -> None:
    name = json.dumps({"name": "a\x1b[31mb"})
    faulty.places = {"organizations": name, "deployments": name}
    with faulty.connd(workdir) as connd:
        connd.wait_for(lambda s: s.get("deployment_name"), "the names")
        assert "\x1b" not in connd.connctl("status").stdout
        assert "\x1b" not in connd.connctl("get", "conn", "x").stderr
