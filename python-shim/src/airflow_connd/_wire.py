# SPDX-License-Identifier: Apache-2.0
"""Questions to bytes and bytes to answers: io.connd.secrets as Varlink frames. No sockets here.

An answer that is a failure is *returned* as an exception, not raised: a decoding error of the
standard library carries the text it choked on, and that text may be a secret.
"""

from __future__ import annotations

from json.decoder import JSONDecoder
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, Callable

from airflow_connd import errors

INTERFACE = "io.connd.secrets."
MAX_QUESTION = 64 * 1024
"""connd closes on a longer frame ([socket] max_frame); a key of that size names nothing."""

_scan: Callable[[str, int], tuple[Any, int]] = vars(JSONDecoder())["scan_once"]
"""JSONDecoder.decode() less its search for white space, which costs more than the rest."""

_TEXT_LIMIT = 300
"""Longest piece of a peer's own words that goes into an error."""


class Method:
    """One lookup method; its constant bytes are joined once."""

    __slots__ = ("_head", "argument", "name", "noun")

    def __init__(self, name: str, argument: str, noun: str) -> None:
        self.name = name
        self.argument = argument
        self.noun = noun
        self._head = f'{{"method":"{INTERFACE}{name}","parameters":{{"{argument}":'

    def question(self, key: str, team: str | None = None) -> bytes:
        """The frame that asks for `key`; Invalid if no record can have that key."""
        if not isinstance(key, str):
            raise errors.Invalid(f"the {self.argument} is not text")
        if team:
            text = f'{self._head}{_quote(key)},"team":{_quote(team)}}}}}\0'
        else:
            text = self._head + _quote(key) + "}}\0"
        if len(text) > MAX_QUESTION:
            raise errors.Invalid(f"the {self.argument} is too long to ask for")
        return text.encode("ascii")


GET_CONNECTION = Method("GetConnection", "conn_id", "connection")
GET_VARIABLE = Method("GetVariable", "key", "variable")


def answer(frame: bytes) -> str | errors.ConndError:
    """The value a reply frame (its closing NUL included) carries, or the reason it has none."""
    try:
        text = frame[:-1].decode().strip()
        reply, end = _scan(text, 0)
        if end != len(text):
            return errors.ProtocolError("the reply is not JSON")
        parameters = reply["parameters"] if "error" not in reply else None
        value = parameters["value"] if parameters is not None else None
    except (ValueError, TypeError, KeyError, StopIteration, RecursionError):
        return errors.ProtocolError("the reply is not an answer of io.connd.secrets")
    if type(value) is str and "continues" not in reply:
        return value
    if parameters is None:
        return _failure(reply.get("error"), reply.get("parameters"))
    return errors.ProtocolError("the reply holds no value")


def _failure(name: Any, parameters: Any) -> errors.ConndError:
    if not isinstance(name, str):
        return errors.ProtocolError("the reply's error is not a name")
    given = parameters if isinstance(parameters, dict) else {}
    if name.startswith(INTERFACE):
        make = _OURS.get(name[len(INTERFACE) :])
        if make is not None:
            return make(given)
    if name == "org.varlink.service.PermissionDenied":
        return errors.Denied("connd does not allow this user to read it ([access] in connd.conf)")
    if name == "org.varlink.service.InvalidParameter":
        return errors.Invalid(f"connd refuses the question's {_words(given, 'parameter')}")
    return errors.ProtocolError(f"connd answers with the error {_shorten(name)}")


def _not_found(given: dict[str, Any]) -> errors.ConndError:
    return errors.NotFound(f"not there (connd's data is {_words(given, 'state')})")


def _not_ready(given: dict[str, Any]) -> errors.ConndError:
    return errors.NotReady(f"connd has no data yet: {_words(given, 'reason')}")


def _expired(given: dict[str, Any]) -> errors.ConndError:
    return errors.Expired(
        f"connd's data is {_seconds(given, 'age_ms')} old and may not be served any more: "
        f"{_words(given, 'reason')}"
    )


def _withheld(given: dict[str, Any]) -> errors.ConndError:
    fields = given.get("fields")
    names = ", ".join(map(str, fields)) if isinstance(fields, list) else "a field"
    return errors.Withheld(f"the manager withholds its {_shorten(names)}")


def _invalid(given: dict[str, Any]) -> errors.ConndError:
    return errors.Invalid(f"its {_words(given, 'field')} in the manager cannot be represented")


def _overloaded(given: dict[str, Any]) -> errors.ConndError:
    return errors.Overloaded(f"connd is overloaded, try again in {_seconds(given, 'retry_ms')}")


_OURS: dict[str, Callable[[dict[str, Any]], errors.ConndError]] = {
    "NotFound": _not_found,
    "NotReady": _not_ready,
    "Expired": _expired,
    "Withheld": _withheld,
    "Invalid": _invalid,
    "Overloaded": _overloaded,
}


def _words(given: dict[str, Any], member: str) -> str:
    text = given.get(member)
    return _shorten(text) if isinstance(text, str) and text else f"({member} not said)"


def _seconds(given: dict[str, Any], member: str) -> str:
    milliseconds = given.get(member)
    return f"{milliseconds / 1000:g} s" if isinstance(milliseconds, int) else "an unknown time"


def _shorten(text: str) -> str:
    """One line of at most _TEXT_LIMIT characters: a log line stays a line."""
    line = "".join(c if c.isprintable() else "?" for c in text[:_TEXT_LIMIT])
    return line if len(text) <= _TEXT_LIMIT else line + "..."
