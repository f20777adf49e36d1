# SPDX-License-Identifier: Apache-2.0
"""Bytes of the protocol, both ways."""

from __future__ import annotations

import json

import pytest
from fakes import error, parse, reply

from airflow_connd import _wire, errors

KEYS = [
    "warehouse",
    "a/b",
    "",
    "café ☃ 😀",
    'q"\\uote',
    "line\nbreak\t\x01\x7f",
    "k" * 300,
    "\ud800",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("team", [None, "", 'te"am'])
def test_request_is_one_compact_frame(key, team):
    frame = _wire.GET_CONNECTION.request(key, team)
    assert frame.endswith(b"\0") and frame.count(b"\0") == 1
    asked = json.loads(frame[:-1])
    parameters = {"conn_id": key, **({"team": team} if team else {})}
    assert asked == {"method": "io.connd.secrets.GetConnection", "parameters": parameters}
    assert frame[:-1].decode() == json.dumps(asked, separators=(",", ":"))


def test_request_bytes():
    assert _wire.GET_CONNECTION.request("x") == (
        b'{"method":"io.connd.secrets.GetConnection","parameters":{"conn_id":"x"}}\0'
    )
    assert _wire.GET_VARIABLE.request("config/x", "t") == (
        b'{"method":"io.connd.secrets.GetVariable","parameters":{"key":"config/x","team":"t"}}\0'
    )


@pytest.mark.parametrize("key", [None, 7, b"bytes", "k" * 70_000])
def test_key_that_nothing_can_have(key):
    with pytest.raises(errors.Invalid):
        _wire.GET_CONNECTION.request(key)


@pytest.mark.parametrize("value", ["", "plain", '{"a":"\\u0001"}', "😀" * 1000, "\n\t\x01", " x "])
def test_value_comes_back_exactly(value):
    assert parse(reply(value)) == value


def test_unknown_members_and_white_space_are_no_matter():
    assert parse(reply("v", added_later={"x": 1})) == "v"
    assert parse(b' { "parameters" : { "value" : "v" } } \n\0') == "v"


@pytest.mark.parametrize(
    ("frame", "kind", "says"),
    [
        (error("NotFound", kind="connection", key="k", state="stale"), errors.NotFound, "stale"),
        (error("NotReady", reason="first sync"), errors.NotReady, "first sync"),
        (error("Expired", age_ms=90000, reason="no route"), errors.Expired, "90 s.*no route"),
        (error("Withheld", fields=["password", "extra.k"]), errors.Withheld, "password, extra.k"),
        (error("Invalid", field="port"), errors.Invalid, "port"),
        (error("Invalid", field="connection"), errors.Invalid, "without a value"),
        (error("Overloaded", retry_ms=250), errors.Overloaded, "0.25 s"),
        (error("org.varlink.service.PermissionDenied"), errors.Denied, "not allow"),
        (error("org.varlink.service.InvalidParameter", parameter="key"), errors.Invalid, "key"),
        (error("org.varlink.service.MethodNotFound"), errors.ProtocolError, "MethodNotFound"),
        (error("NewInALaterVersion"), errors.ProtocolError, "NewInALaterVersion"),
        (error("Expired", age_ms="x", reason=7), errors.Expired, "unknown time"),
        (error("Withheld"), errors.Withheld, "its secrets"),
        (b'{"error":"io.connd.secrets.NotReady"}\0', errors.NotReady, "no reason given"),
        (b'{"error":"io.connd.secrets.NotFound","parameters":null}\0', errors.NotFound, "no such"),
    ],
)
def test_errors(frame, kind, says):
    failure = parse(frame)
    assert type(failure) is kind
    with pytest.raises(kind, match=says):
        raise failure


@pytest.mark.parametrize(
    "frame",
    [
        b"\0",
        b"garbage\0",
        b"<html>\0",
        b"{}\0",
        b"[]\0",
        b"null\0",
        b"5\0",
        b'"text"\0',
        b'["parameters"]\0',
        b'{"parameters":{"value":"v"}} {}\0',
        b'{"parameters":{"value":"v"}\0',
        b'{"parameters":{"value":"v"},"continues":true}\0',
        b'{"parameters":{"value":7}}\0',
        b'{"parameters":{"value":null}}\0',
        b'{"parameters":null}\0',
        b'{"parameters":[]}\0',
        b'{"parameters":{}}\0',
        b'{"error":7}\0',
        b'{"error":null,"parameters":{"value":"v"}}\0',
        b'{"parameters":{"value":"\xff"}}\0',
        b'{"parameters":{"value":"a\nb"}}\0',
        b"[" * 100_000 + b"\0",
    ],
    ids=range(22),
)
def test_what_is_not_a_response(frame):
    assert type(parse(frame)) is errors.ProtocolError


def test_trace_is_a_header_member():
    assert _wire.GET_CONNECTION.request("x", "t", "0a1b-7") == (
        b'{"method":"io.connd.secrets.GetConnection","parameters":{"conn_id":"x","team":"t"},'
        b'"io.connd.trace":"0a1b-7"}\0'
    )


@pytest.mark.parametrize("text", ["[]", "", "postgres://u:hunter2@h/", "\ufeff{}", " {}"])
def test_connection_must_be_an_object(text):
    failure = parse(reply(text), True)
    assert type(failure) is errors.Invalid and "hunter2" not in repr(failure)
    assert parse(reply(text)) == text
    assert parse(reply("{}"), True) == "{}"


def test_parameters_of_a_response_without_a_value():
    assert _wire.parameters(b'{"parameters":{"state":"fresh"}}\0') == {"state": "fresh"}
    assert _wire.parameters(b"{}\0") == {}
    for broken in (
        b"\0",
        b"[]\0",
        b"7\0",
        b'{"parameters":7}\0',
        b"\xff\0",
        b"[" * 100_000 + b"\0",
    ):
        with pytest.raises(errors.ProtocolError):
            _wire.parameters(broken)
    with pytest.raises(errors.NotReady, match="first sync"):
        _wire.parameters(error("NotReady", reason="first sync"))


def test_a_failure_holds_nothing_of_the_reply():
    failure = parse(b'{"parameters":{"value":"hunter2"\0')
    assert failure.__context__ is None and failure.__cause__ is None
    assert "hunter2" not in repr(failure)


def test_peer_text_stays_one_short_line():
    text = str(parse(error("NotReady", reason="a\nb\x1b[31m" + "c" * 5000)))
    assert text.isprintable()
    assert len(text) < 400
