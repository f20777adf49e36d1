# SPDX-License-Identifier: Apache-2.0
"""Faults of the manager: lookups are not affected, one log line names the fault, and connd
recovers."""

from __future__ import annotations

import gzip
import json
import os
import signal
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from connd_testing import Manager, eventually
from faulty_manager import Exchange, FaultyManager, variable_row
from world import (
    FAST,
    IS_ROOT,
    MATRIX,
    Ask,
    all_right,
    course,
    fill_faulty,
    fill_manager,
    in_namespace,
    in_words,
    ms,
    running,
    snapshot_section,
    value,
    wall_clock,
)

Row = Callable[..., None]
HEADS = ("lookups meanwhile", "longest wait", "the log says, once", "recovery")


def line(row: Row, fault: str, cells: tuple[str, ...]) -> None:
    row(MATRIX, fault=fault, **dict(zip(HEADS, cells, strict=True)))


# --- the real manager -----------------------------------------------------------------------------


def test_down(workdir: Path, manager: Manager, row: Row) -> None:
    fill_manager(manager)
    with manager.connd(sections={"manager": FAST}) as connd:
        cells = course(connd, "connect", manager.stop, manager.serve)
    line(row, "manager down (refused)", cells)


def test_hung(workdir: Path, manager: Manager, row: Row) -> None:
    """The port accepts connections, but no response comes, like a proxy with a dead backend."""
    fill_manager(manager)
    assert manager.program
    pid = manager.program.pid
    with manager.connd(sections={"manager": FAST}) as connd:
        try:
            cells = course(
                connd, "[Tt]ime",
                lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT),
            )  # fmt: skip
        finally:
            os.kill(pid, signal.SIGCONT)
    line(row, "manager hung", cells)


# --- faults that need a fake manager --------------------------------------------------------------


