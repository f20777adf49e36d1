# SPDX-License-Identifier: Apache-2.0
"""Memory: ten thousand connections within the limit of the daemon, and no secret for longer than
needed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from connd_testing import SANITIZED, Connd, Manager, eventually
from faulty_manager import FaultyManager, connection_row

N = 10_000
REFRESHES = 20
PEAK_KIB = 60 * 1024


def row(i: int, deployment: str, turn: int) -> dict[str, Any]:
    return connection_row(
        f"team_{i % 50}.service_{i}", deployment, description=f"Service number {i}",
        host=f"db-{i}.internal.example.com", login=f"user_{i}", password=f"{turn}:{i}:" + "p" * 24,
        schema="analytics", port=5432, extra={"sslmode": "require", "application_name": f"app{i}"},
    )  # fmt: skip


def refill(faulty: FaultyManager, turn: int) -> None:
    faulty.rows["CONNECTION"] = [row(i, faulty.deployment, turn) for i in range(N)]


def has_turn(connd: Connd, turn: int) -> bool:
    """Checks the first and the last row: a list may be read while the rows change."""
    return all(password_of(connd, i).startswith(f"{turn}:{i}:") for i in (0, N - 1))


def password_of(connd: Connd, i: int) -> str:
    password: str = connd.connection(f"team_{i % 50}.service_{i}")["password"]
    return password


@pytest.mark.timeout(300)
def test_peak_memory_with_ten_thousand_changing_connections(
    workdir: Path, faulty: FaultyManager
) -> None:
    refill(faulty, 0)
    sections = {"manager": {"timeout": "30s"}}
    with faulty.connd(workdir, sections) as connd:
        connd.wait_for(lambda s: s["connections"] == N, "all are loaded", 60)
        for turn in range(1, REFRESHES + 1):
            refill(faulty, turn)
            eventually(partial(has_turn, connd, turn), f"refresh {turn}", 60)
        peak = connd.memory_peak_kib()
        print(f"VmHWM {peak} KiB with {N} connections after {REFRESHES} changing refreshes")
        if not SANITIZED:
            assert peak < PEAK_KIB


# --- secrets ---------------------------------------------------------------------------------

MARKER = "hunter2-" + "q" * 32

readable = pytest.mark.skipif(
    SANITIZED or os.geteuid() != 0, reason="reads another process's memory: root's, and no shadow"
)


def copies(pid: int, needle: str) -> int:
    """Counts the text in the memory of the process, without mapped files."""
    n = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, mode, _, _, inode, *_ = line.split()
            if mode[0] != "r" or inode != "0" or "[v" in line:
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            memory.seek(start)
            n += memory.read(end - start).count(needle.encode())
    return n


def locked_copies(pid: int, needle: str) -> tuple[int, int]:
    """Counts the text in locked memory, and elsewhere."""
    locked = elsewhere = 0
    spans: list[tuple[int, int, bool]] = []
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            words = line.split()
            if "-" in words[0] and words[0][-1] != ":":
                start, end = (int(x, 16) for x in words[0].split("-"))
                wanted = words[1][0] == "r" and words[4] == "0" and "[v" not in line
            elif words[0] == "VmFlags:" and wanted:
                spans.append((start, end, "lo" in words[1:]))
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, is_locked in spans:
            memory.seek(start)
            n = memory.read(end - start).count(needle.encode())
            locked, elsewhere = locked + n * is_locked, elsewhere + n * (not is_locked)
    return locked, elsewhere


@readable
def test_the_token_of_a_held_request_is_in_locked_memory_alone(manager: Manager) -> None:
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    with manager.connd(sections={"manager": {"push": "yes", "refresh": "1h"}}) as connd:
        pid = connd.running.pid
        connd.wait_for(lambda s: s.get("push") == "held", "a request is held")
        # The text of the header field; libcurl's request has been sent and wiped.
        eventually(lambda: locked_copies(pid, manager.token) == (1, 0), "one copy, locked", 10)


@readable
def test_the_manager_holds_no_value_once_it_has_answered(manager: Manager) -> None:
    assert manager.program
    pid = manager.program.pid
    prod = manager.deployment_ids["prod"]
    assert copies(pid, str(manager.data)) > 0  # proves that the search works
    object_id = manager.create_connection("db", prod, password=MARKER, extra={"k": MARKER})
    list_path = f"?deploymentId={prod}&showSecrets=true&resolveLinked=true"
    steps = {
        "create": lambda: None,
        "get": lambda: manager.api("GET", f"/{object_id}"),
        "list": lambda: manager.api("GET", list_path),
        "update": lambda: manager.update(object_id, connection={"type": "postgres"}),
        "delete": lambda: manager.delete(object_id),
    }
    for step, do in steps.items():
        do()
        eventually(lambda: copies(pid, MARKER) == 0, f"nothing is left of {step}", 5)
    eventually(lambda: copies(pid, manager.token) == 0, "nor of the token", 5)


@readable
def test_connd_holds_one_copy_of_a_value(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    object_id = manager.create_connection("db", prod, password=MARKER)
    with manager.connd() as connd:
        pid = connd.running.pid
        assert connd.connection("db")["password"] == MARKER
        eventually(lambda: copies(pid, MARKER) == 1, "the record's own", 10)
        eventually(lambda: copies(pid, manager.token) == 0, "none of the token", 10)
        manager.update(object_id, connection={"type": "postgres", "password": "another"})
        eventually(lambda: connd.connection("db")["password"] == "another", "the new one")
        eventually(lambda: copies(pid, MARKER) == 0, "none of the old one", 10)
