# SPDX-License-Identifier: Apache-2.0
"""Tables that tests fill: each test that calls the fixture `row` adds a line to one, and all are
printed at the end (--markdown: in the form of docs/). For a conftest.py to import from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Row = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--markdown", action="store_true", help="print the tables as Markdown")


@pytest.fixture
def row(record_property: Callable[[str, Any], None]) -> Row:
    """row(table, **columns): adds a line to that table, shown if the test passes."""

    def give(table: str, **columns: str) -> None:
        record_property("row", [table, columns])

    return give


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    tables: dict[str, list[dict[str, str]]] = {}
    reports = terminalreporter.stats.get("passed", [])
    for report in sorted(reports, key=lambda r: (r.location[0], r.location[1], r.nodeid)):
        for name, given in report.user_properties:
            if name == "row":
                tables.setdefault(given[0], []).append(given[1])
    for title, rows in tables.items():
        heads = list(rows[0])
        lines = [heads, *([one[h] for h in heads] for one in rows)]
        terminalreporter.write_line(f"\n{title}\n")
        if config.getoption("--markdown"):
            lines.insert(1, ["---"] * len(heads))
            for line in lines:
                terminalreporter.write_line("| " + " | ".join(line) + " |")
            continue
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            terminalreporter.write_line("  ".join(cells).rstrip())
