# SPDX-License-Identifier: Apache-2.0
"""The class inside a real Airflow, whichever is installed. Fresh interpreters: order counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import answers

from airflow_connd import __version__

pytest.importorskip("airflow", reason="no Airflow in this interpreter")

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
STORE = {"conn:warehouse": '{"conn_type":"postgres","host":"db","port":5432}', "var:v": "1"}


def airflow_version():
    from importlib.metadata import version

    return tuple(int(part) for part in version("apache-airflow").split("."))


CAN_DENY = airflow_version() >= (3, 2, 2)


@pytest.fixture
def run(fake, tmp_path):
    server = fake(answers(STORE))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__SECRETS__BACKEND": "airflow_connd.ConndBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": f'{{"socket_path": "{server.path}"}}',
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": SOURCE,
        "PYTHONWARNINGS": "ignore",
    }

    def python(code, **more):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    python.server = server
    return python


ORDERS = {
    "the class first": "from airflow_connd import ConndBackend",
    "the package first": "import airflow_connd; ConndBackend = airflow_connd.ConndBackend",
    "airflow first": "import airflow; from airflow_connd import ConndBackend",
    "getimport": (
        "from airflow.configuration import conf\n"
        "ConndBackend = conf.getimport('secrets', 'backend')"
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_one_class_whatever_is_imported_first(run, order):
    run(
        ORDERS[order] + "\n"
        "import copy, pickle, airflow_connd\n"
        "from airflow.configuration import conf, secrets_backend_list\n"
        "from airflow.secrets.base_secrets import BaseSecretsBackend\n"
        "assert conf.getimport('secrets', 'backend') is ConndBackend\n"
        "assert airflow_connd.ConndBackend is ConndBackend\n"
        "assert type(secrets_backend_list[0]) is ConndBackend\n"
        "assert issubclass(ConndBackend, BaseSecretsBackend)\n"
        "assert (ConndBackend.__module__, ConndBackend.__qualname__)"
        " == ('airflow_connd', 'ConndBackend')\n"
        "b = ConndBackend(connections_prefix='x', timeout='2')\n"
        "for c in (pickle.loads(pickle.dumps(b)), copy.deepcopy(b)):\n"
        "    assert type(c) is ConndBackend and c._kwargs == b._kwargs\n"
        "    assert vars(c) == vars(b)\n"
        "b = pickle.loads(pickle.dumps(secrets_backend_list[0]))\n"
        "assert b.get_connection('warehouse').port == 5432\n"
    )


def test_threads_that_build_it_at_once_get_one_class(run):
    run(
        "import threading, airflow_connd\n"
        "found, gate = [], threading.Barrier(8)\n"
        "def build():\n"
        "    gate.wait()\n"
        "    found.append(airflow_connd.ConndBackend)\n"
        "threads = [threading.Thread(target=build) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join(50) for t in threads]\n"
        "assert len(found) == 8 and len(set(found)) == 1\n"
    )


def test_through_airflow(run):
    run(
        "from airflow.configuration import secrets_backend_list as backends\n"
        "from airflow.models import Connection, Variable\n"
        "c = Connection.get_connection_from_secrets('warehouse')\n"
        "assert (c.conn_id, c.conn_type, c.host, c.port) == ('warehouse', 'postgres', 'db', 5432)\n"
        "assert Variable.get_variable_from_secrets('v') == '1'\n"
        "import asyncio\n"
        "c = asyncio.run(backends[0].aget_connection('warehouse'))\n"
        "assert (c.conn_id, c.host, c.port) == ('warehouse', 'db', 5432)\n"
    )
    assert len(run.server.requests) == 3
    assert run.server.accepted == 2


DENIED = (
    "import logging, pickle, airflow\n"
    "from airflow_connd import ConndBackend, errors\n"
    "lines = []\n"
    "class Keep(logging.Handler):\n"
    "    def emit(self, record): lines.append((record.levelname, record.getMessage()))\n"
    "logging.getLogger('airflow_connd').addHandler(Keep())\n"
    "b = ConndBackend(socket_path='/nobody/there', on_error='deny', on_missing='deny')\n"
    "caught = []\n"
    "for _ in range(3):\n"
    "    try: b.get_conn_value('x')\n"
    "    except errors.Denied as error: caught.append(error)\n"
    "assert len(caught) == 3 and all(isinstance(e, PermissionError) for e in caught)\n"
    "again = pickle.loads(pickle.dumps(caught[0]))\n"
    "assert type(again) is type(caught[0]) and str(again) == str(caught[0])\n"
    "assert type(again).__module__ == 'airflow_connd.errors'\n"
    "assert 'No such file' in str(again)\n"
)


@pytest.mark.skipif(not CAN_DENY, reason="this Airflow cannot fail closed")
def test_denial_is_airflows_own(run):
    run(
        DENIED + "from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied\n"
        "assert isinstance(again, AirflowSecretsBackendAccessDenied)\n"
        "assert [l for l, _ in lines] == ['WARNING'] * 3, lines\n"
    )


@pytest.mark.skipif(CAN_DENY, reason="this Airflow can fail closed")
def test_older_airflow_is_said_to_be_unable_to_deny(run):
    run(
        DENIED + "assert [l for l, _ in lines] == ['WARNING'] * 4, lines\n"
        "assert 'cannot fail closed' in lines[0][1], lines\n"
    )


def test_airflow_lists_the_provider(run):
    """`airflow providers list` and `airflow providers secrets`, in one start."""
    out = run(
        "import sys\n"
        "from airflow.__main__ import main\n"
        "for what in ('list', 'secrets'):\n"
        "    sys.argv = ['airflow', 'providers', what]\n"
        "    main()\n"
    )
    lines = [line.replace("|", " ").split() for line in out.splitlines()]
    assert any(w and w[0] == "airflow-provider-connd" and w[-1] == __version__ for w in lines)
    assert ["airflow_connd.ConndBackend"] in lines
