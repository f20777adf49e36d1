# SPDX-License-Identifier: Apache-2.0
"""An Airflow under test, an interpreter for lookups, and connd's log of lookups."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from connd_testing import eventually, free_port

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
"""The same connection as the environment has it. connd comes first."""


class Record:
    """connd's log of lookups, from now on."""

    def __init__(self, connd):
        self.connd = connd
        self.start = len(self._all())

    def _all(self):
        return [event for event in self.connd.events() if "verdict" in event]

    def lookups(self, **wanted):
        """The lookups whose fields have these values."""
        return [
            event
            for event in self._all()[self.start :]
            if all(event[name] == value for name, value in wanted.items())
        ]

    def keys(self, **wanted):
        return Counter(event["key"] for event in self.lookups(**wanted))


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
        """The environment in which the backend has these arguments too."""
        given = json.loads(self.environment["AIRFLOW__SECRETS__BACKEND_KWARGS"])
        return {"AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({**given, **kwargs})}

    def run(self, *arguments, **environment):
        """Run an `airflow` command and return its result. Asserts nothing."""
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

    def reports(self, name):
        """The reports of the probing DAGs under this name."""
        return [json.loads(p.read_text()) for p in sorted(self.out.glob(f"{name}.*.json"))]


class Standalone(Airflow):
    """`airflow standalone`, which runs in a with-block."""

    def __init__(self, home, socket, **environment):
        super().__init__(home, socket)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = self.home / "log"
        self.environment.update(
            AIRFLOW__API__HOST="127.0.0.1",
            AIRFLOW__API__PORT=str(port),
            AIRFLOW__API__BASE_URL=self.url,
            AIRFLOW__API__WORKERS="1",
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{self.url}/execution/",
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
            AIRFLOW__CORE__PARALLELISM="2",
            AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES="1",
            AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=str(free_port()),
            AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(free_port()),
            AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT=str(free_port()),
            # A busy machine: a client that gives up on its first call fails the task for good.
            AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT="60",
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
            **environment,
        )

    def __enter__(self):
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [BIN / "airflow", "standalone"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_):
        """Ends the parent by TERM, and kills the children that outlive it."""
        everyone = children(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in everyone - {self.process.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def run_and_wait(self, dag, name):
        """Run a DAG, and return its reports under this name.

        Not by a schedule: on a busy machine a first task outruns the api-server, and fails for good.
        """
        eventually(lambda: self._start_a_run(dag), "a run is started", timeout=400)
        try:
            return eventually(
                lambda: self._reports_while_running(name), f"{dag}: {name}", timeout=400
            )
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self._interesting_lines()])) from None

    def _start_a_run(self, dag):
        """Raises OSError until the api-server responds and has the DAG."""
        assert self.process.poll() is None
        token = call(f"{self.url}/auth/token")["access_token"]
        return call(f"{self.url}/api/v2/dags/{dag}/dagRuns", token, {"logical_date": None})

    def _reports_while_running(self, name):
        assert self.process.poll() is None
        return self.reports(name)

    def _interesting_lines(self):
        lines = self.log.read_text().splitlines()
        return [one[:600] for one in lines if "[info" not in one and "dag-processor" not in one][
            -80:
        ]


def children(pid):
    """`pid` and all its descendants."""
    found = {pid}
    below = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(name))
    todo = [pid]
    while todo:
        for child in below.get(todo.pop(), []):
            found.add(child)
            todo.append(child)
    return found


def call(url, token=None, body=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as reply:
        return json.load(reply)


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
        """The whole response: result, error, log."""
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
    """The shim's log lines in a worker's response."""
    return [text for logger, level, text in answer["log"] if logger == "airflow_connd"]


def wait_for_key(connd, key, kind="connections"):
    """Waits until connd has the key."""

    def there():
        with connd.client() as client:
            return key in client.call("io.connd.secrets.List")[kind]

    eventually(there, f"connd lists {key}")
