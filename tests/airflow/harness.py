# SPDX-License-Identifier: Apache-2.0
"""An Airflow under test, an interpreter to ask in, and connd's record of who asked it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from connd_testing import eventually

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
VERSION = tuple(int(part) for part in version("apache-airflow").split("."))
CAN_DENY = VERSION >= (3, 2, 2)
FRESH_ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("AIRFLOW", "_AIRFLOW", "CONND", "PROBE"))
}

WAREHOUSE = {
    "conn_type": "postgres",
    "host": "warehouse.example.com",
    "login": "etl",
    "password": "pa/ss:w@rd%&?#\"'",
    "schema": "analytics",
    "port": 5432,
    "extra": {"sslmode": "require", "nested": {"list": ["a", "b"]}},
}
TWIN = "postgres://twin:twin-password@twin.example.com:1/"
"""What the environment says the same connection is; connd comes first."""


class Record:
    """What connd wrote about who asked it, from now on."""

    def __init__(self, connd):
        self.connd = connd
        self.start = len(self._all())

    def _all(self):
        return [event for event in self.connd.events() if "verdict" in event]

    def asked(self, **wanted):
        """Each answered lookup whose fields are as wanted."""
        return [
            event
            for event in self._all()[self.start :]
            if all(event[name] == value for name, value in wanted.items())
        ]

    def keys(self, **wanted):
        return Counter(event["key"] for event in self.asked(**wanted))


class Airflow:
    """An AIRFLOW_HOME, and commands run in it."""

    def __init__(self, home, socket):
        self.home = home
        self.out = home / "probe"
        self.out.mkdir(parents=True)
        self.built_path = home / "built"
        self.environment = {
            **FRESH_ENVIRONMENT,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__SECRETS__BACKEND": "airflow_connd.ConndBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"socket_path": str(socket)}),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PROBE_BUILT": str(self.built_path),
            "PROBE_OUT": str(self.out),
            "PYTHONPATH": str(HERE / "modules"),
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }

    def backend(self, **kwargs):
        """The environment that gives the backend these arguments too."""
        given = json.loads(self.environment["AIRFLOW__SECRETS__BACKEND_KWARGS"])
        return {"AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({**given, **kwargs})}

    def run(self, *arguments, **environment):
        """An `airflow` command; its result. Asserts nothing."""
        self.built_path.unlink(missing_ok=True)
        for path in self.out.iterdir():
            path.unlink()
        return subprocess.run(
            [BIN / "airflow", *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def built(self):
        """How many backends each process of the last command built."""
        return Counter(self.built_path.read_text().split()) if self.built_path.exists() else {}

    def told(self, name):
        """What the probing DAGs left under this name."""
        return [json.loads(p.read_text()) for p in sorted(self.out.glob(f"{name}.*.json"))]


class Worker:
    """worker.py in an interpreter of its own."""

    def __init__(self, home, **environment):
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 closed in close()
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py"],
            env={**home.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
        )

    @property
    def pid(self):
        return self.process.pid

    def ask(self, what, argument):
        """The whole answer: result, error, log."""
        self.process.stdin.write(json.dumps({"do": what, "with": argument}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.stderr.seek(0)
            raise AssertionError(self.stderr.read().decode(errors="replace")[-4000:])
        return json.loads(line)

    def result(self, what, argument):
        answer = self.ask(what, argument)
        assert answer["error"] is None, answer
        return answer["result"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.stderr.close()


def warnings_of(answer):
    """The shim's own lines in a worker's answer."""
    return [text for logger, level, text in answer["log"] if logger == "airflow_connd"]


def wait_for_key(connd, key, kind="connections"):
    """Until connd has it."""

    def there():
        with connd.client() as client:
            return key in client.call("io.connd.secrets.List")[kind]

    eventually(there, f"connd lists {key}")
