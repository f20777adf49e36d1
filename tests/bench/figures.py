# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: rows of figures with their spread and their ratio to a base of the
same round, CPU time of a process, and the comparison with earlier rows."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Spread:
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Low and high are the quartiles where there are enough values for them."""
        if len(values) < 4:
            return cls(statistics.median(values), min(values), max(values))
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(middle, low, high)

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)} - {short(self.high)})"


def short(x: float) -> str:
    """A number with three digits that matter."""
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.{max(0, 3 - len(str(int(abs(x)))))}f}"


@dataclasses.dataclass
class Row:
    """One line of a table. x is set for the points of a curve."""

    group: str
    name: str
    unit: str
    value: Spread
    base: str = ""  # what ratio compares with
    ratio: Spread | None = None
    bar: float | None = None  # the limit of the ratio's median, or of the value's without a ratio
    at_least: bool = False  # bar is a lower limit
    x: float | None = None

    @property
    def id(self) -> str:
        at = "" if self.x is None else f" @ {self.x:g}"
        return f"{self.group}: {self.name}{at}"

    @property
    def compared(self) -> Spread:
        return self.ratio or self.value

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def verdict(self) -> str:
        if self.bar is None:
            return ""
        got = self.compared.median
        limit = f"{'>=' if self.at_least else '<='} {self.bar:g}"
        if (got >= self.bar) if self.at_least else (got <= self.bar):
            return f"{limit}: kept"
        by = f"{abs(got / self.bar - 1):.0%}" if self.bar else short(got)
        return f"{limit}: MISSED by {by}"


class Figures:
    """Collects rows. Prints each as it comes."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(
        self,
        group: str,
        name: str,
        unit: str,
        values: Sequence[float],
        base: Mapping[str, Sequence[float]] | None = None,
        **more: Any,
    ) -> Row:
        """base: a name, and the values of the same rounds that each value is divided by."""
        row = Row(group, name, unit, Spread.of(values), **more)
        if base:
            ((row.base, others),) = base.items()
            row.ratio = Spread.of([a / b for a, b in zip(values, others, strict=True)])
        if not self.rows or self.rows[-1].group != group:
            print(f"\n{group}")
        self.rows.append(row)
        at = "" if row.x is None else f" {row.x:,.0f}"
        ratio = f"  {row.ratio} x {row.base}" if row.ratio else ""
        print(f"  {name + at:44} {row.value} {unit}{ratio}  {row.verdict()}".rstrip(), flush=True)
        return row

    def dump(self, path: Path | None) -> None:
        if path:
            path.write_text(json.dumps([row.as_dict() for row in self.rows], indent=1) + "\n")


def load_rows(path: Path) -> list[Row]:
    """Of one benchmark, or of all as run.py writes them."""
    rows = []
    data = json.loads(path.read_text())
    for fields in data["rows"] if isinstance(data, dict) else data:
        value, ratio = fields.pop("value"), fields.pop("ratio")
        rows.append(Row(value=Spread(**value), ratio=Spread(**ratio) if ratio else None, **fields))
    return rows


def moved(before: Sequence[Row], now: Sequence[Row]) -> list[str]:
    """What changed by more than its noise: the spreads do not touch, and the medians differ by 3 %.
    Times alone depend on the machine, so of rows with a unit of time only ratios are compared."""
    known = {row.id: row for row in before}
    lines = []
    for row in now:
        old = known.get(row.id)
        if old is None or (row.ratio is None and row.unit in ("us", "ms", "s", "req/s")):
            continue
        a, b = old.compared, row.compared
        apart = b.low > a.high or b.high < a.low
        if apart and abs(b.median - a.median) > 0.03 * abs(a.median):
            what = f"x {row.base}" if row.ratio else row.unit
            lines.append(f"{row.id}: {a} -> {b} {what}")
    return lines


def cpu_us(pid: int) -> float:
    """CPU time of all threads of a process so far, in microseconds, as the scheduler counts it."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e3


@contextlib.contextmanager
def one_cpu(*pids: int) -> Iterator[None]:
    """This process and the main threads of others on the first CPU: nobody waits for another CPU to
    wake up, which costs several lookups on an idle machine."""
    before = os.sched_getaffinity(0)
    for pid in (0, *pids):
        os.sched_setaffinity(pid, {min(before)})
    try:
        yield
    finally:
        for pid in (0, *pids):
            os.sched_setaffinity(pid, before)


def rss_kib(pid: int, field: str = "VmRSS") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise AssertionError(field)
