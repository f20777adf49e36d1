#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a lookup costs beside other secrets backends in Airflow: HashiCorp Vault and AWS Secrets
Manager with the provider packages of PyPI, Airflow's own local files and environment variables.

    .venvs/providers33/bin/python tests/bench/peers.py [--rounds 5] [--json FILE]

Vault is a small server that speaks its KV-2 API, AWS is moto's; both run on this machine in a
process of their own, so no network and no real store is in their times. Each backend is called
again and again in one process, as a task does: none of them caches. Interleaved; the ratio is to
connd in the same round.
"""

from __future__ import annotations

import argparse
import http.server
import json
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python-shim" / "src"), str(ROOT / "tests" / "lib")]

from figures import Figures  # noqa: E402
from shim_airflow import prepare_airflow  # noqa: E402
from shim_ping import CONNECTION, median_us, real_connd  # noqa: E402

KEY = "warehouse"
RECORD = {"conn_type": "postgres", **CONNECTION}
TOKEN = "bench"
AWS = {
    "region_name": "eu-west-1",
    "aws_access_key_id": "x",
    "aws_secret_access_key": "x",
}


class Vault(http.server.BaseHTTPRequestHandler):
    """As much of KV version 2 as hvac asks for, on connections that stay open."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: the client would delay its ACK of the first

    def do_GET(self) -> None:
        found = self.path == f"/v1/secret/data/connections/{KEY}"
        body: dict[str, Any] = {"data": {"id": TOKEN}}
        if found:
            body = {"data": {"data": RECORD, "metadata": {"version": 1}}}
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def serve_vault(pipe: Any) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    pipe.send(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


def serve_aws(pipe: Any) -> None:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs each request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    pipe.send(f"http://{host}:{port}")
    pipe.recv()


def start(serve: Callable[[Any], None]) -> tuple[multiprocessing.Process, Any, str]:
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    return process, mine, mine.recv()


def backends(path: str, vault: str, aws: str, directory: Path) -> dict[str, Any]:
    import boto3
    from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
    from airflow.providers.hashicorp.secrets.vault import VaultBackend
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend
    from airflow.secrets.local_filesystem import LocalFilesystemBackend
    from airflow_connd import ConndBackend

    text = json.dumps(RECORD)
    boto3.client("secretsmanager", endpoint_url=aws, **AWS).create_secret(
        Name=f"airflow/connections/{KEY}", SecretString=text
    )
    os.environ[f"AIRFLOW_CONN_{KEY.upper()}"] = text
    file = directory / "connections.json"
    file.write_text(json.dumps({KEY: RECORD}))
    return {
        "connd": ConndBackend(socket_path=path),
        "environment variables": EnvironmentVariablesBackend(),
        "a local file": LocalFilesystemBackend(connections_file_path=str(file)),
        "Vault, on this machine": VaultBackend(url=vault, token=TOKEN, mount_point="secret"),
        "AWS Secrets Manager, on this machine": SecretsManagerBackend(
            endpoint_url=aws, region_name=AWS["region_name"]
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.update(
        AWS_ACCESS_KEY_ID=AWS["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=AWS["aws_secret_access_key"],
    )
    servers = [start(serve_vault), start(serve_aws)]
    figures = Figures()
    with (
        tempfile.TemporaryDirectory(prefix="connd-peers-", ignore_cleanup_errors=True) as home,
        real_connd(home) as (path, _),
    ):
        prepare_airflow(home)
        found = backends(path, servers[0][2], servers[1][2], Path(home))
        times: dict[str, list[float]] = {name: [] for name in found}
        for name, backend in found.items():
            connection = backend.get_connection(conn_id=KEY)
            assert connection and connection.host == CONNECTION["host"], name
        for _ in range(options.rounds):
            for name, backend in found.items():
                n = 300 if name in ("connd", "environment variables", "a local file") else 30
                times[name].append(median_us(lambda b=backend: b.get_connection(conn_id=KEY), n))
        for name, values in times.items():
            base = {"connd": times["connd"]} if name != "connd" else None
            figures.add("get_connection, other backends", name, "us", values, base)
    for process, _, _ in servers:
        process.terminate()
        process.join()
    figures.dump(options.json)


if __name__ == "__main__":
    main()
