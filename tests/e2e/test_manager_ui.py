# SPDX-License-Identifier: Apache-2.0
"""The server's side of the Environment page (daemon/manager/ui/README.md): files, sessions, links
that sign in, and what other sites cannot do."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gzip
import http.client
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from connd_testing import MANAGER, PATIENCE, Manager
from manager_http import Reply, dial, objects, read_reply, send
from test_manager_tls import TlsManager

MARK = {"X-Connd-UI": "1"}


def issue(manager: Manager, scope: str, role: str) -> dict[str, Any]:
    scope_id = {
        "organization": manager.organization,
        "workspace": manager.workspace,
        "deployment": manager.deployment_ids["prod"],
    }[scope]
    out: dict[str, Any] = manager.command(
        "token", "create", "--data", str(manager.data), "--name", f"{scope} {role}", "--scope",
        scope, "--scope-id", scope_id, "--role", role, "--expires-in", "100000",
    )  # fmt: skip
    return out


def sign_in(manager: Manager, headers: dict[str, str] | None = None, **body: str) -> Reply:
    return send(manager, "POST", "/ui/session", body, {**MARK, **(headers or {})}, token="")


def cookie_of(reply: Reply) -> str:
    """NAME=VALUE of what it sets."""
    return reply.headers["set-cookie"].split(";")[0]


def signed_in(manager: Manager, token: str) -> dict[str, str]:
    """The header fields of the page's requests."""
    reply = sign_in(manager, token=token)
    assert reply.status == 200, reply.raw
    return {**MARK, "Cookie": cookie_of(reply)}


def link(manager: Manager, *args: str) -> dict[str, Any]:
    out: dict[str, Any] = manager.command("login-link", "--data", str(manager.data), *args)
    return out


def code_of(made: dict[str, Any]) -> str:
    url: str = made["url"]
    return url.split("/ui/#code=")[1]


# --- the files ----------------------------------------------------------------------------

UI = Path(__file__).parents[2] / "daemon/manager/ui"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
}  # fmt: skip


def get(manager: Manager, path: str, **headers: str) -> Reply:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(manager, "GET", path, headers=fields, token="")


def version_of(manager: Manager) -> str:
    found = set(re.findall(r'"([0-9a-f]{16})/', get(manager, "/ui/").raw.decode()))
    assert len(found) == 1
    return str(found.pop())


