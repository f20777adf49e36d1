# SPDX-License-Identifier: Apache-2.0
"""The cost of a request is linear in its bytes: the worst requests that the limits allow, measured
by the CPU time that the manager's loop spends on them. A request is served in one turn, so all
other clients wait for that long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from connd_testing import SANITIZED, Manager
from manager_http import Reply, objects, send

PLACES = 60
MEMBERS = 1000
MIB = 1024 * 1024
# Without sanitizers the worst takes a tenth of a second; a quadratic merge took twelve seconds.
MOST_S = 3.0 if SANITIZED else 0.3


@pytest.fixture
def manager(workdir: Path) -> Any:
    with Manager(workdir, [f"d{i}" for i in range(PLACES)]) as running:
        yield running


def loop_s(manager: Manager) -> float:
    assert manager.program
    pid = manager.program.pid
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


def cheap(manager: Manager, method: str, path: str, body: str = "") -> Reply:
    assert len(body) <= MIB
    before = loop_s(manager)
    path = path if path.startswith("/v1/") else objects(manager) + path
    reply = send(manager, method, path, body.encode() or None)
    cost = loop_s(manager) - before
    assert cost < MOST_S, f"{method} {path[:60]} {body[:60]}: {cost:.2f} s"
    return reply


def extra(value: int) -> str:
    """Every name has an escape, so names cannot be compared by their bytes."""
    members = (f'"\\u006b{i:03}":{value}' for i in range(MEMBERS))
    return f'{{"type":"t","extra":{{{",".join(members)}}}}}'


def entry(place: str, value: int) -> str:
    overrides = f'{{"connection":{extra(value)}}}'
    return f'{{"scope":"DEPLOYMENT","scopeEntityId":"{place}","overrides":{overrides}}}'


def typed(value: int, places: list[str]) -> str:
    links = ",".join(entry(place, value) for place in places)
    return f'"connection":{extra(value)},"links":[{links}]'


def head(manager: Manager, key: str) -> str:
    return (
        f'"objectKey":"{key}","objectType":"CONNECTION","scope":"WORKSPACE",'
        f'"scopeEntityId":"{manager.workspace}"'
    )


def test_writes_and_reads_of_a_wide_object_are_cheap(manager: Manager) -> None:
    """Sixty links with a thousand members each, merged with as many that are stored."""
    places = list(manager.deployment_ids.values())
    made = cheap(manager, "POST", "", f"{{{head(manager, 'k')},{typed(1, places)}}}")
    path = f"/{made.body['id']}"
    for value in (2, 3):
        assert cheap(manager, "POST", path, f"{{{typed(value, places)}}}").status == 200
    unset = ",".join(f'"extra.\\u006b{i:03}"' for i in range(MEMBERS - 1))
    links = ",".join(
        f'{{"scope":"DEPLOYMENT","scopeEntityId":"{place}","unsetFields":[{unset}]}}'
        for place in places[:50]
    )
    body = f'{{"connection":{{"type":"t"}},"links":[{links}]}}'
    assert cheap(manager, "POST", path, body).status == 200
    assert cheap(manager, "POST", f"{path}/restore", '{"version":1}').status == 200
    for view in (path, f"{path}/history", "?showSecrets=true"):
        assert cheap(manager, "GET", view).status == 200
    assert cheap(manager, "DELETE", path).status == 204


def test_views_of_wide_objects_are_cheap(manager: Manager) -> None:
    place = manager.deployment_ids["d0"]
    for n in range(20):
        body = f"{{{head(manager, f'k{n}')},{typed(n, [place])}}}"
        assert send(manager, "POST", objects(manager), body.encode()).status == 200
    for more in ("", "&showSecrets=true"):
        page = cheap(manager, "GET", f"?deploymentId={place}&resolveLinked=true{more}")
        assert page.body["totalCount"] == 20


def numbered(pattern: str) -> str:
    n = (MIB - 300) // (len(pattern % 0) + 1)
    return ",".join(pattern % i for i in range(n))


@pytest.mark.parametrize(
    "filled",
    [
        f'"links":[{numbered("{}%.0s")}]',
        '"links":[' + numbered('{"scope":"DEPLOYMENT","scopeEntityId":"c%024d"}') + "]",
        '"excludeLinks":[' + numbered('{"scope":"DEPLOYMENT","scopeEntityId":"c%024d"}') + "]",
        numbered('"m%06d":1'),
        numbered('"\\u006d%06d":1'),
        numbered('"connectio%06d":1'),
        numbered('"m%.0s":1'),
        '"x":[' + numbered("[[[[[[[[[[[[[[[[[[[[[[[[[%.0s]]]]]]]]]]]]]]]]]]]]]]]]]") + "]",
        '"connection":{"type":"t","password":"' + "\\u0061" * 170_000 + '"}',
    ],
    ids=[
        "empty links", "links", "exclusions", "unknown members", "escaped members", "near members",
        "one member", "nested", "escapes",
    ],
)  # fmt: skip
def test_a_body_full_of_one_thing_is_cheap(manager: Manager, filled: str) -> None:
    assert cheap(manager, "POST", "", f"{{{head(manager, 'k')},{filled}}}").status in (200, 400)


def test_a_place_with_names_near_to_known_ones_is_cheap(manager: Manager) -> None:
    filled = numbered('"isCicdEnforc%05d":1')
    path = f"/v1/organizations/{manager.organization}/deployments"
    body = json.dumps({"name": "n", "workspaceId": manager.workspace})
    reply = cheap(manager, "POST", path, f"{body[:-1]},{filled}}}")
    assert reply.status == 200 and "more" in reply.headers["warning"]
