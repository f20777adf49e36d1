# SPDX-License-Identifier: Apache-2.0
"""connd stopped, keys missing: who answers instead, what is logged, and how to fail closed."""

from __future__ import annotations

import pytest
from harness import CAN_DENY, TWIN, VERSION, WAREHOUSE, warnings_of

TWINS = {
    "AIRFLOW_CONN_WAREHOUSE": TWIN,
    "AIRFLOW_CONN_MISSING": TWIN,
    "AIRFLOW_VAR_GREETING": "the twin",
    "AIRFLOW_VAR_ABSENT": "the twin",
}


def test_stopped_and_started_again(airflow, worker, mortal_connd):
    w = worker(**TWINS, **airflow.backend(socket_path=str(mortal_connd.socket)))
    assert w.result("core", "warehouse")["host"] == WAREHOUSE["host"]
    assert w.result("variable", "greeting") == "hello"
    assert w.result("core", "missing")["host"] == "twin.example.com"

    mortal_connd.stop()
    for _ in range(2):
        answer = w.ask("core", "warehouse")
        assert answer["result"]["host"] == "twin.example.com"
        (line,) = warnings_of(answer)
        assert "'warehouse'" in line and str(mortal_connd.socket) in line
        answer = w.ask("variable", "greeting")
        assert answer["result"] == "the twin"
        assert len(warnings_of(answer)) == 1
    answer = w.ask("core", "nowhere")
    assert "isn't defined" in answer["error"]
    assert len(warnings_of(answer)) == 1

    mortal_connd.start()
    answer = w.ask("core", "warehouse")
    assert answer["result"]["host"] == WAREHOUSE["host"]
    assert not warnings_of(answer)


def test_no_value_is_ever_logged(airflow, worker, mortal_connd):
    w = worker(**airflow.backend(socket_path=str(mortal_connd.socket)))
    lines = w.ask("core", "warehouse")["log"]
    mortal_connd.stop()
    lines += w.ask("core", "warehouse")["log"]
    assert WAREHOUSE["password"] not in str(lines)


DENY = {"on_error": "deny", "on_missing": "deny"}


@pytest.mark.skipif(CAN_DENY, reason="this Airflow can fail closed")
def test_deny_is_said_to_be_impossible(airflow, worker, tmp_path):
    w = worker(**TWINS, **airflow.backend(socket_path=str(tmp_path / "none.sock"), **DENY))
    answer = w.ask("core", "warehouse")
    assert answer["result"]["host"] == "twin.example.com"
    cannot, reason = warnings_of(answer)
    assert "cannot fail closed" in cannot and "none.sock" in reason
    assert len(warnings_of(w.ask("core", "warehouse"))) == 1


@pytest.mark.skipif(not CAN_DENY, reason="this Airflow cannot fail closed")
def test_deny_in_server_code(airflow, worker, connd, tmp_path):
    # One of the two as Airflow 3.2's single argument, over JSON that says otherwise.
    w = worker(
        **TWINS,
        **airflow.backend(on_error="deny", on_missing="next"),
        AIRFLOW__SECRETS__BACKEND_KWARG__ON_MISSING="deny",
    )
    assert w.result("core", "warehouse")["host"] == WAREHOUSE["host"]
    for what, key in (("core", "missing"), ("variable", "absent")):
        answer = w.ask(what, key)
        assert answer["result"] is None and f"'{key}': connd has no such record" in answer["error"]
        assert len(warnings_of(answer)) == 1
    assert w.result("variable", "empty") == ""


@pytest.mark.skipif(not CAN_DENY, reason="this Airflow cannot fail closed")
@pytest.mark.parametrize("reachable", [True, False], ids=["miss", "outage"])
def test_deny_in_a_task(airflow, connd, tmp_path, reachable):
    """As [workers] has it: a task fails closed, with a twin in the environment and a default."""
    socket = connd.socket if reachable else tmp_path / "none.sock"
    workers = airflow.backend(socket_path=str(socket), **DENY)["AIRFLOW__SECRETS__BACKEND_KWARGS"]
    done = airflow.run(
        "dags",
        "test",
        "probe",
        "2026-02-02",
        AIRFLOW__WORKERS__SECRETS_BACKEND="airflow_connd.ConndBackend",
        AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS=workers,
        **TWINS,
    )
    assert VERSION >= (3,) and done.returncode == 0, done.stdout + done.stderr
    (report,) = airflow.reports("task")
    why = "no such record" if reachable else str(socket)
    for name in ("missing", "defaulted"):
        assert report[name].startswith("Denied: connd: ") and why in report[name]
    if reachable:
        assert report["conn"]["host"] == WAREHOUSE["host"]
    else:
        assert report["conn"].startswith("Denied: ") and why in report["conn"]
        assert report["variable"].startswith("Denied: ")
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "connd: " in line]
    assert lines
