# SPDX-License-Identifier: Apache-2.0
"""A release, as `make dist` leaves it in the directory that CONND_DIST names."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = Path(os.environ.get("CONND_DIST", ROOT / "dist"))
SBOM = ROOT / "conf/dist/sbom.py"


def artifacts() -> list[Path]:
    return [p for p in DIST.iterdir() if p.suffix in (".deb", ".whl", ".gz", ".tar")]


def document() -> dict[str, object]:
    (path,) = DIST.glob("*.spdx.json")
    return json.loads(path.read_text())


def test_the_checksums_cover_every_file() -> None:
    lines = (DIST / "SHA256SUMS").read_text().splitlines()
    named = {line.split()[1] for line in lines}
    assert named == {p.name for p in DIST.iterdir()} - {"SHA256SUMS"}
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=DIST, check=True
    )


def test_a_validator_accepts_the_sbom_and_it_names_every_artifact() -> None:
    (path,) = DIST.glob("*.spdx.json")
    subprocess.run([Path(sys.executable).parent / "pyspdxtools", "-i", path], check=True)
    sums = {
        p["name"]: p["checksums"][0]["checksumValue"]
        for p in document()["packages"]
        if "checksums" in p
    }
    assert len(artifacts()) >= 5
    for p in artifacts():
        assert sums[p.name] == hashlib.sha256(p.read_bytes()).hexdigest()


def test_the_sbom_names_every_library_that_a_package_depends_on() -> None:
    """Debian's own tool wrote the Depends field: another reading of the same programs."""
    packages = {p["name"]: p["versionInfo"] for p in document()["packages"]}
    for path in DIST.glob("connd*.deb"):
        depends = subprocess.run(
            ["dpkg-deb", "-f", path, "Depends"], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        for name in re.findall(r"\blib[a-z0-9.+-]+", depends):
            assert name in packages, (path.name, name)
            assert re.match(r"[0-9]", packages[name])


def test_a_library_of_unknown_origin_ends_the_run(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: stray\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: test\n"
    )
    flags = ["-xc", "-", "-shared", "-Wl,-soname,libstray.so.7", "-o", tmp_path / "libstray.so"]
    subprocess.run(["cc", *flags], input=b"int stray(void) { return 0; }", check=True)
    subprocess.run(
        ["cc", "-xc", "-", "-xnone", tmp_path / "libstray.so", "-o", tree / "usr/bin/stray"],
        input=b"int stray(void); int main(void) { return stray(); }",
        check=True,
    )
    subprocess.run(
        ["dpkg-deb", "-b", tree, tmp_path / "stray.deb"], check=True, stdout=subprocess.DEVNULL
    )
    said = subprocess.run(
        [sys.executable, SBOM, "1", "2026-01-01T00:00:00Z", tmp_path],
        capture_output=True,
        text=True,
    )
    assert said.returncode != 0
    assert said.stderr == "sbom: no installed package owns libstray.so.7\n"
