# SPDX-License-Identifier: Apache-2.0
"""A manager with faults: FaultyManager serves lists over HTTP. If a fault is set, the fault handles
the Exchange instead."""

from __future__ import annotations

import copy
import json
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from connd_testing import PATIENCE, Connd, eventually

TYPES = ("CONNECTION", "AIRFLOW_VARIABLE", "ENVIRONMENT_VARIABLE")


def connection_row(key: str, deployment: str, **fields: Any) -> dict[str, Any]:
    """A row of a resolved list with secrets, as the API returns it."""
    connection = {"type": "postgres", **fields}
    set_fields = [name for name, value in connection.items() if value != "" and name != "extra"]
    set_fields += [f"extra.{name}" for name in connection.get("extra", {})]
    return {
        "objectKey": key,
        "objectType": "CONNECTION",
        "scope": "DEPLOYMENT",
        "scopeEntityId": deployment,
        "setFields": set_fields,
        "connection": connection,
    }


def variable_row(key: str, deployment: str, value: str, secret: bool = False) -> dict[str, Any]:
    return {
        "objectKey": key,
        "objectType": "AIRFLOW_VARIABLE",
        "scope": "DEPLOYMENT",
        "scopeEntityId": deployment,
        "setFields": ["value"] if value else [],
        "airflowVariable": {"value": value, "isSecret": secret},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes
    server: _Server

    def do_GET(self) -> None:
        self.server.faulty._serve(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    faulty: FaultyManager

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores errors: in many of these tests the client closes the connection early."""


Fault = Callable[["Exchange"], object]


class Exchange:
    """One request to FaultyManager, and ways to respond to it."""

    def __init__(self, manager: FaultyManager, handler: BaseHTTPRequestHandler) -> None:
        self.manager = manager
        self.handler = handler
        url = urllib.parse.urlsplit(handler.path)
        self.path = url.path
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.type = self.query.get("objectType", "")
        self.offset = int(self.query.get("offset", "0"))
        self.limit = int(self.query.get("limit", "20"))

    def page(self) -> dict[str, Any]:
        """The correct response."""
        rows = self.manager.rows.get(self.type, [])
        key = self.query.get("objectKey")
        if key is not None:
            rows = [row for row in rows if row["objectKey"] == key]
        return {
            "environmentObjects": copy.deepcopy(rows[self.offset : self.offset + self.limit]),
            "limit": self.limit,
            "offset": self.offset,
            "totalCount": len(rows),
        }

    def reply(
        self,
        body: bytes | str | Mapping[str, Any],
        status: int = 200,
        content_type: str = "application/json",
        **headers: str,
    ) -> None:
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        self.head(status, content_type, Content_Length=str(len(raw)), **headers)
        self.write(raw)

    def head(self, status: int, content_type: str, **headers: str) -> None:
        """Status line and headers; underscores in names are dashes."""
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def write(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def drip(self) -> None:
        """Sends the correct response one byte at a time, so that no time-out between two bytes
        expires."""
        body = json.dumps(self.page()).encode()
        self.head(200, "application/json", Content_Length=str(len(body)))
        for byte in body:
            self.write(bytes([byte]))
            if self.manager.closing.wait(0.1):
                return

    def hang_up(self) -> None:
        self.handler.close_connection = True


class FaultyManager:
    """An HTTP server that serves lists from `rows`. If `fault` is set, it handles the requests.

    served counts the responses since `fault` was last set.
    """

    organization = "cmgr0000000000000000000org"[:25]
    deployment = "cdep00000000000000000prod1"[:25]
    other_deployment = "cdep00000000000000000othr2"[:25]

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in TYPES}
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        # "organizations", "deployments" or "workspaces": the body that describes the one there is.
        self.places: dict[str, str] = {}
        self.served = 0
        self.closing = threading.Event()
        self._fault: Fault | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.faulty = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        self.served = 0

    def add(self, *rows: dict[str, Any]) -> None:
        for row in rows:
            self.rows[row["objectType"]].append(row)

    def wait_served(self, n: int) -> None:
        eventually(lambda: self.served >= n, f"{n} answers of the present kind", PATIENCE * 2)

    def connd(
        self, directory: Path, sections: Mapping[str, Mapping[str, str]] | None = None
    ) -> Connd:
        return Connd(
            directory, self.url, self.organization, self.deployment, "demo-token", sections
        )

    def _serve_place(self, exchange: Exchange) -> None:
        """Names, which nothing depends on: no fault, and not counted."""
        body = self.places.get(exchange.path.rsplit("/", 2)[1])
        exchange.reply(body or "{}", 200 if body else 404)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        exchange = Exchange(self, handler)
        if not exchange.path.endswith("/environment-objects"):
            self._serve_place(exchange)
            return
        self.requests.append((exchange.path, exchange.query, dict(handler.headers.items())))
        fault = self._fault
        try:
            if fault is None:
                exchange.reply(exchange.page())
            else:
                fault(exchange)
        except OSError:
            handler.close_connection = True
        finally:
            if fault is self._fault:
                self.served += 1

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> FaultyManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
