# SPDX-License-Identifier: Apache-2.0
"""ConndBackend: what Airflow calls, and the rules for what Airflow gets.

Lookups holds all of it and imports nothing of Airflow; airflow_class() joins it with the base class
that Airflow demands. Between lookups only the settings are kept: Airflow forks, starts threads and
builds instances as it likes.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, cast

from airflow_connd import _client, _options, _text, _wire, errors

if TYPE_CHECKING:
    from airflow_connd._sources import Lookup, Source

log = logging.getLogger("airflow_connd")

_said: set[str] = set()
"""What this process has logged once. A fork begins anew: its log may be a task's own."""

os.register_at_fork(after_in_child=_said.clear)


def _say_once(level: int, text: str) -> None:
    """Airflow builds many instances: one line a process for what is wrong with the options."""
    if text not in _said:
        _said.add(text)
        log.log(level, "connd: %s", text)


class _Kind(NamedTuple):
    """How one kind of record is looked up."""

    method: _wire.Method
    noun: str
    lookup: Lookup
    prefix: str | None
    pattern: re.Pattern[str] | None
    is_connection: bool = False
    is_config: bool = False


class Lookups:
    """Connections, variables and configuration from connd.

    Keyword arguments, each also accepted as text:

    socket_path   connd's socket; default CONND_SOCKET, else /run/connd/connd.sock, else a
                  person's own: $XDG_RUNTIME_DIR/connd/connd.sock
    timeout       seconds for one whole lookup (3)
    on_error      when connd cannot answer: raise | none | deny
    on_missing    when connd has no such record: next | deny
    connections_prefix, variables_prefix, config_prefix, sep
                  what precedes the key; "" nothing; null: that kind is not looked up in connd
    connections_lookup_pattern, variables_lookup_pattern, config_lookup_pattern
                  a regular expression; a key that does not match is not looked up in connd
    first, first_kwargs, then, then_kwargs
                  another secrets backend before or after connd: class and arguments
    """

    if TYPE_CHECKING:
        # From Airflow's base class.
        build_path: Callable[[str, str, str], str]
        deserialize_connection: Callable[[str, str], Any]

    def __init__(self, **kwargs: Any) -> None:
        settings, problems = _options.read(kwargs)
        for problem in problems:
            _say_once(*problem)
        self._kwargs = kwargs
        self._socket_path: str = settings["socket_path"]
        self._timeout: float = settings["timeout"]
        self._on_error: str = settings["on_error"]
        self._on_missing: str = settings["on_missing"]
        self._sep: str = settings["sep"]
        self._connections = _kind(settings, "connections", is_connection=True)
        self._variables = _kind(settings, "variables")
        self._config = _kind(settings, "config", is_config=True)
        self._unproven_deny = "deny" in (self._on_error, self._on_missing)
        self._sources = _sources(settings)
        self._is_composed = len(self._sources) > 1

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._kwargs,)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """The Connection, or None where another backend may have it."""
        if self._is_composed:
            return self._search(self._connections, "get_connection", conn_id, team_name)
        outcome: Any = None
        try:
            outcome = self._ask_connection(conn_id, team_name)
            if not isinstance(outcome, errors.ConndError):
                return outcome
            return self._conclude(self._connections, conn_id, [outcome])
        finally:
            del outcome

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """The connection as the JSON text Airflow reads, or None as in get_connection()."""
        return self._look_up(self._connections, conn_id, team_name)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The variable's text ("" is a value), or None where another backend may have it."""
        return self._look_up(self._variables, key, team_name)

    def get_config(self, key: str) -> str | None:
        """The option's text, or None if there is none.

        Raises whenever connd cannot answer: for None Airflow takes the option's default, which for
        its own database is an empty SQLite file.
        """
        return self._look_up(self._config, key, None)

    async def aget_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """As get_connection(), without blocking the event loop."""
        if self._is_composed:
            return await self._search_async(conn_id, team_name)
        outcome: Any = None
        try:
            outcome = await self._ask_connection_async(conn_id, team_name)
            if not isinstance(outcome, errors.ConndError):
                return outcome
            return self._conclude(self._connections, conn_id, [outcome])
        finally:
            del outcome

    def _look_up(self, kind: _Kind, secret_id: str, team: str | None) -> str | None:
        if self._is_composed:
            return cast("str | None", self._search(kind, kind.lookup, secret_id, team))
        outcome: str | errors.ConndError | None = None
        try:
            outcome = self._ask(kind, secret_id, team)
            if not isinstance(outcome, errors.ConndError):
                return outcome
            self._conclude(kind, secret_id, [outcome])
            return None
        finally:
            del outcome

    # --- asking connd: a value, None if connd is not asked for such a key, or why there is none

    def _ask(self, kind: _Kind, secret_id: str, team: str | None) -> str | errors.ConndError | None:
        outcome: str | errors.ConndError = ""
        try:
            frame = self._request(kind, secret_id, team)
            if frame is None:
                return None
            outcome = _wire.value(
                kind.is_connection, _client.call, self._socket_path, frame, self._timeout
            )
            return outcome if outcome.__class__ is str else _failure(outcome)
        except Exception as error:
            return _failure(error)
        finally:
            del outcome

    def _ask_connection(self, conn_id: str, team: str | None) -> Any:
        value: Any = None
        try:
            value = self._ask(self._connections, conn_id, team)
            return self.deserialize_connection(conn_id, value) if type(value) is str else value
        except Exception as error:
            return _unreadable(error)
        finally:
            del value

    async def _ask_connection_async(self, conn_id: str, team: str | None) -> Any:
        value: Any = None
        try:
            frame = self._request(self._connections, conn_id, team)
            if frame is None:
                return None
            received = await _client.call_async(self._socket_path, frame, self._timeout)
            value = _wire.value(True, received.take)
            if type(value) is not str:
                return _failure(value)
        except Exception as error:
            del value
            return _failure(error)
        try:
            return self.deserialize_connection(conn_id, value)
        except Exception as error:
            return _unreadable(error)
        finally:
            del value

    def _request(self, kind: _Kind, secret_id: str, team: str | None) -> bytes | None:
        """The frame that asks connd; None if connd is not asked for such a key."""
        if kind.prefix is None:
            return None
        if not isinstance(secret_id, str):
            raise errors.Invalid(f"the {kind.method.argument} is not text")
        if kind.pattern is not None and kind.pattern.match(secret_id) is None:
            return None
        if self._unproven_deny and not kind.is_config:
            self._prove_deny()
        key = self.build_path(kind.prefix, secret_id, self._sep) if kind.prefix else secret_id
        return kind.method.request(key, team, _client.trace_id)

    def _prove_deny(self) -> None:
        # Not in __init__: that runs while Airflow is half imported.
        self._unproven_deny = False
        if not errors.airflow_can_deny():
            _say_once(
                logging.WARNING,
                "on_error/on_missing=deny: this Airflow cannot fail closed (it needs 3.2.2); "
                "after a denial it asks the environment and its database",
            )

    # --- asking other backends too

    def _search(self, kind: _Kind, lookup: Lookup, secret_id: str, team: str | None) -> Any:
        injected = getattr(self, "_connection_class", None)
        failures: list[errors.ConndError] = []
        outcome: Any = None
        try:
            for source in self._sources:
                if source is not None:
                    outcome = source.look_up(lookup, secret_id, team, injected)
                elif lookup == "get_connection":
                    outcome = self._ask_connection(secret_id, team)
                else:
                    outcome = self._ask(kind, secret_id, team)
                if self._is_found(kind, secret_id, outcome, failures):
                    return outcome
            return self._conclude(kind, secret_id, failures)
        finally:
            del outcome

    async def _search_async(self, conn_id: str, team: str | None) -> Any:
        kind = self._connections
        injected = getattr(self, "_connection_class", None)
        failures: list[errors.ConndError] = []
        outcome: Any = None
        try:
            for source in self._sources:
                if source is not None:
                    outcome = await source.look_up_async(conn_id, team, injected)
                else:
                    outcome = await self._ask_connection_async(conn_id, team)
                if self._is_found(kind, conn_id, outcome, failures):
                    return outcome
            return self._conclude(kind, conn_id, failures)
        finally:
            del outcome

    def _is_found(
        self, kind: _Kind, secret_id: str, outcome: Any, failures: list[errors.ConndError]
    ) -> bool:
        """Whether a search ends with this outcome. Notes it if it is a failure."""
        try:
            if isinstance(outcome, errors.ConndError):
                failures.append(outcome)
                if self._must_end(kind, outcome):
                    self._conclude(kind, secret_id, failures)
                return False
            if outcome is not None and _serious(failures):
                log.warning("%s; the next backend's value is used", _why(kind, secret_id, failures))
            return outcome is not None
        finally:
            del outcome

    def _must_end(self, kind: _Kind, failure: errors.ConndError) -> bool:
        if isinstance(failure, errors.NotFound):
            return False
        return isinstance(failure, errors.Denied) or kind.is_config or self._on_error == "deny"

    def _conclude(self, kind: _Kind, secret_id: str, failures: list[errors.ConndError]) -> None:
        """Ends a lookup without a value: None if others may have it, or the exception due."""
        serious = _serious(failures)
        if not serious and (not failures or kind.is_config or self._on_missing == "next"):
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s", _why(kind, secret_id, failures))
            return
        why = _why(kind, secret_id, serious or failures[-1:])
        log.warning("%s", why)
        if not serious or any(isinstance(failure, errors.Denied) for failure in serious):
            raise errors.denied(why)
        if not kind.is_config:
            if self._on_error == "deny":
                raise errors.denied(why)
            if self._on_error == "none":
                return
        raise serious[0]


