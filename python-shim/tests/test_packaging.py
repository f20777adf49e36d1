# SPDX-License-Identifier: Apache-2.0
"""The wheel: what is in it, and that it says what Airflow checks."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import airflow_connd
from airflow_connd import provider

pytest.importorskip("hatchling", reason="no build backend in this interpreter")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(out)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, capture_output=True)
    (path,) = out.iterdir()
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel(wheel):
    names = wheel.namelist()
    dist_info = next(n.split("/")[0] for n in names if ".dist-info/" in n)
    modules = {n for n in names if not n.startswith(dist_info)}
    source = PROJECT / "src"
    expected = {str(p.relative_to(source)) for p in (source / "airflow_connd").rglob("*.py")}
    assert modules == expected | {"airflow_connd/py.typed"}

    metadata = email.message_from_bytes(wheel.read(f"{dist_info}/METADATA"))
    assert metadata["Name"] == provider.get_provider_info()["package-name"]
    assert metadata["Version"] == airflow_connd.__version__
    assert metadata.get_all("Requires-Dist") is None
    entry_points = wheel.read(f"{dist_info}/entry_points.txt").decode()
    assert "[apache_airflow_provider]" in entry_points
    assert "provider_info = airflow_connd.provider:get_provider_info" in entry_points
    # Its licence goes with it; a copy, since a source distribution can not reach above its folder.
    licence = (PROJECT.parent / "LICENSE").read_text()
    assert wheel.read(f"{dist_info}/licenses/LICENSE").decode() == licence
    assert "py3-none-any" in wheel.read(f"{dist_info}/WHEEL").decode()
