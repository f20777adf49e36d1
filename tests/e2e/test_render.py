# SPDX-License-Identifier: Apache-2.0
"""connctl render: metrics exports as configuration, judged by the real promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from admin import Admin
from connd_testing import PATIENCE, Manager

PASSWORD = 'p$ss: "word"'
TOKEN = "t0ken-${HOME}"
HEADER = "h3ader-key"
SECRETS = (PASSWORD, TOKEN, HEADER)


@pytest.fixture
def admin(workdir: Path, manager: Manager) -> Admin:
    admin = Admin(workdir, manager).login()
    common = {"exporterType": "PROMETHEUS"}
    exports: dict[str, dict[str, Any]] = {
        "basic": {"authType": "BASIC", "username": "me", "password": PASSWORD},
        "token": {"authType": "AUTH_TOKEN", "basicToken": TOKEN},
        "sigv4": {
            "authType": "SIGV4",
            "sigV4AssumeArn": "arn:aws:iam::1:role/r",
            "sigV4StsRegion": "eu-west-1",
        },
        "open": {
            "headers": {"X-Scope-OrgID": HEADER, "Authorization": f"Token {HEADER}"},
            "labels": {"team": "a$b", "env": "prod"},
        },
    }
    for key, fields in exports.items():
        body = {"endpoint": f"https://{key}.example.com/api/v1/push", **common, **fields}
        place = {"scope": "WORKSPACE", "scopeEntityId": manager.workspace}
        row = {"objectType": "METRICS_EXPORT", "objectKey": key, **place, "metricsExport": body}
        manager.api("POST", "", row)
    return admin


def promtool_accepts(path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: make deps")
    done = subprocess.run(
        ["promtool", "check", "config", path], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_it_with_every_way_to_authenticate(admin: Admin, workdir: Path) -> None:
    path = workdir / "prometheus.yml"
    done = admin.run("render", "prometheus", "--output", str(path))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    promtool_accepts(path)
    rows = {row["name"]: row for row in yaml.safe_load(path.read_text())["remote_write"]}
    assert rows["basic"] == {
        "name": "basic",
        "url": "https://basic.example.com/api/v1/push",
        "basic_auth": {"username": "me", "password": PASSWORD},
    }
    assert rows["token"]["authorization"] == {"credentials": TOKEN}
    assert rows["sigv4"]["sigv4"] == {"region": "eu-west-1", "role_arn": "arn:aws:iam::1:role/r"}
    assert rows["open"]["authorization"] == {"type": "Token", "credentials": HEADER}
    assert rows["open"]["headers"] == {"X-Scope-OrgID": HEADER}
    labels = rows["open"]["write_relabel_configs"]
    assert {(x["target_label"], x["replacement"]) for x in labels} == {
        ("team", "a$$b"),
        ("env", "prod"),
    }


def test_an_opentelemetry_collector_gets_extensions_and_exporters(admin: Admin) -> None:
    done = admin.run("render", "otel", "--reveal")
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    assert config["extensions"]["basicauth/basic"] == {
        "client_auth": {"username": "me", "password": PASSWORD.replace("$", "$$")}
    }
    assert config["extensions"]["bearertokenauth/token"] == {"token": TOKEN.replace("$", "$$")}
    assert config["extensions"]["sigv4auth/sigv4"]["assume_role"]["sts_region"] == "eu-west-1"
    exporters = config["exporters"]
    assert exporters["prometheusremotewrite/basic"] == {
        "endpoint": "https://basic.example.com/api/v1/push",
        "auth": {"authenticator": "basicauth/basic"},
    }
    plain = exporters["prometheusremotewrite/open"]
    assert plain["external_labels"] == {"team": "a$$b", "env": "prod"}
    assert plain["headers"]["Authorization"] == f"Token {HEADER}"
    assert sorted(config["service"]["extensions"]) == sorted(config["extensions"])


@pytest.mark.parametrize("program", ["prometheus", "otel"])
def test_secrets_are_masked_unless_they_are_asked_for(admin: Admin, program: str) -> None:
    done = admin.run("render", program)
    assert done.returncode == 0 and "***" in done.stdout
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
        assert secret.replace("$", "$$") not in done.stdout


def test_single_exports_and_what_is_not_there(admin: Admin) -> None:
    done = admin.run("render", "prometheus", "token", "open")
    rows = yaml.safe_load(done.stdout)["remote_write"]
    assert [row["name"] for row in rows] == ["open", "token"]
    done = admin.run("render", "prometheus", "token", "absent", code=1)
    assert (done.returncode, done.stdout) == (1, "") and "metrics-export list" in done.stderr
    done = admin.run("render", "prometheus", "--deployment", "prod", code=1)
    assert (done.returncode, done.stdout) == (1, "")
