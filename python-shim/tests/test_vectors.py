# SPDX-License-Identifier: Apache-2.0
"""The golden messages of proto/vectors, which the C tests read too (proto/README.md, "Vectors")."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fakes import parse

from airflow_connd import _wire, errors

SOURCE = Path(os.environ.get("CONND_SRC") or Path(__file__).parents[2])
METHODS = {"GetConnection": _wire.GET_CONNECTION, "GetVariable": _wire.GET_VARIABLE}
ERRORS = {
    "not_found": errors.NotFound,
    "not_ready": errors.NotReady,
    "expired": errors.Expired,
    "withheld": errors.Withheld,
    "invalid": errors.Invalid,
    "overloaded": errors.Overloaded,
    "denied": errors.Denied,
}
CONNECTION_FIELDS = [
    "conn_type",
    "description",
    "host",
    "login",
    "password",
    "schema",
    "port",
    "extra",
]


def vectors(name):
    cases = json.loads((SOURCE / "proto" / "vectors" / name).read_text("utf-8"))["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


def frame(text):
    return text.encode("utf-8") + b"\0"


@pytest.mark.parametrize("case", [p for p in vectors("calls.json") if p.values[0].get("python")])
def test_request_is_encoded_byte_for_byte(case):
    request = METHODS[case["method"]].request(case["key"], case.get("team"))
    assert request == frame(case["frame"])


@pytest.mark.parametrize("case", vectors("replies.json"))
def test_reply_is_understood(case):
    answer = parse(frame(case["frame"]))
    if "text" in case:
        assert answer == case["text"]
    else:
        assert type(answer) is ERRORS.get(case.get("answer"), type(answer))
        assert isinstance(answer, errors.ConndError)
        if "answer" not in case and "NotReady" not in case.get("error", ""):
            assert isinstance(answer, errors.ProtocolError)


def good_connections():
    return [
        pytest.param(row["text"], id=f"{p.id}-{row['key']}")
        for p in vectors("pages.json")
        for row in p.values[0].get("rows", [])
        if "text" in row and p.values[0]["type"] == "CONNECTION"
    ]


@pytest.mark.parametrize("text", good_connections())
def test_connection_is_what_airflow_parses(text):
    fields = json.loads(text)
    assert fields["conn_type"]
    assert list(fields) == [name for name in CONNECTION_FIELDS if name in fields]
    assert isinstance(fields.get("extra", {}), dict)
    assert all(isinstance(fields.get(name, ""), str) for name in CONNECTION_FIELDS[:6])
    assert 1 <= fields.get("port", 1) <= 65535
