# SPDX-License-Identifier: Apache-2.0
"""[socket] linger: what happens to clients after SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import PATIENCE, Connd, eventually
from faulty_manager import FaultyManager, variable_row


@pytest.fixture
def faulty(faulty: FaultyManager) -> FaultyManager:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    return faulty


def lingering(connd: Connd) -> bool:
    return any(e["event"] == "lingering" for e in connd.events())


@pytest.fixture
def connd(workdir: Path, faulty: FaultyManager) -> Iterator[Connd]:
    made = faulty.connd(workdir, {"socket": {"linger": "10m"}}).start()
    yield made
    made.running.kill()


def test_linger_serves_connected_clients_until_they_close(
    connd: Connd, faulty: FaultyManager
) -> None:
    with connd.client() as client:
        assert client.variable("v") == "1"
        connd.send_signal(signal.SIGTERM)
        eventually(lambda: lingering(connd), "it lingers")
        # Serves the client, a new client, and changes from the manager.
        assert client.variable("v") == "1"
        assert connd.variable("v") == "1"
        faulty.add(variable_row("new", faulty.deployment, "2"))
        eventually(lambda: connd.variable("new") == "2", "syncs go on")
        connd.send_signal(signal.SIGHUP)  # has no effect now
        assert client.variable("v") == "1"
    assert connd.running.process.wait(PATIENCE + 10) == 0
    connd.running.assert_no_report()
    assert not connd.socket.exists()


def test_a_second_signal_ends_it_at_once(connd: Connd) -> None:
    with connd.client() as client:
        assert client.variable("v") == "1"
        connd.send_signal(signal.SIGTERM)
        eventually(lambda: lingering(connd), "it lingers")
        connd.stop()


def test_it_ends_when_the_time_is_over(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir, {"socket": {"linger": "2s"}}).start()
    with connd.client() as client:
        assert client.variable("v") == "1"
        connd.send_signal(signal.SIGTERM)
        assert connd.running.process.wait(PATIENCE) == 0
        assert client.receive() is None
    connd.running.assert_no_report()
