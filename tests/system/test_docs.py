# SPDX-License-Identifier: Apache-2.0
"""README.md and docs/*.md: every command is run, page by page, in a booted machine of its own.

What a page runs, and what it does not and why, is PAGES below. Airflow is the one of .venvs/airflow33.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import doc_commands
import pytest
from box import Box
from test_packages import newer, package

REPO = Path(__file__).resolve().parents[2]
VENVS = REPO / ".venvs"
AIRFLOW_HOME = "/home/airflow/airflow"
WORKER = """\
[Service]
User=airflow
ExecStart=/bin/sleep infinity
"""


@dataclass
class Page:
    """How a page is run: what the machine needs first, what is not run, and what comes before a block."""

    path: str
    prepare: Callable[[Box], object] = lambda box: None
    not_run: dict[str, str] = field(default_factory=dict)
    before: dict[str, Callable[[Box], object]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.path


def machine_with_airflow(box: Box) -> None:
    """A user airflow, a worker's unit, and pip, python and airflow of a virtual environment."""
    box.run("useradd", "--create-home", "airflow")
    box.run("install", "-d", "-o", "airflow", AIRFLOW_HOME)
    box.write("/etc/systemd/system/airflow-worker.service", WORKER)
    airflow, dev = VENVS / "airflow33" / "bin", VENVS / "dev" / "bin"
    pip = f"{dev}/python -m pip --python {airflow}/python"
    pip_offline = f'exec {pip} "$1" --no-index --no-build-isolation --no-deps -q "${{@:2}}"'
    for name, text in {
        "pip": pip_offline,
        "python": f'exec {airflow}/python "$@"',
        "airflow": f'exec {airflow}/airflow "$@"',
    }.items():
        box.write(f"/usr/local/bin/{name}", f"#!/bin/bash\n{text}\n", 0o755)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "airflow-worker.service")


def run_in(box: Box) -> doc_commands.Runner:
    def run(script: str):
        inside = f"cd {REPO}; export HOME=/root; {script}"
        return box.run("bash", "-c", inside, check=False, timeout=400)

    return run


def script(page: Page, box: Box) -> doc_commands.Script:
    before = {name: lambda hook=hook: hook(box) for name, hook in page.before.items()}
    files = {"airflow.cfg": f"{AIRFLOW_HOME}/airflow.cfg"}
    return doc_commands.Script(REPO / page.path, run_in(box), page.not_run, before, files)


def after_the_readme(box: Box) -> None:
    """What the README leads to; the other pages begin there."""
    machine_with_airflow(box)
    seen = "is shown by the README's own test, and takes seconds"
    looks = ("$ runuser -u airflow", "$ connctl list", "runuser -u airflow", "pip install")
    not_run = {name.removeprefix("$ "): seen for name in looks}
    script(Page("README.md", not_run={**README.not_run, **not_run}), box).play()


def packages_to_come_and_go(box: Box) -> None:
    """The packages of now and of a version after it, where an operator would have put them."""
    after_the_readme(box)
    for place in ("new", "previous"):
        box.run("mkdir", f"/root/{place}")
    for name in ("connd", "connd-manager"):
        shutil.copy(package(name), box.root / "root/previous" / f"{name}_now.deb")
        shutil.copy(newer(name, box.directory), box.root / "root/new" / f"{name}_next.deb")


def shell(script: str) -> Callable[[Box], object]:
    return lambda box: box.run("bash", "-c", f"set -e; {script}")


CONF = "/etc/connd/connd.conf"
TOKEN = "/etc/connd/token"
MANAGER = "runuser -u connd-manager -- connd-manager"
NO_DATA = f"echo gone >{TOKEN}; systemctl stop connd; rm -f /var/lib/connd/snapshot*; systemctl start connd"

