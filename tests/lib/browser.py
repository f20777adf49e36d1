# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium over the WebDriver protocol: what the tests of the Environment page need of it,
without a client library."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from connd_testing import PATIENCE, free_port

TAB, ENTER, ESCAPE, SPACE, DOWN, SHIFT = "\ue004", "\ue007", "\ue00c", " ", "\ue015", "\ue008"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
CHROMIUM = next(
    (p for p in ("/usr/lib/chromium/chromium", "/usr/bin/chromium") if Path(p).exists()), ""
)


class Browser:
    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.log_file = (directory / "chromedriver.log").open("wb")
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=self.log_file, stderr=self.log_file
        )
        self.session = ""
        self._wait_for_driver()
        arguments = [
            "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-GB",
            "--no-first-run", f"--user-data-dir={directory / 'profile'}",
        ]  # fmt: skip
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        answer = self.call(
            "POST",
            "/session",
            {
                "capabilities": {
                    "alwaysMatch": {
                        "browserName": "chrome",
                        "goog:loggingPrefs": {"browser": "ALL"},
                        "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
                        "unhandledPromptBehavior": "accept",
                    }
                }
            },
        )
        self.session = f"/session/{answer['sessionId']}"

    def _wait_for_driver(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.call("GET", "/status")
                return
            except OSError:
                assert time.monotonic() < deadline and self.driver.poll() is None
                time.sleep(0.02)

    def close(self) -> None:
        if self.session:
            self.call("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait(PATIENCE)
        self.log_file.close()

    # --- the protocol ---

    def call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        data = json.dumps(body if body is not None else {}) if method == "POST" else None
        connection.request(method, path, data, {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{value['error']}: {value['message'].splitlines()[0]}")
        return value

    def js(self, code: str, *arguments: Any) -> Any:
        """The value of a function's body; `return` it."""
        return self.call(
            "POST", f"{self.session}/execute/sync", {"script": code, "args": list(arguments)}
        )

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self.call(
            "POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters}
        )

    # --- what a person sees and does ---

    def open(self, url: str) -> None:
        self.call("POST", f"{self.session}/url", {"url": url})

    def eventually(self, code: str, *arguments: Any) -> Any:
        """Waits until the code returns something true."""
        deadline = time.monotonic() + PATIENCE
        while True:
            value = self.js(code, *arguments)
            if value:
                return value
            assert time.monotonic() < deadline, f"never: {code} {arguments}\n{self.text()}"
            time.sleep(0.02)

    def see(self, *texts: str) -> None:
        for text in texts:
            self.eventually("return document.body.innerText.includes(arguments[0])", text)

    def text(self) -> str:
        shown: str = self.js("return document.body.innerText")
        return shown

    def find(self, selector: str) -> str:
        self.eventually("return document.querySelector(arguments[0])", selector)
        body = {"using": "css selector", "value": selector}
        element: str = self.call("POST", f"{self.session}/element", body)[_ELEMENT]
        return element

    def named(self, role: str, name: str) -> dict[str, str]:
        """The visible element with this tag or role and this accessible name."""
        element: dict[str, str] = self.eventually(
            """
            const [role, name] = arguments;
            const own = (e) => e.getAttribute('aria-label') ?? (e.labels?.[0] ?? e).innerText ?? '';
            const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
            const all = [...top.querySelectorAll(role)].filter((e) => e.checkVisibility());
            const it = all.find((e) => own(e).trim().replace(/\\s*\\(required\\)$/, '') === name);
            it?.scrollIntoView({ block: 'center' });
            return it;
            """,
            role,
            name,
        )
        return element

    def _do(self, role: str, name: str, action: str, body: Any = None) -> None:
        """An action on a named element; again when it was drawn anew in between."""
        while True:
            element = self.named(role, name)[_ELEMENT]
            try:
                self.call("POST", f"{self.session}/element/{element}/{action}", body)
                return
            except AssertionError as error:
                if not str(error).startswith("stale element"):
                    raise

    def click(self, selector: str) -> None:
        self.call("POST", f"{self.session}/element/{self.find(selector)}/click")

    def press(self, name: str, role: str = "button, a") -> None:
        self._do(role, name, "click")

    def write(self, name: str, text: str) -> None:
        self._do("input, textarea", name, "clear")
        self._do("input, textarea", name, "value", {"text": text})

    def paste(self, text: str) -> None:
        """At once where the focus is; typing a token costs a second."""
        self.cdp("Input.insertText", text=text)

    def upload(self, selector: str, path: Path) -> None:
        body = {"text": str(path)}
        self.call("POST", f"{self.session}/element/{self.find(selector)}/value", body)

    def choose(self, name: str, option: str) -> None:
        """An option of a select."""
        self.js(
            """
            const select = arguments[0];
            select.value = [...select.options].find((o) => o.text === arguments[1]).value;
            select.dispatchEvent(new Event('change', { bubbles: true }));
            """,
            self.named("select", name),
            option,
        )

    def keys(self, text: str) -> None:
        """Presses keys, one after the other, wherever the focus is."""
        steps = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": steps}]
        self.call("POST", f"{self.session}/actions", {"actions": actions})

    def focused(self) -> str:
        """What a screen reader would call the focused control."""
        return str(
            self.js(
                """
                const e = document.activeElement;
                return e.getAttribute('aria-label') ?? (e.labels?.[0] ?? e).innerText;
                """
            )
        ).strip()

    def tab_to(self, name: str) -> None:
        """Presses Tab until the control of this name has the focus, as somebody without a mouse."""
        for _ in range(120):
            self.keys(TAB)
            if self.focused().removesuffix("(required)").strip() == name:
                return
        raise AssertionError(f"Tab never reaches {name!r}")

    # --- the machine around it ---

    def scheme(self, name: str) -> None:
        """light or dark"""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def size(self, width: int, height: int) -> None:
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def screenshot(self, path: Path, whole: bool = False) -> None:
        options: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            box = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
            wide = self.js("return innerWidth")  # without the scroll bar, which a picture has not
            options["clip"] = {**box, "x": 0, "y": 0, "width": wide, "scale": 1}
        path.write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot", **options)["data"]))

    def forget(self) -> None:
        """Removes cookies and empties the console."""
        self.cdp("Network.clearBrowserCookies")
        self.open("about:blank")
        self.console()

    def console(self) -> list[str]:
        """What the console has since the last call, failed requests left out."""
        rows = self.call("POST", f"{self.session}/se/log", {"type": "browser"})
        return [r["message"] for r in rows if r["level"] == "SEVERE" and r["source"] != "network"]
