# SPDX-License-Identifier: Apache-2.0
"""Everything that can be written can be listed; refusals state the right reason."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from connd_testing import Manager, link
from manager_http import objects, send

MIB = 1024 * 1024
LINKS = 8


@pytest.fixture
def manager(workdir: Path) -> Any:
    with Manager(workdir, [f"d{i}" for i in range(LINKS)]) as running:
        yield running


def post(manager: Manager, path: str, body: Any) -> Any:
    return send(manager, "POST", f"{objects(manager)}{path}", body)


def test_overrides_of_one_object_are_bounded_together_and_listed_up_to_there(
    manager: Manager,
) -> None:
    """Many updates together exceed the limit of one body; the last one is refused."""
    places = list(manager.deployment_ids.values())
    for key in ("a", "z"):
        manager.create_connection(key, host=key)
    object_id = manager.create_connection("wide", host="h")
    large = {"password": "x" * (400 * 1024)}
    for n in range(1, LINKS):
        links = [link(place) for place in places[: n - 1]] + [link(places[n - 1], connection=large)]
        reply = post(manager, f"/{object_id}", {"connection": {"type": "t"}, "links": links})
        if reply.status != 200:
            break
    else:
        pytest.fail("there is no end of overrides")
    assert n == 6
    reply.error(413, "links", "overrides", "2 MiB")
    got = manager.api("GET", f"/{object_id}")
    assert len(got["links"]) == n - 1
    rows = manager.api("GET", "?showSecrets=true")["environmentObjects"]
    assert [row["objectKey"] for row in rows] == ["a", "wide", "z"]
    shown = [len(one["connectionOverrides"]["password"]) for one in rows[1]["links"]]
    assert shown == [400 * 1024] * 5
    # An earlier version can be restored.
    manager.update(object_id, connection={"type": "t"})
    assert len(manager.api("POST", f"/{object_id}/restore", {"version": n})["links"]) == n - 1


def test_names_fill_a_row_most_and_the_row_is_listed(manager: Manager) -> None:
    """Names of members are repeated in setFields, so many short values make the largest row."""
    object_id = manager.create_connection("wide")
    places = list(manager.deployment_ids.values())
    names = {f"{i:03}{'n' * 990}": 1 for i in range(1000)}
    for n in range(1, 3):
        links = [link(place) for place in places[: n - 1]]
        links.append(link(places[n - 1], connection={"extra": names}))
        manager.update(object_id, connection={"type": "t"}, links=links)
    (row,) = manager.api("GET", "?showSecrets=true")["environmentObjects"]
    assert [len(one["setFields"]) for one in row["links"]] == [1000] * 2
    assert len(json.dumps(row)) > 3.5 * MIB


def test_many_changed_names_are_counted_and_the_write_stands(manager: Manager) -> None:
    places = list(manager.deployment_ids.values())
    extra = {f"member{i:03}": i for i in range(1000)}
    object_id = manager.create_connection(
        "c", links=[link(place, connection={"extra": extra}) for place in places]
    )
    path = f"{objects(manager)}/{object_id}/history"
    (change,) = send(manager, "GET", path).body["history"]
    *named, more = change["fields"]
    assert named[0] == "type" and f"links.{min(places)}" in named
    assert more == f"and {1 + LINKS * 1001 - len(named)} more"
    assert len(json.dumps(change)) < 32 * 1024


def test_a_long_history_comes_page_by_page(manager: Manager) -> None:
    """A large page ends early; the next page begins after its rows."""
    extra = {f"{i:03}{'n' * 50}": i for i in range(1000)}
    object_id = manager.create_connection("c", extra=extra)
    for n in range(300):
        manager.update(object_id, connection={"type": "t", "extra": dict.fromkeys(extra, n)})
    path = f"{objects(manager)}/{object_id}/history?limit=1000"
    seen, pages = [], 0
    while True:
        page = send(manager, "GET", f"{path}&offset={len(seen)}").body
        assert page["totalCount"] == 301
        seen += [row["version"] for row in page["history"]]
        pages += 1
        if len(seen) == 301:
            break
        assert page["history"]
    assert seen == list(range(301, 0, -1)) and pages > 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b"{", "is not valid JSON at byte 1"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nests deeper than 32 levels at byte 160"),
        (b'{"a": "\xff"}', "is not valid JSON at byte 7"),
        (b"[]", "must be a JSON object"),
    ],
)
def test_refusal_of_a_body_says_why(manager: Manager, body: bytes, words: str) -> None:
    reply = send(manager, "POST", objects(manager), body)
    reply.field_error("body")
    reply.error(400, words)


def test_a_map_that_grows_too_wide_is_named(manager: Manager) -> None:
    place = manager.deployment_ids["d0"]
    full = {f"a{i}": 1 for i in range(1000)}
    object_id = manager.create_connection(
        "c", extra=full, links=[link(place, connection={"extra": full})]
    )
    before = manager.api("GET", f"/{object_id}")
    more = {"type": "t", "extra": {"b": 1}}
    reply = post(manager, f"/{object_id}", {"connection": more})
    reply.error(413, "connection and what is stored", "1000 members")
    reply = post(
        manager, f"/{object_id}",
        {"connection": {"type": "t"}, "links": [link(place, connection={"extra": {"b": 1}})]},
    )  # fmt: skip
    reply.error(413, "links[0].overrides and what is stored", "1000 members")
    assert manager.api("GET", f"/{object_id}") == before


TOP = Path(__file__).parents[2]
DOCUMENTED = {
    "docs/deploy.md": [
        "| a key | {LIMIT_KEY} characters |",
        "| one connection or variable | {LIMIT_VALUE} |",
        "| all overrides of one object | {LIMIT_OVERRIDES} |",
        "| {LIMIT_DESCRIPTION}; {LIMIT_PLACE_NAME} characters |",
        "| {LIMIT_MEMBERS} in an object, {LIMIT_MEMBERS} in an override |",
        "| {LIMIT_HTTP_BODY}, {LIMIT_HTTP_HEADERS}, {LIMIT_HTTP_URI} |",
        "| {LIMIT_PAGE_ROWS}; fewer when the page would be over {LIMIT_PAGE_BYTES} |",
        "| {LIMIT_OBJECTS}; {LIMIT_SYNC_BYTES} |",
        "| {LIMIT_FRAME} (`max_frame`); {LIMIT_REPLY} |",
        "| the socket's path | {LIMIT_SOCKET_PATH} bytes |",
        "| an API token | {LIMIT_TOKEN} |",
    ],
    "proto/MANAGER.md": [
        "page of more than {LIMIT_PAGE_BYTES}",
        "longer than {LIMIT_ROW}, or `extra` has more than {LIMIT_ROW_NAMES} members",
        "{LIMIT_OBJECTS} rows and {LIMIT_SYNC_PAGES} pages each; {LIMIT_SYNC_BYTES} for the three",
        "trailers of one response {LIMIT_RESPONSE_HEAD};",
        "incomplete requests ({LIMIT_HTTP_INPUT}) and bytes of responses not yet taken ({LIMIT_HTTP_OUTPUT})",
        "1 to {LIMIT_KEY} characters of Airflow's conn-id set",
        "at most {LIMIT_DESCRIPTION} characters; `extra`, `headers` and `labels` have at most {LIMIT_MEMBERS}",
        "`unsetFields` {LIMIT_UNSET} names; `name` of a place is 1 to {LIMIT_PLACE_NAME}",
        "body is at most {LIMIT_HTTP_BODY} (413 above)",
        "together are at most {LIMIT_OVERRIDES}",
        "target is at most {LIMIT_HTTP_URI} (414), its header {LIMIT_HTTP_HEADERS} and {LIMIT_HTTP_FIELDS}",
        "nests {LIMIT_JSON_DEPTH} levels",
    ],
}


def limits_of_the_code() -> dict[str, int]:
    text = (TOP / "daemon/base/limits.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text.replace("\\\n", " "), flags=re.DOTALL)
    known: dict[str, int] = {}
    for name, value in re.findall(r"^#define (LIMIT_\w+)\s+(.+)$", text, re.MULTILINE):
        known[name] = eval(value, {}, known)  # sums and products of numbers
    return known


def written(value: int) -> str:
    for unit, name in ((MIB, "MiB"), (1024, "KiB")):
        if value >= unit and value % unit == 0:
            return f"{value // unit} {name}"
    return str(value)


@pytest.mark.parametrize("document", DOCUMENTED)
def test_documents_state_the_limits_of_the_code(document: str) -> None:
    known = {name: written(value) for name, value in limits_of_the_code().items()}
    text = re.sub(r"(?<=\d)[, ](?=\d{3}\b)", "", (TOP / document).read_text())
    text = re.sub(r"\s+", " ", text)
    for sentence in DOCUMENTED[document]:
        assert sentence.format(**known) in text, sentence
