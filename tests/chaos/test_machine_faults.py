# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine: its disk, its clock, its limits, and a daemon killed while it writes."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from connd_testing import CONND, Connd, Varlink, eventually
from faulty_manager import FaultyManager
from world import (
    FAST,
    FULL,
    IS_ROOT,
    MATRIX,
    Ask,
    all_right,
    complaints,
    fill_faulty,
    in_namespace,
    in_words,
    ms,
    running,
    snapshot_section,
    value,
    wall_clock,
)

Row = Callable[..., None]
KILLS = 50 if FULL else 8

as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: namespaces, limits or other uids")


def has_turn(connd: Connd, turn: int) -> bool:
    return connd.variable("k0") == value(0, turn)


# --- the disk -------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(faulty: FaultyManager, workdir: Path) -> Iterator[tuple[Connd, Path]]:
    """connd with its snapshot on a file system of 64 KiB, and the path to it from outside."""
    fill_faulty(faulty)
    section = snapshot_section(workdir)
    connd = faulty.connd(workdir, {"manager": FAST, "snapshot": section})
    setup = f"mount -t tmpfs -o size=64k none {workdir}/snap"
    with running(connd, wrap=lambda argv: in_namespace(setup, argv)):
        inside = Path(f"/proc/{connd.running.pid}/root{workdir}/snap")
        eventually((inside / "connd.snapshot").exists, "a snapshot")
        yield connd, inside


def disk_course(
    faulty: FaultyManager, connd: Connd, content: Path, says: str,
    begin: Callable[[], object], end: Callable[[], object],
) -> tuple[str, str, str, str]:  # fmt: skip
    before = content.stat().st_ino
    with Ask(connd.socket) as ask:
        begin()
        for turn in (1, 2):
            fill_faulty(faulty, turn)
            eventually(lambda turn=turn: has_turn(connd, turn), "news arrive all the same")
        lines = eventually(lambda: complaints(connd, says), "the line")
        assert content.stat().st_ino == before, "the one before stays"
        end()
        recovery = "written when stopped, or within 60 s"
        if FULL:
            eventually(lambda: content.stat().st_ino != before, "written again", 70)
            recovery = "written again within 60 s"
        tally = ask.finish()
    assert len(lines) == 1 and lines == connd.events("warn", "error")
    return all_right(tally), ms(tally), in_words(lines[0]), recovery


