# SPDX-License-Identifier: Apache-2.0
"""The manager that all tests of containers share, and what they measured."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from podman import Podman

PASSWORD = "correct-horse-battery"
MANAGER = "connd-manager"

# Lines to print when all tests have run.
measured: list[str] = []


@dataclass
class Managed:
    """A manager in a container, with one connection in it, reached at 127.0.0.1:8888 of its network."""

    podman: Podman
    image: str
    organization: str
    deployment: str
    token: str

    def environment(self) -> list[str]:
        """What configures connd, but for its token."""
        values = {
            "CONND__MANAGER__URL": "http://127.0.0.1:8888",
            "CONND__MANAGER__ORGANIZATION": self.organization,
            "CONND__MANAGER__DEPLOYMENT": self.deployment,
            "CONND__SOCKET__MODE": "0666",
        }
        return [f"--env={name}={value}" for name, value in values.items()]

    @property
    def network(self) -> str:
        """The manager's network namespace."""
        return f"/proc/{self.podman.inspect(MANAGER)['State']['Pid']}/ns/net"

    def request(self, path: str, body: dict[str, object] | None = None) -> None:
        command = ["nsenter", f"--net={self.network}", "curl", "-sS", "--fail-with-body"]
        command += ["-K", "-", f"http://127.0.0.1:8888{path}"]
        config = f'header = "Authorization: Bearer {self.token}"\n'
        if body is not None:
            command += ["-H", "Content-Type: application/json"]
            config += f"data = {json.dumps(json.dumps(body))}\n"
        done = subprocess.run(command, input=config, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{path}: {done.stdout}{done.stderr}"
