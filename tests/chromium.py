"""A headless Chromium that a test drives: pages opened, forms filled in. Over DevTools' pipe: no library, and no port.

The protocol: chromedevtools.github.io/devtools-protocol; messages are JSON, each ended by a zero byte, on descriptors 3 and 4.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FLAGS = (
    "--headless",
    "--no-sandbox",  # for a root of a container
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    # Nothing but this machine can be reached, whatever the browser has in mind.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    "--remote-debugging-pipe",
)
_SECONDS = 30.0


def installed() -> str | None:
    """The path of Debian's chromium, or of another; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    """One page."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._held = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []  # what the browser told unasked: of the domains that are enabled
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def evaluate(self, script: str) -> Any:
        """The value of an expression of JavaScript; None while a page changes."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answer.get("result", {}).get("value")

    def wait(self, script: str) -> Any:
        """The first value of the expression that is true."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            found = self.evaluate(script)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(
            f"{script}: never true; the page: {self.evaluate('document.body && document.body.innerText')}"
        )

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command of the protocol; empty when the browser refuses it."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            answer = self._message(ends - time.monotonic())
            if "method" in answer:
                self.events.append(answer)
            if answer.get("id") == self._number:
                result: dict[str, Any] = answer.get("result", {})
                return result
        raise AssertionError(f"chromium does not answer to {method}")

    def _message(self, left: float) -> dict[str, Any]:
        while b"\0" not in self._held:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, left))
            piece = os.read(self._reading, 65536) if ready else b""
            assert piece, "chromium has gone, or is silent"
            self._held += piece
        line, _, self._held = self._held.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def tab() -> Iterator[Tab]:
    """A new browser with one page; it ends with the block."""
    path = installed()
    assert path is not None
    to_read, they_write = os.pipe()
    they_read, to_write = os.pipe()
    shell = f'exec 3<&{they_read} 4>&{they_write}; exec "$@"'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            ["bash", "-c", shell, "bash", path, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(they_read, they_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(they_read)
        os.close(they_write)
        try:
            yield Tab(to_read, to_write)
        finally:
            os.close(to_write)
            os.close(to_read)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
