# SPDX-License-Identifier: Apache-2.0
"""What a lookup can fail with. Texts name the socket, the key or a field, never a value."""

from __future__ import annotations

from typing import Any


class ConndError(Exception):
    """A lookup that got no value. The text is the reason, for a person."""

    trace: str | None = None
    """The id sent with the request (io.connd.trace), if one was made."""


class NotFound(ConndError):
    """connd has no such record. Only this error says that the key does not exist."""


class Unreachable(ConndError):
    """No response in time: no socket, no connd behind it, or the connection ended too early."""


class ProtocolError(ConndError):
    """The bytes received are not a response of connd."""


class Denied(ConndError, PermissionError):
    """connd's [access] rules, or an option of this backend, forbid the lookup."""


class NotReady(ConndError):
    """connd runs but has no data yet."""


class Expired(ConndError):
    """connd's data is older than it may serve."""


class Withheld(ConndError):
    """The manager withholds a secret field of this record."""


class Invalid(ConndError):
    """The key, the team or the record cannot be represented."""


class Overloaded(ConndError):
    """connd has too many requests waiting."""


class Unexpected(ConndError):
    """An exception that no other class describes, for example a patched socket module."""


class SourceFailed(ConndError):
    """The backend of option `first` or `then` failed. Its own exception is the __cause__."""


_denied_class: type[Denied] | None = None


def airflow_can_deny() -> bool:
    """Whether this Airflow has an exception that ends its search (3.2.2 and later)."""
    return _class_of_denial() is not Denied


def denied(reason: str) -> Denied:
    """A denial that is also Airflow's AirflowSecretsBackendAccessDenied, where that exists.

    Airflow before 3.2.2 treats every exception, this one too, as "try the next backend".
    """
    return _class_of_denial()(reason)


def is_denial(error: BaseException) -> bool:
    """Whether `error`, raised by any backend, ends Airflow's search."""
    if isinstance(error, Denied):
        return True
    ours = _class_of_denial()
    return ours is not Denied and isinstance(error, ours.__bases__[1])


def _class_of_denial() -> type[Denied]:
    global _denied_class
    if _denied_class is not None:
        return _denied_class
    try:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied as AccessDenied
    except ImportError:
        # Not remembered: while Airflow is half imported, this import fails in any version.
        return Denied
    _denied_class = _build_class_of_denial(AccessDenied)
    return _denied_class


def _build_class_of_denial(access_denied: type[Exception]) -> type[Denied]:
    def reduce(self: Denied) -> tuple[Any, ...]:
        return denied, self.args

    # Pickled by way of denied(): the process that loads it may have another Airflow.
    members = {"__module__": __name__, "__doc__": Denied.__doc__, "__reduce__": reduce}
    return type("Denied", (Denied, access_denied), members)
