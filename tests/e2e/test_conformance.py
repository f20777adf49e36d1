# SPDX-License-Identifier: Apache-2.0
"""Clients of others: Varlink's certification clients against our socket code, systemd's varlinkctl
against connd."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import BUILD, PATIENCE, REPO, SANITIZED, Connd, Manager, Program, eventually

CERTIFICATION = BUILD / ("" if SANITIZED else "release") / "tests/e2e/certification"
INTERFACE = "io.connd.secrets"


@pytest.fixture
def certification(workdir: Path) -> Iterator[str]:
    socket = workdir / "c.sock"
    program = Program([CERTIFICATION, socket], workdir / "c.log")
    try:
        eventually(socket.exists, "it listens")
        yield f"unix:{socket}"
    except BaseException:
        program.kill()
        raise
    program.stop()


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, argv)], capture_output=True, text=True, timeout=PATIENCE * 4, check=False
    )


def test_go_certification_client_passes(certification: str) -> None:
    done = run("varlink-go-certification", "--client", f"--varlink={certification}")
    # It exits with 0 even if a test fails.
    assert done.stdout.splitlines()[-1:] == ["End: 'true'"], (done.stdout, done.stderr)


def test_python_certification_client_passes(certification: str) -> None:
    client = [sys.executable, "-m", "varlink.tests.test_certification"]
    done = run(*client, "--client", f"--varlink={certification}")
    assert done.stdout.splitlines()[-1:] == ["Certification passed"], (done.stdout, done.stderr)
    assert "End: {'all_ok': True}" in done.stdout


def test_certification_refuses_wrong_parameters(certification: str) -> None:
    """Proves that the test program reports a wrong client."""
    path = certification.removeprefix("unix:")
    connd = Connd(Path(path).parent, "http://127.0.0.1:1", "o", "d", "t")
    connd.socket = Path(path)
    with connd.client() as c:
        c.send(c.frame("org.varlink.certification.Start"))
        assert c.receive() == {"parameters": {"client_id": "one"}}
        c.send(c.frame("org.varlink.certification.Test01", {"client_id": "one", "bool": True}))
        reply = c.receive()
        assert reply and reply["error"] == "org.varlink.certification.CertificationError"


# --- varlinkctl ---


@pytest.fixture(scope="session")
def varlinkctl() -> str:
    if shutil.which("apt-get") is None and shutil.which("varlinkctl") is None:
        pytest.skip("needs varlinkctl, or apt to fetch it")
    done = run(REPO / "tests/e2e/varlinkctl.sh")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def served(manager: Manager) -> Iterator[Connd]:
    manager.create_connection("db", manager.deployment_ids["prod"], host="h", password="p")
    with manager.connd() as connd:
        yield connd


def test_varlinkctl_describes_the_service(varlinkctl: str, served: Connd) -> None:
    done = run(varlinkctl, "info", "--json=short", served.socket)
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)["interfaces"]) == [INTERFACE, "org.varlink.service"]
    done = run(varlinkctl, "list-interfaces", served.socket)
    assert sorted(done.stdout.split()) == [INTERFACE, "org.varlink.service"], done.stderr


def test_varlinkctl_parses_the_interface(varlinkctl: str, served: Connd, workdir: Path) -> None:
    done = run(varlinkctl, "introspect", served.socket, INTERFACE)
    assert done.returncode == 0, done.stderr
    for word in ("method GetConnection", "method List", "error NotFound"):
        assert word in done.stdout, done.stdout
    done = run(varlinkctl, "validate-idl", REPO / "proto/io.connd.secrets.varlink")
    assert done.returncode == 0, done.stderr


def test_varlinkctl_calls_methods(varlinkctl: str, served: Connd) -> None:
    call = [varlinkctl, "call", "--json=short", served.socket]
    done = run(*call, f"{INTERFACE}.GetConnection", '{"conn_id":"db"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(done.stdout)["value"])["password"] == "p"
    done = run(*call, f"{INTERFACE}.GetConnection", '{"conn_id":"absent"}')
    assert done.returncode != 0 and f"{INTERFACE}.NotFound" in done.stderr, done.stderr
    done = run(*call, f"{INTERFACE}.Status", "{}")
    assert json.loads(done.stdout)["state"] == "fresh"
    done = run(*call, "--more", f"{INTERFACE}.List", "{}")
    assert done.returncode == 0 and '"db"' in done.stdout, (done.stdout, done.stderr)
