# SPDX-License-Identifier: Apache-2.0
"""connd --check: it checks what a start would check, names the user, and changes nothing."""

from __future__ import annotations

import os
import pwd
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONND, PATIENCE, SANITIZED, Connd, eventually
from faulty_manager import FaultyManager, variable_row

NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="runs connd as another user")


@pytest.fixture
def connd(faulty: FaultyManager, workdir: Path) -> Connd:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    return faulty.connd(workdir)


def without_warnings(lines: list[str]) -> list[str]:
    """Removes the warning about loopback http, which these tests use."""
    return [line for line in lines if not line.startswith("connd: warning: ")]


def faults(connd: Connd, **run: Any) -> list[str]:
    """The faults that the check reports, without the line that names the user."""
    done = connd.check(**run)
    assert "Sanitizer" not in done.stderr
    who, *lines = without_warnings(done.stderr.splitlines())
    assert who.startswith(f"connd: checking {connd.config} as user "), done
    assert (done.returncode, done.stdout) == ((1, "") if lines else (0, "OK\n"))
    assert all(line.startswith("connd: ") for line in lines)
    return [line.removeprefix("connd: ") for line in lines]


def refused_start(connd: Connd, **popen: Any) -> str:
    connd.start("", **popen)
    assert connd.running.process.wait(PATIENCE) == 1
    return str(connd.events("error")[-1]["reason"])


def set_option(connd: Connd, section: str, **options: str) -> None:
    connd.sections.setdefault(section, {}).update(options)
    connd.write_config()


def test_the_example_requires_every_kind_of_key(connd: Connd) -> None:
    conf = Path(__file__).resolve().parents[2] / "conf"
    (keys,) = re.findall("^#keys = (.*)$", (conf / "connd.conf").read_text(), re.MULTILINE)
    kinds = {key.partition(":")[0] for key in keys.split()}
    assert kinds == set(re.findall(r"^\.Ql (\w+):[A-Z]+\b", section_require(conf), re.MULTILINE))
    assert kinds == {"conn", "var", "env"}
    set_option(connd, "require", keys=keys)
    assert faults(connd) == []


def section_require(conf: Path) -> str:
    page = (conf / "man" / "connd.conf.5").read_text()
    return page.partition(".Ss Section require")[2].partition(".Ss")[0]


def test_a_good_configuration_is_ok_and_nothing_is_left(connd: Connd, workdir: Path) -> None:
    set_option(connd, "metrics", listen="127.0.0.1:0")
    before = sorted(workdir.iterdir())
    assert faults(connd) == []
    assert sorted(workdir.iterdir()) == before


def test_it_names_the_user_and_as_root_the_services_user(connd: Connd) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    for config in (connd.config_text(), "[manager]\nnonsense = 1\n"):
        connd.write_config(config)
        who = connd.check().stderr.splitlines()[0]
        assert f"as user {me} (uid {os.geteuid()})" in who
        advice = f"runuser -u connd -- connd --check --config {connd.config}"
        assert (advice in who) == (os.geteuid() == 0)


# --- what ends a start -----------------------------------------------------------------------


def file_at_path(connd: Connd) -> None:
    connd.socket.write_text("precious")


def missing_directory(connd: Connd) -> None:
    set_option(connd, "socket", path=str(connd.directory / "none/sock"))


def file_as_directory(connd: Connd) -> None:
    (connd.directory / "none").write_text("")
    missing_directory(connd)


def path_of(n: int) -> Callable[[Connd], None]:
    def set_path(connd: Connd) -> None:
        start = f"{connd.directory}/"
        connd.socket = Path(start + "x" * (n - len(start)))
        set_option(connd, "socket", path=str(connd.socket))

    return set_path


ENDS = {
    "a plain file at the path": (file_at_path, "is not a socket"),
    "a missing directory": (missing_directory, "none"),
    "a file as directory": (file_as_directory, "none"),
    "a path of 108 bytes": (path_of(108), "path is too long for a socket: 107 bytes at most"),
    "an unknown group": (
        lambda c: set_option(c, "socket", group="no-such-group"),
        'group "no-such-group": there is no such group',
    ),
    "group 0": (lambda c: set_option(c, "socket", group="0"), "write gid:0"),
}


@pytest.mark.parametrize("name", ENDS)
def test_check_reports_what_would_end_a_start(connd: Connd, name: str) -> None:
    prepare, says = ENDS[name]
    prepare(connd)
    (fault,) = faults(connd)
    assert says in fault and "No such file or directory: " not in fault
    assert says in refused_start(connd)


@pytest.mark.parametrize("length", [104, 106, 107])
def test_a_path_that_a_socket_can_have_is_good(connd: Connd, length: int) -> None:
    path_of(length)(connd)
    assert faults(connd) == []
    with connd:
        assert connd.variable("v") == "1"


def test_a_port_of_another_program_is_a_fault(connd: Connd) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        set_option(connd, "metrics", listen=f"127.0.0.1:{port}")
        (fault,) = faults(connd)
        assert f"[metrics] listen = 127.0.0.1:{port}: Address already in use" in fault
        assert "Address already in use" in refused_start(connd)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n\0"])
