# SPDX-License-Identifier: Apache-2.0
"""Held lists: Prefer: wait=N with If-None-Match."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from connd_testing import Manager, Stopwatch, eventually, limited_files, link
from manager_http import Reply, dial, objects, read_reply, read_to_end, request_text, send


def view(manager: Manager, deployment: str = "prod", more: str = "") -> str:
    deployment_id = manager.deployment_ids[deployment]
    return f"{objects(manager)}?deploymentId={deployment_id}&resolveLinked=true&limit=1000{more}"


def tag_of(manager: Manager, path: str) -> str:
    return send(manager, "GET", path).headers["etag"]


class Waiting:
    """A held request on its own socket."""

    def __init__(
        self, manager: Manager, path: str, tag: str, wait: str = "wait=30", token: str | None = None
    ) -> None:
        self.sock = dial(manager)
        text = request_text(manager, "GET", path, f"If-None-Match: {tag}", f"Prefer: {wait}")
        if token:
            text = text.replace(manager.token.encode(), token.encode())
        self.sock.sendall(text)

    def assert_held(self) -> None:
        self.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            self.sock.recv(1)
        self.sock.setblocking(True)

    def reply(self, timeout: float = 10) -> Reply:
        self.sock.settimeout(timeout)
        return read_reply(self.sock)

    def close(self) -> None:
        self.sock.close()


@contextmanager
def held(manager: Manager, path: str, tag: str, **more: str) -> Iterator[Waiting]:
    waiting = Waiting(manager, path, tag, **more)
    try:
        # The manager has one loop: when it responds to this, it has read the earlier request.
        for _ in range(3):
            send(manager, "GET", "/v1/organizations")
        waiting.assert_held()
        yield waiting
    finally:
        waiting.close()


def open_sockets(manager: Manager) -> int:
    assert manager.program
    links = []
    for entry in Path(f"/proc/{manager.program.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(entry.readlink()))
    return sum(link.startswith("socket:") for link in links)


def test_a_change_answers_at_once(manager: Manager) -> None:
    path = view(manager)
    with held(manager, path, tag_of(manager, path)) as waiting:
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        reply = waiting.reply()
        assert reply.status == 200 and reply.headers["preference-applied"] == "wait=30"
        assert [row["objectKey"] for row in reply.body["environmentObjects"]] == ["v"]
        # The connection stays usable.
        waiting.sock.sendall(
            request_text(
                manager, "GET", path, f"If-None-Match: {reply.headers['etag']}", "Prefer: wait=30"
            )
        )
        send(manager, "GET", "/v1/organizations")
        waiting.assert_held()
        manager.create_connection("linked", autoLinkDeployments=True)
        assert waiting.reply().body["totalCount"] == 2


def test_held_lists_with_and_without_a_filter_get_their_own_rows(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("nobody")
    every = f"{objects(manager)}?workspaceId={manager.workspace}"
    some = f"{every}&linkedTo={prod}"
    tag = tag_of(manager, every)
    assert tag == tag_of(manager, some)  # a filter does not change the view
    with held(manager, every, tag) as one, held(manager, some, tag) as other:
        manager.create_connection("linked", links=[link(prod)])
        found = [
            [row["objectKey"] for row in waiting.reply().body["environmentObjects"]]
            for waiting in (one, other)
        ]
    assert found == [["linked", "nobody"], ["linked"]]


def test_what_was_missed_meanwhile_is_answered_at_once(manager: Manager) -> None:
    path = view(manager)
    tag = tag_of(manager, path)
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    reply = send(manager, "GET", path, headers={"If-None-Match": tag, "Prefer": "wait=30"})
    assert reply.status == 200 and reply.body["totalCount"] == 1
    # Without an ETag there is nothing to wait for; the preference is still applied.
    reply = send(manager, "GET", path, headers={"Prefer": "wait=30"})
    assert reply.status == 200 and reply.headers["preference-applied"] == "wait=30"
    assert "preference-applied" not in send(manager, "GET", path).headers


def test_304_when_the_time_is_up(manager: Manager) -> None:
    path = view(manager)
    tag = tag_of(manager, path)
    assert manager.program
    began, watch = time.monotonic(), Stopwatch(manager.program.pid)
    reply = send(manager, "GET", path, headers={"If-None-Match": tag, "Prefer": "wait=1"})
    took, at_most = time.monotonic() - began, watch.seconds()
    assert reply.status == 304 and reply.raw == b"" and reply.headers["etag"] == tag
    assert reply.headers["preference-applied"] == "wait=1"
    assert took >= 0.95 and at_most < 3


@pytest.mark.parametrize(
    "prefer", ["respond-async", "wait=0", "wait=", "wait=x", "wait", "waits=5"]
)
def test_other_preferences_wait_for_nothing(manager: Manager, prefer: str) -> None:
    path = view(manager)
    headers = {"If-None-Match": tag_of(manager, path), "Prefer": prefer}
    reply = send(manager, "GET", path, headers=headers)
    assert reply.status == 304 and "preference-applied" not in reply.headers


def test_the_wait_is_capped_and_may_stand_among_others(manager: Manager) -> None:
    path = view(manager)
    prefer = 'return=minimal, wait=3600; foo="bar"'
    with held(manager, path, tag_of(manager, path), wait=prefer) as waiting:
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        assert waiting.reply().headers["preference-applied"] == "wait=60"


def test_what_does_not_concern_the_view_leaves_it_waiting(manager: Manager) -> None:
    path = view(manager, more="&objectType=CONNECTION")
    with held(manager, path, tag_of(manager, path)) as waiting:
        manager.create_connection("other", manager.deployment_ids["dev"])
        manager.create_connection("unlinked")
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        waiting.assert_held()
        manager.create_connection("mine", manager.deployment_ids["prod"])
        assert waiting.reply().body["totalCount"] == 1


def test_wide_views_wait_too(manager: Manager) -> None:
    for path in (objects(manager), f"{objects(manager)}?workspaceId={manager.workspace}"):
        with held(manager, path, tag_of(manager, path)) as waiting:
            object_id = manager.create_variable("v", "1")
            assert waiting.reply().body["totalCount"] == 1
            manager.delete(object_id)


def new_token(manager: Manager, scope: str, scope_id: str, *more: str) -> dict[str, str]:
    out: dict[str, str] = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "t", "--scope", scope,
        "--scope-id", scope_id, "--role", "MEMBER", *more,
    )  # fmt: skip
    return out


def test_revocation_ends_a_held_call_at_once(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    path = view(manager, more="&showSecrets=true")
    token = new_token(manager, "deployment", prod)
    with (
        held(manager, path, tag_of(manager, path), token=token["token"]) as revoked,
        held(manager, path, tag_of(manager, path)) as other,
    ):
        manager.command("token", "revoke", "--data", str(manager.data), "--id", token["id"])
        revoked.reply(timeout=3).error(401)
        other.assert_held()


def test_among_many_tokens_each_has_its_own_end(manager: Manager) -> None:
    """One view, one change: a response for one token is not given to another without the right."""
    prod = manager.deployment_ids["prod"]
    path = view(manager, more="&showSecrets=true")
    tag = tag_of(manager, path)
    tokens = [new_token(manager, "deployment", prod) for _ in range(6)]
    waiting = [Waiting(manager, path, tag, token=token["token"]) for token in tokens]
    for _ in range(3):
        send(manager, "GET", "/v1/organizations")
    for one in waiting:
        one.assert_held()
    manager.command("token", "revoke", "--data", str(manager.data), "--id", tokens[1]["id"])
    waiting[1].reply(timeout=3).error(401, "revoked")
    manager.create_variable("v", "1", prod)
    for one in waiting[:1] + waiting[2:]:
        reply = one.reply(timeout=3)
        assert reply.status == 200 and reply.body["totalCount"] == 1
    for one in waiting:
        one.close()
    # Deleting the Deployment revokes its tokens.
    path = view(manager)
    waiting = [Waiting(manager, path, reply.headers["etag"], token=t["token"]) for t in tokens[2:]]
    with held(manager, path, reply.headers["etag"]) as other:
        deleted = f"/v1/organizations/{manager.organization}/deployments/{prod}"
        assert send(manager, "DELETE", deleted).status == 204
        for one in waiting:
            one.reply(timeout=3).error(401)
            one.close()
        other.reply(timeout=3).error(404)
    log = f"/v1/organizations/{manager.organization}/audit-log?limit=1000"
    rows = [r for r in send(manager, "GET", log).body["history"] if r["action"] == "READ_SECRETS"]
    readers = [row["by"]["id"] for row in rows]
    assert [readers.count(token["id"]) for token in tokens] == [1, 0, 1, 1, 1, 1]


def test_expiry_ends_a_held_call(manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    path = view(manager)
    token = new_token(manager, "deployment", prod, "--expires-in", "2")
    waiting = Waiting(manager, path, tag_of(manager, path), token=token["token"])
    waiting.reply(timeout=5).error(401)
    waiting.close()


def test_the_switch_ends_held_calls_for_secrets(manager: Manager) -> None:
    path = view(manager, more="&showSecrets=true")
    with (
        held(manager, path, tag_of(manager, path)) as secret,
        held(manager, view(manager), tag_of(manager, view(manager))) as plain,
    ):
        manager.command(
            "organization", "set", "--data", str(manager.data), "--secrets-fetching", "off"
        )
        secret.reply(timeout=3).error(403, "showSecrets", "not allowed")
        plain.assert_held()


def test_closing_a_held_request_frees_it(manager: Manager) -> None:
    path = view(manager)
    tag = tag_of(manager, path)
    before = open_sockets(manager)
    waiting = [Waiting(manager, path, tag) for _ in range(50)]
    send(manager, "GET", "/v1/organizations")
    for one in waiting:
        one.assert_held()
    for i, one in enumerate(waiting):
        if i % 2:
            one.sock.shutdown(socket.SHUT_RDWR)
        one.close()
    eventually(lambda: open_sockets(manager) <= before, "they are gone", timeout=2)


def test_stop_sends_a_response_to_held_requests(manager: Manager) -> None:
    path = view(manager)
    tag = tag_of(manager, path)
    with held(manager, path, tag) as waiting:
        assert manager.program
        assert manager.program.stop(within=8.0) < 4
        reply = waiting.reply()
        assert reply.status == 304 and reply.headers["connection"] == "close"
        assert read_to_end(waiting.sock) == b""


def cpu_seconds(manager: Manager) -> float:
    assert manager.program
    fields = Path(f"/proc/{manager.program.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_thousand_waiting_clients(manager: Manager) -> None:
    """They use no CPU while nothing happens, and one change reaches all of them."""
    path = view(manager)
    tag = tag_of(manager, path)
    n = 1000
    with limited_files(4096):
        waiting = [Waiting(manager, path, tag, wait="wait=60") for _ in range(n)]
        for one in (waiting[0], waiting[-1]):
            send(manager, "GET", "/v1/organizations")
            one.assert_held()
        spent = cpu_seconds(manager)
        time.sleep(1)  # measures that nothing happens while time passes
        assert cpu_seconds(manager) - spent <= 0.02

        selector = selectors.DefaultSelector()
        for one in waiting:
            one.sock.setblocking(False)
            selector.register(one.sock, selectors.EVENT_READ, one)
        manager.create_variable("v", "1", manager.deployment_ids["prod"])
        assert manager.program
        changed = Stopwatch(manager.program.pid)
        took: list[float] = []
        while len(took) < n:
            events = selector.select(5)
            assert events, f"only {len(took)} were answered"
            now = changed.seconds()
            for key, _ in events:
                selector.unregister(key.fileobj)
                took.append(now)
        assert statistics.median(took) < 0.5
        for one in waiting:
            one.sock.setblocking(True)
            reply = one.reply()
            assert reply.status == 200 and reply.body["totalCount"] == 1
            one.close()
