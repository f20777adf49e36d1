# SPDX-License-Identifier: Apache-2.0
"""Airflow's side: which configuration it reads, and which backend it uses."""

from __future__ import annotations

import configparser
import importlib
import inspect
import json
import logging
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from airflow_connd import _options, _text, errors
from airflow_connd.backend import Lookups
from airflow_connd.selftest.report import Report

OURS = "airflow_connd.ConndBackend"

Option = tuple[str, str]
SECRETS: Option = ("secrets", "backend")
WORKERS: Option = ("workers", "secrets_backend")


def check(report: Report) -> Lookups | None:
    """The backend that a task's lookups use; None if it is not connd's, or unknown."""
    file = _file(report)
    if not _is_importable(report):
        return None
    is_two = airflow_version().startswith("2.")
    servers = _backend(report, SECRETS, file)
    workers = servers
    if is_two:
        if _source(WORKERS, file):
            report.warn(
                "[workers]", f"secrets_backend is set, and Airflow {airflow_version()} ignores it",
                "set it in [secrets]",
            )  # fmt: skip
    elif _value(WORKERS):
        workers = _backend(report, WORKERS, file)
    else:
        report.ok("[workers]", "secrets_backend is not set: tasks use [secrets]")
    if workers is not None:
        _closed(report, workers, is_shared=workers is servers and not is_two)
        _others(report, workers)
    return workers


def airflow_version() -> str:
    return version("apache-airflow")


def _file(report: Report) -> Path:
    """The airflow.cfg that Airflow reads."""
    home = os.environ.get("AIRFLOW_HOME")
    given = os.environ.get("AIRFLOW_CONFIG")
    file = Path(given or Path(home or "~/airflow", "airflow.cfg")).expanduser()
    origin = "AIRFLOW_CONFIG" if given else "AIRFLOW_HOME" if home else "AIRFLOW_HOME is not set"
    if os.access(file, os.R_OK):
        report.ok("airflow.cfg", f"{file} ({origin})")
        return file
    what = "cannot be read by this user" if file.exists() else "does not exist"
    report.warn(
        "airflow.cfg",
        f"{file} ({origin}) {what}: Airflow has only its defaults and the environment",
        "run this with the environment of the worker, AIRFLOW_HOME above all",
    )
    return file


def _is_importable(report: Report) -> bool:
    try:
        found = airflow_version()
    except PackageNotFoundError:
        report.fail(
            "airflow",
            "this Python has no apache-airflow",
            "run this with the worker's Python, and install airflow-provider-connd there",
        )
        return False
    try:
        importlib.import_module("airflow.configuration")
    except Exception as error:
        report.fail(
            "airflow", f"{found} cannot be imported: {config_error(error)}", _import_hint(error)
        )
        return False
    report.ok("airflow", found)
    return True


def config_error(error: Exception) -> str:
    """The text of Airflow's own configuration errors. Texts of other errors may quote a value."""
    if type(error).__name__ == "AirflowConfigException" and "://" not in str(error):
        return _text.line(str(error))
    return _text.exception(error)


def _import_hint(error: Exception) -> str:
    if "could not be loaded" in str(error):
        return f"the class is {OURS}; is airflow-provider-connd installed in this Python?"
    return "correct Airflow's configuration: no command of Airflow works like this"


# --- one of the two places


def _backend(report: Report, option: Option, file: Path) -> Lookups | None:
    name = f"[{option[0]}]"
    source = _source(option, file)
    value = _value(option)
    if not value:
        report.fail(
            name,
            f"{option[1]} is not set, so Airflow does not ask connd",
            f"set backend = {OURS} in [secrets] of {file}, or AIRFLOW__SECRETS__BACKEND",
        )
        return None
    if value != OURS:
        report.fail(
            name,
            f"{option[1]} = {_text.line(value)} ({source}), so Airflow does not ask connd",
            f"set it to {OURS}; another backend goes into its option first or then",
        )
        return None
    if not _has_good_kwargs(report, option, name):
        return None
    backend = build(option)
    if not isinstance(backend, Lookups):
        report.fail(name, f"Airflow builds another backend than {OURS}", "report this")
        return None
    problems = _options.read(backend._kwargs)[1]
    for level, text in problems:
        say = report.warn if level < logging.ERROR else report.fail
        say(name, text, "correct the option; they are in the shim's README")
    report.ok(name, f"{option[1]} = {OURS} ({source}); {_describe(backend)}")
    return backend


