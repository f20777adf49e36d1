# SPDX-License-Identifier: Apache-2.0
"""How the programs are built: hardening, and no exported symbols."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

import pytest
from connd_testing import BUILD, CONNCTL, CONND, MANAGER, REPO, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers change how a program is linked")
program = pytest.mark.parametrize("program", [CONND, CONNCTL, MANAGER], ids=lambda p: p.name)


def tool(*argv: str | Path) -> str:
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, check=True)
    return done.stdout


@program
def test_is_a_position_independent_executable(program: Path) -> None:
    assert re.search(r"Type:\s+DYN", tool("readelf", "-hW", program))
    assert re.search(r"FLAGS_1.*\bPIE\b", tool("readelf", "-dW", program))


@program
def test_relocations_are_read_only_after_start(program: Path) -> None:
    """Full RELRO: the segment exists, and every symbol is bound at start."""
    assert "GNU_RELRO" in tool("readelf", "-lW", program)
    dynamic = tool("readelf", "-dW", program)
    assert re.search(r"FLAGS_1.*\bNOW\b", dynamic)
    assert "TEXTREL" not in dynamic
    assert not re.search(r"R(UN)?PATH", dynamic)


@program
def test_no_segment_is_writable_and_executable(program: Path) -> None:
    segments = tool("readelf", "-lW", program)
    stack = re.search(r"GNU_STACK.*", segments)
    assert stack and re.search(r"\bRW\b", stack[0]), segments
    assert not re.search(r"\bRWE\b", segments), segments


@program
def test_stack_protector_and_fortified_calls(program: Path) -> None:
    symbols = tool("nm", "-D", "--undefined-only", program)
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__\w+_chk@", symbols.replace("__stack_chk_fail", "")), symbols


@program
def test_exports_no_symbol(program: Path) -> None:
    """Variables of libc that the linker copies into a program have libc's version."""
    symbols = tool("nm", "-D", "--defined-only", program).splitlines()
    assert [line for line in symbols if "@GLIBC_" not in line] == []


def test_every_object_is_compiled_for_control_flow_integrity() -> None:
    """The linked program is marked only if libc's start files are (not on Debian)."""
    marks = {"x86_64": r"IBT, SHSTK", "aarch64": r"BTI"}
    mark = marks.get(platform.machine())
    if mark is None:
        pytest.skip(f"no such flag for {platform.machine()}")
    sources = [
        c.relative_to(REPO) for part in ("daemon", "proto") for c in (REPO / part).rglob("*.c")
    ]
    objects = [(BUILD / "release" / c).with_suffix(".o") for c in sources]
    # It exits with 1 for an unknown note (libcurl.c has one).
    done = subprocess.run(["readelf", "-nW", *objects], capture_output=True, text=True, check=False)
    notes = done.stdout.split("\nFile: ")[1:]
    assert len(notes) == len(objects) > 50
    assert [note.splitlines()[0] for note in notes if not re.search(mark, note)] == []
