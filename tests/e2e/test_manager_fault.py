# SPDX-License-Identifier: Apache-2.0
"""--fault: a real manager with injected faults, and connd as its client."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, Stopwatch, VarlinkError
from manager_http import connection, dial, objects, read_to_end, request_text, send


@contextmanager
def faulty(workdir: Path, *orders: str) -> Iterator[Manager]:
    """A manager with some objects, created before the faults start."""
    manager = Manager(workdir)
    manager.serve()
    for i in range(20):
        manager.create_variable(f"v{i:02}", "x" * 2000)
    manager.create_connection("db", manager.deployment_ids["prod"], password="hunter2")
    manager.stop()
    manager.serve(*(part for order in orders for part in ("--fault", order)))
    yield manager
    manager.stop()


def test_delay(workdir: Path) -> None:
    with faulty(workdir, "list:delay=700ms") as manager:
        began = time.monotonic()
        assert send(manager, "GET", objects(manager)).status == 200
        assert time.monotonic() - began >= 0.7
        assert manager.program
        watch = Stopwatch(manager.program.pid)
        assert send(manager, "GET", "/v1/organizations").status == 200
        assert watch.seconds() < 0.5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_statuses(workdir: Path, status: int) -> None:
    with faulty(workdir, f"list:{status}{'=7' if status == 429 else ''}") as manager:
        reply = send(manager, "GET", objects(manager))
        reply.error(status)
        assert reply.headers.get("retry-after") == ("7" if status == 429 else None)


def test_probability(workdir: Path) -> None:
    with faulty(workdir, "list:503@0.5") as manager:
        statuses = [send(manager, "GET", objects(manager)).status for _ in range(60)]
        assert set(statuses) == {200, 503}


def test_reset(workdir: Path) -> None:
    with faulty(workdir, "list:reset") as manager:
        for _ in range(3):
            with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
                send(manager, "GET", objects(manager))


@pytest.mark.parametrize("limit", [1, 1000])
def test_truncate(workdir: Path, limit: int) -> None:
    with faulty(workdir, "list:truncate") as manager:
        conn = connection(manager)
        path = f"{objects(manager)}?limit={limit}"
        conn.request("GET", path, headers={"Authorization": f"Bearer {manager.token}"})
        with pytest.raises(http.client.IncompleteRead):
            conn.getresponse().read()


@pytest.mark.parametrize("limit", [1, 1000])
def test_malformed(workdir: Path, limit: int) -> None:
    with faulty(workdir, "list:malformed") as manager:
        reply = send(manager, "GET", f"{objects(manager)}?limit={limit}")
        assert reply.status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.raw)


def test_drip(workdir: Path) -> None:
    with faulty(workdir, "list:drip") as manager, dial(manager) as s:
        s.sendall(request_text(manager, "GET", f"{objects(manager)}?limit=0"))
        began = time.monotonic()
        raw = read_to_end(s)
        assert raw.startswith(b"HTTP/1.1 200") and raw.endswith(b'"totalCount":21}')
        assert time.monotonic() - began > 0.3


def test_withhold(workdir: Path) -> None:
    with faulty(workdir, "list:withhold") as manager:
        reply = send(manager, "GET", f"{objects(manager)}?objectKey=db&showSecrets=true")
        assert b"hunter2" not in reply.raw
        assert "password" in reply.body["environmentObjects"][0]["setFields"]
        connd = manager.connd().start(wait="listening")
        connd.wait_for(lambda s: s["withheld"] == 1, "the row is withheld")
        with pytest.raises(VarlinkError) as refused:
            connd.connection("db")
        assert refused.value.name == "io.connd.secrets.Withheld"
        connd.stop()


def test_connd_survives_all_faults(workdir: Path) -> None:
    orders = [f"list:{kind}@0.07" for kind in ("500", "reset", "truncate", "malformed")]
    with faulty(workdir, *orders) as manager:
        connd = manager.connd().start(wait="listening")
        connd.wait_for(lambda s: s["connections"] == 1, "a list came through", timeout=4 * PATIENCE)
        assert connd.connection("db")["password"] == "hunter2"
        manager.create_variable("late", "arrives", manager.deployment_ids["prod"])

        def arrived(_: object) -> bool:
            try:
                return connd.variable("late") == "arrives"
            except VarlinkError:
                return False

        connd.wait_for(arrived, "the change arrives in the end", timeout=4 * PATIENCE)
        connd.stop()


def test_invalid_fault_is_a_usage_error(workdir: Path) -> None:
    done = subprocess.run(
        [MANAGER, "--data", workdir, "--listen", "127.0.0.1:0", "--fault", "list:boom"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "list:boom" not in done.stdout and "boom" in done.stderr
