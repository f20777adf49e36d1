# SPDX-License-Identifier: Apache-2.0
"""A missing key: the response comes at once, and a probe follows it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from connd_testing import Connd, Manager, VarlinkError, eventually
from faulty_manager import Exchange, FaultyManager, connection_row

SLOW = {"refresh": "60s", "push": "no"}


def sections(probe: str) -> Mapping[str, Mapping[str, str]]:
    return {"manager": SLOW, "misses": {"probe": probe}}


def test_next_lookup_finds_a_new_connection(manager: Manager) -> None:
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


def test_many_unknown_keys_cause_few_requests(faulty: FaultyManager, workdir: Path) -> None:
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


def test_without_probes_a_miss_causes_no_request(faulty: FaultyManager, workdir: Path) -> None:
    faulty.add(connection_row("there", faulty.deployment))
    with faulty.connd(workdir, sections("0")) as connd:
        before = len(faulty.requests)
        for n in range(20):
            with pytest.raises(VarlinkError, match="NotFound"):
                connd.connection(f"missing-{n}")
        connd.status()
        assert len(faulty.requests) == before


def denied(connd: Connd, conn_id: str, **more: str) -> VarlinkError:
    with pytest.raises(VarlinkError, match="PermissionDenied") as caught:
        connd.connection(conn_id, **more)
    return caught.value


def probed(faulty: FaultyManager, since: int) -> list[str]:
    return [query["objectKey"] for _, query, _ in faulty.requests[since:] if "objectKey" in query]


def test_denied_lookup_reveals_nothing_and_causes_no_request(
    faulty: FaultyManager, workdir: Path
) -> None:
    faulty.add(connection_row("shut-there", faulty.deployment))
    connd = faulty.connd(workdir, sections("50ms"))
    connd.write_config(connd.config_text() + "[access]\ndeny = * conn:shut-*\nallow = *\n")
    with connd:
        before = len(faulty.requests)
        there, missing = denied(connd, "shut-there"), denied(connd, "shut-missing")
        assert there.args == missing.args
        # A later probe proves that there was time for one.
        for n in range(3):
            with pytest.raises(VarlinkError, match="NotFound"):
                connd.connection(f"open-{n}")
            eventually(lambda n=n: f"open-{n}" in probed(faulty, before), "what is allowed")
        assert probed(faulty, before) == [f"open-{n}" for n in range(3)]


def test_a_denial_is_one_line_at_the_default_level(faulty: FaultyManager, workdir: Path) -> None:
    connd = faulty.connd(workdir, sections("50ms"))
    connd.write_config(connd.config_text() + "[access]\ndeny = * conn:shut-*\nallow = *\n")
    with connd:
        for _ in range(3):
            denied(connd, "shut-a")
        for n in range(30):
            denied(connd, f"shut-{n}")
        lines = [e for e in connd.events("warn") if e["event"] == "denied"]
        assert [e["key"] for e in lines] == ["shut-a", *(f"shut-{n}" for n in range(9))]
        assert {(e["uid"], e["what"]) for e in lines} == {(os.getuid(), "connection")}
    counts = [e for e in connd.events("warn") if e["event"] == "further denials"]
    assert [e["not_logged"] for e in counts] == [21]


VALUES = ["postgres://user:s3cr3t@host/db", '{"password": "s3cr3t"}', "http://s3cr3t", "s3cr3t\t@x"]


def test_value_in_place_of_a_key_is_neither_sent_nor_logged(
    faulty: FaultyManager, workdir: Path
) -> None:
    """Not to the manager, and not into the log, neither at debug level nor as a denial."""
    level = {"log": {"format": "json", "level": "debug"}}
    connd = faulty.connd(workdir, {**sections("50ms"), **level})
    connd.write_config(connd.config_text() + "[access]\ndeny = * var:*\nallow = *\n")
    with connd:
        before = len(faulty.requests)
        for text in VALUES:
            with pytest.raises(VarlinkError, match="NotFound"):
                connd.connection(text)
            with pytest.raises(VarlinkError, match="PermissionDenied"):
                connd.variable(text)
        with pytest.raises(VarlinkError, match="NotFound"):
            connd.connection("a-name")
        eventually(lambda: "a-name" in probed(faulty, before), "what may be a key is asked for")
        assert probed(faulty, before) == ["a-name"]
        shown = {e["key"] for e in connd.events() if "key" in e}
        assert shown == {"postgres://...", "http://...", "{...", "...", "a-name"}
        assert "s3cr3t" not in connd.running.stderr_text()


def test_ambiguous_team_keys_belong_to_no_team(faulty: FaultyManager, workdir: Path) -> None:
    faulty.add(connection_row("team_b____x", faulty.deployment, host="team_b_'s"))
    rules = "[access]\nteams = {}\nallow = * conn:team_b___*\nallow = * conn:_x conn:x\n"
    for teams in ("yes", "no"):
        connd = faulty.connd(workdir, sections("0"))
        connd.write_config(connd.config_text() + rules.format(teams))
        with connd:
            for team, key in (("team_b", "_x"), ("team_b_", "x")):
                with pytest.raises(VarlinkError, match="NotFound"):
                    connd.connection(key, team=team)
            denied(connd, "team_b____x")  # the rule is for team_b's keys


def test_denied_lookup_does_not_wait_for_data(faulty: FaultyManager, workdir: Path) -> None:
    faulty.fault = lambda x: faulty.closing.wait(20)
    late = {"freshness": {"cold_wait": "5m"}, "manager": {"timeout": "5m"}}
    connd = faulty.connd(workdir, late)
    connd.write_config(connd.config_text() + "[access]\ndeny = * conn:shut\nallow = *\n")
    connd.start("listening")
    began = time.monotonic()
    denied(connd, "shut")
    assert time.monotonic() - began < 5
    connd.stop()


def test_denied_team_key_falls_back_to_the_plain_key(faulty: FaultyManager, workdir: Path) -> None:
    for key in ("one", "two", "blue___one"):
        faulty.add(connection_row(key, faulty.deployment, host=key))
    connd = faulty.connd(workdir, sections("50ms"))
    connd.write_config(connd.config_text() + "[access]\ndeny = * conn:blue___*\nallow = *\n")
    with connd:
        before = len(faulty.requests)
        assert connd.connection("one", team="blue")["host"] == "one"
        assert connd.connection("two", team="blue")["host"] == "two"
        with pytest.raises(VarlinkError, match="NotFound"):
            connd.connection("new", team="blue")
        eventually(lambda: probed(faulty, before) == ["new"], "its own name is not asked for")


def test_team_that_may_read_only_its_own_keys(faulty: FaultyManager, workdir: Path) -> None:
    for key in ("one", "two", "blue___one"):
        faulty.add(connection_row(key, faulty.deployment, host=key))
    connd = faulty.connd(workdir, sections("50ms"))
    connd.write_config(connd.config_text() + "[access]\nallow = * conn:blue___*\n")
    with connd:
        before = len(faulty.requests)
        assert connd.connection("one", team="blue")["host"] == "blue___one"
        assert denied(connd, "two", team="blue").args == denied(connd, "new", team="blue").args
        names = {"blue___two", "blue___new"}
        eventually(lambda: set(probed(faulty, before)) == names, "its own names are asked for")


def test_retry_after_of_a_probe_holds_for_syncs_until_a_reload(
    faulty: FaultyManager, workdir: Path
) -> None:
    faulty.add(connection_row("there", faulty.deployment))

    def busy(x: Exchange) -> None:
        if "objectKey" in x.query:
            x.reply("{}", 429, Retry_After="60")
        else:
            x.reply(x.page())

    faulty.fault = busy
    with faulty.connd(workdir, {"misses": {"probe": "50ms"}}) as connd:
        with pytest.raises(VarlinkError, match="NotFound"):
            connd.connection("new")
        status = connd.wait_for(lambda s: s.get("next_sync_ms", 0) > 20000, "it is told to wait")
        assert "Retry-After" in status["last_error"] and status["state"] == "fresh"
        before = len(faulty.requests)
        assert connd.connection("there")
        assert len(faulty.requests) == before
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: len(faulty.requests) > before, "the reload asks at once")


def test_retry_after_of_a_held_request_applies_to_no_other(
    faulty: FaultyManager, workdir: Path
) -> None:
    faulty.add(connection_row("there", faulty.deployment))

    def busy(x: Exchange) -> None:
        if "objectType" not in x.query:
            x.reply("{}", 429, Retry_After="60")
        else:
            x.reply(x.page(), ETag='"t"')

    faulty.fault = busy
    with faulty.connd(workdir, {"manager": {"push": "yes"}}) as connd:
        eventually(
            lambda: any("objectType" not in query for _, query, _ in faulty.requests),
            "the held request",
        )
        syncs = connd.status()["syncs_ok"]
        status = connd.wait_for(lambda s: s["syncs_ok"] >= syncs + 2, "syncs go on")
        assert not status.get("last_error")
