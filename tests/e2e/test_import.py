# SPDX-License-Identifier: Apache-2.0
"""connctl import: from files that Airflow writes, through a manager, to the values that connd
serves."""

from __future__ import annotations

import email.utils
import http.server
import json
import os
import pty
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from connd_testing import CONNCTL, PATIENCE, Manager, eventually, link
from faulty_manager import FaultyManager

SECRET = "s3cr3t-p@ss"
EXTRA_SECRET = "extra-s3cr3t"
BIG = 9223372036854775807

# As `airflow connections export` writes them: every field, with extra as text.
CONNECTIONS: dict[str, Any] = {
    "warehouse": {
        "conn_type": "postgres", "description": "The warehouse", "login": "etl",
        "password": SECRET, "host": "db.example.com", "port": 5432, "schema": "dwh",
        "extra": json.dumps({"account": BIG, "nested": {"token": EXTRA_SECRET}}),
    },
    "plain": {
        "conn_type": "http", "description": None, "login": "", "password": None, "host": "a.example",
        "port": None, "schema": "", "extra": "",
    },
}  # fmt: skip
VARIABLES: dict[str, Any] = {
    "text": f"hello\n{SECRET}",
    "number": BIG,
    "tree": {"a": [1, {"b": None}]},
    "told": {"value": "with a description", "description": "About it"},
    "empty": "",
}


