# SPDX-License-Identifier: Apache-2.0
"""The checks of a self-test and their verdicts, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

FAIL, WARN, OK, SKIP = "failed", "warning", "ok", "skipped"


class Check(NamedTuple):
    name: str
    verdict: str
    found: str
    """What was found: one line, no values."""

    do: str = ""
    """What to do about it; empty if nothing."""

    code: int = 0
    """The exit code that a failure asks for."""


class Report:
    def __init__(self) -> None:
        self.checks: list[Check] = []

    def ok(self, name: str, found: str) -> None:
        self.checks.append(Check(name, OK, found))

    def skip(self, name: str, why: str) -> None:
        self.checks.append(Check(name, SKIP, why))

    def warn(self, name: str, found: str, do: str) -> None:
        self.checks.append(Check(name, WARN, found, do))

    def fail(self, name: str, found: str, do: str, code: int = 1) -> None:
        self.checks.append(Check(name, FAIL, found, do, code))

    @property
    def cause(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.verdict == FAIL), None)

    @property
    def exit_code(self) -> int:
        return self.cause.code if self.cause else 0

    def as_text(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = []
        for check in self.checks:
            lines.append(f"{check.verdict:7}  {check.name:{width}}  {check.found}")
            if check.do:
                lines.append(f"{'':7}  {'':{width}}  -> {check.do}")
        if self.cause:
            lines.append(f"cause: {self.cause.name}: {self.cause.found}")
        else:
            lines.append("A task that runs here gets its connections from connd.")
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        checks = [
            {"check": c.name, "verdict": c.verdict, "found": c.found, "do": c.do}
            for c in self.checks
        ]
        whole: dict[str, Any] = {
            "checks": checks,
            "cause": self.cause.name if self.cause else None,
            "exit_code": self.exit_code,
        }
        return json.dumps(whole, indent=2) + "\n"
