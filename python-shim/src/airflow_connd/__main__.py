# SPDX-License-Identifier: Apache-2.0
"""`python -m airflow_connd [COMMAND]`: what a person runs with a worker's Python.

Without a command: doctor.
"""

import importlib
import sys

_COMMANDS = {"doctor": "airflow_connd.selftest", "explain": "airflow_connd.explain"}
"""Command -> the module whose main(arguments) returns the exit code."""


def main(arguments: list[str]) -> int:
    command, given = "airflow_connd.selftest", arguments
    if arguments and arguments[0] in _COMMANDS:
        command, given = _COMMANDS[arguments[0]], arguments[1:]
    code: int = importlib.import_module(command).main(given)
    return code


sys.exit(main(sys.argv[1:]))
