# SPDX-License-Identifier: Apache-2.0
"""The API by its description, on PostgreSQL: the requests that schemathesis makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_manager_openapi import described, find_nothing, test_schemathesis_finds_nothing

__all__ = ["described", "test_schemathesis_finds_nothing"]  # the latter: by make fuzz


@pytest.mark.timeout(120)
def test_schemathesis_finds_nothing_in_what_it_covers(workdir: Path, described: Any) -> None:
    """Every operation and every check, with the requests that do not depend on chance."""
    find_nothing(workdir, described, "examples,coverage")
