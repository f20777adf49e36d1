# SPDX-License-Identifier: Apache-2.0
"""The Debian packages, as an operator meets them: installed, followed, upgraded, removed.

CONND_DIST names the directory with the packages that `make deb` built.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from box import Box

DIST = Path(os.environ.get("CONND_DIST", Path(__file__).parents[2] / "dist"))
PACKAGES = ("connd", "connd-manager", "python3-airflow-connd")
PASSWORD = "correct-horse-battery"

# Looks one key up without pause until told to stop, and prints how often that failed.
LOAD = """\
import sys, threading
from airflow_connd.backend import Lookups
backend, done, failures = Lookups(socket_path="/run/connd/connd.sock"), 0, []
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set())).start()
while not stop.is_set():
    try:
        if backend.get_conn_value("warehouse") is None:
            failures.append("not found")
    except Exception as e:
        failures.append(repr(e))
    done += 1
print(done, *failures[:3], sep="\\n")
"""

# The same daemon without a socket unit: what an operator with a unit of his own has.
OWN_UNIT = """\
[Service]
Type=notify
ExecStart=/usr/bin/connd --config /etc/connd/connd.conf
User=connd
RuntimeDirectory=connd
RuntimeDirectoryPreserve=yes
StateDirectory=connd
LoadCredential=token:/etc/connd/token
"""


def package(name: str) -> Path:
    found = sorted(DIST.glob(f"{name}_*.deb"))
    assert found, f"no {name}_*.deb in {DIST}: run make deb"
    return found[-1]


def newer(name: str, workdir: Path) -> Path:
    """The same package as a later version."""
    tree = workdir / f"next-{name}"
    subprocess.run(["dpkg-deb", "-R", package(name), tree], check=True)
    control = tree / "DEBIAN" / "control"
    version = subprocess.run(
        ["dpkg-deb", "-f", package(name), "Version"], check=True, capture_output=True, text=True
    ).stdout.strip()
    control.write_text(control.read_text().replace(f"Version: {version}", f"Version: {version}+1"))
    out = workdir / f"{name}-next.deb"
    subprocess.run(
        ["dpkg-deb", "-b", "--root-owner-group", tree, out], check=True, capture_output=True
    )
    shutil.rmtree(tree)
    return out


def files(box: Box) -> set[str]:
    """Every path that a package could have left."""
    found = box.run("find", "/etc", "/usr", "/lib", "/var", "/run/connd", "-xdev", check=False)
    churn = (
        *("/var/lib/dpkg", "/var/log", "/var/cache", "/var/lib/systemd", "/var/tmp"),
        "/usr/share/mime",
    )
    return {
        p
        for p in found.stdout.split("\n")
        # What is made on this machine meanwhile shows through.
        if p and not p.startswith(churn) and not os.path.lexists(p)
    }


@pytest.fixture
def system(box: Box) -> Box:
    for name in PACKAGES:
        target = box.files / "packages" / f"{name}.deb"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(package(name), target)
    box.start()
    # Container images forbid maintainer scripts to start and stop services; a host does not.
    box.run("rm", "-f", "/usr/sbin/policy-rc.d")
    return box


def main_pid(box: Box) -> str:
    return box.run("systemctl", "show", "--value", "-p", "MainPID", "connd").stdout


def starts(box: Box) -> int:
    """How often connd said that it is ready: once a program, also in the same process."""
    return box.run("journalctl", "-u", "connd", "-o", "cat", "--no-pager").stdout.count(
        "event=ready"
    )


def install(box: Box, *names: str) -> str:
    return box.run("dpkg", "-i", *(f"/packages/{name}.deb" for name in names)).stdout


def put_to_work(box: Box, more: str = "") -> None:
    """What the packages print as the next steps."""
    data = "/var/lib/connd-manager"
    box.run("install", "-d", "-o", "connd-manager", "-g", "connd-manager", "-m", "0700", data)
    told = box.run(
        *("connd-manager", "init", "--data", data, "--organization", "acme"),
        *("--workspace", "data", "--deployment", "prod"),
        user="connd-manager",
    )
    ids = json.loads(told.stdout)
    box.run("systemctl", "enable", "--now", "connd-manager.service")
    deployment = ids["deploymentIds"]["prod"]
    member = json.loads(
        box.run(
            *("connd-manager", "token", "create", "--data", data, "--name", "worker"),
            *("--scope", "deployment", "--scope-id", deployment, "--role", "MEMBER"),
            user="connd-manager",
        ).stdout
    )
    box.write("/etc/connd/token", member["token"], 0o640, "root:connd")
    box.write(
        "/etc/connd/connd.conf",
        f"[manager]\nurl = http://127.0.0.1:8888\norganization = {ids['organizationId']}\n"
        f"deployment = {deployment}\ntoken_file = /etc/connd/token\n{more}",
    )
    body = {
        "objectType": "CONNECTION",
        "objectKey": "warehouse",
        "scope": "DEPLOYMENT",
        "scopeEntityId": deployment,
        "connection": {"type": "postgres", "host": "db.example", "password": PASSWORD},
    }
    box.write("/tmp/body", json.dumps(body), 0o600)
    box.run(
        *("curl", "-sS", "--fail-with-body", "--retry", "20", "--retry-connrefused"),
        *("--retry-delay", "1", "-K", "-", "-H", "Content-Type: application/json"),
        *("-d", "@/tmp/body"),
        f"http://127.0.0.1:8888/v1/organizations/{ids['organizationId']}/environment-objects",
        feed=f'header = "Authorization: Bearer {ids["token"]}"\n',
    )
    box.run("connd", "--check", user="connd")


def lookup(box: Box) -> str:
    return box.run("connctl", "get", "conn", "warehouse", "--reveal").stdout


class Load:
    """Lookups without pause, from entering to leaving."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def __enter__(self) -> Load:
        self.box.write("/load.py", LOAD)
        self.process = subprocess.Popen(
            self.box.command("/usr/bin/python3", "/load.py"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.5)
        said, _ = self.process.communicate("stop\n", timeout=60)
        self.lookups, *self.failures = said.splitlines()


def test_installation_enables_nothing_and_prints_the_next_steps(system: Box) -> None:
    said = install(system, *PACKAGES)
    assert "systemctl enable --now connd.socket connd.service" in said
    assert "connd-manager init" in said
    for unit in ("connd.service", "connd.socket", "connd-manager.service"):
        assert system.run("systemctl", "is-enabled", unit, check=False).stdout == "disabled\n"
        assert system.run("systemctl", "is-active", unit, check=False).stdout == "inactive\n"
    # The system's own Python imports the shim.
    system.run("/usr/bin/python3", "-c", "import airflow_connd")


def test_next_steps_lead_to_a_lookup(system: Box) -> None:
    install(system, *PACKAGES)
    put_to_work(system)
    system.run("systemctl", "enable", "--now", "connd.socket", "connd.service")
    assert PASSWORD in lookup(system)


def test_upgrade_under_load_fails_no_lookup(system: Box, workdir: Path) -> None:
    install(system, *PACKAGES)
    put_to_work(system)
    system.run("systemctl", "enable", "--now", "connd.socket", "connd.service")
    before = main_pid(system)
    upgrade_under_load(system, workdir)
    assert main_pid(system) != before


def test_upgrade_under_load_without_a_socket_unit_fails_no_lookup(
    system: Box, workdir: Path
) -> None:
    install(system, *PACKAGES)
    key = "/etc/connd/snapshot.key"
    system.write(key, "ab" * 32 + "\n", 0o640, "root:connd")
    put_to_work(system, f"[snapshot]\npath = /var/lib/connd/snapshot\nkey_file = {key}\n")
    system.write("/etc/systemd/system/connd.service", OWN_UNIT)
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", "connd.service")
    before, started = main_pid(system), starts(system)
    upgrade_under_load(system, workdir)
    assert main_pid(system) == before
    assert starts(system) == started + 1


def upgrade_under_load(system: Box, workdir: Path) -> None:
    assert PASSWORD in lookup(system)
    for name in PACKAGES:
        shutil.copy(newer(name, workdir), system.root / "packages" / f"{name}-next.deb")
    with Load(system) as load:
        install(system, *(f"{name}-next" for name in PACKAGES))
    assert load.failures == []
    assert int(load.lookups) > 100
    assert system.run("dpkg-query", "-W", "-f", "${Version}", "connd").stdout.endswith("+1")
    assert PASSWORD in lookup(system)


def test_purge_leaves_only_what_is_the_operators(system: Box) -> None:
    before = files(system)
    install(system, *PACKAGES)
    put_to_work(system)
    system.run("systemctl", "enable", "--now", "connd.socket", "connd.service")
    assert PASSWORD in lookup(system)
    system.run("dpkg", "--purge", *PACKAGES)
    for unit in ("connd.service", "connd.socket", "connd-manager.service"):
        assert system.run("systemctl", "is-active", unit, check=False).stdout == "inactive\n"
    left = {p for p in files(system) - before if not p.startswith("/var/lib/connd-manager/")}
    assert left == {"/etc/connd", "/etc/connd/token", "/var/lib/connd-manager"}
