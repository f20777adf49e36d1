# SPDX-License-Identifier: Apache-2.0
"""connd as an HTTP client: proxies, large pages, lists that change while they are read, sockets."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connd_testing import SANITIZED, Connd, Manager, eventually, free_port
from faulty_manager import Exchange, FaultyManager, _Handler, connection_row, variable_row
from nginx import Nginx

MIB = 1024 * 1024


def requests_of(faulty: FaultyManager, kind: str = "CONNECTION") -> list[dict[str, str]]:
    return [query for _, query, _ in faulty.requests if query.get("objectType") == kind]


def tagged_by_bytes(x: Exchange) -> None:
    """Like a plain server: each page has its own ETag, and conditional requests work."""
    body = json.dumps(x.page()).encode()
    tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
    if x.handler.headers.get("If-None-Match") == tag:
        x.head(304, "application/json", ETag=tag)
    else:
        x.reply(body, ETag=tag)


# --- proxies ---------------------------------------------------------------------------------


def fill(manager: Manager, n: int) -> None:
    prod = manager.deployment_ids["prod"]
    for i in range(n):
        manager.create_connection(f"c{i:04}", prod, host=f"host-{i}", password="p" * 40)


def test_more_than_a_page_behind_a_proxy_that_compresses(manager: Manager, workdir: Path) -> None:
    """The proxy makes the ETag of the long page weak, and leaves that of the short page strong."""
    fill(manager, 1005)
    with Nginx(workdir, manager.url) as nginx:
        connd = manager.connd(
            sections={"manager": {"url": nginx.url, "timeout": "60s", "push": "no"}}
        )
        with connd:
            connd.wait_for(lambda s: s["connections"] == 1005, "all are there", 60)
            assert connd.connection("c1004")["host"] == "host-1004"
            # One ETag, compared weakly: from now on a 304 to page one suffices.
            eventually(lambda: 304 in nginx.statuses(), "nothing has changed")
            manager.create_connection("new", manager.deployment_ids["prod"], host="h")
            eventually(lambda: connd.connection("new")["host"] == "h", "a change is found", 60)
            assert not connd.status().get("last_error")


def test_a_proxy_that_unpacks_and_drops_tags(manager: Manager, workdir: Path) -> None:
    fill(manager, 1002)
    more = "proxy_hide_header ETag;"
    with Nginx(workdir, manager.url, gzip=False, more=more) as nginx:
        sections = {"manager": {"url": nginx.url, "timeout": "60s"}}
        with manager.connd(sections=sections) as connd:
            connd.wait_for(lambda s: s["connections"] == 1002, "all are there", 60)
            connd.wait_for(lambda s: s["syncs_ok"] > 1, "and again", 60)
            assert 304 not in nginx.statuses()
            assert not connd.status().get("last_error")


def test_a_held_request_that_a_proxy_cuts_asks_for_a_shorter_wait(
    manager: Manager, workdir: Path
) -> None:
    prod = manager.deployment_ids["prod"]
    manager.create_variable("v", "1", prod)
    with Nginx(workdir, manager.url, timeout="4s") as nginx:
        # A refresh so long that only push can bring changes.
        sections = {
            "manager": {"url": nginx.url, "push": "yes", "refresh": "4s"},
            "freshness": {"ttl": "2m"},
        }
        with manager.connd(sections=sections) as connd:
            status = connd.wait_for(lambda s: "push_error" in s, "it is cut", 60)
            assert "cut after" in status["push_error"]
            assert 504 in nginx.statuses()
            connd.wait_for(lambda s: s["push"] == "held", "a shorter one is held", 60)
            said = [e for e in connd.events("warn") if e["event"].startswith("held request cut")]
            assert len(said) == 1
            assert 3000 <= said[0]["after_ms"] <= 9000
            held = nginx.statuses("limit=0").count(304)
            eventually(lambda: nginx.statuses("limit=0").count(304) >= held + 2, "it gets through")
            assert nginx.statuses("limit=0").count(504) == 1
            assert not connd.status().get("last_error")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_push_is_back_after_the_manager_restarts(manager: Manager, workdir: Path, how: str) -> None:
    sections = {"manager": {"push": "yes", "refresh": "2s"}}
    with manager.connd(sections=sections) as connd:
        connd.wait_for(lambda s: s.get("push") == "held", "changes arrive at once")
        if how == "stopped":
            manager.stop()
        else:
            assert manager.program
            manager.program.kill()
        # Longer than a refresh, after which the held request is made again.
        connd.wait_for(lambda s: s["syncs_failed"] > 1, "it is away", 60)
        manager.serve()
        connd.wait_for(lambda s: s["push"] == "held", "and again", 60)


# --- lists that change while they are read -----------------------------------------------------


@pytest.mark.parametrize("tags", ["none", "by bytes"])
def test_changing_list_never_loses_stable_rows(
    faulty: FaultyManager, workdir: Path, tags: str
) -> None:
    """Rows are created and deleted between the pages; those that stay are found by every lookup."""
    rows = [connection_row(f"k{i:04}", faulty.deployment, host=str(i)) for i in range(0, 4400, 2)]
    stay = [row["objectKey"] for row in rows if int(row["objectKey"][1:]) % 4 == 0]
    faulty.add(*rows)
    draw = random.Random(7)
    lock = threading.Lock()
    calm = threading.Event()

    def change() -> None:
        held = faulty.rows["CONNECTION"]
        for _ in range(draw.choice((0, 0, 1, 2))):
            i = draw.randrange(4400)
            key = f"k{i:04}"
            if i % 4 == 0:
                continue
            found = [row for row in held if row["objectKey"] == key]
            if found:
                held.remove(found[0])
            else:
                held.append(connection_row(key, faulty.deployment, host=str(i)))
        held.sort(key=lambda row: str(row["objectKey"]))

    def moving(x: Exchange) -> None:
        with lock:
            if tags == "none":
                x.reply(x.page())
            else:
                tagged_by_bytes(x)
            if x.type == "CONNECTION" and not calm.is_set():
                change()

    faulty.fault = moving
    sections = {"manager": {"timeout": "60s"}, "freshness": {"deletion_guard": "100%"}}
    connd = faulty.connd(workdir, sections).start("listening")
    connd.wait_for(lambda s: s["syncs_ok"] > 0, "a first list", 120)
    end = time.monotonic() + 8
    while time.monotonic() < end:
        for key in draw.sample(stay, 50):
            assert connd.connection(key)["host"] == str(int(key[1:]))
    calm.set()

    def equal() -> bool:
        with lock:
            want = {str(row["objectKey"]) for row in faulty.rows["CONNECTION"]}
        with connd.client() as client:
            return set(client.call("io.connd.secrets.List")["connections"]) == want

    eventually(equal, "when it holds still, it is the model", 60)
    connd.stop()


def test_pages_with_tags_of_their_own_are_asked_for_in_full(
    faulty: FaultyManager, workdir: Path
) -> None:
    faulty.add(*(connection_row(f"k{i:04}", faulty.deployment) for i in range(1500)))
    faulty.fault = tagged_by_bytes
    with faulty.connd(workdir, {"manager": {"timeout": "60s"}}) as connd:
        connd.wait_for(lambda s: s["connections"] == 1500, "all are there", 60)
        before = len(requests_of(faulty))
        connd.wait_for(lambda s: s["syncs_ok"] > 2, "two more syncs", 60)
        asked = [query["offset"] for query in requests_of(faulty)[before:]]
        assert asked[:3] == ["0", "999", "0"]
        # A change only on page two is noticed: the ETag of page one does not cover it.
        faulty.rows["CONNECTION"][1400]["connection"]["host"] = "moved"
        eventually(lambda: connd.connection("k1400").get("host") == "moved", "it is found", 60)


# --- sizes -------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_a_first_page_over_32_mib_is_read_with_fewer_rows(
    faulty: FaultyManager, workdir: Path
) -> None:
    """40 variables of a megabyte, each within the limits."""
    for i in range(40):
        faulty.add(variable_row(f"v{i:02}", faulty.deployment, chr(97 + i % 26) * 1_000_000))
    sections = {"manager": {"timeout": "60s"}, "memory": {"max_bytes": "256M"}}
    with faulty.connd(workdir, sections) as connd:
        connd.wait_for(lambda s: s["variables"] == 40, "all are there", 120)
        for i in range(40):
            assert connd.variable(f"v{i:02}") == chr(97 + i % 26) * 1_000_000
        limits = [query["limit"] for query in requests_of(faulty, "AIRFLOW_VARIABLE")]
        assert limits[:4] == ["1000", "250", "62", "15"]
        assert not connd.status().get("last_error")


def test_a_gzip_bomb_is_one_error_and_costs_no_memory(faulty: FaultyManager, workdir: Path) -> None:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    bomb = gzip.compress(b" " * (600 * MIB), 9)
    assert len(bomb) < MIB
    with faulty.connd(workdir, {"manager": {"timeout": "60s"}}) as connd:
        faulty.fault = lambda x: x.reply(bomb, Content_Encoding="gzip")
        status = connd.wait_for(lambda s: s.get("last_error"), "it is refused", 60)
        assert "larger than 32 MiB" in status["last_error"]
        assert connd.variable("v") == "1"
        assert connd.memory_peak_kib() < (400 if SANITIZED else 120) * 1024
        # A real one is read.
        faulty.rows["AIRFLOW_VARIABLE"] = [variable_row("v", faulty.deployment, "2")]
        faulty.fault = lambda x: x.reply(
            gzip.compress(json.dumps(x.page()).encode()), Content_Encoding="gzip"
        )
        eventually(lambda: connd.variable("v") == "2", "a compressed list is read", 60)
        assert all(headers["Accept-Encoding"] == "gzip" for _, _, headers in faulty.requests)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "gzip"])
def test_a_coding_that_is_not_what_it_says_is_refused(
    faulty: FaultyManager, workdir: Path, coding: str
) -> None:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    with faulty.connd(workdir) as connd:
        faulty.fault = lambda x: x.reply(x.page(), Content_Encoding=coding)
        status = connd.wait_for(lambda s: s.get("last_error"), "it is refused")
        assert "not in its Content-Encoding" in status["last_error"]
        assert connd.variable("v") == "1"


def test_endless_trailers_end_at_once(faulty: FaultyManager, workdir: Path) -> None:
    faulty.add(variable_row("v", faulty.deployment, "1"))

    def trailers(x: Exchange) -> None:
        x.head(200, "application/json", Transfer_Encoding="chunked")
        x.write(b"2\r\n{}\r\n0\r\n")
        line = b"X-Trailer: " + b"x" * 1000 + b"\r\n"
        while not x.manager.closing.is_set():
            x.write(line * 64)

    with faulty.connd(workdir, {"manager": {"timeout": "20s"}}) as connd:
        before = connd.memory_peak_kib()
        faulty.fault = trailers
        status = connd.wait_for(lambda s: s.get("last_error"), "it is refused")
        assert "header fields or trailers of the response are too long" in status["last_error"]
        assert connd.variable("v") == "1"
        assert connd.memory_peak_kib() < before + 40 * 1024


# --- the Unix socket -----------------------------------------------------------------------------


class UnixFaultyManager(FaultyManager):
    """The same on a Unix socket."""

    class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True
        faulty: FaultyManager

        def get_request(self) -> tuple[Any, Any]:
            request, _ = super().get_request()
            return request, ("unix", 0)

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._unix = self._UnixServer(str(path), _Handler)
        self._unix.faulty = self
        threading.Thread(target=self._unix.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"unix:{self.path}"

    def close(self) -> None:
        self._unix.shutdown()
        self._unix.server_close()
        super().close()


@pytest.fixture
def local(workdir: Path) -> Iterator[UnixFaultyManager]:
    _Handler.disable_nagle_algorithm = False  # not available here
    with UnixFaultyManager(workdir / "manager.sock") as running:
        yield running
    _Handler.disable_nagle_algorithm = True


def test_the_managers_unix_socket(local: UnixFaultyManager, workdir: Path) -> None:
    local.add(variable_row("v", local.deployment, "1"))
    with local.connd(workdir) as connd:
        assert connd.variable("v") == "1"
        assert connd.events("warn") == []
        assert "plain http" not in connd.running.stderr_text()
        local.rows["AIRFLOW_VARIABLE"] = [variable_row("v", local.deployment, "2")]
        eventually(lambda: connd.variable("v") == "2", "a change is found")
        assert connd.status()["manager"] == local.url


def test_connd_managers_own_unix_socket(workdir: Path) -> None:
    """The set-up on one machine: no port that another program could take."""
    path = workdir / "manager.sock"
    manager = Manager(workdir)
    manager.serve("--listen", f"unix:{path}")
    prod = manager.deployment_ids["prod"]
    manager.create_connection("db", prod, host="h", password="p")
    sections = {"manager": {"url": f"unix:{path}", "push": "yes", "refresh": "1h"}}
    with manager.connd(sections=sections) as connd:
        assert connd.connection("db")["password"] == "p"
        connd.wait_for(lambda s: s.get("push") == "held", "a request is held")
        manager.create_variable("v", "1", prod)
        eventually(lambda: connd.variable("v") == "1", "push brings it")
    manager.stop()


def test_a_unix_socket_of_another_user_gets_nothing(
    local: UnixFaultyManager, workdir: Path
) -> None:
    """The owner of the path does not matter; the user that serves it does."""
    local.add(variable_row("v", local.deployment, "1"))
    sections = {"manager": {"socket_user": "nobody 4242"}}
    connd = local.connd(workdir, sections).start("listening")
    status = connd.wait_for(lambda s: s.get("last_error"), "it is refused")
    assert f"served by uid {os.geteuid()}" in status["last_error"]
    assert "nothing was sent" in status["last_error"]
    assert local.requests == []
    connd.sections["manager"]["socket_user"] = str(os.geteuid())
    connd.write_config()
    connd.send_signal(signal.SIGHUP)
    connd.wait_for(lambda s: s["state"] == "fresh", "it is trusted now")
    connd.stop()


# --- TLS -----------------------------------------------------------------------------------------


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def pin_of(cert: Path) -> str:
    public = subprocess.run(
        ["openssl", "x509", "-in", cert, "-pubkey", "-noout"], capture_output=True, check=True
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], input=public, capture_output=True,
        check=True,
    ).stdout  # fmt: skip
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True
    ).stdout
    base64 = subprocess.run(["openssl", "base64", "-A"], input=digest, capture_output=True).stdout
    return "sha256//" + base64.decode()


class TlsFront:
    """A TLS server in front of a plain one, whose certificate can be changed between
    connections."""

    def __init__(self, faulty: FaultyManager, cert: Path, key: Path) -> None:
        import ssl

        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.use(cert, key)
        outer = self

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self) -> tuple[Any, Any]:
                request, address = super().get_request()
                return outer.context.wrap_socket(request, server_side=True), address

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self.server = Server(("127.0.0.1", self.port), _Handler)
        self.server.faulty = faulty  # type: ignore[attr-defined]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def use(self, cert: Path, key: Path) -> None:
        self.context.load_cert_chain(cert, key)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def front(faulty: FaultyManager, workdir: Path) -> Iterator[TlsFront]:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    running = TlsFront(faulty, *make_certificate(workdir, "first"))
    yield running
    running.close()


def over_tls(front: TlsFront, faulty: FaultyManager, workdir: Path, **more: str) -> Connd:
    return faulty.connd(workdir, {"manager": {"url": front.url, **more}})


def test_a_replaced_ca_file_is_used_within_a_refresh(
    front: TlsFront, faulty: FaultyManager, workdir: Path
) -> None:
    """Also for the connections that were made under the old one."""
    ca = workdir / "ca.pem"
    ca.write_bytes((workdir / "first.pem").read_bytes())
    cert, key = make_certificate(workdir, "second")
    with over_tls(front, faulty, workdir, ca_file=str(ca), refresh="1s") as connd:
        connd.wait_for(lambda s: s["syncs_ok"] > 1, "a kept connection")
        # Another authority: the server's present certificate is no longer trusted.
        (workdir / "new.pem").write_bytes(cert.read_bytes())
        (workdir / "new.pem").replace(ca)
        status = connd.wait_for(lambda s: s.get("last_error"), "the old one is refused", 10)
        assert "certificate" in status["last_error"].lower()
        front.use(cert, key)
        connd.wait_for(lambda s: not s.get("last_error"), "the new one is trusted", 30)


def test_pins(front: TlsFront, faulty: FaultyManager, workdir: Path) -> None:
    ca = str(workdir / "first.pem")
    good = pin_of(workdir / "first.pem")
    other = pin_of(make_certificate(workdir, "second")[0])
    connd = over_tls(front, faulty, workdir, ca_file=ca, pin=good)
    with connd:
        assert connd.variable("v") == "1"
        connd.sections["manager"]["pin"] = other
        connd.write_config()
        connd.send_signal(signal.SIGHUP)
        status = connd.wait_for(lambda s: s.get("last_error"), "another key is refused")
        assert "pinned" in status["last_error"].lower()
        connd.sections["manager"]["pin"] = f"{other};{good}"
        connd.write_config()
        connd.send_signal(signal.SIGHUP)
        connd.wait_for(lambda s: not s.get("last_error"), "one of two is enough")


# --- Retry-After ----------------------------------------------------------------------------------


def test_a_new_token_ends_a_retry_after(faulty: FaultyManager, workdir: Path) -> None:
    """Within a refresh, without a signal, because the Retry-After was for the old token."""
    faulty.add(variable_row("v", faulty.deployment, "1"))

    def refuse_old(x: Exchange) -> None:
        if x.handler.headers["Authorization"] == "Bearer new-token":
            x.reply(x.page())
        else:
            x.reply({"message": "no"}, 403, Retry_After="3600")

    with faulty.connd(workdir, {"manager": {"refresh": "1s"}}) as connd:
        faulty.fault = refuse_old
        connd.wait_for(lambda s: s.get("next_sync_ms", 0) > 20000, "it has to wait")
        asked = len(faulty.requests)
        connd.write_token("new-token")
        connd.wait_for(lambda s: not s.get("last_error"), "the new token is used", 15)
        assert len(faulty.requests) > asked


def token_that_ends_in(seconds: int, life: int, family: int = 0) -> str:
    import base64

    def part(value: dict[str, object]) -> str:
        raw = base64.urlsafe_b64encode(json.dumps(value).encode())
        return raw.rstrip(b"=").decode()

    now = int(time.time())
    claims: dict[str, object] = {"iat": now + seconds - life, "exp": now + seconds, "sub": "x~~>"}
    if family:
        claims["family_exp"] = now + family
    return ".".join((part({"alg": "EdDSA"}), part(claims), "c2ln"))


@pytest.mark.parametrize(("left", "life", "warned"), [(3600, 86400, True), (43200, 86400, False)])
def test_token_expiry_is_shown_and_warned_about(
    faulty: FaultyManager, workdir: Path, left: int, life: int, warned: bool
) -> None:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    connd = faulty.connd(workdir)
    connd.write_token(token_that_ends_in(left, life))
    connd.start()
    status = connd.wait_for(lambda s: s["syncs_ok"] > 2, "some syncs")
    shown = time.strptime(status["token_expires"][:19], "%Y-%m-%dT%H:%M:%S")
    assert abs(time.mktime(shown) - time.timezone - (time.time() + left)) < 120
    lines = [e for e in connd.events("warn") if e["event"].startswith("the token expires soon")]
    assert len(lines) == (1 if warned else 0)
    connd.stop()


@pytest.mark.parametrize(("days", "warned"), [(13, True), (15, False)])
def test_the_end_of_the_tokens_family_is_shown_and_warned_of(
    faulty: FaultyManager, workdir: Path, days: int, warned: bool
) -> None:
    faulty.add(variable_row("v", faulty.deployment, "1"))
    connd = faulty.connd(workdir)
    connd.write_token(token_that_ends_in(86400, 86400, days * 86400))
    connd.start()
    status = connd.wait_for(lambda s: s["syncs_ok"] > 2, "some syncs")
    shown = time.strptime(status["token_family_ends"][:19], "%Y-%m-%dT%H:%M:%S")
    assert abs(time.mktime(shown) - time.timezone - (time.time() + days * 86400)) < 120
    lines = [e for e in connd.events("warn") if "renewed no more" in e["event"]]
    assert len(lines) == (1 if warned else 0)
    connd.stop()