# What is made wrong before the first block under a heading of docs/troubleshooting.md. What the page
# does not mend the next one does.
TROUBLES = {
    "No response from connd: Connection refused": shell(
        "systemctl stop connd.socket connd.service"
    ),
    "Permission denied": shell("gpasswd -d airflow connd-clients"),
    "connd does not allow this user to read it": shell(
        f"printf '\n[access]\nallow = user:root\n' >>{CONF}; systemctl reload connd"
    ),
    "connd has no data yet": shell(f"sed -i '/^.access/,$d' {CONF}; {NO_DATA}"),
    "The token's file cannot be read": shell(f"chmod 0600 {TOKEN}"),
    "status 403: Environment Secrets Fetching is off": shell(
        f"{MANAGER} organization set --data /var/lib/connd-manager --secrets-fetching off"
    ),
    "status 404: The Deployment was not found": shell(
        f"cp {CONF} /root/good; sed -i 's/^deployment = .*/deployment = {'c' + '0' * 24}/' {CONF}"
    ),
    "connd does not start": shell(f"cp /root/good {CONF}; sed -i 's/^url/urll/' {CONF}"),
    "An old value": shell(f"cp /root/good {CONF}"),
}


def a_manager_for_astro(box: Box) -> None:
    """What the page takes from API=https://api.astronomer.io is a connd-manager here."""
    after_the_readme(box)
    box.run("sh", "-c", "echo 'declare -x API=http://127.0.0.1:8888' >>/run/doc-session")


EXPORTS = {
    "connections": {"orders": {"conn_type": "mysql", "host": "orders.example.com", "port": 3306}},
    "variables": {"region": "eu"},
}
ENVIRONMENT = """\
AIRFLOW__CORE__EXECUTOR=LocalExecutor
AIRFLOW_CONN_LAKE=aws://AKIA:secret%2Fkey@/?region_name=eu-central-1
AIRFLOW_VAR_SEASON="autumn"
"""


def with_exports(box: Box) -> None:
    """What the page's export commands would have written."""
    after_the_readme(box)
    for name, content in EXPORTS.items():
        box.write(f"/root/{name}.json", json.dumps(content), 0o600)
    box.write("/root/airflow.env", ENVIRONMENT, 0o600)


README = Page(
    "README.md",
    machine_with_airflow,
    not_run={"make deb": "its packages are what this suite installs: tests/run.sh builds them"},
)
PAGES = [
    README,
    Page(
        "docs/astro.md",
        a_manager_for_astro,
        not_run={
            "API=https": "no test reaches the hosted service",
            "install -o root -g connd -m 0640 /dev/stdin /etc/connd/token": "a person pastes it",
        },
    ),
    Page(
        "docs/contributing.md",
        not_run={
            "make deps": "runs before every suite, and asks the network",
            "make fuzz-inputs": "stage inputs",
            "make coverage": "minutes of tests that other stages run",
            "make all && tests/airflow": "stages airflow33, system and chaos",
            "make lint": "this suite is a part of it",
        },
    ),
    Page(
        "docs/deploy.md",
        packages_to_come_and_go,
        not_run={"make build-deps": "test_units.py installs so; here are the packages"},
    ),
    Page(
        "docs/migration.md",
        with_exports,
        not_run={"umask 077": "takes a database; tests/airflow/test_import.py runs the exports"},
    ),
    Page("docs/outages.md", after_the_readme),
    Page("docs/troubleshooting.md", after_the_readme, before=TROUBLES),
]

# Pages whose commands another test runs.
ELSEWHERE: dict[str, str] = {
    "docs/container.md": "tests/container/test_page.py runs them",
    "docs/environment-page.md": "tests/ui does what it says",
    "docs/leaks.md": "tests/e2e/test_scan.py runs scan and redact; docker and kubectl are not there",
    "docs/local.md": "tests/airflow/test_local_page.py runs them",
    "docs/kubernetes.md": "need a cluster; tests/container/test_kubernetes.py runs the pod",
    "docs/performance.md": "measure for minutes, and decide nothing",
    "docs/scale.md": "`make scale`, and managers on PostgreSQL, which tests/postgres starts",
    "docs/security.md": "has none; tests/lint/security.sh checks the tests it names",
}


