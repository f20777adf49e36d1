# SPDX-License-Identifier: Apache-2.0
"""The units beside connd.service: one connd a Deployment, a person's own, renewals, a worker's drop-in."""

from __future__ import annotations

import json
import os

import pytest
from box import Box
from test_units import PASSWORD, Installed, eventually, installed, shows

__all__ = ["installed"]  # the fixture

USER = "ann"


def status(box: Box, socket: str) -> dict[str, object]:
    done = box.run("connctl", "--socket", socket, "status", "--json", check=False)
    found: dict[str, object] = json.loads(done.stdout or "{}")
    return found


def test_one_connd_a_deployment(installed: Installed) -> None:
    box = installed.box
    told = box.run(
        *("connd-manager", "deployment", "create", "--data", "/var/lib/connd-manager"),
        *("--workspace-id", installed.workspace, "--name", "staging"),
        user="connd-manager",
    )
    other = json.loads(told.stdout)["id"]
    for name, deployment in (("prod", installed.deployment), ("staging", other)):
        installed.configure_as(f"/etc/connd/{name}.conf", deployment)
        box.write(f"/etc/credstore/connd.{name}.token", installed.token, 0o600)
    box.run("systemctl", "start", "connd@prod.socket", "connd@staging.socket")
    socket = "/run/connd/prod/connd.sock"
    done = box.run("connctl", "--socket", socket, "get", "conn", "warehouse", "--reveal")
    assert json.loads(done.stdout)["password"] == PASSWORD
    assert status(box, "/run/connd/staging/connd.sock")["connections"] == 0
    assert shows(box, "connd.service", "ActiveState") == "inactive"
    # One ends without the other.
    box.run("systemctl", "stop", "connd@staging.socket", "connd@staging.service")
    assert status(box, socket)["state"] == "fresh"
    assert box.run("stat", "-c", "%U %a", "/var/lib/connd/prod").stdout == "connd 700\n"


def test_a_token_in_the_credential_store_needs_no_drop_in(installed: Installed) -> None:
    box = installed.box
    (box.root / "etc/systemd/system/connd.service.d/token.conf").unlink()
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "connd.socket", "connd.service")
    assert installed.ask("warehouse").returncode == 3  # it runs, without a token
    box.write("/etc/credstore/connd.token", installed.token, 0o600)
    box.run("systemctl", "restart", "connd.service")
    assert installed.ask("warehouse").returncode == 0


def test_an_encrypted_credential(installed: Installed) -> None:
    box = installed.box
    box.run("install", "-d", "-m", "0700", "/etc/credstore.encrypted")
    box.run(
        *("systemd-creds", "encrypt", "--name=token", "-", "/etc/credstore.encrypted/token"),
        feed=installed.token,
    )
    (box.root / "etc/connd/token").unlink()
    drop_in = "[Service]\nLoadCredentialEncrypted=token:/etc/credstore.encrypted/token\n"
    box.write("/etc/systemd/system/connd.service.d/token.conf", drop_in)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "connd.service")
    assert installed.ask("warehouse").returncode == 0


@pytest.mark.parametrize("units", ["installed", "written by init"])
def test_a_person_runs_a_connd_of_her_own(installed: Installed, units: str) -> None:
    box = installed.box
    box.run("useradd", "--create-home", USER)
    uid = box.run("id", "-u", USER).stdout.strip()
    home, runtime = f"/home/{USER}", f"/run/user/{uid}"
    if units != "installed":
        box.run("sh", "-c", "rm /usr/lib/systemd/user/connd.*")
    box.write(f"{home}/token", installed.token, 0o600)
    box.run("chown", "-R", f"{USER}:", home)
    box.run("install", "-d", "-o", USER, "-m", "0700", runtime)
    # What user@.service does, without the logind that a box does not have.
    box.run(
        *("systemd-run", f"--uid={USER}", "--unit=manager-of-ann", "-p", "Delegate=yes"),
        *("--setenv", f"XDG_RUNTIME_DIR={runtime}", "--setenv", f"HOME={home}"),
        *("/lib/systemd/systemd", "--user"),
    )

    def as_ann(*command: str, check: bool = True) -> str:
        environment = ("env", f"XDG_RUNTIME_DIR={runtime}", f"HOME={home}")
        return box.run(*environment, *command, user=USER, check=check).stdout

    def is_up() -> bool:
        state = as_ann("systemctl", "--user", "is-system-running", check=False)
        return state.strip() in ("running", "degraded")

    eventually(is_up, "the user's manager runs")
    manager = ("--manager", "http://127.0.0.1:8888", "--token-file", f"{home}/token")
    made = as_ann("connctl", "init", "--local", "--json", *manager)
    assert json.loads(made)["unit_written"] == (units != "installed")
    # The block of docs/local.md.
    as_ann("systemctl", "--user", "daemon-reload")
    as_ann("systemctl", "--user", "enable", "--now", "connd.socket", "connd.service")
    assert "db.example" in as_ann("connctl", "get", "conn", "warehouse")
    assert as_ann("systemctl", "--user", "is-active", "connd.service") == "active\n"
    socket = f"{runtime}/connd/connd.sock"
    assert os.stat(box.root / socket.lstrip("/")).st_mode & 0o777 == 0o600
    as_ann("systemctl", "--user", "disable", "--now", "connd.socket", "connd.service")
    for unit in ("connd.socket", "connd.service"):
        state = as_ann("systemctl", "--user", "is-active", unit, check=False)
        assert state == "inactive\n", unit
    box.run("systemctl", "stop", "manager-of-ann.service")


