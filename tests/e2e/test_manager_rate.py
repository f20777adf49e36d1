# SPDX-License-Identifier: Apache-2.0
"""Rate limits: requests that come too fast are delayed; only a client that does not slow down is
refused."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import Manager, Stopwatch, eventually
from manager_http import Reply, dial, objects, read_reply, request_text, send


@pytest.fixture
def limited(workdir: Path) -> Iterator[Manager]:
    manager = Manager(workdir)
    manager.serve("--rate-get", "10/s", "--rate-post", "5")
    yield manager
    manager.stop()


def burst(manager: Manager, n: int) -> list[Reply]:
    """Sends n requests at once, each on its own connection."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(lambda _: send(manager, "GET", objects(manager)), range(n)))


def test_a_burst_waits_its_turn(limited: Manager) -> None:
    time.sleep(1.2)  # the budget used at start becomes available again
    assert limited.program
    began, watch = time.monotonic(), Stopwatch(limited.program.pid)
    replies = burst(limited, 25)
    took, at_most = time.monotonic() - began, watch.seconds()
    assert {reply.status for reply in replies} == {200}
    assert took >= 1.3 and at_most < 4


def test_persistent_client_gets_429_with_retry_after(limited: Manager) -> None:
    replies = burst(limited, 90)
    refused = [reply for reply in replies if reply.status != 200]
    assert refused and len(refused) <= 40
    for reply in refused:
        reply.error(429, "Retry-After")
        assert 1 <= int(reply.headers["retry-after"]) <= 10


def test_reads_and_writes_and_tokens_are_counted_apart(limited: Manager) -> None:
    burst(limited, 40)
    token = limited.command(
        "token", "create", "--data", str(limited.data), "--name", "t", "--scope", "workspace",
        "--scope-id", limited.workspace, "--role", "OWNER",
    )["token"]  # fmt: skip
    assert limited.program
    watch = Stopwatch(limited.program.pid)
    assert send(limited, "GET", objects(limited), token=token).status == 200
    body = {
        "objectKey": "k", "objectType": "AIRFLOW_VARIABLE", "scope": "WORKSPACE",
        "scopeEntityId": limited.workspace, "airflowVariable": {"value": "v"},
    }  # fmt: skip
    assert send(limited, "POST", objects(limited), body).status == 200
    assert watch.seconds() < 1


def test_a_client_that_waits_may_go_or_be_revoked(limited: Manager) -> None:
    token = limited.command(
        "token", "create", "--data", str(limited.data), "--name", "t", "--scope", "workspace",
        "--scope-id", limited.workspace, "--role", "OWNER",
    )  # fmt: skip
    text = request_text(limited, "GET", objects(limited))
    text = text.replace(limited.token.encode(), token["token"].encode())
    waiting = []
    for _ in range(30):
        s = dial(limited)
        s.sendall(text)
        waiting.append(s)
    eventually(lambda: send(limited, "GET", objects(limited)).status == 200)
    for s in waiting[::2]:
        s.close()
    limited.command("token", "revoke", "--data", str(limited.data), "--id", token["id"])
    statuses = [read_reply(s).status for s in waiting[1::2]]
    assert set(statuses) <= {200, 401} and statuses.count(401) > 5
    for s in waiting[1::2]:
        s.close()


def test_a_stop_does_not_wait_for_turns(workdir: Path) -> None:
    manager = Manager(workdir)
    manager.serve("--rate-get", "1/s")
    waiting = []
    for _ in range(4):
        s = dial(manager)
        s.sendall(request_text(manager, "GET", objects(manager)))
        waiting.append(s)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(send, manager, "POST", objects(manager), {}).result()
    assert manager.program
    assert manager.program.stop(within=8.0) < 3
    for s in waiting:
        assert read_reply(s).status == 200
        s.close()
