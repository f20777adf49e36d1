# SPDX-License-Identifier: Apache-2.0
"""connctl doctor names the one cause, in set-ups that are broken for real."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from connd_testing import CONNCTL, PATIENCE, REPO, Connd, Manager, eventually, free_port
from faulty_manager import Exchange, FaultyManager
from test_manager_tls import make_certificate

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="looks as other users")

SCHEMA = json.loads((REPO / "docs/schemas/connctl/doctor.schema.json").read_text())
SECRET = "s3cr3t-p@ss"
WORKER = "nobody"
CHECKS = [
    "configuration", "token", "manager", "clock", "authorization", "secrets", "deployment",
    "service", "limits", "socket", "data", "serving", "version", "snapshot", "user", "key",
    "worker",
]  # fmt: skip


class Lab:
    """A connd that works, in a directory of its own, until a test breaks something. The manager is
    shared, and left as it was."""

    def __init__(self, manager: Manager, stack: ExitStack) -> None:
        self.manager, self.stack = manager, stack
        self.directory = Path(tempfile.mkdtemp(prefix="connd-"))
        self.directory.chmod(0o755)
        stack.callback(shutil.rmtree, self.directory)
        self.connd = self.connd_of("prod")
        self.arguments = ["--user", WORKER]

    def connd_of(self, deployment: str, token: str = "") -> Connd:
        return Connd(
            self.directory, self.manager.url, self.manager.organization,
            self.manager.deployment_ids[deployment], token or self.manager.token,
            {"socket": {"mode": "0666"}},
        )  # fmt: skip

    def start(self, wait: str = "ready") -> None:
        self.connd.start(wait)
        self.stack.callback(self.connd.running.kill)

    def set(self, section: str, **options: str) -> None:
        self.connd.sections.setdefault(section, {}).update(options)
        self.connd.write_config()

    def token(self, *args: str, role: str = "MEMBER", deployment: str = "prod") -> dict[str, str]:
        issued: dict[str, str] = self.manager.command(
            "token", "create", "--data", str(self.manager.data), "--name", "doctor", "--role", role,
            "--scope", "deployment", "--scope-id", self.manager.deployment_ids[deployment], *args,
        )  # fmt: skip
        return issued

    def listens(
        self,
        on_client: Callable[[socket.socket], object],
        family: int = socket.AF_UNIX,
        name: str = "connd.sock",
    ) -> socket.socket:
        """A program that listens: in this directory, or at a port."""
        listener = socket.socket(family, socket.SOCK_STREAM)
        unix = family == socket.AF_UNIX
        listener.bind(str(self.directory / name) if unix else ("127.0.0.1", 0))
        listener.listen()
        self.stack.callback(listener.close)
        self.stack.callback(listener.shutdown, socket.SHUT_RDWR)

        def serve() -> None:
            while True:
                try:
                    client = listener.accept()[0]
                except OSError:
                    return
                self.stack.callback(client.close)
                on_client(client)

        threading.Thread(target=serve, daemon=True).start()
        return listener

    def run(self, *args: str, **run: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CONNCTL, "doctor", "--config", self.connd.config, *self.arguments, *args],
            capture_output=True, text=True, timeout=PATIENCE, check=False, **run,
        )  # fmt: skip

    def report(self, *args: str) -> dict[str, Any]:
        done = self.run("--json", *args)
        assert done.stderr == "", done
        report: dict[str, Any] = json.loads(done.stdout)
        jsonschema.validate(report, SCHEMA)
        assert done.returncode == report["exit_code"] == (1 if report["cause"] else 0)
        assert SECRET not in done.stdout and self.manager.token not in done.stdout
        return report


@pytest.fixture(scope="module")
def shared() -> Iterator[Manager]:
    directory = Path(tempfile.mkdtemp(prefix="connd-"))
    with Manager(directory) as manager:
        prod = manager.deployment_ids["prod"]
        manager.create_connection("warehouse", prod, host="db.example.com", password=SECRET)
        manager.create_connection("billing", password=SECRET)
        yield manager
    shutil.rmtree(directory)


@pytest.fixture
def lab(shared: Manager) -> Iterator[Lab]:
    with ExitStack() as stack:
        yield Lab(shared, stack)


# --- one set-up a function ------------------------------------------------------------------


def misspelt_option(lab: Lab) -> None:
    lab.connd.write_config(lab.connd.config_text().replace("url =", "urll ="))


def no_configuration(lab: Lab) -> None:
    lab.connd.config.unlink()


def unknown_user_in_access(lab: Lab) -> None:
    lab.set("access", allow="user:nobody-of-that-name")


def no_ca_file(lab: Lab) -> None:
    lab.set("manager", ca_file=str(lab.directory / "ca.pem"))


def no_token_file(lab: Lab) -> None:
    lab.connd.token_file.unlink()


def token_for_everybody(lab: Lab) -> None:
    lab.connd.token_file.chmod(0o644)


def garbage_for_a_token(lab: Lab) -> None:
    lab.connd.token_file.write_text("two words\n")


def token_expired(lab: Lab) -> None:
    lab.connd.write_token(lab.token("--expires-in", "1")["token"])
    eventually(lambda: lab.report()["cause"] == "token", "the token expires", PATIENCE)


def token_of_another_deployment(lab: Lab) -> None:
    lab.connd.write_token(lab.token(deployment="dev")["token"])


def token_revoked(lab: Lab) -> None:
    issued = lab.token()
    lab.manager.command("token", "revoke", "--data", str(lab.manager.data), "--id", issued["id"])
    lab.connd.write_token(issued["token"])


def secrets_fetching_off(lab: Lab) -> None:
    def switch(to: str) -> None:
        lab.manager.command(
            "organization", "set", "--data", str(lab.manager.data), "--secrets-fetching", to
        )

    lab.stack.callback(switch, "on")
    switch("off")


def unknown_deployment(lab: Lab) -> None:
    lab.set("manager", deployment="c" + "0" * 24)


def manager_is_down(lab: Lab) -> None:
    lab.set("manager", url=f"http://127.0.0.1:{free_port()}")


def unknown_host(lab: Lab) -> None:
    lab.set("manager", url="https://manager.invalid")


def proxy_is_down(lab: Lab) -> None:
    lab.set("manager", proxy=f"http://127.0.0.1:{free_port()}")


def https_at_a_plain_port(lab: Lab) -> None:
    lab.set("manager", url=lab.manager.url.replace("http:", "https:"))


def unknown_authority(lab: Lab) -> None:
    make_certificate(lab.directory, "manager")
    port = free_port()
    server = subprocess.Popen(
        ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}",
         "-cert", lab.directory / "cert.pem", "-key", lab.directory / "key.pem"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    lab.stack.callback(server.wait)
    lab.stack.callback(server.kill)
    lab.set("manager", url=f"https://127.0.0.1:{port}")
    eventually(lambda: socket.create_connection(("127.0.0.1", port)).close() is None, "s_server")


def manager_hangs(lab: Lab) -> None:
    listener = lab.listens(lambda client: None, socket.AF_INET)
    lab.set("manager", url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout="500ms")


def faulty(lab: Lab, fault: Callable[[Exchange], object]) -> None:
    manager = lab.stack.enter_context(FaultyManager())
    manager.fault = fault
    lab.set("manager", url=manager.url)


def a_web_page_for_a_manager(lab: Lab) -> None:
    faulty(lab, lambda exchange: exchange.reply("<html>Sign in</html>", content_type="text/html"))


def manager_redirects(lab: Lab) -> None:
    faulty(lab, lambda exchange: exchange.reply("", 302, Location="https://sso.example.com"))


def another_user_serves_the_managers_socket(lab: Lab) -> None:
    listener = lab.listens(lambda client: None, socket.AF_UNIX, "manager.sock")
    lab.set("manager", url=f"unix:{listener.getsockname()}", socket_user="daemon")


def no_manager_at_its_socket(lab: Lab) -> None:
    lab.set("manager", url=f"unix:{lab.directory}/manager.sock")


def clocks_apart(lab: Lab) -> None:
    faulty(
        lab,
        lambda exchange: exchange.reply(exchange.page(), Date="Thu, 01 Jan 2026 00:00:00 GMT"),
    )


def connd_is_stopped(lab: Lab) -> None:
    lab.start()
    lab.connd.stop()


def nobody_listens_at_the_socket(lab: Lab) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(lab.connd.socket))


def a_file_in_place_of_the_socket(lab: Lab) -> None:
    lab.connd.socket.write_text("")


def another_program_at_the_socket(lab: Lab) -> None:
    lab.listens(lambda client: client.sendall(b"220 ready\r\n\0"))


def connd_hangs(lab: Lab) -> None:
    lab.listens(lambda client: None)


def no_data_yet(lab: Lab) -> None:
    manager_is_down(lab)
    lab.start("listening")


def data_expired(lab: Lab) -> None:
    """The manager responds to connctl alone, as one that has just come back does."""

    def fault(exchange: Exchange) -> None:
        is_ours = exchange.handler.headers["User-Agent"].startswith("connctl/")
        exchange.reply(exchange.page() if is_ours or exchange.manager.served < 3 else "", 200)

    faulty(lab, fault)
    lab.set("freshness", ttl="1s", stale="1s", max_stale="2s", max_stale_unauthorized="1s")
    lab.set("manager", push="no")
    lab.start()
    lab.connd.wait_for(lambda s: s["state"] == "expired", "the data expires")


def another_deployments_connd(lab: Lab) -> None:
    lab.connd = lab.connd_of("dev")
    lab.start()
    lab.arguments += ["--deployment", "prod"]


def connd_was_not_restarted(lab: Lab) -> None:
    lab.start()
    lab.set("manager", deployment=lab.manager.deployment_ids["dev"])


def with_snapshot(lab: Lab) -> Path:
    for place in ("data", "keys"):
        (lab.directory / place).mkdir()
    key = lab.directory / "keys/snapshot.key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    lab.set("snapshot", path=f"{lab.directory}/data/snapshot", key_file=str(key))
    return key


def with_written_snapshot(lab: Lab) -> Path:
    key = with_snapshot(lab)
    lab.start()
    lab.connd.wait_for(lambda s: s["snapshot"] == "current", "the snapshot is written")
    return key


def no_snapshot_key(lab: Lab) -> None:
    with_snapshot(lab).unlink()
    lab.start()


def snapshot_key_for_everybody(lab: Lab) -> None:
    with_snapshot(lab).chmod(0o644)
    lab.start()


def snapshot_key_replaced(lab: Lab) -> None:
    key = with_written_snapshot(lab)
    lab.connd.stop()
    lab.start()
    key.write_text("cd" * 32)


def snapshot_key_beside_the_snapshot(lab: Lab) -> None:
    key = with_snapshot(lab)
    key.rename(lab.directory / "data/key")
    lab.set("snapshot", key_file=f"{lab.directory}/data/key")


def python_without_the_shim(lab: Lab) -> None:
    lab.start()
    lab.arguments += ["--python", "/usr/bin/python3"]


def python_without_airflow(lab: Lab) -> None:
    """The shim is there, in a Python that does not run Airflow."""
    lab.start()
    python = lab.directory / "python"
    shutil.copytree(REPO / "python-shim/src", lab.directory / "src")
    python.write_text(f'#!/bin/sh\nPYTHONPATH={lab.directory}/src exec /usr/bin/python3 "$@"\n')
    python.chmod(0o755)
    lab.arguments += ["--python", str(python)]


def no_such_python(lab: Lab) -> None:
    lab.start()
    lab.arguments += ["--python", str(lab.directory / "python")]


def worker_is_not_in_the_group(lab: Lab) -> None:
    lab.set("socket", mode="0660", group="daemon")
    lab.start()


def worker_may_not_enter_the_directory(lab: Lab) -> None:
    lab.start()
    lab.directory.chmod(0o700)


def worker_is_not_in_access(lab: Lab) -> None:
    lab.set("access", allow="user:daemon")
    lab.start()


def no_such_worker(lab: Lab) -> None:
    lab.start()
    lab.arguments = ["--user", "nobody-of-that-name"]


def key_is_denied(lab: Lab) -> None:
    lab.set("access", allow="user:nobody conn:bill*")
    lab.start()
    lab.arguments += ["conn", "warehouse"]


def misspelt(lab: Lab) -> None:
    lab.start()
    lab.arguments += ["conn", "warehose"]


def not_linked(lab: Lab) -> None:
    lab.start()
    lab.arguments += ["conn", "billing"]


def not_created(lab: Lab) -> None:
    lab.start()
    lab.arguments += ["var", "region"]


# The set-up; the check that is the cause; what its line says; the command that mends it.
BROKEN: list[tuple[Callable[[Lab], None], str, str, str]] = [
    (misspelt_option, "configuration", r'conf:\d+: .*"urll".*nearest is "url"', "connd --check"),
    (no_configuration, "configuration", "No such file", "--config"),
    (unknown_user_in_access, "configuration", r"\[access\].*nobody-of-that-name", "reload connd"),
    (no_ca_file, "configuration", "ca_file: .*No such file", "path"),
    (no_token_file, "token", "No such file", "token create"),
    (token_for_everybody, "token", "accessible to other users", "chmod 0600"),
    (garbage_for_a_token, "token", "not a token", "token create"),
    (token_expired, "token", "expired .* ago", "token create"),
    (token_of_another_deployment, "token", "of Deployment", "token create"),
    (token_revoked, "authorization", "status 401: .*revoked", "token create"),
    (secrets_fetching_off, "secrets", "Environment Secrets Fetching", "--secrets-fetching on"),
    (unknown_deployment, "deployment", "status 404", "deployment list"),
    (manager_is_down, "manager", "[Cc]ould ?n.t connect|Failed to connect", "curl -v"),
    (unknown_host, "manager", "[Rr]esolv", "getent hosts"),
    (proxy_is_down, "manager", "[Cc]ould ?n.t connect|Failed to connect", "curl -v"),
    (https_at_a_plain_port, "manager", "does not speak TLS", "ca_file"),
    (unknown_authority, "manager", "certificate", "ca_file"),
    (manager_hangs, "manager", "timed out", "curl -v"),
    (a_web_page_for_a_manager, "manager", "not a list", "url"),
    (manager_redirects, "manager", "status 302", "redirect"),
    (another_user_serves_the_managers_socket, "manager", "nothing was sent", "socket_user"),
    (no_manager_at_its_socket, "manager", "No such file", "systemctl status connd-manager"),
    (clocks_apart, "clock", "ahead of the manager", "timedatectl"),
    (connd_is_stopped, "socket", "no such socket", "systemctl start connd"),
    (nobody_listens_at_the_socket, "socket", "refused", "systemctl start connd"),
    (a_file_in_place_of_the_socket, "socket", "no socket|not a socket", "."),
    (another_program_at_the_socket, "socket", "does not speak", "."),
    (connd_hangs, "socket", "in time", "."),
    (no_data_yet, "manager", "connect", "curl -v"),
    (data_expired, "data", "expired", "connctl refresh"),
    (another_deployments_connd, "serving", '"dev".*not "prod"', "CONND_SOCKET"),
    (connd_was_not_restarted, "serving", "not restarted", "systemctl restart connd"),
    (no_snapshot_key, "snapshot", "No such file", "openssl rand"),
    (snapshot_key_for_everybody, "snapshot", "accessible to other users", "chmod"),
    (snapshot_key_replaced, "snapshot", "key", "previous_key_file"),
    (snapshot_key_beside_the_snapshot, "configuration", "in the directory", "connd --check"),
    (python_without_the_shim, "worker", "cannot import airflow_connd", "-m pip install"),
    (python_without_airflow, "worker: airflow", "no apache-airflow", "worker's Python"),
    (no_such_python, "worker", "cannot be run by user nobody", "Python"),
    (worker_is_not_in_the_group, "user", "may not open .* 0660", "usermod -aG daemon nobody"),
    (worker_may_not_enter_the_directory, "user", "may not pass through", "chmod a.x"),
    (worker_is_not_in_access, "user", r"\[access\] lets nobody", "allow = user:nobody"),
    (no_such_worker, "user", "no user", "worker"),
    (key_is_denied, "key", "may not ask", r"\[access\]"),
    (misspelt, "key", "misspelt", 'Nearest: "warehouse"'),
    (not_linked, "key", "not linked to Deployment", "connctl connection link billing --deployment"),
    (not_created, "key", "not created", "connctl list"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("break_it", "cause", "found", "do"), BROKEN, ids=[row[0].__name__ for row in BROKEN]
)
def test_it_names_the_cause(
    lab: Lab, break_it: Callable[[Lab], None], cause: str, found: str, do: str
) -> None:
    break_it(lab)
    report = lab.report()
    assert report["cause"] == cause, report
    line = next(check for check in report["checks"] if check["check"] == cause)
    assert line["verdict"] == "failed"
    assert re.search(found, line["found"]), line
    assert re.search(do, line["do"]), line


# --- the report -----------------------------------------------------------------------------


def test_nothing_is_wrong(lab: Lab) -> None:
    with_written_snapshot(lab)
    report = lab.report("conn", "warehouse")
    verdicts = {check["check"]: check["verdict"] for check in report["checks"]}
    # The managers of these tests speak plain http on this machine.
    assert verdicts.pop("configuration") == "warning"
    for name in ("service", "worker"):  # systemd does not run here; no Python was named
        assert verdicts.pop(name) in ("ok", "skipped")
    assert report["cause"] is None and set(verdicts.values()) == {"ok"}, report
    assert [check["check"] for check in report["checks"]] == CHECKS


def test_limits_of_the_running_connd(lab: Lab) -> None:
    lab.start()
    resource.prlimit(lab.connd.running.pid, resource.RLIMIT_NOFILE, (100, 100))
    line = next(check for check in lab.report()["checks"] if check["check"] == "limits")
    assert line["verdict"] == "warning" and "max_connections = 4096" in line["found"]
    assert "LimitNOFILE=4160" in line["do"]


def test_text_names_each_check_and_closes_with_the_cause(lab: Lab) -> None:
    lab.connd.token_file.unlink()
    done = lab.run()
    assert done.returncode == 1 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines if not line.startswith((" ", "cause"))] == CHECKS
    assert lines[-1].startswith("cause: token: ")
    assert "\033" not in done.stdout
    assert re.search(r"^skipped  manager +needs token$", done.stdout, re.MULTILINE)


def test_colour_is_for_terminals(lab: Lab) -> None:
    lab.connd.config.unlink()
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        subprocess.run(
            [CONNCTL, "doctor", "--config", lab.connd.config], stdout=theirs,
            stderr=subprocess.DEVNULL, check=False, timeout=PATIENCE,
            env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environment},
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while b"cause:" not in shown:
            shown += os.read(ours, 4096)
        os.close(ours)
        assert (b"\033[31m" in shown) is coloured


def test_every_wait_has_a_deadline(lab: Lab) -> None:
    """The manager takes connections and says nothing, and so does whatever listens for connd."""
    manager_hangs(lab)
    lab.set("manager", timeout="60s")
    connd_hangs(lab)
    done = lab.run("conn", "warehouse", "--json")
    assert json.loads(done.stdout)["cause"] == "manager"


def test_a_check_that_hangs_is_stopped(lab: Lab) -> None:
    """A FIFO in place of /etc/passwd, in a mount namespace: a name service that does not answer."""
    fifo = lab.directory / "fifo"
    os.mkfifo(fifo)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', fifo, CONNCTL,
         "doctor", "--config", lab.connd.config, "--json", "--user", WORKER],
        capture_output=True, text=True, timeout=PATIENCE + 15, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert report["cause"], report


def test_a_worker_that_hangs_is_ended(lab: Lab) -> None:
    lab.start()
    python, pid = lab.directory / "python", lab.directory / "pid"
    python.write_text(f"#!/bin/sh\necho $$ >{pid}\nexec sleep 300\n")
    python.chmod(0o755)
    lab.arguments = ["--python", str(python), "--timeout", "3s"]
    line = lab.report()["checks"][-1]
    assert line["check"] == "worker" and line["verdict"] == "skipped"
    assert "took too long" in line["found"] and "-m airflow_connd doctor" in line["found"]
    eventually(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists(), "it is killed")


def test_without_root_other_users_are_not_looked_at(lab: Lab) -> None:
    lab.start()
    program = lab.directory / "connctl"
    shutil.copy(CONNCTL, program)
    done = subprocess.run(
        [program, "doctor", "--config", lab.connd.config, "--json", "--user", "daemon"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
        user=65534, group=65534, extra_groups=[],
    )  # fmt: skip
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert report["cause"] is None, report
    found = {check["check"]: check for check in report["checks"]}
    for name in ("configuration", "user"):
        assert found[name]["verdict"] == "skipped" and "root" in found[name]["found"]


def test_the_running_connds_configuration_may_be_elsewhere(lab: Lab) -> None:
    lab.start()
    done = subprocess.run(
        [CONNCTL, "doctor", "--json", "--socket", lab.connd.socket],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0
    assert found["configuration"]["verdict"] == "skipped"
    assert found["data"]["verdict"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["conn"], "which key"), (["warehouse", "x"], "takes conn|var"), (["--userr", "x"], "--user")],
)
def test_usage(arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [CONNCTL, "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == "" and says in done.stderr
