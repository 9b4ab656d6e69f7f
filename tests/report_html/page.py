"""A report in a headless Chromium, and all that the browser told about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner.reporters.documents import html
from runner.reporters.documents.tree import Report
from tests import chromium

ROWS = "[...document.querySelectorAll('#list .row')]"
NAMES = f"{ROWS}.map(row => row.querySelector('b').textContent)"
FOCUSED = "document.activeElement.closest('.step')?.querySelector('b').textContent"
CODES = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9}


class Page:
    """A report in a tab, and all that the browser told about it."""

    def __init__(self, tab: chromium.Tab, folder: Path) -> None:
        self._tab, self._folder = tab, folder
        self.evaluate, self.wait, self.ask = tab.evaluate, tab.wait, tab.ask

    def show(self, report: Report, fragment: str = "") -> Path:
        path = self._folder / "report.html"
        with path.open("w", encoding="utf-8") as out:
            html.write(report, out)
        self.open(path.as_uri() + fragment)
        return path

    def open(self, url: str) -> None:
        self._tab.open("about:blank")
        self.wait("location.href === 'about:blank'")
        self._tab.events.clear()
        self._tab.open(url)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def requests(self) -> list[str]:
        return [told["params"]["request"]["url"] for told in self._told("Network.requestWillBeSent")]

    def complaints(self) -> list[Any]:
        """Errors, words on the console, violations of the policy."""
        self.evaluate("1")  # what was on its way has come
        return [*self._told("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")]

    def _told(self, *methods: str) -> list[Any]:
        return [told for told in self._tab.events if told["method"] in methods]

    def press(self, *keys: str) -> None:
        for key in keys:
            text = {"text": "\r"} if key == "Enter" else {} if len(key) > 1 else {"text": key}
            code = {"windowsVirtualKeyCode": CODES[key]} if key in CODES else {}
            self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
            self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def click(self, selector: str) -> None:
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def enter(self, selector: str, value: str) -> None:
        """Another value of a field, as when a person has typed or chosen it."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{found}.value = {json.dumps(value)}")
        self.evaluate(f"for (const kind of ['input', 'change']) {found}.dispatchEvent(new Event(kind))")

    def emulate(self, *, scheme: str = "light", width: int = 1300, height: int = 900) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
