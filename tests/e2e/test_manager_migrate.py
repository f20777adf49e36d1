# SPDX-License-Identifier: Apache-2.0
"""connd-manager migrates the databases of its earlier versions (made by old_databases/make.py), and
never migrates an authenticated database as an unauthenticated one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, unpack

OLD = Path(__file__).parent / "old_databases"
SCHEMAS = Path(__file__).parents[2] / "daemon/manager/store/sqlite"
VERSIONS = [int(p.name[len("schema") :].split(".")[0]) for p in sorted(OLD.glob("*.tar.gz"))]
KEEP = ("--audit-days", "36500")  # independent of when the tests run


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [MANAGER, *args], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


class Old(Manager):
    """A data directory made by an earlier version, with the responses of that version."""

    def __init__(self, directory: Path, version: int) -> None:
        super().__init__(directory)
        for path in self.data.iterdir():
            path.unlink()
        unpack(OLD / f"schema{version}.tar.gz", self.data)
        self.facts = json.loads((self.data / "facts.json").read_text())
        self.organization = self.facts["organizationId"]
        self.workspace = self.facts["workspaceId"]
        self.deployment_ids = self.facts["deploymentIds"]
        self.token = self.facts["token"]

    def start(self) -> Manager:
        return self.serve(*KEEP)

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        return self.request("GET", f"/v1/organizations/{self.organization}{path}", token=token)

    def database(self) -> contextlib.closing[sqlite3.Connection]:
        return contextlib.closing(sqlite3.connect(self.data / "manager.db", isolation_level=None))


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, workdir: Path) -> Iterator[Old]:
    manager = Old(workdir, request.param)
    yield manager
    if manager.program:
        manager.program.kill()


def covers(now: Any, then: Any, where: str = "") -> None:
    """Asserts that everything in the old response is still there; there may be more."""
    if isinstance(then, dict):
        for name in then.keys() - {"lastUsedAt"}:
            assert name in now, f"{where}.{name}"
            covers(now[name], then[name], f"{where}.{name}")
    elif isinstance(then, list):
        assert len(now) == len(then), where
        for i, row in enumerate(then):
            covers(now[i], row, f"{where}[{i}]")
    else:
        assert now == then, where


def without_reads(answer: Any) -> Any:
    rows = [row for row in answer["history"] if not row["action"].startswith("READ")]
    return {**answer, "history": rows, "totalCount": len(rows)}


def test_there_is_a_database_of_every_earlier_schema() -> None:
    newest = len(list(SCHEMAS.glob("schema*.sql")))
    assert list(range(1, newest)) == VERSIONS


def test_an_older_database_is_migrated_with_all_that_is_in_it(old: Old) -> None:
    with old:
        for path, then in old.facts["answers"].items():
            status, now = old.get(path)
            assert status == 200, (path, now)
            if "history" in then:
                now, then = without_reads(now), without_reads(then)
            if path.startswith("/tokens"):
                now, then = ({"tokens": sorted(a["tokens"], key=lambda t: str(t["id"]))}
                             for a in (now, then))  # fmt: skip
            covers(now, then, path)
    with old.database() as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("SELECT count(*) FROM object WHERE length(mac) <> 32").fetchone() == (0,)


def test_a_migrated_manager_works_as_any_other(old: Old) -> None:
    with old:
        pg = old.facts["pg"]
        status, answer = old.request(
            "POST", f"/v1/organizations/{old.organization}/environment-objects/{pg}/restore",
            {"version": 1},
        )  # fmt: skip
        if VERSIONS[0] == 1 and "/audit-log?limit=1000" not in old.facts["answers"]:
            assert status == 404  # that program kept no versions
        else:
            assert (status, answer["connection"]["host"]) == (200, "h1")
            gone = {"subjectId": old.facts["gone"], "version": 1}
            path = f"/v1/organizations/{old.organization}/audit-log/restore"
            status, answer = old.request("POST", path, gone)
            assert status == 200, answer
            assert answer["objectKey"] == "gone"
            assert answer["scopeEntityId"] == old.deployment_ids["dev"]
        old.create_variable("new", "v")
        old.update(pg, connection={"type": "mysql"}, links=[])
    copy = old.directory / "copy.db"
    assert run("rotate-key", "--data", old.data).returncode == 0
    assert run("backup", copy, "--data", old.data).returncode == 0
    (old.data / "manager.db").unlink()
    assert run("restore", copy, "--data", old.data).returncode == 0
    with old:
        status, page = old.get(f"/environment-objects?workspaceId={old.workspace}")
        assert {row["objectKey"] for row in page["environmentObjects"]} == {"pg", "auto", "new"}


def test_old_tokens_stay_valid_and_renewals_form_one_family(old: Old) -> None:
    tokens = [old.facts[name] for name in ("worker", "renewed", "again") if name in old.facts]
    with old:
        for token in tokens:
            assert old.get("", token["token"])[0] == 200
        assert old.get("", old.facts["revoked"]["token"])[0] == 401
        status, made = old.request(
            "POST", f"/v1/organizations/{old.organization}/tokens/self/renew", {},
            token=tokens[-1]["token"],
        )  # fmt: skip
        assert status == 200
    with old.database() as db:
        rows = db.execute("SELECT id, family FROM token").fetchall()
    family = dict(rows)
    for token in [*tokens, made]:
        assert family[token["id"]] == tokens[0]["id"]
    assert family[old.facts["revoked"]["id"]] == old.facts["revoked"]["id"]


# --- an authenticated database is never migrated as one that is not ----------------------------


def set_back(old: Old) -> None:
    """Sets it back, as an attacker would to have edited rows authenticated."""
    with old.database() as db:
        for table in ("organization", "workspace", "deployment", "project", "object", "token"):
            db.execute("DROP VIEW IF EXISTS entity")
            db.execute("DROP INDEX IF EXISTS token_family")
            db.execute(f"ALTER TABLE {table} DROP COLUMN mac")
        for column in ("family", "family_created_ms", "family_expires_ms", "workspace_id"):
            db.execute(f"ALTER TABLE token DROP COLUMN {column}")
        db.execute("ALTER TABLE object DROP COLUMN draw")
        db.execute("ALTER TABLE change DROP COLUMN draw")
        db.execute("ALTER TABLE audit DROP COLUMN count")
        db.execute("ALTER TABLE state ADD COLUMN epoch TEXT NOT NULL DEFAULT 'e'")
        db.execute("CREATE VIEW entity AS SELECT 1")
        db.execute("UPDATE token SET role = 'OWNER'")
        db.execute("PRAGMA user_version = 3")


@pytest.fixture
def migrated(workdir: Path) -> Iterator[Old]:
    """A migrated database of schema 3; kept: the database before the migration."""
    manager = Old(workdir, 3)
    (manager.data / "kept.db").write_bytes((manager.data / "manager.db").read_bytes())
    settings = ["organization", "set", "--data", manager.data, "--secrets-fetching", "on"]
    assert run(*settings).returncode == 0
    yield manager


def test_an_authenticated_database_that_was_set_back_is_refused(migrated: Old) -> None:
    set_back(migrated)
    before = (migrated.data / "manager.db").read_bytes()
    done = run("--data", migrated.data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "set back" in done.stderr and "backup" in done.stderr
    assert (migrated.data / "manager.db").read_bytes() == before


def test_database_with_the_key_check_of_an_older_backup_is_refused(migrated: Old) -> None:
    set_back(migrated)
    with migrated.database() as db:
        db.execute("ATTACH ? AS kept", (str(migrated.data / "kept.db"),))
        db.execute("UPDATE state SET key_check = (SELECT key_check FROM kept.state)")
    done = run("--data", migrated.data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "edited" in done.stderr
    with migrated.database() as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)


def test_envelope_of_an_older_backup_is_refused(migrated: Old) -> None:
    with migrated.database() as db:
        db.execute("ATTACH ? AS kept", (str(migrated.data / "kept.db"),))
        db.execute("UPDATE object SET sealed = (SELECT k.sealed FROM kept.object k "
                   "WHERE k.id = object.id) WHERE key = 'auto'")  # fmt: skip
    with migrated:
        status, page = migrated.get(f"/environment-objects?workspaceId={migrated.workspace}")
        assert status == 200
        assert [row["objectKey"] for row in page["environmentObjects"]] == ["pg"]
        assert page["totalCount"] == 1


def test_a_wrong_key_changes_nothing(workdir: Path) -> None:
    manager = Old(workdir, 3)
    before = (manager.data / "manager.db").read_bytes()
    (manager.data / "manager.key").write_text("ab" * 32)
    done = run("--data", manager.data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "key" in done.stderr
    assert (manager.data / "manager.db").read_bytes() == before