def _kind(
    settings: dict[str, Any], name: str, *, is_connection: bool = False, is_config: bool = False
) -> _Kind:
    prefix = settings[f"{name}_prefix"]
    noun, lookup = _NOUNS[name]
    return _Kind(
        _wire.GET_CONNECTION if is_connection else _wire.GET_VARIABLE,
        noun,
        lookup,
        prefix.rstrip(settings["sep"]) if prefix else prefix,
        settings[f"{name}_lookup_pattern"],
        is_connection,
        is_config,
    )


_NOUNS: dict[str, tuple[str, Lookup]] = {
    "connections": ("connection", "get_conn_value"),
    "variables": ("variable", "get_variable"),
    "config": ("config option", "get_config"),
}


def _sources(settings: dict[str, Any]) -> tuple[Source | None, ...]:
    """The backends to ask, in order. None stands for connd itself."""
    if settings["first"] is None and settings["then"] is None:
        return (None,)
    from airflow_connd._sources import Source

    others = [
        Source(place, settings[place], settings[f"{place}_kwargs"]) if settings[place] else None
        for place in ("first", "then")
    ]
    return tuple(others[:1] * bool(others[0]) + [None] + others[1:] * bool(others[1]))


def _failure(error: Any) -> errors.ConndError:
    """The failure of one request, with the id that leads to it in connd's record."""
    if not isinstance(error, errors.ConndError):
        error = errors.Unexpected(f"cannot ask connd: {_text.exception(error)}")
    error.trace = _client.trace_id
    return error  # type: ignore[no-any-return]


