#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what `make demo` prints as a terminal in SVG, for the README.

    make -s demo | tests/demo/picture.py >docs/demo.svg

Of the demonstration's sections those below are drawn; of a section, these lines.
"""

from __future__ import annotations

import sys
from html import escape

SECTIONS = {
    "Objects, through its HTTP API": slice(4),
    "One connd for each Deployment": slice(9, 19),
    "Airflow, in staging": slice(4),
    "The override of staging changes": slice(5),
}
COLUMNS = 104
LINE, CHARACTER, MARGIN = 18, 7.83, 16  # pixels, at 13 pixels of a monospaced font
COLOURS = {"== ": "#e5c07b", "$ ": "#98c379"}
TEXT, GROUND = "#d7dae0", "#1e2127"


def drawn(output: str) -> list[str]:
    lines: list[str] = []
    for section in output.split("\n== ")[1:]:
        title, *rest = section.rstrip().split("\n")
        keep = next((part for name, part in SECTIONS.items() if title.startswith(name)), None)
        if keep:
            lines += ["", f"== {title}", *rest[keep]]
    return [line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…" for line in lines[1:]]


def svg(lines: list[str]) -> str:
    width = round(COLUMNS * CHARACTER + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    rows = []
    for number, line in enumerate(lines):
        colour = next((c for start, c in COLOURS.items() if line.startswith(start)), TEXT)
        y = MARGIN + LINE * number + 13
        text = escape(line).replace(" ", "\u00a0")  # or renderers make one space of several
        rows.append(f'<text x="{MARGIN}" y="{y}" fill="{colour}">{text}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"\n'
        f'  font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">\n'
        f"<title>What make demo prints</title>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>\n'
        + "\n".join(rows)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    lines = drawn(sys.stdin.read())
    if not lines:
        sys.exit("picture.py: none of the sections is in this output")
    sys.stdout.write(svg(lines))
