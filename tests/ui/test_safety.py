# SPDX-License-Identifier: Apache-2.0
"""Who may do what on the Environment page, how sessions begin and end, and what names cannot do."""

from __future__ import annotations

import pytest
from conftest import Page
from connd_testing import link

# Each would run, or break out of an attribute, were it ever taken for markup.
MARKUP = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"


def test_names_and_values_are_never_markup(page: Page) -> None:
    b, m = page.browser, page.manager
    org = f"/v1/organizations/{m.organization}"
    assert m.request("POST", f"{org}/workspaces/{m.workspace}", {"name": MARKUP[:120]})[0] == 200
    prod = m.deployment_ids["prod"]
    assert (
        m.request("POST", f"{org}/deployments/{prod}", {"name": "'\"><b>" + MARKUP[:100]})[0] == 200
    )
    m.create_connection("db", host=MARKUP, login=MARKUP, schema=MARKUP, extra={MARKUP: MARKUP},
                        description=MARKUP,
                        links=[link(prod, connection={"host": MARKUP})])  # fmt: skip
    m.create_variable(MARKUP, MARKUP, description=MARKUP, autoLinkDeployments=True)
    m.create("ENVIRONMENT_VARIABLE", "E", {"value": MARKUP}, autoLinkDeployments=True)
    token = m.command(
        "token", "create", "--data", str(m.data), "--name", MARKUP[:60], "--scope", "organization",
        "--scope-id", m.organization, "--role", "OWNER",
    )["token"]  # fmt: skip
    page.sign_in(token)
    for address in (
        page.workspace(), page.workspace("airflow-variables"), page.deployment("prod"),
        page.workspace() + "/o/db", page.workspace("environment-variables"), "tokens", "audit",
        "org", page.workspace("places"), page.workspace("transfer"),
    ):  # fmt: skip
        page.go(address)
        assert b.js("return document.querySelectorAll('img, script:not([src]), b').length") == 0
        assert "pwned" not in b.js("return document.title").replace(MARKUP, "")
    page.go(page.workspace() + "/o/db", "form.object")
    b.js("document.querySelectorAll('.link-row button').forEach((e) => e.click())")
    b.write("Host", MARKUP + "2")
    b.press("Review and save")
    b.see("Save db?")
    assert b.js("return document.querySelectorAll('img, script:not([src]), b').length") == 0
    b.press("Save")
    b.see("Saved db")
    page.go(page.workspace("airflow-variables"), "tbody tr")
    b.click("tbody tr a")
    b.find("form.object")
    assert b.js("return document.querySelector('h1').textContent") == MARKUP


def test_the_page_puts_no_secret_into_address_or_storage(page: Page) -> None:
    b = page.browser
    page.manager.create_connection("db", password="hunter2")
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    b.click('[data-reveal="v.password"]')
    b.see("hunter2")
    kept = b.js(
        "return JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
    )
    assert "hunter2" not in kept and page.manager.token not in kept
    assert kept.startswith('[{},{},"",')
    assert b.js("return indexedDB.databases().then((all) => all.length)") == 0


def test_a_login_link_signs_in_once_and_leaves_the_address(page: Page) -> None:
    b = page.browser
    url = page.manager.command("login-link", "--data", str(page.manager.data))["url"]
    code = url.split("#code=")[1]
    b.open(f"{page.manager.url}/ui/#code={code}")
    b.find("#content h1")
    assert code not in b.js("return location.href")
    b.cdp("Network.clearBrowserCookies")
    b.open("about:blank")
    b.open(f"{page.manager.url}/ui/#code={code}")
    b.see("The sign-in link is not valid any more")


def test_a_token_that_is_not_valid_is_told_beside_the_field(page: Page) -> None:
    b = page.browser
    b.open(f"{page.manager.url}/ui/")
    b.press("Sign in")
    b.see("Paste a token.")
    b.write("Token", "x.y.z")
    b.press("Sign in")
    b.see("This token is not valid")
    assert b.focused() == "Token"


@pytest.mark.parametrize("role", ["MEMBER", "AUTHOR", "OPERATOR", "OWNER"])
def test_a_role_sees_what_it_may(page: Page, role: str) -> None:
    b = page.browser
    page.manager.create_connection("db", host="h", autoLinkDeployments=True)
    page.sign_in(page.issue(role))
    writes = role in ("OPERATOR", "OWNER")
    b.see("db")
    assert ("+ Connection" in b.text()) == writes
    assert ("needs the role Operator or Owner" in b.text()) == (not writes)
    assert ("Tokens" in b.js("return document.querySelector('#nav').innerText")) == (
        role == "OWNER"
    )
    page.go(page.workspace() + "/o/db", "form.object")
    disabled = b.js("return document.querySelector('[data-path=\"v.host\"]').disabled")
    assert disabled == (not writes)
    assert bool(b.js("return document.querySelector('.head-actions .danger')")) == writes
    page.go("tokens")
    assert ("Only owners" in b.text()) == (role != "OWNER")


def test_a_deployments_token_sees_that_deployment(page: Page) -> None:
    b = page.browser
    prod = page.manager.deployment_ids["prod"]
    page.manager.create_connection("shared", host="h", autoLinkDeployments=True)
    page.manager.create_connection("own", prod, host="h")
    page.sign_in(page.issue("OPERATOR", "deployment", prod))
    b.see("own", "shared")
    assert page.deployment("prod") in b.js("return location.hash")
    shown = b.js("return document.querySelector('#nav').innerText")
    assert "dev" not in shown and "Audit log" not in shown
    b.press("own", "a")
    b.write("Host", "new")
    b.press("Review and save")
    b.press("Save")
    b.see("Saved own")


def test_the_end_of_a_session_keeps_what_was_typed(page: Page) -> None:
    b = page.browser
    page.manager.create_connection("db", host="h")
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    b.write("Host", "typed before the session ended")
    b.cdp("Network.clearBrowserCookies")
    b.press("Review and save")
    b.press("Save")
    b.see("Your session has ended")
    b.find("#token:focus")
    b.paste(page.manager.token)
    b.press("Sign in")
    b.see("Saved db")
    found = page.manager.api("GET", "?objectKey=db")["environmentObjects"][0]
    assert found["connection"]["host"] == "typed before the session ended"


def test_a_revoked_token_ends_the_session(page: Page) -> None:
    b = page.browser
    token = page.issue("OWNER")
    page.sign_in(token)
    path = f"/v1/organizations/{page.manager.organization}/tokens/self"
    assert page.manager.request("DELETE", path, token=token)[0] == 204
    page.browser.js("location.hash = '#/audit'")
    b.see("Your session has ended")


def test_the_page_goes_on_after_a_restart_of_the_manager(page: Page) -> None:
    b = page.browser
    page.manager.create_connection("db", host="h")
    page.sign_in()
    page.go(page.workspace() + "/o/db", "form.object")
    b.write("Host", "new")
    page.manager.stop()
    b.press("Review and save")
    b.press("Save")
    b.see("The manager cannot be reached")
    page.manager.serve()
    b.press("Save")
    b.see("Saved db")


def test_signing_out_ends_the_session(page: Page) -> None:
    b = page.browser
    page.sign_in()
    b.press("Sign out")
    b.find("#token")
    assert b.js("return fetch('/ui/session').then((r) => r.status)") == 401
