# SPDX-License-Identifier: Apache-2.0
"""ConndBackend: what Airflow calls, and the rules of what it gets back.

Lookups holds all of it and knows no Airflow; airflow_class() joins it with the base class that
Airflow's search demands. Nothing is kept between lookups but the settings: Airflow forks, threads
and rebuilds instances as it likes.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from airflow_connd import _client, _wire, errors

DEFAULT_SOCKET = "/run/connd/connd.sock"
LONGEST_TIMEOUT = 3600.0

log = logging.getLogger("airflow_connd")


def _socket_path(given: Any) -> str:
    try:
        if isinstance(given, str) and given.startswith("/") and b"\0" not in os.fsencode(given):
            return given
    except UnicodeEncodeError:
        pass
    raise ValueError("an absolute path") from None


def _timeout(given: Any) -> float:
    try:
        seconds = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise ValueError(f"seconds, more than 0 and at most {LONGEST_TIMEOUT:g}")
    return seconds


def _one_of(*words: str) -> Callable[[Any], str]:
    def parse(given: Any) -> str:
        word = given.strip().lower() if isinstance(given, str) else ""
        if word not in words:
            raise ValueError("one of " + ", ".join(words))
        return word

    return parse


def _prefix(given: Any) -> str | None:
    if given is not None and not isinstance(given, str):
        raise ValueError("text or null")
    return given


def _separator(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("text")
    return given


def _pattern(given: Any) -> re.Pattern[str] | None:
    if given is None:
        return None
    try:
        return re.compile(given)
    except (re.error, TypeError, ValueError, RecursionError):
        raise ValueError("a regular expression") from None


# Keyword argument -> (how to read it, what it is if it is not given or makes no sense).
_OPTIONS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "socket_path": (_socket_path, DEFAULT_SOCKET),
    "timeout": (_timeout, 3.0),
    "on_error": (_one_of("raise", "none", "deny"), "raise"),
    "on_missing": (_one_of("next", "deny"), "next"),
    "connections_prefix": (_prefix, ""),
    "variables_prefix": (_prefix, ""),
    "config_prefix": (_prefix, "config"),
    "sep": (_separator, "/"),
    "connections_lookup_pattern": (_pattern, None),
    "variables_lookup_pattern": (_pattern, None),
    "config_lookup_pattern": (_pattern, None),
}

_warned: set[str] = set()


def _warn_once(text: str) -> None:
    """Airflow builds instances by the dozen: a wrong setting is named once in a process."""
    if text not in _warned:
        _warned.add(text)
        log.warning("connd: %s", text)


def _settings(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Every option's value. Names what makes no sense, never the value given: it may be secret."""
    given = dict(kwargs)
    if given.get("socket_path") is None:
        given["socket_path"] = os.environ.get("CONND_SOCKET") or DEFAULT_SOCKET
    settings = {}
    for name, (parse, default) in _OPTIONS.items():
        settings[name] = default
        if name in given:
            try:
                settings[name] = parse(given.pop(name))
            except ValueError as wanted:
                _warn_once(f"backend_kwargs: {name} must be {wanted}; using {default!r}")
    for name in sorted(map(str, given)):
        _warn_once(f"backend_kwargs: there is no {name[:100]!r}; ignored")
    return settings


class _Kind(NamedTuple):
    """How one kind of record is asked for."""

    method: _wire.Method
    noun: str
    prefix: str | None
    pattern: re.Pattern[str] | None
    is_object: bool
    is_config: bool

    def is_asked(self, secret_id: str) -> bool:
        if self.prefix is None:
            return False
        return self.pattern is None or self.pattern.match(secret_id) is not None


