# SPDX-License-Identifier: Apache-2.0
"""`python -m airflow_connd explain conn|var KEY`: which source answers a task that runs here.

Asks every source of Airflow in Airflow's own order, also those behind the first that has the key.
Values are looked up only to learn whether they are there; they are neither kept nor shown.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from airflow_connd import _text, errors
from airflow_connd._sources import MISS, _call
from airflow_connd.backend import Lookups
from airflow_connd.selftest import airflow_side, quiet
from airflow_connd.selftest.records import in_database

_EPILOG = """exit codes:
  0  connd answers
  1  another source answers, or none
  2  usage
  3  Airflow cannot be used with this Python and environment

Run it as the user, in the environment and with the Python of the Airflow worker. "connctl explain"
runs it with its option --python.
"""

CONND, OTHER, ENVIRONMENT = "connd", "backend", "environment"
SERVER, DATABASE = "api-server", "database"
_NOUNS = {"conn": "connection", "var": "variable"}
_VARIABLES = {"conn": "AIRFLOW_CONN_", "var": "AIRFLOW_VAR_"}


class Source(NamedTuple):
    source: str
    name: str
    """The class, the environment variable, or where it is configured."""

    has: bool | None
    """None: unknown."""

    why: str = ""
    ends: bool = False
    """A lookup that comes here without a value ends: Airflow asks no further source."""


class Wanted(NamedTuple):
    kind: str
    key: str
    team: str | None = None

    @property
    def is_connection(self) -> bool:
        return self.kind == "conn"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    out = sys.stdout
    wanted = Wanted(options.kind, options.key, options.team)
    # Airflow writes its own lines while it is imported.
    with contextlib.redirect_stdout(sys.stderr), quiet():
        try:
            sources = list(ask(wanted))
        except Exception as error:
            why = airflow_side.config_error(error)
            print(f"airflow_connd explain: {why}", file=sys.stderr)
            return 3
    out.write(as_json(wanted, sources) if options.json else as_text(wanted, sources))
    out.flush()
    winner = answering(sources)
    return 0 if winner is not None and winner.source == CONND else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_connd explain",
        description="Show which of Airflow's sources answers a task that runs here.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=("conn", "var"), help="a connection or a variable")
    parser.add_argument("key", help="its key, as a DAG has it")
    parser.add_argument("--team", help="ask as a task of this team")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


# --- asking


def ask(wanted: Wanted) -> Iterator[Source]:
    """The sources in the order in which a task's lookup asks them."""
    yield from _custom(wanted)
    for path in _defaults():
        name = path.rpartition(".")[2]
        if name == "EnvironmentVariablesBackend":
            variable = _VARIABLES[wanted.kind] + wanted.key.upper()
            yield _look(ENVIRONMENT, variable, _instance(path), wanted)
        elif name not in ("ExecutionAPISecretsBackend", "MetastoreBackend"):
            yield _look(OTHER, name, _instance(path), wanted)
    is_served = not airflow_side.airflow_version().startswith("2.")
    if is_served:
        yield Source(
            SERVER, "asked by the task", None,
            "asks its own [secrets] backend and environment, then the metadata database; "
            "only a running task can ask it",
        )  # fmt: skip
    yield _database(wanted, is_served=is_served)


def _defaults() -> list[str]:
    """The backends that Airflow asks in a task after the configured one."""
    for module in ("airflow.sdk.execution_time.secrets", "airflow.secrets"):
        with contextlib.suppress(ImportError, AttributeError):
            found = importlib.import_module(module)
            return list(found.DEFAULT_SECRETS_SEARCH_PATH_WORKERS)
    return list(importlib.import_module("airflow.secrets").DEFAULT_SECRETS_SEARCH_PATH)


def _custom(wanted: Wanted) -> Iterator[Source]:
    importlib.import_module("airflow.configuration")
    backend = airflow_side.build(airflow_side.WORKERS)
    if backend is None:
        return
    if not isinstance(backend, Lookups):
        yield _look(OTHER, type(backend).__name__, backend, wanted)
        return
    kind = backend._connections if wanted.is_connection else backend._variables
    failures: list[errors.ConndError] = []
    found = [_part(backend, kind, part, wanted, failures) for part in backend._sources]
    if not any(one.has for one in found) and _denies(backend, failures):
        found[-1] = found[-1]._replace(ends=True)
    yield from found


