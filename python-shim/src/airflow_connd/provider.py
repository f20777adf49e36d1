# SPDX-License-Identifier: Apache-2.0
"""What `airflow providers` shows. Airflow validates it at start, so it is a constant."""

from __future__ import annotations

from typing import Any

from airflow_connd import __version__


def get_provider_info() -> dict[str, Any]:
    return {
        "package-name": "airflow-provider-connd",
        "name": "connd",
        "description": "Connections and variables from connd, the connection daemon.",
        "versions": [__version__],
        "secrets-backends": ["airflow_connd.ConndBackend"],
    }
