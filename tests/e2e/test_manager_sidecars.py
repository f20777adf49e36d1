# SPDX-License-Identifier: Apache-2.0
"""Sidecars: connd reports to a manager that asks for it, and people see who has the newest data."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from admin import Admin
from connd_testing import Manager, eventually
from faulty_manager import FaultyManager
from manager_http import objects, send
from test_manager_ui import issue

ID = "0123456789abcdef0123456789abcdef"
REPORT = {"id": ID, "name": "worker-1", "version": "0.1.0", "generation": 7, "ageMs": 0,
          "state": "fresh", "snapshot": "current"}  # fmt: skip


def sidecars(manager: Manager, query: str = "", token: str | None = None) -> Any:
    path = f"/v1/organizations/{manager.organization}/sidecars{query}"
    reply = send(manager, "GET", path, token=token)
    assert reply.status == 200, reply.raw
    return reply.body


def report(
    manager: Manager, deployment: str = "prod", token: str | None = None, **more: Any
) -> Any:
    path = f"{objects(manager)}?deploymentId={manager.deployment_ids[deployment]}&limit=1"
    text = json.dumps({**REPORT, **more})
    return send(manager, "GET", path, headers={"X-Connd-Report": text}, token=token)


def only(manager: Manager) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = sidecars(manager)["sidecars"]
        return rows[0] if rows else None

    row: dict[str, Any] = eventually(there, "a sidecar is listed")
    return row


# A change can then only be reported by the held request.
SELDOM = {"manager": {"refresh": "20m"}, "freshness": {"ttl": "1h", "stale": "2h"}}


def test_a_change_is_seen_arriving(manager: Manager) -> None:
    with manager.connd(sections=SELDOM):
        row = eventually(lambda: only(manager)["status"] == "NEWEST" and only(manager), "data")
        assert row["scope"] == "DEPLOYMENT"
        assert row["scopeEntityId"] == manager.deployment_ids["prod"]
        assert (row["state"], row["snapshot"]) == ("fresh", "off")
        assert "lastError" not in row and "behindSince" not in row
        manager.create_connection("warehouse", row["scopeEntityId"], password="marked-secret")

        def arrived() -> bool:
            now = only(manager)
            return bool(now["status"] == "NEWEST" and now["generation"] != row["generation"])

        eventually(arrived, "the change has arrived")
        whole = sidecars(manager)
        assert (whole["newest"], whole["behind"], whole["silent"]) == (1, 0, 0)
        for word in ("marked-secret", "warehouse"):
            assert word not in json.dumps(whole)
        assert only(manager)["id"] == row["id"]


def test_who_is_behind_and_since_when(manager: Manager) -> None:
    manager.create_variable("x", "1", manager.deployment_ids["prod"])
    reports: tuple[dict[str, Any], ...] = (
        {},
        {"ageMs": 3_600_000, "lastError": "no route"},
        {"ageMs": None, "state": "not-ready", "generation": 0},
    )
    for number, more in enumerate(reports):
        assert report(manager, id=f"{number:032x}", name=f"w{number}", **more).status == 200
    eventually(lambda: sidecars(manager)["totalCount"] == 3, "all are there")
    rows = sidecars(manager)
    assert (rows["newest"], rows["behind"], rows["totalCount"]) == (1, 2, 3)
    newest, behind, empty = rows["sidecars"]
    assert newest["status"] == "NEWEST"
    assert behind["status"] == "BEHIND" and behind["lastError"] == "no route"
    assert behind["confirmedAt"] < behind["behindSince"] <= newest["seenAt"]
    assert empty["status"] == "BEHIND" and "confirmedAt" not in empty
    page = sidecars(manager, "?limit=1&offset=1")
    assert [row["name"] for row in page["sidecars"]] == ["w1"]
    assert page["totalCount"] == 3
    assert sidecars(manager, f"?deploymentId={manager.deployment_ids['dev']}")["totalCount"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "{}",
        json.dumps({**REPORT, "id": "x"}),
        json.dumps({**REPORT, "id": ID.upper() + "00"}),
        json.dumps({**REPORT, "name": ""}),
        json.dumps({**REPORT, "name": "a" * 65}),
        json.dumps({**REPORT, "name": "a\nb"}),
        json.dumps({**REPORT, "state": "well"}),
        json.dumps({**REPORT, "generation": -1}),
        json.dumps({**REPORT, "ageMs": "1"}),
        json.dumps({**REPORT, "lastError": "e" * 300}),
        json.dumps({**REPORT, "more": "x" * 3000}),
    ],
)  # fmt: skip
def test_what_is_no_report_is_ignored(manager: Manager, text: str) -> None:
    path = f"{objects(manager)}?deploymentId={manager.deployment_ids['prod']}"
    assert send(manager, "GET", path, headers={"X-Connd-Report": text}).status == 200
    report(manager, "dev")
    assert only(manager)["scopeEntityId"] == manager.deployment_ids["dev"]
    assert sidecars(manager)["totalCount"] == 1


def test_reports_are_of_places_that_the_token_covers(manager: Manager) -> None:
    member = issue(manager, "deployment", "MEMBER")["token"]
    assert report(manager, "dev", token=member).status == 404
    assert report(manager, "prod", token=member, name="mine").status == 200
    report(manager, "dev", name="other")
    eventually(lambda: sidecars(manager)["totalCount"] == 2, "both are there")
    assert [row["name"] for row in sidecars(manager, token=member)["sidecars"]] == ["mine"]
    path = f"/v1/organizations/{manager.organization}/sidecars"
    other = f"{path}?deploymentId={manager.deployment_ids['dev']}"
    send(manager, "GET", other, token=member).error(404)
    send(manager, "GET", path + "?limit=x").field_error("limit")


def test_reports_survive_the_manager_and_end_with_their_place(manager: Manager) -> None:
    report(manager, generation=8)
    manager.stop()  # writes what is not written yet
    manager.start()
    assert only(manager)["generation"] == 8
    manager.request(
        "DELETE",
        f"/v1/organizations/{manager.organization}/deployments/{manager.deployment_ids['prod']}",
    )
    assert sidecars(manager)["totalCount"] == 0


def test_reports_are_not_written_one_by_one(manager: Manager) -> None:
    report(manager)
    only(manager)
    for generation in range(20):
        report(manager, generation=generation)
    assert only(manager)["generation"] == 19
    # What is seen is in memory; the row is written a minute after the first one.
    with contextlib.closing(sqlite3.connect(manager.data / "manager.db")) as db:
        (stored,) = db.execute("SELECT report FROM sidecar").fetchone()
    assert json.loads(stored)["generation"] == 7


def test_metrics_count_sidecars(manager: Manager) -> None:
    manager.stop()
    places = manager.launch("--listen", f"127.0.0.1:{manager.port}", "--metrics", "127.0.0.1:0")
    report(manager)
    only(manager)
    with urllib.request.urlopen(f"http://{places['metrics']}/metrics") as reply:
        text = reply.read().decode()
    assert 'connd_manager_sidecars{status="newest"} 1' in text
    assert 'connd_manager_sidecars{status="behind"} 0' in text


def test_connd_reports_nothing_when_told_so(manager: Manager) -> None:
    sections = {"manager": {"report": "no", "refresh": "1s"}}
    with manager.connd(sections=sections) as connd:
        manager.create_variable("x", "1", manager.deployment_ids["prod"])
        eventually(lambda: connd.status()["variables"] == 1, "the change has arrived")
    # Reports are written within a second. This one comes last.
    report(manager, "dev")
    assert only(manager)["name"] == "worker-1"
    assert sidecars(manager)["totalCount"] == 1


def test_connd_reports_nothing_to_a_server_that_does_not_ask(
    faulty: FaultyManager, workdir: Path
) -> None:
    with faulty.connd(workdir, sections={"manager": {"refresh": "1s"}}):
        faulty.wait_served(8)
    assert not [head for _, _, head in faulty.requests if "X-Connd-Report" in head]


def test_connctl_lists_sidecars(manager: Manager, workdir: Path) -> None:
    report(manager)
    only(manager)
    person = Admin(workdir, manager).login()
    out = person.run("sidecars").stdout
    assert "worker-1" in out and "NEWEST" in out and "fresh" in out
    assert len(person.json("sidecars", "--deployment", "prod")["sidecars"]) == 1
    assert person.json("sidecars", "--deployment", "dev") == {"sidecars": []}
    person.run("sidecars", "--deployment", "nowhere", code=1)
