# SPDX-License-Identifier: Apache-2.0
"""`python -m airflow_connd doctor [CONN_ID]`: does a task here get its connections from connd?

Each line is one check: its verdict, what was found, and what to do. Values are never shown. The
checks run in the order in which a lookup would fail, so the first that failed is the cause.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence

from airflow_connd import __version__, _text
from airflow_connd.selftest import airflow_side, connd_side, process, records
from airflow_connd.selftest.report import Report

_EPILOG = """exit codes:
  0  a task that runs here gets its connections from connd
  1  a check says no (the line "cause" names the first one)
  2  usage
  3  connd cannot be reached, has no data, or cannot give out this connection
  4  connd's [access] rules deny the connection

Run it as the user, in the environment and with the Python of the Airflow worker:
  sudo -u airflow env AIRFLOW_HOME=/opt/airflow \\
    /opt/airflow/bin/python -m airflow_connd doctor CONN_ID
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    out = sys.stdout
    # Airflow writes its own lines while it is imported.
    with contextlib.redirect_stdout(sys.stderr), quiet():
        report = run(options.conn_id)
    out.write(report.as_json() if options.json else report.as_text())
    out.flush()
    return report.exit_code


def run(conn_id: str | None = None) -> Report:
    """All checks. `conn_id`: the connection to look up; without one, the first that connd lists."""
    report = Report()
    process.check(report)
    try:
        backend = airflow_side.check(report)
        status = connd_side.check(report, backend)
        records.check(report, backend, conn_id, is_ready=status is not None)
    except Exception as error:
        report.fail("self-test", f"it failed itself: {_text.exception(error)}", "report this")
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_connd doctor",
        description="Check whether a task that runs here gets its connections from connd.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("conn_id", nargs="?", help="the connection to look up")
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    parser.add_argument("--version", action="version", version=f"airflow_connd {__version__}")
    return parser


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences the log: the report has the same information."""
    log = logging.getLogger("airflow_connd")
    nowhere, propagate = logging.NullHandler(), log.propagate
    log.addHandler(nowhere)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = propagate
        log.removeHandler(nowhere)
