# SPDX-License-Identifier: Apache-2.0
"""The snapshot: starts without a manager, and which snapshots are refused."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from connd_testing import Connd, VarlinkError, eventually
from faulty_manager import FaultyManager, connection_row, variable_row

MARKER = "s3cr3t-marker-in-a-password"


class World:
    """A manager that can be stopped, a snapshot directory, and a key in another directory."""

    def __init__(self, faulty: FaultyManager, workdir: Path) -> None:
        self.faulty, self.workdir = faulty, workdir
        self.directory = workdir / "snap"
        self.directory.mkdir()
        self.content = self.directory / "connd.snapshot"
        self.previous = self.directory / "connd.snapshot.prev"
        self.stamp = self.directory / "connd.snapshot.stamp"
        self.key = self.new_key("one")
        faulty.add(
            connection_row("warehouse", faulty.deployment, host="h0", password=MARKER),
            variable_row("v", faulty.deployment, "value"),
        )
        self.count = 0

    def new_key(self, name: str) -> Path:
        path = self.workdir / f"{name}.key"
        path.write_text(secrets.token_hex(32) + "\n")
        path.chmod(0o600)
        return path

    def connd(self, **snapshot: str) -> Connd:
        self.count += 1
        connd = self.faulty.connd(
            self.workdir,
            {
                "manager": {"refresh": "1s"},
                "snapshot": {"path": str(self.content), "key_file": str(self.key), **snapshot},
            },
        )
        connd.stderr_path = self.workdir / f"{self.count}.log"
        return connd

    def change(self, host: str) -> None:
        self.faulty.rows["CONNECTION"][0]["connection"]["host"] = host

    def manager_goes(self) -> None:
        self.faulty.fault = lambda x: x.reply(b"{}", 503)

    def write_one(self) -> None:
        """Makes a content and a stamp in a run with the manager, and stops the manager."""
        self.faulty.fault = None
        with self.connd() as connd:
            connd.wait_for(lambda s: s["state"] == "fresh", "a list")
            eventually(self.content.exists, "the content")
        assert self.stamp.exists()
        self.manager_goes()


@pytest.fixture
def world(faulty: FaultyManager, workdir: Path) -> Iterator[World]:
    yield World(faulty, workdir)


def refused(connd: Connd) -> str:
    """Starts with a snapshot that is refused. Returns the logged reason."""
    connd.write_config()
    connd.start(wait="listening")
    try:
        assert connd.status()["state"] == "not-ready"
        events = connd.events("warn")
        return next(e["reason"] for e in events if e["event"] == "snapshot refused")
    finally:
        connd.stop()


def test_a_start_without_a_manager_is_served_at_once_as_offline(world: World) -> None:
    world.write_one()
    with world.connd() as connd:
        assert connd.connection("warehouse")["host"] == "h0"
        assert connd.connection("warehouse")["password"] == MARKER
        assert connd.variable("v") == "value"
        status = connd.status()
        assert status["state"] == "offline"
        # The first run had no generation number to continue.
        assert abs(status["generation"] - time.time() * 1000) < 600_000
        world.faulty.fault = None
        connd.wait_for(lambda s: s["state"] == "fresh", "the manager is back")
        assert connd.status()["generation"] == status["generation"], "equal content, equal number"


def test_no_value_is_readable_on_disk_and_nobody_else_may_read(world: World) -> None:
    world.write_one()
    for path in world.directory.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        raw = path.read_bytes()
        for word in (MARKER, "warehouse", "h0", "value"):
            assert word.encode() not in raw


def test_the_content_is_written_when_it_changed_only(world: World) -> None:
    with world.connd() as connd:
        eventually(world.content.exists, "the content")
        first = world.content.stat()
        done = connd.status()["syncs_ok"]
        connd.wait_for(lambda s: s["syncs_ok"] >= done + 3, "quiet syncs")
        assert world.content.stat().st_mtime_ns == first.st_mtime_ns
        assert world.content.stat().st_ino == first.st_ino
        world.change("h1")
        eventually(lambda: world.content.stat().st_ino != first.st_ino, "the new content")
        assert world.previous.stat().st_ino == first.st_ino, "the one before is kept"


@pytest.mark.parametrize("cut", [0, 1, 40, -1], ids=["empty", "1 byte", "40 bytes", "one short"])
def test_a_truncated_content_is_refused_and_the_one_before_is_used(world: World, cut: int) -> None:
    world.write_one()
    world.change("h1")
    world.write_one()
    raw = world.content.read_bytes()
    world.content.write_bytes(raw[:cut])
    with world.connd() as connd:
        assert connd.connection("warehouse")["host"] == "h0", "the content before"
        assert any("snapshot damaged" in e["event"] for e in connd.events("warn"))


def test_a_tampered_content_without_another_is_refused(world: World) -> None:
    world.write_one()
    world.previous.unlink(missing_ok=True)
    raw = bytearray(world.content.read_bytes())
    for at in (len(raw) // 2, len(raw) - 1, 60):
        bad = bytearray(raw)
        bad[at] ^= 1
        world.content.write_bytes(bad)
        assert refused(world.connd())


def test_another_key_another_deployment_each_has_its_own_message(world: World) -> None:
    world.write_one()
    messages = {refused(world.connd(key_file=str(world.new_key("other"))))}
    connd = world.connd()
    connd.sections["manager"]["deployment"] = world.faulty.other_deployment
    messages.add(refused(connd))
    assert len(messages) == 2, messages


def test_a_content_older_than_max_stale_is_refused(world: World) -> None:
    world.write_one()
    connd = world.connd()
    connd.sections["freshness"] = {"ttl": "1ms", "stale": "1ms", "max_stale": "1ms"}
    assert refused(connd)


def test_a_rotated_key_reads_the_old_and_writes_the_new(world: World) -> None:
    world.write_one()
    old, world.key = world.key, world.new_key("two")
    before = world.content.stat().st_ino
    with world.connd(previous_key_file=str(old)) as connd:
        assert connd.connection("warehouse")["host"] == "h0"
        eventually(lambda: world.content.stat().st_ino != before, "sealed anew")
    with world.connd() as connd:
        assert connd.connection("warehouse")["host"] == "h0", "without the old key"


def test_a_reload_takes_another_key_and_refuses_a_bad_one(world: World) -> None:
    with world.connd() as connd:
        eventually(world.content.exists, "the content")
        before = world.content.stat().st_ino
        world.key.write_text("no key\n")
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: connd.events("error"), "the refusal")
        assert world.content.stat().st_ino == before
        world.key.write_text(secrets.token_hex(32))
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: world.content.stat().st_ino != before, "sealed anew")
    world.manager_goes()
    with world.connd() as connd:
        assert connd.connection("warehouse")["host"] == "h0"
        loaded = next(e for e in connd.events("info") if e["event"] == "snapshot loaded")
        assert loaded["manager"] == world.faulty.url


def test_a_reload_refused_for_another_reason_leaves_the_snapshot_as_it_was(world: World) -> None:
    with world.connd() as connd, socket.create_server(("127.0.0.1", 0)) as taken:
        eventually(world.content.exists, "the content")
        before = world.content.stat().st_ino
        connd.sections["metrics"] = {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}
        connd.write_config()
        connd.send_signal(signal.SIGHUP)
        eventually(lambda: connd.events("error"), "the refusal")
        world.change("h1")
        eventually(lambda: world.content.stat().st_ino != before, "the change")
    world.manager_goes()
    with world.connd() as connd:
        assert connd.connection("warehouse")["host"] == "h1"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda w: w.key.chmod(0o644), "chmod"),
        (lambda w: w.key.write_text("short"), "key"),
        (lambda w: w.key.unlink(), "No such file"),
        (
            lambda w: setattr(w, "key", Path(shutil.copy(w.key, w.directory / "k"))),
            "directory of the snapshot",
        ),
    ],
    ids=["readable by all", "no key in it", "gone", "beside the snapshot"],
)
def test_check_reports_an_unusable_key(
    world: World, spoil: Callable[[World], object], word: str
) -> None:
    spoil(world)
    if world.key.exists() and word == "directory of the snapshot":
        world.key.chmod(0o600)
    result = world.connd().check()
    assert result.returncode == 1
    assert word in result.stderr


def test_disk_failure_is_one_warning_and_lookups_continue(world: World) -> None:
    shutil.rmtree(world.directory)
    with world.connd() as connd:
        eventually(
            lambda: any("snapshot not written" in e["event"] for e in connd.events("warn")),
            "the warning",
        )
        for n in range(3):
            world.change(f"h{n + 1}")
            eventually(lambda n=n: connd.connection("warehouse")["host"] == f"h{n + 1}", "news")
        assert sum("snapshot not written" in e["event"] for e in connd.events("warn")) == 1


def test_kill_at_any_moment_leaves_a_valid_snapshot(world: World) -> None:
    """The manager changes with every list; connd is killed while it writes."""
    served = iter(range(10_000))

    def changing(x: object) -> None:
        world.change(f"k{next(served)}")
        x.reply(x.page())  # type: ignore[attr-defined]

    for n in range(10):
        world.faulty.fault = changing
        connd = world.connd().start()
        eventually(world.content.exists, "a content")
        if n % 2:
            before = world.content.stat().st_ino
            eventually(lambda before=before: world.content.stat().st_ino != before, "another")
        os.kill(connd.running.pid, signal.SIGKILL)
        connd.running.process.wait()
        world.manager_goes()
        with world.connd() as again:
            assert again.connection("warehouse")["host"].startswith("k")
            assert not any("damaged" in e["event"] for e in again.events("warn"))


def test_an_upgrade_without_a_manager_is_served_from_the_snapshot(world: World) -> None:
    with world.connd() as connd:
        eventually(world.content.exists, "the content")
        world.manager_goes()
        connd.wait_for(lambda s: s.get("last_error"), "the outage")
        connd.send_signal(signal.SIGUSR2)
        eventually(
            lambda: sum(e["event"] == "connd serves" for e in connd.events()) == 2, "the upgrade"
        )
        assert connd.connection("warehouse")["host"] == "h0"
        assert connd.status()["state"] == "offline"


def wait_held_off(connd: Connd) -> None:
    """Waits until connd has a Retry-After of a minute."""
    connd.wait_for(
        lambda s: s.get("last_error") and s.get("next_sync_ms", 0) > 20000, "it was told to wait"
    )


def held_off_until_a_reload(world: World, connd: Connd, asked: int) -> None:
    wait_held_off(connd)
    assert len(world.faulty.requests) == asked
    connd.send_signal(signal.SIGHUP)
    eventually(lambda: len(world.faulty.requests) > asked, "the reload asks at once")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR2])
def test_retry_after_holds_over_a_restart(world: World, sig: signal.Signals) -> None:
    with world.connd() as connd:
        connd.wait_for(lambda s: s["state"] == "fresh", "a list")
        eventually(world.content.exists, "the content")
        world.faulty.fault = lambda x: x.reply("{}", 429, Retry_After="60")
        wait_held_off(connd)
        eventually(world.stamp.exists, "it is noted at once, not in a minute")
        asked = len(world.faulty.requests)
        if sig == signal.SIGUSR2:
            connd.send_signal(sig)
            eventually(
                lambda: sum(e["event"] == "connd serves" for e in connd.events()) == 2, "upgraded"
            )
            held_off_until_a_reload(world, connd, asked)
        elif sig == signal.SIGKILL:
            connd.running.kill()
            connd.program = None
    if sig != signal.SIGUSR2:
        with world.connd() as connd:
            assert connd.variable("v") == "value"
            held_off_until_a_reload(world, connd, asked)


def test_retry_after_holds_over_a_restart_without_data(world: World) -> None:
    world.faulty.fault = lambda x: x.reply("{}", 503, Retry_After="60")
    connd = world.connd().start("listening")
    wait_held_off(connd)
    connd.stop()
    asked = len(world.faulty.requests)
    connd = world.connd().start("listening")
    with pytest.raises(VarlinkError, match="Retry-After"):
        connd.variable("v")
    held_off_until_a_reload(world, connd, asked)
    connd.stop()


def test_the_next_sync_is_due_when_it_was_before_a_restart(world: World) -> None:
    """So that many daemons that start together do not sync together."""
    slow = {"refresh": "10m"}
    connd = world.connd()
    connd.sections["manager"].update(slow)
    connd.write_config()
    with connd:
        eventually(world.content.exists, "the content")
        due = connd.wait_for(lambda s: s["state"] == "fresh", "a list")["next_sync_ms"]
        asked = len(world.faulty.requests)
    for _ in range(3):
        connd = world.connd()
        connd.sections["manager"].update(slow)
        connd.write_config()
        with connd:
            status = connd.status()
            assert due - 60000 < status["next_sync_ms"] <= due
            assert connd.variable("v") == "value"
    assert len(world.faulty.requests) == asked


@pytest.mark.skipif(os.geteuid() != 0, reason="a clock of its own")
def test_age_runs_through_a_suspend(world: World) -> None:
    """Only the boot clock is an hour ahead, as after an hour of suspend."""
    world.write_one()
    connd = world.connd()
    connd.start(wrap=lambda argv: ["unshare", "--time", "--boottime", "3600", *argv])
    status = connd.status()
    assert 3600_000 <= status["age_ms"] < 3660_000 and status["state"] == "offline"
    world.faulty.fault = None
    connd.wait_for(lambda s: s["state"] == "fresh", "a sync")
    assert connd.status()["age_ms"] < 60_000
    connd.stop()
    connd = world.connd()
    connd.sections["freshness"] = {"max_stale": "30m"}
    connd.write_config()
    world.manager_goes()
    connd.start(
        wait="listening",
        wrap=lambda argv: ["unshare", "--time", "--boottime", "7200", *argv],
    )
    assert connd.status()["state"] == "not-ready"
    reason = next(e["reason"] for e in connd.events("warn") if e["event"] == "snapshot refused")
    assert "too old" in reason
    connd.stop()
