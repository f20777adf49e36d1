# SPDX-License-Identifier: Apache-2.0
"""Ten thousand connections, changing at every refresh: the daemon's memory stays within its bar."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from connd_testing import SANITIZED, Connd, FaultyManager, connection_row, eventually

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
    """On the first page and on the last: a list may be under way while the rows change."""
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
