# SPDX-License-Identifier: Apache-2.0
"""What `make install` installs, as an operator uses it: started, asked, reloaded, stopped."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from box import Box

TOP = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery"
CONFIG = """\
[manager]
url = http://127.0.0.1:8888
organization = {organization}
deployment = {deployment}
refresh = 1s
{more}
"""
SNAPSHOT = """
[snapshot]
path = /var/lib/connd/snapshot
"""
CREDENTIAL = "[Service]\nLoadCredential=token:/etc/connd/token\n"


def eventually(check: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def shows(box: Box, unit: str, name: str) -> str:
    return box.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()


def install(box: Box) -> None:
    subprocess.run(
        ["make", "-s", "-C", str(TOP), "install", f"DESTDIR={box.files}"],
        check=True,
        capture_output=True,
        timeout=300,
    )


@dataclass
class Installed:
    """The box, and the manager's ids in it; the manager runs and holds one connection."""

    box: Box
    organization: str
    workspace: str
    deployment: str
    token: str

    def create(self, key: str, **connection: object) -> None:
        body = {
            "objectType": "CONNECTION",
            "objectKey": key,
            "scope": "DEPLOYMENT",
            "scopeEntityId": self.deployment,
            "connection": {"type": "postgres", **connection},
        }
        path = f"/v1/organizations/{self.organization}/environment-objects"
        self.box.write("/tmp/body", json.dumps(body), 0o600)
        self.box.run(
            *(
                "curl",
                "-sS",
                "--fail-with-body",
                "-K",
                "-",
                "-H",
                "Content-Type: application/json",
                "-d",
                "@/tmp/body",
            ),
            f"http://127.0.0.1:8888{path}",
            feed=f'header = "Authorization: Bearer {self.token}"\n',
        )

    def configure(self, more: str = "") -> None:
        self.configure_as("/etc/connd/connd.conf", more=more)

    def configure_as(self, path: str, deployment: str = "", more: str = "") -> None:
        text = CONFIG.format(
            organization=self.organization, deployment=deployment or self.deployment, more=more
        )
        self.box.write(path, text)

    def ask(self, key: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        command = ("connctl", "get", "conn", key, "--reveal")
        return self.box.run(*command, user=user, check=False)


@pytest.fixture
def installed(box: Box) -> Installed:
    install(box)
    box.start()
    # sysusers.d made the account while booting; what conf/connd-manager.conf says to do, done.
    data = "/var/lib/connd-manager"
    box.run("install", "-d", "-o", "connd-manager", "-g", "connd-manager", "-m", "0700", data)
    told = box.run(
        *("connd-manager", "init", "--data", data, "--organization", "Acme"),
        *("--workspace", "Analytics", "--deployment", "prod"),
        user="connd-manager",
    )
    ids = json.loads(told.stdout)
    box.run("systemctl", "start", "connd-manager.service")
    made = Installed(
        box,
        ids["organizationId"],
        ids["workspaceId"],
        ids["deploymentIds"]["prod"],
        ids["token"],
    )
    eventually(
        lambda: box.run("curl", "-s", "http://127.0.0.1:8888/", check=False).returncode == 0,
        "the manager listens",
    )
    made.create("warehouse", host="db.example", login="etl", password=PASSWORD)

    box.write("/etc/connd/token", made.token, 0o600)
    box.write("/etc/systemd/system/connd.service.d/token.conf", CREDENTIAL)
    made.configure()
    box.run("systemctl", "daemon-reload")
    return made


def test_a_clean_installation_says_what_is_missing(box: Box) -> None:
    install(box)
    box.start()
    done = box.run("connd", "--check", check=False)
    assert done.returncode != 0
    assert "/etc/connd/connd.conf" in done.stderr
    assert "organization" in done.stderr


def test_install_keeps_the_operators_config(box: Box) -> None:
    own = box.files / "etc/connd/connd.conf"
    own.parent.mkdir(parents=True)
    own.write_text("# mine\n")
    install(box)
    assert own.read_text() == "# mine\n"
    example = box.files / "usr/share/doc/connd/examples/connd.conf"
    assert example.read_text() == (TOP / "conf/connd.conf").read_text()
    assert (box.files / "etc/connd/connd-manager.conf").exists()


def test_the_first_question_starts_the_daemon_and_only_clients_may_ask(
    installed: Installed,
) -> None:
    box = installed.box
    box.run("systemctl", "start", "connd.socket")
    assert shows(box, "connd.service", "ActiveState") == "inactive"

    box.run("useradd", "--groups", "connd-clients", "airflow")
    box.run("useradd", "stranger")
    done = installed.ask("warehouse", user="airflow")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["password"] == PASSWORD
    eventually(lambda: shows(box, "connd.service", "ActiveState") == "active", "it is ready")

    refused = installed.ask("warehouse", user="stranger")
    assert refused.returncode in (3, 4)
    assert refused.stdout == ""
    # The daemon's own account is no client's, and its files are not the clients' to read.
    assert box.run("id", "-nG", "connd").stdout.split() == ["connd"]


def test_life_under_systemd(installed: Installed) -> None:
    box = installed.box
    box.run("systemctl", "start", "connd.socket", "connd.service")
    for unit in ("connd.socket", "connd.service", "connd-manager.service"):
        assert box.run("systemctl", "is-active", unit).stdout == "active\n"
    assert json.loads(installed.ask("warehouse").stdout)["password"] == PASSWORD
    status = json.loads(box.run("connctl", "status", "--json").stdout)
    assert (status["state"], status["connections"]) == ("fresh", 1)
    assert shows(box, "connd.service", "StatusText") != ""

    # A reload keeps the process and its answers, with a broken file too.
    pid = shows(box, "connd.service", "MainPID")
    installed.configure(more="timeout = 5s")
    box.run("systemctl", "reload", "connd.service")
    installed.configure(more="nonsense = 1")
    box.run("systemctl", "reload", "connd.service")
    eventually(
        lambda: "nonsense" in box.run("journalctl", "-o", "cat", "-u", "connd").stdout,
        "the journal names the option that is not known",
    )
    assert installed.ask("warehouse").returncode == 0
    assert shows(box, "connd.service", "MainPID") == pid
    installed.configure()

    # Killed, it comes back by itself; the socket stays and the question waits.
    box.run("systemctl", "kill", "--signal=KILL", "connd.service")
    eventually(lambda: shows(box, "connd.service", "MainPID") not in (pid, "0"), "another process")
    eventually(lambda: installed.ask("warehouse").returncode == 0, "it answers again")
    assert shows(box, "connd.service", "NRestarts") == "1"

    pid = shows(box, "connd.service", "MainPID")
    box.run("systemctl", "restart", "connd.service")
    assert shows(box, "connd.service", "MainPID") != pid
    assert installed.ask("warehouse").returncode == 0

    # Stopped, it ends well and soon; asked again, it starts again.
    t0 = time.monotonic()
    box.run("systemctl", "stop", "connd.service")
    assert time.monotonic() - t0 < 5
    assert shows(box, "connd.service", "Result") == "success"
    assert shows(box, "connd.service", "ExecMainStatus") == "0"
    assert installed.ask("warehouse").returncode == 0

    t0 = time.monotonic()
    box.run("systemctl", "stop", "connd-manager.service")
    assert time.monotonic() - t0 < 8
    assert shows(box, "connd-manager.service", "Result") == "success"
    assert installed.ask("warehouse").returncode == 0  # without its manager, too

    for unit in ("connd.service", "connd-manager.service"):
        lines = box.run("journalctl", "-o", "json", "--no-pager", "-u", unit).stdout.splitlines()
        native = [row for row in map(json.loads, lines) if "CONND_EVENT" in row]
        assert native, f"{unit} logs no fields"
        for row in native:
            assert row["PRIORITY"] in "3467" and row["_SYSTEMD_UNIT"] == unit
            assert row["SYSLOG_IDENTIFIER"] == unit.removesuffix(".service")
            assert row["CONND_EVENT"] in row["MESSAGE"]
    journal = box.run("journalctl", "-o", "export", "--no-pager").stdout
    assert "connd" in journal
    for secret in (PASSWORD, installed.token, installed.token.split(".")[2]):
        assert secret not in journal


def test_a_start_that_fails_is_tried_until_it_can_work(installed: Installed) -> None:
    """More often than systemd's default limit allows (5 starts in 10 s), with a client waiting."""
    box = installed.box
    installed.configure(more="nonsense = 1")
    box.run("systemctl", "start", "connd.socket")
    assert installed.ask("warehouse").returncode == 3  # this starts the service
    eventually(
        lambda: int(shows(box, "connd.service", "NRestarts")) >= 8, "8 starts have failed", 60
    )
    assert shows(box, "connd.socket", "ActiveState") == "active"
    installed.configure()
    eventually(lambda: installed.ask("warehouse").returncode == 0, "the next start serves", 30)

    assert shows(box, "connd-manager.service", "StartLimitIntervalUSec") == "0"


def test_a_process_that_hangs_is_replaced(installed: Installed) -> None:
    """Stopped, it sends systemd no more signs of life; a shorter limit than the unit's 30 s."""
    box = installed.box
    soon = "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n"
    box.write("/etc/systemd/system/connd.service.d/soon.conf", soon)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "connd.service")
    time.sleep(3)  # longer than the limit: it is alive as long as its loop runs
    assert shows(box, "connd.service", "NRestarts") == "0"
    pid = shows(box, "connd.service", "MainPID")
    box.run("systemctl", "kill", "--signal=STOP", "connd.service")
    eventually(lambda: shows(box, "connd.service", "MainPID") not in (pid, "0"), "another process")
    eventually(lambda: installed.ask("warehouse").returncode == 0, "it answers again")
    assert "Watchdog timeout" in box.run("journalctl", "-o", "cat", "--no-pager").stdout


