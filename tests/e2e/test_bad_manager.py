# SPDX-License-Identifier: Apache-2.0
"""A manager that responds wrongly, slowly or not at all: the daemon continues to serve its data,
logs the fault once, recovers by itself, and never serves an empty password."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from connd_testing import SANITIZED, Connd, VarlinkError, eventually
from faulty_manager import Exchange, FaultyManager, connection_row, variable_row


def html(x: Exchange) -> None:
    x.reply("<html><body>Sign in</body></html>", content_type="text/html")


def html_called_json(x: Exchange) -> None:
    x.reply("<html><body>Sign in</body></html>")


def truncated(x: Exchange) -> None:
    x.reply(json.dumps(x.page())[:-20])


def cut_connection(x: Exchange) -> None:
    body = json.dumps(x.page()).encode()
    x.head(200, "application/json", Content_Length=str(len(body)))
    x.write(body[: len(body) // 2])
    x.hang_up()


def empty(x: Exchange) -> None:
    x.reply("")


def error_500(x: Exchange) -> None:
    x.reply({"message": "database is down", "requestId": "r", "statusCode": 500}, 500)


def error_502_html(x: Exchange) -> None:
    x.reply("<html>Bad Gateway</html>", 502, "text/html")


def error_404(x: Exchange) -> None:
    x.reply({"message": "not found", "requestId": "r", "statusCode": 404}, 404)


def too_many(x: Exchange) -> None:
    x.reply({"message": "slow down", "requestId": "r", "statusCode": 429}, 429, Retry_After="1")


def redirect(x: Exchange) -> None:
    x.head(302, "text/plain", Location=x.manager.url + "/elsewhere", Content_Length="0")


def wrong_content_type(x: Exchange) -> None:
    x.reply(json.dumps(x.page()), content_type="text/plain")


def drips(x: Exchange) -> None:
    x.drip()


def never_answers(x: Exchange) -> None:
    x.manager.closing.wait(30)
    x.hang_up()


def endless_body(x: Exchange) -> None:
    x.head(200, "application/json", Transfer_Encoding="chunked")
    x.write(b'a\r\n{"x": "aaa\r\n')
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    while not x.manager.closing.is_set():
        x.write(chunk)


def endless_headers(x: Exchange) -> None:
    x.handler.send_response(200)
    x.handler.flush_headers()
    while not x.manager.closing.is_set():
        x.write(b"X-Junk: " + b"a" * 8000 + b"\r\n")


def endless_pages(x: Exchange) -> None:
    page = x.page()
    page["totalCount"] = 10**9
    row = variable_row(f"k{x.offset}", x.manager.deployment, "v")
    row["objectType"] = x.type
    if x.type == "CONNECTION":
        row = connection_row(f"k{x.offset}", x.manager.deployment, password="p")
    page["environmentObjects"] = [row]
    x.reply(page)


def same_page_again(x: Exchange) -> None:
    x.offset = 0
    page = x.page()
    page["totalCount"] = 50
    x.reply(page)


def foreign_rows(x: Exchange) -> None:
    page = x.page()
    for row in page["environmentObjects"]:
        row["scopeEntityId"] = x.manager.other_deployment
    x.reply(page)


def duplicate_keys(x: Exchange) -> None:
    page = x.page()
    page["environmentObjects"] *= 2
    page["totalCount"] *= 2
    x.reply(page)


def count_too_high(x: Exchange) -> None:
    page = x.page()
    page["totalCount"] += 1
    if x.offset:
        page["environmentObjects"] = []
    x.reply(page)


def rows_not_a_list(x: Exchange) -> None:
    x.reply({"environmentObjects": {}, "limit": 1000, "offset": 0, "totalCount": 0})


def row_not_an_object(x: Exchange) -> None:
    page = x.page()
    page["environmentObjects"].append(7)
    page["totalCount"] += 1
    x.reply(page)


def row_without_key(x: Exchange) -> None:
    page = x.page()
    for row in page["environmentObjects"]:
        del row["objectKey"]
    x.reply(page)


def bad_utf8(x: Exchange) -> None:
    x.reply(json.dumps(x.page()).encode().replace(b"good-secret", b"bad\xff\xfe"))


def deep(x: Exchange) -> None:
    x.reply("[" * 100_000 + "]" * 100_000)


def error_401(x: Exchange) -> None:
    x.reply({"message": "token expired", "requestId": "r", "statusCode": 401}, 401)


def error_403(x: Exchange) -> None:
    x.reply({"message": "forbidden", "requestId": "r", "statusCode": 403}, 403)


def secrets_refused(x: Exchange) -> None:
    text = f"showSecrets on organization with id {x.manager.organization} is not allowed"
    x.reply({"message": text, "requestId": "r", "statusCode": 405}, 405)


FAULTS: list[Callable[[Exchange], None]] = [
    html, html_called_json, truncated, cut_connection, empty, error_500, error_502_html, error_404,
    too_many, redirect, wrong_content_type, drips, never_answers, endless_body, endless_headers,
    endless_pages, same_page_again, foreign_rows, duplicate_keys, count_too_high, rows_not_a_list,
    row_not_an_object, row_without_key, bad_utf8, deep, error_401, error_403, secrets_refused,
]  # fmt: skip

# The rest of a good page of rows in every test here.
MARKER = "good-secret"


@pytest.fixture
def faulty(faulty: FaultyManager) -> FaultyManager:
    faulty.add(connection_row("db", faulty.deployment, host="h", password=MARKER))
    faulty.add(variable_row("v", faulty.deployment, "1"))
    return faulty


def complaints(connd: Connd) -> list[dict[str, Any]]:
    return connd.events("warn", "error")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: str(f.__name__))
def test_bad_manager_is_logged_once_and_connd_recovers(
    workdir: Path, faulty: FaultyManager, fault: Callable[[Exchange], None]
) -> None:
    with faulty.connd(workdir, {"manager": {"timeout": "3s"}}) as connd:
        assert complaints(connd) == []
        faulty.fault = fault
        status = connd.wait_for(lambda s: s.get("last_error"), "the fault is noticed")
        # It tries again; the same failure is not logged again.
        faulty.wait_served(faulty.served + 1)
        assert connd.connection("db")["password"] == MARKER
        assert connd.variable("v") == "1"
        assert connd.status()["state"] in ("fresh", "stale")
        lines = complaints(connd)
        assert len(lines) == 1, lines
        assert status["last_error"]
        assert MARKER not in json.dumps(lines) + status["last_error"]

        faulty.rows["AIRFLOW_VARIABLE"] = [variable_row("v", faulty.deployment, "2")]
        faulty.fault = None
        eventually(lambda: connd.variable("v") == "2", "it recovers", 60)
        assert not connd.status().get("last_error")
        # The list being read when the fault ended may have been a mix.
        half = "the list changed while it was read"
        assert not [c for c in complaints(connd)[1:] if half not in c["reason"]]
        # A sanitizer keeps freed memory for a while.
        assert connd.memory_peak_kib() < (400 if SANITIZED else 200) * 1024


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: str(f.__name__))
def test_a_daemon_without_data_says_not_ready_and_recovers(
    workdir: Path, faulty: FaultyManager, fault: Callable[[Exchange], None]
) -> None:
    faulty.fault = fault
    sections = {"manager": {"timeout": "1s"}, "freshness": {"cold_wait": "100ms"}}
    connd = faulty.connd(workdir, sections).start("listening")
    connd.wait_for(lambda s: s.get("last_error"), "the fault is noticed")
    assert connd.status()["state"] == "not-ready"
    for key in ("db", "nope"):
        with pytest.raises(VarlinkError) as caught:
            connd.connection(key)
        assert caught.value.name == "io.connd.secrets.NotReady"
        assert caught.value.parameters["reason"]
    faulty.fault = None
    connd.wait_for(lambda s: s["state"] == "fresh", "it recovers", 60)
    assert connd.connection("db")["password"] == MARKER
    connd.stop()


def test_no_request_follows_a_redirect(workdir: Path, faulty: FaultyManager) -> None:
    """The token must not be sent to wherever a redirect points."""
    with FaultyManager() as elsewhere, faulty.connd(workdir) as connd:
        faulty.fault = lambda x: x.head(
            307, "text/plain", Location=elsewhere.url + "/x", Content_Length="0"
        )
        connd.wait_for(lambda s: s.get("last_error"), "the fault is noticed")
        assert elsewhere.requests == []


def withhold(row: dict[str, Any], how: str) -> dict[str, Any]:
    connection = row["connection"]
    if how == "absent":
        del connection["password"]
    elif how == "blank":
        connection["password"] = ""
    else:
        connection["password"] = None
    return row


@pytest.mark.parametrize("how", ["absent", "blank", "null"])
def test_a_withheld_password_is_never_served_empty(
    workdir: Path, faulty: FaultyManager, how: str
) -> None:
    faulty.rows["CONNECTION"] = [
        withhold(connection_row("db", faulty.deployment, host="h", password="x"), how)
    ]
    with faulty.connd(workdir) as connd:
        with pytest.raises(VarlinkError) as caught:
            connd.connection("db")
        assert caught.value.name == "io.connd.secrets.Withheld"
        assert caught.value.parameters["fields"] == ["password"]
        status = connd.status()
        assert (status["withheld"], status["connections"]) == (1, 1)
        assert connd.variable("v") == "1"


@pytest.mark.parametrize("how", ["absent", "blank", "null"])
def test_withheld_secret_is_served_from_the_held_value(
    workdir: Path, faulty: FaultyManager, how: str
) -> None:
    with faulty.connd(workdir) as connd:
        assert connd.connection("db")["password"] == MARKER
        faulty.rows["CONNECTION"] = [
            withhold(connection_row("db", faulty.deployment, host="new", password="x"), how)
        ]
        faulty.rows["AIRFLOW_VARIABLE"] = [variable_row("v", faulty.deployment, "2")]
        eventually(lambda: connd.variable("v") == "2", "the new list")
        got = connd.connection("db")
        assert (got["host"], got["password"]) == ("h", MARKER)
        faulty.rows["CONNECTION"] = [
            connection_row("db", faulty.deployment, host="new", password="rotated")
        ]
        eventually(lambda: connd.connection("db")["password"] == "rotated", "given again")


def test_held_value_expires(workdir: Path, faulty: FaultyManager) -> None:
    sections = {"freshness": {"max_stale_unauthorized": "3s"}}
    with faulty.connd(workdir, sections) as connd:
        faulty.rows["CONNECTION"] = [
            withhold(connection_row("db", faulty.deployment, host="h", password="x"), "blank")
        ]

        def withheld() -> bool:
            try:
                connd.connection("db")
            except VarlinkError as error:
                return error.name == "io.connd.secrets.Withheld"
            return False

        eventually(withheld, "it is refused")


def test_a_withheld_variable_is_never_served_empty(workdir: Path, faulty: FaultyManager) -> None:
    row = variable_row("s", faulty.deployment, "x", secret=True)
    row["airflowVariable"]["value"] = ""
    faulty.add(row, variable_row("e", faulty.deployment, ""))
    with faulty.connd(workdir) as connd:
        with pytest.raises(VarlinkError, match="Withheld"):
            connd.variable("s")
        assert connd.variable("e") == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": "a\u0000b"}, "password"),
        ({"login": "a\ud800b"}, "login"),
        ({"port": 70000}, "port"),
        ({"host": 7}, "host"),
        ({"extra": ["a"]}, "extra"),
        ({"extra": {"k": "\u0000"}}, "extra"),
    ],
)
def test_invalid_row_does_not_affect_other_rows(
    workdir: Path, faulty: FaultyManager, fields: dict[str, Any], field: str
) -> None:
    row = connection_row("odd", faulty.deployment)
    row["connection"].update(fields)
    faulty.add(row)
    with faulty.connd(workdir) as connd:
        with pytest.raises(VarlinkError) as caught:
            connd.connection("odd")
        assert caught.value.name == "io.connd.secrets.Invalid"
        assert caught.value.parameters["field"].split(".")[0].endswith(field)
        assert connd.connection("db")["password"] == MARKER


def test_list_that_drops_many_objects_needs_a_second_list(
    workdir: Path, faulty: FaultyManager
) -> None:
    faulty.add(*(variable_row(f"k{i}", faulty.deployment, "x") for i in range(20)))
    with faulty.connd(workdir) as connd:
        all_rows = faulty.rows["AIRFLOW_VARIABLE"]

        # Once: the list is held back.
        def once(x: Exchange) -> None:
            page = x.page()
            if x.type == "AIRFLOW_VARIABLE":
                page.update(environmentObjects=[], totalCount=0)
                faulty.fault = None
            x.reply(page)

        faulty.fault = once
        eventually(lambda: faulty.fault is None and faulty.served > 6, "two syncs after it")
        assert connd.status()["variables"] == len(all_rows)
        # Again: the list is served, and a line says so.
        faulty.rows["AIRFLOW_VARIABLE"] = []
        connd.wait_for(lambda s: s["variables"] == 0, "the second list")


def test_expired_data_is_refused_for_every_key(workdir: Path, faulty: FaultyManager) -> None:
    sections = {
        "manager": {"timeout": "1s"},
        "freshness": {"ttl": "1s", "stale": "2s", "max_stale": "4s"},
    }
    with faulty.connd(workdir, sections) as connd:
        faulty.fault = error_500
        connd.wait_for(lambda s: s["state"] == "offline", "it is offline")
        assert connd.connection("db")["password"] == MARKER
        connd.wait_for(lambda s: s["state"] == "expired", "it is expired")
        for key in ("db", "nope"):
            with pytest.raises(VarlinkError) as caught:
                connd.connection(key)
            assert caught.value.name == "io.connd.secrets.Expired"
            assert caught.value.parameters["reason"]
        faulty.fault = None
        connd.wait_for(lambda s: s["state"] == "fresh", "it recovers", 60)
        assert connd.connection("db")["password"] == MARKER


def test_a_refused_token_has_its_own_shorter_window(workdir: Path, faulty: FaultyManager) -> None:
    sections = {"freshness": {"max_stale_unauthorized": "2s"}}
    with faulty.connd(workdir, sections) as connd:
        faulty.fault = error_401
        connd.wait_for(lambda s: s["state"] == "expired", "it is expired")
        with pytest.raises(VarlinkError, match="Expired"):
            connd.connection("db")
        faulty.fault = None
        connd.wait_for(lambda s: s["state"] == "fresh", "it recovers", 60)


def test_retry_after_is_a_floor(workdir: Path, faulty: FaultyManager) -> None:
    with faulty.connd(workdir) as connd:
        faulty.fault = lambda x: x.reply("{}", 503, Retry_After="30")
        connd.wait_for(lambda s: s.get("last_error"), "the fault is noticed")
        status = connd.status()
        assert 25_000 < status["next_sync_ms"] <= 60_000
