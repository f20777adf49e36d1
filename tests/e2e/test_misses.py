# SPDX-License-Identifier: Apache-2.0
"""A key that is not there: answered at once, and asked for behind the answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from connd_testing import (
    FaultyManager,
    Manager,
    VarlinkError,
    connection_row,
    eventually,
)

SLOW = {"refresh": "60s", "push": "no"}


def sections(probe: str) -> Mapping[str, Mapping[str, str]]:
    return {"manager": SLOW, "misses": {"probe": probe}}


def test_the_next_question_finds_what_was_made_a_moment_ago(manager: Manager) -> None:
    with manager.connd(sections=sections("100ms")) as connd:
        where = manager.deployment_ids["prod"]
        manager.create_connection("new", where, host="h")
        manager.create_variable("fresh", "v", where)
        with pytest.raises(VarlinkError, match="NotFound"):
            connd.connection("new")
        eventually(lambda: connd.connection("new")["host"] == "h", "the probe's work")
        with pytest.raises(VarlinkError, match="NotFound"):
            connd.variable("never-made")
        assert connd.variable("fresh") == "v", "the list that the probe brought holds it too"


def test_a_storm_of_unknown_keys_costs_the_manager_nothing(
    faulty: FaultyManager, workdir: Path
) -> None:
    faulty.add(connection_row("there", faulty.deployment))
    with faulty.connd(workdir, sections("10s")) as connd:
        connd.wait_for(lambda s: s["state"] == "fresh", "data")
        before = len(faulty.requests)
        with connd.client() as client:
            for n in range(3000):
                with pytest.raises(VarlinkError, match="NotFound"):
                    client.connection(f"missing-{n}")
        probes = [query for _, query, _ in faulty.requests[before:]]
        assert len(probes) <= 1
        assert all("objectKey" in q and q["showSecrets"] == "false" for q in probes)


def test_without_probes_a_miss_asks_nobody(faulty: FaultyManager, workdir: Path) -> None:
    faulty.add(connection_row("there", faulty.deployment))
    with faulty.connd(workdir, sections("0")) as connd:
        before = len(faulty.requests)
        for n in range(20):
            with pytest.raises(VarlinkError, match="NotFound"):
                connd.connection(f"missing-{n}")
        connd.status()
        assert len(faulty.requests) == before
