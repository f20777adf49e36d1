# SPDX-License-Identifier: Apache-2.0
"""Data at rest: no copy of the files contains a value or token; nothing opens with an old key;
sealed values cannot be moved to another place; and a key rotation under a busy manager."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, eventually, link
from manager_http import Reply, objects, send


@pytest.fixture
def made(workdir: Path) -> Iterator[Manager]:
    """Initialised, not serving."""
    manager = Manager(workdir)
    yield manager
    if manager.program:
        manager.program.kill()


def content(directory: Path) -> bytes:
    """The contents of all files except sockets and keys."""
    files = [p for p in sorted(directory.iterdir()) if p.is_file() and ".key" not in p.name]
    assert files
    return b"\0".join(p.read_bytes() for p in files)


def spellings(token: str) -> list[bytes]:
    """The forms from which a token could be used or rebuilt."""
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    jti = claims["jti"]
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return [part.encode() for part in (head, payload, signature, jti)] + [bytes.fromhex(jti), raw]


def test_no_copy_reveals_a_value_or_a_token_whatever_was_done(made: Manager) -> None:
    made.serve()
    prod = made.deployment_ids["prod"]
    data = ["--data", str(made.data)]
    tokens = [made.token]
    copies: list[Path] = []

    def keep(name: str) -> None:
        copy = made.directory / name
        shutil.copytree(made.data, copy, ignore=shutil.ignore_patterns("*.sock"))
        copies.append(copy)

    typed = {"host": "stolen-host", "password": "stolen-1", "extra": {"k": "stolen-extra"}}
    object_id = made.create_connection(
        "findable", description="stolen-description", **typed,
        links=[link(prod, connection={"password": "stolen-over", "extra": {"k": "stolen-e"}})],
    )  # fmt: skip
    gone = made.create_variable("alsofindable", "stolen-plain", prod)
    keep("created")
    made.update(
        object_id, connection={"type": "x", "password": "stolen-2"}, description="stolen-anew",
        links=[link(prod, connection={"password": "stolen-over-2"})],
    )  # fmt: skip
    keep("updated")
    made.delete(gone)
    reply = send(made, "POST", f"{objects(made)}/{object_id}/restore", {"version": 1})
    assert reply.status == 200
    for name in ("stays", "goes"):
        out = made.command(
            "token", "create", *data, "--name", name, "--scope", "workspace", "--scope-id",
            made.workspace, "--role", "MEMBER",
        )  # fmt: skip
        tokens.append(out["token"])
    made.command("token", "revoke", *data, "--id", out["id"])
    renewed = send(
        made, "POST", f"/v1/organizations/{made.organization}/tokens/self/renew", token=tokens[1]
    )
    assert renewed.status == 200
    tokens.append(renewed.body["token"])
    keep("deleted")
    made.command("rotate-key", *data)
    keep("rotated")
    made.command("backup", str(made.directory / "copy.db"), *data)
    (made.directory / "backup").mkdir()
    shutil.move(made.directory / "copy.db", made.directory / "backup" / "copy.db")
    copies.append(made.directory / "backup")
    made.stop()
    keep("stopped")
    for copy in copies:
        found = content(copy)
        assert b"findable" in found, "the search itself works"
        assert b"stolen" not in found, copy.name
        for token in tokens:
            assert not [s for s in spellings(token) if s in found], copy.name
    assert b"-wal" in b" ".join(p.name.encode() for p in (made.directory / "updated").iterdir())


def test_a_key_of_before_opens_nothing_that_is_left(made: Manager) -> None:
    """Each envelope has the id of its key: the old id must not be in the database, its free pages
    or log."""
    made.serve()
    data = ["--data", str(made.data)]
    for i in range(40):
        object_id = made.create_connection(f"c{i}", host="h" * 500, password="p")
        made.update(object_id, connection={"type": "x", "host": "g" * 700})
        if i % 3 == 0:
            made.delete(object_id)
    ids = [bytes.fromhex(made.command("rotate-key", *data)["keyId"]) for _ in range(3)]
    found = content(made.data)
    assert [key_id in found for key_id in ids] == [False, False, True]
    made.update(made.create_connection("after", host="h"), connection={"type": "x", "host": "h2"})
    made.stop()
    found = content(made.data)
    assert [key_id in found for key_id in ids] == [False, False, True]


def swap(database: Path, table: str, column: str, rows: list[Any]) -> None:
    """Swaps the sealed values of two rows."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        one, two = (
            db.execute(f"SELECT sealed FROM {table} WHERE {column} = ?", (row,)).fetchone()[0]
            for row in rows
        )
        for row, sealed in zip(rows, (two, one), strict=True):
            db.execute(f"UPDATE {table} SET sealed = ? WHERE {column} = ?", (sealed, row))


