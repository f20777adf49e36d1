#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes an SPDX 2.3 document about the files of a release.

usage: conf/dist/sbom.py VERSION CREATED DIR >sbom.spdx.json

Every Debian package in DIR is unpacked. The libraries that its programs are linked with (NEEDED), or
load by name (a "libX.so.N" among their strings), are looked up in this machine's package database. A
library that no installed package owns ends the run: the document would be incomplete. CREATED is an
ISO 8601 time in UTC, so that the same release gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import DEVNULL, PIPE

LOADED = re.compile(rb"\0(lib[a-z0-9_+-]+\.so\.[0-9]+)\0")
LIBRARY_DIRS = re.compile(r"^(/usr)?/lib/")


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=PIPE, text=True).stdout


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def libraries(program: Path) -> set[str]:
    """Sonames that `program` needs, or loads by name."""
    needed = re.findall(r"^\s*NEEDED\s+(\S+)", run("objdump", "-p", str(program)), re.M)
    return {*needed, *(m.decode() for m in LOADED.findall(program.read_bytes()))}


def owner(soname: str) -> tuple[str, str, str]:
    """The Debian package that owns a library: its name, version and architecture."""
    found = subprocess.run(
        ["dpkg-query", "-S", f"*/{soname}"], stdout=PIPE, stderr=DEVNULL, text=True, check=False
    )
    for line in found.stdout.splitlines():
        package, path = line.split(": ", 1)
        if LIBRARY_DIRS.match(path):
            form = "${Package}\t${Version}\t${Architecture}"
            name, version, arch = run("dpkg-query", "-W", f"-f={form}", package).split("\t")
            return name, version, arch
    raise SystemExit(f"sbom: no installed package owns {soname}")


def element(name: str) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


class Document:
    def __init__(self, version: str, created: str) -> None:
        self.version = version
        self.created = created
        self.packages: dict[str, dict[str, object]] = {}
        self.relations: set[tuple[str, str, str]] = set()

    def add(self, name: str, version: str, purpose: str, **more: object) -> str:
        ref = element(name)
        self.packages[ref] = {
            "SPDXID": ref,
            "name": name,
            "versionInfo": version,
            "primaryPackagePurpose": purpose,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "copyrightText": "NOASSERTION",
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            **more,
        }
        return ref

    def ours(self, path: Path, purpose: str) -> str:
        """One of our own files: a package, or a program in one."""
        return self.add(
            path.name,
            self.version,
            purpose,
            licenseConcluded="Apache-2.0",
            licenseDeclared="Apache-2.0",
            copyrightText="The connd authors",
            checksums=[{"algorithm": "SHA256", "checksumValue": sha256(path)}],
        )

    def library(self, soname: str) -> str:
        name, version, arch = owner(soname)
        purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={arch}"
        reference = {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }
        return self.add(name, version, "LIBRARY", externalRefs=[reference])

    def deb(self, path: Path, room: Path) -> None:
        package = self.ours(path, "ARCHIVE")
        run("dpkg-deb", "-x", str(path), str(room))
        for program in sorted((room / "usr/bin").glob("*")):
            ref = self.ours(program, "APPLICATION")
            self.relations.add((package, "CONTAINS", ref))
            for soname in libraries(program):
                self.relations.add((ref, "DYNAMIC_LINK", self.library(soname)))

    def text(self) -> str:
        described = {r for r, p in self.packages.items() if p["primaryPackagePurpose"] == "ARCHIVE"}
        relations = self.relations | {("SPDXRef-DOCUMENT", "DESCRIBES", r) for r in described}
        contents = json.dumps([self.packages, sorted(relations)], sort_keys=True)
        digest = hashlib.sha256(contents.encode()).hexdigest()
        document = {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"connd-{self.version}",
            "documentNamespace": f"https://connd.example/spdx/connd-{self.version}-{digest[:32]}",
            "creationInfo": {"created": self.created, "creators": ["Organization: connd"]},
            "packages": [self.packages[r] for r in sorted(self.packages)],
            "relationships": [
                {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                for a, kind, b in sorted(relations)
            ],
        }
        return json.dumps(document, indent=1) + "\n"


def main() -> None:
    version, created, directory = sys.argv[1:]
    document = Document(version, created)
    for path in sorted(Path(directory).iterdir()):
        if path.suffix == ".deb":
            with tempfile.TemporaryDirectory() as room:
                document.deb(path, Path(room))
        elif path.name.endswith((".whl", ".tar.gz", ".oci.tar")):
            document.ours(path, "ARCHIVE")
    sys.stdout.write(document.text())


if __name__ == "__main__":
    main()
