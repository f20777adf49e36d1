# SPDX-License-Identifier: Apache-2.0
"""io.connd.secrets as Varlink frames: requests to bytes, bytes to values. No sockets here.

A response that holds no value is *returned* as an exception, not raised: a decoding error of the
standard library carries the text it failed on, and that text may be a secret.
"""

from __future__ import annotations

import re
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, Callable

from airflow_connd import _text, errors

INTERFACE = "io.connd.secrets."
MAX_REQUEST = 64 * 1024
"""Bytes. connd closes on a longer frame ([socket] max_frame); no record has such a key."""

_scan: Callable[[str, int], tuple[Any, int]] = vars(JSONDecoder())["scan_once"]
"""JSONDecoder.decode() without its search for white space, which costs more than the rest."""


_VALUE_HEAD = '{"parameters":{"value":"'
_VALUE_TAIL = re.compile(r',"generation":[0-9]+,"state":"[a-z-]+","age_ms":[0-9]+\}\}\0')
"""What surrounds the value as connd writes it. Any other spelling is left to the JSON decoder."""


class Method:
    """A lookup method. The constant bytes of its frame are joined once."""

    __slots__ = ("_head", "argument", "name")

    def __init__(self, name: str, argument: str) -> None:
        self.name = name
        self.argument = argument
        self._head = f'{{"method":"{INTERFACE}{name}","parameters":{{"{argument}":'

    def request(self, key: str, team: str | None = None, trace: str = "") -> bytes:
        """The frame of a lookup. Raises Invalid if no record can have that key or team.

        `trace` is sent as the header member io.connd.trace: printable ASCII without `"` and `\\`.
        """
        tail = f'}},"io.connd.trace":"{trace}"}}\0' if trace else "}}\0"
        if not isinstance(key, str):
            raise errors.Invalid(f"the {self.argument} is not text")
        if team:
            if not isinstance(team, str):
                raise errors.Invalid("the team is not text")
            tail = f',"team":{_quote(team)}{tail}'
        text = self._head + _quote(key) + tail
        if len(text) > MAX_REQUEST:
            raise errors.Invalid(f"the {self.argument} is too long: no record has such a key")
        return text.encode("ascii")


GET_CONNECTION = Method("GetConnection", "conn_id")
GET_VARIABLE = Method("GetVariable", "key")


def value(
    is_object: bool, receive: Callable[..., bytes], *arguments: Any
) -> str | errors.ConndError:
    """The value of the response frame that `receive(*arguments)` returns, or why it has none.

    `is_object`: the value must be a JSON object. Airflow takes any other text for a URI and makes a
    wrong connection of it.

    Whatever ends this function, no local variable of it holds the value then. So it receives the
    frame itself: as an argument, a frame would be in a local before the first line.
    """
    text: Any = None
    reply: Any = None
    found: Any = None
    try:
        text = receive(*arguments)
        try:
            text = text.decode()
            if text.startswith(_VALUE_HEAD):
                found, end = scanstring(text, len(_VALUE_HEAD))
            if found is None or _VALUE_TAIL.fullmatch(text, end) is None:
                text = text[:-1].strip()
                reply, end = _scan(text, 0)
                if end != len(text):
                    return errors.ProtocolError("the response is not JSON")
                if "error" in reply:
                    return _failure(reply["error"], reply.get("parameters"))
                if "continues" in reply:
                    return errors.ProtocolError("the response says that another one follows")
                found = reply["parameters"]["value"]
        except (ValueError, TypeError, KeyError, StopIteration, RecursionError):
            return errors.ProtocolError("the response is not one of io.connd.secrets")
        if type(found) is not str:
            return errors.ProtocolError("the response holds no value")
        if is_object and not found.startswith("{"):
            return errors.Invalid("connd's value is not a JSON object")
        return found
    finally:
        del text, reply, found


def parameters(frame: bytes) -> dict[str, Any]:
    """The parameters of a response without values (Status, List). Raises a ConndError."""
    try:
        reply = JSONDecoder().decode(frame[:-1].decode())
        found = reply.get("parameters", {})
        if "error" in reply:
            raise _failure(reply["error"], found)
    except (ValueError, AttributeError, RecursionError):
        raise errors.ProtocolError("the response is not one of io.connd.secrets") from None
    if not isinstance(found, dict):
        raise errors.ProtocolError("the response has no parameters")
    return found


def _failure(name: Any, parameters: Any) -> errors.ConndError:
    if not isinstance(name, str):
        return errors.ProtocolError("the response's error is not a name")
    given = parameters if isinstance(parameters, dict) else {}
    if name.startswith(INTERFACE):
        make = _OURS.get(name[len(INTERFACE) :])
        if make is not None:
            return make(given)
    if name == "org.varlink.service.PermissionDenied":
        return errors.Denied("connd does not allow this user to read it ([access] in connd.conf)")
    if name == "org.varlink.service.InvalidParameter":
        return errors.Invalid(f"connd refuses the request's {_words(given, 'parameter')}")
    return errors.ProtocolError(f"connd responds with the error {_text.line(name)}")


def _not_found(given: dict[str, Any]) -> errors.ConndError:
    return errors.NotFound(f"connd has no such record (its data is {_words(given, 'state')})")


def _not_ready(given: dict[str, Any]) -> errors.ConndError:
    return errors.NotReady(f"connd has no data yet: {_words(given, 'reason')}")


def _expired(given: dict[str, Any]) -> errors.ConndError:
    return errors.Expired(
        f"connd's data is {_seconds(given, 'age_ms')} old, too old to be served: "
        f"{_words(given, 'reason')}"
    )


def _withheld(given: dict[str, Any]) -> errors.ConndError:
    fields = given.get("fields")
    names = ", ".join(map(str, fields)) if isinstance(fields, list) else "secrets"
    return errors.Withheld(f"the manager withholds its {_text.line(names)}")


def _invalid(given: dict[str, Any]) -> errors.ConndError:
    if given.get("field") in ("connection", "airflowVariable", "environmentVariable"):
        return errors.Invalid(
            "the manager lists it without a value: it may have been created without one; "
            "set its value there"
        )
    return errors.Invalid(f"its {_words(given, 'field')} in the manager cannot be represented")


def _overloaded(given: dict[str, Any]) -> errors.ConndError:
    return errors.Overloaded(
        f"connd is overloaded; it can be asked in {_seconds(given, 'retry_ms')}"
    )


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
    return _text.line(text) if isinstance(text, str) and text else f"(no {member} given)"


def _seconds(given: dict[str, Any], member: str) -> str:
    milliseconds = given.get(member)
    return f"{milliseconds / 1000:g} s" if isinstance(milliseconds, int) else "an unknown time"
