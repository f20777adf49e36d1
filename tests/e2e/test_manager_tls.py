# SPDX-License-Identifier: Apache-2.0
"""HTTPS: a certificate from files, which are loaded again when they change."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, Program, eventually
from manager_http import objects, read_reply, read_to_end, request_text


def make_certificate(directory: Path, name: str) -> None:
    """cert.pem and key.pem, replaced one after the other as certificate tools do."""
    for target in ("key.pem", "cert.pem"):
        (directory / f"new-{target}").unlink(missing_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", directory / "new-key.pem", "-out", directory / "new-cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / "new-key.pem").chmod(0o600)
    for target in ("cert.pem", "key.pem"):
        (directory / f"new-{target}").replace(directory / target)


class TlsManager(Manager):
    def serve(self, *args: str) -> Manager:
        make_certificate(self.directory, "first")
        self.program = Program(
            [MANAGER, "--data", self.data, "--listen", f"127.0.0.1:{self.port}", "--tls-cert",
             self.directory / "cert.pem", "--tls-key", self.directory / "key.pem", *args],
            self.directory / "manager.log",
        )  # fmt: skip
        eventually(lambda: self.get("/v1/organizations")[0] == 200, "it answers")
        return self

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.directory / "cert.pem"))

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        conn = http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=self.context(), timeout=PATIENCE
        )
        try:
            conn.request("GET", path, headers={"Authorization": f"Bearer {self.token}", **headers})
            reply = conn.getresponse()
            return reply.status, reply.read()
        finally:
            conn.close()

    def dial_tls(self) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        return self.context().wrap_socket(raw, server_hostname="127.0.0.1")

    def shown(self) -> bytes:
        """The certificate that the manager sends."""
        return ssl.get_server_certificate(("127.0.0.1", self.port)).encode()


@pytest.fixture
def secure(workdir: Path) -> Iterator[TlsManager]:
    manager = TlsManager(workdir)
    manager.serve()
    yield manager
    manager.stop()


def test_requests_over_tls(secure: TlsManager) -> None:
    status, raw = secure.get(objects(secure))
    assert status == 200 and json.loads(raw)["totalCount"] == 0
    with secure.dial_tls() as s:
        assert s.version() in ("TLSv1.2", "TLSv1.3")
        s.sendall(request_text(secure, "GET", objects(secure)) * 20)
        for _ in range(20):
            assert read_reply(s).status == 200
    # A body of a megabyte, and a response in many pieces.
    body = json.dumps(
        {"objectKey": "big", "objectType": "AIRFLOW_VARIABLE", "scope": "WORKSPACE",
         "scopeEntityId": secure.workspace, "airflowVariable": {"value": "x" * 1000000}}
    )  # fmt: skip
    with secure.dial_tls() as s:
        head = f"Content-Length: {len(body)}"
        s.sendall(request_text(secure, "POST", objects(secure), head, body=body))
        assert read_reply(s).status == 200
        s.sendall(request_text(secure, "GET", objects(secure)))
        assert len(read_reply(s).raw) > 1000000


def test_plain_http_gets_nothing(secure: TlsManager) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), PATIENCE) as s:
        s.sendall(request_text(secure, "GET", objects(secure)))
        assert b"200" not in read_to_end(s)
    assert secure.get(objects(secure))[0] == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_protocols_are_refused(secure: TlsManager) -> None:
    context = secure.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", secure.port), PATIENCE) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_a_new_certificate_is_used_and_old_connections_go_on(secure: TlsManager) -> None:
    old = secure.dial_tls()
    make_certificate(secure.directory, "second")
    new = (secure.directory / "cert.pem").read_bytes()
    eventually(lambda: secure.shown() == new, "the new certificate is shown")
    old.sendall(request_text(secure, "GET", objects(secure)))
    assert read_reply(old).status == 200
    old.close()
    # An invalid pair changes nothing.
    (secure.directory / "cert.pem").write_text("nonsense")
    log = secure.directory / "manager.log"
    eventually(lambda: "the old one stays" in log.read_text(), "it says so")
    assert secure.shown() == new


def test_a_held_call_is_freed_and_answered(secure: TlsManager) -> None:
    with secure.dial_tls() as s:
        s.sendall(request_text(secure, "GET", objects(secure)))
        tag = read_reply(s).headers["etag"]
    path = objects(secure)
    with secure.dial_tls() as s:
        s.sendall(request_text(secure, "GET", path, f"If-None-Match: {tag}", "Prefer: wait=30"))
        body = json.dumps(
            {"objectKey": "v", "objectType": "AIRFLOW_VARIABLE", "scope": "WORKSPACE",
             "scopeEntityId": secure.workspace, "airflowVariable": {"value": "x"}}
        )  # fmt: skip
        with secure.dial_tls() as other:
            other.sendall(
                request_text(secure, "POST", path, f"Content-Length: {len(body)}", body=body)
            )
            assert read_reply(other).status == 200
        assert read_reply(s).body["totalCount"] == 1


def test_many_handshakes_at_once(secure: TlsManager) -> None:
    """Half of them never finish."""
    idle = [socket.create_connection(("127.0.0.1", secure.port), PATIENCE) for _ in range(50)]
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(secure.get(objects(secure))[0]))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for s in idle:
        s.close()
    assert statuses == [200] * 50


@pytest.mark.parametrize("damage", ["missing", "open", "foreign", "nonsense"])
def test_a_pair_that_cannot_be_used_is_a_sentence(workdir: Path, damage: str) -> None:
    manager = Manager(workdir)
    make_certificate(workdir, "one")
    key = workdir / "key.pem"
    if damage == "missing":
        key.unlink()
    elif damage == "open":
        key.chmod(0o644)
    elif damage == "foreign":
        saved = key.read_bytes()
        make_certificate(workdir, "two")
        key.write_bytes(saved)
    else:
        key.write_text("nonsense")
    done = subprocess.run(
        [MANAGER, "--data", manager.data, "--listen", "127.0.0.1:0", "--tls-cert",
         workdir / "cert.pem", "--tls-key", key],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "key.pem" in done.stderr, done.stderr
    done = subprocess.run(
        [MANAGER, "--data", manager.data, "--tls-key", key],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "--tls-cert" in done.stderr
