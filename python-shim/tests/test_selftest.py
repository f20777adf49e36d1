# SPDX-License-Identifier: Apache-2.0
"""The self-test without Airflow. In real broken set-ups: tests/airflow/test_selftest.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from fakes import NUL

from airflow_connd import __version__, errors
from airflow_connd.selftest import conn_types, connd_side, listing
from airflow_connd.selftest.report import Report

SCHEMA = Path(__file__).resolve().parents[2] / "docs/schemas/connctl/doctor.schema.json"
SOURCE = str(Path(__file__).resolve().parents[1] / "src")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "airflow_connd", *arguments],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(find_spec("airflow") is not None, reason="this Python has Airflow")
def test_python_without_airflow():
    jsonschema = pytest.importorskip("jsonschema")
    done = run("--json")
    report = json.loads(done.stdout)
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert done.stdout == run("doctor", "--json").stdout
    assert done.returncode == report["exit_code"] == 1
    assert report["cause"] == "airflow"
    failed = next(one for one in report["checks"] if one["verdict"] == "failed")
    assert "has no apache-airflow" in failed["found"] and "worker's Python" in failed["do"]


def test_usage():
    done = run("--help")
    assert done.returncode == 0 and "exit codes:" in done.stdout and not done.stderr
    done = run("--version")
    assert done.returncode == 0 and __version__ in done.stdout
    done = run("one", "two")
    assert done.returncode == 2 and not done.stdout and "unrecognized" in done.stderr


def test_report_names_the_first_failure_as_the_cause():
    report = Report()
    report.ok("one", "fine")
    report.warn("two", "odd", "look")
    assert report.exit_code == 0 and report.cause is None
    assert report.as_text().endswith("A task that runs here gets its connections from connd.\n")
    report.fail("three", "broken", "mend it", 3)
    report.fail("four", "too", "", 1)
    assert report.exit_code == 3
    lines = report.as_text().splitlines()
    assert lines[-1] == "cause: three: broken"
    shown = [line.split()[0] for line in lines[:-1]]
    assert shown == ["ok", "warning", "->", "failed", "->", "failed"]


def test_list_of_keys_that_comes_in_several_frames(fake):
    frames = [
        {"parameters": {"connections": ["a", "b"]}, "continues": True},
        {"parameters": {"connections": ["c"], "variables": None}, "continues": True},
        {"parameters": {"variables": ["v", 7]}},
    ]

    def script(peer):
        peer.request()
        whole = b"".join(json.dumps(frame).encode() + NUL for frame in frames)
        for start in range(0, len(whole), 7):
            peer.send(whole[start : start + 7])

    assert listing.list_keys(fake(script).path, 5) == (["a", "b", "c"], ["v"])


def test_list_that_is_refused_or_cut(fake):
    def refused(peer):
        peer.request()
        peer.send(b'{"error":"io.connd.secrets.NotReady"}\0')

    with pytest.raises(errors.ProtocolError, match="NotReady"):
        listing.list_keys(fake(refused).path, 5)
    with pytest.raises(errors.Unreachable):
        listing.list_keys(fake(lambda peer: peer.request()).path, 5)


def test_socket_of_a_group_that_the_user_is_in(tmp_path, monkeypatch):
    """Root may open every socket, so the kernel's refusal is simulated."""
    path = tmp_path / "connd.sock"
    path.touch()
    path.chmod(0o660)
    refused = PermissionError(13, "Permission denied")
    monkeypatch.setattr(connd_side, "group_ids", lambda: set())
    monkeypatch.setattr(connd_side, "_is_member", lambda gid: True)
    assert (
        "since this process was started: restart it" in connd_side._refusal(str(path), refused)[1]
    )
    monkeypatch.setattr(connd_side, "_is_member", lambda gid: False)
    assert "usermod -aG" in connd_side._refusal(str(path), refused)[1]
    path.chmod(0o600)
    assert "[socket] mode" in connd_side._refusal(str(path), refused)[1]


def test_every_connection_type_has_one_package():
    assert conn_types.PACKAGES["postgres"] == "apache-airflow-providers-postgres"
    assert conn_types.PACKAGES["google_cloud_platform"] == "apache-airflow-providers-google"
    count = sum(len(line.split()) - 1 for line in conn_types._TYPES_OF.strip().splitlines())
    assert len(conn_types.PACKAGES) == count
