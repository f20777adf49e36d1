# SPDX-License-Identifier: Apache-2.0
"""conf/prometheus with the real programs: Prometheus scrapes connd and connd-manager, loads the
alert rules, and has every metric that a rule or a panel of the dashboard uses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from connd_testing import PATIENCE, REPO, Manager, Program, eventually, free_port

RULES = REPO / "conf/prometheus/connd.rules.yml"
DASHBOARD = REPO / "conf/prometheus/grafana-dashboard.json"
ALERTS = Path(__file__).parent / "prometheus/alerts.yml"
PROMETHEUS = shutil.which("prometheus")
METRIC = re.compile(r"\bconnd_[a-z_]+\b(?!=)")

# Metrics that exist only after the event.
SOMETIMES = {"connd_snapshot"}


def promtool(*args: str | Path) -> str:
    done = subprocess.run(
        ["promtool", *args], capture_output=True, text=True, timeout=PATIENCE * 2, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def panels() -> list[str]:
    """The queries of the dashboard, with its variables replaced as Grafana would."""
    found = [
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", [])
    ]
    return [e.replace("$__rate_interval", "1m").replace("$instance", ".*") for e in found]


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", ALERTS)
    fired = {
        check["alertname"]
        for test in yaml.safe_load(ALERTS.read_text())["tests"]
        for check in test["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules()}


def test_every_alert_says_what_to_do() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "warn")


class Server:
    """A Prometheus that scrapes once a second."""

    def __init__(self, directory: Path, targets: dict[str, int]) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        scrapes = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{at}"]}]}
            for job, at in targets.items()
        ]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": scrapes,
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        promtool("check", "config", directory / "prometheus.yml")
        self.program = Program(
            [
                str(PROMETHEUS), f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
            ],
            directory / "prometheus.log",
        )  # fmt: skip

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=PATIENCE) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(
            "query?" + urllib.parse.urlencode({"query": expression})
        )["result"]
        return found


@pytest.fixture
def server(workdir: Path) -> Iterator[tuple[Server, Manager]]:
    manager = Manager(workdir)
    metrics_port = free_port()
    manager.serve("--metrics", f"127.0.0.1:{metrics_port}")
    manager.create_variable("v", "1", manager.deployment_ids["prod"])
    token = manager.command(
        "token", "create", "--data", str(manager.data), "--name", "connd", "--scope", "deployment",
        "--scope-id", manager.deployment_ids["prod"], "--role", "MEMBER", "--expires-in", "86400",
    )["token"]  # fmt: skip
    freshness = {"ttl": "2s", "stale": "1h", "max_stale": "2h"}
    sections = {"metrics": {"listen": "127.0.0.1:0"}, "freshness": freshness}
    with manager.connd(sections=sections, token=token) as connd:
        assert connd.variable("v") == "1"
        port = next(int(e["port"]) for e in connd.events() if e["event"] == "metrics")
        prometheus = Server(workdir, {"connd": port, "connd-manager": metrics_port})
        try:
            yield prometheus, manager
        finally:
            prometheus.program.kill()
    if manager.program:
        manager.stop()


@pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not installed")
def test_prometheus_scrapes_both_and_knows_every_metric(server: tuple[Server, Manager]) -> None:
    prometheus, manager = server

    def both_are_up() -> bool:
        try:
            up = prometheus.query("up == 1")
        except OSError:
            return False
        return {u["metric"]["job"] for u in up} == {"connd", "connd-manager"}

    eventually(both_are_up, "both are scraped", PATIENCE * 2)
    expressions = [*panels(), *(rule["expr"] for rule in rules())]
    assert len(expressions) > 30
    names = {name for e in expressions for name in METRIC.findall(e)}
    for name in sorted(names - SOMETIMES):
        assert prometheus.query(f"count({name})"), f"{name}: no such metric"
    for expression in expressions:
        prometheus.query(expression)  # otherwise the status is 400
    loaded = {
        rule["name"] for group in prometheus.get("rules")["groups"] for rule in group["rules"]
    }
    assert loaded == {rule["alert"] for rule in rules()}
    manager.stop()

    def pending() -> set[str]:
        return {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]}

    eventually(lambda: "ConndOffline" in pending(), "the alert is pending", PATIENCE * 2)