def _part(
    backend: Lookups, kind: Any, part: Any, wanted: Wanted, failures: list[errors.ConndError]
) -> Source:
    """connd (`part` is None), or the backend of its option `first` or `then`."""
    source = CONND if part is None else OTHER
    name = backend._socket_path if part is None else part.name
    outcome: Any = None
    try:
        if part is not None:
            outcome = part.look_up(kind.lookup, wanted.key, wanted.team, None)
        elif wanted.is_connection:
            outcome = backend._ask_connection(wanted.key, wanted.team)
        else:
            outcome = backend._ask(kind, wanted.key, wanted.team)
        if outcome is None:
            return Source(source, name, False, "is not asked for this key: prefix or pattern")
        if not isinstance(outcome, errors.ConndError):
            return Source(source, name, True)
        failures.append(outcome)
        ends = backend._must_end(kind, outcome) and errors.airflow_can_deny()
        is_miss = isinstance(outcome, errors.NotFound)
        why = "" if outcome is MISS else str(outcome)
        return Source(source, name, False if is_miss else None, why, ends)
    finally:
        del outcome


def _denies(backend: Lookups, failures: list[errors.ConndError]) -> bool:
    """Whether a miss in all parts of the backend ends the lookup."""
    return bool(failures) and backend._on_missing == "deny" and errors.airflow_can_deny()


def _instance(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)()


def _look(source: str, name: str, backend: Any, wanted: Wanted) -> Source:
    found: Any = None
    lookup: Any = "get_conn_value" if wanted.is_connection else "get_variable"
    try:
        found = _call(backend, lookup, wanted.key, wanted.team)
        return Source(source, name, bool(found) if wanted.is_connection else found is not None)
    except Exception as error:
        return Source(source, name, None, f"failed: {_text.exception(error)}")
    finally:
        del found


def _database(wanted: Wanted, *, is_served: bool) -> Source:
    """The metadata database. `is_served`: tasks reach it through the api-server alone."""
    name = "asked by the api-server" if is_served else "asked by the task"
    keys = ([wanted.key], []) if wanted.is_connection else ([], [wanted.key])
    found, looked = in_database(*keys)
    if looked == "compared":
        return Source(DATABASE, name, bool(found))
    return Source(DATABASE, name, None, f"cannot be read from here: {looked}")


# --- telling


def answering(sources: Sequence[Source]) -> Source | None:
    """The source whose value a task gets."""
    for one in sources:
        if one.has:
            return one
        if one.ends:
            return None
    return None


def _roles(sources: Sequence[Source]) -> Iterator[tuple[Source, str]]:
    """Each source with what it is to the lookup."""
    role = "asked"
    for one in sources:
        if role == "asked" and one.has:
            yield one, "answers"
            role = "shadowed"
        elif role == "asked" and one.ends:
            yield one, "ends"
            role = "not asked"
        else:
            yield one, role if one.has or role != "shadowed" else "not asked"


def as_json(wanted: Wanted, sources: Sequence[Source]) -> str:
    winner = answering(sources)
    whole = {
        "kind": _NOUNS[wanted.kind],
        "key": wanted.key,
        "airflow": airflow_side.airflow_version(),
        "answers": winner.source if winner else None,
        "sources": [
            {"source": s.source, "name": s.name, "has": s.has, "role": role, "why": s.why}
            for s, role in _roles(sources)
        ],
    }
    return json.dumps(whole, indent=2) + "\n"


_HAS = {True: "has it", False: "does not have it", None: "unknown"}


def as_text(wanted: Wanted, sources: Sequence[Source]) -> str:
    shown = _text.key(wanted.key, is_connection=wanted.is_connection)
    lines = [f"{_NOUNS[wanted.kind]} {shown}, for a task that runs here:"]
    width = max(len(f"{one.source} ({one.name})") for one in sources)
    for number, (one, role) in enumerate(_roles(sources), 1):
        said = f"{_HAS[one.has]}: {one.why}" if one.why else _HAS[one.has]
        mark = "" if role == "asked" else f"  [{role}]"
        lines.append(f"  {number}  {f'{one.source} ({one.name})':{width}}  {said}{mark}")
    winner = answering(sources)
    if winner is not None:
        lines.append(f"{winner.source} answers.")
    elif any(one.ends for one in sources):
        lines.append("No source answers: the lookup ends with a denial.")
    else:
        lines.append("No source that can be asked from here has it.")
    return "\n".join(lines) + "\n"