def test_what_is_moved_to_another_place_is_refused(made: Manager) -> None:
    made.serve()
    prod, dev = made.deployment_ids["prod"], made.deployment_ids["dev"]
    same = [made.create_connection(key, host="h", password=f"of {key}") for key in ("a", "b")]
    other = made.create_connection(
        "c", host="h",
        links=[link(prod, connection={"password": "1"}), link(dev, connection={"password": "2"})],
    )  # fmt: skip
    whole = made.create_connection("whole", host="h", password="whole")
    made.update(whole, connection={"type": "x", "host": "i"})
    database = made.data / "manager.db"
    log = made.directory / "manager.log"

    def moved(method: str, path: str, named: str, body: Any = None) -> Reply:
        size = log.stat().st_size
        reply = send(made, method, f"{objects(made)}{path}", body)

        def said() -> bool:
            text = log.read_text()[size:]
            return "cannot be decrypted" in text and named in text

        eventually(said, f"a line about {named}")
        return reply

    for table, column, rows, path, named, left in (
        ("object", "id", same, f"/{same[0]}", same[0], {"c", "whole"}),
        ("link", "entity_id", [prod, dev], f"/{other}", other, {"a", "b", "whole"}),
    ):
        swap(database, table, column, rows)
        moved("GET", path, named).error(500)
        listed = moved("GET", "?limit=100&showSecrets=true", named)
        assert listed.status == 200, "a damaged row does not take the others away"
        assert {row["objectKey"] for row in listed.body["environmentObjects"]} == left
        assert listed.body["totalCount"] == len(left)
        again = send(made, "GET", f"{objects(made)}?limit=100&showSecrets=true")
        assert again.body == listed.body
        assert again.headers["etag"] != listed.headers["etag"], "the first may have missed one"
        reply = send(made, "GET", f"{objects(made)}/{whole}")
        assert reply.status == 200, "the others go on"
        key = (made.data / "manager.key").read_bytes()
        done = subprocess.run(
            [MANAGER, "rotate-key", "--data", made.data],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "") and "cannot be decrypted" in done.stderr
        assert (made.data / "manager.key").read_bytes() == key
        assert not (made.data / "manager.key.new").exists()
        made.stop()
        swap(database, table, column, rows)
        made.serve()
        assert send(made, "GET", f"{objects(made)}{path}").status == 200
    # Nor to another time: an older value of the same place is refused, too.
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        now, was = (
            db.execute(
                "SELECT sealed FROM version WHERE object_id = ? AND version = ?", (whole, v)
            ).fetchone()[0]
            for v in (2, 1)
        )
        db.execute(
            "UPDATE version SET sealed = ? WHERE object_id = ? AND version = 1", (now, whole)
        )
        moved("POST", f"/{whole}/restore", whole, {"version": 1}).error(500)
        assert send(made, "GET", f"{objects(made)}/{whole}").body["connection"]["host"] == "i"
        db.execute(
            "UPDATE version SET sealed = ? WHERE object_id = ? AND version = 1", (was, whole)
        )
    made.command("rotate-key", "--data", str(made.data))
    shown = made.api("GET", "?objectKey=a&showSecrets=true")["environmentObjects"][0]
    assert shown["connection"]["password"] == "of a"
    made.stop()


def test_the_key_is_changed_while_everybody_reads_and_writes(made: Manager) -> None:
    made.serve()
    kept: dict[str, str] = {}
    broken: list[Any] = []
    end = threading.Event()

    def write(name: str) -> None:
        ids: list[str] = []
        for i in range(10_000):
            if end.is_set():
                return
            key, value = f"{name}{i % 20}", f"{name}:{i}"
            try:
                if i < 20:
                    ids.append(made.create_variable(key, value, secret=True))
                else:
                    made.update(ids[i % 20], airflowVariable={"value": value})
            except Exception as error:
                broken.append(error)
                return
            kept[key] = value

    def read() -> None:
        while not end.is_set():
            before = dict(kept)
            try:
                rows = made.api("GET", "?limit=1000&showSecrets=true")["environmentObjects"]
                values = {row["objectKey"]: row["airflowVariable"]["value"] for row in rows}
                for key, value in before.items():
                    assert int(values[key].split(":")[1]) >= int(value.split(":")[1])
            except Exception as error:
                broken.append(error)
                return

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: broken or len(kept) == 60, "all keys are there")
    for _ in range(8):
        many = sum(int(value.split(":")[1]) for value in kept.values())
        made.command("rotate-key", "--data", str(made.data))
        eventually(
            lambda many=many: (
                broken or sum(int(value.split(":")[1]) for value in kept.values()) > many + 10
            ),
            "writing goes on",
        )
    end.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not broken, broken

    def values() -> dict[str, str]:
        rows = made.api("GET", "?limit=1000&showSecrets=true")["environmentObjects"]
        return {row["objectKey"]: row["airflowVariable"]["value"] for row in rows}

    assert values() == kept
    made.stop()
    made.serve()
    assert values() == kept
    made.stop()
