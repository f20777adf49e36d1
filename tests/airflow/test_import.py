# SPDX-License-Identifier: Apache-2.0
"""From a metadata database through `connctl import` and connd back into Airflow: the same."""

from __future__ import annotations

import json
import subprocess

import pytest
from connd_testing import CONNCTL, Manager
from harness import BIN, VERSION, Airflow, Worker, wait_for_key

SECRET = "s3cr3t/p@ss:w%rd#?&+\"'"
TELLS_DESCRIPTIONS = VERSION >= (3,)

CONNECTIONS = [
    {
        "conn_id": "everything",
        "conn_type": "postgres",
        "description": "The warehouse",
        "host": "db.example.com",
        "login": "etl@acme",
        "password": SECRET,
        "schema": "dwh/a?b",
        "port": 5432,
        "extra": json.dumps({"sslmode": "require", "keepalives": "1"}),
    },
    {"conn_id": "from.uri", "uri": "mysql://u%40x:p%2Fw@h.example:3306/db?charset=utf8&a=b%20c%26"},
    {
        "conn_id": "unicode",
        "conn_type": "http",
        "host": "https://bücher.example/p?q=1",
        "login": "жук",
        "password": "пароль😀",
        "extra": json.dumps({"schlüssel": "wert ☃", "ascii": "é"}),
    },
    {
        "conn_id": "nested:extra/of#types(1)!",
        "conn_type": "google_cloud_platform",
        "extra": json.dumps(
            {
                "keyfile_dict": {"private_key": "-----BEGIN-----\nMIIE\n", "n": [1, None, 2.5]},
                "big": 2**63 - 1,
                "flag": True,
                "none": None,
                "": "no name",
            }
        ),
    },
    {"conn_id": "nothing", "conn_type": "fs"},
    {"conn_id": "blanks", "conn_type": "http", "host": "", "login": "", "schema": "", "extra": ""},
    {"conn_id": "custom", "conn_type": "my_own_type", "host": "h", "extra": "{}"},
    {"conn_id": "dashes", "conn_type": "a-b", "login": "only", "port": 1},
    {"conn_id": "port", "conn_type": "redis", "port": 65535, "password": " "},
    {"conn_id": "lines", "conn_type": "ssh", "password": "a\nb\tc\x01\x7f\u2028", "host": "::1"},
]
REFUSED = [
    {"conn_id": "100%", "conn_type": "http"},
    {"conn_id": "two words", "conn_type": "http"},
]
if VERSION < (3,):  # a newer one does not even export it
    REFUSED.append({"conn_id": "extra-list", "conn_type": "http", "raw_extra": "[1]"})
TEXTS = {
    "text": f"hello\n{SECRET}",
    "empty": "",
    "spaces": "  in front and behind\n",
    "dotted.key:with/slash": "x",
    "100% sure": "%(x)s %%",
    "ключ ☃": "значение 😀",
    "zeros": "007",
    "int": "42",
    "long": str(2**63 + 5),
    "word": "NaN",
    "endless": "-Infinity",
    "truth": "true",
    "nil": "null",
    "broken": '{"a": 1',
    "quoted": '"in quotes"',
}
JSON = {
    "tree": '{"z": {"b": [1, null, "é"]}, "a":1.50}',
    "list": "[1,2]",
    "value": '{"value": 5}',
}
NUMBER = {"version": "3.10"}
LOST = {"odd.number": "[NaN]"}
VARIABLES = {**TEXTS, **JSON, **NUMBER, **LOST}


@pytest.fixture(scope="module")
def target(directory):
    place = directory / "import"
    place.mkdir()
    with Manager(place, deployments=("prod",)) as serving:
        yield serving


@pytest.fixture(scope="module")
def source(airflow):
    """The Airflow whose metadata database is to be migrated."""
    worker = Worker(airflow)
    variables = [{"key": key, "val": val} for key, val in VARIABLES.items()]
    variables[0]["description"] = "About it"
    rows = [dict(row) for row in CONNECTIONS + REFUSED]
    worker.result("fill", {"connections": rows, "variables": variables})
    try:
        yield worker
    finally:
        worker.result("clear", None)
        worker.close()


