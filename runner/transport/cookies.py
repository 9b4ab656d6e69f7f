"""Cookies of one run (RFC 6265), kept nearer to their origin than a browser keeps them.

RFC 6265 (8.5, 8.6) gives a cookie to every port of its host, and one without `Secure` to plain http too. A session cookie
is a credential: here it goes back to the scheme, host and port that set it, and elsewhere only where `elsewhere` says.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import Request
from weakref import WeakKeyDictionary

from runner.exchange import Headers
from runner.origins import split


class Cookies:
    """What has been set so far. `elsewhere` is asked for an address whether cookies of another origin may be sent there."""

    def __init__(self, elsewhere: Callable[[str], bool]) -> None:
        self._jar = CookieJar(_Bound(elsewhere))

    def learn(self, url: str, headers: Headers) -> None:
        """Take what an answer with `headers`, from `url`, sets."""
        self._jar.extract_cookies(_Answer(headers), _Asked(url))  # type: ignore[arg-type]  # no more than `info` is asked for

    def beside(self, url: str, written: str) -> str:
        """The value of `Cookie` for a request to `url` that writes `written` itself: of one name, the request's."""
        asked = _Asked(url)
        self._jar.add_cookie_header(asked)
        names = {pair.partition("=")[0].strip() for pair in written.split(";")}
        kept = [pair for pair in asked.get_header("Cookie", "").split("; ") if pair]
        more = [pair for pair in kept if pair.partition("=")[0] not in names]
        return "; ".join([*([written] if written else ()), *more])


class _Asked(Request):
    """A request as a jar looks at it: nothing opens it."""


class _Answer:
    """An answer as a jar looks at it."""

    def __init__(self, headers: Headers) -> None:
        self._message = Message()
        for name, value in headers:
            if name.lower() in ("set-cookie", "set-cookie2"):
                self._message[name] = value

    def info(self) -> Message:
        return self._message


class _Bound(DefaultCookiePolicy):
    """Asked by the jar for each cookie: when an answer sets it, and before a request takes it along."""

    def __init__(self, elsewhere: Callable[[str], bool]) -> None:
        super().__init__()
        self._elsewhere = elsewhere
        self._origins: WeakKeyDictionary[Cookie, tuple[str, str, int]] = WeakKeyDictionary()

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        if not super().set_ok(cookie, request):
            return False
        self._origins[cookie] = split(request.get_full_url())
        return True

    def return_ok(self, cookie: Cookie, request: Any) -> bool:
        url = request.get_full_url()
        if not super().return_ok(cookie, request):
            return False
        return self._origins.get(cookie) == split(url) or self._elsewhere(url)
