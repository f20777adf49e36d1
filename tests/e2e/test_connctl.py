# SPDX-License-Identifier: Apache-2.0
"""connctl as people and scripts use it: output, exit codes, and nothing on stdout when it fails."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Connd, Manager
from faulty_manager import Exchange, FaultyManager, connection_row

SECRET = "s3cr3t-p@ss"
EXTRA_SECRET = "extra-s3cr3t"


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    prod = manager.deployment_ids["prod"]
    manager.create_connection(
        "warehouse", prod, description="The warehouse", host="db.example.com", login="etl",
        password=SECRET, port=5432, extra={"token": EXTRA_SECRET, "nested": {"deep": EXTRA_SECRET}},
    )  # fmt: skip
    manager.create_variable("greeting", "hello\nworld", prod)
    manager.create_variable("--json", "odd", prod)
    manager.create_variable("blue___greeting", "hello blue", prod)
    with manager.connd() as running:
        yield running


def run(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CONNCTL, *args], capture_output=True, text=True, timeout=PATIENCE, check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


def test_get_masks_every_secret(connd: Connd) -> None:
    for args in (("get", "conn", "warehouse"), ("get", "conn", "warehouse", "--json")):
        done = connd.connctl(*args)
        assert done.returncode == 0 and done.stderr == ""
        assert SECRET not in done.stdout and EXTRA_SECRET not in done.stdout
        assert "The warehouse" in done.stdout and "db.example.com" in done.stdout
        assert "etl" in done.stdout and "***" in done.stdout and "token" in done.stdout
    assert json.loads(done.stdout) == {
        "conn_type": "postgres", "description": "The warehouse", "host": "db.example.com",
        "login": "etl", "password": "***", "port": 5432,
        "extra": {"token": "***", "nested": "***"},
    }  # fmt: skip
    done = connd.connctl("get", "var", "greeting")
    assert done.returncode == 0 and "***" in done.stdout and "hello" not in done.stdout


def test_people_see_aligned_rows_without_colour_in_a_pipe(connd: Connd) -> None:
    lines = connd.connctl("get", "conn", "warehouse").stdout.splitlines()
    rows = dict(line.split(maxsplit=1) for line in lines)
    assert rows["password"] == rows["extra.token"] == "***"
    assert rows["port"] == "5432"
    assert rows["state"].startswith("fresh")
    assert len({len(line) - len(rows[line.split()[0]]) for line in lines}) == 1
    assert "\033" not in "".join(lines)


def test_reveal_prints_exactly_what_airflow_receives(connd: Connd) -> None:
    with connd.client() as client:
        text = client.call("io.connd.secrets.GetConnection", {"conn_id": "warehouse"})["value"]
    done = connd.connctl("get", "conn", "warehouse", "--reveal")
    assert done.returncode == 0 and done.stdout == text + "\n"
    done = connd.connctl("--reveal", "get", "var", "greeting")
    assert done.stdout == "hello\nworld\n"
    done = connd.connctl("get", "var", "greeting", "--reveal", "--json")
    assert json.loads(done.stdout) == "hello\nworld"


def test_options_stand_anywhere_and_two_dashes_end_them(connd: Connd) -> None:
    where = str(connd.socket)
    env = {"CONND_SOCKET": "/nowhere"}
    for args in (
        ("--socket", where, "get", "var", "greeting", "--reveal"),
        ("get", "--reveal", "var", f"--socket={where}", "greeting"),
        ("--socket", where, "--reveal", "--", "get", "var", "greeting"),
    ):
        assert connd.connctl(*args, env=env).stdout == "hello\nworld\n"
    assert connd.connctl("get", "var", "--reveal", "--", "--json").stdout == "odd\n"


def test_a_team_is_passed_on(connd: Connd) -> None:
    done = connd.connctl("get", "var", "greeting", "--team", "blue", "--reveal")
    assert done.stdout == "hello blue\n"


def test_list(connd: Connd) -> None:
    done = connd.connctl("list", "--json")
    assert done.returncode == 0
    assert done.stdout == (
        '{"connections":["warehouse"],"variables":["--json","blue___greeting","greeting"]}\n'
    )
    done = connd.connctl("list")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["connection", "warehouse"], ["variable", "--json"], ["variable", "blue___greeting"],
        ["variable", "greeting"],
    ]  # fmt: skip


def test_status(connd: Connd) -> None:
    done = connd.connctl("status", "--json")
    assert done.returncode == 0
    status = json.loads(done.stdout)
    assert status["state"] == "fresh" and status["generation"] > 0 and status["age_ms"] >= 0
    assert (status["connections"], status["variables"], status["withheld"]) == (1, 3, 0)
    assert status["last_error"] is None
    done = connd.connctl("status")
    assert done.returncode == 0 and done.stdout.startswith("state ")


def test_status_answers_whatever_the_state(workdir: Path, faulty: FaultyManager) -> None:
    faulty.fault = lambda x: x.reply("{}", 500)
    sections = {"freshness": {"cold_wait": "100ms"}}
    connd = faulty.connd(workdir, sections).start("listening")
    connd.wait_for(lambda s: s.get("last_error"), "the fault is noticed")
    done = connd.connctl("status", "--json")
    assert done.returncode == 0
    status = json.loads(done.stdout)
    assert status["state"] == "not-ready" and status["last_error"]
    assert status["generation"] is None and status["age_ms"] is None
    assert connd.connctl("status").returncode == 0
    done = connd.connctl("get", "conn", "x")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("connctl: connd has no data yet: ") and "500" in done.stderr
    assert done.stderr.count("no data yet") == 1
    connd.stop()


def test_no_data_is_reported_once_before_the_first_list(
    workdir: Path, faulty: FaultyManager
) -> None:
    hold = threading.Event()

    def held(x: Exchange) -> None:
        hold.wait(PATIENCE)
        x.reply("{}", 500)

    faulty.fault = held
    connd = faulty.connd(workdir, {"freshness": {"cold_wait": "0"}}).start("listening")
    for verb in (("get", "conn", "x"), ("list",)):
        done = connd.connctl(*verb)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.splitlines()[0] == (
            "connctl: connd has no data yet: the first sync has not finished"
        )
    hold.set()
    connd.stop()


def test_not_found_is_1(connd: Connd) -> None:
    for kind in ("conn", "var"):
        for options in ((), ("--json",), ("--reveal",)):
            done = connd.connctl("get", kind, "nope", *options)
            assert (done.returncode, done.stdout) == (1, "")
            lines = 1 if "--json" in options else 2
            assert "nope" in done.stderr and done.stderr.count("\n") == lines


def test_a_missing_key_is_reported_with_what_there_is(connd: Connd, manager: Manager) -> None:
    prod = manager.deployment_ids["prod"]
    done = connd.connctl("get", "conn", "warehose")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf'connctl: connd holds 1 connection of Deployment "(prod|{prod})" \(fresh\); "warehose" is '
        r"not one of them: not created, not linked to this Deployment, or misspelt\n"
        r'Nearest: "warehouse"\.\n',
        done.stderr,
    )
    done = connd.connctl("get", "var", "warehouse")
    assert "holds 3 variables" in done.stderr
    assert 'a connection of that name: "connctl get conn warehouse"' in done.stderr
    done = connd.connctl("get", "var", "nothing-like-it", "--team", "blue")
    assert 'nor is "blue___nothing-like-it"' in done.stderr
    assert "Nearest" not in done.stderr and "connctl list" in done.stderr


def test_a_missing_key_is_reported_with_how_old_the_data_is(
    workdir: Path, faulty: FaultyManager
) -> None:
    sections = {"freshness": {"ttl": "1s", "stale": "2s"}, "manager": {"refresh": "1s"}}
    with faulty.connd(workdir, sections) as connd:
        faulty.fault = lambda x: x.reply("{}", 500)
        connd.wait_for(lambda s: s["state"] == "offline", "the manager is gone")
        done = connd.connctl("get", "conn", "x")
        assert done.returncode == 1 and "(offline: last confirmed " in done.stderr
        assert "holds no connections of" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its uid")
def test_counts_and_the_nearest_key_are_of_those_the_user_may_read(
    workdir: Path, manager: Manager
) -> None:
    prod = manager.deployment_ids["prod"]
    for key in ("mine", "mine2", "secret"):
        manager.create_connection(key, prod)
    connd = manager.connd(sections={"socket": {"mode": "0666"}})
    connd.write_config(
        connd.config_text() + "[access]\nallow = uid:65534 conn:m* conn:secre\nallow = uid:0\n"
    )
    program = shutil.copy(CONNCTL, workdir / "connctl")  # a copy that another uid can run
    other: dict[str, Any] = {"program": program, "user": 65534, "group": 65534, "extra_groups": []}
    with connd:
        done = connd.connctl("get", "conn", "secre", **other)
        assert done.returncode == 1 and "holds 2 connections" in done.stderr
        assert "secret" not in done.stderr
        assert json.loads(connd.connctl("status", "--json", **other).stdout)["connections"] == 2
        assert 'Nearest: "secret"' in connd.connctl("get", "conn", "secre").stderr
        assert json.loads(connd.connctl("status", "--json").stdout)["connections"] == 3


@pytest.mark.parametrize(
    "args",
    [
        (), ("frobnicate",), ("get",), ("get", "conn"), ("get", "env", "A"), ("list", "x"),
        ("--frobnicate",), ("list", "--frobnicate"), ("list", "--reveal"), ("list", "-j"),
        ("status", "--timeout", "never"), ("get", "var", b"\xff\xfe"),
    ],
)  # fmt: skip
def test_usage_is_2(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("connctl: ")


def test_a_key_without_its_kind_is_answered_with_the_whole_command() -> None:
    for verb, usage in (("get", "conn|var KEY"), ("doctor", "[conn|var] [KEY]")):
        assert f'takes conn|var, not "warehouse": connctl {verb} {usage}\n' in (
            run(verb, "warehouse", "x").stderr
        )


@pytest.mark.parametrize("verb", ["get", "list", "status", "wait", "import"])
def test_wrong_usage_of_a_verb_names_its_help(verb: str) -> None:
    done = run(verb, "--frobnicate")
    assert done.returncode == 2 and f'"connctl {verb} --help"' in done.stderr


def test_help_and_version() -> None:
    for args in (
        ("--help",),
        ("get", "--help"),
        ("list", "--help"),
        ("--help", "status"),
        ("import", "--help"),
    ):
        done = run(*args)
        assert done.returncode == 0 and done.stdout.startswith("Usage:") and done.stderr == ""
    done = run("--version")
    assert done.returncode == 0 and done.stdout.startswith("connctl ") and done.stderr == ""


def test_unreachable_is_3(workdir: Path) -> None:
    missing = str(workdir / "none.sock")
    dead = workdir / "dead.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(dead))
    for args, path in (((), missing), ((), str(dead)), (("--socket", missing), str(dead))):
        done = run("list", *args, env={"CONND_SOCKET": path})
        assert (done.returncode, done.stdout) == (3, "")
        assert (missing if args else path) in done.stderr and "connd" in done.stderr
        assert "is not a socket" not in done.stderr
    done = run("list", "--socket", str(workdir))
    assert done.returncode == 3 and f"{workdir}: it is not a socket" in done.stderr


def test_silent_daemon_is_exit_code_3_in_time(workdir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(workdir / "mute.sock"))
        server.listen()
        done = run("list", "--timeout", "200ms", "--socket", str(workdir / "mute.sock"))
        assert (done.returncode, done.stdout) == (3, "") and "in time" in done.stderr


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\0",
        b"{}\0",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b'{"parameters":{}}\0',
        b'{"parameters":{"value":7,"generation":1,"state":"fresh","age_ms":1}}\0',
        b'{"parameters":{"value":"not json","generation":1,"state":"fresh","age_ms":1}}\0',
        b'{"error":"com.example.Strange","parameters":{}}\0',
        b'{"parameters":{"value":"{}","generation":1,"state":"fre',
    ],
)
def test_other_program_on_the_socket_is_exit_code_3(workdir: Path, reply: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(workdir / "odd.sock"))
        server.listen()

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        done = run("get", "conn", "x", "--socket", str(workdir / "odd.sock"))
        thread.join()
        assert (done.returncode, done.stdout) == (3, ""), done
        assert done.stderr.startswith("connctl: ")


def test_withheld_and_invalid_are_3(workdir: Path, faulty: FaultyManager) -> None:
    withheld = connection_row("withheld", faulty.deployment, password="x")
    withheld["connection"]["password"] = ""
    faulty.add(withheld, connection_row("invalid", faulty.deployment, port=70000))
    with faulty.connd(workdir) as connd:
        for key, says in (("withheld", "password"), ("invalid", "port")):
            done = connd.connctl("get", "conn", key, "--reveal")
            assert (done.returncode, done.stdout) == (3, "") and says in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its uid")
def test_denied_is_4(workdir: Path, manager: Manager) -> None:
    """By the access rules, and by the mode of the socket."""
    connd = manager.connd(sections={"socket": {"mode": "0666"}})
    connd.write_config(connd.config_text() + "[access]\nallow = uid:0\n")
    program = shutil.copy(CONNCTL, workdir / "connctl")  # a copy that another uid can run
    other: dict[str, Any] = {"program": program, "user": 65534, "group": 65534, "extra_groups": []}
    with connd:
        assert connd.connctl("list").returncode == 0
        for args in (("list",), ("get", "conn", "x"), ("get", "var", "x", "--reveal")):
            done = connd.connctl(*args, **other)
            assert (done.returncode, done.stdout) == (4, ""), done
        connd.socket.chmod(0o600)
        done = connd.connctl("list", **other)
        assert (done.returncode, done.stdout) == (4, "") and str(connd.socket) in done.stderr


def test_output_that_cannot_be_written_is_a_failure(connd: Connd) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [CONNCTL, "list", "--socket", connd.socket], stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode != 0 and "standard output" in done.stderr


def on_a_terminal(*args: str | Path, env: dict[str, str]) -> str:
    master, slave = pty.openpty()
    try:
        done = subprocess.run(
            [CONNCTL, *args], stdout=slave, timeout=PATIENCE, check=False, env={**os.environ, **env}
        )
        assert done.returncode == 0
        return os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)


def test_colour_is_for_terminals_that_want_it(connd: Connd) -> None:
    args = ("status", "--socket", connd.socket)
    assert "\033[32mfresh" in on_a_terminal(*args, env={"TERM": "xterm", "NO_COLOR": ""})
    assert "\033" not in on_a_terminal(*args, env={"TERM": "xterm", "NO_COLOR": "1"})
    assert "\033" not in on_a_terminal(*args, env={"TERM": "dumb", "NO_COLOR": ""})
    assert "\033" not in on_a_terminal(*args, "--json", env={"TERM": "xterm", "NO_COLOR": ""})


def test_foreign_text_is_escaped_for_the_terminal(manager: Manager) -> None:
    manager.create_connection(
        "c", manager.deployment_ids["prod"], description="\x1b]0;owned\x07 \u202e", host="h"
    )
    with manager.connd() as connd:
        done = connd.connctl("get", "conn", "c")
        assert done.returncode == 0
        assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
        assert "\\u001b]0;owned" in done.stdout


def test_list_joins_replies_that_come_in_parts(workdir: Path) -> None:
    parts = (
        b'{"parameters":{"connections":["b"]},"continues":true}\0'
        b'{"parameters":{"connections":["a"],"variables":[]},"continues":true}\0'
        b'{"parameters":{"connections":[],"variables":["v"]}}\0'
    )
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(workdir / "parts.sock"))
        server.listen()
        asked: list[bytes] = []

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                asked.append(peer.recv(65536))
                for i in range(0, len(parts), 7):
                    peer.sendall(parts[i : i + 7])

        thread = threading.Thread(target=answer)
        thread.start()
        done = run("list", "--json", "--socket", str(workdir / "parts.sock"))
        thread.join()
    assert json.loads(asked[0][:-1])["more"] is True
    assert done.stdout == '{"connections":["a","b"],"variables":["v"]}\n'
