# SPDX-License-Identifier: Apache-2.0
"""While the manager or its database is away, the page says so, and goes on by itself."""

from __future__ import annotations

from pathlib import Path

from browser import Browser
from conftest import Page
from connd_testing import Manager
from postgres import Postgres

SHOWN = "return document.querySelector('#trouble').checkVisibility()"
HIDDEN = "return !document.querySelector('#trouble').checkVisibility()"


def test_the_page_comes_back_after_the_database_was_away(browser: Browser, workdir: Path) -> None:
    b = browser
    with (
        Postgres(workdir / "postgres") as server,
        Manager(workdir, store=server.url()) as manager,
    ):
        page = Page(b, manager)
        manager.create_connection("warehouse")
        manager.create_connection("events")
        page.sign_in()
        b.see("warehouse")
        b.eventually(HIDDEN)
        server.stop()
        b.write("Search Connections", "ware")
        b.eventually(SHOWN)
        b.see("The database cannot be used now.", "tries again by itself")
        b.press("+ Connection")  # other views say so, too
        b.see("The database cannot be used now")
        server.start()
        b.see("Create Connection")
        b.eventually(HIDDEN)


def test_the_page_comes_back_after_the_manager_was_away(page: Page) -> None:
    b, m = page.browser, page.manager
    m.create_connection("warehouse")
    m.create_connection("events")
    page.sign_in()
    b.see("warehouse")
    m.stop()
    b.write("Search Connections", "ware")
    b.eventually(SHOWN)
    b.see("The manager cannot be reached", "tries again by itself")
    m.serve()
    b.see("1 row")
    b.eventually(HIDDEN)
