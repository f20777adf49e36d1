# SPDX-License-Identifier: Apache-2.0
"""Draws the figures of run.py as SVG: bars of what a lookup costs beside others, and the curves.

plots.py FIGURES.json DIRECTORY
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import Row, load_rows

try:
    import matplotlib
except ImportError:
    print("plots: matplotlib is not installed (make deps): none are drawn")
    sys.exit(0)

matplotlib.use("svg")
import matplotlib.pyplot as plt

plt.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "connd", "font.family": "sans-serif",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.alpha": 0.3, "legend.frameon": False,
})  # fmt: skip


def save(figure: Any, directory: Path, name: str) -> None:
    figure.tight_layout()
    figure.savefig(directory / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    print(f"plots: {directory / name}.svg")


def lookup_bars(rows: Sequence[Row], directory: Path) -> None:
    """CPU time of the server for one lookup."""
    modes = ("1 client, one CPU", "64 clients, two CPUs")
    names = ("floor", "memcached", "connd", "redis")
    labels = {"floor": "bare echo"}
    found = {row.id: row for row in rows}
    figure, axes = plt.subplots(1, len(modes), figsize=(8, 2.6), sharex=True)
    for axis, mode in zip(axes, modes, strict=True):
        drawn = [
            (labels.get(name, name), row.value)
            for name in names
            if (row := found.get(f"lookup, {mode}: {name}, CPU of the server"))
        ]
        if not drawn:
            return
        values = [spread.median for _, spread in drawn]
        spans = [[s.median - s.low for _, s in drawn], [s.high - s.median for _, s in drawn]]
        colours = ["#c0504d" if label == "connd" else "#7f8c9b" for label, _ in drawn]
        axis.barh([label for label, _ in drawn], values, xerr=spans, color=colours, capsize=3)
        axis.invert_yaxis()
        axis.set_title(mode, fontsize=10)
        axis.set_xlabel("µs of CPU for one lookup")
        axis.grid(axis="y", visible=False)
    save(figure, directory, "lookup")


CURVES = {
    "objects": ("objects in the Deployment", "growth, objects", {
        "CPU of a lookup": "µs of CPU", "CPU of a refresh": "ms of CPU",
        "memory of its own": "MiB",
    }),
    "clients": ("connected clients", "growth, clients", {
        "CPU of a lookup, one asks, the others are idle": "µs of CPU",
        "CPU of a lookup, all ask in turn": "µs of CPU",
    }),
    "manager": ("rows, links, waiting clients, or changes", "growth, manager", {
        "CPU of a list, for each row": "µs of CPU",
        "CPU of an update, for each link with 20 members": "µs of CPU",
        "CPU of a change, for each client that waits for it": "µs of CPU",
        "CPU of the first page of its history": "µs of CPU",
    }),
}  # fmt: skip


def curves(rows: Sequence[Row], directory: Path) -> None:
    for name, (x_label, group, wanted) in CURVES.items():
        figure, axes = plt.subplots(1, len(wanted), figsize=(3.2 * len(wanted), 2.8))
        for axis, (what, unit) in zip(axes, wanted.items(), strict=True):
            points = [r for r in rows if r.group == group and r.name == what and r.x is not None]
            if not points:
                continue
            x = [point.x for point in points]
            axis.plot(x, [p.value.median for p in points], "o-", color="#c0504d", markersize=4)
            axis.fill_between(
                x, [p.value.low for p in points], [p.value.high for p in points],
                color="#c0504d", alpha=0.2, linewidth=0,
            )  # fmt: skip
            axis.set_xscale("log")
            if max(p.value.median for p in points) > 20 * min(p.value.median for p in points):
                axis.set_yscale("log")
            else:
                axis.set_ylim(bottom=0)
            axis.set_title(what.replace(", ", ",\n", 1), fontsize=9)
            axis.set_ylabel(unit)
            axis.set_xlabel(x_label, fontsize=8)
        save(figure, directory, name)


def main() -> None:
    rows, directory = load_rows(Path(sys.argv[1])), Path(sys.argv[2])
    lookup_bars(rows, directory)
    curves(rows, directory)


if __name__ == "__main__":
    main()