def test_the_page_is_found_from_the_root(manager: Manager) -> None:
    for path in ("/", "/ui"):
        reply = get(manager, path)
        assert (reply.status, reply.headers["location"], reply.raw) == (302, "/ui/", b"")
    page = get(manager, "/ui/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert b"@VERSION@" not in page.raw


def test_every_file_is_served_as_it_is(manager: Manager) -> None:
    version = version_of(manager)
    files = [path for path in UI.iterdir() if path.suffix in TYPES]
    assert len(files) > 5
    for path in files:
        reply = get(manager, f"/ui/{version}/{path.name}")
        assert reply.status == 200, path
        assert reply.raw == path.read_bytes()
        assert reply.headers["content-type"] == TYPES[path.suffix]
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "content-encoding" not in reply.headers


def test_files_are_compressed_for_those_who_take_it(manager: Manager) -> None:
    path = f"/ui/{version_of(manager)}/main.js"
    plain = get(manager, path)
    for accepted in ("gzip", "gzip, deflate, br", "br, GZIP"):
        packed = get(manager, path, Accept_Encoding=accepted)
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.headers["etag"] != plain.headers["etag"]
        assert gzip.decompress(packed.raw) == plain.raw
        assert len(packed.raw) < len(plain.raw)
    for accepted in ("", "br", "identity", "gzip;q=0"):
        assert get(manager, path, Accept_Encoding=accepted).raw == plain.raw


def test_the_page_stays_small(manager: Manager) -> None:
    version = version_of(manager)
    packed = [
        len(get(manager, f"/ui/{version}/{path.name}", Accept_Encoding="gzip").raw)
        for path in UI.iterdir()
        if path.suffix in TYPES
    ]
    assert sum(packed) < 150_000


def test_an_unchanged_file_is_not_sent_again(manager: Manager) -> None:
    for path in ("/ui/", f"/ui/{version_of(manager)}/main.js"):
        tag = get(manager, path).headers["etag"]
        assert get(manager, path, If_None_Match=f'"x", W/{tag}').status == 304
        assert get(manager, path, If_None_Match='"x"').status == 200
        head = send(manager, "HEAD", path, token="")
        assert (head.status, head.raw) == (200, b"")


def test_browsers_are_told_what_the_page_may_do(manager: Manager) -> None:
    for path in ("/ui/", f"/ui/{version_of(manager)}/main.js"):
        headers = get(manager, path).headers
        assert set(headers["content-security-policy"].split("; ")) == POLICY
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_nothing_else_is_below_the_page(manager: Manager) -> None:
    version = version_of(manager)
    for path in (
        "/ui/index.html", "/ui/main.js", "/ui/0123456789abcdef/main.js", f"/ui/{version}",
        f"/ui/{version}/", f"/ui/{version}/README.md", f"/ui/{version}/embed.sh",
        f"/ui/{version}/../session", f"/ui/{version}/%6dain.js", "/ui/session/", "/ui/w/x",
    ):  # fmt: skip
        get(manager, path).error(404)
    for method in ("POST", "DELETE", "PUT"):
        reply = send(manager, method, "/ui/", token="")
        reply.error(405)
        assert reply.headers["allow"] == "GET, HEAD"


# --- signing in ---------------------------------------------------------------------------


def test_a_token_signs_in_and_out(manager: Manager) -> None:
    token = issue(manager, "workspace", "OPERATOR")
    reply = sign_in(manager, token=token["token"])
    assert reply.status == 200
    session = reply.body
    assert session["tokenId"] == token["id"]
    assert (session["role"], session["scope"]) == ("OPERATOR", "WORKSPACE")
    assert session["scopeId"] == manager.workspace
    assert session["organizationId"] == manager.organization
    assert session["name"] == "workspace OPERATOR"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", session["sessionExpiresAt"])
    assert session["expiresAt"] > session["sessionExpiresAt"]
    attributes = set(reply.headers["set-cookie"].split("; ")[1:])
    assert attributes == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=1800"}
    assert reply.headers["cache-control"] == "no-store"

    head = {**MARK, "Cookie": cookie_of(reply)}
    assert send(manager, "GET", "/ui/session", headers=head, token="").body == session
    assert send(manager, "GET", objects(manager), headers=head, token="").status == 200
    gone = send(manager, "DELETE", "/ui/session", headers=head, token="")
    assert gone.status == 204
    assert gone.headers["set-cookie"].startswith("connd_session=; ")
    assert "Max-Age=0" in gone.headers["set-cookie"]
    send(manager, "GET", "/ui/session", token="").error(401)


def test_signing_out_ends_every_copy_of_the_session(manager: Manager) -> None:
    head, other = (signed_in(manager, manager.token) for _ in range(2))
    send(manager, "DELETE", "/ui/session", headers={"Cookie": head["Cookie"]}, token="").error(401)
    assert send(manager, "GET", objects(manager), headers=head, token="").status == 200

    def ended() -> None:
        for path in (objects(manager), "/ui/session"):
            send(manager, "GET", path, headers=head, token="").error(401, "sign in")

    assert send(manager, "DELETE", "/ui/session", headers=head, token="").status == 204
    ended()
    assert send(manager, "DELETE", "/ui/session", headers=head, token="").status == 204, "again"
    manager.stop()
    manager.serve()
    ended()
    assert send(manager, "GET", "/ui/session", headers=other, token="").status == 200


def test_signing_in_again_and_again_is_held_to_the_tokens_rate(manager: Manager) -> None:
    manager.stop()
    manager.serve("--rate-post", "1")
    code = code_of(link(manager))
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        replies = list(pool.map(lambda _: sign_in(manager, token=manager.token), range(30)))
    refused = [reply for reply in replies if reply.status == 429]
    assert refused and all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert {reply.status for reply in replies} == {200, 429}
    assert sign_in(manager, code=code).status == 200, "a code is good once"


def test_a_token_without_an_end_has_no_expiry(manager: Manager) -> None:
    assert "expiresAt" not in sign_in(manager, token=manager.token).body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"token": "x.y.z"}, 401),
        ({"token": ""}, 401),
        ({"code": "x"}, 401),
        ({"code": "A" * 130}, 401),
        ({}, 400),
        ({"token": "a", "code": "b"}, 400),
        ({"token": 1}, 400),
        (b"[", 400),
        (b"", 400),
        ({"token": "x" * 20000}, 413),
    ],
)
def test_what_is_no_credential_signs_nobody_in(manager: Manager, body: Any, status: int) -> None:
    reply = send(manager, "POST", "/ui/session", body, MARK, token="")
    reply.error(status)
    assert "set-cookie" not in reply.headers


