"""The redirect URI of a program on this machine (RFC 8252, 7.3): a server on loopback that takes one answer from a browser."""

from __future__ import annotations

import html
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Any
from urllib.parse import parse_qs, urlsplit

from runner.auth.oauth2 import refusals
from runner.errors import CredentialsError, InputError, Location, Problem
from runner.quantities import show_seconds

PATH = "/callback"
HOSTS = ("127.0.0.1", "localhost", "::1")
# Seconds that one connection may be silent: browsers open some in advance and never use them.
_SILENCE = 10.0


def serves(redirect_uri: str | None) -> bool:
    """Whether a Callback can take answers to `redirect_uri`: plain http to loopback, or none given."""
    if redirect_uri is None:
        return True
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in HOSTS


class Callback:
    """Listens for the answer to one authorization request; a context manager.

    `redirect_uri` is where it listens: the one given, with a free port when that names none (RFC 8252: the port may be any).
    Raises InputError when the port is taken, or `redirect_uri` is not loopback.
    """

    def __init__(self, redirect_uri: str | None = None, place: Location | None = None) -> None:
        if not serves(redirect_uri):
            hint = "use http://127.0.0.1, or paste the address that the browser is sent to"
            raise InputError(Problem("`redirect-uri` is not on this machine, so nobody can listen there", place, hint))
        self._place = place
        parts = urlsplit(redirect_uri or f"http://127.0.0.1{PATH}")
        self._name = parts.hostname or "127.0.0.1"
        self._answers: queue.Queue[dict[str, str]] = queue.Queue()
        self._expected: str | None = None
        self.path = parts.path or "/"
        try:
            self._server = _server(self._name)(
                ("::1" if self._name == "::1" else "127.0.0.1", parts.port or 0), _handler(self)
            )
        except OSError as error:
            message = f"nobody can listen at the port of `redirect-uri`: {error.strerror}"
            raise InputError(
                Problem(message, place, "end what uses it, or leave the port out for a free one")
            ) from None
        port = self._server.server_port
        self.host = f"[{self._name}]:{port}" if ":" in self._name else f"{self._name}:{port}"
        query = f"?{parts.query}" if parts.query else ""
        self.redirect_uri = f"http://{self.host}{parts.path}{query}"

    def __enter__(self) -> Callback:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, timeout: float, state: str | None = None) -> dict[str, str]:
        """The query parameters of the first answer; with `state`, of the first that carries it: others are refused.

        An error is an answer, too; see authorization_code.parameters. Raises CredentialsError after `timeout` seconds.
        """
        self._expected = state
        try:
            while True:
                answer = self._answers.get(timeout=timeout)
                if state is None or answer.get("state") == state:
                    return answer
        except queue.Empty:
            message = f"no answer came from the browser within {show_seconds(timeout)}"
            raise CredentialsError(
                Problem(message, self._place, "log in again; is the redirect URI registered?")
            ) from None

    def judge(self, host: str | None, path: str) -> tuple[int, str]:
        """Take an answer, or refuse it: the status and the sentence to show in the browser."""
        if host != self.host:
            return (
                400,
                "This address is for one program on this machine.",
            )  # a foreign name that leads here (DNS rebinding)
        parts = urlsplit(path)
        if parts.path != self.path:
            return 404, "There is nothing here."
        found = parse_qs(parts.query, keep_blank_values=True)
        if any(len(values) > 1 for values in found.values()):
            return 400, "A parameter comes twice (RFC 6749, 3.1): this answer is not taken."
        answer = {name: values[0] for name, values in found.items()}
        if self._expected is not None and answer.get("state") != self._expected:
            return 400, "This is the answer to another login: it is not taken."
        if not {"code", "error"} & answer.keys():
            return 400, "The answer holds neither a code nor an error."
        self._answers.put(answer)
        if "error" in answer:
            return 200, f"{refusals.not_authorized(answer['error'], 'the provider')[0]} You can close this window."
        return 200, "You are logged in. You can close this window."


def _server(name: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = False  # who listens there now would share the answers
        if name == "::1":
            address_family = AF_INET6

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that broke is no concern of anybody's."""

    return Server


def _handler(callback: Callback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENCE
        server_version, sys_version = "zrun", ""

        def do_GET(self) -> None:
            status, sentence = callback.judge(self.headers.get("Host"), self.path)
            page = f'<!doctype html><meta charset="utf-8"><title>zrun</title><p>{html.escape(sentence)}</p>\n'.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            # The code stands in the address: no page may learn it from a referrer, and no cache may keep it.
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", "default-src 'none'")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """The address holds a code: it is written nowhere."""

    return Handler
