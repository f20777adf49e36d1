# SPDX-License-Identifier: Apache-2.0
"""Refresh and connctl refresh: an immediate sync, for permitted callers, despite a Retry-After."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Varlink, eventually
from faulty_manager import FaultyManager, variable_row

HOURLY = {"manager": {"refresh": "1h", "push": "no"}, "misses": {"probe": "0"}}


def test_refresh_returns_after_the_change_is_served(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir, HOURLY) as connd:
        first = connd.status()["generation"]
        done = connd.connctl("refresh")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"fresh, generation {first} (unchanged)\n"
        faulty.add(variable_row("new", faulty.deployment, "1"))
        done = connd.connctl("refresh", "--json")
        reply = json.loads(done.stdout)
        assert reply == {"state": "fresh", "generation": reply["generation"], "changed": True}
        assert reply["generation"] > first
        assert connd.variable("new") == "1"
        requested = [e for e in connd.events() if e["event"] == "refresh requested"]
        assert [e["uid"] for e in requested] == [os.geteuid()] * 2


def test_a_retry_after_does_not_hold_any_more(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir, HOURLY) as connd:
        faulty.fault = lambda x: x.reply("{}", 429, Retry_After="3600")
        done = connd.connctl("refresh")
        assert (done.returncode, done.stdout) == (3, "")
        assert "the refresh failed: " in done.stderr and "429" in done.stderr
        faulty.fault = None
        done = connd.connctl("refresh")
        assert done.returncode == 0, done.stderr
        assert not connd.status().get("last_error")


def test_refresh_sent_too_early_is_repeated(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir, HOURLY) as connd, connd.client() as client:
        client.send(2 * Varlink.frame("io.connd.secrets.Refresh"))
        assert client.receive() == {}
        overloaded = client.receive()
        assert overloaded and overloaded["error"] == "io.connd.secrets.Overloaded"
        assert 0 < overloaded["parameters"]["retry_ms"] <= 1000
        assert connd.connctl("refresh").returncode == 0, "it waits, and asks again"


def test_refresh_that_does_not_end_times_out(workdir: Path, faulty: FaultyManager) -> None:
    sections = {**HOURLY, "manager": {**HOURLY["manager"], "timeout": "30s"}}
    with faulty.connd(workdir, sections) as connd:
        faulty.fault = lambda x: x.manager.closing.wait(PATIENCE)
        done = connd.connctl("refresh", "--timeout", "300ms")
        assert (done.returncode, done.stdout) == (3, "")
        assert "has not ended after 300 ms" in done.stderr
        faulty.fault = None


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its uid")
def test_refresh_is_allowed_by_admin_rules(workdir: Path, faulty: FaultyManager) -> None:
    connd = faulty.connd(workdir, {**HOURLY, "socket": {"mode": "0666"}})
    plain = connd.config_text()
    program = shutil.copy(CONNCTL, workdir / "connctl")  # a copy that another uid can run
    other: dict[str, Any] = {"program": program, "user": 65534, "group": 65534, "extra_groups": []}
    connd.write_config(plain + "[access]\nallow = *\n")
    with connd:
        done = connd.connctl("refresh", **other)
        assert (done.returncode, done.stdout) == (4, "") and "[access]" in done.stderr
        denied = [e for e in connd.events("warn") if e["event"] == "denied"]
        assert [(e["uid"], e["what"]) for e in denied] == [(65534, "refresh")]
        connd.write_config(plain + "[access]\nadmin = uid:65534\nallow = uid:0\n")
        reload(connd)
        assert connd.connctl("refresh", **other).returncode == 0
        assert connd.connctl("list", **other).returncode == 4, "it may read nothing"
        assert connd.connctl("refresh").returncode == 0, "root always may"


def reload(connd: Connd) -> None:
    connd.send_signal(signal.SIGHUP)
    eventually(lambda: "reloaded" in [e["event"] for e in connd.events()], "the reload")
