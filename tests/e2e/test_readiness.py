# SPDX-License-Identifier: Apache-2.0
"""Readiness: [require], connctl wait, and the listener for probes and monitoring."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager, eventually

REQUIRE = {"keys": "conn:warehouse var:region", "max_age": "1h"}


@contextlib.contextmanager
def running(connd: Connd) -> Iterator[Connd]:
    """Starts connd and waits until it listens, not until it is ready."""
    connd.start("listening")
    try:
        yield connd
    finally:
        connd.stop()


def fetch(port: int, path: str, method: str = "GET") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read().decode()
        return response.status, response.getheader("Content-Type") or "", body
    finally:
        connection.close()


def listening_port(connd: Connd) -> int:
    events = eventually(
        lambda: [e for e in connd.events() if e["event"] == "metrics"], "it listens"
    )
    return int(events[-1]["port"])


def wait(connd: Connd, timeout: str, *args: str) -> subprocess.CompletedProcess[str]:
    return connd.connctl("wait", "--timeout", timeout, *args)


def test_wait_ends_when_what_is_required_is_there(workdir: Path) -> None:
    with Manager(workdir) as manager:
        manager.create_connection("warehouse", manager.deployment_ids["prod"], host="db")
        sections = {"require": REQUIRE, "manager": {"refresh": "1s"}}
        with running(manager.connd(sections=sections)) as connd:
            connd.wait_for(lambda s: s["connections"] == 1, "the first list")
            early = wait(connd, "300ms")
            assert (early.returncode, early.stdout) == (3, "")
            assert "var:region is missing or too old" in early.stderr
            assert connd.status()["ready"] is False
            assert connd.status()["lacks"] == "var:region"
            manager.create_variable("region", "eu", manager.deployment_ids["prod"])
            late = wait(connd, "20s")
            assert (late.returncode, late.stdout, late.stderr) == (0, "ready\n", "")
            assert connd.status()["ready"] is True
            assert "lacks" not in connd.status()


def test_wait_begins_before_connd_does(workdir: Path) -> None:
    with Manager(workdir) as manager:
        connd = manager.connd()
        argv = [CONNCTL, "wait", "--json", "--socket", connd.socket]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdout=pipe, stderr=pipe) as waiting, connd:
            out, err = waiting.communicate(timeout=PATIENCE)
        assert (waiting.returncode, out, err) == (0, b'{"ready":true}\n', b"")


def test_wait_says_why_it_gave_up(workdir: Path) -> None:
    manager = Manager(workdir)
    with running(manager.connd(sections={"freshness": {"cold_wait": "0"}})) as connd:
        connd.wait_for(lambda s: s.get("last_error"), "it has tried")
        done = wait(connd, "200ms")
        assert (done.returncode, done.stdout) == (3, "")
        assert "not ready after 200 ms" in done.stderr
        assert "connect" in done.stderr.lower(), "the reason the sync failed for"
    done = wait(connd, "200ms")
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot reach connd" in done.stderr


def test_data_that_is_too_old_is_not_ready(workdir: Path) -> None:
    with Manager(workdir) as manager:
        manager.create_connection("warehouse", manager.deployment_ids["prod"], host="db")
        sections = {
            "require": {"keys": "conn:warehouse", "max_age": "2s"},
            "manager": {"refresh": "1s", "push": "no"},
        }
        with manager.connd(sections=sections) as connd:
            assert connd.status()["ready"] is True
            manager.stop()
            connd.wait_for(lambda s: not s["ready"], "the record grows too old")


def test_probes_and_monitoring_over_http(workdir: Path) -> None:
    with Manager(workdir) as manager:
        manager.create_connection(
            "warehouse", manager.deployment_ids["prod"], host="db", password="tell-nobody"
        )
        sections = {
            "require": REQUIRE,
            "manager": {"refresh": "1s"},
            "metrics": {"listen": "127.0.0.1:0"},
        }
        with running(manager.connd(sections=sections)) as connd:
            port = listening_port(connd)
            connd.wait_for(lambda s: s["connections"] == 1, "the first list")
            assert fetch(port, "/healthz")[::2] == (200, "ok\n")
            status, _, body = fetch(port, "/readyz")
            assert (status, body) == (503, "not ready: var:region is missing or too old\n")
            manager.create_variable("region", "eu", manager.deployment_ids["prod"])
            eventually(lambda: fetch(port, "/readyz")[::2] == (200, "ready\n"), "ready")
            status, content_type, body = fetch(port, "/metrics")
            assert status == 200 and content_type.startswith("application/openmetrics-text")
            lines = body.splitlines()
            assert lines[-1] == "# EOF"
            for line in (
                'connd_state{connd_state="fresh"} 1',
                'connd_state{connd_state="expired"} 0',
                'connd_records{kind="connection"} 1',
                "connd_ready 1",
            ):
                assert line in lines
            assert "tell-nobody" not in body
            assert fetch(port, "/else")[0] == 404
            assert fetch(port, "/metrics", "POST")[0] >= 400
            assert fetch(port, "/healthz")[0] == 200


def test_the_listener_follows_a_reload(workdir: Path) -> None:
    with Manager(workdir) as manager, manager.connd() as connd:
        plain = connd.config_text()

        def reload_with(text: str, event: str) -> None:
            before = len([e for e in connd.events() if e["event"] == event])
            connd.write_config(text)
            connd.send_signal(1)
            eventually(
                lambda: len([e for e in connd.events() if e["event"] == event]) > before, event
            )

        reload_with(plain + "\n[metrics]\nlisten = 127.0.0.1:0\n", "reloaded")
        port = listening_port(connd)
        assert fetch(port, "/healthz")[0] == 200
        taken = f"\n[metrics]\nlisten = 127.0.0.1:{port} \n"
        reload_with(plain, "reloaded")
        with pytest.raises(OSError):
            fetch(port, "/healthz")
        reload_with(plain + taken, "reloaded")
        assert fetch(port, "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("9464", "ADDR:PORT"),
        ("127.0.0.1:65536", "ADDR:PORT"),
        ("example.com:80", "ADDR:PORT"),
        ("0.0.0.0:9464", "say it twice"),
        ("127.0.0.1:1 127.0.0.1:2", "one ADDR:PORT"),
    ],
)
def test_where_it_may_listen(workdir: Path, listen: str, said: str) -> None:
    connd = Manager(workdir).connd(sections={"metrics": {"listen": listen}})
    connd.write_config()
    done: Any = connd.check()
    assert done.returncode != 0 and said in done.stderr and "connd.conf:" in done.stderr


def test_open_to_others_when_said_twice(workdir: Path) -> None:
    connd = Manager(workdir).connd(sections={"metrics": {"listen": "0.0.0.0:0 0.0.0.0:0"}})
    connd.write_config()
    assert connd.check().returncode == 0


class Notified:
    """Receives the messages for a service manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.heard: list[str] = []

    def lines(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard += self.socket.recv(65536).decode().splitlines()
        return self.heard

    def close(self) -> None:
        self.socket.close()


def test_the_service_manager_is_told_when_what_is_required_is_there(workdir: Path) -> None:
    notified = Notified(workdir / "notify")
    with Manager(workdir) as manager:
        where = manager.deployment_ids["prod"]
        connd = manager.connd(sections={"require": REQUIRE, "misses": {"probe": "0"}})
        connd.start("ready", env={"NOTIFY_SOCKET": str(notified.path)})
        eventually(
            lambda: any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in notified.lines()),
            "it asks for more time",
        )
        missing = eventually(
            lambda: [e for e in connd.events("warn") if e["event"].startswith("not ready")],
            "the log names what is waited for",
            30,
        )
        assert missing[0]["keys"] == "conn:warehouse var:region"
        assert any("waiting for conn:warehouse var:region" in line for line in notified.lines())
        manager.create_connection("warehouse", where, host="h")
        connd.wait_for(lambda s: s["connections"] == 1, "one of the two")
        eventually(
            lambda: any(line.endswith("waiting for var:region") for line in notified.lines()),
            "the other one is waited for",
        )
        assert "READY=1" not in notified.lines()
        manager.create_variable("region", "eu", where)
        eventually(lambda: "READY=1" in notified.lines(), "it is ready")
        assert connd.status()["ready"]
        assert any(line.startswith("STATUS=fresh: 1 connections") for line in notified.lines())
        connd.stop()
        assert "STOPPING=1" in notified.lines()
    notified.close()


def test_without_requirements_ready_comes_with_data_or_after_ten_seconds(workdir: Path) -> None:
    notified = Notified(workdir / "notify")
    manager = Manager(workdir)
    began = time.monotonic()
    connd = manager.connd().start("listening", env={"NOTIFY_SOCKET": str(notified.path)})
    eventually(lambda: "READY=1" in notified.lines(), "the grace is over", 30)
    assert time.monotonic() - began > 9
    assert connd.status()["state"] == "not-ready"
    (warning,) = eventually(
        lambda: [e for e in connd.events("warn") if e["event"] == "started without data"]
    )
    assert "connect" in warning["reason"].lower()
    assert "ready" not in [e["event"] for e in connd.events()]
    with manager:
        eventually(lambda: "ready" in [e["event"] for e in connd.events()], "the data comes", 60)
    connd.stop()
    notified.heard.clear()
    with manager:
        began = time.monotonic()
        connd = manager.connd().start("ready", env={"NOTIFY_SOCKET": str(notified.path)})
        eventually(lambda: "READY=1" in notified.lines(), "it is ready")
        assert time.monotonic() - began < 9
        connd.stop()
    notified.close()
