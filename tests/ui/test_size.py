# SPDX-License-Identifier: Apache-2.0
"""A table of 5 000 objects costs the page what an empty one costs: counted; times are printed."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
from dataclasses import dataclass

from conftest import Page
from connd_testing import PATIENCE, Manager

ROWS = 5000
SHOWN = 50
CLIENTS = 8


def fill(manager: Manager, first: int, last: int) -> None:
    """By several clients, whose commits the disk takes together."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(
            pool.map(lambda i: fill_some(manager, range(first + i, last, CLIENTS)), range(CLIENTS))
        )


def fill_some(manager: Manager, numbers: range) -> None:
    conn = http.client.HTTPConnection("127.0.0.1", manager.port, timeout=PATIENCE)
    path = f"/v1/organizations/{manager.organization}/environment-objects"
    head = {"Authorization": f"Bearer {manager.token}", "Content-Type": "application/json"}
    for i in numbers:
        body = {
            "objectType": "CONNECTION", "objectKey": f"service_{i:05}", "scope": "WORKSPACE",
            "scopeEntityId": manager.workspace, "autoLinkDeployments": True,
            "connection": {"type": "postgres", "host": f"db-{i}.example.com"},
        }  # fmt: skip
        conn.request("POST", path, json.dumps(body), head)
        reply = conn.getresponse()
        assert reply.status == 200, reply.read()
        reply.read()
    conn.close()


@dataclass
class Cost:
    """Of what was shown since the last call."""

    lists: int  # requests for one page of rows
    bytes: int  # of their responses
    others: int  # requests for all rows of a place
    elements: int  # of the page


def cost(page: Page) -> Cost:
    return Cost(
        *page.browser.js(
            """
            const all = performance.getEntriesByType('resource')
              .filter((e) => e.name.includes('/environment-objects?'));
            performance.clearResourceTimings();
            const of = (limit) => all.filter((e) => e.name.includes(`limit=${limit}&`));
            const bytes = of(50).reduce((n, e) => n + e.decodedBodySize, 0);
            const elements = document.querySelectorAll('*').length;
            return [of(50).length, bytes, of(1000).length, elements];
            """
        )
    )


def first_paint(page: Page, address: str, total: str) -> Cost:
    page.browser.js("performance.clearResourceTimings()")
    page.go(address, "tbody tr")
    page.browser.see(total)
    return cost(page)


def search(page: Page, number: int) -> Cost:
    b = page.browser
    b.js("performance.clearResourceTimings()")
    b.write("Search Connections", f"service_{number:05}")
    page.row(f"service_{number:05}")
    b.see("1 row")
    found = cost(page)
    b.write("Search Connections", "")
    return found


TIMED = """
    const before = () => {{ {before} }}, act = () => {{ {act} }}, done = () => {{ {done} }};
    const frame = () => new Promise(requestAnimationFrame);
    return (async () => {{
      const took = [];
      for (let i = 0; i < 5; i++) {{
        before();
        while (done()) await frame();
        const start = performance.now();
        act();
        while (!done()) await frame();
        await frame();
        took.push(performance.now() - start);
      }}
      return took.sort((a, b) => a - b)[2];
    }})();
"""
CLEAR = "document.querySelector('#content').replaceChildren()"
SEARCH = """
    const search = document.querySelector('#search');
    search.value = '{}';
    search.dispatchEvent(new Event('input'));
"""


def times(page: Page) -> dict[str, float]:
    """Milliseconds until it is painted, the median of five: the page, a search, a filter."""
    b, shown = page.browser, "return document.querySelector('#content tbody tr, #content .empty')"
    page.go(page.workspace(), ".toolbar")
    show = "window.dispatchEvent(new HashChangeEvent('hashchange'))"
    paint: float = b.js(TIMED.format(before=CLEAR, act=show, done=shown))
    none = "return document.querySelector('.empty')?.innerText.includes('no such key')"
    sought = SEARCH.format("no such key")
    search: float = b.js(TIMED.format(before=SEARCH.format(""), act=sought, done=none))
    b.js(SEARCH.format(""))
    choose = """
        const linked = document.querySelector('#filter-linked');
        linked.value = {};
        linked.dispatchEvent(new Event('change'));
    """
    filtered = "return document.querySelector('.empty')?.innerText.includes('Nothing fits')"
    every, some = choose.format("''"), choose.format("'restricted'")
    filtering: float = b.js(TIMED.format(before=every, act=some, done=filtered))
    b.js(every)
    return {"first paint": paint, "search": search, "filter": filtering}


def test_five_thousand_rows_cost_the_page_what_fifty_cost(page: Page) -> None:
    page.sign_in()
    page.go("org")  # which shows no list
    workspace, prod = page.workspace(), page.deployment("prod")
    empty = times(page)
    page.go("org")
    fill(page.manager, 0, SHOWN)
    few = first_paint(page, workspace, "50 rows")
    assert 1000 < few.bytes < 100_000
    few_search = search(page, 7)
    few_resolved = first_paint(page, prod, "50 rows")
    page.go("org")
    fill(page.manager, SHOWN, ROWS)
    many = first_paint(page, workspace, "of 5,000")
    for now, before in ((many, few), (search(page, 4321), few_search)):
        assert now.lists == before.lists == 1 and now.others == before.others == 0
        assert now.bytes <= before.bytes * 1.2
        assert now.elements <= before.elements + 20  # the pager
    resolved = first_paint(page, prod, "of 5,000")
    assert resolved.lists == few_resolved.lists == 1
    assert resolved.elements <= few_resolved.elements + 20
    page.browser.eventually(
        """
        const read = performance.getEntriesByType('resource').map((e) => e.name);
        return read.filter((name) => name.includes('limit=1000&')).length >= arguments[0];
        """,
        ROWS // 1000 - resolved.others,
    )
    assert search(page, 1234).others == 0, "what the Workspace has is read once"
    for name, ms in times(page).items():
        print(f"{name}: {ms:.0f} ms, {ms / empty[name]:.2f} x an empty manager ({empty[name]:.0f})")
