# SPDX-License-Identifier: Apache-2.0
"""SIGUSR2: connd becomes the program at its path, in the same process, and loses no client."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
from connd_testing import Connd, Manager, Varlink, eventually
from faulty_manager import Exchange, FaultyManager, connection_row

UPGRADES = 10


class Asker(threading.Thread):
    """Asks without a pause, over one connection as long as it is there; like the shim, once more when
    a kept one ended before the first byte of a reply."""

    def __init__(self, connd: Connd, keep: bool) -> None:
        super().__init__()
        self.connd, self.keep = connd, keep
        self.ended = threading.Event()
        self.answers = 0
        self.longest = 0.0
        self.failure: BaseException | None = None

    def ask(self, client: Varlink | None) -> Varlink:
        if client is not None:
            try:
                assert client.connection("warehouse")["host"] == "h"
                return client
            except (OSError, EOFError, AssertionError):
                client.close()
        client = self.connd.client()
        assert client.connection("warehouse")["host"] == "h"
        return client

    def run(self) -> None:
        client: Varlink | None = None
        try:
            while not self.ended.is_set():
                begun = time.monotonic()
                client = self.ask(client)
                self.longest = max(self.longest, time.monotonic() - begun)
                self.answers += 1
                if not self.keep:
                    client.close()
                    client = None
        except BaseException as error:
            self.failure = error


@pytest.fixture
def connd(faulty: FaultyManager, workdir: Path) -> Connd:
    faulty.add(connection_row("warehouse", faulty.deployment, host="h"))
    return faulty.connd(workdir)


def upgraded(connd: Connd) -> int:
    return sum(e["event"] == "connd serves" for e in connd.events())


def test_no_lookup_fails_while_connd_is_replaced(connd: Connd) -> None:
    with connd:
        pid = connd.running.pid
        askers = [Asker(connd, keep=n % 2 == 0) for n in range(4)]
        for asker in askers:
            asker.start()
        for n in range(UPGRADES):
            connd.wait_for(lambda s: not s.get("last_error"), "a good sync")
            connd.send_signal(signal.SIGUSR2)
            eventually(lambda n=n: upgraded(connd) == n + 2, f"upgrade {n}")
            before = [a.answers for a in askers]
            eventually(
                lambda before=before: all(
                    a.answers > b for a, b in zip(askers, before, strict=True)
                ),
                "everybody is answered by the new one",
            )
        for asker in askers:
            asker.ended.set()
            asker.join()
        assert [a.failure for a in askers] == [None] * len(askers)
        assert max(a.longest for a in askers) < 5
        assert connd.running.pid == pid
    assert not connd.socket.exists(), "bound by the first of them, unlinked by the last"


def test_a_configuration_the_new_program_refuses_keeps_the_old_one(connd: Connd) -> None:
    with connd:
        good = connd.config_text()
        connd.write_config(good + "[nonsense]\n")
        connd.send_signal(signal.SIGUSR2)
        refusal = eventually(
            lambda: [e for e in connd.events("error") if "upgrade refused" in e["event"]], "refusal"
        )
        assert "nonsense" in refusal[0]["reason"]
        assert connd.connection("warehouse")["host"] == "h"
        connd.write_config(good)
        connd.send_signal(signal.SIGUSR2)
        eventually(lambda: upgraded(connd) == 2, "the upgrade")


def test_without_data_for_the_new_one_there_is_no_upgrade(
    connd: Connd, faulty: FaultyManager
) -> None:
    with connd:
        faulty.fault = lambda x: x.reply(b"{}", 500)
        connd.wait_for(lambda s: s.get("last_error"), "a failed sync")
        connd.send_signal(signal.SIGUSR2)
        eventually(
            lambda: any("upgrade refused" in e["event"] for e in connd.events("warn")), "refusal"
        )
        assert connd.connection("warehouse")["host"] == "h"
        assert upgraded(connd) == 1


def test_a_change_arrives_at_once_by_push_and_by_polling_without(manager: Manager) -> None:
    object_id = manager.create_connection("warehouse", manager.deployment_ids["prod"], host="one")
    slow = {"manager": {"refresh": "60s"}}
    with (
        manager.connd(sections=slow) as pushed,
        manager.connd(
            sections={"manager": {"refresh": "60s", "push": "no"}}, name="polled"
        ) as polled,
    ):
        # The watch begins after the first sync; its first answer brings a second one.
        pushed.wait_for(lambda s: s["syncs_ok"] >= 2, "the watch")
        for n in range(5):
            manager.update(object_id, connection={"type": "http", "host": f"h{n}"})
            eventually(
                lambda n=n: pushed.connection("warehouse")["host"] == f"h{n}", "the change", 5
            )
        assert polled.connection("warehouse")["host"] == "one"
        polled.send_signal(signal.SIGHUP)
        eventually(lambda: polled.connection("warehouse")["host"] == "h4", "a reload syncs")


def test_a_manager_that_does_not_wait_is_not_asked_in_a_loop(
    connd: Connd, faulty: FaultyManager
) -> None:
    def tagged(x: Exchange) -> None:
        if x.handler.headers.get("If-None-Match") == '"t"':
            x.head(304, "application/json", ETag='"t"')
        else:
            x.reply(x.page(), ETag='"t"')

    faulty.fault = tagged
    with connd:
        connd.wait_for(lambda s: s["syncs_ok"] >= 5, "polling")
        held = [q for _, q, _ in faulty.requests if "objectType" not in q]
        assert len(held) == 2, "one call for the tag, one that should have been held"


@pytest.mark.parametrize(("ttl", "wait"), [("8s", "wait=4"), ("1h", "wait=60")])
def test_a_call_is_held_for_half_of_ttl_and_a_minute_at_most(
    faulty: FaultyManager, workdir: Path, ttl: str, wait: str
) -> None:
    faulty.add(connection_row("warehouse", faulty.deployment, host="h"))
    faulty.fault = lambda x: x.reply(x.page(), ETag='"t"')
    sections = {"freshness": {"ttl": ttl, "stale": "2h", "max_stale": "3h"}}
    with faulty.connd(workdir, sections):
        asked = eventually(
            lambda: [h for _, _, h in faulty.requests if "Prefer" in h], "a call to be held"
        )
        assert asked[0]["Prefer"] == wait and asked[0]["If-None-Match"] == '"t"'
        assert not any("Prefer" in h for _, q, h in faulty.requests if "objectType" in q)
