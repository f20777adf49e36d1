# SPDX-License-Identifier: Apache-2.0
"""Marked secrets and tokens pass through all programs. Then logs, command lines, environments,
files, forced core dumps and memory are searched for them, in plain text and in common encodings."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import (
    CONNCTL,
    PATIENCE,
    REPO,
    SANITIZED,
    Manager,
    Program,
    VarlinkError,
    eventually,
)
from manager_http import dial, objects, read_reply, send

pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="reads another process's memory: root's"),
    pytest.mark.timeout(300),
]


def canary(name: str) -> str:
    """Only letters and digits, so that no escaping changes it."""
    return f"canary{name}{secrets.token_hex(12)}"


def forms(secret: bytes) -> dict[str, bytes]:
    """The secret, and its base64 (at each of three offsets) and hexadecimal forms."""
    found = {"plain": secret, "hex": secret.hex().encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + secret)
        # Without the characters that also depend on neighbouring bytes.
        found[f"base64+{shift}"] = text[(0, 2, 3)[shift] : len(text) - len(text) % 4 - 4]
    return found


# --- memory --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Mapping:
    start: int
    end: int
    mode: str
    flags: set[str]  # of VmFlags
    name: str

    @property
    def dumped(self) -> bool:
        return "dd" not in self.flags


def mappings(pid: int) -> list[Mapping]:
    """The anonymous mappings of the process."""
    found: list[Mapping] = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)", line)
        if head:
            start, end, mode, inode, name = head.groups()
            found.append(Mapping(int(start, 16), int(end, 16), mode, set(), name))
            kept = inode == "0" and not name.startswith(("[v", "/"))
        elif line.startswith("VmFlags:"):
            found[-1].flags = set(line.split()[1:])
            if not kept:
                found.pop()
    return found


def search_memory(pid: int, needles: dict[str, bytes]) -> list[tuple[str, Mapping]]:
    """The place of each occurrence of each needle."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for mapping in mappings(pid):
            if mapping.mode[0] != "r":
                continue
            memory.seek(mapping.start)
            with contextlib.suppress(OSError):  # unmapped meanwhile
                data = memory.read(mapping.end - mapping.start)
                for name, needle in needles.items():
                    found += [(name, mapping)] * data.count(needle)
    return found


# --- the world -----------------------------------------------------------------------------------


