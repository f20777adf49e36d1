# SPDX-License-Identifier: Apache-2.0
"""A slow disk: writes wait for it, reads do not."""

from __future__ import annotations

import concurrent.futures
import os
import threading
import time
from pathlib import Path

import pytest
from connd_testing import PATIENCE, Manager, eventually
from manager_http import objects, send

SYNC_SECONDS = 3.0
SYNCS = "fsync,fdatasync,sync_file_range"


@pytest.fixture
def slow(workdir: Path) -> Manager:
    """Each sync takes three seconds. strace is the manager's grandchild: the process is the
    manager."""
    manager = Manager(workdir)
    strace: list[str | Path] = [
        "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={SYNCS}",
        "-e", f"inject={SYNCS}:delay_enter={int(SYNC_SECONDS * 1e6)}",
    ]  # fmt: skip
    manager.launch(
        "--listen", f"127.0.0.1:{manager.port}",
        wrap=lambda argv: [*strace, *argv],
        # Leak detection does not work under a tracer.
        env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"},
    )  # fmt: skip
    return manager


def timed(manager: Manager, method: str, path: str, body: object = None) -> float:
    began = time.monotonic()
    reply = send(manager, method, path, body)
    assert reply.status == 200, reply.raw
    return time.monotonic() - began


@pytest.mark.timeout(180)
def test_no_read_waits_for_the_disk(slow: Manager) -> None:
    prod = slow.deployment_ids["prod"]
    path = f"{objects(slow)}?deploymentId={prod}&resolveLinked=true&showSecrets=true"
    stop = threading.Event()

    def write() -> list[float]:
        took = []
        for n in range(3):
            body = {
                "objectKey": f"k{n}", "objectType": "AIRFLOW_VARIABLE", "scope": "DEPLOYMENT",
                "scopeEntityId": prod, "airflowVariable": {"value": "v"},
            }  # fmt: skip
            took.append(timed(slow, "POST", objects(slow), body))
        stop.set()
        return took

    reads = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        n = 0
        while not stop.is_set():
            # Each read is of another key, so each makes an audit row.
            reads.append(timed(slow, "GET", f"{path}&objectKey=key_{n}"))
            n += 1
            time.sleep(0.005)
        writes = writing.result()
    # A write responds after its sync; it does not also wait for two syncs of other writes.
    assert min(writes) >= SYNC_SECONDS * 0.9, writes
    reads.sort()
    assert len(reads) > 100
    assert reads[int(len(reads) * 0.99)] < 0.5, reads[-20:]
    assert reads[-1] < SYNC_SECONDS / 2 + (PATIENCE - 15) / 10, reads[-5:]
    slow.program.kill()  # type: ignore[union-attr]
    slow.program = None


def test_a_key_is_changed_on_disk_before_the_old_one_goes(workdir: Path) -> None:
    """A power failure in between must not leave a database that no key opens."""
    manager = Manager(workdir)
    trace = workdir / "trace"
    strace: list[str | Path] = [
        "strace", "-D", "-f", "-qq", "-y", "-o", trace, "-e", "trace=pwrite64,fdatasync,rename,renameat",
        "-e", "inject=fdatasync:delay_enter=300000",
    ]  # fmt: skip
    manager.launch(
        "--listen", f"127.0.0.1:{manager.port}",
        wrap=lambda argv: [*strace, *argv],
        env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"},
    )  # fmt: skip
    manager.create_variable("v", "1")
    manager.command("rotate-key", "--data", str(manager.data))
    assert manager.program
    manager.program.kill()
    unsynced, seen = True, False
    for line in trace.read_text().splitlines():
        if "pwrite64(" in line and "manager.db-wal>" in line:
            unsynced = True
        elif "fdatasync" in line and line.rstrip().endswith("= 0 (DELAYED)"):
            unsynced = False
        elif "manager.key.new" in line and "rename" in line:
            seen = True
            assert not unsynced, line
    assert seen
    manager.serve()
    assert send(manager, "GET", objects(manager)).body["totalCount"] == 1
    manager.stop()


@pytest.mark.timeout(180)
def test_a_change_is_seen_at_once_and_answered_when_it_is_on_disk(slow: Manager) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        writing = pool.submit(slow.create_variable, "seen", "1", slow.deployment_ids["prod"])
        path = f"{objects(slow)}?deploymentId={slow.deployment_ids['prod']}&objectKey=seen"
        eventually(
            lambda: send(slow, "GET", path).body["totalCount"] == 1, "others see it", SYNC_SECONDS
        )
        assert not writing.done()
        began = time.monotonic()
        slow.command("organization", "set", "--data", str(slow.data), "--secrets-fetching", "off")
        assert time.monotonic() - began > SYNC_SECONDS * 0.9 - 1  # the CLI waits, too
        assert writing.result(PATIENCE)
    # After a kill, no acknowledged write is lost.
    assert slow.program
    slow.program.kill()
    slow.serve()
    assert send(slow, "GET", path).body["totalCount"] == 1
    assert send(slow, "GET", path + "&showSecrets=true").status == 403
    slow.stop()


def test_revocation_works_when_the_disk_fails(workdir: Path) -> None:
    manager = Manager(workdir)
    data = ["--data", str(manager.data)]
    worker = manager.command(
        "token", "create", *data, "--name", "w", "--scope", "organization", "--scope-id",
        manager.organization, "--role", "MEMBER",
    )  # fmt: skip
    strace: list[str | Path] = [
        "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
        "-e", "inject=fdatasync:error=EIO",
    ]  # fmt: skip
    manager.launch(
        "--listen", f"127.0.0.1:{manager.port}", wrap=lambda argv: [*strace, *argv],
        env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"},
    )  # fmt: skip
    body = {"objectKey": "k", "objectType": "AIRFLOW_VARIABLE", "scope": "WORKSPACE",
            "scopeEntityId": manager.workspace}  # fmt: skip
    assert send(manager, "POST", objects(manager), body).status == 500
    path = f"/v1/organizations/{manager.organization}"
    revoked = send(manager, "DELETE", f"{path}/tokens/{worker['id']}")
    assert revoked.status == 202, revoked.raw
    assert "restart" in revoked.body["message"]
    assert manager.request("GET", "/v1/organizations", token=worker["token"])[0] == 401
    off = send(manager, "POST", path, {"environmentSecretsFetching": False})
    assert off.status == 202, off.raw
    assert not send(manager, "GET", path).body["environmentSecretsFetching"]
    assert send(manager, "POST", path, {"environmentSecretsFetching": True}).status == 500
    said = manager.command("organization", "set", *data, "--secrets-fetching", "off")
    assert said == {"id": manager.organization, "secretsFetching": False, "durable": False}
    assert manager.program
    manager.program.kill()
    manager.program = None
