#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: screenshots.py DIRECTORY
Makes a picture of every page of the Environment page: NAME-light.png, NAME-dark.png and
NAME-narrow.png (360 px wide, dark)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lib"))

from browser import Browser
from conftest import Page
from connd_testing import Manager
from example import PAGES, example

LOOKS = {"light": (1280, 800, "light"), "dark": (1280, 800, "dark"), "narrow": (360, 760, "dark")}


def overrides(page: Page, path: Path) -> None:
    """On the page of a connection: what differs in a Deployment."""
    page.browser.press("Field overrides of staging")
    page.browser.js("document.querySelector('#links-title').scrollIntoView()")
    page.browser.screenshot(path)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="connd-") as scratch:
        browser = Browser(Path(scratch))
        try:
            with Manager(Path(scratch)) as manager:
                addresses = example(manager)
                page = Page(browser, manager)
                for look, (width, height, scheme) in LOOKS.items():
                    browser.size(width, height)
                    browser.scheme(scheme)
                    browser.forget()
                    browser.open(f"{manager.url}/ui/")
                    browser.find("#token")
                    browser.screenshot(directory / f"sign-in-{look}.png")
                    page.sign_in()
                    for name, address in addresses.items():
                        page.go(address, PAGES[name][1])
                        browser.screenshot(directory / f"{name}-{look}.png", whole=True)
                        if name == "connection":
                            overrides(page, directory / f"overrides-{look}.png")
        finally:
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