def test_a_token_may_arrive_a_minute_late(installed: Installed) -> None:
    """As from an agent that fetches it: the start does not fail, and clients learn the reason."""
    box = installed.box
    (box.root / "etc/systemd/system/connd.service.d/token.conf").unlink()
    box.run("systemctl", "daemon-reload")
    installed.configure(more="token_file = /etc/connd/token")
    (box.root / "etc/connd/token").unlink()
    box.run("systemctl", "start", "connd.service")
    pid = shows(box, "connd.service", "MainPID")
    refused = installed.ask("warehouse")
    assert refused.returncode == 3
    assert "/etc/connd/token" in refused.stderr
    time.sleep(60)
    box.write("/etc/connd/token", installed.token, 0o640, "root:connd")
    eventually(lambda: installed.ask("warehouse").returncode == 0, "it uses the token", 20)
    assert shows(box, "connd.service", "MainPID") == pid


def test_a_check_outside_of_the_unit_says_how_to_give_it_the_credential(
    installed: Installed,
) -> None:
    box = installed.box
    box.run("systemctl", "start", "connd.socket")
    done = box.run("connd", "--check", user="connd", check=False)
    assert done.returncode == 1
    (hint,) = [line for line in done.stderr.splitlines() if "systemd-run" in line]
    command = hint.split("with it: ")[1].replace("FILE", "/etc/connd/token").split()
    assert box.run(*command).stdout == "OK\n"


