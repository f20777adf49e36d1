# SPDX-License-Identifier: Apache-2.0
"""connctl init --local: a connd of one's own, from nothing to lookups without the network."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from admin import Admin
from connd_testing import CONND, Manager, Program, eventually

SYSTEM_SOCKET = Path("/run/connd/connd.sock")
SYSTEM_CONFIG = Path("/etc/connd/connd.conf")
USER_UNITS = ("/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
INSTALLED = any(Path(place, "connd.service").exists() for place in USER_UNITS)


class Laptop(Admin):
    """A person with XDG directories of their own."""

    def __init__(self, directory: Path, manager: Manager, token: str = "") -> None:
        super().__init__(directory, manager, token)
        self.run_directory = directory / "run"
        self.run_directory.mkdir(0o700)
        for name in ("CONND_SOCKET", "XDG_STATE_HOME"):
            self.env.pop(name, None)
        self.env["XDG_RUNTIME_DIR"] = str(self.run_directory)
        self.config = directory / ".config/connd"
        self.units = directory / ".config/systemd/user"
        self.state = directory / ".local/state/connd"

    def written(self) -> set[str]:
        """All files of connd below the home directory."""
        return {
            str(path.relative_to(self.home))
            for place in (self.config, self.units, self.state, self.run_directory / "connd")
            for path in place.rglob("*") if path.is_file()
        }  # fmt: skip

    def start(self) -> Program:
        argv = [CONND, "--config", self.config / "connd.conf"]
        return Program(argv, self.home / "connd.log", env=self.env)


@pytest.fixture
def laptop(workdir: Path, manager: Manager) -> Iterator[Laptop]:
    prod = manager.deployment_ids["prod"]
    manager.create_connection("warehouse", prod, host="db", password="s3cr3t")
    manager.create("ENVIRONMENT_VARIABLE", "MODE", {"value": "fast", "isSecret": True}, prod)
    home = workdir / "home"
    home.mkdir()
    yield Laptop(home, manager)


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


def test_from_a_context_to_lookups_without_the_network(manager: Manager, laptop: Laptop) -> None:
    laptop.login()
    said = laptop.run("init", "--local", "--deployment", "prod").stdout
    assert modes(laptop.config) == {"connd.conf": 0o600, "token": 0o600, "snapshot.key": 0o600}
    assert modes(laptop.config.parent)["connd"] == 0o700
    assert (laptop.config / "token").read_text() == laptop.token + "\n"
    assert len((laptop.config / "snapshot.key").read_text()) == 65
    config = (laptop.config / "connd.conf").read_text()
    assert "max_stale = 30d\n" in config and manager.deployment_ids["prod"] in config
    assert "The snapshot and its key are both in your home directory" in said
    for step in ("systemctl --user enable --now", f"connd --config {laptop.config}", "connctl"):
        assert step in said
    check = subprocess.run(
        [CONND, "--check", "--online", "--config", laptop.config / "connd.conf"],
        env=laptop.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert check.returncode == 0, check
    where = (
        ()
        if not SYSTEM_SOCKET.exists()
        else ("--socket", laptop.run_directory / "connd/connd.sock")
    )
    connd = laptop.start()
    try:
        laptop.run("wait", *where)
        assert modes(laptop.run_directory / "connd")["connd.sock"] == 0o600
        eventually(lambda: laptop.json("status", *where)["snapshot"] == "current", "the snapshot")
        if not SYSTEM_CONFIG.exists():
            (found,) = (
                check
                for check in laptop.json("doctor", *where)["checks"]
                if check["check"] == "configuration"
            )
            assert str(laptop.config / "connd.conf") in found["found"]
        manager.stop()
        connd.stop()
        connd = laptop.start()
        laptop.run("wait", *where)
        status = laptop.json("status", *where)
        assert status["state"] in ("fresh", "stale", "offline") and status["syncs_ok"] == 0
        got = laptop.run("get", "conn", "warehouse", "--reveal", *where).stdout
        assert json.loads(got)["password"] == "s3cr3t"
        assert laptop.run("env", "--format", "dotenv", *where).stdout == "MODE='fast'\n"
        assert laptop.run("exec", *where, "--", "sh", "-c", "echo $MODE").stdout == "fast\n"
    finally:
        connd.kill()


@pytest.mark.skipif(INSTALLED, reason="connd's user units are installed on this machine")
def test_units_run_this_connd(laptop: Laptop) -> None:
    laptop.login()
    out = laptop.json("init", "--local", "--deployment", "prod")
    assert out["unit_written"] and out["socket"] == f"{laptop.run_directory}/connd/connd.sock"
    service = (laptop.units / "connd.service").read_text()
    assert f'ExecStart="{CONND}" --config %E/connd/connd.conf\n' in service
    assert "ListenStream=%t/connd/connd.sock\n" in (laptop.units / "connd.socket").read_text()


def test_what_is_there_is_replaced_only_with_force(laptop: Laptop) -> None:
    laptop.login()
    laptop.run("init", "--local", "--deployment", "prod")
    files = {path: path.read_text() for path in laptop.config.iterdir()}
    done = laptop.run("init", "--local", "--deployment", "dev", code=1)
    assert "connd.conf is there already; nothing was changed" in done.stderr
    assert "--force" in done.stderr
    assert {path: path.read_text() for path in laptop.config.iterdir()} == files
    said = laptop.run("init", "--local", "--deployment", "dev", "--force").stdout
    assert f"kept   {laptop.config}/snapshot.key\n" in said
    after = {path: path.read_text() for path in laptop.config.iterdir()}
    changed = {path.name for path in files if after[path] != files[path]}
    assert changed == {"connd.conf"} and after.keys() == files.keys()


def test_a_token_alone_is_not_overwritten(laptop: Laptop) -> None:
    laptop.login()
    laptop.config.mkdir(parents=True)
    (laptop.config / "token").write_text("mine")
    done = laptop.run("init", "--local", "--deployment", "prod", code=1)
    assert "token is there already" in done.stderr
    assert laptop.written() == {".config/connd/token"}
    assert (laptop.config / "token").read_text() == "mine"


@pytest.mark.skipif(INSTALLED, reason="connd's user units are installed on this machine")
def test_all_files_are_written_or_none(laptop: Laptop) -> None:
    laptop.login()
    laptop.units.parent.mkdir(parents=True)
    laptop.units.touch()  # a file where a directory should be
    done = laptop.run("init", "--local", "--deployment", "prod", code=3)
    assert "nothing was changed" in done.stderr and str(laptop.units) in done.stderr
    assert laptop.written() == set()


def test_nothing_is_written_when_the_manager_does_not_agree(
    manager: Manager, laptop: Laptop
) -> None:
    laptop.login()
    done = laptop.run("init", "--local", "--deployment", "none", code=1)
    assert 'there is no Deployment "none"\n"connctl deployment list" lists them.' in done.stderr
    done = laptop.run("init", "--local", code=2)
    assert "which Deployment? There are 2" in done.stderr
    manager.command("organization", "set", "--data", str(manager.data), "--secrets-fetching", "off")
    assert laptop.run("init", "--local", "--deployment", "prod", code=4)
    manager.stop()
    done = laptop.run("init", "--local", "--deployment", "prod", code=3)
    assert manager.url in done.stderr
    assert laptop.run("init", code=2) and laptop.written() == set()


def test_the_token_comes_from_standard_input_or_a_terminal(
    manager: Manager, laptop: Laptop
) -> None:
    made = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "laptop", "--scope",
        "deployment", "--scope-id", manager.deployment_ids["prod"], "--role", "MEMBER",
    )  # fmt: skip
    way = ("init", "--local", "--manager", manager.url)
    laptop.run(*way, "--token-file", "-", input=made["token"] + "\n")
    assert (laptop.config / "token").read_text() == made["token"] + "\n"
    assert manager.deployment_ids["prod"] in (laptop.config / "connd.conf").read_text()
    code, said = laptop.answer(made["token"] + "\n", *way, "--force")
    assert code == 0 and "Token: " in said and made["token"] not in said
    laptop.run(*way, "--force", code=2)  # no terminal, no token


def test_directories_come_from_the_environment(laptop: Laptop) -> None:
    laptop.login()
    elsewhere = laptop.home / "else where"
    env = {"XDG_STATE_HOME": str(elsewhere / "state"), "XDG_RUNTIME_DIR": "relative"}
    if Path(f"/run/user/{os.getuid()}").is_dir():
        env["XDG_RUNTIME_DIR"] = str(laptop.run_directory)
    else:
        done = laptop.run("init", "--local", "--deployment", "prod", code=2, env=env)
        assert "XDG_RUNTIME_DIR is not set" in done.stderr
    env["XDG_RUNTIME_DIR"] = str(laptop.run_directory)
    out = laptop.json("init", "--local", "--deployment", "prod", env=env)
    assert out["snapshot"] == f"{elsewhere}/state/connd/snapshot"
    for bad in ("/tmp/a ;b", "/tmp/a\nb"):
        env["XDG_STATE_HOME"] = bad
        done = laptop.run("init", "--local", "--deployment", "prod", "--force", code=2, env=env)
        assert "cannot" in done.stderr or "not a directory" in done.stderr


@pytest.mark.skipif(SYSTEM_SOCKET.exists(), reason="a connd of this machine comes first")
def test_a_persons_socket_is_found_when_there_is_no_other(laptop: Laptop) -> None:
    done = laptop.run("list", code=3)
    assert str(SYSTEM_SOCKET) in done.stderr
    (laptop.run_directory / "connd").mkdir()
    done = laptop.run("list", code=3)
    assert f"{laptop.run_directory}/connd/connd.sock" in done.stderr
    done = laptop.run("list", code=3, env={"CONND_SOCKET": "/nowhere"})
    assert "/nowhere" in done.stderr
