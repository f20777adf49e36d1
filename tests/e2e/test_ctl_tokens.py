# SPDX-License-Identifier: Apache-2.0
"""connctl token list, create and revoke."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
from pathlib import Path

import pytest
from admin import Admin
from connd_testing import CONNCTL, MANAGER, Manager


@pytest.fixture
def admin(workdir: Path, manager: Manager) -> Admin:
    return Admin(workdir, manager).login()


def status(admin: Admin, token: str) -> int:
    return admin.manager.request("GET", "/v1/organizations", token=token)[0]


def test_a_token_is_printed_once_and_works(admin: Admin) -> None:
    done = admin.run(
        "token", "create", "worker", "--role", "MEMBER", "--deployment", "prod",
        "--expires-in", "90d", "--yes",
    )  # fmt: skip
    token = done.stdout.strip()
    assert done.stdout == token + "\n" and token not in done.stderr
    assert status(admin, token) == 200
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 90 * 86400
    (row,) = (t for t in admin.json("token", "list")["tokens"] if t["name"] == "worker")
    assert (row["scope"], row["role"]) == ("DEPLOYMENT", "MEMBER")
    assert row["scopeEntityId"] == admin.manager.deployment_ids["prod"]
    changes = admin.change("token", "revoke", "worker")
    assert changes["tokens of its family that end"] == ("1", None)
    assert status(admin, token) == 401
    lines = [line for line in admin.run("token", "list").stdout.splitlines() if "worker" in line]
    assert len(lines) == 1 and "revoked" in lines[0]
    admin.run("token", "revoke", "worker", "--yes", code=1)


def test_a_token_of_one_deployment_is_told_to_name_it(admin: Admin) -> None:
    """It sees its Workspace's name, none of its objects, and changes nothing as a MEMBER."""
    done = admin.run("token", "create", "m", "--role", "MEMBER", "--deployment", "prod", "--yes")
    file = admin.home / "m.token"
    file.write_text(done.stdout)
    file.chmod(0o600)
    admin.run("login", "m", "--manager", admin.manager.url, "--token-file", str(file))
    create = ("connection", "create", "x", "--type", "http", "--yes")
    for args, code in (
        (("connection", "list"), 1),
        (("connection", "set", "x", "--host", "h", "--yes"), 1),
        (("connection", "restore", "x", "--yes"), 1),
        (create, 2),
    ):
        done = admin.run(*args, code=code)
        assert "pass --deployment NAME" in done.stderr
        assert done.stderr.count("connctl:") == 1, "one error, said once"
    admin.run("connection", "list", "--deployment", "prod")
    done = admin.run(*create, "--deployment", "prod", code=4)
    assert "(DEPLOYMENT MEMBER)" in done.stderr, "whose role it is"


def test_a_token_goes_to_a_new_file_that_nobody_else_may_read(admin: Admin) -> None:
    out = admin.home / "new.token"
    create = ("token", "create", "ci", "--role", "OPERATOR", "--workspace", "Analytics")
    done = admin.run(*create, "--token-out", str(out), "--yes")
    assert done.stdout == "" and stat.S_IMODE(out.stat().st_mode) == 0o600
    assert status(admin, out.read_text().strip()) == 200
    assert out.read_text().strip() not in done.stderr
    done = admin.run(*create, "--token-out", str(out), "--yes", code=3)
    assert "revoke it" in done.stderr
    # Two of one name now: which?
    done = admin.run("token", "revoke", "ci", "--yes", code=2)
    assert "2 tokens" in done.stderr


def test_an_organizations_token_as_json_and_a_dry_run(admin: Admin) -> None:
    create = ("token", "create", "all", "--role", "OWNER")
    assert admin.json(*create, "--dry-run")["made"] is False
    made = admin.json(*create, "--yes")
    assert made["scope"] == "ORGANIZATION" and status(admin, made["token"]) == 200
    admin.run("token", "create", "bad", "--role", "KING", "--yes", code=2)
    admin.run("token", "create", "bad", "--role", "OWNER", "--expires-in", "soon", "--yes", code=2)
    admin.run("token", "create", "bad", "--yes", code=2)
    assert [t["name"] for t in admin.json("token", "list")["tokens"]].count("bad") == 0


@pytest.mark.parametrize("command", [(CONNCTL, "token", "create"), (MANAGER, "token", "create")])
def test_help_says_how_long_a_token_can_be_renewed(command: tuple[str, ...]) -> None:
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    assert "--max-lifetime" in text and "is not prolonged" in text
