# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the shim runs; its figures are not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "tests" / "bench" / "shim_ping.py"


def test_ping_runs():
    few = ["--rounds", "1", "--calls", "60", "--bar", "1000000"]
    done = subprocess.run(
        [sys.executable, BENCH, *few], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "shim, one CPU" in done.stdout and "kept" in done.stdout
