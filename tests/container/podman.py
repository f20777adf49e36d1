# SPDX-License-Identifier: Apache-2.0
"""podman with a storage of its own, which works where hard limits cannot be raised and control groups
are of either version."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

from connd_testing import eventually

PROGRAM = shutil.which("podman") or "podman"

CONFIGURATION = """\
[containers]
netns = "none"
default_ulimits = ["nofile={nofile}:{nofile}", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

# What Kubernetes' "restricted" profile demands, and a root that cannot be written.
RESTRICTED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)


class Podman:
    def __init__(self, directory: Path) -> None:
        configuration = directory / "containers.conf"
        nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        nofile = 1048576 if nofile == resource.RLIM_INFINITY else nofile
        configuration.write_text(CONFIGURATION.format(nofile=nofile))
        self.environment = {**os.environ, "CONTAINERS_CONF": str(configuration)}
        self._storage = directory / "storage"
        self.command = [PROGRAM, "--root", str(self._storage), "--runroot", str(directory / "run")]
        self._cgroups_before = set(self._cgroups())

    def __call__(
        self, *args: str | Path, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """With check, a failure raises and shows what podman said."""
        done = subprocess.run(
            [*self.command, *map(str, args)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            words = " ".join(map(str, args))
            raise AssertionError(
                f"podman {words}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("inspect", name).stdout)[0]
        return found

    def remove(self, name: str) -> None:
        """A container, if it is there. The mounts of one that was just killed are busy for a moment."""
        remove = ("rm", "--force", "--time=0", "--ignore", name)
        eventually(lambda: self(*remove, check=False).returncode == 0, f"{name} is removed", 60)

    def logs(self, name: str) -> str:
        done = self("logs", name)
        return done.stdout + done.stderr

    def clean_up(self) -> None:
        self("pod", "rm", "--all", "--force", "--time=0", check=False)
        self("rm", "--all", "--force", "--time=0", "--volumes", check=False)
        self("rmi", "--all", "--force", check=False)
        subprocess.run(["umount", "--recursive", self._storage / "overlay"], capture_output=True)
        for group in set(self._cgroups()) - self._cgroups_before:
            with contextlib.suppress(OSError):
                group.rmdir()

    @staticmethod
    def _cgroups() -> list[Path]:
        """podman's groups, which it leaves behind; one in each tree."""
        top = Path("/sys/fs/cgroup")
        return [*top.glob("libpod_parent"), *top.glob("*/libpod_parent")]
