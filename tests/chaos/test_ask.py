# SPDX-License-Identifier: Apache-2.0
"""Tests the lookup client that checks the responses in the other tests: it must report every
fault."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from connd_testing import eventually
from faulty_manager import FaultyManager, variable_row
from world import FAST, Ask, all_right, fill_faulty, value


@pytest.fixture(autouse=True)
def filled(faulty: FaultyManager) -> None:
    fill_faulty(faulty)


def test_good_daemon_passes(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir, {"manager": FAST}) as connd:
        tally = Ask(connd.socket, lookups=4000, per_second=0).wait(60)
    assert all_right(tally)
    assert tally["asked"] >= 4000 and abs(tally["not_found"] * 4 - tally["asked"]) < 100


@pytest.mark.parametrize("spoilt", ["another's value", "missing", "no number"])
def test_wrong_response_is_reported(workdir: Path, faulty: FaultyManager, spoilt: str) -> None:
    rows = faulty.rows["AIRFLOW_VARIABLE"]
    if spoilt == "missing":
        del rows[3]
    else:
        text = value(4, 0) if spoilt == "another's value" else "k3=;x"
        rows[3] = variable_row("k3", faulty.deployment, text)
    with faulty.connd(workdir, {"manager": FAST}) as connd:
        tally = Ask(connd.socket, lookups=4000, per_second=0).wait(60)
    assert tally["wrong"] > 100
    with pytest.raises(AssertionError):
        all_right(tally)


def test_older_turn_is_reported(workdir: Path, faulty: FaultyManager) -> None:
    fill_faulty(faulty, 2)
    with faulty.connd(workdir, {"manager": FAST}) as connd, Ask(connd.socket) as ask:
        connd.wait_for(lambda s: s["syncs_ok"] >= 2, "some questions")
        fill_faulty(faulty, 1)
        eventually(lambda: connd.variable("k0") == value(0, 1), "the older one")
        connd.wait_for(lambda s: s["syncs_ok"] >= 4, "some questions")
        assert ask.finish()["wrong"] > 0


def test_blocked_daemon_is_reported(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir, {"manager": FAST}) as connd, Ask(connd.socket) as ask:
        connd.wait_for(lambda s: s["syncs_ok"] >= 2, "some questions")
        os.kill(connd.running.pid, signal.SIGSTOP)
        time.sleep(0.7)  # this is the fault
        os.kill(connd.running.pid, signal.SIGCONT)
        tally = ask.finish()
    assert tally["longest_ms"] >= 600 and tally["failed"] == 0
    with pytest.raises(AssertionError):
        all_right(tally)


def test_missing_daemon_is_reported(workdir: Path) -> None:
    tally = Ask(workdir / "none.sock", lookups=20, clients=1).wait(60)
    assert tally["failed"] == tally["asked"] == 20
