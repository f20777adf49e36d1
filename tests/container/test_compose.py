# SPDX-License-Identifier: Apache-2.0
"""conf/compose/compose.yaml: what its services share. make compose-demo runs it."""

from __future__ import annotations

from typing import Any

import yaml
from connd_testing import REPO

COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "conf" / "compose" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def volumes(service: str) -> set[str]:
    """Names of the volumes that a service mounts, directories of the host left out."""
    mounts: list[str] = SERVICES[service]["volumes"]
    return {mount.split(":")[0] for mount in mounts} & set(COMPOSE["volumes"])


def test_airflow_shares_the_socket_s_directory_read_only_and_nothing_else() -> None:
    assert "connd-socket:/run/connd:ro" in SERVICES["airflow"]["volumes"]
    assert volumes("airflow") == {"connd-socket"}
    assert "connd-socket" in volumes("connd")
    assert SERVICES["airflow"]["network_mode"] != SERVICES["connd"]["network_mode"]


def test_the_manager_without_tls_is_reached_by_connd_alone() -> None:
    assert "ports" not in SERVICES["manager"] and "ports" not in SERVICES["connd"]
    assert SERVICES["connd"]["network_mode"] == "service:manager"
    assert SERVICES["connd"]["environment"]["CONND__MANAGER__URL"] == "http://127.0.0.1:8888"
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["airflow"]["ports"])


def test_connd_and_the_manager_run_without_privilege() -> None:
    for name in ("manager", "connd"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges"]
