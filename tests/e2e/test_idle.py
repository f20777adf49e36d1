# SPDX-License-Identifier: Apache-2.0
"""What connd does while nothing happens: it sleeps until a descriptor is ready, without a
time-out. A time-out is set and taken back in the kernel for each lookup."""

from __future__ import annotations

from pathlib import Path

from connd_testing import Connd, Manager, eventually


def epoll_time_out(connd: Connd) -> int | None:
    """Of the epoll_wait() in which the loop's thread sleeps, in ms; None: it is not in one."""
    call = Path(f"/proc/{connd.running.pid}/syscall").read_text().split()
    if call[0] not in ("232", "281", "22"):  # epoll_wait, epoll_pwait; the latter on aarch64
        return None
    milliseconds = int(call[4], 16) & 0xFFFFFFFF
    return -1 if milliseconds == 0xFFFFFFFF else milliseconds


def test_the_loop_sleeps_without_a_time_out(manager: Manager) -> None:
    for push in ("no", "yes"):
        sections = {"manager": {"refresh": "1h", "push": push}, "freshness": {"ttl": "3h"}}
        with manager.connd(sections=sections, name=f"push-{push}") as connd:
            connd.wait_for(lambda s: s["ready"], "ready")
            connd.wait_for(lambda s, p=push: p == "no" or s.get("push") == "held", "a held call")
            eventually(lambda c=connd: epoll_time_out(c) == -1, f"no time-out with push = {push}")
