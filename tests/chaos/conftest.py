# SPDX-License-Identifier: Apache-2.0
"""The fault matrix: each test that calls the fixture `row` adds a line to the table that is printed
at the end (--markdown: in the form of docs/outages.md)."""

from __future__ import annotations

import sys
from pathlib import Path

from matrix import pytest_addoption, pytest_terminal_summary, row

__all__ = ["pytest_addoption", "pytest_terminal_summary", "row"]
sys.path.insert(0, str(Path(__file__).parent))
