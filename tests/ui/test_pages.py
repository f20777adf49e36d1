# SPDX-License-Identifier: Apache-2.0
"""Every page: accessible in both colour schemes, whole at each width, small, and free of errors."""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path
from typing import Any

from conftest import Page
from example import PAGES, example

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
SOURCES = Path(__file__).parents[2] / "daemon/manager/ui"


def offences(page: Page, rules: str = "all") -> list[str]:
    """What axe finds that is serious or critical, by one rule or by all."""
    if not page.browser.js("return 'axe' in window"):
        page.browser.js(AXE)
    found: Any = page.browser.js(
        """
        const only = arguments[0] === 'all' ? {} : { runOnly: arguments[0] };
        const options = { resultTypes: ['violations'], ...only };
        return axe.run(document, options).then((r) =>
          r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
            .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html).join(' | ')}`));
        """,
        rules,
    )
    return list(found)


def assert_whole(page: Page, name: str) -> None:
    wide = page.browser.js("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"


def look(page: Page, name: str) -> None:
    """What is shown, in every width and both colour schemes. Of axe's rules, contrast alone depends
    on the scheme."""
    b = page.browser
    assert_whole(page, name)
    assert offences(page) == [], f"{name}, light"
    b.size(3840, 2160)
    assert_whole(page, f"{name} at 4K")
    b.size(360, 900)
    b.scheme("dark")
    assert_whole(page, f"{name} at 360 px")
    assert offences(page, "color-contrast") == [], f"{name}, dark"
    b.size(1280, 900)
    b.scheme("light")


def test_every_page_is_accessible_and_whole(page: Page) -> None:
    b = page.browser
    b.open(f"{page.manager.url}/ui/")
    b.find("#token")
    look(page, "the sign-in")
    addresses = example(page.manager)
    page.sign_in()
    for name, address in addresses.items():
        page.go(address, PAGES[name][1])
        b.js(
            "document.querySelectorAll('#content [aria-expanded=false]').forEach((e) => e.click())"
        )
        look(page, name)


def test_long_names_and_many_places_fit(page: Page) -> None:
    b, m = page.browser, page.manager
    for i in range(40):
        name = f"deployment {i} of a team with a long name, which has many others as well"
        body = {"name": name, "workspaceId": m.workspace}
        assert m.request("POST", f"/v1/organizations/{m.organization}/deployments", body)[0] == 200
    key = "k" * 250
    m.create_connection(key, host="h" * 200, login="l" * 100, description="d" * 400)
    m.create_variable(key, "x" * 5000)
    page.sign_in()
    for address, selector in (
        (page.workspace(), "tbody tr"),
        (page.workspace("airflow-variables"), "tbody tr"),
        (page.deployment("prod"), ".empty"),
        (page.workspace() + f"/o/{key}", "#history-title ~ div table"),
        (page.workspace("places"), "tbody tr"),
        ("audit", "tbody tr"),
    ):
        page.go(address, selector)
        for width in (1280, 360):
            b.size(width, 900)
            assert_whole(page, f"{address} at {width} px")
        b.size(1280, 900)
    page.go(page.workspace(), "tbody tr")
    assert b.js("return document.querySelector('tbody tr').offsetHeight") < 400


def test_dialogs_are_accessible(page: Page) -> None:
    b = page.browser
    addresses = example(page.manager)
    page.sign_in()
    for name, opener in (
        ("tokens", "+ Token"),
        ("places", "+ Project"),
        ("organization", "Switch off"),
    ):
        page.go(addresses[name], PAGES[name][1])
        b.press(opener)
        b.find("dialog[open]")
        assert offences(page) == [], opener
        b.keys("\ue00c")
        assert b.focused() == opener
    page.go(addresses["connection"], PAGES["connection"][1])
    b.write("Host", "changed")
    b.press("Review and save")
    assert offences(page) == [], "the review"
    b.press("Back to editing")
    b.press("Discard")
    b.eventually(
        "return document.querySelector('[data-path=\"v.host\"]').value === 'dwh.example.com'"
    )


def test_the_files_are_small_and_few(page: Page) -> None:
    names = [p for kind in ("html", "css", "js", "svg") for p in SOURCES.glob(f"*.{kind}")]
    compressed = sum(len(gzip.compress(p.read_bytes(), 9)) for p in names)
    assert compressed < 75_000
    page.sign_in()
    fetched = page.browser.js(
        "return performance.getEntriesByType('resource').map((e) => new URL(e.name).origin)"
    )
    assert set(fetched) == {page.manager.url}