def test_a_sign_in_says_how_long_it_is(manager: Manager) -> None:
    with dial(manager) as sock:
        sock.sendall(
            b"POST /ui/session HTTP/1.1\r\nHost: h\r\nX-Connd-UI: 1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        read_reply(sock).error(411, "Content-Length")


def test_other_methods_are_named(manager: Manager) -> None:
    reply = send(manager, "PATCH", "/ui/session", headers=MARK, token="")
    reply.error(405)
    assert reply.headers["allow"] == "GET, HEAD, POST, DELETE"


def test_audit_names_the_token_of_a_session(manager: Manager) -> None:
    token = issue(manager, "workspace", "OPERATOR")
    head = signed_in(manager, token["token"])
    body = {
        "objectType": "AIRFLOW_VARIABLE",
        "objectKey": "x",
        "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
        "airflowVariable": {"value": "v"},
    }
    assert send(manager, "POST", objects(manager), body, head, token="").status == 200
    log = send(manager, "GET", f"/v1/organizations/{manager.organization}/audit-log").body
    entry = next(e for e in log["history"] if e["action"] == "CREATE")
    assert entry["by"]["id"] == token["id"], entry


# --- what ends a session ------------------------------------------------------------------


def test_a_session_is_dead_with_its_token(manager: Manager) -> None:
    token = issue(manager, "workspace", "MEMBER")
    head = signed_in(manager, token["token"])
    assert send(manager, "GET", objects(manager), headers=head, token="").status == 200
    manager.command("token", "revoke", "--data", str(manager.data), "--id", token["id"])
    for path in (objects(manager), "/ui/session"):
        send(manager, "GET", path, headers=head, token="").error(401, "revoked")


def test_a_session_outlives_the_manager(manager: Manager) -> None:
    head = signed_in(manager, manager.token)
    manager.stop()
    manager.command("rotate-key", "--data", str(manager.data))
    manager.start()
    assert send(manager, "GET", objects(manager), headers=head, token="").status == 200


def test_forged_cookies_are_refused(manager: Manager, workdir: Path) -> None:
    name, value = signed_in(manager, manager.token)["Cookie"].split("=")
    (workdir / "other").mkdir()
    other = Manager(workdir / "other")
    with other:
        foreign = signed_in(other, other.token)["Cookie"].split("=")[1]
    code = code_of(link(manager))
    cut = len(value) // 2
    for text in (
        "", "x", value[:-1], value + "A", value.swapcase(), foreign, code, manager.token,
        value[:cut] + ("A" if value[cut] != "A" else "B") + value[cut + 1 :],
    ):  # fmt: skip
        head = {**MARK, "Cookie": f"{name}={text}"}
        send(manager, "GET", objects(manager), headers=head, token="").error(401)
        send(manager, "GET", "/ui/session", headers=head, token="").error(401)


# --- other sites --------------------------------------------------------------------------


def test_other_sites_cannot_use_a_session(manager: Manager) -> None:
    head = signed_in(manager, manager.token)
    own = f"http://127.0.0.1:{manager.port}"
    variable = {
        "objectType": "AIRFLOW_VARIABLE",
        "objectKey": "x",
        "scope": "WORKSPACE",
        "scopeEntityId": manager.workspace,
    }
    for more, status in (
        ({"X-Connd-UI": ""}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"http://127.0.0.1:{manager.port + 1}"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": own}, 403),
    ):
        for method, path, body in (
            ("GET", objects(manager), None),
            ("POST", objects(manager), variable),
            ("DELETE", "/ui/session", None),
            ("POST", "/ui/session", {"token": manager.token}),
        ):
            reply = send(manager, method, path, body, {**head, **more}, token="")
            reply.error(status)
            assert "set-cookie" not in reply.headers
    assert send(manager, "GET", objects(manager)).body["totalCount"] == 0
    more = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
    assert send(manager, "POST", objects(manager), variable, {**head, **more}, "").status == 200


def test_a_bearer_token_is_judged_alone(manager: Manager) -> None:
    head = signed_in(manager, manager.token)
    send(manager, "GET", objects(manager), headers=head, token="x.y.z").error(401)
    member = issue(manager, "deployment", "MEMBER")["token"]
    path = f"/v1/organizations/{manager.organization}/tokens"
    send(manager, "GET", path, headers=head, token=member).error(403)


def test_behind_a_proxy_with_tls_the_cookie_is_secure(manager: Manager) -> None:
    host = {"Host": "env.example", "Origin": "https://env.example"}
    reply = sign_in(manager, host, token=manager.token)
    assert reply.headers["set-cookie"].startswith("__Host-connd_session=")
    assert "; Secure" in reply.headers["set-cookie"]
    head = {**MARK, "Cookie": cookie_of(reply), "Host": "env.example"}
    assert send(manager, "GET", objects(manager), headers=head, token="").status == 200


def test_over_tls_only_the_secure_cookie_counts(workdir: Path) -> None:
    with TlsManager(workdir) as manager:
        made = link(manager)
        assert made["url"].startswith(f"https://127.0.0.1:{manager.port}/ui/#code=")
        body = json.dumps({"code": code_of(made)})
        conn = http.client.HTTPSConnection(
            "127.0.0.1", manager.port, context=manager.context(), timeout=PATIENCE
        )
        with contextlib.closing(conn):
            conn.request("POST", "/ui/session", body, MARK)
            reply = conn.getresponse()
            assert (reply.status, bool(reply.read())) == (200, True)
            cookie = reply.headers["Set-Cookie"]
            assert cookie.startswith("__Host-connd_session=") and "; Secure" in cookie
            name, value = cookie.split(";")[0].split("=")
            for sent, status in ((name, 200), ("connd_session", 401)):
                head = {**MARK, "Cookie": f"{sent}={value}"}
                conn.request("GET", "/ui/session", headers=head)
                reply = conn.getresponse()
                assert (reply.status, bool(reply.read())) == (status, True)


# --- links that sign in -------------------------------------------------------------------


def test_a_link_signs_in_once(manager: Manager) -> None:
    made = link(manager)
    assert made["url"].startswith(f"http://127.0.0.1:{manager.port}/ui/#code=")
    reply = sign_in(manager, code=code_of(made))
    assert reply.status == 200
    assert reply.body["tokenId"] == made["tokenId"]
    assert (reply.body["role"], reply.body["scope"]) == ("OWNER", "ORGANIZATION")
    head = {**MARK, "Cookie": cookie_of(reply)}
    assert send(manager, "GET", objects(manager), headers=head, token="").status == 200
    sign_in(manager, code=code_of(made)).error(401, "used before", "login-link")
    manager.stop()
    manager.start()
    sign_in(manager, code=code_of(made)).error(401, "used before")


def test_a_link_is_of_a_token_that_is_good(manager: Manager) -> None:
    token = issue(manager, "workspace", "AUTHOR")
    made = link(manager, "--id", token["id"], "--url", "https://env.example/")
    assert made["url"].startswith("https://env.example/ui/#code=")
    assert made["tokenId"] == token["id"]
    assert sign_in(manager, code=code_of(made)).body["role"] == "AUTHOR"
    made = link(manager, "--id", token["id"])
    manager.command("token", "revoke", "--data", str(manager.data), "--id", token["id"])
    sign_in(manager, code=code_of(made)).error(401, "revoked")
    done = subprocess.run(
        [MANAGER, "login-link", "--data", manager.data, "--id", token["id"]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "revoked or has expired" in done.stderr


def test_a_link_is_made_without_a_server(manager: Manager) -> None:
    manager.stop()
    made = link(manager)
    assert made["url"].startswith("http://127.0.0.1:8888/ui/#code=")
    manager.start()
    assert sign_in(manager, code=code_of(made)).status == 200


@pytest.mark.parametrize(
    "url", ["", "env.example", "https://", "https://e/x", "ftp://e", "https://e?x", "https://e#x"]
)
def test_a_url_is_where_the_manager_is(manager: Manager, url: str) -> None:
    done = subprocess.run(
        [MANAGER, "login-link", "--data", manager.data, "--url", url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--url takes" in done.stderr


def test_no_credential_is_logged(manager: Manager) -> None:
    code = code_of(link(manager))
    cookie = cookie_of(sign_in(manager, code=code))
    assert manager.program
    log = manager.program.stderr_text()
    assert "signed in" in log
    for secret in (code, cookie.split("=")[1], manager.token):
        assert secret not in log
