# SPDX-License-Identifier: Apache-2.0
"""connd's side: the socket, who may open it, which process serves it, and the state of the data."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

from airflow_connd import __version__, _client, _wire, errors
from airflow_connd.backend import Lookups
from airflow_connd.selftest.process import group_ids, group_name, user_name
from airflow_connd.selftest.report import Report

UNREACHABLE, DENIED = 3, 4
_STATUS = b'{"method":"io.connd.secrets.Status"}\0'
_START = "systemctl status connd (in a pod: is connd's container running?)"


def check(report: Report, backend: Lookups | None) -> dict[str, Any] | None:
    """connd's Status, if it has data that it may serve."""
    # If Airflow does not use connd's backend, check the default socket.
    settings = backend or Lookups()
    path = settings._socket_path
    if not _can_connect(report, path):
        for name in ("connd", "version"):
            report.skip(name, "needs the socket")
        return None
    try:
        status = _wire.parameters(_client.call(path, _STATUS, settings._timeout))
    except errors.ConndError as error:
        code = DENIED if isinstance(error, errors.Denied) else UNREACHABLE
        report.fail("connd", _no_status(error), _no_status_hint(error), code)
        report.skip("version", "needs a response of connd")
        return None
    is_ready = _state(report, status)
    _version(report, status)
    return status if is_ready else None


# --- the socket


def _can_connect(report: Report, path: str) -> bool:
    obstacle = _obstacle(path)
    if obstacle is not None:
        report.fail("socket", *obstacle, UNREACHABLE)
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(path)
        except BlockingIOError:
            report.warn("socket", f"{path}: its queue of new connections is full", _START)
            return True
        except OSError as error:
            report.fail("socket", *_refusal(path, error), UNREACHABLE)
            return False
        report.ok("socket", f"{path} ({_owner(os.stat(path))}), served by {_peer(sock)}")
    return True


def _obstacle(path: str) -> tuple[str, str] | None:
    """Why `path` is not a socket that this user can see, and what to do; None if it is one."""
    for parent in reversed(Path(path).parents):
        if not parent.exists():
            return (
                f"{path}: the directory {parent} does not exist",
                "start connd; in a container mount the socket's directory (not the socket)",
            )
        if not os.access(parent, os.X_OK):
            return f"{path}: this user cannot enter {parent}", f"ls -ld {parent}"
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if error.errno != errno.ENOENT:
            return f"{path}: {error.strerror}", "correct option socket_path"
        return (
            f"{path} does not exist",
            "start connd, or correct socket_path: it is [socket] path of connd.conf",
        )
    if not stat.S_ISSOCK(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "not a socket"
        return f"{path} is {what}", "correct socket_path: it is [socket] path of connd.conf"
    return None


def _refusal(path: str, error: OSError) -> tuple[str, str]:
    if error.errno == errno.ECONNREFUSED:
        return (
            f"{path}: connection refused, nothing listens there any more",
            "start connd; in a container mount the socket's directory: a mounted socket file stays "
            "the old one when connd restarts",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return _forbidden(path)
    return f"{path}: {error.strerror}", _START


def _forbidden(path: str) -> tuple[str, str]:
    found = os.stat(path)
    text = f"{path} ({_owner(found)}): permission denied for {user_name(os.geteuid())}"
    group = group_name(found.st_gid)
    if not found.st_mode & stat.S_IWGRP:
        return text, "its group cannot write to it: correct [socket] mode in connd.conf"
    if found.st_gid in group_ids():
        return text, "a security module (SELinux, AppArmor) denies it: look into the audit log"
    if _is_member(found.st_gid):
        return text, f"the user is in group {group} since this process was started: restart it"
    return text, f"usermod -aG {group} {user_name(os.geteuid())}, then restart the worker"


def _is_member(gid: int) -> bool:
    """Whether the user database has this user in that group."""
    name = user_name(os.geteuid())
    try:
        return gid in os.getgrouplist(name, os.getegid())
    except (OSError, KeyError):
        return False


def _owner(found: os.stat_result) -> str:
    owner = f"{user_name(found.st_uid)}:{group_name(found.st_gid)}"
    return f"{owner} {stat.S_IMODE(found.st_mode):04o}"


def _peer(sock: socket.socket) -> str:
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return f"pid {pid} of user {user_name(uid)}"


# --- the daemon


def _no_status(error: errors.ConndError) -> str:
    if isinstance(error, errors.ProtocolError):
        return f"the process behind the socket is not connd: {error}"
    return str(error)


def _no_status_hint(error: errors.ConndError) -> str:
    if isinstance(error, errors.ProtocolError):
        return "correct socket_path: it is [socket] path of connd.conf"
    if isinstance(error, errors.Denied):
        return "allow this user or its group in [access] of connd.conf"
    return f"it listens but does not respond: {_START}"


def _state(report: Report, status: dict[str, Any]) -> bool:
    state = str(status.get("state"))
    holds = f"{status.get('connections')} connections and {status.get('variables')} variables"
    found = f"{state}: {holds}" + _age(status) + _place(status)
    why = str(status.get("last_error") or "")
    look = "connctl status, and connd's log: journalctl -u connd"
    if state in ("not-ready", "expired"):
        text = f"{found}; {why}" if why else found
        report.fail("connd", text, f"connd must reach its manager: {look}", UNREACHABLE)
        return False
    if state == "fresh":
        report.ok("connd", found)
    else:
        report.warn("connd", f"{found}; {why}" if why else found, look)
    return True


def _age(status: dict[str, Any]) -> str:
    age = status.get("age_ms")
    return f", confirmed {age / 1000:.0f} s ago" if isinstance(age, int) else ""


def _place(status: dict[str, Any]) -> str:
    """The Deployment or Workspace of the data, if connd states it."""
    found = [f"{name} {status[name]}" for name in ("deployment", "workspace") if status.get(name)]
    return f", {', '.join(found)}" if found else ""


def _version(report: Report, status: dict[str, Any]) -> None:
    theirs = str(status.get("version") or "unknown")
    if theirs.split(".")[:2] == __version__.split(".")[:2]:
        report.ok("version", f"airflow_connd {__version__}, connd {theirs}")
    else:
        report.warn(
            "version",
            f"airflow_connd {__version__}, connd {theirs}",
            "install the same release of both",
        )
