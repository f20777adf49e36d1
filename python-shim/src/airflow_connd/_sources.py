# SPDX-License-Identifier: Apache-2.0
"""Another secrets backend before or after connd: the options `first` and `then`.

Airflow takes one backend of one's own, so this one asks the other. It is built on its first use,
once in a process: clients and their locks do not survive a fork.
"""

from __future__ import annotations

import importlib
import inspect
import os
from contextvars import ContextVar
from typing import Any, Callable, Literal

from airflow_connd import _options, _text, errors

MISS = errors.NotFound("it has no such record")

_asking: ContextVar[tuple[Source, ...]] = ContextVar("airflow_connd_asking", default=())
"""The backends that the current lookup is inside of: a backend inside of itself is not asked."""

Lookup = Literal["get_connection", "get_conn_value", "get_variable", "get_config"]


class Source:
    """One other backend, asked by the rules by which Airflow asks."""

    def __init__(self, place: str, class_path: str, kwargs: dict[str, Any] | None) -> None:
        self.name = f"{place} ({class_path.rpartition('.')[2]})"
        self._class_path = class_path
        self._kwargs = kwargs
        self._built: tuple[int, Any] = (0, None)

    def look_up(
        self, lookup: Lookup, secret_id: str, team: str | None, connection_class: type | None
    ) -> Any:
        """What the backend has, MISS, or the error it failed with, as a SourceFailed or Denied."""
        found: Any = None
        if self in _asking.get():
            # The backend looks up its own credentials: they are elsewhere, or it would not ask.
            return MISS
        token = _asking.set((*_asking.get(), self))
        try:
            backend = self._backend(connection_class)
            found = _call(backend, lookup, secret_id, team)
            return MISS if _is_miss(lookup, found) else found
        except Exception as error:
            return self._failure(error)
        finally:
            del found
            _asking.reset(token)

    async def look_up_async(
        self, secret_id: str, team: str | None, connection_class: type | None
    ) -> Any:
        """As look_up("get_connection", ...), without blocking the event loop."""
        import asyncio  # slow to import; a process that comes here has it

        found: Any = None
        if self in _asking.get():
            return MISS
        token = _asking.set((*_asking.get(), self))
        try:
            # Building may block, as imports do.
            backend = await asyncio.to_thread(self._backend, connection_class)
            method = getattr(backend, "aget_connection", None)
            if method is None:
                found = await asyncio.to_thread(_call, backend, "get_connection", secret_id, team)
            else:
                found = method(secret_id, **_team_argument(method, team))
                found = await found if inspect.isawaitable(found) else found
            return found or MISS
        except Exception as error:
            return self._failure(error)
        finally:
            del found
            _asking.reset(token)

    def _backend(self, connection_class: type | None) -> Any:
        pid, backend = self._built
        if pid != os.getpid():
            backend = self._build()
            # Airflow injects its Connection class into the backends that it builds itself.
            if connection_class is not None and hasattr(backend, "_set_connection_class"):
                backend._set_connection_class(connection_class)
            self._built = (os.getpid(), backend)
        return backend

    def _build(self) -> Any:
        if self._class_path == _options.UNUSABLE:
            raise errors.Invalid("its option is not the dotted name of a class")
        if self._kwargs is None:
            raise errors.Invalid("its arguments are not a JSON object")
        module, _, name = self._class_path.rpartition(".")
        return getattr(importlib.import_module(module), name)(**self._kwargs)

    def _failure(self, error: Exception) -> errors.ConndError:
        # An error of connd's own names no value; anything else may quote one.
        why = str(error) if isinstance(error, errors.ConndError) else _text.exception(error)
        text = f"{self.name} failed: {why}"
        failure: errors.ConndError
        failure = errors.denied(text) if errors.is_denial(error) else errors.SourceFailed(text)
        failure.__cause__ = error
        return failure


def _call(backend: Any, lookup: Lookup, secret_id: str, team: str | None) -> Any:
    method = getattr(backend, lookup)
    try:
        return method(secret_id, **_team_argument(method, team))
    except NotImplementedError:
        if lookup != "get_conn_value":
            raise
    # The local files' backend makes connections, and no text of them.
    found = _call(backend, "get_connection", secret_id, team)
    try:
        return found and found.as_json()
    finally:
        del found


def _is_miss(lookup: Lookup, found: Any) -> bool:
    # As Airflow decides it: a variable may be "", a connection is there if it is true.
    return not found if lookup in ("get_connection", "get_conn_value") else found is None


def _team_argument(method: Callable[..., Any], team: str | None) -> dict[str, Any]:
    """`team_name`, for a method that takes it: backends older than Airflow 3.2 do not."""
    if not team:
        return {}
    parameters = inspect.signature(method).parameters.values()
    takes_it = any(p.name == "team_name" or p.kind is p.VAR_KEYWORD for p in parameters)
    return {"team_name": team} if takes_it else {}
