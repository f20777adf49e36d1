# SPDX-License-Identifier: Apache-2.0
"""The API by its description, on PostgreSQL: the requests that schemathesis makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_manager_openapi import described, find_nothing, test_schemathesis_finds_nothing

__all__ = ["described", "test_schemathesis_finds_nothing"]  # the latter: by make fuzz


@pytest.mark.timeout(300)
def test_schemathesis_finds_nothing_in_a_few_requests(workdir: Path, described: Any) -> None:
    """Every operation and every check."""
    find_nothing(workdir, described, "fuzzing", 4)
