# SPDX-License-Identifier: Apache-2.0
"""Backup and restore: the whole manager in one file, which is complete or does not exist. Requests
do not wait while it is made."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, eventually
from manager_http import objects, send

KILLS = 60


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [MANAGER, *args], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


@pytest.fixture
def made(workdir: Path) -> Iterator[Manager]:
    """Initialised, not serving."""
    manager = Manager(workdir)
    yield manager
    if manager.program:
        manager.program.kill()


@pytest.mark.parametrize("serving", [False, True])
def test_a_backup_is_the_whole_manager(
    made: Manager, serving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.directory)
    made.serve()
    made.create_connection("pg", host="backedhost", password="backedpassword")
    path = (
        f"/v1/organizations/{made.organization}/environment-objects"
        f"?workspaceId={made.workspace}&showSecrets=true"
    )
    before = made.request("GET", path)
    tag = etag(made, path)
    if not serving:
        made.stop()
    said = made.command("backup", "copy.db", "--data", str(made.data))
    copy = made.directory / "copy.db"
    assert Path(said["file"]).resolve() == copy.resolve()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert b"backed" not in copy.read_bytes()
    again = run("backup", "copy.db", "--data", made.data)
    assert again.returncode == 1
    assert "already" in again.stderr
    if serving:
        made.create_connection("later", host="h")
        made.stop()
    # Not over an existing database, and not without its key.
    done = run("restore", copy, "--data", made.data)
    assert done.returncode == 1
    assert "already" in done.stderr
    key = (made.data / "manager.key").read_bytes()
    shutil.rmtree(made.data)
    made.data.mkdir(mode=0o700)
    done = run("restore", copy, "--data", made.data)
    assert done.returncode == 1
    assert "key" in done.stderr
    (made.data / "manager.key").write_text("ef" * 32)
    (made.data / "manager.key").chmod(0o600)
    done = run("restore", copy, "--data", made.data)
    assert done.returncode == 1
    assert "key" in done.stderr
    assert not (made.data / "manager.db").exists()
    (made.data / "manager.key").write_bytes(key)
    made.command("restore", "copy.db", "--data", str(made.data))
    made.serve()
    assert made.request("GET", path) == before
    # The same content, but with other ETags, so that clients do not confuse it with the original.
    assert etag(made, path) != tag
    made.stop()


def etag(manager: Manager, path: str) -> str:
    request = urllib.request.Request(
        manager.url + path, headers={"Authorization": f"Bearer {manager.token}"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        tag: str = reply.headers["ETag"]
    assert tag
    return tag


def test_backup_that_cannot_be_written_is_an_error(made: Manager) -> None:
    for file in (made.directory / "no" / "such" / "copy.db", made.directory):
        done = run("backup", file, "--data", made.data)
        assert done.returncode == 1
        assert str(file) in done.stderr
    done = run("restore", made.directory / "nothing.db", "--data", made.data)
    assert done.returncode == 1
    junk = made.directory / "junk.db"
    junk.write_bytes(b"junk" * 1000)
    (made.data / "manager.db").unlink()
    done = run("restore", junk, "--data", made.data)
    assert done.returncode == 1
    assert "not a database" in done.stderr
    assert not (made.data / "manager.db").exists()


# --- to stdout, with the client's own rights ----------------------------------------------------


def whole(copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM organization").fetchone() == (1,)


@pytest.mark.parametrize("serving", [False, True])
def test_a_backup_goes_to_stdout(made: Manager, serving: bool) -> None:
    copy = made.directory / "copy.db"
    if serving:
        made.serve()
    with copy.open("wb") as out:
        done = subprocess.run(
            [MANAGER, "backup", "-", "--data", made.data], stdout=out, stderr=subprocess.PIPE,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    whole(copy)
    assert not (made.data / "manager.backup").exists()
    if serving:
        made.stop()
    (made.data / "manager.db").unlink()
    assert run("restore", copy, "--data", made.data).returncode == 0
    made.serve()
    made.stop()


def test_a_closed_pipe_is_an_error_and_leaves_nothing(made: Manager) -> None:
    made.serve()
    for i in range(40):
        made.create_variable(f"v{i}", "x" * 100_000)
    process = subprocess.Popen(
        [MANAGER, "backup", "-", "--data", made.data], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.wait(PATIENCE) != 0
    process.stderr.close()
    assert not (made.data / "manager.backup").exists()
    made.stop()


# --- requests do not wait -----------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_requests_are_answered_while_a_backup_waits_for_the_disk(workdir: Path) -> None:
    """Its sync takes three seconds, so that the test does not depend on the speed of the
    machine."""
    manager = Manager(workdir)
    strace: list[str | Path] = [
        "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync",
        "-e", "inject=fsync:delay_enter=3000000",
    ]  # fmt: skip
    manager.launch(
        "--listen", f"127.0.0.1:{manager.port}", wrap=lambda argv: [*strace, *argv],
        env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"},
    )  # fmt: skip
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        backup = pool.submit(run, "backup", workdir / "copy.db", "--data", manager.data)
        answered = 0
        while not backup.done():
            assert send(manager, "GET", objects(manager)).status == 200
            answered += 1
            time.sleep(0.01)
    assert backup.result().returncode == 0
    assert answered > 20
    whole(workdir / "copy.db")
    assert manager.program
    manager.program.kill()


def test_second_concurrent_backup_waits_or_is_refused(made: Manager) -> None:
    made.serve()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(
            pool.map(lambda i: run("backup", made.directory / f"{i}.db", "--data", made.data),
                     range(8))
        )  # fmt: skip
    made.stop()
    good = [d for d in done if d.returncode == 0]
    assert good
    for d in done:
        assert d.returncode == 0 or "another backup" in d.stderr, d.stderr
    for i, d in enumerate(done):
        copy = made.directory / f"{i}.db"
        assert copy.exists() == (d.returncode == 0)
        if copy.exists():
            whole(copy)


# --- killed at any moment ----------------------------------------------------------------------


def seconds(*args: str | Path) -> float:
    began = time.monotonic()
    assert run(*args).returncode == 0
    return time.monotonic() - began


def killed(delay: float, *args: str | Path) -> bool:
    """True if the command was still running when it was killed."""
    process = subprocess.Popen([MANAGER, *args], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    time.sleep(delay)  # varied on purpose: where it is hit
    process.kill()
    return process.wait() < 0


def fill(manager: Manager) -> None:
    manager.serve()
    for i in range(60):
        manager.create_variable(f"v{i}", "x" * 20_000)
    manager.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("serving", [False, True])
def test_killed_backup_leaves_a_complete_file_or_none(made: Manager, serving: bool) -> None:
    fill(made)
    if serving:
        made.serve()
    rng = random.Random(7)
    took = seconds("backup", made.directory / "first.db", "--data", made.data)
    hit = 0
    for i in range(KILLS):
        copy = made.directory / f"copy{i}.db"
        hit += killed(rng.uniform(0, 1.1 * took), "backup", copy, "--data", made.data)
        if copy.exists():
            whole(copy)
        else:
            eventually(
                lambda copy=copy: run("backup", copy, "--data", made.data).returncode == 0,
                "the next one succeeds",
            )
            whole(copy)
        assert not copy.with_name(f"{copy.name}.part").exists()
    assert hit > KILLS // 4
    assert not (made.data / "manager.backup").exists()
    if serving:
        made.stop()


@pytest.mark.timeout(300)
def test_a_backup_whose_server_is_killed_leaves_none(made: Manager) -> None:
    fill(made)
    rng = random.Random(8)
    for i in range(10):
        made.serve()
        copy = made.directory / f"copy{i}.db"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            backup = pool.submit(run, "backup", copy, "--data", made.data)
            time.sleep(rng.uniform(0, 0.06))
            assert made.program
            made.program.kill()
        if copy.exists():
            assert backup.result().returncode == 0
            whole(copy)
        else:
            assert backup.result().returncode == 1
        assert not copy.with_name(f"{copy.name}.part").exists()


@pytest.mark.timeout(300)
def test_killed_restore_leaves_a_complete_database_or_none(made: Manager) -> None:
    fill(made)
    rng = random.Random(9)
    copy, data = made.directory / "copy.db", made.directory / "restored"
    assert run("backup", copy, "--data", made.data).returncode == 0

    def empty() -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        shutil.copy(made.data / "manager.key", data / "manager.key")

    empty()
    took = seconds("restore", copy, "--data", data)
    hit = 0
    for _ in range(KILLS):
        empty()
        hit += killed(rng.uniform(0, 1.1 * took), "restore", copy, "--data", data)
        there = (data / "manager.db").exists()
        again = run("restore", copy, "--data", data)
        assert again.returncode == (1 if there else 0), again.stderr
        assert not there or "already" in again.stderr
        whole(data / "manager.db")
        assert {p.name for p in data.iterdir()} == {"manager.key", "manager.db"}
    assert hit > KILLS // 4


@pytest.mark.timeout(300)
def test_a_killed_rotation_leaves_one_key_that_opens_everything(made: Manager) -> None:
    fill(made)
    rng = random.Random(10)
    took = seconds("rotate-key", "--data", made.data)
    for _ in range(KILLS):
        killed(rng.uniform(0, 1.1 * took), "rotate-key", "--data", made.data)
        done = run("organization", "show", "--data", made.data)
        assert done.returncode == 0, done.stderr
        names = {p.name for p in made.data.iterdir()}
        assert not names & {"manager.key.new", "manager.key.new.part", "manager.key.part"}
    made.serve()
    page = made.api("GET", f"?workspaceId={made.workspace}&limit=1000&showSecrets=true")
    assert page["totalCount"] == 60
    made.stop()
