# SPDX-License-Identifier: Apache-2.0
"""A box for each test that asks, gone afterwards whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from box import Box


@pytest.fixture
def box(workdir: Path) -> Iterator[Box]:
    """Not booted yet: put files under box.files first."""
    made = Box(workdir)
    try:
        yield made
    finally:
        made.kill()
