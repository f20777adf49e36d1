# SPDX-License-Identifier: Apache-2.0
"""Everything a lookup can fail with. Texts name the socket, the key or a field, never a value."""

from __future__ import annotations

from typing import Any


class ConndError(Exception):
    """A lookup that got no answer. Its text is the reason, for a person."""


class NotFound(ConndError):
    """connd has no such record: the one authoritative "not there"."""


class Unreachable(ConndError):
    """No answer in time: no socket, nobody behind it, or it closed before its reply was whole."""


class ProtocolError(ConndError):
    """Something answered, but not as connd does."""


class Denied(ConndError, PermissionError):
    """connd, or a setting of this backend, forbids the answer."""


class NotReady(ConndError):
    """connd runs, but has no data yet."""


class Expired(ConndError):
    """connd's data is older than it may serve."""


class Withheld(ConndError):
    """The manager kept back a secret of this record."""


class Invalid(ConndError):
    """The record, or the question, cannot be represented."""


class Overloaded(ConndError):
    """connd asks to be left alone for a moment."""


_denied_class: type[Denied] | None = None


def airflow_can_deny() -> bool:
    """Whether this Airflow has an exception that ends its search (3.2.2 and later)."""
    return _class_of_denial() is not Denied


def denied(reason: str) -> Denied:
    """A denial that is Airflow's own AirflowSecretsBackendAccessDenied too, where that exists.

    Airflow before 3.2.2 takes any exception for "try the next backend", this one as well.
    """
    return _class_of_denial()(reason)


def _class_of_denial() -> type[Denied]:
    global _denied_class
    if _denied_class is None:
        _denied_class = _build_class_of_denial()
    return _denied_class


def _build_class_of_denial() -> type[Denied]:
    try:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied as AccessDenied
    except ImportError:
        return Denied

    def reduce(self: Denied) -> tuple[Any, ...]:
        return denied, self.args

    # Pickled by way of denied(): the process that loads it may have another Airflow.
    members = {"__module__": __name__, "__doc__": Denied.__doc__, "__reduce__": reduce}
    return type("Denied", (Denied, AccessDenied), members)
