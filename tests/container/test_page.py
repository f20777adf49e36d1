# SPDX-License-Identifier: Apache-2.0
"""docs/container.md: every command is run, by a podman that has the image and nothing else."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import doc_commands
from connd_testing import REPO
from podman import Podman

NOT_RUN = {
    "make image": "is what built the image that is tested",
    "pip install podman-compose": "make compose-demo runs them: minutes, most of them Airflow's",
    "buildah manifest push": "needs a registry; make image runs the same command on a file",
}


def test_the_page(podman: Podman, image: str, archive: Path, workdir: Path) -> None:
    version = archive.name.removeprefix("connd-").removesuffix(".oci.tar")
    podman("tag", image, f"localhost/connd:{version}")
    wrapper = workdir / "bin" / "podman"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(podman.command)} "$@"\n')
    wrapper.chmod(0o755)
    environment = {**podman.environment, "VERSION": version, "REGISTRY": "registry.example"}
    environment["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script],
            cwd=workdir,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    page = REPO / "docs" / "container.md"
    try:
        doc_commands.Script(page, run, NOT_RUN, session=str(workdir / "session")).play()
    finally:
        for name in ("connd", "manager"):  # the one that uses the other's network first
            podman.remove(name)
