# SPDX-License-Identifier: Apache-2.0
"""connctl watch: changes of connd's copy as they arrive."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager, Varlink, eventually


class Watcher:
    running = 0

    def __init__(self, connd: Connd, *args: str) -> None:
        name = connd.directory / f"watch-{Watcher.running}"
        self.out, self.err = name.with_suffix(".out"), name.with_suffix(".err")
        with self.out.open("w") as stdout, self.err.open("w") as stderr:
            self.process = subprocess.Popen(
                [CONNCTL, "watch", "--socket", connd.socket, *args], stdout=stdout, stderr=stderr
            )

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()

    def changes(self) -> list[tuple[str, str, str]]:
        rows: list[dict[str, Any]] = [json.loads(line) for line in self.lines()]
        return [(r["change"], r.get("kind", ""), r.get("key", "")) for r in rows]


@contextmanager
def watching(connd: Connd, *args: str) -> Iterator[Watcher]:
    eventually(lambda: connd.accepted() == Watcher.running, "those before have gone")
    watcher = Watcher(connd, *args)
    Watcher.running += 1
    try:
        eventually(lambda: connd.accepted() == Watcher.running, "connected")
        yield watcher
    finally:
        Watcher.running -= 1
        watcher.process.kill()
        watcher.process.wait(PATIENCE)


def test_each_change_is_one_line_and_never_a_value(manager: Manager, connd: Connd) -> None:
    prod = manager.deployment_ids["prod"]
    with watching(connd, "--json") as watcher, watching(connd) as people:
        a = manager.create_connection("warehouse", prod, password="s3cr3t-one")
        eventually(lambda: len(watcher.lines()) == 1, "the first")
        manager.update(a, connection={"type": "postgres", "password": "s3cr3t-two"})
        eventually(lambda: len(watcher.lines()) == 2, "the second")
        manager.delete(a)
        manager.create_variable("v", "s3cr3t-value", prod)
        eventually(lambda: len(watcher.lines()) == 4, "the others")
        assert watcher.changes()[:2] == [
            ("added", "connection", "warehouse"),
            ("changed", "connection", "warehouse"),
        ]
        assert set(watcher.changes()[2:]) == {
            ("removed", "connection", "warehouse"),
            ("added", "variable", "v"),
        }
        last = json.loads(watcher.lines()[-1])
        assert last["generation"] == connd.status()["generation"] and last["time_ms"] > 0
        eventually(lambda: len(people.lines()) == 4, "for people")
        assert "s3cr3t" not in "".join(watcher.lines() + people.lines())
        assert people.lines()[0].split()[1:3] == ["added", "conn:warehouse"]


def test_patterns_select_kinds_and_keys(manager: Manager, connd: Connd) -> None:
    prod = manager.deployment_ids["prod"]
    with watching(connd, "--json", "conn:prod_*", "var:*") as watcher:
        manager.create_connection("prod_db", prod)
        manager.create_connection("dev_db", prod)
        manager.create_variable("last", "x", prod)
        eventually(lambda: '"last"' in watcher.out.read_text(), "the last one")
        assert [key for _, _, key in watcher.changes()] == ["prod_db", "last"]


@pytest.mark.parametrize("missed", [False, True])
def test_it_survives_a_restart_and_says_so(manager: Manager, connd: Connd, missed: bool) -> None:
    prod = manager.deployment_ids["prod"]
    connd.write_config(connd.config_text())
    with watching(connd, "--json") as watcher:
        manager.create_variable("before", "x", prod)
        eventually(lambda: len(watcher.lines()) == 1, "before")
        connd.stop()
        eventually(lambda: "connecting again" in watcher.err.read_text(), "it says so")
        if missed:
            manager.create_variable("meanwhile", "x", prod)
        connd.start()
        eventually(lambda: len(watcher.lines()) >= 2, "again")
        manager.create_variable("after", "x", prod)
        eventually(lambda: '"after"' in watcher.out.read_text(), "after")
        assert watcher.process.poll() is None
        assert watcher.changes()[1][0] == "reconnected"
        assert json.loads(watcher.lines()[1])["missed"] in (True, False)


def test_an_interrupt_ends_it_with_exit_code_0(connd: Connd) -> None:
    for sig in (signal.SIGINT, signal.SIGTERM):
        with watching(connd) as watcher:
            watcher.process.send_signal(sig)
            assert watcher.process.wait(PATIENCE) == 0
            assert watcher.err.read_text() == ""
        eventually(lambda: connd.accepted() == 0, "connd has noticed")


def test_a_stop_does_not_wait_for_watchers(connd: Connd) -> None:
    with watching(connd):
        connd.stop()


def test_without_connd_it_fails_like_every_verb(workdir: Path, connd: Connd) -> None:
    connd.stop()
    done = connd.connctl("watch")
    assert (done.returncode, done.stdout) == (3, "") and "is connd running" in done.stderr.lower()


def test_a_watch_without_more_is_told_to_ask_for_more(connd: Connd) -> None:
    with connd.client() as client:
        client.send(Varlink.frame("io.connd.secrets.Watch"))
        reply = client.receive()
    assert reply and reply["error"] == "org.varlink.service.ExpectedMore"