class Importer:
    def __init__(self, directory: Path, manager: Manager) -> None:
        self.directory = directory
        self.manager = manager
        self.token_file = directory / "import.token"
        self.write_token(manager.token)
        self.target = ["--workspace", manager.workspace, "--deployment", self.prod]

    @property
    def prod(self) -> str:
        return self.manager.deployment_ids["prod"]

    def write_token(self, token: str) -> None:
        self.token_file.touch(0o600)
        self.token_file.write_text(token + "\n")

    def file(self, name: str, content: Any) -> str:
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def run(self, *args: str, **run: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [CONNCTL, "import", "--manager", self.manager.url,
             "--organization", self.manager.organization, "--token-file", self.token_file,
             *self.target, *args],
            capture_output=True, text=True, timeout=PATIENCE * 2, check=False, **run,
        )  # fmt: skip
        assert "Sanitizer" not in done.stderr, done.stderr
        for secret in (SECRET, EXTRA_SECRET, self.manager.token):
            assert secret not in done.stdout + done.stderr
        return done

    def report(
        self, code: int, *args: str, connections: Any = None, variables: Any = None
    ) -> dict[str, str]:
        """The outcome of each key; self.reasons has the reasons."""
        files = []
        if connections is not None:
            files += ["--connections", self.file("c.json", connections)]
        if variables is not None:
            files += ["--variables", self.file("v.json", variables)]
        done = self.run("--json", *files, *args)
        assert done.returncode == code, done
        report = json.loads(done.stdout)
        self.reasons = {o["key"]: o.get("reason", "") for o in report["objects"]}
        actions = {o["key"]: o["action"] for o in report["objects"]}
        for action in ("created", "updated", "unchanged", "skipped", "refused", "not_tried"):
            assert report[action] == list(actions.values()).count(action)
        assert report["dry_run"] == ("--dry-run" in args)
        return actions

    def objects(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.manager.api("GET", "?limit=1000&showSecrets=true")[
            "environmentObjects"
        ]
        return rows

    def object(self, key: str) -> dict[str, Any]:
        [row] = [o for o in self.objects() if o["objectKey"] == key]
        return row


@pytest.fixture
def importer(workdir: Path, manager: Manager) -> Importer:
    return Importer(workdir, manager)


def all_as(action: str) -> dict[str, str]:
    return dict.fromkeys([*CONNECTIONS, *VARIABLES], action)


def test_dry_run_reports_and_changes_nothing(importer: Importer) -> None:
    got = importer.report(0, "--dry-run", connections=CONNECTIONS, variables=VARIABLES)
    assert got == all_as("created")
    assert importer.objects() == []


def test_values_come_out_of_connd_as_they_were(importer: Importer) -> None:
    got = importer.report(0, connections=CONNECTIONS, variables=VARIABLES)
    assert got == all_as("created")
    with importer.manager.connd() as connd:
        done = connd.connctl("get", "conn", "warehouse", "--reveal")
        assert f'"account":{BIG}' in done.stdout
        assert json.loads(done.stdout) == {
            **CONNECTIONS["warehouse"], "extra": json.loads(CONNECTIONS["warehouse"]["extra"]),
        }  # fmt: skip
        done = connd.connctl("get", "conn", "plain", "--reveal")
        assert json.loads(done.stdout) == {
            "conn_type": "http", "host": "a.example", "login": "", "schema": "",
        }  # fmt: skip
        assert connd.variable("text") == VARIABLES["text"]
        assert connd.variable("number") == str(BIG)
        assert json.loads(connd.variable("tree")) == VARIABLES["tree"]
        assert connd.variable("told") == "with a description"
        assert connd.variable("empty") == ""
    assert importer.object("told")["description"] == "About it"
    assert importer.object("text")["airflowVariable"]["isSecret"] is True
    again = importer.report(0, connections=CONNECTIONS, variables=VARIABLES)
    assert again == all_as("unchanged")


def test_changed_keys_are_skipped_without_update(importer: Importer) -> None:
    importer.report(0, connections=CONNECTIONS, variables=VARIABLES)
    changed = json.loads(json.dumps(CONNECTIONS))
    changed["warehouse"].update(host="new.example.com", password="other", description="New")
    got = importer.report(1, connections=changed, variables={"number": 1})
    assert got == {"warehouse": "skipped", "plain": "unchanged", "number": "skipped"}
    assert importer.reasons["warehouse"] == "differs in host, password, description"
    assert importer.object("warehouse")["connection"]["host"] == "db.example.com"
    want = {"warehouse": "updated", "plain": "unchanged", "number": "updated"}
    for dry in (["--dry-run"], []):
        got = importer.report(0, "--update", *dry, connections=changed, variables={"number": 1})
        assert got == want
    row = importer.object("warehouse")
    assert (row["connection"]["host"], row["description"]) == ("new.example.com", "New")
    assert row["connection"]["password"] == "other"
    assert importer.object("number")["airflowVariable"]["value"] == "1"
    assert importer.report(0, connections=changed) == {
        "warehouse": "unchanged", "plain": "unchanged",
    }  # fmt: skip


def test_an_update_keeps_links_overrides_and_exclusions(importer: Importer) -> None:
    manager = importer.manager
    dev = manager.deployment_ids["dev"]
    manager.create_connection(
        "warehouse", host="old", autoLinkDeployments=True,
        links=[link(dev, connection={"host": "dev.example", "password": SECRET})],
    )  # fmt: skip
    manager.create_connection("apart", host="old", excludeLinks=[link(importer.prod)])
    connections = {key: {"conn_type": "postgres", "host": "new"} for key in ("warehouse", "apart")}
    got = importer.report(1, "--update", connections=connections)
    assert got == {"warehouse": "updated", "apart": "refused"}
    assert "excluded" in importer.reasons["apart"]
    row = importer.object("warehouse")
    assert row["autoLinkDeployments"] is True and row["connection"]["host"] == "new"
    [kept] = row["links"]
    assert kept["scopeEntityId"] == dev
    assert kept["connectionOverrides"] == {"host": "dev.example", "password": SECRET}


KEYPAIR = "cauthsnowflakekeypair0000"


def in_full(importer: Importer, object_id: str) -> dict[str, Any]:
    """The object with its secrets, without the author and time of the last change."""
    [row] = [o for o in importer.objects() if o["id"] == object_id]
    return {name: row[name] for name in row if not name.startswith(("updated", "created"))}


def rich_connection(importer: Importer, auth_type: str = KEYPAIR) -> str:
    """A connection with everything that an object may have and that Airflow's export does not
    contain."""
    manager = importer.manager
    dev, test, bare = (manager.deployment_ids[name] for name in ("dev", "test", "bare"))
    project = manager.request(
        "POST", f"/v1/organizations/{manager.organization}/projects",
        {"name": "ide", "workspaceId": manager.workspace},
    )[1]["id"]  # fmt: skip
    return manager.create(
        "CONNECTION", "snow",
        {"type": "snowflake", "authTypeId": auth_type, "login": "old", "password": SECRET,
         "extra": {"account": "acme", "private_key_content": EXTRA_SECRET}},
        description="What it is for", autoLinkDeployments=True, autoLinkProjects=True,
        links=[
            link(dev, connection={"password": SECRET}), link(bare, connection={}),
            link(importer.prod, connection={
                "host": "prod", "port": 1, "password": SECRET,
                "extra": {"account": "prod", "private_key_content": EXTRA_SECRET}}),
        ],
        excludeLinks=[link(test)],
        projectLinks=[{**link(project, connection={"login": "me", "password": SECRET}),
                       "scope": "PROJECT"}],
    )  # fmt: skip


@pytest.fixture
def roomy(workdir: Path) -> Iterator[Importer]:
    """An importer whose manager has more Deployments."""
    with Manager(workdir, deployments=("prod", "dev", "test", "bare")) as manager:
        yield Importer(workdir, manager)


def secrets_fetching(importer: Importer, on: bool) -> None:
    importer.manager.command(
        "organization", "set", "--data", str(importer.manager.data),
        "--secrets-fetching", "on" if on else "off",
    )  # fmt: skip


SNOW = {
    "conn_type": "snowflake", "description": None, "login": "new", "password": SECRET, "host": None,
    "port": None, "schema": "s",
    "extra": json.dumps({"account": "acme", "private_key_content": EXTRA_SECRET}),
}  # fmt: skip


@pytest.mark.parametrize("shown", [True, False])
def test_update_keeps_what_the_file_does_not_have(roomy: Importer, shown: bool) -> None:
    importer = roomy
    object_id = rich_connection(importer)
    before = in_full(importer, object_id)
    assert before["projectLinks"] and before["autoLinkProjects"] and before["excludeLinks"]
    assert before["connection"]["connectionAuthType"]["id"] == KEYPAIR
    secrets_fetching(importer, shown)
    got = importer.report(0, "--update", connections={"snow": SNOW})
    assert got == {"snow": "updated"}
    assert importer.reasons["snow"].startswith("differs in login, schema")
    secrets_fetching(importer, True)
    before["connection"].update(login="new", schema="s")
    before["setFields"] = [
        "type", "login", "password", "schema", "extra.account", "extra.private_key_content",
    ]  # fmt: skip
    assert in_full(importer, object_id) == before
    assert importer.report(0, "--update", connections={"snow": SNOW}) == {"snow": "unchanged"}
    told = {**SNOW, "description": "What Airflow says"}
    assert importer.report(0, "--update", connections={"snow": told}) == {"snow": "updated"}
    assert importer.reasons["snow"] == "differs in description"
    before["description"] = "What Airflow says"
    assert in_full(importer, object_id) == before


@pytest.mark.parametrize("auth_type", [KEYPAIR, "cauthgeneric0000000000000"])
def test_an_auth_type_stays_where_it_fits(roomy: Importer, auth_type: str) -> None:
    object_id = rich_connection(roomy, auth_type)
    got = roomy.report(0, "--update", connections={"snow": {**SNOW, "conn_type": "other"}})
    assert got == {"snow": "updated"}
    told = "authTypeId" in roomy.reasons["snow"]
    kept = "connectionAuthType" in in_full(roomy, object_id)["connection"]
    assert (told, kept) == ((True, False) if auth_type == KEYPAIR else (False, True))


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("secret", [True, False])
def test_a_variable_keeps_what_it_has(roomy: Importer, shown: bool, secret: bool) -> None:
    importer = roomy
    manager = importer.manager
    object_id = manager.create_variable(
        "text", "old", secret=secret, description="About it",
        links=[link(importer.prod, airflowVariable={"value": SECRET})],
        excludeLinks=[link(manager.deployment_ids["dev"])],
    )  # fmt: skip
    before = in_full(importer, object_id)
    assert before["links"][0]["airflowVariableOverrides"] == {"value": SECRET}
    secrets_fetching(importer, shown)
    assert importer.report(0, "--update", variables={"text": "new"}) == {"text": "updated"}
    secrets_fetching(importer, True)
    before["airflowVariable"]["value"] = "new"
    assert in_full(importer, object_id) == before


def test_a_deployment_s_own_object_loses_nothing_either(importer: Importer) -> None:
    manager = importer.manager
    importer.target = ["--deployment", importer.prod]
    snow = manager.create_connection(
        "snow", importer.prod, type="snowflake", authTypeId=KEYPAIR, login="old", password=SECRET,
        extra={"account": "acme", "private_key_content": EXTRA_SECRET}, description="About it",
    )  # fmt: skip
    text = manager.create_variable("text", "old", importer.prod, description="About it")
    before = [in_full(importer, snow), in_full(importer, text)]
    got = importer.report(0, "--update", connections={"snow": SNOW}, variables={"text": "new"})
    assert got == {"snow": "updated", "text": "updated"}
    before[0]["connection"].update(login="new", schema="s")
    before[0]["setFields"].insert(3, "schema")
    before[1]["airflowVariable"]["value"] = "new"
    assert [in_full(importer, snow), in_full(importer, text)] == before


def test_update_that_cannot_remove_a_field_is_refused(importer: Importer) -> None:
    importer.report(0, connections=CONNECTIONS, variables={"text": "something"})
    bare = {"warehouse": {**CONNECTIONS["warehouse"], "password": ""}}
    got = importer.report(1, "--update", connections=bare, variables={"text": ""})
    assert got == {"warehouse": "refused", "text": "refused"}
    assert importer.reasons["warehouse"].endswith("password")
    bare = {"warehouse": {**CONNECTIONS["warehouse"], "extra": None}}
    assert importer.report(0, "--update", connections=bare) == {"warehouse": "updated"}
    assert not importer.object("warehouse")["connection"].get("extra")


@pytest.mark.parametrize("dry", [True, False])
def test_a_bad_key_is_refused_alone(importer: Importer, dry: bool) -> None:
    connections = {
        "good": {"conn_type": "http"}, "bad key": {"conn_type": "http"}, "untyped": {"host": "x"},
        "portless": {"conn_type": "http", "port": 70000},
        "extra": {"conn_type": "http", "extra": "[1]"},
        "nul": {"conn_type": "http", "password": "a\0b"},
    }  # fmt: skip
    got = importer.report(1, *(["--dry-run"] if dry else []), connections=connections)
    assert got == {key: "created" if key == "good" else "refused" for key in connections}
    assert "letters, digits" in importer.reasons["bad key"]
    assert "conn_type" in importer.reasons["untyped"]
    assert "65535" in importer.reasons["portless"]
    assert "JSON object" in importer.reasons["extra"]
    assert "U+0000" in importer.reasons["nul"]
    assert [o["objectKey"] for o in importer.objects()] == ([] if dry else ["good"])


def test_a_deployment_alone_gets_its_own_objects(importer: Importer) -> None:
    importer.manager.create_connection(
        "plain", host="of the Workspace", links=[link(importer.prod)]
    )
    importer.target = ["--deployment", importer.prod]
    got = importer.report(0, connections=CONNECTIONS)
    assert set(got.values()) == {"created"}
    assert importer.object("warehouse")["scope"] == "DEPLOYMENT"
    assert set(importer.report(0, connections=CONNECTIONS).values()) == {"unchanged"}


def test_without_secrets_fetching_nothing_is_called_unchanged(importer: Importer) -> None:
    importer.report(0, connections=CONNECTIONS)
    secrets_fetching(importer, False)
    got = importer.report(1, connections=CONNECTIONS)
    assert set(got.values()) == {"skipped"} and "not shown" in importer.reasons["plain"]
    got = importer.report(0, "--update", connections=CONNECTIONS)
    assert set(got.values()) == {"updated"}


def test_more_than_one_page(importer: Importer) -> None:
    variables = {f"key{i:04}": str(i) for i in range(1100)}
    got = importer.report(0, variables=variables)
    assert set(got.values()) == {"created"} and len(got) == 1100
    assert set(importer.report(0, variables=variables).values()) == {"unchanged"}


def test_an_import_that_was_killed_can_be_run_again(importer: Importer) -> None:
    n = 1200
    path = importer.file("v.json", {f"key{i:04}": str(i) for i in range(n)})
    process = subprocess.Popen(
        [CONNCTL, "import", "--manager", importer.manager.url, "--organization",
         importer.manager.organization, "--token-file", importer.token_file, *importer.target,
         "--variables", path],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    eventually(lambda: importer.manager.api("GET", "?limit=0")["totalCount"] > 20, "it has begun")
    process.kill()
    process.communicate()
    done = importer.run("--variables", path, "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["unchanged"] > 20 and report["created"] > 0
    assert report["unchanged"] + report["created"] == n
    values = {o["objectKey"]: o["airflowVariable"]["value"] for o in importer.objects()}
    page = importer.manager.api("GET", "?limit=1000&offset=1000&showSecrets=true")
    values |= {o["objectKey"]: o["airflowVariable"]["value"] for o in page["environmentObjects"]}
    assert values == {f"key{i:04}": str(i) for i in range(n)}


class Busy:
    """A manager without objects that responds to the first creations with (status, Retry-After)."""

    def __init__(self, *answers: tuple[int, str | None]) -> None:
        self.answers = list(answers)
        self.posts: list[float] = []
        busy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(200, b'{"totalCount":0,"environmentObjects":[]}')

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                busy.posts.append(time.monotonic())
                status, after = busy.answers.pop(0) if busy.answers else (200, None)
                self.answer(status, b'{"id":"x","message":"too many"}', after)

            def answer(self, status: int, body: bytes, after: str | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if after:
                    self.send_header("Retry-After", after)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_a_busy_manager_is_asked_again_when_it_says(importer: Importer) -> None:
    date = email.utils.formatdate(time.time() + 3, usegmt=True)
    with (busy := Busy((429, "2"), (429, None), (200, None), (429, date))) as url:
        got = importer.report(0, "--manager", url, variables={"a": "1", "b": "2"})
    assert got == {"a": "created", "b": "created"} and len(busy.posts) == 5
    gaps = [b - a for a, b in pairwise(busy.posts)]
    assert gaps[0] >= 2 and gaps[1] >= 1 and gaps[2] < 1, gaps
    assert busy.posts[4] - busy.posts[0] >= 3, "not before the date, which has whole seconds"


def test_a_manager_that_stays_busy_ends_it(importer: Importer) -> None:
    for answers, posts in (([(429, "1")] * 9, 5), ([(429, "301")], 1)):
        with (busy := Busy(*answers)) as url:
            got = importer.report(3, "--manager", url, variables={"a": "1", "b": "2"})
        assert got == {"a": "refused", "b": "not_tried"} and len(busy.posts) == posts


def test_progress_is_for_terminals(importer: Importer) -> None:
    files = ("--variables", importer.file("v.json", {"a": "1", "b": "2"}))
    command = [
        CONNCTL, "import", "--organization", "o", "--token-file", importer.token_file,
        *importer.target, *files, "--manager",
    ]  # fmt: skip
    for term, shown in (("xterm", True), ("dumb", False)):
        ours, theirs = pty.openpty()
        with Busy((200, None), (429, "1"), (500, None)) as url:
            done = subprocess.run(
                [*command, url], stdout=subprocess.PIPE, stderr=theirs, timeout=PATIENCE,
                env={**os.environ, "TERM": term}, check=False,
            )  # fmt: skip
        os.close(theirs)
        told = os.read(ours, 65536).decode()
        os.close(ours)
        assert done.returncode == 3 and b"1 created, 1 refused" in done.stdout
        assert b"\033" not in done.stdout
        wait = "\rthe manager is busy: again in 1 s\033[K"
        if shown:
            # The progress line is cleared before anything else is printed.
            assert told.startswith("\r0 of 2\033[K") and f"{wait}\r\033[Kconnctl: the" in told
        else:
            assert told.startswith("connctl: the manager answers 500")


def test_people_see_aligned_rows(importer: Importer) -> None:
    files = ("--connections", importer.file("c.json", {"a": {"conn_type": "x"}, "b b": {}}))
    done = importer.run(*files)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.splitlines() == [
        "connection  a    created",
        "connection  b b  refused: the key of a connection may hold letters, digits and"
        " _ # ! ( ) - . : / \\ only",
        "1 created, 1 refused",
    ]
    done = importer.run(*files, "--dry-run")
    assert done.stdout.splitlines()[-1] == "1 unchanged, 1 refused (a dry run: nothing was done)"


def test_a_wrong_token_is_4(importer: Importer) -> None:
    importer.write_token("not-the-token")
    done = importer.run("--connections", importer.file("c.json", CONNECTIONS))
    assert (done.returncode, done.stdout) == (4, "") and "401" in done.stderr
    importer.token_file.chmod(0o644)
    done = importer.run("--connections", importer.file("c.json", CONNECTIONS))
    assert (done.returncode, done.stdout) == (2, "") and "--token-file" in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("c.json", '{"a": {},\n', 2), ("c.json", "[]", 1), ("c.txt", "a=http://h\n", 1),
        ("c.yaml", "a: http://h\nb: *x\n", 2), ("c.yml", f"a:\n  b: '{SECRET}\n", 3),
        ("c.env", f"a=http://h\n\n{SECRET}\n", 3),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_exit_code_2_with_its_line(
    importer: Importer, name: str, text: str, line: int
) -> None:
    path = importer.file(name, text)
    done = importer.run("--connections", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{path}:{line}: " in done.stderr and "--format" in done.stderr


def test_a_file_that_is_not_there_is_exit_code_2(importer: Importer) -> None:
    done = importer.run("--variables", str(importer.directory / "absent"))
    assert done.returncode == 2 and "absent" in done.stderr


# The same connections in each form; an environment file has no upper and lower case.
FORMS = {
    "c.json": json.dumps({"db": f"postgres://etl:{SECRET}@db.example.com:5432/dwh?a=b"}),
    "c.yaml": f"""\
db:
  conn_type: postgres
  host: db.example.com
  login: etl
  password: {SECRET}
  schema: dwh
  port: 5432
  extra: {{a: b}}
""",
    "c.env": f"db=postgres://etl:{SECRET}@db.example.com:5432/dwh?a=b\n",
    ".env": f"""\
PATH=/bin
export AIRFLOW_CONN_DB='postgres://etl:{SECRET}@db.example.com:5432/dwh?a=b'
AIRFLOW_VAR_REGION=eu
""",
}


def test_each_format_gives_the_same_connection(importer: Importer) -> None:
    for i, (name, text) in enumerate(FORMS.items()):
        done = importer.run("--json", "--connections", importer.file(name, text))
        [one] = json.loads(done.stdout)["objects"]
        assert (one["key"], one["action"]) == ("db", "unchanged" if i else "created"), name
    # --format decides, whatever the name; one file may hold both kinds.
    path = importer.file("values.json", FORMS[".env"])
    done = importer.run("--json", "--format=env", "--connections", path, "--variables", path)
    assert done.returncode == 0, done
    got = {one["key"]: one["action"] for one in json.loads(done.stdout)["objects"]}
    assert got == {"db": "unchanged", "region": "created"}
    assert importer.object("region")["airflowVariable"]["value"] == "eu"
    done = importer.run("--format=toml", "--connections", path)
    assert (done.returncode, done.stdout) == (2, "") and "json|yaml|env" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        (), ("--connections",), ("--from-airflow", "--variables", "x"), ("--variables", "x", "y"),
        ("--variables", "x", "--reveal"),
        ("--variables", "x", "--manager", "http://192.0.2.1"),
        ("--variables", "x", "--manager", "ftp://localhost"),
        ("--variables", "x", "--manager", "http://user:pw@localhost"),
        ("--variables", "x", "--manager", "http://localhost/else"),
    ],
)  # fmt: skip
def test_wrong_command_line_is_exit_code_2(importer: Importer, args: tuple[str, ...]) -> None:
    done = importer.run(*args)
    assert (done.returncode, done.stdout) == (2, "") and "pw" not in done.stderr


def test_the_context_and_names_are_enough(importer: Importer) -> None:
    """As for every verb that asks a manager: after `connctl login`, with names for ids."""
    home = {**os.environ, "HOME": str(importer.directory), "XDG_CONFIG_HOME": ""}
    path = importer.file("v.json", {"region": "eu"})

    def connctl(*args: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CONNCTL, *args], env=home, capture_output=True, text=True, timeout=60, check=False
        )

    done = connctl("login", "--manager", importer.manager.url, "--token-file", importer.token_file)
    assert done.returncode == 0, done.stderr
    (workspace,) = json.loads(connctl("workspace", "list", "--json").stdout)["workspaces"]
    target = ("--workspace", workspace["name"], "--deployment", "prod")
    done = connctl("import", "--variables", path, *target)
    assert done.returncode == 0, done.stderr
    assert importer.object("region")["airflowVariable"]["value"] == "eu"
    done = connctl("import", "--variables", path, "--deployment", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert '"nowhere"' in done.stderr and "deployment list" in done.stderr


def test_unreachable_or_invalid_manager_is_exit_code_3(
    importer: Importer, faulty: FaultyManager
) -> None:
    files = ("--variables", importer.file("v.json", {"a": "1"}))
    for fault in (
        lambda x: x.reply("{}", 500), lambda x: x.reply("[]"), lambda x: x.reply("nonsense"),
        lambda x: x.reply('{"totalCount":1,"environmentObjects":[{}]}'),
    ):  # fmt: skip
        faulty.fault = fault
        done = importer.run(*files, "--manager", faulty.url)
        assert (done.returncode, done.stdout) == (3, ""), done
    importer.manager.stop()
    done = importer.run(*files)
    assert (done.returncode, done.stdout) == (3, "") and "reached" in done.stderr
    importer.manager.serve()


def test_a_manager_that_fails_in_the_middle_ends_it_with_a_report(
    importer: Importer, faulty: FaultyManager
) -> None:
    # It does not support POST: 501.
    faulty.fault = lambda x: x.reply('{"totalCount":0,"environmentObjects":[]}')
    got = importer.report(3, "--manager", faulty.url, variables={"a": "1", "b": "2"})
    assert got == {"a": "refused", "b": "not_tried"}
    assert "501" in importer.reasons["a"]


STUB = """#!/bin/sh
[ "$2" = export ] && [ "$#" = 3 ] || exit 64
echo "noise on standard output"
stat -c %a "$(dirname "$3")" >"$STUB_DIR/mode"
echo "core $(ulimit -c), keys ${SSLKEYLOGFILE-nowhere}, $(umask)" >"$STUB_DIR/protected"
cp "$STUB_DIR/$1.json" "$3"
"""


def test_from_a_running_airflow(importer: Importer) -> None:
    stub = importer.directory / "airflow"
    stub.write_text(STUB)
    stub.chmod(0o755)
    tmp = importer.directory / "tmp"
    tmp.mkdir()
    importer.file("connections.json", CONNECTIONS)
    importer.file("variables.json", VARIABLES)
    env = {
        **os.environ, "STUB_DIR": str(importer.directory), "TMPDIR": str(tmp),
        "SSLKEYLOGFILE": str(tmp / "keys"),
        "PATH": f"{importer.directory}:{os.environ['PATH']}",
    }  # fmt: skip
    done = importer.run("--from-airflow", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["created"] == len(CONNECTIONS) + len(VARIABLES)
    protected = (importer.directory / "protected").read_text()
    assert protected == "core 0, keys nowhere, 0077\n"
    assert (importer.directory / "mode").read_text() == "700\n" and not list(tmp.iterdir())
    done = importer.run(f"--from-airflow={stub}", "--json", env=env)
    assert json.loads(done.stdout)["unchanged"] == len(CONNECTIONS) + len(VARIABLES)
    (importer.directory / "variables.json").unlink()
    done = importer.run("--from-airflow", env=env)
    assert (done.returncode, done.stdout) == (3, "") and "variables export" in done.stderr
    done = importer.run("--from-airflow=/nowhere/airflow", env=env)
    assert done.returncode == 3 and "cannot be run" in done.stderr
    assert not list(tmp.iterdir())


def test_an_export_that_is_interrupted_leaves_no_file(importer: Importer) -> None:
    stub = importer.directory / "airflow"
    stub.write_text('#!/bin/sh\necho secret >"$3"\ntouch "$STUB_DIR/begun"\nexec sleep 600\n')
    stub.chmod(0o755)
    tmp = importer.directory / "tmp"
    tmp.mkdir()
    process = subprocess.Popen(
        [CONNCTL, "import", "--manager", importer.manager.url, "--token-file", importer.token_file,
         *importer.target, f"--from-airflow={stub}"],
        env={**os.environ, "STUB_DIR": str(importer.directory), "TMPDIR": str(tmp)},
    )  # fmt: skip
    eventually((importer.directory / "begun").exists, "the export runs")
    process.terminate()
    assert process.wait(PATIENCE) == -15
    assert not list(tmp.iterdir())