class Lookups:
    """Connections, variables and configuration from connd.

    Keyword arguments, each also accepted as text:

    socket_path   where connd listens; else CONND_SOCKET, else /run/connd/connd.sock
    timeout       seconds for one whole lookup (3)
    on_error      when connd cannot answer: raise | none | deny
    on_missing    when connd has no such record: next | deny
    connections_prefix, variables_prefix, config_prefix, sep
                  what precedes the key; "" nothing, null never asks for that kind
    connections_lookup_pattern, variables_lookup_pattern, config_lookup_pattern
                  a regular expression; what does not match it is not asked for
    """

    if TYPE_CHECKING:
        # Airflow's base class brings these.
        build_path: Callable[[str, str, str], str]
        deserialize_connection: Callable[[str, str], Any]

    def __init__(self, **kwargs: Any) -> None:
        settings = _settings(kwargs)
        self._kwargs = kwargs
        self._socket_path: str = settings["socket_path"]
        self._timeout: float = settings["timeout"]
        self._on_error: str = settings["on_error"]
        self._on_missing: str = settings["on_missing"]
        self._sep: str = settings["sep"]
        self._connections = self._kind(settings, "connections", _wire.GET_CONNECTION, "connection")
        self._variables = self._kind(settings, "variables", _wire.GET_VARIABLE, "variable")
        self._config = self._kind(settings, "config", _wire.GET_VARIABLE, "config option")
        self._unproven_deny = "deny" in (self._on_error, self._on_missing)

    @staticmethod
    def _kind(settings: dict[str, Any], name: str, method: _wire.Method, noun: str) -> _Kind:
        prefix = settings[f"{name}_prefix"]
        return _Kind(
            method,
            noun,
            prefix.rstrip(settings["sep"]) if prefix else prefix,
            settings[f"{name}_lookup_pattern"],
            name == "connections",
            name == "config",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._kwargs,)

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """The connection as the JSON text Airflow reads, or None if connd has none."""
        return self._look_up(self._connections, conn_id, team_name)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The variable's text ("" is a value), or None if connd has none."""
        return self._look_up(self._variables, key, team_name)

    def get_config(self, key: str) -> str | None:
        """The option's text, or None if connd has none.

        Always raises when connd cannot answer: for None Airflow takes the option's default,
        which for its own database is an empty SQLite file.
        """
        return self._look_up(self._config, key, None)

    async def aget_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """The Connection, without blocking the event loop; None if connd has none."""
        kind = self._connections
        if not kind.is_asked(conn_id):
            return None
        value = self._settle(kind, conn_id, await self._ask_async(kind, conn_id, team_name))
        return None if value is None else self.deserialize_connection(conn_id, value)

    def _look_up(self, kind: _Kind, secret_id: str, team: str | None) -> str | None:
        if not kind.is_asked(secret_id):
            return None
        # No variable holds the answer here: an exception's traceback would show it.
        return self._settle(kind, secret_id, self._ask(kind, secret_id, team))

    def _ask(self, kind: _Kind, secret_id: str, team: str | None) -> str | errors.ConndError:
        try:
            frame = self._question(kind, secret_id, team)
            return _wire.answer(_client.ask(self._socket_path, frame, self._timeout))
        except errors.ConndError as error:
            return error

    async def _ask_async(
        self, kind: _Kind, secret_id: str, team: str | None
    ) -> str | errors.ConndError:
        try:
            frame = self._question(kind, secret_id, team)
            return _wire.answer(await _client.ask_async(self._socket_path, frame, self._timeout))
        except errors.ConndError as error:
            return error

    def _question(self, kind: _Kind, secret_id: str, team: str | None) -> bytes:
        if self._unproven_deny and not kind.is_config:
            self._prove_deny()
        key = self.build_path(kind.prefix, secret_id, self._sep) if kind.prefix else secret_id
        return kind.method.question(key, team)

    def _prove_deny(self) -> None:
        # Not in __init__: that runs while Airflow is half imported.
        self._unproven_deny = False
        if not errors.airflow_can_deny():
            _warn_once(
                "on_error/on_missing=deny: this Airflow cannot fail closed (it needs 3.2.2); "
                "after a denial it asks the environment and its database"
            )

    def _settle(self, kind: _Kind, secret_id: str, outcome: str | errors.ConndError) -> str | None:
        """A value, None where another backend may answer, or the exception that is due."""
        if isinstance(outcome, str):
            if not kind.is_object or outcome.startswith("{"):
                return outcome
            # Airflow would take any other text for a URI, and make a wrong connection of it.
            outcome = errors.Invalid("connd's answer is not a JSON object")
        if isinstance(outcome, errors.NotFound) and (kind.is_config or self._on_missing == "next"):
            log.debug("connd: %s %s: %s", kind.noun, _shown(secret_id), outcome)
            return None
        why = f"connd: {kind.noun} {_shown(secret_id)}: {outcome}"
        log.warning("%s", why)
        if isinstance(outcome, (errors.NotFound, errors.Denied)):
            raise errors.denied(why)
        if not kind.is_config:
            if self._on_error == "deny":
                raise errors.denied(why)
            if self._on_error == "none":
                return None
        raise outcome


def _shown(secret_id: object) -> str:
    """A key on one line of a log."""
    text = repr(secret_id)
    return text if len(text) <= 300 else text[:300] + "..."


def _rebuild(kwargs: dict[str, Any]) -> Any:
    return airflow_class()(**kwargs)


_class: type | None = None
_class_lock = threading.Lock()


def airflow_class() -> type:
    """The one class airflow_connd.ConndBackend.

    The import starts Airflow where it is not running yet, and Airflow's start comes back here for
    the class: so the import is outside the lock, and whoever is second takes what is there.
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
