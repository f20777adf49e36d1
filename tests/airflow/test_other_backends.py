# SPDX-License-Identifier: Apache-2.0
"""connd before and after real secrets backends: HashiCorp Vault, AWS (two), and local files.

Vault is a server of this file that speaks its KV-2 API, AWS is moto's. Run with the Airflow of
providers33.in; without the providers only the local files are tested.
"""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from connd_testing import Manager
from harness import CAN_DENY, VERSION, Airflow, Worker, wait_for_key, warnings_of

VAULT = "airflow.providers.hashicorp.secrets.vault.VaultBackend"
SECRETS_MANAGER = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
PARAMETERS = (
    "airflow.providers.amazon.aws.secrets.systems_manager.SystemsManagerParameterStoreBackend"
)
FILES = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
TOKEN = "vault-token-s3cr3t"

THERE = {"conn_type": "postgres", "host": "elsewhere", "password": "elsewhere-s3cr3t"}
"""The connections `both` and `only_there`, as the other backend has them."""

VARIABLES = {"both": "elsewhere's", "only_there": "elsewhere's"}


# --- the other backends


class Vault(http.server.BaseHTTPRequestHandler):
    """KV version 2, one token, as far as hvac asks."""

    status = 200

    def do_GET(self):
        if self.headers.get("X-Vault-Token") != TOKEN:
            return self.reply(403, {"errors": ["permission denied"]})
        if self.status != 200:
            return self.reply(self.status, {"errors": [f"{THERE['password']} in an error"]})
        if self.path.startswith("/v1/auth/token/lookup-self"):
            return self.reply(200, {"data": {"id": TOKEN}})
        kind, _, key = self.path.removeprefix("/v1/secret/data/").partition("/")
        data = None
        if key in VARIABLES:
            data = dict(THERE) if kind == "connections" else {"value": VARIABLES[key]}
        if data is None:
            return self.reply(404, {"errors": []})
        return self.reply(200, {"data": {"data": data, "metadata": {"version": 1}}})

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def vault(directory):
    pytest.importorskip("airflow.providers.hashicorp")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield VAULT, {"url": url, "token": TOKEN, "mount_point": "secret"}
    server.shutdown()


@pytest.fixture(scope="module")
def aws():
    """The URL of an AWS that has the records twice: as secrets and as parameters."""
    pytest.importorskip("moto")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    login = {
        "endpoint_url": url,
        "region_name": "eu-west-1",
        "aws_access_key_id": "x",
        "aws_secret_access_key": "x",
    }
    secrets, parameters = boto3.client("secretsmanager", **login), boto3.client("ssm", **login)
    for key, value in VARIABLES.items():
        for kind, text in (("connections", json.dumps(THERE)), ("variables", value)):
            secrets.create_secret(Name=f"airflow/{kind}/{key}", SecretString=text)
            parameters.put_parameter(Name=f"/airflow/{kind}/{key}", Value=text, Type="SecureString")
    yield url
    server.stop()


@pytest.fixture(scope="module")
def files(directory):
    connections, variables = directory / "connections.json", directory / "variables.json"
    connections.write_text(json.dumps(dict.fromkeys(VARIABLES, THERE)))
    variables.write_text(json.dumps(VARIABLES))
    return FILES, {
        "connections_file_path": str(connections),
        "variables_file_path": str(variables),
    }


@pytest.fixture(params=["vault", "secrets-manager", "parameter-store", "files"])
def other(request):
    """Class and arguments of a backend that has `both` and `only_there`."""
    if request.param in ("vault", "files"):
        return request.getfixturevalue(request.param)
    url = request.getfixturevalue("aws")
    kwargs = {"endpoint_url": url, "region_name": "eu-west-1"}
    return (SECRETS_MANAGER if request.param == "secrets-manager" else PARAMETERS), kwargs


# --- connd and Airflow


@pytest.fixture(scope="module")
def other_connd(directory):
    place = directory / "other"
    place.mkdir()
    with Manager(place, deployments=("prod",)) as manager:
        prod = manager.deployment_ids["prod"]
        for key in ("both", "only_here"):
            manager.create_connection(key, prod, host="here", password="here-s3cr3t")
            manager.create_variable(key, "here's", prod)
        with manager.connd("prod") as running:
            wait_for_key(running, "only_here", "variables")
            yield running


@pytest.fixture(scope="module")
def tester(directory, other_connd):
    environment = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    worker = Worker(Airflow(directory / "others-home", other_connd.socket), **environment)
    clients = ["hvac", "boto3", "airflow.providers.amazon.aws.utils.connection_wrapper"]
    backends = [one.rpartition(".")[0] for one in (VAULT, SECRETS_MANAGER, PARAMETERS, FILES)]
    worker.result("preload", clients + backends)
    yield worker
    worker.close()


WAYS = ["core"] if VERSION < (3,) else ["core", "sdk"]


@pytest.fixture(params=WAYS)
def look_up(request, tester, other_connd):
    """Look up with a backend of these arguments, as Airflow does, in a new process each time."""

    def run(what, key, **kwargs):
        kwargs = {"socket_path": str(other_connd.socket), **kwargs}
        do = request.param if what == "connection" else what
        return tester.ask("with_backend", {"kwargs": kwargs, "do": do, "with": key})

    return run


def host(answer):
    assert answer["error"] is None, answer
    return answer["result"]["host"]


