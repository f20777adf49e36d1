# SPDX-License-Identifier: Apache-2.0
"""connd's List, which streams: the one method whose response comes in several frames."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from airflow_connd import _text, errors

_LIST = b'{"method":"io.connd.secrets.List","more":true}\0'
_MOST_BYTES = 64 * 1024 * 1024


def list_keys(path: str, timeout: float) -> tuple[list[str], list[str]]:
    """The keys of the connections and of the variables that this user may read.

    Raises a ConndError or an OSError.
    """
    connections: list[str] = []
    variables: list[str] = []
    for reply in _replies(path, timeout):
        if "error" in reply:
            raise errors.ProtocolError(
                f"connd responds with the error {_text.line(reply['error'])}"
            )
        connections += _texts(reply, "connections")
        variables += _texts(reply, "variables")
    return connections, variables


def _texts(reply: dict[str, Any], member: str) -> list[str]:
    found = reply.get("parameters", {}).get(member)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _replies(path: str, timeout: float) -> list[dict[str, Any]]:
    deadline = time.monotonic() + timeout
    replies: list[dict[str, Any]] = []
    pending = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(path)
        sock.sendall(_LIST)
        while not replies or replies[-1].get("continues"):
            while b"\0" not in pending:
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                data = sock.recv(1 << 20)
                if not data or len(pending) > _MOST_BYTES:
                    raise errors.Unreachable("the list of keys ended early")
                pending += data
            frame, _, pending = pending.partition(b"\0")
            replies.append(json.loads(frame))
    return replies
