# SPDX-License-Identifier: Apache-2.0
"""What goes in through the manager's API comes out of Airflow's Connection, field by field."""

from __future__ import annotations

import itertools
import os
import string

import pytest
from harness import VERSION, wait_for_key
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FIDELITY_EXAMPLES", "12"))
BATCH = 25
TEXTS = ("host", "login", "password", "schema")
WAYS = ["core"] if VERSION < (3,) else ["core", "sdk"]

text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40)
AWKWARD = "/@:%+&?#\"'\\{}[]=;,.$`~^|<> \t\n\r\x01\x1b\x7fäß☃😀aA0"
awkward = st.text(st.sampled_from(AWKWARD), max_size=30)
any_text = text | awkward
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
extra = st.dictionaries(
    any_text.filter(len),
    st.recursive(
        st.none() | st.booleans() | numbers | any_text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)
connection = st.fixed_dictionaries(
    {"type": st.text(string.ascii_lowercase + "_", min_size=1, max_size=20)},
    optional={
        **{name: any_text for name in TEXTS},
        "description": any_text,
        "port": st.integers(1, 65535),
        "extra": extra,
    },
)
id_tail = st.text(string.ascii_letters + string.digits + "_#!()-.:/\\", max_size=60)

KEY = "-----BEGIN KEY-----\n" + ("MIIEvQIBADANBgkqhkiG9w0BAQEF\n" * 2300) + "-----END KEY-----\n"
EDGES = {
    "edge.nothing": {"type": "http"},
    "edge-everything": {
        "type": "postgres",
        "description": "d" * 500,
        "host": "Host.EXAMPLE.com",
        "login": "user@domain",
        "password": "p@ss/w:o%r+d&?#\"'\\",
        "schema": "a/b?c#d",
        "port": 65535,
        "extra": {"a": {"b": [1, {"c": None}]}, "empty": {}, "list": [], "": "no name"},
    },
    "edge/port/1": {"type": "a-b", "port": 1},
    "edge:other-names": {"type": "postgresql", "host": "https://h/p?q=1"},
    "edge#upper": {"type": "UPPER", "host": "[::1]"},
    "edge(empty-strings)": {"type": "x", "host": "", "login": "", "schema": "", "password": ""},
    "edge!key-in-extra": {"type": "ssh", "extra": {"private_key": KEY}},
    "edge_key-as-password": {"type": "ssh", "password": KEY},
    "edge.integers": {
        "type": "x",
        "extra": {"max": 2**63 - 1, "min": -(2**63), "js": 2**53 + 1, "zero": 0, "float": 0.1},
    },
    "edge.controls": {"type": "x", "password": "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028"},
    "edge.spaces": {"type": "x", "login": " in front", "password": "behind \n", "schema": " "},
    "edge.extra-extra": {"type": "x", "extra": {"__extra__": "x", "conn_type": "y", "uri": "z"}},
    "edge.surrogate-pair": {"type": "x", "password": "😀🜁", "extra": {"😀": "🜁"}},
    "edge." + "l" * 245: {"type": "x", "host": "long-id"},
}

key_numbers = itertools.count()


def expected(conn_id, given_fields):
    """The fields as Airflow has them: it changes some types, and an empty password."""
    fields = {name: given_fields.get(name) for name in (*TEXTS, "description", "port")}
    conn_type = given_fields["type"]
    fields["conn_type"] = {"postgresql": "postgres"}.get(conn_type, conn_type.replace("-", "_"))
    fields["password"] = fields["password"] or None
    fields["conn_id"] = conn_id
    fields["extra"] = given_fields.get("extra", {})
    return fields


def put(manager, connd, connections):
    prod = manager.deployment_ids["prod"]
    for key, fields in connections.items():
        manager.create_connection(key, prod, **fields)
    wait_for_key(connd, key)


def check(long_worker, connections):
    for way in WAYS:
        for key, fields in connections.items():
            got = long_worker.result(way, key)
            del got["pid"]
            assert got == expected(key, fields), way


@pytest.fixture(scope="module")
def edges(manager, connd):
    put(manager, connd, EDGES)


@pytest.mark.parametrize("key", EDGES, ids=lambda key: key[:24])
def test_edges(edges, long_worker, key):
    check(long_worker, {key: EDGES[key]})


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # each try costs a refresh: no time to shrink a failure
    derandomize="FIDELITY_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(batch=st.lists(st.tuples(id_tail, connection), min_size=BATCH, max_size=BATCH))
def test_any_connection(manager, connd, long_worker, batch):
    connections = {f"c{next(key_numbers)}{tail}": fields for tail, fields in batch}
    put(manager, connd, connections)
    check(long_worker, connections)


@settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    derandomize="FIDELITY_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(values=st.lists(any_text, min_size=BATCH, max_size=BATCH))
def test_any_variable(manager, connd, long_worker, values):
    prod = manager.deployment_ids["prod"]
    variables = {f"v{next(key_numbers)}": value for value in values}
    for key, value in variables.items():
        manager.create_variable(key, value, prod, secret=len(value) % 2 == 1)
    wait_for_key(connd, key, "variables")
    for key, value in variables.items():
        assert long_worker.result("variable", key) == value