@as_root
def test_disk_full(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    with small_disk(faulty, workdir) as (connd, inside):
        filler = inside / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as f, contextlib.suppress(OSError):
                while True:
                    f.write(b"x" * 512)
            with pytest.raises(OSError) as caught, (inside / "probe").open("wb") as f:
                f.write(b"x" * 4096)
            assert caught.value.errno == errno.ENOSPC
            (inside / "probe").unlink()

        cells = disk_course(
            faulty, connd, inside / "connd.snapshot", "No space left", fill, filler.unlink
        )
    row(MATRIX, **named("disk full", cells))


@as_root
def test_disk_read_only(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    with small_disk(faulty, workdir) as (connd, inside):

        def remount(how: str) -> None:
            subprocess.run(
                ["nsenter", "-m", "-r", "-t", str(connd.running.pid), "mount", "-o", f"remount,{how}",
                 f"{workdir}/snap"],
                check=True,
            )  # fmt: skip

        cells = disk_course(
            faulty, connd, inside / "connd.snapshot", "Read-only",
            lambda: remount("ro"), lambda: remount("rw"),
        )  # fmt: skip
    row(MATRIX, **named("disk read-only", cells))


def named(fault: str, cells: tuple[str, str, str, str]) -> dict[str, str]:
    heads = ("lookups meanwhile", "longest wait", "the log says, once", "recovery")
    return {"fault": fault, **dict(zip(heads, cells, strict=True))}


# Delays each system call of the thread that replaces the files, so that a random moment can fall
# between any two of them.
SLOWER_US = 20_000
SLOWED = "fsync,rename,link,unlink"


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_killed_while_it_writes(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    """connd is killed at a random moment while it writes a snapshot: the files must stay usable."""
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    fill_faulty(faulty)
    section = snapshot_section(workdir)
    content = Path(section["path"])
    strace: list[str | Path] = [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={SLOWED}",
        "-e", f"inject={SLOWED}:delay_enter={SLOWER_US}",
    ]  # fmt: skip
    kept, written, cut, left = 0, 0, 0, workdir / "snap/connd.snapshot.tmp"
    with running(faulty.connd(workdir, {"manager": FAST, "snapshot": section})):
        eventually(content.exists, "the first content")
    for n in range(1, KILLS + 1):
        faulty.fault = None
        fill_faulty(faulty, n)
        before = content.stat().st_ino
        connd = faulty.connd(workdir, {"manager": FAST, "snapshot": section})
        connd.stderr_path = workdir / f"writing-{n}.log"
        connd.start(wrap=lambda argv: [*strace, *argv])
        eventually(lambda n=n, connd=connd: has_turn(connd, n), "the news")
        time.sleep(draw.uniform(0, 8 * SLOWER_US / 1e6))
        os.kill(child_of(connd.running.pid), signal.SIGKILL)
        connd.running.process.wait()
        cut += left.exists()
        written += content.exists() and content.stat().st_ino != before
        faulty.fault = lambda x: x.reply(b"{}", 503)
        connd = faulty.connd(workdir, {"manager": FAST, "snapshot": section})
        connd.stderr_path = workdir / f"left-{n}.log"
        with running(connd), connd.client() as client:
            turns = {client.variable(f"k{i}").split("=")[1] for i in range(10)}
            assert len(turns) == 1, f"half of one, half of another: {turns}, seed {seed}"
            turn = int(turns.pop().rstrip(";"))
            assert turn <= n and turn >= kept, f"seed {seed}"
            kept = turn
            said = [e["event"] for e in connd.events("warn", "error") if "snapshot" in e["event"]]
            assert said == [], f"{said}, seed {seed}"
    # Some kills came before the write and some after it.
    assert 0 < written < KILLS or cut > 0, f"{cut} cut, {written} written"
    row(
        MATRIX,
        **named(
            f"SIGKILL at {KILLS} instants of a snapshot write",
            (
                f"after each: a whole snapshot served ({written} new, {KILLS - written} the one before)",
                "-", "nothing: no damage to report", "the next start",
            ),
        ),
    )  # fmt: skip


# --- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", ["+1", "-1"])
def test_wall_clock_jumps(workdir: Path, faulty: FaultyManager, row: Row, days: str) -> None:
    """The wall clock jumps by a day while connd runs; then connd restarts without a manager."""
    fill_faulty(faulty)
    offset = workdir / "offset"
    offset.write_text("0")
    env = wall_clock(offset)
    section = snapshot_section(workdir)
    connd = faulty.connd(workdir, {"manager": FAST, "snapshot": section})
    with running(connd, env=env), Ask(connd.socket) as ask:
        eventually(Path(section["path"]).exists, "the snapshot")
        offset.write_text(str(int(days) * 86400))
        done = connd.status()["syncs_ok"]
        status = connd.wait_for(lambda s: s["syncs_ok"] >= done + 3, "it goes on")
        assert status["state"] == "fresh" and status["age_ms"] < 5000
        stamps = {e.get("ts", e.get("time", ""))[:10] for e in connd.events()}
        fill_faulty(faulty, 1)
        eventually(lambda: has_turn(connd, 1), "news")
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: any(e["event"] == "reloaded" for e in connd.events()), "a line")
        stamps |= {e.get("ts", e.get("time", ""))[:10] for e in connd.events()}
        assert len(stamps) == 2, "the clock did jump"
        tally = ask.finish()
        assert connd.events("warn", "error") == []
    faulty.fault = lambda x: x.reply(b"{}", 503)
    connd.stderr_path = workdir / "second.log"
    with running(connd, env=env):
        assert has_turn(connd, 1)
        assert connd.status()["state"] == "offline" and connd.status()["age_ms"] < 60_000
        assert complaints(connd, "snapshot") == []
    cells = all_right(tally), ms(tally), "nothing: ages are not the wall clock's", "not needed"
    row(MATRIX, **named(f"wall clock jumps by {days} day", cells))


# --- limits ---------------------------------------------------------------------------------------


@as_root
def test_out_of_descriptors(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    fill_faulty(faulty)
    with (
        running(faulty.connd(workdir, {"manager": FAST})) as connd,
        Ask(connd.socket, how="keep") as ask,
        connd.client() as early,
    ):
        pid = connd.running.pid
        # Two responses later connd has noticed that the closed clients are gone, and does not count
        # them.
        eventually(
            lambda: early.status() and early.status() and connd.accepted() >= 5,
            "four that ask and this one are there",
        )
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = 1 + max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, hard))
        crowd: list[Varlink] = []
        with contextlib.suppress(OSError):
            for _ in range(20):
                crowd.append(connd.client(timeout=2))
        lines = eventually(lambda: complaints(connd, "Too many open files"), "the line")
        assert any(closed(one) for one in crowd), "a new client learns it at once"
        eventually(lambda: early.status()["syncs_failed"] >= 2, "no descriptor for a sync either")
        assert early.status()["state"] in ("fresh", "stale")
        for one in crowd:
            one.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        eventually(lambda: has_turn(connd, 0), "new clients are served")
        connd.wait_for(lambda s: s["state"] == "fresh" and not s.get("last_error"), "syncs", 60)
        tally = ask.finish()
        assert len(lines) == 1
    cells = all_right(tally), ms(tally), in_words(lines[0]), "as soon as there are some"
    row(MATRIX, **named("no descriptor left", cells))


def test_more_clients_than_descriptors(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    """connd knows its limit from the start, and keeps only as many clients as leave descriptors
    free: those that were idle longest go first."""
    fill_faulty(faulty)
    connd = faulty.connd(workdir, {"manager": FAST})
    with (
        running(connd, wrap=lambda argv: ["prlimit", "--nofile=128:128", *argv]),
        Ask(connd.socket, how="keep") as ask,
    ):
        eventually(lambda: connd.status()["syncs_ok"] >= 2, "the clients are there")
        crowd = [connd.client() for _ in range(100)]
        eventually(lambda: complaints(connd, "connections closed"), "the line")
        done = connd.status()["syncs_ok"]
        eventually(lambda: connd.status()["syncs_ok"] >= done + 2, "it goes on syncing")
        assert sum(closed(one) for one in crowd[:20]) == 20, "those that go learn it at once"
        for one in crowd:
            one.close()
        eventually(lambda: has_turn(connd, 0), "new clients are served")
        tally = ask.finish()
        first, second = connd.events("warn", "error")
        assert "limit of open files" in first["event"]
    cells = all_right(tally), ms(tally), in_words(second), "as soon as some have gone"
    row(MATRIX, **named("more clients than descriptors", cells))


def closed(client: Varlink) -> bool:
    """True if the daemon has closed this connection without sending anything."""
    client.sock.settimeout(0.5)
    try:
        return client.sock.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@as_root
@pytest.mark.parametrize("lock", ["prefer", "require"])
def test_memory_lock_refused(workdir: Path, faulty: FaultyManager, row: Row, lock: str) -> None:
    """As another user than root, with a limit of 0 bytes of locked memory."""
    fill_faulty(faulty)
    connd = faulty.connd(workdir, {"manager": FAST, "memory": {"lock": lock}})
    nobody = 65534
    program = Path(shutil.copy(CONND, workdir / "connd"))
    for path in (workdir, connd.token_file, connd.config):
        os.chown(path, nobody, nobody)
    bare = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    start = {
        "wrap": lambda argv: ["prlimit", "--memlock=0:0", *bare, program, *argv[1:]],
        "wait": "ready" if lock == "prefer" else "",
    }
    if lock == "require":
        connd.start(**start)
        assert connd.running.process.wait(10) not in (0, None)
        (said,) = connd.events("warn", "error")
        assert "lock" in said["reason"] + said["event"]
        cells = "none: it does not start", "-", in_words(said), "LimitMEMLOCK, or lock = prefer"
    else:
        with running(connd, **start), Ask(connd.socket) as ask:
            connd.wait_for(lambda s: s["syncs_ok"] >= 3, "some syncs")
            tally = ask.finish()
            (said,) = connd.events("warn", "error")
            assert "not locked" in said["event"]
        cells = all_right(tally), ms(tally), in_words(said).split(":")[0], "served, unlocked"
    row(MATRIX, **named(f"mlock refused, lock = {lock}", cells))
