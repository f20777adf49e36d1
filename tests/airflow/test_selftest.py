# SPDX-License-Identifier: Apache-2.0
"""`python -m airflow_connd` names the one cause of set-ups that are really broken."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from connd_testing import CONNCTL, Manager, eventually
from harness import CAN_DENY, TWIN, VERSION, WAREHOUSE, Airflow, Worker, wait_for_key

NOBODY = 65534
SECRETS = [WAREHOUSE["password"], "twin-password", "s3cr3t-value"]
OURS = "airflow_connd.ConndBackend"
LOCAL_FILES = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


@pytest.fixture(scope="module")
def own_manager(directory):
    place = directory / "selftest"
    place.mkdir()
    place.chmod(0o755)
    directory.chmod(0o755)
    with Manager(place, deployments=("prod",)) as serving:
        prod = serving.deployment_ids["prod"]
        given = {**WAREHOUSE, "type": "smtp"}  # every Airflow here has its provider
        del given["conn_type"]
        serving.create_connection("warehouse", prod, **given)
        serving.create_connection("lake", prod, type="snowflake", password="s3cr3t-value")
        serving.create_connection("prefixed/files", prod, type="fs")
        yield serving


@pytest.fixture(scope="module")
def good_connd(own_manager):
    sections = {"socket": {"mode": "0660"}, "access": {"allow": "user:root conn:* var:*"}}
    with own_manager.connd("prod", sections, name="good") as running:
        wait_for_key(running, "prefixed/files")
        yield running


@pytest.fixture(scope="module")
def home(directory, good_connd):
    """An Airflow whose worker asks a connd that works."""
    one = Airflow(directory / "selftest-home", good_connd.socket)
    (one.home / "airflow.cfg").write_text("[core]\nload_examples = False\n")
    return one


@pytest.fixture(scope="module")
def tester(home):
    worker = Worker(home)
    worker.result("prepare_selftest", None)
    yield worker
    worker.close()


@pytest.fixture
def check(tester, home):
    """The report of a self-test with these changes to a set-up that works."""

    def run(conn_id="warehouse", uid=0, env=None, **kwargs):
        environment = {**(home.backend(**kwargs) if kwargs else {}), **(env or {})}
        given = {"conn_id": conn_id, "uid": uid, "env": environment}
        report = tester.result("selftest", given)
        for secret in SECRETS:
            assert secret not in json.dumps(report)
        return report

    return run


def line(report, name):
    """The last check of that name."""
    return [check for check in report["checks"] if check["check"] == name][-1]


def assert_cause(report, name, *words, code=1):
    assert report["cause"] == name, json.dumps(report, indent=1)
    assert report["exit_code"] == code
    assert sum(one["verdict"] == "failed" for one in report["checks"]) == 1 or name.startswith("[")
    failed = next(one for one in report["checks"] if one["verdict"] == "failed")
    for word in words:
        assert word in failed["found"] + " -> " + failed["do"], failed


# --- a set-up that works


def test_set_up_that_works(check, home, good_connd):
    report = check()
    assert report["cause"] is None and report["exit_code"] == 0, report
    assert {one["verdict"] for one in report["checks"]} <= {"ok", "warning"}
    assert str(home.home / "airflow.cfg") in line(report, "airflow.cfg")["found"]
    assert "AIRFLOW__SECRETS__BACKEND" in line(report, "[secrets]")["found"]
    assert str(good_connd.socket) in line(report, "socket")["found"]
    assert "3 connections" in line(report, "connd")["found"]
    assert "'warehouse': connd has it" in line(report, "lookup")["found"]


def test_connctl_doctor_adds_what_the_workers_python_sees(home, good_connd):
    """A worker without the backend is named from connd's machine, too."""

    options = ["--json", "--config", good_connd.config, "--timeout", "2m"]
    options += ["--python", sys.executable]

    def doctor(**env):
        done = subprocess.run(
            [CONNCTL, "doctor", *options, "conn", "warehouse"],
            env={**home.environment, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return json.loads(done.stdout)

    report = doctor(AIRFLOW__SECRETS__BACKEND="")
    assert report["cause"] == "worker: [secrets]", report
    assert "is not set" in line(report, "worker: [secrets]")["found"]


def test_as_a_program(home):
    """Its own process: the exit code, the text, the JSON, the help."""

    def run(*arguments, **env):
        return subprocess.run(
            [sys.executable, "-m", "airflow_connd", *arguments],
            env={**home.environment, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = run("warehouse", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert list(report) == ["checks", "cause", "exit_code"]
    assert all(list(one) == ["check", "verdict", "found", "do"] for one in report["checks"])

    done = run("doctor", "warehose")
    assert done.returncode == 1
    assert "failed   lookup" in done.stdout and "cause: lookup: " in done.stdout
    assert "the nearest is 'warehouse'" in done.stdout

    done = run(AIRFLOW__SECRETS__BACKEND="airflow_connd.CondBackend")
    assert done.returncode == 1, "Airflow itself cannot be imported then"
    assert "cause: airflow: " in done.stdout and "could not be loaded" in done.stdout

    done = run("--help")
    assert done.returncode == 0 and "exit codes:" in done.stdout
    assert run("--no-such-option").returncode == 2


# --- Airflow's side


def test_no_backend(check):
    report = check(env={"AIRFLOW__SECRETS__BACKEND": None})
    assert_cause(report, "[secrets]", "is not set", OURS)


def test_another_home(check, tmp_path):
    """The configuration is there, and the worker's AIRFLOW_HOME is not in this environment."""
    report = check(env={"AIRFLOW__SECRETS__BACKEND": None, "AIRFLOW_HOME": str(tmp_path)})
    assert line(report, "airflow.cfg")["verdict"] == "warning"
    assert_cause(report, "[secrets]", "is not set", str(tmp_path / "airflow.cfg"))


def test_another_backend(check):
    env = {"AIRFLOW__SECRETS__BACKEND": LOCAL_FILES, "AIRFLOW__SECRETS__BACKEND_KWARGS": "{}"}
    assert_cause(check(env=env), "[secrets]", "LocalFilesystemBackend", "first or then")


@pytest.mark.skipif(VERSION < (3,), reason="this Airflow has no backend of the workers' own")
def test_another_backend_for_the_workers(check):
    report = check(env={"AIRFLOW__WORKERS__SECRETS_BACKEND": LOCAL_FILES})
    assert line(report, "[secrets]")["verdict"] == "ok"
    assert_cause(report, "[workers]", "LocalFilesystemBackend", "does not ask connd")


@pytest.mark.skipif(VERSION >= (3,), reason="this Airflow reads [workers]")
def test_workers_section_that_is_ignored(check):
    report = check(env={"AIRFLOW__WORKERS__SECRETS_BACKEND": LOCAL_FILES})
    assert line(report, "[workers]")["verdict"] == "warning" and report["exit_code"] == 0


@pytest.mark.parametrize("text", ["{'socket_path': '/x'}", "[1]", '"text"', '{"a": 1,}'])
def test_kwargs_that_airflow_ignores(check, text):
    report = check(env={"AIRFLOW__SECRETS__BACKEND_KWARGS": text})
    assert_cause(report, "[secrets]", "not a JSON object", "ignores all of it")


def test_misspelt_option(check):
    assert_cause(check(on_eror="deny"), "[secrets]", "'on_eror'", "'on_error'")


def test_misspelt_value(check):
    assert_cause(check(on_error="dney"), "[secrets]", "on_error must be one of", "nearest: deny")


@pytest.mark.skipif(CAN_DENY, reason="this Airflow can fail closed")
def test_airflow_that_cannot_fail_closed(check):
    assert_cause(check(on_error="deny"), "fail closed", "cannot fail closed")


@pytest.mark.skipif(not CAN_DENY, reason="this Airflow cannot fail closed")
def test_deny_on_the_servers_too(check):
    assert line(check(on_error="deny"), "fail closed")["verdict"] == "warning"


def test_other_backend_that_cannot_be_built(check):
    report = check(first="no_such_package.VaultBackend")
    assert_cause(
        report, "other backend", "first (VaultBackend)", "No module named 'no_such_package'"
    )


# --- the socket


def test_directory_that_is_not_there(check, tmp_path):
    report = check(socket_path=str(tmp_path / "none" / "connd.sock"))
    assert_cause(report, "socket", str(tmp_path / "none"), "does not exist", code=3)


def test_socket_that_is_not_there(check, tmp_path):
    report = check(socket_path=str(tmp_path / "connd.sock"))
    assert_cause(report, "socket", "does not exist", "start connd", code=3)


def test_connd_that_was_killed(check, own_manager):
    connd = own_manager.connd("prod", name="killed").start()
    connd.running.kill()
    report = check(socket_path=str(connd.socket))
    assert_cause(report, "socket", "connection refused", "start connd", code=3)


def test_socket_path_that_is_a_directory(check, tmp_path):
    """As a container runtime makes it of a mounted file that was not there."""
    report = check(socket_path=str(tmp_path))
    assert_cause(report, "socket", "is a directory", code=3)


def test_socket_path_that_is_a_file(check, tmp_path):
    (tmp_path / "connd.sock").touch()
    report = check(socket_path=str(tmp_path / "connd.sock"))
    assert_cause(report, "socket", "is not a socket", code=3)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


@needs_root
def test_user_who_is_not_in_the_group(check):
    report = check(uid=NOBODY)
    assert_cause(report, "socket", "permission denied", "usermod -aG root", code=3)


@needs_root
def test_directory_that_this_user_may_not_enter(check, own_manager, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    report = check(uid=NOBODY, socket_path=str(closed / "connd.sock"))
    assert_cause(report, "socket", "cannot enter", code=3)


# --- the daemon


def listen(path, says):
    """Something at `path` that is not connd."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(8)

    def accept():
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = listener.accept()
                # The self-test's first connection only opens the socket.
                with client, contextlib.suppress(OSError):
                    if client.recv(65536):
                        client.sendall(says)

    threading.Thread(target=accept, daemon=True).start()
    return listener


@pytest.mark.parametrize(
    "says",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n\0", b'{"error":"org.varlink.service.MethodNotFound"}\0'],
)
def test_something_else_listens(check, tmp_path, says):
    with listen(tmp_path / "other.sock", says):
        report = check(socket_path=str(tmp_path / "other.sock"))
    assert_cause(report, "connd", "not connd", "socket_path", code=3)


def test_connd_that_hangs(check, own_manager):
    with own_manager.connd("prod", name="hangs") as connd:
        os.kill(connd.running.pid, signal.SIGSTOP)
        try:
            report = check(socket_path=str(connd.socket), timeout=0.5)
        finally:
            os.kill(connd.running.pid, signal.SIGCONT)
    assert_cause(report, "connd", "no response in time", code=3)


def test_connd_without_data(check, own_manager):
    connd = own_manager.connd("prod", {"manager": {"url": "http://127.0.0.1:9"}}, name="empty")
    connd.start(wait="listening")
    try:
        connd.wait_for(lambda status: status.get("last_error"), "it has tried")
        report = check(socket_path=str(connd.socket))
    finally:
        connd.stop()
    assert_cause(report, "connd", "not-ready", "must reach its manager", code=3)


def test_connd_with_expired_data(check, directory):
    place = directory / "expires"
    place.mkdir()
    manager = Manager(place, deployments=("prod",)).start()
    freshness = {"ttl": "1s", "stale": "1s", "max_stale": "2s"}
    with manager.connd("prod", {"freshness": freshness}, name="expires") as connd:
        manager.stop()
        connd.wait_for(lambda status: status["state"] == "expired", "the data expires", 60)
        report = check(socket_path=str(connd.socket))
    assert_cause(report, "connd", "expired", code=3)


def test_another_version(check, good_connd, tmp_path):
    status = {**good_connd.status(), "version": "9.9.9"}
    frame = json.dumps({"parameters": status}).encode() + b"\0"
    with listen(tmp_path / "newer.sock", frame):
        report = check(socket_path=str(tmp_path / "newer.sock"))
    assert line(report, "version")["verdict"] == "warning"
    assert "9.9.9" in line(report, "version")["found"]


# --- the records


def test_misspelt_key(check):
    assert_cause(check("warehose"), "lookup", "no such record", "the nearest is 'warehouse'")


def test_key_that_is_not_linked(check):
    assert_cause(check("billing"), "lookup", "no such record", "link it to this Deployment")


def test_prefix_that_is_not_in_the_keys(check):
    report = check(connections_prefix="prod")
    assert_cause(report, "lookup", "connd holds 'warehouse'", "'prod/warehouse'")


def test_prefix_that_is_in_the_keys(check):
    report = check("files", connections_prefix="prefixed")
    assert line(report, "lookup")["verdict"] == "ok"
    report = check(None, connections_prefix="prefixed")
    assert "'files': connd has it" in line(report, "lookup")["found"]


def test_pattern_that_leaves_the_key_out(check):
    report = check(connections_lookup_pattern="^lake")
    assert_cause(report, "lookup", "not looked up", "connections_lookup_pattern")


def test_kind_that_is_off(check):
    assert_cause(check(connections_prefix=None), "lookup", "not looked up", "connections_prefix")


@needs_root
@pytest.mark.parametrize(
    ("rules", "cause"),
    [
        ("user:root conn:* var:*", "connd"),
        ("user:root conn:* var:*\n* conn:lake", "lookup"),
    ],
    ids=["everything", "this-key"],
)
def test_user_who_is_denied(check, own_manager, rules, cause):
    sections = {"socket": {"mode": "0666"}, "access": {"allow": rules}}
    with own_manager.connd("prod", sections, name="denies") as connd:
        report = check(uid=NOBODY, socket_path=str(connd.socket))
    assert_cause(report, cause, "does not allow", "[access]", code=4)


def test_value_where_the_key_belongs(check):
    report = check(f"postgres://u:{SECRETS[-1]}@h/db")
    assert_cause(report, "lookup", "shortened: it looks like a value")


def test_provider_that_is_not_installed(check):
    report = check("lake")
    assert_cause(report, "providers", "snowflake", "pip install apache-airflow-providers-snowflake")
    assert line(check(), "providers")["verdict"] == "warning"


def test_twin_in_the_environment(check):
    report = check(env={"AIRFLOW_CONN_WAREHOUSE": TWIN, "AIRFLOW_CONN_ELSEWHERE": TWIN})
    twins = line(report, "twins")
    assert twins["verdict"] == "warning" and report["exit_code"] == 0
    assert "AIRFLOW_CONN_WAREHOUSE" in twins["found"] and "ELSEWHERE" not in twins["found"]


def test_twin_in_the_metadata_database(check, airflow, home):
    """The database of the other fixtures' Airflow: this one has none."""
    other = Worker(airflow)
    row = {"conn_id": "warehouse", "conn_type": "postgres", "password": "twin-password"}
    other.result("fill", {"connections": [row], "variables": []})
    other.result("prepare_selftest", None)
    try:
        environment = dict(home.backend())
        given = {"conn_id": "warehouse", "uid": 0, "env": environment}
        report = other.result("selftest", given)
    finally:
        other.result("clear", None)
        other.close()
    twins = line(report, "twins")
    assert twins["verdict"] == "warning", twins
    assert "connection 'warehouse'" in twins["found"] and "compared" in twins["found"]
    assert "twin-password" not in json.dumps(report)


def test_no_key_at_all(check, directory):
    place = directory / "bare"
    place.mkdir()
    with Manager(place, deployments=("prod",)) as manager, manager.connd("prod") as connd:
        eventually(lambda: connd.status()["state"] == "fresh", "it has synced")
        report = check(None, socket_path=str(connd.socket))
    assert line(report, "lookup")["verdict"] == "warning"
    assert "link connections" in line(report, "lookup")["do"]