class World:
    """A manager and connd, at debug level, with a secret of each kind. Old secrets have been
    replaced or revoked; live ones are served."""

    def __init__(self, workdir: Path) -> None:
        self.dir = workdir
        self.tmp = workdir / "tmp"
        self.tmp.mkdir()
        self.secrets: dict[str, bytes] = {}
        self.live: set[str] = set()
        self.keep: set[Path] = set()  # files that contain a secret on purpose
        self.outputs: list[str] = []  # output of programs that a person runs
        self.manager = Manager(workdir)
        self.keep.add(self.manager.data / "manager.key")
        self.note("owner's token", self.manager.token, live=True)
        self.note("key-encryption key", (self.manager.data / "manager.key").read_bytes())
        self.values = {name: self.note(name, canary("New")) for name in
                       ("password", "extra", "variable", "secret variable")}  # fmt: skip
        self.live.update(self.values)

    def note(self, name: str, secret: str | bytes, live: bool = False) -> str:
        raw = secret.encode() if isinstance(secret, str) else secret
        self.secrets[name] = raw
        if live:
            self.live.add(name)
        return secret if isinstance(secret, str) else ""

    def needles(self, names: set[str] | None = None) -> dict[str, bytes]:
        chosen = self.secrets if names is None else {n: self.secrets[n] for n in names}
        return {
            f"{n} ({how})": form for n, raw in chosen.items() for how, form in forms(raw).items()
        }

    @property
    def gone(self) -> set[str]:
        return set(self.secrets) - self.live - {"key-encryption key", "snapshot key"}

    @property
    def prod(self) -> str:
        return self.manager.deployment_ids["prod"]

    # Steps.

    def token(self, name: str, role: str = "MEMBER") -> tuple[str, str]:
        made = self.manager.command(
            "token", "create", "--data", str(self.manager.data), "--name", name, "--scope",
            "deployment", "--scope-id", self.prod, "--role", role,
        )  # fmt: skip
        return made["id"], self.note(name, made["token"])

    def fill(self) -> None:
        """Each value replaces an older one."""
        old = {name: self.note(f"old {name}", canary("Old")) for name in self.values}
        for values, update in ((old, False), (self.values, True)):
            typed = {
                "type": "postgres", "host": "h", "login": "l", "password": values["password"],
                "extra": {"k": values["extra"]},
            }  # fmt: skip
            plain = {"value": values["variable"], "isSecret": False}
            secret = {"value": values["secret variable"], "isSecret": True}
            if update:
                self.manager.update(self.connection_id, connection=typed)
                self.manager.update(self.plain_id, airflowVariable=plain)
                self.manager.update(self.secret_id, airflowVariable=secret)
            else:
                self.connection_id = self.manager.create_connection("db", self.prod, **typed)
                self.plain_id = self.manager.create("AIRFLOW_VARIABLE", "plain", plain, self.prod)
                self.secret_id = self.manager.create(
                    "AIRFLOW_VARIABLE", "secret", secret, self.prod
                )
                if self.started:
                    self.connd.wait_for(lambda s: s["connections"] == 1, "the old values")
                    self.connd.connection("db")
        eventually(
            lambda: self.connd.connection("db")["password"] == self.values["password"],
            "the new values",
        )

    started = False

    def start(self) -> None:
        os.environ["TMPDIR"] = str(self.tmp)
        self.manager.serve()
        self.token_id, token = self.token("connd's token")
        self.live.add("connd's token")
        (self.dir / "snapshot").mkdir()
        key = self.dir / "snapshot.key"
        key.write_bytes(secrets.token_bytes(32))
        key.chmod(0o600)
        self.note("snapshot key", key.read_bytes())
        self.connd = self.manager.connd(
            sections={
                "log": {"level": "debug"},
                "snapshot": {
                    "path": str(self.dir / "snapshot/connd.snapshot"),
                    "key_file": str(key),
                },
                "metrics": {"listen": "127.0.0.1:0"},
            },
            token=token,
        )
        self.keep |= {key, self.connd.token_file}
        self.connd.start()
        self.started = True

    def run(self, *argv: str | Path, shown: set[str] | None = None, **options: Any) -> str:
        """Runs a program as a person does. Its output is searched, except for what it must show."""
        done = subprocess.run(
            [*map(str, argv)], capture_output=True, text=True, timeout=PATIENCE * 2, check=False,
            env={**os.environ, "CONND_SOCKET": str(self.connd.socket), **options.pop("env", {})},
            **options,
        )  # fmt: skip
        self.outputs.append(done.stderr)
        if shown is None:
            self.outputs.append(done.stdout)
        return done.stdout

    def ask(self) -> None:
        """Looks up values as a person and as a program, correctly and wrongly."""
        for words in (["get", "conn", "db"], ["list"], ["status"], ["get", "conn", "absent"],
                      ["get", "var", "secret"], ["list", "--json"], ["status", "--json"]):  # fmt: skip
            self.run(CONNCTL, *words)
        self.run(CONNCTL, "get", "conn", "db", "--reveal", shown={"password", "extra"})
        with self.connd.client() as c:
            c.send(b'{"method":"io.connd.secrets.GetConnection","parameters":{"conn_id":1}}\0')
            c.receive()
        # A value in place of a key.
        dsn = self.note("a DSN as a key", canary("Dsn"))
        with self.connd.client() as c, pytest.raises(VarlinkError):
            c.connection(f"postgres://u:{dsn}@h/db")

    def shim(self) -> None:
        """A program with every logger at DEBUG that shows exceptions with the local variables of
        all frames."""
        with self.half_a_response() as path:
            said = self.run(
                sys.executable, "-c", SHIM, self.connd.socket, path,
                env={"PYTHONPATH": str(REPO / "python-shim/src")},
            )  # fmt: skip
        assert said == "asked 2, failed 4\n", self.outputs[-2]

    @contextlib.contextmanager
    def half_a_response(self) -> Iterator[Path]:
        """A socket that sends the first half of connd's response to each request, and closes."""
        path = self.dir / "half.sock"
        with socket.socket(socket.AF_UNIX) as listener, self.connd.client() as c:
            c.send(c.frame("io.connd.secrets.GetConnection", {"conn_id": "db"}))
            whole = json.dumps(c.receive()).encode()
            listener.bind(str(path))
            listener.listen()

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        peer, _ = listener.accept()
                        with peer:
                            peer.recv(65536)
                            peer.sendall(whole[:-20])

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            yield path
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def wrong_requests(self) -> None:
        """Values and tokens in requests that are refused."""
        value, bad = (
            self.note("a refused value", canary("Bad")),
            self.note("a bad token", canary("Tok")),
        )
        path = objects(self.manager)
        bodies: list[Any] = [
            {"objectKey": value + "!", "objectType": "CONNECTION"},
            {"objectKey": "x", "objectType": "CONNECTION", "scope": "DEPLOYMENT",
             "scopeEntityId": self.prod, "connection": {"type": "t", "port": value}},
            f'{{"password":"{value}'.encode(),
            {value: value},
        ]  # fmt: skip
        for body in bodies:
            assert send(self.manager, "POST", path, body).status == 400
        assert send(self.manager, "GET", path, token=bad).status == 401
        forged = self.manager.token[:-8] + "AAAAAAAA"
        assert (
            send(self.manager, "GET", path, token=self.note("a forged token", forged)).status == 401
        )
        with dial(self.manager) as s:
            s.sendall(
                f"GET {path}?x={value} HTTP/9.9\r\nAuthorization: Bearer {bad}\r\n\r\n".encode()
            )
            read_reply(s)

    def renew_and_revoke(self) -> None:
        revoked_id, revoked = self.token("a revoked token", "OWNER")
        path = f"/v1/organizations/{self.manager.organization}/tokens/self/renew"
        reply = send(self.manager, "POST", path, {}, token=revoked)
        if reply.status == 200:
            self.note("a renewed token", reply.body["token"])
        self.manager.command(
            "token", "revoke", "--data", str(self.manager.data), "--id", revoked_id
        )
        assert send(self.manager, "GET", objects(self.manager), token=revoked).status == 401

    def import_files(self) -> None:
        imported = self.note("an imported value", canary("Imp"))
        file, token = self.dir / "c.json", self.dir / "i.token"
        file.write_text(json.dumps({"imp": {"conn_type": "http", "password": imported}}))
        token.write_text(self.manager.token)
        token.chmod(0o600)
        self.keep |= {file, token}
        common = [
            "import", "--manager", self.manager.url, "--organization", self.manager.organization,
            "--token-file", token, "--deployment", self.manager.deployment_ids["dev"],
        ]  # fmt: skip
        for more in (["--dry-run"], [], ["--update"], ["--json"]):
            self.run(CONNCTL, *common, "--connections", file, *more)
        airflow = self.dir / "airflow"
        airflow.write_text(AIRFLOW.replace("FILE", str(file)))
        airflow.chmod(0o755)
        self.run(CONNCTL, *common, f"--from-airflow={airflow}", "--update")

    def administer(self) -> None:
        data = str(self.manager.data)
        before = (self.manager.data / "manager.key").read_bytes()
        self.manager.command("backup", str(self.dir / "backup"), "--data", data)
        self.manager.command("rotate-key", "--data", data)
        self.note("a replaced key-encryption key", before)
        self.note("key-encryption key", (self.manager.data / "manager.key").read_bytes())
        for path in ("audit-log?limit=100", f"environment-objects/{self.connection_id}/history"):
            status, body = self.manager.request(
                "GET", f"/v1/organizations/{self.manager.organization}/{path}"
            )
            assert status == 200
            self.outputs.append(json.dumps(body))

    def restart(self) -> None:
        """Restarts from the snapshot, upgrades with SIGUSR2, and reloads."""
        self.connd.send_signal(signal.SIGHUP)
        self.connd.stop()
        self.connd.start()
        self.connd.send_signal(signal.SIGUSR2)
        eventually(lambda: self.connd.connection("db"), "it serves after SIGUSR2")


