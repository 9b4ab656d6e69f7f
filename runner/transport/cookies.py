"""Cookies of one run (RFC 6265), kept nearer to their origin than a browser keeps them.

RFC 6265 (8.5, 8.6) gives a cookie to every port of its host, and one without `Secure` to plain http too. A session cookie
is a credential: here it goes back to the scheme, host and port that set it, and elsewhere only where `elsewhere` says.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any
from weakref import WeakKeyDictionary

from runner.origins import split


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


def jar(elsewhere: Callable[[str], bool]) -> CookieJar:
    """An empty jar. `elsewhere` is asked for an address whether cookies that another origin set may be sent there."""
    return CookieJar(_Bound(elsewhere))
