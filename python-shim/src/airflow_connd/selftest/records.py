# SPDX-License-Identifier: Apache-2.0
"""The records: one lookup like that of a task, their provider packages, and duplicates
elsewhere."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from airflow_connd import _client, _text, _wire, errors
from airflow_connd._options import nearest
from airflow_connd.backend import Lookups
from airflow_connd.selftest import conn_types
from airflow_connd.selftest.connd_side import DENIED, UNREACHABLE
from airflow_connd.selftest.listing import list_keys
from airflow_connd.selftest.report import Report

_MOST_LOOKED_AT = 2000
_DATABASE_SECONDS = 5.0


def check(report: Report, backend: Lookups | None, conn_id: str | None, *, is_ready: bool) -> None:
    if backend is None or not is_ready:
        why = "needs a backend of connd in Airflow" if is_ready else "needs connd with data"
        for name in ("lookup", "providers", "twins"):
            report.skip(name, why)
        return
    try:
        connections, variables = list_keys(backend._socket_path, backend._timeout)
    except (errors.ConndError, OSError) as error:
        report.fail("lookup", f"connd does not list its keys: {_reason(error)}", "", UNREACHABLE)
        return
    _lookup(report, backend, conn_id, connections)
    _providers(report, backend, conn_id, connections)
    _twins(report, backend, connections, variables)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, errors.ConndError) else _text.exception(error)


# --- one lookup


def _lookup(report: Report, backend: Lookups, conn_id: str | None, keys: list[str]) -> None:
    kind = backend._connections
    if conn_id is None:
        conn_id = _first_id(backend, keys)
        if conn_id is None:
            report.warn(
                "lookup",
                f"connd lists no connection {'for this user' if not keys else 'with the prefix'}",
                "link connections to this Deployment, or name one: "
                "python -m airflow_connd doctor CONN_ID",
            )
            return
    shown = _text.key(conn_id, is_connection=True)
    if kind.prefix is None:
        report.fail(
            "lookup", "connections are not looked up in connd", "connections_prefix is null"
        )
        return
    if kind.pattern is not None and kind.pattern.match(conn_id) is None:
        report.fail(
            "lookup",
            f"connection {shown} is not looked up in connd: connections_lookup_pattern",
            "correct connections_lookup_pattern",
        )
        return
    outcome = backend._ask_connection(conn_id, None)
    if isinstance(outcome, errors.ConndError):
        _failed_lookup(report, backend, conn_id, outcome, keys)
    else:
        report.ok("lookup", f"connection {shown}: connd has it, and Airflow can read it")


def _first_id(backend: Lookups, keys: list[str]) -> str | None:
    prefix = backend._connections.prefix
    head = f"{prefix}{backend._sep}" if prefix else ""
    pattern = backend._connections.pattern
    ids = (key[len(head) :] for key in keys if key.startswith(head))
    return next((one for one in ids if pattern is None or pattern.match(one)), None)


def _failed_lookup(
    report: Report, backend: Lookups, conn_id: str, why: errors.ConndError, keys: list[str]
) -> None:
    text = f"connection {_text.key(conn_id, is_connection=True)}: {why}"
    if isinstance(why, errors.NotFound):
        report.fail("lookup", text, _missing_hint(backend, conn_id, keys))
    elif isinstance(why, errors.Denied):
        report.fail(
            "lookup", text, "allow this user or its group in [access] of connd.conf", DENIED
        )
    else:
        report.fail("lookup", text, "connctl status", UNREACHABLE)


def _missing_hint(backend: Lookups, conn_id: str, keys: list[str]) -> str:
    prefix = backend._connections.prefix
    asked = _key(backend, conn_id)
    if prefix and conn_id in keys:
        return f"connd holds {conn_id!r}; connections_prefix makes Airflow ask for {asked!r}"
    close = nearest(asked, keys)
    if close is not None:
        return f"connd holds {len(keys)} connections; the nearest is {close!r}"
    return f"connd holds {len(keys)} connections: create it, or link it to this Deployment"


# --- provider packages


def _providers(report: Report, backend: Lookups, conn_id: str | None, keys: list[str]) -> None:
    known = conn_types.installed()
    if known is None:
        report.skip("providers", "Airflow does not say which connection types it knows")
        return
    used = _types_in_use(backend, keys[:_MOST_LOOKED_AT])
    missing = sorted(one for one in used if one not in known)
    if not missing:
        report.ok("providers", f"installed for all {len(used)} connection types in use")
        return
    examples = ", ".join(f"{one} (such as {_text.line(used[one])!r})" for one in missing[:8])
    packages = [conn_types.PACKAGES[one] for one in missing if one in conn_types.PACKAGES]
    # A task with this connection would fail; other types may never be used.
    is_cause = conn_id is not None and _type_of(backend, _key(backend, conn_id)) in missing
    (report.fail if is_cause else report.warn)(
        "providers",
        f"no installed provider has the connection types {examples}",
        f"pip install {' '.join(dict.fromkeys(packages))}"
        if packages
        else "install their providers",
    )


def _key(backend: Lookups, conn_id: str) -> str:
    prefix = backend._connections.prefix
    return f"{prefix}{backend._sep}{conn_id}" if prefix else conn_id


def _types_in_use(backend: Lookups, keys: list[str]) -> dict[str, str]:
    """Each connection type with one key that has it."""
    found: dict[str, str] = {}
    for key in keys:
        conn_type = _type_of(backend, key)
        if conn_type:
            found.setdefault(conn_type, key)
    return found


def _type_of(backend: Lookups, key: str) -> str | None:
    value: Any = None
    try:
        frame = _wire.GET_CONNECTION.request(key)
        value = _wire.value(True, _client.call, backend._socket_path, frame, backend._timeout)
        if isinstance(value, errors.ConndError):
            return None
        return str(json.loads(value).get("conn_type") or "").replace("-", "_")
    except (errors.ConndError, ValueError):
        return None
    finally:
        del value


# --- twins in Airflow's other sources


def _twins(report: Report, backend: Lookups, connections: list[str], variables: list[str]) -> None:
    twins = [
        *_in_environment("AIRFLOW_CONN_", connections),
        *_in_environment("AIRFLOW_VAR_", variables),
    ]
    database, looked = in_database(connections, variables)
    twins += database
    if not twins:
        report.ok(
            "twins", f"no key of connd is in the environment too; metadata database: {looked}"
        )
        return
    shown = ", ".join(twins[:10]) + (f" and {len(twins) - 10} more" * (len(twins) > 10))
    text = f"keys of connd that Airflow has elsewhere too: {shown}; metadata database: {looked}"
    if backend._on_error == "deny":
        report.ok("twins", f"{text}; they are never used (on_error deny)")
    else:
        report.warn(
            "twins",
            f"{text}. connd comes first; while it cannot answer, Airflow uses these",
            "remove them, or set on_error to deny for [workers]",
        )


def _in_environment(head: str, keys: list[str]) -> list[str]:
    names = {f"{head}{key.upper()}" for key in keys}
    return sorted(name for name in os.environ if name in names)


def in_database(connections: list[str], variables: list[str]) -> tuple[list[str], str]:
    """The keys that the metadata database has, too, and the result of reading it."""
    result: list[tuple[list[str], str]] = []
    thread = threading.Thread(
        target=lambda: result.append(_query(set(connections), set(variables))), daemon=True
    )
    thread.start()
    thread.join(_DATABASE_SECONDS)
    return result[0] if result else ([], f"no answer within {_DATABASE_SECONDS:g} s")


def _query(connections: set[str], variables: set[str]) -> tuple[list[str], str]:
    try:
        from airflow import settings
        from airflow.models import Connection, Variable

        engine = settings.engine
        if engine is None:
            settings.configure_orm()
            engine = settings.engine
        file = engine.url.database if engine.url.drivername.startswith("sqlite") else None
        if file is not None and not os.path.exists(file):
            return [], "none"
        with engine.connect() as connection:
            found = [
                f"{noun} {_text.line(key)!r}"
                for noun, column, keys in (
                    ("connection", Connection.__table__.c.conn_id, connections),
                    ("variable", Variable.__table__.c.key, variables),
                )
                for (key,) in connection.execute(column.table.select().with_only_columns(column))
                if key in keys
            ]
        return sorted(found), "compared"
    except Exception as error:
        return [], f"not compared ({type(error).__name__})"
