# SPDX-License-Identifier: Apache-2.0
"""What was before: versions compared and restored, deleted objects, the audit log."""

from __future__ import annotations

from conftest import Page
from connd_testing import link

HIDDEN = "\u2022" * 8
COMPARED = """
  const cells = (tr) => [...tr.cells].map((c) => c.innerText.trim());
  const rows = [...document.querySelectorAll('dialog .changes tbody tr')].map(cells);
  return rows.length ? rows : null;
"""


def compared(page: Page, *wanted: list[str]) -> None:
    """The table of an open dialog, once it is this one."""
    page.browser.eventually(
        f"return JSON.stringify((() => {{{COMPARED}}})()) === JSON.stringify(arguments[0])",
        list(wanted),
    )


def test_history_compares_versions_and_restores_one(page: Page) -> None:
    b, m = page.browser, page.manager
    dev = m.deployment_ids["dev"]
    one = m.create_connection("db", host="first", login="me", password="hunter1")
    typed = {"type": "postgres", "host": "second", "login": "me", "password": "hunter2"}
    linked = [link(dev, connection={"host": "own"})]
    m.update(one, connection=typed, links=linked, autoLinkDeployments=True)
    m.update(one, connection={**typed, "host": "third"}, links=linked, autoLinkDeployments=True)
    page.sign_in()
    page.go(page.workspace() + "/o/db", "#history-title ~ div table")
    b.press("Values of version 3")
    compared(page, ["Host", "second", "third"])
    b.choose("Compared with", "version 1")
    compared(
        page, ["Linked to all Deployments", "not set", "Yes"], ["Host", "first", "third"],
        ["Password", HIDDEN, f"{HIDDEN} (changed)"], ["dev Link", "not set", "Yes"],
        ["dev Host", "inherited", "own"],
    )  # fmt: skip
    assert "hunter" not in b.js("return document.documentElement.outerHTML")
    b.press("Close")
    assert b.focused() == "Values of version 3"
    b.press("Restore version 1")
    b.see("version 3, now")
    compared(
        page, ["Linked to all Deployments", "Yes", "not set"], ["Host", "third", "first"],
        ["Password", HIDDEN, f"{HIDDEN} (changed)"], ["dev Link", "Yes", "not set"],
        ["dev Host", "own", "inherited"],
    )  # fmt: skip
    b.press("Restore")
    b.eventually("return document.querySelector('[data-path=\"v.host\"]')?.value === 'first'")
    row = m.api("GET", "?objectKey=db&showSecrets=true")["environmentObjects"][0]
    assert (row["connection"]["password"], row["links"]) == ("hunter1", [])


def test_a_deleted_object_shows_what_it_brings_back(page: Page) -> None:
    b, m = page.browser, page.manager
    prod = m.deployment_ids["prod"]
    one = m.create_connection(
        "db", host="h", password="hunter1", links=[link(prod, connection={"login": "me"})]
    )
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    b.press("Delete Connection db")
    b.press("Delete")
    b.see("Deleted db")
    page.go("audit", "tbody tr")
    b.press("Bring db back")
    compared(
        page, ["Connection type", "postgres"], ["Host", "h"], ["Password", HIDDEN],
        ["prod Link", "Yes"], ["prod Login", "me"],
    )  # fmt: skip
    b.press("Bring back")
    b.see("db is back")
    assert m.api("GET", f"/{one}")["connection"]["host"] == "h"


def test_the_audit_log_is_filtered_by_the_server(page: Page) -> None:
    b, m = page.browser, page.manager
    for i in range(3):
        m.create_variable(f"loads_{i}", "1")
    gone = m.create_variable("other", "1")
    m.delete(gone)
    page.sign_in()
    page.go("audit", "tbody tr")
    b.see("loads_0", "other")
    b.write("Search names", "LOADS")
    b.see("3 rows")
    assert "other" not in b.text()
    b.write("Search names", " ")
    b.see("other")
    b.choose("What", "Deleted")
    b.see("1 row")
    assert "Bring back" in b.text() and "loads_0" not in b.text()
    b.choose("What", "All actions")
    b.press("Show reads", "input")
    b.see("Read\n")
