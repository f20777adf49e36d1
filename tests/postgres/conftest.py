# SPDX-License-Identifier: Apache-2.0
"""One PostgreSQL for the suite; each manager that is made has a new database in it."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from connd_testing import Manager
from matrix import pytest_addoption, pytest_terminal_summary, row
from postgres import Postgres

__all__ = ["pytest_addoption", "pytest_terminal_summary", "row"]
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))  # tests that run again here


numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    directory = Path(tempfile.mkdtemp(prefix="connd-"))
    with Postgres(directory / "postgres") as running:
        yield running
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def _on_postgres(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> str:
        name = f"connd{next(numbers)}"
        server.sql(f"CREATE DATABASE {name}")
        return server.url(database=name)

    monkeypatch.setattr(Manager, "new_store", staticmethod(make))
