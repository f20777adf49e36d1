# SPDX-License-Identifier: Apache-2.0
"""Containers of the image that `make image` built, beside a manager in one of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import REPO, eventually
from managed import MANAGER, PASSWORD, Managed, measured
from podman import RESTRICTED, Podman

DIST = Path(os.environ.get("CONND_DIST", REPO / "dist"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in measured:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def archive() -> Path:
    found = sorted(DIST.glob("connd-*.oci.tar"))
    assert found, f"no connd-*.oci.tar in {DIST}: run make image"
    return found[-1]


@contextlib.contextmanager
def own_podman() -> Iterator[Podman]:
    directory = Path(tempfile.mkdtemp(prefix="connd-podman-"))
    made = Podman(directory)
    try:
        yield made
    finally:
        made.clean_up()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    with own_podman() as made:
        yield made


@pytest.fixture
def other_podman() -> Iterator[Podman]:
    """For another architecture: podman takes two images of one list for the same."""
    with own_podman() as made:
        yield made


@pytest.fixture(scope="session")
def image(podman: Podman, archive: Path) -> str:
    """The image of this machine's architecture, once a container of it has run. A machine on which
    none can run, such as a container without rights, skips what needs one and says why."""
    done = podman("pull", "--quiet", f"oci-archive:{archive}", check=False)
    found = done.stdout.strip()
    if done.returncode == 0:
        done = podman("run", "--rm", "--network=none", found, "connd", "--version", check=False)
    if done.returncode != 0:
        pytest.skip(f"containers do not run on this machine: {done.stderr}")
    return found


@pytest.fixture(scope="session")
def managed(podman: Podman, image: str) -> Managed:
    data = "--volume=manager-data:/var/lib/connd-manager"
    printed = podman(
        *("run", "--rm", "--network=none", *RESTRICTED, data, image),
        *("connd-manager", "init", "--data", "/var/lib/connd-manager"),
        *("--organization", "Acme", "--workspace", "Analytics", "--deployment", "prod"),
    )
    ids = json.loads(printed.stdout)
    podman(
        *("run", "--detach", "--name", MANAGER, "--network=none", *RESTRICTED, data, image),
        *("connd-manager", "--data", "/var/lib/connd-manager"),
    )
    made = Managed(podman, image, ids["organizationId"], ids["deploymentIds"]["prod"], ids["token"])
    objects = f"/v1/organizations/{made.organization}/environment-objects"

    def serves() -> bool:
        made.request(f"{objects}?limit=1")
        return True

    eventually(serves, "the manager serves")
    made.request(
        objects,
        {
            "objectType": "CONNECTION",
            "objectKey": "warehouse",
            "scope": "DEPLOYMENT",
            "scopeEntityId": made.deployment,
            "connection": {"type": "postgres", "host": "db.example", "password": PASSWORD},
        },
    )
    return made
