# SPDX-License-Identifier: Apache-2.0
"""Where connd-manager serves: several addresses, Unix sockets, /healthz and /metrics, and its log
lines; and the certificate that `tls init` makes."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from connd_testing import MANAGER, PATIENCE, Manager, Program, eventually
from manager_http import objects


@pytest.fixture
def made(workdir: Path) -> Manager:
    return Manager(workdir)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def over(place: str) -> http.client.HTTPConnection:
    if place.startswith("unix:"):
        return UnixConnection(place.removeprefix("unix:"))
    host, port = place.rsplit(":", 1)
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)


def get(place: str, path: str, token: str = "") -> tuple[int, str]:
    conn = over(place)
    conn.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    reply = conn.getresponse()
    text = reply.read().decode()
    conn.close()
    return reply.status, text


def refused(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MANAGER, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_port_0_takes_a_free_one_and_says_which(made: Manager) -> None:
    said = made.launch("--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0")
    assert set(said) == {"listen"}
    ports = {re.fullmatch(r"127\.0\.0\.1:([1-9]\d*)", place)[1] for place in said["listen"]}  # type: ignore[index]
    assert len(ports) == 2
    for place in said["listen"]:
        assert get(place, "/v1/organizations", made.token)[0] == 200
        assert f"listen={place}" in made.program.stderr_text()  # type: ignore[union-attr]
    made.stop()


def test_several_places_serve_the_same(made: Manager, workdir: Path) -> None:
    path = workdir / "run" / "manager.sock"
    path.parent.mkdir()
    said = made.launch(
        "--listen", "127.0.0.1:0", "--listen", f"unix:{path}", "--listen", "[::1]:0"
    )["listen"]
    assert said[1] == f"unix:{path}" and said[2].startswith("[::1]:")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666  # the token decides
    for place in said:
        assert get(place, objects(made))[0] == 401
        assert get(place, objects(made), made.token)[0] == 200
    made.stop()
    assert not path.exists()


def test_a_dead_servers_socket_is_replaced_and_a_living_ones_is_not(
    made: Manager, workdir: Path
) -> None:
    path = workdir / "manager.sock"
    made.launch("--listen", f"unix:{path}")
    assert made.program
    made.program.process.send_signal(signal.SIGKILL)
    made.program.process.wait()
    assert path.exists()
    (place,) = made.launch("--listen", f"unix:{path}")["listen"]
    assert get(place, "/healthz") == (200, "ok\n")
    (workdir / "other").mkdir()
    other = Manager(workdir / "other")
    done = refused("--data", other.data, "--listen", f"unix:{path}")
    assert done.returncode == 1 and "another connd-manager serves this socket" in done.stderr
    assert get(place, "/healthz") == (200, "ok\n")
    # If its lock file is removed, another manager may take the socket; that is not undone.
    made.stop()


def test_a_file_that_is_not_a_socket_is_left_alone(made: Manager, workdir: Path) -> None:
    path = workdir / "notes"
    path.write_text("mine")
    done = refused("--data", made.data, "--listen", f"unix:{path}")
    assert done.returncode == 1 and "not a socket" in done.stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("foo", "ADDRESS:PORT or unix:PATH"),
        ("127.0.0.1", "ADDRESS:PORT"),
        ("127.0.0.1:http", "ADDRESS:PORT"),
        ("127.0.0.1:70000", "ADDRESS:PORT"),
        ("unix:relative.sock", "absolute path"),
        ("unix:", "absolute path"),
        ("unix:/" + "x" * 107, "107 bytes"),
    ],
)
def test_an_address_that_cannot_be_one_is_a_usage_error(
    made: Manager, where: str, word: str
) -> None:
    for option in ("--listen", "--metrics"):
        done = refused("--data", made.data, option, where)
        assert done.returncode == 2, done
        assert option in done.stderr and word in done.stderr
        assert done.stdout == ""


def test_an_address_in_use_is_told_with_its_name(made: Manager) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = refused("--data", made.data, "--listen", where)
        assert done.returncode == 1 and where in done.stderr and "in use" in done.stderr
        done = refused("--data", made.data, "--listen", "127.0.0.1:0", "--metrics", where)
        assert done.returncode == 1 and where in done.stderr


def metrics(place: str) -> dict[str, float]:
    status, text = get(place, "/metrics")
    assert status == 200 and text.endswith("# EOF\n")
    rows = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in rows}


def test_metrics_have_a_place_of_their_own(made: Manager) -> None:
    said = made.launch("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
    place, at = said["listen"][0], said["metrics"]
    assert get(place, "/healthz") == (200, "ok\n")
    assert get(at, "/healthz") == (200, "ok\n")
    assert get(place, "/metrics")[0] == 401  # not a path of the API
    assert get(at, "/v1/organizations", made.token)[0] == 404
    for _ in range(3):
        assert get(place, objects(made), made.token)[0] == 200
    get(place, objects(made), "bad")
    seen = metrics(at)
    route = 'method="GET",route="/v1/organizations/{organization}/environment-objects"'
    assert seen[f'connd_manager_requests_total{{{route},status="200"}}'] == 3
    assert seen['connd_manager_requests_total{method="",route="",status="401"}'] == 2
    assert seen["connd_manager_tokens"] == 1
    assert seen["connd_manager_store_bytes"] > 0
    assert seen["connd_manager_held_requests"] == 0
    assert seen['connd_manager_gave_way_total{what="connections"}'] == 0
    made.stop()


def log_of(made: Manager) -> list[dict[str, str]]:
    assert made.program
    fields = re.compile(r'(\w+)=(?:"([^"]*)"|(\S*))')
    return [
        {name: quoted or bare for name, quoted, bare in fields.findall(line)}
        for line in made.program.stderr_text().splitlines()
        if "event=request " in line
    ]


def test_refused_requests_are_logged_with_their_id(made: Manager) -> None:
    (place,) = made.launch("--listen", "127.0.0.1:0")["listen"]
    assert get(place, objects(made) + "?objectKey=sesame", made.token)[0] == 200
    status, text = get(place, objects(made) + "?objectKey=sesame", "bad")
    assert status == 401
    (row,) = eventually(lambda: log_of(made), "a line for it")
    assert row["request"] == json.loads(text)["requestId"]
    assert (row["method"], row["status"], row["path"]) == ("GET", "401", objects(made))
    # A client that is refused again and again does not fill the log.
    host, port = place.split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        s.sendall(f"GET {objects(made)} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 200)

        def counted() -> bool:
            get(place, objects(made), "bad")
            assert made.program
            return "refused requests not logged" in made.program.stderr_text()

        eventually(counted, "what is left out is counted")
    assert len(log_of(made)) < 100
    text = made.program.stderr_text()  # type: ignore[union-attr]
    assert "sesame" not in text and made.token not in text
    made.stop()


def test_every_request_is_logged_when_asked_for(made: Manager) -> None:
    (place,) = made.launch("--listen", "127.0.0.1:0", "--log-requests")["listen"]
    for _ in range(20):
        assert get(place, "/v1/organizations", made.token)[0] == 200
    rows = eventually(lambda: len(log_of(made)) == 20 and log_of(made), "twenty lines")
    assert len({row["request"] for row in rows}) == 20
    assert all(row["status"] == "200" and len(row["token"]) == 25 for row in rows)
    made.stop()


def attach(place: str, made: Manager, i: int) -> socket.socket:
    s = socket.create_connection(("127.0.0.1", int(place.rsplit(":", 1)[1])), PATIENCE)
    head = f"Host: x\r\nAuthorization: Bearer {made.token}\r\n"
    text = [
        "",
        "GET /v1/organ",
        f"POST {objects(made)} HTTP/1.1\r\n{head}Content-Length: 1000\r\n\r\n{{",
        f"GET {objects(made)}?limit=1000 HTTP/1.1\r\n{head}\r\n" * 50,
        f"GET {objects(made)} HTTP/1.1\r\n{head}If-None-Match: *\r\nPrefer: wait=60\r\n\r\n",
    ][i % 5]
    s.sendall(text.encode())
    return s


def test_sigterm_ends_it_within_eight_seconds(made: Manager) -> None:
    made.serve()
    for n in range(20):
        made.create_variable(f"v{n}", "x" * 100_000)
    made.stop()
    said = made.launch("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
    attached = [attach(said["listen"][0], made, i) for i in range(50)]
    attached.append(socket.create_connection(("127.0.0.1", int(said["metrics"].rsplit(":")[1]))))
    assert get(said["listen"][0], "/healthz")[0] == 200
    made.stop()  # asserts the eight seconds
    for s in attached:
        s.close()


def test_tls_init_makes_what_manager_and_connd_take(made: Manager, workdir: Path) -> None:
    out: dict[str, Any] = made.command(
        "tls", "init", "--data", str(made.data), "--host", "10.9.8.7", "--host", "m.example.com"
    )
    assert stat.S_IMODE(Path(out["key"]).stat().st_mode) == 0o600
    assert "-----BEGIN PRIVATE KEY-----" in Path(out["key"]).read_text()
    text = subprocess.run(
        ["openssl", "x509", "-in", out["certificate"], "-noout", "-text"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in (
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "IP Address:10.9.8.7",
        "DNS:m.example.com",
    ):
        assert name in text
    assert out["connd.conf"] == [
        "[manager]", "url = https://10.9.8.7:8888", "ca_file = /etc/connd/manager.crt",
        f"pin = {out['pin']}",
    ]  # fmt: skip
    said = made.launch("--listen", "127.0.0.1:0", *out["options"].split())
    port = int(said["listen"][0].rsplit(":", 1)[1])
    for host in ("localhost", "127.0.0.1"):
        context = ssl.create_default_context(cafile=out["certificate"])
        with urllib.request.urlopen(f"https://{host}:{port}/healthz", context=context) as reply:
            assert reply.read() == b"ok\n"
    made.port = port
    sections = {
        "manager": {
            "url": f"https://localhost:{port}", "ca_file": out["certificate"], "pin": out["pin"]
        }
    }  # fmt: skip
    with made.connd(sections=sections) as connd:
        assert connd.status()["state"] == "fresh"
    # Existing files are not replaced.
    before = Path(out["key"]).read_bytes()
    done = refused("tls", "init", "--data", made.data)
    assert done.returncode == 1 and "tls.key" in done.stderr
    assert Path(out["key"]).read_bytes() == before
    made.stop()


def test_tls_init_takes_names_and_nothing_else(made: Manager) -> None:
    for host in ("", "a,DNS:b", "http://x", "a b", "*.example.com"):
        done = refused("tls", "init", "--data", made.data, "--host", host)
        assert done.returncode == 2 and "--host" in done.stderr
    assert not (made.data / "tls.key").exists()
    done = refused("tls", "init", "--data", made.directory / "nowhere")
    assert done.returncode == 1 and "nowhere" in done.stderr


def test_a_socket_path_may_be_a_letter_short_of_too_long(made: Manager, workdir: Path) -> None:
    path = workdir / "x"
    path = path.with_name("x" * (107 - len(os.fsencode(workdir)) - 1))
    (place,) = made.launch("--listen", f"unix:{path}")["listen"]
    assert get(place, "/healthz")[0] == 200
    made.stop()


def test_closed_stdout_does_not_matter(made: Manager) -> None:
    """stdout may be closed."""
    program = Program(
        ["/bin/sh", "-c", 'exec "$0" "$@" >&-', MANAGER, "--data", made.data, "--listen",
         f"127.0.0.1:{made.port}"],
        made.directory / "closed.log",
    )  # fmt: skip
    eventually(lambda: get(f"127.0.0.1:{made.port}", "/healthz")[0] == 200, "it serves")
    program.stop(within=8.0)
