# SPDX-License-Identifier: Apache-2.0
"""connctl's contexts, Workspaces, Deployments, projects, organization and audit log."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest
from admin import Admin
from connd_testing import CONNCTL, Manager


@pytest.fixture
def admin(workdir: Path, manager: Manager) -> Admin:
    return Admin(workdir, manager).login()


def names(rows: list[dict[str, str]]) -> set[str]:
    return {row["name"] for row in rows}


def test_login_stores_a_context_that_nobody_else_may_read(workdir: Path, manager: Manager) -> None:
    person = Admin(workdir, manager)
    person.run("workspace", "list", code=2)
    person.login("prod", "--workspace", "Analytics")
    directory = workdir / ".config" / "connctl"
    assert {p.name for p in directory.iterdir()} == {"contexts.json", "prod.token"}
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in directory.iterdir())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    stored = json.loads((directory / "contexts.json").read_text())
    assert stored["current"] == "prod"
    assert stored["contexts"]["prod"] == {
        "manager": manager.url,
        "organization": manager.organization,
        "workspace": manager.workspace,
    }
    assert names(person.json("workspace", "list")["workspaces"]) == {"Analytics"}


def test_login_takes_the_token_from_standard_input_and_tries_it(admin: Admin) -> None:
    login = ("login", "other", "--manager", admin.manager.url, "--token-file", "-")
    admin.run(*login, input=admin.token + "\n")
    assert [line.split()[:2] for line in admin.run("context", "list").stdout.splitlines()] == [
        ["default", admin.manager.url],
        ["*", "other"],
    ]
    done = admin.run(*login, code=4, input="a.bad.token")
    assert "refuses the token" in done.stderr
    admin.run(*login, code=2, input="two words")
    admin.run("context", "use", "nope", code=1)
    admin.run("context", "use", "default")
    assert admin.json("context", "list")["current"] == "default"
    admin.run("context", "delete", "default")
    admin.run("workspace", "list", code=2)
    assert not (admin.home / ".config/connctl/default.token").exists()


def test_login_asks_for_the_token_and_does_not_show_it(workdir: Path, manager: Manager) -> None:
    person = Admin(workdir, manager)
    code, shown = person.answer(manager.token + "\n", "login", "--manager", manager.url)
    assert code == 0 and "Token:" in shown and manager.token not in shown
    assert names(person.json("workspace", "list")["workspaces"]) == {"Analytics"}


def test_options_and_the_environment_name_a_manager_with_its_own_token(
    workdir: Path, manager: Manager
) -> None:
    person = Admin(workdir, manager)
    target = ["--manager", manager.url, "--token-file", str(person.token_file)]
    assert names(person.json("workspace", "list", *target)["workspaces"]) == {"Analytics"}
    # A token from a context is not sent to a manager named by an option.
    env = {"ASTRO_API_TOKEN": manager.token}
    person.run("workspace", "list", "--manager", manager.url, code=2, env=env)
    env["ASTRO_DOMAIN"] = "nowhere.invalid"
    done = person.run("workspace", "list", code=3, env=env)
    assert "https://api.nowhere.invalid" in done.stderr


def test_a_deployment_from_beginning_to_end(admin: Admin) -> None:
    made = admin.change("deployment", "create", "staging", "--description", "Before prod")
    assert made["name"] == (None, "staging")
    assert made["workspaceId"] == (None, admin.manager.workspace)
    rows = admin.json("deployment", "list")["deployments"]
    assert names(rows) == {"prod", "dev", "staging"}
    assert admin.change("deployment", "rename", "staging", "stage") == {
        "name": ("staging", "stage")
    }
    (row,) = (r for r in admin.json("deployment", "list")["deployments"] if r["name"] == "stage")
    assert row["id"] == admin.id and row["description"] == "Before prod"
    admin.manager.create_variable("a", "1", row["id"])
    assert admin.change("deployment", "delete", admin.id) == {"its own objects": ("1", None)}
    assert names(admin.json("deployment", "list")["deployments"]) == {"prod", "dev"}
    admin.run("deployment", "delete", "stage", "--yes", code=1)


def test_workspaces_and_projects(admin: Admin) -> None:
    admin.change("workspace", "create", "Finance")
    workspace = admin.id
    # With two Workspaces, creating a Deployment must name one.
    admin.run("deployment", "create", "prod", "--yes", code=2)
    admin.change("deployment", "create", "prod", "--workspace", "Finance")
    done = admin.run("deployment", "delete", "prod", "--yes", code=2)
    assert "2 Deployments" in done.stderr
    listed = admin.json("deployment", "list", "--workspace", "Finance")["deployments"]
    assert names(listed) == {"prod"}
    admin.change("project", "create", "ide", "--workspace", "Finance", "--deployment", "prod")
    assert names(admin.json("project", "list")["projects"]) == {"ide"}
    admin.change("project", "rename", "ide", "studio")
    done = admin.run("workspace", "delete", "Finance", "--yes", code=1)
    assert "Deployment" in done.stderr
    admin.change("project", "delete", "studio")
    admin.change("deployment", "delete", "prod", "--workspace", "Finance")
    admin.change("workspace", "rename", "Finance", "Money")
    assert admin.id == workspace
    admin.change("workspace", "delete", "Money")
    table = admin.run("workspace", "list").stdout
    assert table.split()[:2] == ["Analytics", admin.manager.workspace]


def test_the_organization_and_its_switch(admin: Admin) -> None:
    assert admin.json("organization", "show")["environmentSecretsFetching"] is True
    assert "secrets fetching  on" in admin.run("organization", "show").stdout
    changes = admin.change("organization", "set", "--secrets-fetching", "off", "--name", "Apex")
    assert changes == {"name": ("Acme", "Apex"), "secrets fetching": ("on", "off")}
    done = admin.json("organization", "set", "--secrets-fetching", "off", "--yes")
    assert done["made"] is False and done["changes"] == []
    admin.run("organization", "set", "--yes", code=2)
    admin.change("organization", "set", "--secrets-fetching", "on")


def test_a_change_is_asked_for_on_a_terminal_only(admin: Admin) -> None:
    done = admin.run("deployment", "create", "x", code=2)
    assert "--yes" in done.stderr and "+ name: x" in done.stderr
    done = admin.run("deployment", "create", "x", "--dry-run")
    assert "not made" in done.stdout and "+ name: x" in done.stderr
    assert admin.json("deployment", "create", "x", "--dry-run")["made"] is False
    code, shown = admin.answer("n\n", "deployment", "create", "x")
    assert code == 1 and "nothing was changed" in shown
    assert names(admin.json("deployment", "list")["deployments"]) == {"prod", "dev"}
    code, shown = admin.answer("y\n", "deployment", "create", "x")
    assert code == 0 and "done: create Deployment x" in shown
    assert "x" in names(admin.json("deployment", "list")["deployments"])


def test_what_a_token_may_not_do_is_4(workdir: Path, manager: Manager, admin: Admin) -> None:
    weak = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "weak", "--scope", "workspace",
        "--scope-id", manager.workspace, "--role", "MEMBER",
    )["token"]  # fmt: skip
    (workdir / "weak").mkdir()
    person = Admin(workdir / "weak", manager, weak).login()
    person.run("deployment", "create", "x", "--yes", code=4)
    assert names(person.json("deployment", "list")["deployments"]) == {"prod", "dev"}


def test_the_audit_log_is_read_and_followed(admin: Admin) -> None:
    admin.change("deployment", "create", "one")
    entries = admin.json("audit")["history"]
    assert entries[0]["name"] == "one" and entries[0]["action"] == "CREATE_ENTITY"
    lines = admin.run("audit", "--limit", "3", "--workspace", "Analytics").stdout.splitlines()
    assert "CREATE" in lines[-1] and "one" in lines[-1]
    with subprocess.Popen(
        [CONNCTL, "audit", "--follow", "--json"], stdout=subprocess.PIPE, text=True, env=admin.env
    ) as follower:
        assert follower.stdout
        try:
            seen: list[dict[str, str]] = []

            def follow_until(name: str) -> None:
                assert follower.stdout
                while not any(e.get("name") == name for e in seen):
                    seen.append(json.loads(follower.stdout.readline()))

            follow_until("one")
            admin.change("deployment", "create", "two")
            admin.change("deployment", "delete", "two")
            follow_until("two")
            assert [e["name"] for e in seen].count("one") == 1
        finally:
            follower.kill()


def test_https_to_a_plain_port_has_its_next_step(workdir: Path, manager: Manager) -> None:
    person = Admin(workdir, manager)
    url = manager.url.replace("http:", "https:")
    done = person.run("login", "--manager", url, "--token-file", str(person.token_file), code=3)
    assert "the server does not speak TLS on this port: name its https port" in done.stderr
