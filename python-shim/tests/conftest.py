# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

# Airflow reads both as it is imported, and some tests import it.
_home = tempfile.TemporaryDirectory(prefix="airflow-home-", ignore_cleanup_errors=True)
os.environ["AIRFLOW_HOME"] = _home.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ.pop("CONND_SOCKET", None)
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from fakes import FakeConnd  # noqa: E402

from airflow_connd import _client, backend  # noqa: E402


@pytest.fixture
def fake(tmp_path):
    """Start a scripted server: fake(script, script, ...)."""
    started = []

    def start(*scripts, backlog=64):
        server = FakeConnd(str(tmp_path / f"connd{len(started)}.sock"), scripts, backlog)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(autouse=True)
def _fresh_state():
    """No connections and no logged warnings of another test."""
    backend._said.clear()
    yield
    _client._after_fork()
