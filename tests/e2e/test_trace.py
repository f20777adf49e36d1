# SPDX-License-Identifier: Apache-2.0
"""connctl trace and connctl top: the last lookups, and what is looked up most."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager, Varlink, VarlinkError, eventually

DSN = "postgres://user:s3cr3t@host/db"


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("warehouse", prod)
    manager.create_variable("v", "a-value", prod)
    with manager.connd(sections={"socket": {"mode": "0666"}}) as running:
        yield running


def traced(connd: Connd, *args: str) -> list[dict[str, Any]]:
    done = connd.connctl("trace", "--json", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def audited(manager: Manager, request: str) -> list[dict[str, Any]]:
    path = f"/v1/organizations/{manager.organization}/audit-log?requestId={request}"
    status, page = manager.request("GET", path)
    assert status == 200
    rows: list[dict[str, Any]] = page["history"]
    return rows


def miss(client: Varlink | Connd, key: str) -> None:
    with pytest.raises(VarlinkError):
        client.variable(key)


def test_a_lookup_leads_to_the_sync_in_the_managers_audit_log(
    connd: Connd, manager: Manager
) -> None:
    with connd.client() as client:
        client.variable("v")
        manager.create_variable("w", "2", manager.deployment_ids["prod"])
        eventually(lambda: connd.status()["variables"] == 2, "the change")
        client.variable("v")
    first, second = traced(connd)
    assert second["request_id"] == connd.status()["request_id"] != first["request_id"]
    for lookup, lists in ((first, 3), (second, 1)):  # the second sync had one list that was new
        rows = audited(manager, lookup["request_id"])
        assert {row["action"] for row in rows} == {"READ_SECRETS"}
        assert len({row["objectType"] for row in rows}) == lists
    assert audited(manager, second["request_id"])[0]["objectType"] == "AIRFLOW_VARIABLE"
    shown = connd.connctl("status").stdout
    assert re.search(rf"^request id +{second['request_id']}$", shown, re.M)
    last = [e for e in connd.events() if e["event"] == "new generation"][-1]
    assert last["request"] == second["request_id"]


def test_a_generation_keeps_the_id_of_the_sync_that_brought_it(
    connd: Connd, manager: Manager
) -> None:
    before = connd.status()
    for _ in range(2):
        done = connd.connctl("refresh")
        assert done.returncode == 0, done.stderr
        eventually(lambda: connd.status()["syncs_ok"] > before["syncs_ok"], "a sync")
    assert connd.status()["request_id"] == before["request_id"]


def test_each_lookup_is_one_line(connd: Connd) -> None:
    frame = Varlink.frame("io.connd.secrets.GetConnection", {"conn_id": "warehouse"})
    with connd.client() as client:
        client.send(frame[:-2] + b',"io.connd.trace":"ab12cd34"}\0')
        assert client.receive()
        client.variable("v", team="red")
        miss(client, "nope")
        miss(client, DSN)
    first, second, third, fourth = traced(connd)
    assert (first["kind"], first["key"], first["result"]) == ("connection", "warehouse", "value")
    assert (first["trace"], first["uid"], first["pid"]) == ("ab12cd34", os.geteuid(), os.getpid())
    assert first["us"] >= 0 and first["age_ms"] >= 0
    assert first["generation"] == connd.status()["generation"]
    assert (second["key"], second["team"]) == ("v", "red") and "trace" not in second
    assert (third["key"], third["result"]) == ("nope", "not-found")
    assert [x["n"] for x in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert "s3cr3t" not in json.dumps(fourth)
    lines = connd.connctl("trace").stdout.splitlines()
    assert len(lines) == 4
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
        rf"uid {os.geteuid()} +pid {os.getpid()} +value +\d+ us .* old  "
        r"conn:warehouse generation=\d+ trace=ab12cd34",
        lines[0],
    )
    assert "a-value" not in "".join(lines)


def test_more_lookups_than_a_reply_takes(connd: Connd) -> None:
    with connd.client() as client:
        for _ in range(1100):
            client.variable("v")
    assert [x["n"] for x in traced(connd)] == list(range(77, 1101)), "the last 1024"


def test_follow_prints_what_comes(connd: Connd) -> None:
    with connd.client() as client:
        for _ in range(15):
            client.variable("v")
    out = connd.directory / "followed"
    with out.open("w") as stdout:
        follower = subprocess.Popen(
            [CONNCTL, "trace", "--follow", "--json", "--socket", connd.socket], stdout=stdout
        )
    try:
        eventually(lambda: len(out.read_text().splitlines()) == 10, "the last ten")
        miss(connd, "later")
        eventually(lambda: '"later"' in out.read_text(), "the next one")
    finally:
        follower.terminate()
        follower.wait(PATIENCE)
    assert [json.loads(line)["n"] for line in out.read_text().splitlines()] == list(range(6, 17))


def test_terminals_are_safe_from_keys(connd: Connd) -> None:
    miss(connd, "a\x1b[31mb")
    assert "\x1b" not in connd.connctl("trace").stdout
    assert "\x1b" not in connd.connctl("top").stdout


def test_top_counts_keys_users_and_results(connd: Connd) -> None:
    with connd.client() as client:
        for _ in range(5):
            client.variable("v")
        client.connection("warehouse")
        miss(client, "nope")
    got = json.loads(connd.connctl("top", "--json").stdout)
    assert got["lookups"] == 7 and got["span_ms"] >= 0
    assert got["keys"] == [
        {"key": "var:v", "lookups": 5},
        {"key": "conn:warehouse", "lookups": 1},
        {"key": "var:nope", "lookups": 1},
    ]
    assert got["uids"] == [{"uid": os.geteuid(), "lookups": 7}]
    assert got["results"] == [
        {"result": "value", "lookups": 6},
        {"result": "not-found", "lookups": 1},
    ]
    shown = connd.connctl("top").stdout
    assert shown.startswith("7 lookups in ") and "var:v" in shown


def test_without_lookups(connd: Connd) -> None:
    assert connd.connctl("trace").stdout == ""
    assert connd.connctl("top").stdout.startswith("0 lookups")
    assert json.loads(connd.connctl("top", "--json").stdout)["keys"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its uid")
def test_they_are_for_users_named_by_admin_rules(workdir: Path, connd: Connd) -> None:
    program = shutil.copy(CONNCTL, workdir / "connctl")  # where another uid can run it
    other: dict[str, Any] = {"program": program, "user": 65534, "group": 65534, "extra_groups": []}
    for verb in ("trace", "top"):
        done = connd.connctl(verb, **other)
        assert (done.returncode, done.stdout) == (4, "")
    connd.stop()
    connd.write_config(connd.config_text() + "[access]\nadmin = uid:65534\nallow = uid:0\n")
    with connd:
        assert connd.variable("v") == "a-value"
        done = connd.connctl("trace", "--json", **other)
        assert json.loads(done.stdout)["key"] == "v"
