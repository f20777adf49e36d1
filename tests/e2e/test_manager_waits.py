# SPDX-License-Identifier: Apache-2.0
"""A store that waits at every statement, with one session: handlers run in fibers, and overlap.

What must hold on any store holds here: these are tests of other files, run again.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest
import test_manager_push as push
import test_manager_race as race
import test_manager_shares as shares
from connd_testing import Manager, eventually
from manager_http import dial, objects, read_reply, request_text, send

CLIENTS = 400  # more than may wait for the store at one time


@pytest.fixture(autouse=True)
def _waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONND_MANAGER_REHEARSE_WAITS", "1")


test_among_many_tokens_each_has_its_own_end = push.test_among_many_tokens_each_has_its_own_end
test_the_switch_ends_held_calls_for_secrets = push.test_the_switch_ends_held_calls_for_secrets
test_closing_a_held_request_frees_it = push.test_closing_a_held_request_frees_it
test_racing_updates_never_mix = race.test_racing_updates_never_mix
test_a_list_ends_when_its_token_is_revoked = shares.test_a_list_ends_when_its_token_is_revoked


def test_above_the_cap_requests_get_503_with_retry_after(manager: Manager) -> None:
    path = f"{objects(manager)}/{manager.create_variable('v', '1')}"
    socks = [dial(manager) for _ in range(CLIENTS)]
    text = request_text(manager, "GET", path)
    send(manager, "GET", path)
    assert manager.program
    os.kill(manager.program.pid, signal.SIGSTOP)  # so that all requests are there at once
    for sock in socks:
        sock.sendall(text)
    os.kill(manager.program.pid, signal.SIGCONT)
    replies = [read_reply(sock) for sock in socks]
    for sock in socks:
        sock.close()
    statuses = [reply.status for reply in replies]
    assert set(statuses) == {200, 503}, statuses
    refused = next(reply for reply in replies if reply.status == 503)
    assert 1 <= int(refused.headers["retry-after"]) <= 5
    assert send(manager, "GET", path).status == 200


def test_clients_that_leave_while_the_store_is_waited_for_harm_nobody(manager: Manager) -> None:
    """Their changes are made or not; the connections are closed when their handlers have ended."""
    path = f"{objects(manager)}?limit=1"
    before = push.open_sockets(manager)
    for i in range(60):
        sock = dial(manager)
        sock.sendall(request_text(manager, "GET", path))
        if i % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
        sock.close()
    assert send(manager, "GET", path).status == 200
    eventually(lambda: push.open_sockets(manager) <= before, "they are closed", timeout=5)


def test_a_stop_ends_what_waits(workdir: Path) -> None:
    with Manager(workdir) as manager:
        path = f"{objects(manager)}?limit=1"
        text = request_text(manager, "GET", path) * 50
        socks = [dial(manager) for _ in range(100)]
        for sock in socks:
            sock.sendall(text)
        assert manager.program
        manager.program.stop(within=8.0)
        for sock in socks:
            sock.close()
        manager.start()
        assert send(manager, "GET", path).status == 200


def test_no_response_shows_what_its_token_lost_while_it_was_made(manager: Manager) -> None:
    """A read that began before a revocation and ends after it is judged again."""
    prod = manager.deployment_ids["prod"]
    for i in range(20):
        manager.create_variable(f"v{i}", "x" * 100, prod)
    token = push.new_token(manager, "deployment", prod)
    path = push.view(manager, more="&showSecrets=true")
    text = request_text(manager, "GET", path).replace(
        manager.token.encode(), token["token"].encode()
    )
    socks = [dial(manager) for _ in range(30)]
    revoke = threading.Thread(
        target=manager.request,
        args=("DELETE", f"/v1/organizations/{manager.organization}/tokens/{token['id']}"),
    )
    for sock in socks[:15]:
        sock.sendall(text)
    revoke.start()
    for sock in socks[15:]:
        sock.sendall(text)
    revoke.join()
    late = dial(manager)
    late.sendall(text)
    read_reply(late).error(401)
    late.close()
    for sock in socks:
        assert read_reply(sock).status in (200, 401)
        sock.close()
