#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: make.py PROGRAM OUT.tar.gz

Makes a data directory with an earlier connd-manager, fills it over its API, and packs it together
with the responses of that program. test_manager_migrate.py migrates these databases. Run it once
for each version of the schema, with the last program that wrote it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

TEN_YEARS = 10 * 365 * 86400


class Old:
    def __init__(self, program: str, data: Path) -> None:
        self.program, self.data = program, data
        out = self.command(
            "init", "--organization", "Acme", "--workspace", "Analytics",
            "--deployment", "prod", "--deployment", "dev",
        )  # fmt: skip
        self.facts: dict[str, Any] = {**out, "answers": {}}
        self.organization, self.workspace = out["organizationId"], out["workspaceId"]
        self.prod, self.dev = (out["deploymentIds"][name] for name in ("prod", "dev"))

    def command(self, *words: str) -> Any:
        run = [self.program, *words, "--data", str(self.data)]
        return json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)

    def serve(self) -> None:
        self.server = subprocess.Popen(
            [self.program, "--data", self.data, "--listen", "127.0.0.1:0"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.server.stderr
        for line in self.server.stderr:
            found = re.search(r" (?:port=|listen=127\.0\.0\.1:)(\d+)", line)
            if found:
                port = found[1]
                break
        self.url = f"http://127.0.0.1:{port}/v1/organizations/{self.organization}"

    def stop(self) -> None:
        self.server.terminate()
        assert self.server.wait() == 0

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Returns None if this program does not have the operation yet."""
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token or self.facts['token']}",
             "Content-Type": "application/json"},
            method=method,
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request) as reply:
                text = reply.read()
                return json.loads(text) if text else {}
        except urllib.error.HTTPError as error:
            if error.code in (404, 405):
                return None
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from None

    def create(self, key: str, kind: str, typed: Any, scope: str, place: str, **more: Any) -> str:
        member = {"CONNECTION": "connection", "AIRFLOW_VARIABLE": "airflowVariable"}[kind]
        body = {
            "objectKey": key, "objectType": kind, "scope": scope, "scopeEntityId": place,
            member: typed, **more,
        }  # fmt: skip
        made: str = self.call("POST", "/environment-objects", body)["id"]
        return made


def link(place: str, **overrides: Any) -> dict[str, Any]:
    return {"scope": "DEPLOYMENT", "scopeEntityId": place, "overrides": overrides}


def fill_objects(old: Old) -> None:
    typed = {"type": "postgres", "host": "h1", "login": "l", "password": "p1", "extra": {"k": 1}}
    links = [
        link(old.prod, connection={"host": "other", "password": "linked"}),
        link(old.dev),
    ]
    pg = old.create("pg", "CONNECTION", typed, "WORKSPACE", old.workspace, links=links,
                    description="first")  # fmt: skip
    typed = {**typed, "host": "h2", "password": "p2"}
    old.call("POST", f"/environment-objects/{pg}", {"connection": typed, "links": links})
    old.create("auto", "AIRFLOW_VARIABLE", {"value": "a", "isSecret": False}, "WORKSPACE",
               old.workspace, autoLinkDeployments=True,
               excludeLinks=[{"scope": "DEPLOYMENT", "scopeEntityId": old.dev}])  # fmt: skip
    old.create("own", "AIRFLOW_VARIABLE", {"value": "secret", "isSecret": True}, "DEPLOYMENT",
               old.prod)  # fmt: skip
    gone = old.create("gone", "AIRFLOW_VARIABLE", {"value": "was", "isSecret": True},
                      "DEPLOYMENT", old.dev)  # fmt: skip
    old.call("DELETE", f"/environment-objects/{gone}")
    old.facts.update(pg=pg, gone=gone)


def fill_tokens(old: Old) -> None:
    create = [
        "token", "create", "--name", "worker", "--scope", "deployment", "--scope-id", old.prod,
        "--role", "MEMBER", "--expires-in", str(TEN_YEARS),
    ]  # fmt: skip
    first = old.command(*create)
    revoked = old.command(*create)
    old.command("token", "revoke", "--id", revoked["id"])
    renewed = old.call("POST", "/tokens/self/renew", {}, first["token"])
    if renewed:
        time.sleep(1.1)  # lifetimes are counted in whole seconds
        again = old.call("POST", "/tokens/self/renew", {}, renewed["token"])
        old.facts.update(renewed=renewed, again=again)
    old.facts.update(worker=first, revoked=revoked)


def fill_project(old: Old) -> None:
    body = {"name": "ide", "workspaceId": old.workspace, "deploymentId": old.prod}
    project = old.call("POST", "/projects", body)
    if project:
        old.facts["project"] = project["id"]


def note_answers(old: Old) -> None:
    secrets = "&showSecrets=true&limit=100"
    for path in (
        "", "/workspaces", "/deployments", "/projects", "/tokens?limit=100",
        f"/environment-objects?deploymentId={old.prod}&resolveLinked=true{secrets}",
        f"/environment-objects?deploymentId={old.dev}&resolveLinked=true{secrets}",
        f"/environment-objects?workspaceId={old.workspace}{secrets}",
        f"/environment-objects/{old.facts['pg']}",
        f"/environment-objects/{old.facts['pg']}/history", "/audit-log?limit=1000",
    ):  # fmt: skip
        answer = old.call("GET", path)
        if answer is not None:
            old.facts["answers"][path] = answer
    path = f"/environment-objects?projectId={old.facts.get('project')}&resolveLinked=true{secrets}"
    if "project" in old.facts:
        old.facts["answers"][path] = old.call("GET", path)


def main() -> None:
    program, out = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        old = Old(program, Path(directory) / "data")
        old.serve()
        fill_objects(old)
        fill_tokens(old)
        fill_project(old)
        note_answers(old)
        old.stop()
        (old.data / "facts.json").write_text(json.dumps(old.facts, indent=1))
        with tarfile.open(out, "w:gz") as packed:
            for name in ("manager.db", "manager.key", "facts.json"):
                packed.add(old.data / name, name)


if __name__ == "__main__":
    main()
