"""A real authorization server for tests: oidc-provider, run by node on loopback, and a browser that httpx plays.

`server.mjs` says which endpoints there are, `clients.mjs` which clients. Where node or its packages are missing, `available`
says so, and tests skip with it; ZRUN_TEST_OAUTH=required makes that a failure.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

FOLDER = Path(__file__).parent
# Steps of a login: two forms and the redirects between them; more are a loop.
_MOST_STEPS = 20


def available() -> str | None:
    """What is missing to start the server; None when nothing is."""
    if shutil.which("node") is None:
        return "node (20 or later) is not installed, so there is no authorization server to test against"
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        return "oidc-provider is not installed: run scripts/setup where npm is there"
    return None


def required() -> bool:
    return os.environ.get("ZRUN_TEST_OAUTH") == "required"


@dataclass(frozen=True)
class Client:
    """A client as it is registered: see clients.mjs."""

    client_id: str
    method: str
    client_secret: str = ""
    private_key: str = ""
    key_id: str = ""
    algorithm: str = ""


@dataclass(frozen=True)
class Rig:
    """The running server. `accounts` are passwords by username."""

    issuer: str
    clients: dict[str, Client]
    accounts: dict[str, str]

    @property
    def host(self) -> str:
        """The host with its port, as `hosts` of an environment names it."""
        return urlsplit(self.issuer).netloc

    def log(self, path: str | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """The requests that the server took, in order; those of one path, and with these members."""
        entries: list[dict[str, Any]] = httpx.get(f"{self.issuer}/_rig/log").raise_for_status().json()
        return [
            entry
            for entry in entries
            if path in (None, entry["path"]) and all(entry.get(name) == value for name, value in wanted.items())
        ]

    def forget(self) -> None:
        """Begin the log anew."""
        httpx.delete(f"{self.issuer}/_rig/log").raise_for_status()

    def control(self, name: str, **given: Any) -> None:
        """One of the controls that server.mjs lists: interval, lifetime, expire, new-nonce."""
        httpx.post(f"{self.issuer}/_rig/{name}", json=given).raise_for_status()

    def reset(self) -> None:
        """As it was at its start, but for tokens and grants."""
        self.control("interval", seconds=1)
        self.control("lifetime", seconds=3600)
        self.forget()


@contextmanager
def started() -> Iterator[Rig]:
    """The server, from its start to its end: it ends when its standard input does, also when this process dies."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["node", "server.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        )
        with ended(process):
            assert process.stdout is not None
            line = process.stdout.readline()
            said.seek(0)
            assert line, said.read().decode()
            told = json.loads(line)
            clients = {name: Client(**found) for name, found in told["clients"].items()}
            yield Rig(told["issuer"], clients, told["accounts"])


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Its standard input closed at the end, and the process waited for."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class Browser:
    """A person at a browser: follows redirects, logs in, consents. Each has cookies of their own."""

    def __init__(self, username: str = "ada", *, consents: bool = True) -> None:
        self._username = username
        self._consents = consents
        self._http = httpx.Client(follow_redirects=False)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def authorize(self, url: str) -> str:
        """Log in at the authorization endpoint's `url`; the address that the client is sent back to, not yet visited."""
        redirect_uri = dict(parse_qsl(urlsplit(url).query))["redirect_uri"]
        response = self._http.get(url)
        for _ in range(_MOST_STEPS):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if target.startswith(f"{redirect_uri}?"):
                    return target
                response = self._http.get(target)
            else:
                response = self._answer(response)
        raise AssertionError("the login does not come to an end")

    def visit(self, url: str) -> httpx.Response:
        """Log in, and follow the way back to the client: to its loopback server."""
        return self._http.get(self.authorize(url))

    def approve(self, verification_uri: str, user_code: str) -> str:
        """Enter a device's code, log in and consent; the text of the last page."""
        form = self._http.get(verification_uri)
        response = self._post_form(form, user_code=user_code)
        for _ in range(_MOST_STEPS):
            if response.is_redirect:
                response = self._http.get(urljoin(str(response.url), response.headers["location"]))
            elif 'id="op.deviceConfirmForm"' in response.text:
                response = self._post_form(response, **({} if self._consents else {"abort": "yes"}))
                if not self._consents:
                    return response.text
            elif 'name="prompt"' in response.text:
                response = self._answer(response)
            else:
                return response.text
        raise AssertionError("the approval does not come to an end")

    def _answer(self, page: httpx.Response) -> httpx.Response:
        """Fill in the page of an interaction: a login, then a consent."""
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert prompt, f"{page.status_code} {page.text[:2000]}"
        if prompt[1] == "login":
            return self._post_form(page, login=self._username, password="made up")
        if not self._consents:
            return self._http.get(f"{page.url}/abort")
        return self._post_form(page)

    def _post_form(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the page's form with its hidden fields and these."""
        assert page.status_code == 200, f"{page.status_code} {page.text[:2000]}"
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert action, page.text[:2000]
        hidden = {
            html.unescape(name): html.unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        }
        return self._http.post(urljoin(str(page.url), html.unescape(action[1])), data={**hidden, **fields})