def test_the_timer_renews_a_token_that_connd_then_uses(installed: Installed) -> None:
    box = installed.box
    told = box.run(
        *("connd-manager", "token", "create", "--data", "/var/lib/connd-manager"),
        *("--name", "short", "--scope", "deployment", "--scope-id", installed.deployment),
        *("--role", "MEMBER", "--expires-in", "20"),
        user="connd-manager",
    )
    old = json.loads(told.stdout)["token"]
    (box.root / "etc/systemd/system/connd.service.d/token.conf").unlink()
    box.run("systemctl", "daemon-reload")
    box.write("/etc/connd/token", old, 0o640, "root:connd")
    installed.configure(more="token_file = /etc/connd/token")
    where = f"MANAGER=http://127.0.0.1:8888\nORGANIZATION={installed.organization}\n"
    box.write("/etc/connd/prod.renew", f"{where}TOKEN_FILE=/etc/connd/token\n")
    box.run("systemctl", "start", "connd.service", "connd-token-renew@prod.timer")
    assert "connd-token-renew@prod.timer" in box.run("systemctl", "list-timers").stdout
    token = box.root / "etc/connd/token"

    def is_renewed() -> bool:
        box.run("systemctl", "start", "connd-token-renew@prod.service")
        return token.read_text() != old

    eventually(is_renewed, "half of its life is over", 30)
    assert box.run("stat", "-c", "%U %G %a", "/etc/connd/token").stdout == "root connd 640\n"
    new = token.read_text()

    def uses_the_new_one() -> bool:
        done = box.run("connctl", "refresh", check=False)
        return done.returncode == 0 and token.read_text() == new

    eventually(uses_the_new_one, "connd asks with it")
    journal = box.run("journalctl", "-o", "export", "--no-pager").stdout
    assert old not in journal
    assert new not in journal


def test_a_worker_waits_for_data(installed: Installed) -> None:
    box = installed.box
    worker = "[Service]\nUser=airflow\nExecStart=/bin/sleep infinity\nRestart=always\n"
    box.run("useradd", "airflow")
    box.write("/etc/systemd/system/airflow-worker.service", worker)
    box.run(
        *("install", "-D", "-m", "0644", "/usr/share/doc/connd/examples/airflow-worker.conf"),
        "/etc/systemd/system/airflow-worker.service.d/connd.conf",
    )
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "stop", "connd-manager.service")
    box.run("systemctl", "start", "--no-block", "airflow-worker.service")
    eventually(
        lambda: shows(box, "airflow-worker.service", "SubState") == "start-pre",
        "the worker waits: connd is ready, but has no data",
        40,
    )
    box.run("systemctl", "start", "connd-manager.service")
    eventually(
        lambda: shows(box, "airflow-worker.service", "ActiveState") == "active",
        "the worker starts",
        60,
    )
    pid = shows(box, "airflow-worker.service", "MainPID")
    box.run("systemctl", "restart", "connd.service")
    assert shows(box, "airflow-worker.service", "MainPID") == pid
    groups = (box.root / f"proc/{pid}/status").read_text()
    clients = box.run("getent", "group", "connd-clients").stdout.split(":")[2]
    assert clients in groups.split("Groups:")[1].split("\n")[0].split()


def test_a_start_is_tried_without_end(installed: Installed) -> None:
    box = installed.box
    installed.configure(more="nonsense = 1")
    box.run("systemctl", "start", "--no-block", "connd.service")
    eventually(lambda: int(shows(box, "connd.service", "NRestarts")) > 6, "systemd tries again", 60)
    assert shows(box, "connd.socket", "ActiveState") == "active"
    installed.configure()
    eventually(lambda: shows(box, "connd.service", "ActiveState") == "active", "it starts", 30)
    assert installed.ask("warehouse").returncode == 0


def test_the_sandbox_is_in_force_and_everything_works_in_it(installed: Installed) -> None:
    box = installed.box
    box.write("/etc/credstore/connd.snapshot-key", "5a" * 32, 0o600)
    snapshot = "[snapshot]\npath = /var/lib/connd/snapshot\n"
    installed.configure(more=f"{snapshot}[metrics]\nlisten = 127.0.0.1:9464\n")
    box.run("systemctl", "start", "connd.service")
    for unit in ("connd.service", "connd-manager.service"):
        pid = shows(box, unit, "MainPID")
        process = (box.root / f"proc/{pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
        assert (fields["Seccomp"], fields["NoNewPrivs"]) == ("2", "1")
        assert {fields[name].strip("0") for name in ("CapEff", "CapBnd", "CapAmb")} == {""}
    assert installed.ask("warehouse").returncode == 0
    # Lookups go before the thread that reads a new list.
    pid = shows(box, "connd.service", "MainPID")
    threads = list((box.root / f"proc/{pid}/task").glob("*/stat"))
    nice = {int(one.read_text().rsplit(")", 1)[1].split()[16]) for one in threads}
    assert nice == {0, 5}
    eventually((box.root / "var/lib/connd/snapshot").exists, "the snapshot is written")
    assert "connd_" in box.run("curl", "-sf", "http://127.0.0.1:9464/metrics").stdout
    status_before = status(box, "/run/connd/connd.sock")
    assert int(str(status_before["locked_bytes"])) > 0
    # The next program in the same process.
    box.run("systemctl", "kill", "--signal=USR2", "--kill-who=main", "connd.service")

    def is_newer() -> bool:
        journal = box.run("journalctl", "-o", "cat", "-u", "connd").stdout
        return journal.count("connd serves") == 2

    eventually(is_newer, "connd runs anew")
    assert shows(box, "connd.service", "MainPID") == pid
    assert installed.ask("warehouse").returncode == 0
    # A change in the manager, which writes its database in its sandbox, arrives.
    installed.create("lake", host="lake.example")
    eventually(lambda: installed.ask("lake").returncode == 0, "the new key arrives")
