# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the page's suite: one Chromium for all tests, a manager for each."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser
from connd_testing import Manager


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    directory = Path(tempfile.mkdtemp(prefix="connd-ui-"))
    browser = Browser(directory)
    yield browser
    browser.close()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Nobody is signed in; a script error in the page fails the test."""
    chromium.forget()
    chromium.size(1280, 900)
    chromium.scheme("light")
    yield chromium
    assert chromium.console() == []


@dataclasses.dataclass
class Page:
    """A person at the page of a manager."""

    browser: Browser
    manager: Manager

    def sign_in(self, token: str | None = None) -> None:
        self.browser.open(f"{self.manager.url}/ui/")
        self.browser.find("#token:focus")
        self.browser.paste(token or self.manager.token)
        self.browser.press("Sign in")
        self.browser.find("#content h1")

    def go(self, address: str, selector: str = "h1") -> None:
        """To an address of the page; the selector appears when it is shown."""
        self.browser.js("document.querySelector('#content').replaceChildren()")
        self.browser.js(
            """
            const isShown = location.hash === arguments[0];
            if (isShown) window.dispatchEvent(new HashChangeEvent('hashchange'));
            else location.hash = arguments[0];
            """,
            f"#/{address}",
        )
        self.browser.find(f"#content {selector}")

    def workspace(self, kind: str = "connections") -> str:
        return f"w/{self.manager.workspace}/{kind}"

    def deployment(self, name: str, kind: str = "connections") -> str:
        return f"d/{self.manager.deployment_ids[name]}/{kind}"

    def row(self, key: str) -> str:
        """The text of a table's row, once it is there."""
        return str(
            self.browser.eventually(
                """
                const isIt = (row) => row.cells[0].innerText.split('\\n')[0] === arguments[0];
                return [...document.querySelectorAll('tbody tr')].find(isIt)?.innerText;
                """,
                key,
            )
        )

    def issue(self, role: str, scope: str = "organization", scope_id: str = "") -> str:
        """The text of a new token."""
        issued = self.manager.command(
            "token", "create", "--data", str(self.manager.data), "--name", f"the {role}",
            "--scope", scope, "--scope-id", scope_id or self.manager.organization, "--role", role,
        )  # fmt: skip
        return str(issued["token"])


@pytest.fixture
def page(browser: Browser, manager: Manager) -> Page:
    return Page(browser, manager)
