# SPDX-License-Identifier: Apache-2.0
"""The wheel and the source distribution: what is in them, and that builds are reproducible."""

from __future__ import annotations

import email
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import airflow_connd
from airflow_connd import provider

pytest.importorskip("hatchling", reason="no build backend in this interpreter")

PROJECT = Path(__file__).resolve().parents[1]
MODULES = {str(path.relative_to(PROJECT / "src")) for path in (PROJECT / "src").rglob("*.py")} | {
    "airflow_connd/py.typed"
}


def build(kind, project, out, **environment):
    """Build a `wheel` or an `sdist` of a project's folder; its path."""
    out.mkdir()
    code = f"import hatchling.build; hatchling.build.build_{kind}({str(out)!r})"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    (path,) = out.iterdir()
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    path = build("wheel", PROJECT, tmp_path_factory.mktemp("wheel") / "out")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build("sdist", PROJECT, tmp_path_factory.mktemp("sdist") / "out")


def test_wheel(wheel):
    names = wheel.namelist()
    dist_info = next(n.split("/")[0] for n in names if ".dist-info/" in n)
    assert {n for n in names if not n.startswith(dist_info)} == MODULES

    metadata = email.message_from_bytes(wheel.read(f"{dist_info}/METADATA"))
    assert metadata["Name"] == provider.get_provider_info()["package-name"]
    assert metadata["Version"] == airflow_connd.__version__
    assert metadata.get_all("Requires-Dist") is None
    entry_points = wheel.read(f"{dist_info}/entry_points.txt").decode()
    assert "[apache_airflow_provider]" in entry_points
    assert "provider_info = airflow_connd.provider:get_provider_info" in entry_points
    # A copy of the project's, since a source distribution cannot reach above its folder.
    licence = (PROJECT.parent / "LICENSE").read_text()
    assert wheel.read(f"{dist_info}/licenses/LICENSE").decode() == licence
    assert "py3-none-any" in wheel.read(f"{dist_info}/WHEEL").decode()


def test_source_distribution(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in MODULES} <= names
    assert {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO"} <= names
    assert {f"tests/{path.name}" for path in Path(__file__).parent.glob("*.py")} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The same source in another folder, with other times, modes and leftover files."""
    copy = tmp_path_factory.mktemp("another-folder") / "shim"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    cache = copy / "src" / "airflow_connd" / "__pycache__"
    cache.mkdir()
    (cache / "backend.cpython-311.pyc").write_bytes(b"leftover")
    return copy


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_same_source_gives_the_same_bytes(elsewhere, tmp_path, kind):
    here = build(kind, PROJECT, tmp_path / "here", TZ="UTC", LANG="C")
    there = build(kind, elsewhere, tmp_path / "there", TZ="Asia/Tokyo", LANG="C.UTF-8")
    assert here.name == there.name
    assert digest(here) == digest(there)


def test_wheel_of_the_source_distribution_is_the_same(sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        strict = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # 3.11.4
        archive.extractall(tmp_path / "unpacked", **strict)
    (project,) = (tmp_path / "unpacked").iterdir()
    direct = build("wheel", PROJECT, tmp_path / "direct")
    assert digest(build("wheel", project, tmp_path / "indirect")) == digest(direct)
