# SPDX-License-Identifier: Apache-2.0
"""`connctl import` reads what Airflow's own import reads, and takes the same from it."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from connd_testing import CONNCTL, Manager
from harness import VERSION

# Airflow 2 keeps a parameter of the query as text; later ones read it as JSON where it is JSON.
READS_JSON_IN_QUERY = VERSION >= (3,)

URIS = [
    "postgres://u:p@h:5432/db",
    "postgresql://h/db",
    "google-cloud-platform://",
    "Postgres://H.Example.COM/Db",
    "http://h",
    "http://h/",
    "http://h:/",
    "http://h:080/",
    "http://:8080",
    "http://@:8080",
    "http://@h",
    "http://u@h",
    "http://u:@h",
    "http://:p@h",
    "http://u:p:q@h",
    "http://u@x:p@y@h:1",
    "http://u%40x:p%2Fw%3A%25@h/a%2Fb/c",
    "http://пользователь:пароль%20😀@bücher.example/схема",
    "http://%D0%B6:%F0%9F%98%80@%62%C3%BCcher/%E2%98%83",
    "http://u:100%@h",
    "http://u:%zz%4@h",
    "http://H%4Fst.Example/",
    "http://%48ost.Example/",
    "http://%2Fvar%2Frun%2FSock/db",
    "mysql://U:P@%2Fvar%2Frun%2FSock:33/db",
    "http://[::1]:80/x",
    "http://[FE80::1]",
    "http://%3A%3A1:80/x",
    "http://https://h.example:443/x",
    "http://https://u:p@h.example/x?y=z",
    "aws://?region_name=eu-central-1&role_arn=arn%3Aaws%3Aiam",
    "aws://AKIA:wJalr%2FXUt@/?a=1",
    "spark://yarn?deploy-mode=cluster&queue=root+default&x=%2B",
    "http://h?a=&b&c=1&&a=2",
    "http://h?a=b=c&%3D=%26",
    "http://h?",
    "http://h/?a=text&a=other",
    "http://h/x?y=/z?w",
    "http://h/#fragment?x=1",
    "http://h/?x=1#fragment",
    "http://h/?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+%5B1%2C+null%5D%7D%7D",
    "http://h/?__extra__=%7B%22n%22%3A9223372036854775807%7D&other=1",
    "http://h/?__extra__=",
    " http://h/x",
    "http://h/a\tb",
    "my-own-type://h",
    "a+b.c-d://h",
    "http://h/a//b/",
    "http://h/ sp%20ace",
    "fs:///",
    "sqlite:///%2Ftmp%2Fx.db",
]
JSON_IN_QUERY = [
    "http://h?a=1&b=true&c=null&d=1.5&e=%22x%22",
    "http://h?a=%7B%22b%22%3A%5B1%5D%7D&b=007&c=01&d=%5B1%2C&e=+1+",
    "http://h?big=9223372036854775807",
]
# Airflow raises, or makes a connection without a type or a host of these.
NONSENSE = [
    "text",
    "",
    "postgres:foo",
    "no_underscore://h",
    "1a://h",
    "://h",
    "http://h:port",
    "http://h:65536",
    "http://u:p#w@h",
    "http://u:p/w@h",
    "http://::1/",
    "http://[::1",
    "http://u:p@https://h",
    "http://h/?url=https://x",
    "a://b://c://d",
    "http://https://h/?url=ftp://x",
]


@pytest.fixture(scope="module")
def target(directory):
    place = directory / "formats"
    place.mkdir()
    with Manager(place, deployments=("prod",)) as serving:
        yield serving


@pytest.fixture
def bring(target, tmp_path):
    """Imports a file, and returns what the manager then has, by key, and the report."""
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(target.token)

    def run(option, path, code=0):
        done = subprocess.run(
            [
                *(CONNCTL, "import", "--json", "--update", "--manager", target.url),
                *("--organization", target.organization, "--token-file", token),
                *("--deployment", target.deployment_ids["prod"], option, path),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        rows = target.api("GET", "?limit=1000&showSecrets=true")["environmentObjects"]
        report = {one["key"]: one for one in json.loads(done.stdout)["objects"]}
        return {row["objectKey"]: row for row in rows if row["objectKey"] in report}, report

    return run


def as_airflow(row):
    """The fields that Airflow gets of a connection."""
    typed = row["connection"]
    names = ("host", "login", "password", "schema", "port")
    return {
        "conn_type": typed["type"],
        "description": row.get("description") or None,
        "extra": typed.get("extra", {}),
        **{name: typed.get(name) for name in names},
    }


def of_airflow(conn):
    """The same of a connection in Airflow: "" as a password is none, port 0 is none."""
    names = ("conn_type", "description", "extra", "host", "login", "schema")
    described = {name: conn[name] for name in names}
    return {
        **described,
        "description": conn["description"] or None,
        "password": conn["password"] or None,
        "port": conn["port"] or None,
    }


def files_of(connections, directory):
    """The same connections in each form of a file."""
    for end, text in {
        "json": json.dumps(connections),
        "yaml": yaml.safe_dump(connections, allow_unicode=True),
        "yml": yaml.safe_dump(connections, default_style='"', width=20),
        "ENV": "".join(f"{key}={value}\n" for key, value in connections.items()),
    }.items():
        path = directory / f"c.{end}"
        path.write_text(text)
        yield path


def test_uris_mean_what_they_mean_to_airflow(bring, long_worker, tmp_path):
    uris = [*URIS, *(JSON_IN_QUERY if READS_JSON_IN_QUERY else [])]
    connections = {f"u{i:02}": uri for i, uri in enumerate(uris)}
    wanted = {
        key: of_airflow(long_worker.result("from_uri", uri)) for key, uri in connections.items()
    }
    if not READS_JSON_IN_QUERY:
        numbers = {key: want for key, want in wanted.items() if "1" in want["extra"].values()}
        for want in numbers.values():
            want["extra"] = {k: json.loads(v) if v == "1" else v for k, v in want["extra"].items()}
            want["extra"] = {k: json.loads(v) if v == "2" else v for k, v in want["extra"].items()}
    fragments = {key for key, uri in connections.items() if "#" in uri}
    first = True
    for path in files_of(connections, tmp_path):
        rows, report = bring("--connections", path)
        got = {key: as_airflow(row) for key, row in rows.items()}
        assert got == wanted, path.name
        assert {one["action"] for one in report.values()} == {"created" if first else "unchanged"}
        noted = {key for key, one in report.items() if "# in the URI" in one.get("reason", "")}
        assert noted == (fragments if first else set())
        first = False


def test_uris_that_airflow_misreads_are_refused(bring, long_worker, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({f"n{i:02}": uri for i, uri in enumerate(NONSENSE)}))
    _, report = bring("--connections", path, code=1)
    for i, uri in enumerate(NONSENSE):
        one = report[f"n{i:02}"]
        assert one["action"] == "refused", uri
        assert "URI" in one["reason"] or "://" in one["reason"], one
        if uri:
            answer = long_worker.ask("from_uri", uri)
            conn = answer["result"]
            assert answer["error"] or not conn["conn_type"] or not conn["host"], (uri, conn)


OBJECTS = """\
# Written by hand.
full: &anchor
  conn_type: postgres
  host: "db.example.com"
  login: 'it''s'
  password: "a\\tb\\u263a\\x07"
  schema: >-
    folded
    text
  port: 5432
  description: |
    The warehouse
  extra: {sslmode: require, n: 0x1F, list: [yes, ~, 1.5], nested: {a: b, 1: c}}
