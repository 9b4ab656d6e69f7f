"""The server on loopback that takes the answer: one answer, of one login, from a browser on this machine."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from runner.auth.oauth2.loopback import Callback, serves
from runner.errors import CredentialsError, InputError


def test_the_answer_is_taken_and_the_person_told() -> None:
    with Callback() as callback:
        assert urlsplit(callback.redirect_uri).hostname == "127.0.0.1"
        page = httpx.get(callback.redirect_uri, params={"code": "made-up", "state": "s", "iss": "https://i.example"})
        assert page.status_code == 200
        assert "You can close this window" in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert callback.wait(5) == {"code": "made-up", "state": "s", "iss": "https://i.example"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(callback.redirect_uri)


def test_errors_are_shown_in_words_and_as_text() -> None:
    with Callback() as callback:
        page = httpx.get(callback.redirect_uri, params={"error": "access_denied", "error_description": "<script>"})
        assert "consent was refused" in page.text
        assert "<script>" not in page.text
        assert callback.wait(5)["error"] == "access_denied"


def test_what_is_no_answer_to_this_login_is_refused_and_waited_past() -> None:
    with Callback() as callback:
        got: list[dict[str, str]] = []
        waiting = threading.Thread(target=lambda: got.append(callback.wait(20, "right")))
        waiting.start()
        base = callback.redirect_uri.removesuffix("/callback")
        for path in ("/", "/favicon.ico", "/callback/x", "/callbac"):
            assert httpx.get(base + path, params={"code": "c", "state": "right"}).status_code == 404
        foreign = httpx.get(
            callback.redirect_uri, params={"code": "c", "state": "right"}, headers={"Host": "evil.example"}
        )
        assert foreign.status_code == 400
        for query in ("code=c&state=wrong", "code=c", "state=right", "code=c&code=d&state=right"):
            assert httpx.get(f"{callback.redirect_uri}?{query}").status_code == 400, query
        assert httpx.post(callback.redirect_uri, params={"code": "c", "state": "right"}).status_code == 501
        assert not got
        assert httpx.get(f"{callback.redirect_uri}?code=c&state=right").status_code == 200
        waiting.join()
        assert got == [{"code": "c", "state": "right"}]


def test_a_connection_that_says_nothing_keeps_nobody_waiting() -> None:
    with Callback() as callback:
        parts = urlsplit(callback.redirect_uri)
        with socket.create_connection((str(parts.hostname), int(parts.port or 0))):
            httpx.get(f"{callback.redirect_uri}?code=c")
            assert callback.wait(5) == {"code": "c"}


def test_nobody_comes() -> None:
    with Callback() as callback, pytest.raises(CredentialsError, match="no answer came from the browser"):
        callback.wait(0.05)


def test_a_written_redirect_uri_is_kept_to_the_letter() -> None:
    with Callback("http://localhost/a/b?c=d") as callback:
        assert callback.redirect_uri == f"http://{callback.host}/a/b?c=d"
        port = int(callback.host.rpartition(":")[2])
        with pytest.raises(InputError, match="nobody can listen at the port"):
            Callback(f"http://127.0.0.1:{port}/a")
        httpx.get(f"http://127.0.0.1:{port}/a/b?c=d&code=e", headers={"Host": callback.host})
        assert callback.wait(5) == {"c": "d", "code": "e"}
    for elsewhere in ("https://127.0.0.1/x", "http://example.com/", "urn:ietf:wg:oauth:2.0:oob"):
        assert not serves(elsewhere)
        with pytest.raises(InputError, match="not on this machine"):
            Callback(elsewhere)
