# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end suite: a manager with a small data set, a faulty manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import Connd, FaultyManager, Manager


@pytest.fixture
def manager(workdir: Path) -> Iterator[Manager]:
    with Manager(workdir) as running:
        yield running


@pytest.fixture
def faulty(workdir: Path) -> Iterator[FaultyManager]:
    with FaultyManager() as running:
        yield running


@pytest.fixture
def connd(manager: Manager) -> Iterator[Connd]:
    """connd for the Deployment "prod" of an empty manager, started."""
    with manager.connd() as running:
        yield running