# What `airflow connections export FILE` does.
AIRFLOW = """#!/bin/sh
out=
for word; do out=$word; done
case $1 in
connections) cat FILE >"$out" ;;
*) echo '{}' >"$out" ;;
esac
"""

SHIM = """
import logging, sys, traceback
logging.basicConfig(level=1, stream=sys.stderr)
from airflow_connd import _client, _wire

METHODS = {True: _wire.GET_CONNECTION, False: _wire.GET_VARIABLE}
asked = failed = 0

def ask(path, is_connection, key):
    global asked, failed
    try:
        frame = METHODS[is_connection].request(key)
        value = _wire.value(is_connection, _client.call, path, frame, 5)
        if isinstance(value, Exception):
            raise value
        asked += 1
    except Exception as error:
        failed += 1
        value = None
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        print(repr(error), error, vars(error), "".join(shown.format()), file=sys.stderr)

ask(sys.argv[1], True, "db")
ask(sys.argv[1], False, "secret")
ask(sys.argv[1], True, "absent")
ask(sys.argv[1], False, 1)
ask("/nowhere", True, "db")
ask(sys.argv[2], True, "db")  # ends with half a response
print(f"asked {asked}, failed {failed}")
"""


@pytest.fixture
def world(workdir: Path) -> Iterator[World]:
    was = os.environ.get("TMPDIR")
    made = World(workdir)
    try:
        made.start()
        yield made
    finally:
        if was is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = was
        if made.started:
            made.connd.running.kill()
        if made.manager.program:
            made.manager.program.kill()


