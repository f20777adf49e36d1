# SPDX-License-Identifier: Apache-2.0
"""The managers of conf/kubernetes, as processes: the command lines of the manifests, their user,
and volumes with the modes that the kubelet gives them."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from connd_testing import MANAGER, REPO, Program, eventually, free_port
from postgres import DATABASE, USER, Postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes the manifest's user: needs root")

Volumes = dict[str, Path]


def pod_spec(name: str) -> Any:
    documents = list(yaml.safe_load_all((REPO / "conf" / "kubernetes" / name).read_text()))
    return documents[-1]["spec"]["template"]["spec"]


def certificate(directory: Path, owner: int, group: int, mode: int) -> None:
    """tls.crt and tls.key, of 127.0.0.1."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", directory / "tls.key", "-out", directory / "tls.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    os.chown(directory / "tls.key", owner, group)
    (directory / "tls.key").chmod(mode)


def with_tls(server: Postgres) -> bytes:
    """Gives the server a certificate. Returns it."""
    owner = server.data.stat()
    certificate(server.data, owner.st_uid, owner.st_gid, 0o600)
    for name, value in (("cert", "crt"), ("key", "key")):
        server.sql(f"ALTER SYSTEM SET ssl_{name}_file = 'tls.{value}'")
    server.sql("ALTER SYSTEM SET ssl = on")
    server.sql("SELECT pg_reload_conf()")
    eventually(lambda: server.sql("SHOW ssl") == "on", "the server has TLS")
    return (server.data / "tls.crt").read_bytes()


class Pod:
    """The pod of a manifest. Its Secrets are root's and of mode 0440, its group is fsGroup's."""

    def __init__(self, spec: Any, directory: Path, secrets: Volumes, server: Postgres) -> None:
        self.spec, self.server, self.volumes = spec, server, {}
        directory.mkdir()
        self.log = directory.with_suffix(".log")
        group = spec["securityContext"]["fsGroup"]
        for volume in spec["volumes"]:
            path = self.volumes[volume["name"]] = directory / volume["name"]
            if "secret" in volume:
                shutil.copytree(secrets[volume["name"]], path)
                for file in path.iterdir():
                    os.chown(file, 0, group)
                    file.chmod(volume["secret"]["defaultMode"])
            else:
                path.mkdir()
                os.chown(path, 0, group)
                path.chmod(0o2777)
        for container in spec["initContainers"]:
            subprocess.run(self.argv(container), check=True)

    def argv(self, container: Any) -> list[str | Path]:
        context = container["securityContext"]
        places = {m["mountPath"]: self.volumes[m["name"]] for m in container["volumeMounts"]}
        values = {
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(self.server.port),
            "DATABASE_USER": USER,
            "DATABASE_NAME": DATABASE,
        }
        assert {one["name"] for one in container.get("env", [])} in (set(), set(values))
        argv: list[str | Path] = [
            "env", "HOME=/", "setpriv",
            f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}",
            f"--groups={self.spec['securityContext']['fsGroup']}", "--",
        ]  # fmt: skip
        for part in [*container["command"], *container.get("args", [])]:
            text = re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], part)
            for place, path in places.items():
                text = text.replace(place + "/", f"{path}/")
                text = re.sub(f"{place}$", str(path), text)
            argv.append(MANAGER if text == "connd-manager" else text)
        return argv

    def start(self) -> Program:
        self.port = free_port()
        (manager,) = self.spec["containers"]
        argv = [
            str(part).replace("0.0.0.0:8443", f"127.0.0.1:{self.port}")
            for part in self.argv(manager)
        ]
        return Program(argv, self.log)

    def probe(self, name: str) -> int:
        get = self.spec["containers"][0][name]["httpGet"]
        context = ssl._create_unverified_context()  # the kubelet does not verify either
        url = f"{get['scheme'].lower()}://127.0.0.1:{self.port}{get['path']}"
        try:
            with urllib.request.urlopen(url, timeout=5, context=context) as reply:
                return int(reply.status)
        except OSError:
            return 0

    def has_started(self) -> bool:
        return self.probe("startupProbe") == 200

    def run(self, *args: str) -> Any:
        """What kubectl exec runs: the container's user, its data directory."""
        (manager,) = self.spec["containers"]
        words = [*args, "--data=/run/connd-manager"]
        argv = self.argv({**manager, "command": ["connd-manager"], "args": words})
        return json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)


@pytest.fixture
def database(workdir: Path) -> Iterator[Postgres]:
    workdir.chmod(0o711)
    with Postgres(workdir / "database") as running:
        yield running


@pytest.fixture
def secrets(database: Postgres, workdir: Path) -> Volumes:
    found = {name: workdir / f"secret-{name}" for name in ("key", "tls", "database")}
    for path in found.values():
        path.mkdir()
    (found["key"] / "manager.key").write_text(os.urandom(32).hex() + "\n")
    certificate(found["tls"], 0, 0, 0o600)
    shutil.copy(database.passfile, found["database"] / "pgpass")
    (found["database"] / "ca.crt").write_bytes(with_tls(database))
    return found


def test_the_job_fills_the_database_and_two_managers_serve_it(
    database: Postgres, secrets: Volumes, workdir: Path
) -> None:
    job = Pod(pod_spec("managers-init.yaml"), workdir / "job", secrets, database)
    (init,) = job.spec["containers"]
    done = subprocess.run(job.argv(init), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "token" not in json.loads(done.stdout)
    again = subprocess.run(job.argv(init), check=False, capture_output=True, text=True)
    assert again.returncode == 1 and "nothing was changed" in again.stderr

    pods = [Pod(pod_spec("managers.yaml"), workdir / n, secrets, database) for n in ("a", "b")]
    programs = [pod.start() for pod in pods]
    for pod in pods:
        eventually(pod.has_started, "it has started")
        files = {path.name for path in pod.volumes["data"].iterdir()}
        assert files == {"control.sock", "manager.lock"}
    made = pods[0].run(
        "token", "create", "--name=admin", "--scope=organization", "--role=OWNER",
        f"--scope-id={json.loads(done.stdout)['organizationId']}",
    )  # fmt: skip
    assert made["id"] in {token["id"] for token in pods[1].run("token", "list")["tokens"]}

    database.kill()
    for pod in pods:
        assert pod.probe("readinessProbe") == pod.probe("livenessProbe") == 200
    for program in programs:
        program.stop(within=8.0)
    (manager,) = pods[0].spec["containers"]
    stops = manager["lifecycle"]["preStop"]["sleep"]["seconds"] + 8
    assert stops < pods[0].spec["terminationGracePeriodSeconds"]