def test_first_wins_and_connd_is_next(look_up, other):
    kwargs = {"first": other[0], "first_kwargs": other[1]}
    assert host(look_up("connection", "both", **kwargs)) == "elsewhere"
    assert host(look_up("connection", "only_there", **kwargs)) == "elsewhere"
    answer = look_up("connection", "only_here", **kwargs)
    assert host(answer) == "here" and not warnings_of(answer)
    assert look_up("variable", "both", **kwargs)["result"] == "elsewhere's"
    answer = look_up("variable", "only_here", **kwargs)
    assert answer["result"] == "here's" and not warnings_of(answer)


def test_connd_wins_over_then(look_up, other):
    kwargs = {"then": other[0], "then_kwargs": other[1]}
    assert host(look_up("connection", "both", **kwargs)) == "here"
    answer = look_up("connection", "only_there", **kwargs)
    assert host(answer) == "elsewhere" and not warnings_of(answer)
    assert answer["result"]["password"] == THERE["password"]
    assert look_up("variable", "only_there", **kwargs)["result"] == "elsewhere's"


def test_nobody_has_it(look_up, other):
    kwargs = {"then": other[0], "then_kwargs": other[1]}
    answer = look_up("connection", "nowhere", **kwargs)
    assert "AirflowNotFoundException" in answer["error"] and not warnings_of(answer)


@pytest.mark.skipif(not CAN_DENY, reason="this Airflow cannot fail closed")
def test_nobody_has_it_as_denial(look_up, other):
    kwargs = {"then": other[0], "then_kwargs": other[1], "on_missing": "deny"}
    assert host(look_up("connection", "only_there", **kwargs)) == "elsewhere"
    answer = look_up("connection", "nowhere", **kwargs)
    assert "Denied" in answer["error"] and len(warnings_of(answer)) == 1


def test_outage_of_connd(look_up, other, tmp_path):
    gone = {"socket_path": str(tmp_path / "none.sock")}
    kwargs = {**gone, "then": other[0], "then_kwargs": other[1]}
    answer = look_up("connection", "both", **kwargs)
    assert host(answer) == "elsewhere"
    (line,) = warnings_of(answer)
    assert "none.sock" in line and "next backend's value" in line
    if CAN_DENY:
        answer = look_up("connection", "both", **kwargs, on_error="deny")
        assert "Denied" in answer["error"] and "none.sock" in answer["error"]


BROKEN = {
    "vault-refused": (VAULT, {"url": "http://127.0.0.1:9", "token": TOKEN}),
    "aws-refused": (
        SECRETS_MANAGER,
        {
            "endpoint_url": "http://127.0.0.1:9",
            "region_name": "eu-west-1",
            "config_kwargs": {"retries": {"max_attempts": 0}},
        },
    ),
    "files-unreadable": (FILES, {"connections_file_path": "/nowhere/c.json"}),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_outage_of_the_other(look_up, broken):
    if "providers" in broken[0]:
        pytest.importorskip(broken[0].rpartition(".secrets.")[0])
    kwargs = {"first": broken[0], "first_kwargs": broken[1]}
    answer = look_up("connection", "both", **kwargs)
    assert host(answer) == "here"
    (line,) = warnings_of(answer)
    assert "first (" in line and "failed: " in line and TOKEN not in line
    if CAN_DENY:
        answer = look_up("connection", "both", **kwargs, on_error="deny")
        assert "Denied" in answer["error"] and TOKEN not in str(answer)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_vault_that_refuses(look_up, vault, monkeypatch, status):
    monkeypatch.setattr(Vault, "status", status)
    kwargs = {"first": vault[0], "first_kwargs": vault[1]}
    answer = look_up("connection", "only_here", **kwargs)
    assert host(answer) == "here"
    (line,) = warnings_of(answer)
    assert "first (VaultBackend) failed: " in line and THERE["password"] not in line


def test_wrong_token_is_a_failure(look_up, vault):
    kwargs = {"first": vault[0], "first_kwargs": {**vault[1], "token": "wrong-s3cr3t"}}
    answer = look_up("connection", "only_here", **kwargs)
    (line,) = warnings_of(answer)
    assert "Forbidden" in line or "VaultError" in line
    assert "wrong-s3cr3t" not in line


def test_two_others_at_once(look_up, vault, files):
    """One before and one after connd."""
    kwargs = {
        "first": vault[0],
        "first_kwargs": vault[1],
        "then": files[0],
        "then_kwargs": files[1],
    }
    assert host(look_up("connection", "both", **kwargs)) == "elsewhere"
    assert host(look_up("connection", "only_here", **kwargs)) == "here"


@pytest.mark.skipif(VERSION < (3, 1), reason="this Airflow has no async lookups")
def test_async(tester, other_connd, other):
    kwargs = {"socket_path": str(other_connd.socket), "then": other[0], "then_kwargs": other[1]}
    keys = ["both", "only_there", "only_here"]
    answer = tester.ask("with_backend", {"kwargs": kwargs, "do": "async", "with": keys})
    assert answer["error"] is None, answer
    assert [one["host"] for one in answer["result"]] == ["here", "elsewhere", "here"]


def test_forks_threads_and_pickles(tester, other_connd, other):
    kwargs = {"socket_path": str(other_connd.socket), "first": other[0], "first_kwargs": other[1]}
    for do, given, hosts in (
        ("fork", "only_there", ["elsewhere"]),
        ("threads", ["both", "only_here"] * 4, ["elsewhere", "here"] * 4),
        ("pickled", "only_there", ["elsewhere"]),
    ):
        answer = tester.ask("with_backend", {"kwargs": kwargs, "do": do, "with": given})
        assert answer["error"] is None, answer
        got = answer["result"] if isinstance(answer["result"], list) else [answer["result"]]
        assert [one["host"] for one in got] == hosts