def test_a_token_file_serves_as_well_as_a_credential(installed: Installed) -> None:
    box = installed.box
    (box.root / "etc/systemd/system/connd.service.d/token.conf").unlink()
    box.run("systemctl", "daemon-reload")
    box.write("/etc/connd/token", installed.token, 0o640, "root:connd")
    installed.configure(more="token_file = /etc/connd/token")
    box.run("systemctl", "start", "connd.service")
    assert json.loads(installed.ask("warehouse").stdout)["host"] == "db.example"


def test_ready_without_a_manager_then_it_recovers(installed: Installed) -> None:
    box = installed.box
    box.run("systemctl", "stop", "connd-manager.service")
    box.run("systemctl", "start", "connd.service")  # returns: ready though there is no data
    assert shows(box, "connd.service", "ActiveState") == "active"
    assert installed.ask("warehouse").returncode == 3
    box.run("systemctl", "start", "connd-manager.service")
    eventually(lambda: installed.ask("warehouse").returncode == 0, "it finds its manager", 60)


def test_a_start_without_a_manager_is_served_from_the_snapshot(installed: Installed) -> None:
    box = installed.box
    box.write("/etc/connd/snapshot.key", "5a" * 32, 0o600)
    credential = "[Service]\nLoadCredential=snapshot-key:/etc/connd/snapshot.key\n"
    box.write("/etc/systemd/system/connd.service.d/snapshot.conf", credential)
    box.run("systemctl", "daemon-reload")
    installed.configure(more=SNAPSHOT)
    box.run("systemctl", "start", "connd.service")
    assert installed.ask("warehouse").returncode == 0
    snapshot = box.root / "var/lib/connd/snapshot"
    eventually(snapshot.exists, "the snapshot is written")
    assert PASSWORD.encode() not in snapshot.read_bytes()

    box.run("systemctl", "stop", "connd.service", "connd-manager.service")
    box.run("systemctl", "start", "connd.service")
    assert json.loads(installed.ask("warehouse").stdout)["password"] == PASSWORD
    assert box.run("stat", "-c", "%U %a", "/var/lib/connd").stdout == "connd 700\n"


def test_doctor_names_what_only_systemd_knows(installed: Installed) -> None:
    """The token as a credential, a unit that is stopped, one that cannot start."""
    box = installed.box

    def doctor() -> tuple[str | None, dict[str, dict[str, str]]]:
        report = json.loads(box.run("connctl", "doctor", "--json", check=False).stdout)
        return report["cause"], {check["check"]: check for check in report["checks"]}

    box.run("systemctl", "start", "connd.socket", "connd.service")
    box.run("connctl", "wait")
    cause, checks = doctor()
    assert cause is None, checks[cause]
    assert "/run/credentials/connd.service/token" in checks["token"]["found"]
    assert "user connd" in checks["socket"]["found"] and "active" in checks["service"]["found"]

    box.run("systemctl", "stop", "connd.socket", "connd.service")
    cause, checks = doctor()
    assert cause == "service" and "systemctl enable --now" in checks["service"]["do"], checks
    assert checks["token"]["verdict"] == "skipped"

    failing = "[Service]\nExecStart=\nExecStart=/bin/false\n"
    box.write("/etc/systemd/system/connd.service.d/failing.conf", failing)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "--no-block", "connd.service")
    eventually(lambda: shows(box, "connd.service", "NRestarts") != "0", "a start has failed")
    cause, checks = doctor()
    assert cause == "service" and "journalctl -u connd" in checks["service"]["do"], checks
