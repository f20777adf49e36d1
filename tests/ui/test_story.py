# SPDX-License-Identifier: Apache-2.0
"""What people do on the Environment page, from the sign-in to what connd serves."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browser import ENTER, ESCAPE, SPACE
from conftest import Page
from connd_testing import Connd, VarlinkError, eventually, link

REPO = Path(__file__).resolve().parents[2]


def served(connd: Connd, key: str) -> dict[str, Any] | None:
    """The connection as connd serves it; None when it does not."""
    try:
        return connd.connection(key)
    except VarlinkError:
        return None


def create_warehouse(page: Page) -> None:
    b = page.browser
    b.press("+ Connection")
    b.write("Connection ID", "warehouse")
    b.write("Host", "dwh.example.com")
    b.write("Port", "5432")
    b.write("Login", "etl")
    b.write("Password", "s3cret")
    b.write("SSL mode", "require")
    b.press("Create Connection")
    b.see("Created warehouse")


def test_create_link_override_and_connd_serves_it(page: Page) -> None:
    b = page.browser
    with page.manager.connd("prod") as prod, page.manager.connd("dev", name="dev") as dev:
        page.sign_in()
        create_warehouse(page)
        want = {"conn_type": "postgres", "host": "dwh.example.com", "login": "etl",
                "password": "s3cret", "port": 5432, "extra": {"sslmode": "require"}}  # fmt: skip
        eventually(lambda: served(prod, "warehouse") == want, "prod gets it")
        eventually(lambda: served(dev, "warehouse") == want, "dev gets it")

        b.press("Field overrides of dev")
        b.press("Override Host")
        b.keys("localhost")  # the focus is in the new field
        b.press("Override Password")
        b.keys("dev-only")
        b.press("Review and save")
        b.see("Save warehouse?", "localhost", "•••••••• (new)")
        assert "dev-only" not in b.text()
        b.press("Save")
        b.see("Saved warehouse")
        eventually(
            lambda: (
                served(dev, "warehouse") == {**want, "host": "localhost", "password": "dev-only"}
            ),
            "dev gets its own host and password",
        )
        assert served(prod, "warehouse") == want

        b.press("Field overrides of dev")
        b.press("Reset Host to inherited")
        b.press("Review and save")
        b.see("inherited")
        b.press("Save")
        eventually(
            lambda: served(dev, "warehouse") == {**want, "password": "dev-only"},
            "the host is inherited again, the password is still dev's",
        )


@contextlib.contextmanager
def following(connd: Connd, key: str, directory: Path) -> Iterator[list[tuple[float, str]]]:
    """What a task in a real Airflow gets for the connection: when it changed, and to what."""
    subprocess.run([REPO / "tests/airflow/venvs.sh", "airflow33"], check=True, timeout=600)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "ignore",
        "AIRFLOW_HOME": str(directory / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__SECRETS__BACKEND": "airflow_connd.ConndBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"socket_path": str(connd.socket)}),
    }
    python = REPO / ".venvs/airflow33/bin/python"
    seen: list[tuple[float, str]] = []
    with subprocess.Popen(
        [python, REPO / "tests/ui/follow.py", key], env=environment, text=True,
        stdout=subprocess.PIPE,
    ) as task:  # fmt: skip

        def read() -> None:
            assert task.stdout
            for line in task.stdout:
                seen.append((time.monotonic(), line.rstrip()))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield seen
        finally:
            task.kill()
            reader.join()


def test_airflow_sees_what_was_saved(page: Page, workdir: Path) -> None:
    b = page.browser
    with (
        page.manager.connd("dev", name="dev") as dev,
        following(dev, "warehouse", workdir) as seen,
    ):
        eventually(lambda: [text for _, text in seen] == ["not found"], "Airflow asks")
        page.sign_in()
        create_warehouse(page)
        eventually(lambda: seen[-1][1] == "etl@dwh.example.com:5432", "Airflow gets it")

        b.press("Field overrides of dev")
        b.press("Override Host")
        b.keys("localhost")
        b.press("Review and save")
        b.see("Save warehouse?")
        saved = time.monotonic()
        b.press("Save")
        eventually(lambda: seen[-1][1] == "etl@localhost:5432", "Airflow gets dev's host")
        print(f"in Airflow {seen[-1][0] - saved:.2f} s after Save was pressed")


def test_an_excluded_deployment_loses_what_all_others_get(page: Page) -> None:
    b = page.browser
    with page.manager.connd("prod") as prod, page.manager.connd("dev", name="dev") as dev:
        page.sign_in()
        create_warehouse(page)
        eventually(lambda: served(dev, "warehouse") is not None, "dev gets it")
        b.press("dev", role="input")
        b.see("Excluded")
        b.press("Review and save")
        b.see("Save warehouse?")
        b.press("Save")
        eventually(lambda: served(dev, "warehouse") is None, "dev has it no more")
        assert served(prod, "warehouse") is not None


def test_the_main_story_by_keyboard_alone(page: Page) -> None:
    b = page.browser
    b.open(f"{page.manager.url}/ui/")
    b.find("#token:focus")
    b.paste(page.manager.token)
    b.keys(ENTER)
    b.see("No Connections yet")
    b.tab_to("+ Connection")
    b.keys(ENTER)
    b.see("Create Connection")
    b.tab_to("Connection ID")
    b.keys("warehouse")
    b.tab_to("Host")
    b.keys("dwh.example.com")
    b.tab_to("Login")
    b.keys("etl")
    b.tab_to("Field overrides of dev")
    b.keys(SPACE)
    b.tab_to("Override Login")
    b.keys(SPACE)
    assert b.focused() == "Login"
    b.keys("dev")
    b.tab_to("Create Connection")
    b.keys(ENTER)
    b.see("Created warehouse", "1 override")
    assert b.focused() == "warehouse"  # the title of what is shown now
    link = page.manager.api("GET", "?objectKey=warehouse")["environmentObjects"][0]["links"][0]
    assert link["connectionOverrides"] == {"login": "dev"}

    b.tab_to("Description")
    b.keys("of the data team")
    b.tab_to("Review and save")
    b.keys(ENTER)
    b.see("Save warehouse?")
    b.keys(ESCAPE)
    assert b.focused() == "Review and save"  # the dialog gives the focus back
    b.keys(ENTER)
    b.see("Save warehouse?")
    assert b.focused() == "Save"
    b.keys(ENTER)
    b.see("Saved warehouse")


def test_what_others_change_appears(page: Page) -> None:
    page.sign_in()
    page.go(page.workspace("airflow-variables"))
    page.browser.see("No Airflow Variables yet")
    one = page.manager.create_variable("batch_size", "5", autoLinkDeployments=True)
    assert "5" in page.row("batch_size")
    page.browser.press("batch_size", "a")
    page.browser.find("form.object")
    page.manager.update(one, airflowVariable={"value": "6"}, autoLinkDeployments=True)
    page.browser.see("has just changed this object")
    assert page.browser.js("return document.querySelector('[data-path=\"v.value\"]').value") == "6"


def test_two_editors_of_one_object_are_told(page: Page) -> None:
    b = page.browser
    one = page.manager.create_connection("db", host="a", login="x")
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    b.write("Login", "mine")
    page.manager.update(one, connection={"type": "postgres", "host": "theirs", "login": "x"})
    b.see("has just saved this object")
    b.press("Review and save")
    b.press("Save")
    b.see("Somebody else has saved this object", "You changed different fields")
    b.press("Put mine on top and review")
    b.see("Save db?")
    b.press("Save")
    b.see("Saved db")
    typed = page.manager.api("GET", f"/{one}")["connection"]
    assert (typed["host"], typed["login"]) == ("theirs", "mine")

    b.write("Host", "mine")
    page.manager.update(one, connection={"type": "postgres", "host": "again"})
    b.press("Review and save")
    b.press("Save")
    b.see("Both of you changed: object: Host")
    b.press("Discard mine")
    b.eventually("return document.querySelector('[data-path=\"v.host\"]').value === 'again'")
    assert page.manager.api("GET", f"/{one}")["connection"]["host"] == "again"


def test_secrets_are_masked_kept_and_revealed_by_right(page: Page) -> None:
    b = page.browser
    page.manager.create_connection("db", host="a", password="hunter2", extra={"key": "k3y"})
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    assert "hunter2" not in b.js("return document.documentElement.outerHTML")
    b.write("Host", "b")
    b.press("Review and save")
    b.press("Save")
    b.see("Saved db")
    rows = page.manager.api("GET", "?objectKey=db&showSecrets=true")["environmentObjects"]
    assert rows[0]["connection"]["password"] == "hunter2"
    assert rows[0]["connection"]["extra"] == {"key": "k3y"}
    b.click('[data-reveal="v.password"]')
    b.see("hunter2")
    b.press("Hide")
    assert "hunter2" not in b.text()
    page.go("org")
    b.press("Switch off")
    b.see("Switch Environment Secrets Fetching off?")
    b.press("Switch off")
    b.see("Secrets can no longer be fetched")
    page.go(page.workspace() + "/o/db", "form.object")
    assert not b.js("return document.querySelector('[data-reveal]')")


def test_overrides_survive_an_edit_of_the_rest(page: Page) -> None:
    """Secret ones above all, which the page never sees, and with a description in the update."""
    b, m = page.browser, page.manager
    prod, dev = m.deployment_ids["prod"], m.deployment_ids["dev"]
    m.create_connection(
        "db", host="h", password="p", extra={"plain": "x"},
        links=[
            link(prod, connection={"password": "only a secret"}),
            link(dev, connection={"host": "d", "extra": {"key": "k"}}),
        ],
    )  # fmt: skip
    m.create_variable("v", "s", secret=True, links=[link(prod, airflowVariable={"value": "own"})])
    page.sign_in()
    for address in (page.workspace() + "/o/db", page.workspace("airflow-variables") + "/o/v"):
        page.go(address, "form.object")
        b.write("Description", "something else")
        b.press("Review and save")
        b.press("Save")
        b.see("Saved")
        b.find("[data-path=description]")
    rows = m.api("GET", "?showSecrets=true")["environmentObjects"]
    of = {r["objectKey"]: r for r in rows}
    links = {x["scopeEntityId"]: x["connectionOverrides"] for x in of["db"]["links"]}
    assert links == {
        prod: {"password": "only a secret"}, dev: {"host": "d", "extra": {"key": "k"}}
    }  # fmt: skip
    assert of["db"]["connection"]["password"] == "p"
    assert of["v"]["links"][0]["airflowVariableOverrides"] == {"value": "own"}
    assert of["v"]["airflowVariable"]["value"] == "s"
    assert of["v"]["description"] == of["db"]["description"] == "something else"


def test_a_deployment_shows_where_each_value_comes_from(page: Page) -> None:
    b = page.browser
    prod = page.manager.deployment_ids["prod"]
    page.manager.create_connection("shared", host="s", autoLinkDeployments=True)
    page.manager.create_connection(
        "differs", host="s", links=[link(prod, connection={"host": "other"})]
    )
    page.manager.create_connection("hidden", host="above", autoLinkDeployments=True)
    page.manager.create_connection("hidden", prod, host="own")
    page.manager.create_connection("elsewhere", host="x")
    page.sign_in()
    page.go(page.deployment("prod"), "tbody tr")
    assert "Analytics" in page.row("shared")
    b.see("hides the Workspace")
    assert "own" in page.row("hidden")
    assert "This Deployment" in page.row("hidden")
    assert "other" in page.row("differs")
    assert "Override" in page.row("differs")
    assert "elsewhere" not in b.text()
    b.press("hidden", "a")
    page.manager.api(
        "DELETE",
        "/"
        + page.manager.api("GET", f"?workspaceId={page.manager.workspace}&objectKey=hidden")[
            "environmentObjects"
        ][0]["id"],
    )
    b.press("Promote to Workspace")
    b.press("Promote to Workspace")
    b.see("belongs to the Workspace now")


def test_search_sort_and_pages_are_the_servers(page: Page) -> None:
    b = page.browser
    for i in range(60):
        page.manager.create_variable(f"var_{i:02}", str(i))
    page.sign_in()
    page.go(page.workspace("airflow-variables"), "tbody tr")
    b.see("50 of 60")
    b.press("Next")
    b.see("60 of 60")
    assert b.js("return document.querySelectorAll('tbody tr').length") == 10
    b.write("Search Airflow Variables", "VAR_3")
    b.see("10 rows")
    b.click("[data-sort=objectKey]")
    b.eventually("return document.querySelector('tbody th').innerText === 'var_39'")
    assert b.js("return document.activeElement.dataset.sort") == "objectKey"
    assert "search=VAR_3" in b.js("return location.hash")
    b.write("Search Airflow Variables", "nothing like it")
    b.see("Nothing matches")
    b.press("Clear the search")
    b.see("50 of 60")


def test_tables_are_filtered_by_the_server(page: Page) -> None:
    b, m = page.browser, page.manager
    prod = m.deployment_ids["prod"]
    m.create_connection("for_all", autoLinkDeployments=True)
    m.create_connection("for_prod", links=[link(prod)])
    m.create_connection("for_nobody")
    m.create_connection("of_prod", prod)
    page.sign_in(page.issue("OWNER"))
    shown = "return [...document.querySelectorAll('tbody th a')].map((e) => e.innerText).join()"

    def see(*keys: str) -> None:
        b.eventually(f"{shown} === arguments[0]", ",".join(keys))

    page.go(page.workspace(), "tbody tr")
    see("for_all", "for_nobody", "for_prod")
    for choice, keys in (
        ("Restricted", ("for_nobody", "for_prod")),
        ("Linked to prod", ("for_all", "for_prod")),
        ("Linked to all Deployments", ("for_all",)),
    ):
        b.choose("Linked", choice)
        see(*keys)
    assert "linked=all" in b.js("return location.hash")
    b.write("Changed by", "nobody of this name")
    b.see("Nothing fits the filters")
    b.press("Clear the filters")
    see("for_all", "for_nobody", "for_prod")
    assert b.focused() == "Search Connections"
    assert "linked" not in b.js("return location.hash")
    b.choose("Updated", "Changed in the last day")
    b.write("Search Connections", "prod")
    see("for_prod")
    page.go(page.workspace() + f"?linked={prod}", "tbody tr")
    see("for_all", "for_prod")

    page.go(page.deployment("prod"), "tbody tr")
    see("for_all", "for_prod", "of_prod")
    b.choose("Comes from", "This Deployment")
    see("of_prod")
    b.choose("Comes from", "Workspace")
    see("for_all", "for_prod")


def test_extra_as_json_names_the_line_of_an_error(page: Page) -> None:
    b = page.browser
    page.manager.create_connection("db", extra={"big": 9223372036854775807, "a": {"b": [1]}})
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    b.press("Edit as JSON")
    b.write("Extra as JSON", '{\n  "big": "",\n  "a": oops\n}')
    b.see("Is not valid JSON: look at line 3")
    b.write("Extra as JSON", '{"big": 9223372036854775806, "a": "", "new": true}')
    b.press("Review and save")
    b.press("Save")
    b.see("Saved db")
    rows = page.manager.api("GET", "?objectKey=db&showSecrets=true")["environmentObjects"]
    assert rows[0]["connection"]["extra"] == {
        "big": 9223372036854775806, "a": {"b": [1]}, "new": True
    }  # fmt: skip


def test_places_and_tokens(page: Page) -> None:
    b = page.browser
    page.sign_in()
    page.go(page.workspace("places"), "table")
    b.press("+ Deployment")
    b.write("Name", "staging")
    b.press("Save")
    b.see("Saved staging")
    assert "staging" in b.js("return document.querySelector('#nav').innerText")
    b.press("Edit staging")
    b.write("Name", "qa")
    b.press("Save")
    b.see("Saved qa")
    b.press("Delete qa")
    b.see("0 objects of its own", "0 links from objects of the Workspace")
    b.press("Delete")
    b.see("Deleted qa")
    page.go("tokens", "table")
    b.press("+ Token")
    b.write("Name", "for a person")
    b.choose("Role", "Operator: also creates, changes, links and deletes")
    b.press("Create")
    text = b.eventually("return document.querySelector('#issued-token')?.value")
    assert page.manager.request("GET", "/v1/organizations", token=text)[0] == 200
    b.press("Done")
    assert text not in b.js("return document.documentElement.outerHTML")
    b.press("Revoke for a person")
    b.press("Revoke")
    b.see("Revoked for a person")
    assert page.manager.request("GET", "/v1/organizations", token=text)[0] == 401


def test_import_previews_and_export_writes_the_same(page: Page, workdir: Path) -> None:
    b = page.browser
    page.manager.create_connection("there", host="old", password="kept?")
    file = workdir / "connections.json"
    wanted = {
        "pg": {
            "conn_type": "postgres",
            "host": "h",
            "port": 5432,
            "password": "p",
            "extra": '{"a": 1}',
        },
        "there": "mysql://u:p%40ss@new:3306/db",
        "not a key": {"conn_type": "http"},
    }
    file.write_text(json.dumps(wanted))
    page.sign_in()
    page.go(page.workspace("transfer"), "#import-file")
    b.upload("#import-file", file)
    b.see("Preview: 1 object of 3", "exists, left alone", "not a connection ID")
    b.press("Overwrite what is there", "input")
    b.see("Preview: 2 objects of 3")
    assert page.manager.api("GET", "?objectKey=pg")["totalCount"] == 0
    b.press("Import 2 objects")
    b.see("Imported 2 objects.")
    rows = page.manager.api("GET", "?showSecrets=true&objectType=CONNECTION")["environmentObjects"]
    typed = {r["objectKey"]: r["connection"] for r in rows}
    assert typed["pg"] == {
        "type": "postgres",
        "host": "h",
        "port": 5432,
        "password": "p",
        "extra": {"a": 1},
    }
    assert (typed["there"]["type"], typed["there"]["password"]) == ("mysql", "p@ss")
    b.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(workdir))
    b.press("With secrets", "input")
    b.press("Export connections")
    b.see("Exported 2 objects")
    exported = workdir / "Analytics-connections.json"
    eventually(exported.exists, "the file is there")
    assert json.loads(exported.read_text())["pg"] == {
        "conn_type": "postgres", "host": "h", "port": 5432, "password": "p", "extra": '{"a":1}'
    }  # fmt: skip


def test_a_project_shows_the_union_and_who_wins(page: Page) -> None:
    b, m = page.browser, page.manager
    dev = m.deployment_ids["dev"]
    status, project = m.request(
        "POST", f"/v1/organizations/{m.organization}/projects",
        {"name": "lab", "workspaceId": m.workspace, "deploymentId": dev},
    )  # fmt: skip
    assert status == 200
    m.create_connection("of_workspace", host="w", autoLinkDeployments=True)
    m.create_connection("of_deployment", dev, host="d")
    m.create_connection("of_project", host="w", autoLinkDeployments=True)
    page.sign_in()
    page.go(f"p/{project['id']}/connections", "tbody tr")
    b.press("+ Connection")
    b.write("Connection ID", "of_project")
    b.write("Host", "p")
    b.press("Create Connection")
    b.see("Created of_project")
    page.go(f"p/{project['id']}/connections", "tbody tr")
    assert "This Project" in page.row("of_project")
    assert "p" in page.row("of_project").split()
    assert "Workspace Analytics" in page.row("of_workspace")
    assert "Deployment dev" in page.row("of_deployment")
    page.go(page.workspace() + "/o/of_workspace", "form.object")
    b.press("lab", "input")
    b.press("Field overrides of lab")
    b.press("Override Host")
    b.keys("only in the lab")
    b.press("Review and save")
    b.press("Save")
    b.see("Saved of_workspace")
    page.go(f"p/{project['id']}/connections", "tbody tr")
    assert "only in the lab" in page.row("of_workspace")


def test_the_fleet_shows_a_change_arriving(page: Page) -> None:
    b = page.browser
    page.sign_in()
    page.go("sidecars", ".empty")
    b.see("No connd has reported yet")
    with page.manager.connd("prod"):
        b.see("1 of 1 on the newest")
        before = b.js("return document.querySelector('tbody code').innerText")
        page.manager.create_connection("warehouse", autoLinkDeployments=True)
        b.eventually(
            "return document.querySelector('tbody code')?.innerText !== arguments[0]", before
        )
        b.see("1 of 1 on the newest")
        b.size(700, 900)  # a name of a host is not cut into letters
        assert b.js("return document.querySelector('tbody th').offsetWidth") >= 150


def test_places_that_others_make_appear(page: Page) -> None:
    m = page.manager
    page.sign_in()
    page.browser.js("const now = Date.now; Date.now = () => now() + 60000")
    path = f"/v1/organizations/{m.organization}/deployments"
    assert m.request("POST", path, {"name": "fresh", "workspaceId": m.workspace})[0] == 200
    page.go("org")
    page.browser.eventually("return document.querySelector('#nav').innerText.includes('fresh')")
