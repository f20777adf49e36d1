# SPDX-License-Identifier: Apache-2.0
"""The shim's get_conn_value in a task, while the manager works, hangs or is down, or connd
restarts."""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from connd_testing import REPO, Connd, Manager, eventually
from world import FAST, FULL, running, snapshot_section

sys.path.insert(0, str(REPO / "python-shim" / "src"))

from airflow_connd.backend import Lookups
from airflow_connd.errors import ConndError

Row = Callable[..., None]
CALLS = 2000 if FULL else 500
TABLE = "What a task sees (the shim's get_conn_value)"


def ask(row: Row, connd: Connd, when: str) -> None:
    backend = Lookups(socket_path=str(connd.socket))
    took = []
    for n in range(CALLS):
        began = time.perf_counter()
        value = backend.get_conn_value("warehouse")
        took.append(time.perf_counter() - began)
        assert value is not None and json.loads(value)["host"] == "db.example.com", n
    assert backend.get_conn_value("absent") is None
    assert max(took) < 0.5
    row(TABLE, when=when, sees=f"the value, {CALLS} times of {CALLS}",
        median=f"{statistics.median(took) * 1e6:.0f} µs", longest=f"{max(took) * 1e3:.1f} ms")  # fmt: skip


def test_task(workdir: Path, manager: Manager, row: Row) -> None:
    manager.create_connection("warehouse", manager.deployment_ids["prod"], host="db.example.com")
    sections = {"manager": FAST, "snapshot": snapshot_section(workdir)}
    connd = manager.connd(sections=sections)
    assert manager.program
    pid = manager.program.pid
    with running(connd):
        ask(row, connd, "manager up")
        eventually((workdir / "snap/connd.snapshot").exists, "a snapshot")
        os.kill(pid, signal.SIGSTOP)
        try:
            connd.wait_for(lambda s: s.get("last_error"), "it is noticed", 60)
            ask(row, connd, "manager hung")
        finally:
            os.kill(pid, signal.SIGCONT)
        manager.stop()
        connd.wait_for(lambda s: "connect" in s.get("last_error", ""), "it is noticed", 60)
        ask(row, connd, "manager down")
    connd.stderr_path = workdir / "second.log"
    with running(connd):
        assert connd.status()["state"] == "offline"
        ask(row, connd, "connd restarted, manager down")
    (workdir / "snap/connd.snapshot").unlink()
    (workdir / "snap/connd.snapshot.prev").unlink(missing_ok=True)
    connd.stderr_path = workdir / "third.log"
    with running(connd, wait="listening"):
        backend = Lookups(socket_path=str(connd.socket))
        began = time.perf_counter()
        with pytest.raises(ConndError) as caught:
            backend.get_conn_value("warehouse")
        seconds = time.perf_counter() - began
        assert seconds < 3
        row(TABLE, when="the same, without a snapshot", sees=f"an error: {type(caught.value).__name__}",
            median="-", longest=f"{seconds * 1e3:.0f} ms")  # fmt: skip
    manager.serve()