@pytest.fixture
def used(world: World) -> World:
    world.fill()
    world.ask()
    world.shim()
    world.wrong_requests()
    world.renew_and_revoke()
    world.import_files()
    world.administer()
    world.restart()
    return world


def hits(data: bytes, needles: dict[str, bytes]) -> list[str]:
    return [name for name, needle in needles.items() if needle in data]


def processes(world: World) -> dict[str, Program]:
    assert world.manager.program
    return {"connd": world.connd.running, "connd-manager": world.manager.program}


def test_the_search_finds_what_is_there(world: World) -> None:
    """Proves that every search below finds what is there."""
    world.fill()
    served = search_memory(world.connd.running.pid, world.needles({"password"}))
    assert [name for name, _ in served] == ["password (plain)"]
    text = base64.b64encode(b"xy" + world.secrets["password"])
    assert hits(text, world.needles({"password"})) == ["password (base64+2)"]
    assert hits(world.secrets["password"].hex().encode(), world.needles({"password"}))


def test_no_secret_leaves_the_arena(used: World) -> None:
    world = used
    everything = world.needles()
    for text in world.outputs:
        assert hits(text.encode(), everything) == [], text[:2000]
    for name, program in processes(world).items():
        assert hits(program.stderr_text().encode(), everything) == [], f"the log of {name}"
        for part in ("cmdline", "environ"):
            data = Path(f"/proc/{program.pid}/{part}").read_bytes()
            assert hits(data, everything) == [], f"{part} of {name}"
    for path in sorted(world.dir.rglob("*")):
        if path.is_file() and path not in world.keep:
            assert hits(path.read_bytes(), everything) == [], path
    assert list(world.tmp.iterdir()) == [], "nothing is left in the temporary directory"


def test_memory_holds_live_values_once_and_nothing_that_has_gone(used: World) -> None:
    connd, manager = (p.pid for p in processes(used).values())
    values = used.needles(set(used.values))

    def connd_is_clean() -> bool:
        found = search_memory(connd, used.needles(used.gone | {"snapshot key"}))
        assert [name for name, _ in found] == []
        for name, mapping in search_memory(connd, values):
            assert not mapping.dumped, f"{name} in memory that a core would hold: {mapping}"
            assert "(plain)" in name
        return True

    def manager_is_clean() -> bool:
        found = search_memory(manager, used.needles(used.gone | set(used.values)))
        assert [name for name, _ in found] == []
        return True

    eventually(connd_is_clean, "connd's memory", 20)
    eventually(manager_is_clean, "the manager's memory", 20)


def test_a_forced_core_holds_no_secret(used: World, workdir: Path) -> None:
    """As a debugger of root makes one. The kernel makes none, see below."""
    for name, program in processes(used).items():
        prefix = workdir / f"core-{name}"
        done = subprocess.run(
            ["gcore", "-o", prefix, str(program.pid)],
            capture_output=True, text=True, timeout=PATIENCE * 4, check=False,
        )  # fmt: skip
        core = Path(f"{prefix}.{program.pid}")
        assert core.exists(), done.stderr
        data = core.read_bytes()
        assert b"connd" in data
        assert hits(data, used.needles()) == [], name
        core.unlink()


def test_a_crash_leaves_no_core(world: World, workdir: Path) -> None:
    """Whatever core_pattern says."""
    ended: Callable[[Program], int] = lambda p: p.process.wait(PATIENCE)  # noqa: E731
    for name, program in processes(world).items():
        limits = Path(f"/proc/{program.pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0\s", limits), name
        assert (
            Path(f"/proc/{program.pid}").stat().st_uid == 0
        )  # owned by root, as for every process that is not dumpable
        program.process.send_signal(signal.SIGSEGV)
        assert ended(program) == -signal.SIGSEGV
    assert not list(workdir.rglob("core*"))
