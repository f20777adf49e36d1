# SPDX-License-Identifier: Apache-2.0
"""The keyword arguments of ConndBackend: how each is read, and what is wrong with those given."""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Iterable
from typing import Any, Callable, NamedTuple

from airflow_connd import _text

DEFAULT_SOCKET = "/run/connd/connd.sock"
LONGEST_TIMEOUT = 3600.0


class Problem(NamedTuple):
    """One thing that is wrong with the options: a logging level and a sentence."""

    level: int
    text: str


def read(kwargs: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The value of every option, and the problems of those given.

    A problem names the option, never its value: the value may be a secret.
    """
    given = dict(kwargs)
    if given.get("socket_path") is None:
        given["socket_path"] = os.environ.get("CONND_SOCKET") or _default_socket()
    settings = {}
    problems = []
    for name, (parse, default) in _OPTIONS.items():
        settings[name] = default
        if name in given:
            try:
                settings[name] = parse(given.pop(name))
            except ValueError as wanted:
                text = f"backend_kwargs: {name} must be {wanted}; using {default!r}"
                problems.append(Problem(_level(name), text))
    problems += [_unknown(str(name)) for name in sorted(given, key=str)]
    problems += _without_backend(settings)
    return settings, problems


def _default_socket() -> str:
    """/run/connd/connd.sock. When that is not there but the directory of a person's own connd is,
    its socket."""
    if os.path.exists(DEFAULT_SOCKET):
        return DEFAULT_SOCKET
    directory = os.environ.get("XDG_RUNTIME_DIR", "")
    if not directory.startswith("/"):
        directory = f"/run/user/{os.getuid()}"
    own = os.path.join(directory, "connd")
    return os.path.join(own, "connd.sock") if os.path.isdir(own) else DEFAULT_SOCKET


def _unknown(name: str) -> Problem:
    shown = _text.key(name, is_connection=False)
    meant = nearest(name, _OPTIONS)
    if meant is None:
        return Problem(logging.WARNING, f"backend_kwargs: unknown option {shown}, ignored")
    text = f"backend_kwargs: unknown option {shown}, ignored; the nearest option is {meant!r}"
    return Problem(_level(meant), text)


def _level(name: str) -> int:
    """An option that is not what its author meant is worse if it decides about failing closed."""
    return logging.ERROR if name in ("on_error", "on_missing") else logging.WARNING


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that `word` was probably meant to be."""
    import difflib  # slow to import, and rarely needed

    found = difflib.get_close_matches(word[:100].strip().lower(), list(words), 1)
    return found[0] if found else None


def _without_backend(settings: dict[str, Any]) -> list[Problem]:
    return [
        Problem(logging.WARNING, f"backend_kwargs: {place}_kwargs without {place}, ignored")
        for place in ("first", "then")
        if settings[f"{place}_kwargs"] and settings[place] is None
    ]


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
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise ValueError(f"seconds, more than 0 and at most {LONGEST_TIMEOUT:g}")
    return seconds


def _one_of(*words: str) -> Callable[[Any], str]:
    def parse(given: Any) -> str:
        word = given.strip().lower() if isinstance(given, str) else ""
        if word in words:
            return word
        meant = nearest(word, words)
        raise ValueError(f"one of {', '.join(words)}" + (f" (nearest: {meant})" * bool(meant)))

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
        if isinstance(given, str):
            return re.compile(given)
    except (re.error, ValueError, RecursionError, OverflowError):
        pass
    raise ValueError("a regular expression") from None


UNUSABLE = "(unusable)"
"""A `first` or `then` that makes no sense: the lookup fails, rather than leave that backend out."""


def _class_path(given: Any) -> str | None:
    if given is None or given == "":
        return None
    if isinstance(given, str) and re.fullmatch(r"\w+(\.\w+)+", given):
        return given
    return UNUSABLE


def _kwargs(given: Any) -> dict[str, Any] | None:
    """The arguments of another backend, as an object or as JSON; None if they are unusable."""
    if given is None:
        return {}
    try:
        given = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


# Option -> (how to read it, its value if it is not given or makes no sense).
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
    "first": (_class_path, None),
    "first_kwargs": (_kwargs, {}),
    "then": (_class_path, None),
    "then_kwargs": (_kwargs, {}),
}