def test_every_page_is_listed() -> None:
    there = {"README.md", *(f"docs/{page.name}" for page in (REPO / "docs").glob("*.md"))}
    assert {page.path for page in PAGES} | set(ELSEWHERE) == there


@pytest.mark.parametrize("page", ["README.md", *ELSEWHERE, *map(str, PAGES[1:])])
def test_links_lead_somewhere(page: str) -> None:
    path = REPO / page
    links = re.findall(r"\]\(([^)#]+)", path.read_text())
    gone = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not gone


def anchors(page: Path) -> set[str]:
    """What a link may name behind "#": the headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_anchors_are_headings() -> None:
    pages = [REPO / page for page in ("README.md", *ELSEWHERE, *map(str, PAGES[1:]))]
    for page in pages:
        for link, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text()):
            there = page.parent / link if link else page
            assert anchor in anchors(there), f"{page.name}: {link}#{anchor}"


LIMITS = {
    "a key": ("LIMIT_KEY",),
    "one connection or variable": ("LIMIT_VALUE",),
    "all overrides of one object": ("LIMIT_OVERRIDES",),
    "description; name": ("LIMIT_DESCRIPTION", "LIMIT_PLACE_NAME"),
    "a request to the manager": ("LIMIT_HTTP_BODY", "LIMIT_HTTP_HEADERS", "LIMIT_HTTP_URI"),
    "rows of one page": ("LIMIT_PAGE_ROWS", "LIMIT_PAGE_BYTES"),
    "a Deployment: objects": ("LIMIT_OBJECTS", "LIMIT_SYNC_BYTES"),
    "a request to connd's socket": ("LIMIT_FRAME", "LIMIT_REPLY"),
    "the socket's path": ("LIMIT_SOCKET_PATH",),
    "an API token": ("LIMIT_TOKEN",),
}


def test_limits_are_those_of_the_programs() -> None:
    """docs/deploy.md against daemon/base/limits.h."""
    header = (REPO / "daemon/base/limits.h").read_text().replace("\\\n", " ")
    defined = dict(re.findall(r"^#define (LIMIT_\w+)\s+([^/\n]+)", header, re.MULTILINE))

    def value(name: str) -> int:
        return eval(re.sub(r"LIMIT_\w+", lambda m: str(value(m[0])), defined[name]))

    def spelt(n: int) -> str:
        for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
            if n >= size and n % size == 0:
                return f"{n // size} {unit}"
        return f"{n:,}"

    rows = (REPO / "docs/deploy.md").read_text().splitlines()
    for begins, names in LIMITS.items():
        row = next(row for row in rows if row.startswith(f"| {begins}"))
        assert [name for name in names if spelt(value(name)) not in row] == [], row


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page(box: Box, page: Page) -> None:
    box.start()
    box.run("rm", "-f", "/usr/sbin/policy-rc.d")
    page.prepare(box)
    script(page, box).play()


def play(directory: Path, text: str, **lists) -> None:
    """A page of this text, run by a bash on this machine."""
    (directory / "page.md").write_text(text)

    def run(script: str):
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)

    session = str(directory / "session")
    doc_commands.Script(directory / "page.md", run, session=session, **lists).play()


def test_a_page_is_one_session(workdir: Path) -> None:
    text = "```sh\nNAME=connd\numask 027\n```\n- item\n\n  ```console\n  $ echo $NAME $(umask)\n  c...d 0027\n  ```\n"
    play(workdir, text)


@pytest.mark.parametrize(
    ("text", "lists", "said"),
    [
        ("\n```sh\ntrue\nfalse | true\n```\n", {}, "page.md:3: exit status 1"),
        ("```console\n$ echo one\ntwo\n```\n", {}, "the page\ntwo\n--- the command\none"),
        (
            "```sh\ntrue\n```\n",
            {"not_run": {"false": "gone"}},
            r"no block or heading is called \['false'\]",
        ),
    ],
)
def test_a_page_that_is_wrong_fails(workdir: Path, text: str, lists: dict, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        play(workdir, text, **lists)
