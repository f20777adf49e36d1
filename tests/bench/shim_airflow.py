#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a lookup through the shim costs inside Airflow, compared with a backend that is a dict.

    .venvs/airflow33/bin/python tests/bench/shim_airflow.py [--rounds 9] [--calls 300]

Run it with the Python of the Airflow to measure (3.3 or 2.11). Starts a manager and a connd of
$CONND_BUILD (build/). All in one run, interleaved, pinned to one CPU and unpinned: the median of
the rounds' medians, with the lowest and the highest. A dict costs almost nothing, so the ratio is
what connd adds to Airflow's own work. Exit 1 if a pinned ratio, or a time, is above its limit.
"""

from __future__ import annotations

import argparse
import base64
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "python-shim" / "src"
sys.path[:0] = [str(SOURCE), str(ROOT / "tests" / "lib")]

from figures import Figures, one_cpu  # noqa: E402
from shim_ping import median_us, real_connd, undisturbed  # noqa: E402

BAR_GET, BAR_CHAIN = 1.5, 1.25
BAR_FIRST_MS, BAR_IMPORT_MS = 0.3, 5.0
FRESH_PROCESSES = 15
ONE_CPU = "one CPU"

Call = Callable[[], Any]


def prepare_airflow(home: str) -> None:
    """Sets up an Airflow that encrypts, as real ones do, and whose secrets masker does nothing."""
    os.environ.update(
        AIRFLOW_HOME=home,
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(bytes(range(32))).decode(),
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        PYTHONWARNINGS="ignore",
    )
    import airflow.configuration
    import airflow.models

    assert airflow.models.Connection
    # It recompiles its pattern for every new secret in a process; here the secret is always the
    # same.
    for name, module in list(sys.modules.items()):
        if name.endswith("secrets_masker") and hasattr(module, "SecretsMasker"):
            module.SecretsMasker.add_mask = lambda *_, **__: None


def dict_backend(records: dict[str, str]) -> Any:
    from airflow.secrets.base_secrets import BaseSecretsBackend

    class DictBackend(BaseSecretsBackend):
        def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
            return records.get(conn_id)

        def get_variable(self, key: str, team_name: str | None = None) -> str | None:
            return records.get(key)

    return DictBackend()


def core_chain(backend: Any) -> Call:
    """The whole search of scheduler and api-server (and of everything before Airflow 3)."""
    import airflow.configuration
    from airflow.models import Connection, connection

    def look_up() -> Any:
        for module in (airflow.configuration, connection):
            module.ensure_secrets_loaded = lambda *_, **__: [backend]
        return Connection.get_connection_from_secrets("warehouse")

    return look_up


def sdk_chain(backend: Any) -> Call:
    """The whole search of a task process."""
    from airflow.sdk.execution_time import context, supervisor

    def look_up() -> Any:
        supervisor.ensure_secrets_backend_loaded = lambda: [backend]
        return context._get_connection("warehouse")

    return look_up


def sides() -> dict[str, tuple[Any, Callable[[Any], Call]]]:
    """Name -> (the Connection class Airflow injects, if any; the whole search)."""
    from airflow.models import Connection

    try:
        from airflow.sdk import Connection as TaskConnection
    except ImportError:
        return {"core": (None, core_chain)}
    return {"core": (Connection, core_chain), "task": (TaskConnection, sdk_chain)}


def candidates(path: str) -> dict[str, dict[str, Call]]:
    """Name -> (the call with connd's backend, the same call with the dict's)."""
    from airflow_connd import ConndBackend

    found: dict[str, dict[str, Call]] = {}
    text = ConndBackend(socket_path=path).get_conn_value("warehouse")
    for side, (connection_class, chain) in sides().items():
        backends = {
            "connd": ConndBackend(socket_path=path),
            "dict": dict_backend({"warehouse": text}),
        }
        for name, backend in backends.items():
            if connection_class is not None:
                backend._set_connection_class(connection_class)
            get = found.setdefault(f"{side}: get_connection", {})
            get[name] = lambda backend=backend: backend.get_connection(conn_id="warehouse")
            found.setdefault(f"{side}: whole search", {})[name] = chain(backend)
    return found


def compare(
    figures: Figures, where: str, calls: dict[str, dict[str, Call]], rounds: int, n: int
) -> bool:
    """Adds a row for each. False: a limit, which only figures of one CPU have, is missed."""
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for what, pair in calls.items():
            for name, call in pair.items():
                times.setdefault((what, name), []).append(median_us(call, n))
    good = True
    for what in calls:
        bar = BAR_CHAIN if "whole" in what else BAR_GET
        group = f"Airflow {airflow_version()}, {where}"
        figures.add(group, f"{what}, a dict", "us", times[what, "dict"])
        row = figures.add(
            group, f"{what}, connd", "us", times[what, "connd"],
            {"a dict": times[what, "dict"]}, bar=bar if where == ONE_CPU else None,
        )  # fmt: skip
        good &= "MISSED" not in row.verdict()
    return good


FIRST = """
import sys, time
from airflow_connd.backend import Lookups
backend = Lookups(socket_path=sys.argv[1])
start = time.perf_counter()
assert backend.get_conn_value("warehouse")
print((time.perf_counter() - start) * 1e3)
"""

# What Airflow has imported before it imports a secrets backend.
IMPORT = """
import contextlib, json, logging, math, os, re, socket, threading, time, typing
start = time.process_time()
import airflow_connd.backend
print((time.process_time() - start) * 1e3)
"""


def fresh(code: str, path: str, cache: str) -> list[float]:
    """Milliseconds that an interpreter of its own measured, several times. `cache`: for
    bytecode."""
    command = [sys.executable, "-c", code, path]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.check_output(command, env=environment)  # like an installation, already compiled
    return [
        float(subprocess.check_output(command, env=environment)) for _ in range(FRESH_PROCESSES)
    ]


def forked(path: str) -> list[float]:
    """Milliseconds of the first lookup in a forked process with Airflow, as a task is."""
    from airflow_connd import ConndBackend

    backend = ConndBackend(socket_path=path)
    return [_first_lookup_in_fork(backend) for _ in range(FRESH_PROCESSES)]


def _first_lookup_in_fork(backend: Any) -> float:
    import time

    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        start = time.perf_counter()
        backend.get_conn_value("warehouse")
        os.write(write, str((time.perf_counter() - start) * 1e3).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    text = os.read(read, 100)
    os.close(read)
    os.close(write)
    return float(text)


def processes(figures: Figures, path: str, home: str) -> bool:
    group = f"Airflow {airflow_version()}, processes"
    first = figures.add(
        group, "first lookup in a fresh process", "ms", fresh(FIRST, path, home), bar=BAR_FIRST_MS
    )
    figures.add(group, "first lookup in a fork of Airflow", "ms", forked(path))
    imported = figures.add(
        group, "import, beyond Airflow's own", "ms", fresh(IMPORT, path, home), bar=BAR_IMPORT_MS
    )
    return "MISSED" not in first.verdict() + imported.verdict()


def airflow_version() -> str:
    from importlib.metadata import version

    return version("apache-airflow")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="shim-airflow-", ignore_cleanup_errors=True) as home,
        real_connd(home) as (path, pid),
    ):
        prepare_airflow(home)
        calls = candidates(path)
        figures = Figures()
        with undisturbed(0, pid) as is_alone:
            print(
                f"Python {platform.python_version()}, "
                f"{'real-time' if is_alone else 'ordinary'} priority, load {os.getloadavg()[0]:.1f}"
            )
            compare(figures, "unpinned", calls, options.rounds, options.calls)
            with one_cpu(pid):
                good = compare(figures, ONE_CPU, calls, options.rounds, options.calls)
            good &= processes(figures, path, home)
    figures.dump(options.json)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
