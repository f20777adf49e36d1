# SPDX-License-Identifier: Apache-2.0
"""/metrics: the format is strict; names and types are those in connd(8); lookups are counted by
result and timed. The listener responds even while other clients hold its connections."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import (
    PATIENCE,
    REPO,
    Connd,
    Manager,
    VarlinkError,
    eventually,
    limited_files,
)

LISTEN = {"metrics": {"listen": "127.0.0.1:0"}}
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? ([0-9.]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "stateset": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum"),
}


def port_of(connd: Connd) -> int:
    return int([e for e in connd.events() if e["event"] == "metrics"][-1]["port"])


def fetch(connd: Connd, path: str = "/metrics", timeout: float = PATIENCE) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(connd), timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> tuple[dict[str, str], Samples]:
    """The families with their types, and the samples. Raises an error for any malformed line."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""]
    types: dict[str, str] = {}
    samples: Samples = {}
    family = ""
    for line in lines[:-2]:
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            assert word in ("TYPE", "HELP", "UNIT") and rest
            if word == "TYPE":
                assert name not in types, f"{name} twice"
                types[name] = rest
            else:
                assert name == family
            family = name
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, labels, value = match.groups()
        assert name in {family + suffix for suffix in SUFFIXES[types[family]]}, line
        key = (name, tuple(sorted(LABEL.findall(labels or ""))))
        assert key not in samples, f"{key} twice"
        samples[key] = float(value)
    return types, samples


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("db", prod, host="h", password="tell-nobody")
    manager.create_variable("v", "1", prod)
    with manager.connd(sections=LISTEN) as running:
        yield running


def test_names_and_types_are_those_of_the_manual(connd: Connd) -> None:
    types, samples = parse(fetch(connd)[1])
    page = (REPO / "conf/man/connd.8").read_text()
    listed = dict(re.findall(r"^\.It Va (connd[a-z_]*) No \((\w+)\)$", page, re.MULTILINE))
    assert types.items() <= listed.items()
    # Metrics that depend on the configuration may be missing here.
    assert set(listed) - set(types) <= {
        "connd_token_expires_timestamp_seconds",
        "connd_token_family_ends_timestamp_seconds",
        "connd_push_held",
    }
    assert not [key for key in samples if "tell-nobody" in str(key)]


def test_a_snapshot_that_cannot_be_written_is_counted_as_failing(
    manager: Manager, workdir: Path
) -> None:
    key = workdir / "snapshot.key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32))
    place = workdir / "snapshots"
    snapshot = {"snapshot": {"path": str(place / "s"), "key_file": str(key)}}
    manager.create_variable("v", "1", manager.deployment_ids["prod"])

    def state(connd: Connd) -> list[str]:
        samples = parse(fetch(connd)[1])[1]
        return [
            dict(labels)["connd_snapshot"]
            for (name, labels), value in samples.items()
            if name == "connd_snapshot" and value == 1
        ]

    with manager.connd(sections={**LISTEN, **snapshot}) as connd:
        status = connd.wait_for(lambda s: s["snapshot"] == "failing", "it is tried")
        assert str(place) in status["snapshot_error"]
        assert state(connd) == ["failing"]
        place.mkdir()
        connd.wait_for(lambda s: s["snapshot"] == "current", "it is tried again", 60)
        assert state(connd) == ["current"]


def test_lookups_are_counted_by_kind_and_result(connd: Connd) -> None:
    _, before = parse(fetch(connd)[1])
    with connd.client() as client:
        for _ in range(3):
            client.connection("db")
        client.variable("v")
        for _ in range(2):
            with pytest.raises(VarlinkError):
                client.variable("none")
        client.status()  # not a lookup
    _, after = parse(fetch(connd)[1])
    grown = {key: n - before[key] for key, n in after.items() if key[0] == "connd_lookups_total"}
    assert {key[1]: n for key, n in grown.items() if n} == {
        (("kind", "connection"), ("result", "value")): 3,
        (("kind", "variable"), ("result", "value")): 1,
        (("kind", "variable"), ("result", "not-found")): 2,
    }
    assert len(grown) == 16, "every combination is there from the start"


def test_lookups_are_timed(connd: Connd) -> None:
    with connd.client() as client:
        for _ in range(100):
            client.variable("v")
    _, samples = parse(fetch(connd)[1])
    buckets = [
        (float(dict(labels)["le"].replace("+Inf", "inf")), n)
        for (name, labels), n in samples.items()
        if name == "connd_lookup_duration_seconds_bucket"
    ]
    assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
    counts = [n for _, n in buckets]
    assert counts == sorted(counts)
    assert counts[-1] == value(samples, "connd_lookup_duration_seconds_count") == 100
    assert 0 < value(samples, "connd_lookup_duration_seconds_sum") < 100 * PATIENCE


def test_label_values_are_escaped(workdir: Path) -> None:
    """connd accepts any text as an id; none of its characters may break a line."""
    with Manager(workdir) as manager:
        connd = manager.connd(sections=LISTEN)
        connd.sections["manager"]["deployment"] = 'a"b\\c'
        connd.write_config()
        connd.start("listening")
        _, samples = parse(fetch(connd)[1])
        assert value(samples, "connd_ready") == 0
        info = next(labels for name, labels in samples if name == "connd_info")
        assert dict(info)["deployment"] == 'a\\"b\\\\c'
        connd.stop()


def test_silent_connections_keep_nobody_from_a_probe(connd: Connd) -> None:
    """Any local user may connect to the port: many silent connections affect neither probes nor
    lookups."""
    where = ("127.0.0.1", port_of(connd))
    with limited_files(2000):
        silent = [socket.create_connection(where, timeout=PATIENCE) for _ in range(500)]
        try:
            for path in ("/healthz", "/readyz", "/metrics"):
                assert fetch(connd, path)[0] == 200
            assert connd.variable("v") == "1"
            held = len(os.listdir(f"/proc/{connd.running.pid}/fd"))
            assert held < 100, f"{held} descriptors"
        finally:
            for one in silent:
                one.close()


def test_a_request_that_never_ends_is_closed(connd: Connd) -> None:
    with socket.create_connection(("127.0.0.1", port_of(connd)), timeout=PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        assert client.recv(1) == b""
    eventually(lambda: fetch(connd, "/healthz")[0] == 200, "it goes on")
