# SPDX-License-Identifier: Apache-2.0
"""What every Python suite shares: the helpers of tests/lib, a short working directory, managers."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lib"))

from connd_testing import Manager, Program
from faulty_manager import FaultyManager


@pytest.fixture
def workdir(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory that other uids may enter and whose name leaves room for a socket's 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="connd-"))
    path.chmod(0o755)
    earlier = len(Program.started)
    yield path
    for program in Program.started[earlier:]:
        program.kill()  # a test that failed may not have stopped it
    del Program.started[earlier:]
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def manager(workdir: Path) -> Iterator[Manager]:
    with Manager(workdir) as running:
        yield running


@pytest.fixture
def faulty(workdir: Path) -> Iterator[FaultyManager]:
    with FaultyManager() as running:
        yield running
