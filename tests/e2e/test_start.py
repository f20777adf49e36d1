# SPDX-License-Identifier: Apache-2.0
"""The order of a start: first what serves lookups, then libcurl and its libraries."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import Connd, VarlinkError, eventually
from faulty_manager import FaultyManager, connection_row

LIBRARY = "libcurl.so.4"


@pytest.fixture
def first(workdir: Path) -> Path:
    """The directory that the loader searches first."""
    path = workdir / "first"
    path.mkdir()
    return path


@pytest.fixture
def environment(first: Path) -> dict[str, str]:
    return {**os.environ, "LD_LIBRARY_PATH": str(first)}


@pytest.fixture
def connd(faulty: FaultyManager, workdir: Path) -> Connd:
    """connd with a snapshot of an earlier run."""
    (workdir / "snap").mkdir()
    content, key = workdir / "snap/content", workdir / "key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32))
    faulty.add(connection_row("warehouse", faulty.deployment, host="h"))
    connd = faulty.connd(workdir, {"snapshot": {"path": str(content), "key_file": str(key)}})
    with connd:
        eventually(content.exists, "the snapshot")
    connd.stderr_path = workdir / "second.log"
    return connd


@pytest.fixture
def slow(first: Path) -> Iterator[Path]:
    """A FIFO in place of a library: the loader waits until something is written to it."""
    path = first / LIBRARY
    os.mkfifo(path, 0o600)
    yield path
    with contextlib.suppress(OSError):  # the loader no longer waits
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def writing_end(fifo: Path) -> int | None:
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def events(connd: Connd) -> list[str]:
    return [e["event"] for e in connd.events()]


def test_the_snapshot_is_served_before_the_library_is_there(
    connd: Connd, faulty: FaultyManager, environment: dict[str, str], slow: Path
) -> None:
    asked = len(faulty.requests)
    connd.start(wait="listening", env=environment)
    writer = eventually(lambda: writing_end(slow), "the loader waits for the library")
    with connd.client() as client:
        assert client.connection("warehouse")["host"] == "h"
    status = connd.wait_for(lambda s: s["syncing"], "a sync is due, and waits for the library")
    assert status["state"] == "offline"
    assert "connd serves" in events(connd) and "ready" not in events(connd)
    assert len(faulty.requests) == asked
    slow.unlink()
    os.close(writer)  # no bytes: not a library
    eventually(lambda: "ready" in events(connd), "a snapshot is enough to be ready")
    failed = next(e for e in connd.events("warn") if e["event"].startswith("sync failed"))
    assert str(slow) in failed["reason"] and "install the package libcurl4" in failed["reason"]
    connd.wait_for(lambda s: s["state"] == "fresh", "the next sync finds the library")
    connd.stop()


def test_a_reload_and_a_stop_while_the_library_loads(
    connd: Connd, environment: dict[str, str], slow: Path
) -> None:
    connd.start(wait="listening", env=environment)
    writer = eventually(lambda: writing_end(slow), "the loader waits for the library")
    connd.send_signal(signal.SIGHUP)
    eventually(lambda: "reloaded" in events(connd), "the reload")
    connd.send_signal(signal.SIGTERM)
    eventually(lambda: "stopping" in events(connd), "the stop")
    os.close(writer)
    connd.stop()


@pytest.mark.parametrize("data", [True, False], ids=["snapshot", "no data"])
def test_a_library_that_is_missing_is_a_failed_sync_until_it_is_there(
    connd: Connd, first: Path, environment: dict[str, str], data: bool
) -> None:
    if not data:
        connd.sections.pop("snapshot")
        connd.sections["freshness"] = {"cold_wait": "100ms"}
        connd.write_config()
    (first / LIBRARY).touch()
    checked = connd.check(env=environment)
    assert checked.returncode == 1
    reason = checked.stderr.splitlines()[-1]
    assert reason.startswith(f"connd: {first / LIBRARY}: file too short; ")
    connd.start(wait="listening", env=environment)
    status = connd.wait_for(lambda s: s.get("last_error"), "a sync has failed")
    assert status["last_error"] == reason.removeprefix("connd: ")
    if data:
        assert connd.connection("warehouse")["host"] == "h"
    else:
        with pytest.raises(VarlinkError, match="NotReady") as caught:
            connd.connection("warehouse")
        assert "install the package libcurl4" in caught.value.parameters["reason"]
    (first / LIBRARY).unlink()
    connd.wait_for(lambda s: s["state"] == "fresh", "a later sync", 60)
    connd.stop()


def test_an_upgrade_without_the_library_is_refused(
    connd: Connd, first: Path, environment: dict[str, str]
) -> None:
    connd.start(wait="ready", env=environment)
    eventually(lambda: "ready" in events(connd), "READY")
    connd.wait_for(lambda s: s["state"] == "fresh", "a sync")
    (first / LIBRARY).touch()
    connd.send_signal(signal.SIGUSR2)
    refusal = eventually(
        lambda: [e for e in connd.events("error") if "upgrade refused" in e["event"]], "refusal"
    )
    assert "install the package libcurl4" in refusal[0]["reason"]
    assert connd.connection("warehouse")["host"] == "h"
    connd.stop()
