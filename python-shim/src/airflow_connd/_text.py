# SPDX-License-Identifier: Apache-2.0
"""What log lines and exceptions show of keys, peers' texts and foreign exceptions.

Everything returned here is one printable line of bounded length and holds no value.
"""

from __future__ import annotations

import os
import re

_LONGEST_KEY = 250
_LONGEST_TEXT = 300

_CONN_ID = re.compile(r"[\w#!()\-.:/\\]+")
_VALUE_LIKE = re.compile(r"""://|[{}"=@;]""")
"""A URI, JSON, or a DSN such as `host=db password=x` or `user:password@host`."""

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.\-]{0,30}):/")


def key(secret_id: object, *, is_connection: bool) -> str:
    """A key as a log line shows it: whole if it can be a key, else shortened, with the reason."""
    if not isinstance(secret_id, str):
        return f"of type {type(secret_id).__name__}"
    if _can_be_key(secret_id, is_connection):
        return repr(secret_id)
    return f"{_head(secret_id)!r} (shortened: it looks like a value, not a key)"


def _can_be_key(text: str, is_connection: bool) -> bool:
    if len(text) > _LONGEST_KEY or _VALUE_LIKE.search(text):
        return False
    return not text or bool(_CONN_ID.fullmatch(text) if is_connection else text.isprintable())


def _head(text: str) -> str:
    """The scheme of a URI; of anything else at most its first four characters, and half of it."""
    scheme = _SCHEME.match(text)
    if scheme:
        return scheme[1] + "://..."
    return line(text[: min(4, len(text) // 2)]) + "..."


def line(text: str) -> str:
    """A peer's text on one line, of at most _LONGEST_TEXT characters."""
    printable = "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_TEXT])
    return printable if len(text) <= _LONGEST_TEXT else printable + "..."


def exception(error: BaseException) -> str:
    """An exception's type and the place it comes from.

    Its text is left out, since it may quote a value. The text of an ImportError, and the
    operating system's text of an OSError, cannot.
    """
    name = type(error).__qualname__
    if type(error).__module__ not in ("builtins", "__main__"):
        name = f"{type(error).__module__}.{name}"
    if isinstance(error, ImportError):
        return f"{name}: {line(str(error))}"
    if isinstance(error, OSError) and isinstance(error.strerror, str):
        name = f"{name}: {line(error.strerror)}"
    return f"{name} at {_place(error)}"


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    if traceback is None:
        return "an unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"
