# SPDX-License-Identifier: Apache-2.0
"""Who runs the self-test: the Python, the shim, the user."""

from __future__ import annotations

import grp
import os
import pwd
import sys
from pathlib import Path

from airflow_connd import __version__
from airflow_connd.selftest.report import Report


def check(report: Report) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    place = Path(__file__).resolve().parents[1]
    report.ok("python", f"{sys.executable} ({version}); airflow_connd {__version__} in {place}")
    report.ok("user", user_and_groups())


def user_and_groups() -> str:
    groups = ", ".join(f"{group_name(gid)} ({gid})" for gid in sorted(group_ids()))
    return f"{user_name(os.geteuid())} (uid {os.geteuid()}), groups {groups}"


def group_ids() -> set[int]:
    return {os.getegid(), *os.getgroups()}


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