def _value(option: Option) -> str:
    from airflow.configuration import conf

    return str(conf.get(*option, fallback="") or "")


def _source(option: Option, file: Path) -> str:
    """Where the option is set; empty if nowhere."""
    variable = "__".join(("AIRFLOW", *option)).upper()
    for suffix in ("", "_CMD", "_SECRET"):
        if os.environ.get(variable + suffix):
            return f"environment variable {variable}{suffix}"
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(file)
    except (configparser.Error, OSError, UnicodeDecodeError):
        return "unknown"
    section, name = option
    for suffix in ("", "_cmd", "_secret"):
        if parser.get(section, name + suffix, fallback=""):
            return str(file)
    return ""


def _has_good_kwargs(report: Report, option: Option, name: str) -> bool:
    """False if Airflow cannot read the arguments: it then uses none, with one warning."""
    argument = f"{option[1]}_kwargs"
    text = _value((option[0], argument))
    try:
        is_good = not text or isinstance(json.loads(text), dict)
        why = "it is not an object"
    except ValueError as error:
        is_good = False
        why = (
            f"{error.msg} at character {error.pos}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
    if not is_good:
        report.fail(
            name,
            f"{argument} is not a JSON object ({why}), so Airflow ignores all of it",
            f'write it as {{"socket_path": "{_options.DEFAULT_SOCKET}"}}, with double quotes',
        )
    return is_good


def build(option: Option) -> Any:
    """Builds the backend as Airflow does, including single arguments from the environment."""
    from airflow import configuration

    build = configuration.get_custom_secret_backend
    if "worker_mode" in inspect.signature(build).parameters:
        return build(worker_mode=option is WORKERS)
    return build()


def _describe(backend: Lookups) -> str:
    parts = [f"socket {backend._socket_path}", f"timeout {backend._timeout:g} s"]
    parts += [f"on_error {backend._on_error}", f"on_missing {backend._on_missing}"]
    for kind in (backend._connections, backend._variables, backend._config):
        if kind.prefix is None:
            parts.append(f"no {kind.noun}s")
        elif kind.prefix and not (kind.is_config and kind.prefix == "config"):
            parts.append(f"{kind.noun}s as {kind.prefix}{backend._sep}KEY")
    return ", ".join(parts)


# --- what the configured backend means


def _closed(report: Report, backend: Lookups, *, is_shared: bool) -> None:
    if "deny" not in (backend._on_error, backend._on_missing):
        report.ok("fail closed", "no: without an answer of connd Airflow asks its other sources")
    elif not errors.airflow_can_deny():
        report.fail(
            "fail closed",
            f"deny is set, but Airflow {airflow_version()} cannot fail closed (3.2.2 can)",
            "update Airflow, or keep no twins of connections in the environment and database",
        )
    elif is_shared:
        report.warn(
            "fail closed",
            "deny is set in [secrets], so for the servers too: there a denial means retries",
            "set deny in [workers] secrets_backend_kwargs alone",
        )
    else:
        report.ok("fail closed", "yes, in tasks, triggers and DAG parsing")


def _others(report: Report, backend: Lookups) -> None:
    for source in backend._sources:
        if source is None:
            continue
        try:
            source._backend(None)
        except Exception as error:
            failure = source._failure(error)
            report.fail(
                "other backend", str(failure), "correct this option, or install its package"
            )
        else:
            report.ok("other backend", f"{source.name} can be built")