text_extra:
  conn_type: http
  extra: '{"a": 1}'
decoded_extra:
  conn_type: http
  extra_dejson: {a: {b: [1]}}
with_id: {conn_id: with_id, conn_type: http, host: null}
with_uri: {uri: "http://u@h/x", description: About it}
in_a_list: [http://h/y]
merged:
  <<: *anchor
  host: other.example.com
  extra: {a: &list [1, {b: 2}], b: *list}
several: {<<: [{login: first}, *anchor], port: 1}
? !!str plain
: !!map {conn_type: !!str http, port: !!int "80"}
"""


def test_yaml_that_people_write(bring, long_worker, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(OBJECTS)
    wanted = long_worker.result("loaded_connections", str(path))
    rows, report = bring("--connections", path)
    assert {key: as_airflow(row) for key, row in rows.items()} == {
        key: of_airflow(conn) for key, conn in wanted.items()
    }
    assert set(report) == set(wanted)


SCALARS = """\
yes, Yes, No, ON, off, true, FALSE, y, n, ~, null, Null, nUll, 0, -0, +1, 12, 1_000, 007, 0o17, 08,
017, 0b101, -0b1, 0x1F, 0xff_ff, -017, 1:30, 190:20:30, 1:60, 01:30, 1:30.5, 3.10, 3., .5, -.5, 1e3,
1.0e+3, 1.5E-2, 1.e+2, 08.5, 1_0.5_0, +.5, 1.2.3, 10.0.0.1, 99999999999999999999, 0., 00.5, 12e03,
2026-1-1, 12:30, ==, <, 0_, 0x, 0b, _1, 1__2, -, +, ., -1.5, +1.5, 190:20:30.15
"""


def test_plain_scalars_of_yaml(bring, long_worker, tmp_path):
    scalars = [one.strip() for one in SCALARS.replace("\n", " ").split(",")]
    path = tmp_path / "v.yaml"
    lines = [f"k{i:02}: {one}\n" for i, one in enumerate(scalars) if one not in ("-",)]
    lines += [
        "empty:\n",
        "tree:\n  in:\n  - {yes: 1, 2: [~, 'x'], null: '2'}\n  -\n    - deep\n",
        "described: {value: 5, description: About it}\n",
        "alone: {value: [1]}\n",
        "more: {value: x, other: y}\n",
    ]
    path.write_text("".join(lines))
    wanted = long_worker.result("loaded_variables", str(path))
    rows, _ = bring("--variables", path)
    for key, (text, description) in wanted.items():
        got = rows[key]["airflowVariable"]["value"]
        assert got == text or json.loads(got) == json.loads(text), (key, lines)
        assert (rows[key].get("description") or None) == description
    assert set(rows) == set(wanted)


ENVIRONMENT = """\
# A comment, and a line without anything

a=text
 spaced = kept as it is
equals=a=b=c
quoted="as it stands"
json={"a": 1}
#off=1
ключ=значение
"""


def test_lines_of_names_and_values(bring, long_worker, tmp_path):
    path = tmp_path / "v.env"
    path.write_text(ENVIRONMENT)
    wanted = long_worker.result("loaded_variables", str(path))
    rows, _ = bring("--variables", path)
    got = {key: [row["airflowVariable"]["value"], None] for key, row in rows.items()}
    assert got == wanted