def _unreadable(error: Exception) -> errors.ConndError:
    return errors.Invalid(f"Airflow cannot read the connection: {_text.exception(error)}")


def _serious(failures: list[errors.ConndError]) -> list[errors.ConndError]:
    return [failure for failure in failures if not isinstance(failure, errors.NotFound)]


def _why(kind: _Kind, secret_id: object, failures: list[errors.ConndError]) -> str:
    reasons = [
        f"{failure} [trace {failure.trace}]" if failure.trace else str(failure)
        for failure in failures
    ]
    key = _text.key(secret_id, is_connection=kind.is_connection)
    return f"connd: {kind.noun} {key}: {'; '.join(reasons) or 'not looked up in connd'}"


def _rebuild(kwargs: dict[str, Any]) -> Any:
    return airflow_class()(**kwargs)


_class: type | None = None
_class_lock = threading.Lock()


def airflow_class() -> type:
    """The one class airflow_connd.ConndBackend.

    The import starts Airflow where it does not run yet, and Airflow's start asks for the class: the
    import is therefore outside the lock, and the second to come takes what the first has built.
    """
    global _class
    if _class is None:
        base = _base_class()
        with _class_lock:
            if _class is None:
                members = {
                    "__module__": "airflow_connd",
                    "__qualname__": "ConndBackend",
                    "__doc__": Lookups.__doc__,
                }
                _class = type("ConndBackend", (Lookups, base), members)
    return _class


def _base_class() -> type:
    try:
        from airflow.secrets.base_secrets import BaseSecretsBackend
    except ModuleNotFoundError:
        # An installation of the task SDK alone.
        from airflow.sdk.bases.secrets_backend import BaseSecretsBackend
    base: type = BaseSecretsBackend
    return base
