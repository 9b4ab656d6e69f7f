"""A key in a header field, a query parameter or a cookie."""

from __future__ import annotations

from runner.auth.header import Header
from runner.auth.settings import Settings
from runner.auth.signed import TOKEN, with_cookie, with_query
from runner.credentials import Auth, Signing
from runner.errors import Location
from runner.exchange import Call
from runner.values import Secret


class InQuery(Signing):
    """Sends the key as the query parameter `name`, which no output shows."""

    def __init__(self, name: str, value: str | Secret) -> None:
        self._name = name
        self._value = value

    def sign(self, call: Call) -> Call:
        return with_query(call, ((self._name, self._value),), hidden=(self._name,))


class InCookie(Signing):
    """Sends the key as the cookie `name`, beside the cookies of the run."""

    def __init__(self, name: str, value: str | Secret, place: Location) -> None:
        self._name = name
        self._value = value
        self._place = place

    def sign(self, call: Call) -> Call:
        return with_cookie(call, self._name, self._value, self._place)


def make(settings: Settings) -> Auth:
    """The scheme `api-key`. Raises InputError."""
    name, value = settings.plain("name", "X-API-Key"), settings.needed("value")
    match settings.one_of("in", ("header", "query", "cookie"), "header"):
        case "query":
            return InQuery(name, value)
        case "cookie":
            auth: Auth = InCookie(name, value, settings.place("value"))
            auth.sign(Call("GET", ""))  # a key that no cookie can hold is told now
            return auth
    if not TOKEN.fullmatch(name):
        raise settings.wrong("name", "a header's name holds a character that HTTP does not allow", "mend it")
    return Header(name, value, settings.place("value"))