def test_another_program_at_the_path_is_a_fault_and_named(connd: Connd, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(connd.socket))
        other.listen()
        if answer:
            other.settimeout(PATIENCE)
            process = subprocess.Popen(
                [CONND, "--check", "--config", connd.config], stderr=subprocess.PIPE, text=True
            )
            client, _ = other.accept()
            client.sendall(answer)
            stderr = process.communicate(timeout=PATIENCE)[1]
            client.close()
        else:
            stderr = connd.check().stderr
        assert f"process {os.getpid()} (" in stderr and str(connd.socket) in stderr


def test_several_faults_are_all_reported(connd: Connd) -> None:
    missing_directory(connd)
    set_option(connd, "snapshot", path=str(connd.directory / "void/s"), key_file="/none")
    connd.token_file.unlink()
    found = faults(connd)
    for part in (connd.token_file.name, "/none", str(connd.directory / "void"), "none"):
        assert any(part in fault for fault in found), (part, found)


# --- beside a connd that runs ----------------------------------------------------------------


def test_check_accepts_what_the_running_connd_holds(connd: Connd) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    set_option(connd, "metrics", listen=f"127.0.0.1:{port}")
    with connd:
        eventually(lambda: connd.status()["metrics"] == f"127.0.0.1:{port}", "it listens")
        assert connd.status()["pid"] == connd.running.pid
        assert faults(connd) == []
        set_option(connd, "access", deny="*")  # not for connd's own user
        assert faults(connd) == []


def test_a_port_that_the_running_connd_does_not_hold_is_a_fault(connd: Connd) -> None:
    with connd, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        set_option(connd, "metrics", listen=f"127.0.0.1:{other.getsockname()[1]}")
        (fault,) = faults(connd)
        assert "Address already in use" in fault


def test_a_lock_that_is_held_without_a_socket_is_a_fault(connd: Connd) -> None:
    with connd:
        connd.socket.unlink()
        found = faults(connd)
        if not connd.socket.exists():  # otherwise it was made again meanwhile
            assert f"process {connd.running.pid} holds the lock" in found[0]


def test_checks_never_keep_a_start_from_its_lock(connd: Connd) -> None:
    argv = [str(CONND), "--check", "--config", str(connd.config)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    checks = [subprocess.Popen(argv, **quiet) for _ in range(8)]
    with connd:
        assert connd.variable("v") == "1"
    for check in checks:
        check.wait(PATIENCE)


# --- as the service's user -------------------------------------------------------------------


@pytest.fixture
def service(connd: Connd, workdir: Path) -> dict[str, Any]:
    """How to run connd as another user than root, with a copy of the program that this user can
    reach."""
    program = Path(shutil.copy(CONND, workdir / "connd"))
    program.chmod(0o755)
    place = workdir / "run"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    os.chown(connd.token_file, NOBODY, NOBODY)
    connd.socket = place / "sock"
    set_option(connd, "socket", path=str(connd.socket))
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def check_as(service: dict[str, Any], connd: Connd, **more: Any) -> str:
    """The output of the check; "OK" without faults."""
    done = subprocess.run(
        [connd.directory / "connd", "--check", "--config", connd.config],
        capture_output=True, text=True, timeout=PATIENCE, check=False, **service, **more,
    )  # fmt: skip
    who, *rest = without_warnings((done.stderr + done.stdout).splitlines())
    assert who.endswith(" as user nobody (uid 65534)")
    return "\n".join(rest)


@as_root
def test_a_token_that_only_root_may_read(connd: Connd, service: dict[str, Any]) -> None:
    assert check_as(service, connd) == "OK"
    os.chown(connd.token_file, 0, 0)
    assert faults(connd) == []  # as root
    assert f"{connd.token_file}: Permission denied" in check_as(service, connd)


@as_root
def test_directories_that_only_root_may_write(connd: Connd, service: dict[str, Any]) -> None:
    place = connd.directory / "run"
    os.chown(place, 0, 0)
    said = check_as(service, connd)
    assert f"in {place}: Permission denied" in said
    os.chown(place, NOBODY, NOBODY)
    snapshots = connd.directory / "snap"
    snapshots.mkdir()
    key = connd.directory / "key"
    key.write_text("5a" * 32)
    key.chmod(0o600)
    os.chown(key, NOBODY, NOBODY)
    set_option(connd, "snapshot", path=str(snapshots / "s"), key_file=str(key))
    assert f"[snapshot] path: connd cannot write in {snapshots}/" in check_as(service, connd)
    os.chown(snapshots, NOBODY, NOBODY)
    assert check_as(service, connd) == "OK"


@as_root
def test_a_group_that_the_user_is_not_in(connd: Connd, service: dict[str, Any]) -> None:
    set_option(connd, "socket", group="4711")
    assert "uid 65534) is not a member" in check_as(service, connd)
    assert check_as({**service, "extra_groups": [4711]}, connd) == "OK"


@as_root
@pytest.mark.skipif(SANITIZED, reason="the sanitizer locks no memory, and says that it does")
def test_memory_that_cannot_be_locked(connd: Connd, service: dict[str, Any]) -> None:
    set_option(connd, "memory", lock="require")

    def no_locked_memory() -> None:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

    said = check_as(service, connd, preexec_fn=no_locked_memory)
    assert "[memory] lock = require: raise LimitMEMLOCK" in said
    assert check_as(service, connd) == "OK"