@pytest.fixture
def migrate(airflow, target, directory):
    token = directory / "import.token"
    token.touch(0o600)
    token.write_text(target.token)

    def run(code, *arguments):
        done = subprocess.run(
            [
                *(CONNCTL, "import", "--manager", target.url, "--token-file", token),
                *("--organization", target.organization),
                *("--deployment", target.deployment_ids["prod"], *arguments),
            ],
            env=airflow.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        for secret in (SECRET, "пароль", "BEGIN", target.token):
            assert secret not in done.stdout + done.stderr
        return done

    return run


def rows_of(target):
    return target.api("GET", "?limit=1000&showSecrets=true")["environmentObjects"]


def actions(done):
    report = json.loads(done.stdout)
    return report, {one["key"]: one["action"] for one in report["objects"]}


GOOD = [row["conn_id"] for row in CONNECTIONS] + [*TEXTS, *JSON, *NUMBER]
BAD = [row["conn_id"] for row in REFUSED] + [*LOST]
FROM_AIRFLOW = f"--from-airflow={BIN / 'airflow'}"


def test_dry_run_reports_and_changes_nothing(source, target, migrate):
    before = source.result("stored", None)
    assert set(before["variables"]) == set(VARIABLES)
    report, got = actions(migrate(1, FROM_AIRFLOW, "--dry-run", "--json"))
    assert report["dry_run"] is True
    assert got == {**dict.fromkeys(GOOD, "created"), **dict.fromkeys(BAD, "refused")}
    assert (report["created"], report["refused"]) == (len(GOOD), len(BAD))
    reasons = {one["key"]: one.get("reason", "") for one in report["objects"]}
    assert "letters, digits" in reasons["100%"] and "letters, digits" in reasons["two words"]
    assert "JSON object" in reasons.get("extra-list", "JSON object")
    assert "NaN" in reasons["odd.number"]
    # What Airflow writes otherwise. Airflow 2 exports objects bare: one with "value" is ambiguous.
    noted = {*NUMBER} if TELLS_DESCRIPTIONS else {*NUMBER, "value"}
    assert {key for key in GOOD if reasons[key]} == noted, reasons
    assert rows_of(target) == []
    assert source.result("stored", None) == before


def assert_diff_finds_what_was_not_imported(airflow, target, directory):
    """`connctl diff` asks the same database by the same exports."""
    done = subprocess.run(
        [
            *(CONNCTL, "diff", f"airflow:{BIN / 'airflow'}", "deployment:prod", "--json"),
            *("--manager", target.url, "--token-file", directory / "import.token"),
        ],
        env=airflow.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1, (done.stdout, done.stderr)
    found = json.loads(done.stdout)["differences"]
    assert {one["key"] for one in found} == set(BAD)
    assert all(one["only_in"] == "a" and one["reason"] for one in found)
    assert SECRET not in done.stdout + done.stderr


def test_what_was_in_the_database_comes_out_of_connd(source, airflow, target, migrate, directory):
    _, got = actions(migrate(1, FROM_AIRFLOW, "--json"))
    assert got == {**dict.fromkeys(GOOD, "created"), **dict.fromkeys(BAD, "refused")}
    stored = source.result("stored", None)
    with target.connd("prod", name="imported") as connd:
        wait_for_key(connd, "nothing")
        asking = Worker(Airflow(directory / "asking", connd.socket))  # it has no database
        try:
            for row in CONNECTIONS:
                key = row["conn_id"]
                want = stored["connections"][key]
                # As Airflow takes it from any backend.
                want["conn_type"] = want["conn_type"].replace("-", "_")
                want["uri"] = want["uri"].removesuffix("/?__extra__=%7B%7D")
                assert asking.result("whole", key) == want
            for key, text in TEXTS.items():
                if key == "quoted" and not TELLS_DESCRIPTIONS:
                    text = json.loads(text)  # as this Airflow exports it
                assert asking.result("variable", key) == text
            for key, text in (JSON | NUMBER).items():
                assert json.loads(asking.result("variable", key)) == json.loads(text)
        finally:
            asking.close()
    assert_diff_finds_what_was_not_imported(airflow, target, directory)
    described = {row["objectKey"]: row.get("description") for row in rows_of(target)}
    assert described["everything"] == "The warehouse"
    assert described["text"] == ("About it" if TELLS_DESCRIPTIONS else None)


def export(airflow, *arguments):
    done = airflow.run(*arguments)
    assert done.returncode == 0, done.stderr
    return arguments[-1]


def test_files_that_airflow_wrote(source, airflow, migrate, tmp_path):
    connections = export(airflow, "connections", "export", str(tmp_path / "c.json"))
    variables = export(airflow, "variables", "export", str(tmp_path / "v.json"))
    done = migrate(1, "--connections", connections, "--variables", variables, "--json")
    _, got = actions(done)
    assert got == {**dict.fromkeys(GOOD, "unchanged"), **dict.fromkeys(BAD, "refused")}


@pytest.mark.parametrize("way", ["yaml", "env"])
def test_other_formats_of_connections_that_airflow_wrote(source, airflow, migrate, tmp_path, way):
    path = export(airflow, "connections", "export", str(tmp_path / f"c.{way}"))
    report, got = actions(migrate(1, "--connections", path, "--json"))
    reasons = {one["key"]: one.get("reason", "") for one in report["objects"]}
    # Airflow's own URIs say less: "1" in extra comes back as 1, a-b as a_b.
    changed = {"everything", "dashes"} if way == "env" else set()
    good = {row["conn_id"] for row in CONNECTIONS}
    assert {key for key in good if got[key] != "unchanged"} <= changed, reasons
    refused = {key for key in got if got[key] == "refused"}
    assert refused == {row["conn_id"] for row in REFUSED}, reasons
