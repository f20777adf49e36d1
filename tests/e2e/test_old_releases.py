# SPDX-License-Identifier: Apache-2.0
"""The files that an earlier release left on a worker work with the present programs: its
configuration, its snapshot without a manager, its shim. old_releases/make.py packed them.
test_manager_migrate.py has the databases of the manager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from connd_testing import BUILD, PATIENCE, SANITIZED, Connd, unpack

OLD = Path(__file__).parent / "old_releases"
WALL = BUILD / "release/tests/chaos/wall.so"

pytestmark = pytest.mark.skipif(SANITIZED, reason="a preloaded clock and a sanitizer do not mix")

ASK = """\
import json, sys, airflow_connd
from airflow_connd.backend import Lookups
backend = Lookups(socket_path=sys.argv[1])
print(json.dumps({
    "warehouse": backend.get_conn_value("warehouse"), "region": backend.get_variable("region"),
    "nothing": backend.get_variable("nothing"), "shim": airflow_connd.__file__,
}))
"""


class Left(Connd):
    """The files of that release, with paths moved to `directory`."""

    def __init__(self, directory: Path, release: Path) -> None:
        self.directory, self.name = directory, "connd"
        unpack(release, directory)
        self.facts: dict[str, Any] = json.loads((directory / "facts.json").read_text())
        self.config, self.socket = directory / "connd.conf", directory / "connd.sock"
        self.token_file = directory / "connd.token"
        self.stderr_path = directory / "connd.log"
        text = self.config.read_text()
        self.write_config(text.replace(self.facts["directory"], str(directory)))
        # The clock as when the snapshot was written.
        offset = directory / "offset"
        offset.write_text(f"-{self.age_s()}")
        self.env = {**os.environ, "LD_PRELOAD": str(WALL), "WALL_OFFSET": str(offset)}

    def age_s(self) -> int:
        return int(time.time()) - int(self.facts["written"]) - 60


@pytest.fixture(params=sorted(OLD.glob("*.tar.gz")), ids=lambda p: p.name.removesuffix(".tar.gz"))
def left(request: pytest.FixtureRequest, workdir: Path) -> Left:
    return Left(workdir, request.param)


def test_its_configuration_passes_the_check(left: Left) -> None:
    said = left.check(env=left.env)
    assert said.returncode == 0, said.stderr


def test_its_snapshot_serves_without_a_manager(left: Left) -> None:
    left.start(env=left.env)
    assert left.status()["state"] == "offline"
    assert left.connection("warehouse") == left.facts["warehouse"]
    assert left.variable("region") == left.facts["region"]
    left.stop()
    assert left.events("error") == []


def test_its_shim_asks_the_daemon_of_today(left: Left) -> None:
    left.start(env=left.env)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, left.socket], cwd=left.directory, check=True,
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    got = json.loads(asked.stdout)
    assert Path(got["shim"]).is_relative_to(left.directory)
    assert json.loads(got["warehouse"])["password"] == left.facts["warehouse"]["password"]
    assert got["region"] == left.facts["region"]
    assert got["nothing"] is None
    left.stop()