def reset(x: Exchange) -> None:
    """Sends the head and half of the body, then RST."""
    body = json.dumps(x.page()).encode()
    x.head(200, "application/json", Content_Length=str(len(body)))
    x.write(body[: len(body) // 2])
    x.handler.connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: on, 0 s
    x.handler.connection.close()
    x.hang_up()


def storm_429(x: Exchange) -> None:
    x.reply({"message": "slow down", "requestId": "r", "statusCode": 429}, 429, Retry_After="1")


def error_500(x: Exchange) -> None:
    x.reply({"message": "database is down", "requestId": "r", "statusCode": 500}, 500)


def malformed(x: Exchange) -> None:
    x.reply(json.dumps(x.page())[:-20])


def sign_in_page(x: Exchange) -> None:
    x.reply("<html><body>Sign in</body></html>", content_type="text/html")


def wrong_deployment(x: Exchange) -> None:
    page = x.page()
    page["environmentObjects"] = [variable_row("k0", x.manager.other_deployment, value(0, 99))]
    page["totalCount"] = 1
    if x.type == "CONNECTION":
        page["environmentObjects"], page["totalCount"] = [], 0
    x.reply(page)


def nothing_left(x: Exchange) -> None:
    page = x.page()
    page["environmentObjects"], page["totalCount"] = page["environmentObjects"][:1], 2
    if x.offset:
        page["environmentObjects"] = []
    x.reply(page)


def refused_token(x: Exchange) -> None:
    x.reply({"message": "token expired", "requestId": "r", "statusCode": 401}, 401)


def endless_trailers(x: Exchange) -> None:
    x.head(200, "application/json", Transfer_Encoding="chunked")
    x.write(b"2\r\n{}\r\n0\r\n")
    while not x.manager.closing.is_set():
        x.write(b"X-Trailer: " + b"x" * 4000 + b"\r\n")


BOMB = gzip.compress(b" " * (100 << 20), 9)


def gzip_bomb(x: Exchange) -> None:
    x.reply(BOMB, Content_Encoding="gzip")


FAKED: dict[str, tuple[Callable[[Exchange], None], str]] = {
    "slow drip": (Exchange.drip, "[Tt]ime"),
    "connection reset in mid-answer": (reset, "reset|Recv failure"),
    "429 storm": (storm_429, "status 429"),
    "500 to everything": (error_500, "status 500"),
    "malformed: JSON cut short": (malformed, "not JSON"),
    "malformed: a proxy's sign-in page": (sign_in_page, "text/html"),
    "malformed: fewer rows than it says": (nothing_left, "not complete"),
    "rows of another Deployment": (wrong_deployment, "scopeEntityId"),
    "token refused (401)": (refused_token, "status 401"),
    "endless trailers": (endless_trailers, "too long"),
    "a gzip bomb": (gzip_bomb, "larger than 32 MiB"),
}


@pytest.mark.parametrize("fault", FAKED)
def test_faked(workdir: Path, faulty: FaultyManager, row: Row, fault: str) -> None:
    fill_faulty(faulty)
    answer, says = FAKED[fault]
    with faulty.connd(workdir, {"manager": FAST}) as connd:
        cells = course(
            connd, says,
            lambda: setattr(faulty, "fault", answer), lambda: setattr(faulty, "fault", None),
        )  # fmt: skip
    line(row, fault, cells)


# --- TLS ------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority for these tests."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name = directory, name
        self.certificate, self.key = directory / f"{name}.pem", directory / f"{name}.key"
        self._make(name, self.certificate, self.key, "basicConstraints=critical,CA:TRUE", [])

    def _make(self, cn: str, out: Path, key: Path, extension: str, more: list[str]) -> None:
        offset = self.directory / "offset"
        offset.write_text(str(-9 * 86400 if cn == "expired" else 0))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={cn}", "-addext", extension,
             "-keyout", str(key), "-out", str(out), *more],
            check=True, capture_output=True, env={**os.environ, **wall_clock(offset)},
        )  # fmt: skip

    def leaf(self, name: str, san: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        out, key = self.directory / f"leaf-{name}.pem", self.directory / f"leaf-{name}.key"
        more = ["-CA", str(self.certificate), "-CAkey", str(self.key)]
        self._make(name, out, key, f"subjectAltName={san}", more)
        return out, key


def closing(x: Exchange) -> None:
    """A good response that closes the connection, so that the next request needs a new
    handshake."""
    x.reply(x.page(), Connection="close")
    x.hang_up()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("TLS certificate expired", "expired"),
        ("TLS certificate for another host", "match|subject"),
        ("TLS certificate not trusted", "issuer|self|verif|trust|mismatch"),
    ],
)
def test_tls(workdir: Path, faulty: FaultyManager, row: Row, fault: str, says: str) -> None:
    authority = Authority(workdir, "authority")
    good = authority.leaf("good")
    bad = {
        "expired": lambda: authority.leaf("expired"),
        "host": lambda: authority.leaf("other", "DNS:elsewhere.example"),
        "trusted": lambda: Authority(workdir, "stranger").leaf("stranger"),
    }[fault.rsplit(maxsplit=1)[-1]]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*good)
    faulty._server.socket = context.wrap_socket(
        faulty._server.socket, server_side=True, do_handshake_on_connect=False
    )
    fill_faulty(faulty)
    faulty.fault = closing
    tls = {**FAST, "url": f"https://127.0.0.1:{faulty.port}", "ca_file": str(authority.certificate)}
    with faulty.connd(workdir, {"manager": tls}) as connd:
        cells = course(
            connd, says,
            lambda: context.load_cert_chain(*bad), lambda: context.load_cert_chain(*good),
        )  # fmt: skip
    line(row, fault, cells)


# --- DNS ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not IS_ROOT, reason="makes a mount namespace")
def test_dns_gone(workdir: Path, faulty: FaultyManager, row: Row) -> None:
    """The name does not resolve when connd restarts: connd serves the snapshot."""
    fill_faulty(faulty)
    hosts, resolv = workdir / "hosts", workdir / "resolv.conf"
    hosts.write_text("127.0.0.1 manager.connd.example\n")
    resolv.write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
    setup = f"mount --bind {hosts} /etc/hosts; mount --bind {resolv} /etc/resolv.conf"
    manager = {
        **FAST, "url": f"http://manager.connd.example:{faulty.port}", "insecure_http": "yes",
    }  # fmt: skip
    connd = faulty.connd(workdir, {"manager": manager, "snapshot": snapshot_section(workdir)})
    with running(connd, wrap=lambda argv: in_namespace(setup, argv)):
        eventually((workdir / "snap/connd.snapshot").exists, "a snapshot")
    hosts.write_text("")
    connd.stderr_path = workdir / "second.log"
    with running(connd, wrap=lambda argv: in_namespace(setup, argv)), Ask(connd.socket) as ask:
        connd.wait_for(lambda s: s["syncs_failed"] >= 2, "it is noticed")
        assert connd.status()["state"] == "offline"
        lines = connd.events("warn", "error")
        hosts.write_text("127.0.0.1 manager.connd.example\n")
        connd.wait_for(lambda s: s["state"] == "fresh", "it recovers", 60)
        tally = ask.finish()
        assert len(lines) == 1 and "resolve" in lines[0]["reason"], lines
        cells = all_right(tally), ms(tally), in_words(lines[0]), "by itself"
    line(row, "DNS gone, at a restart", cells)
