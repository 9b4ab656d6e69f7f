"""A credential in a header field: `bearer` (RFC 6750), and `header` with a name and a prefix of one's own."""

from __future__ import annotations

from runner.auth.settings import Settings
from runner.auth.signed import TOKEN, joined, with_header
from runner.credentials import Auth, Signing
from runner.errors import Location
from runner.exchange import Call
from runner.values import Secret


class Header(Signing):
    """Sends `value` in the field `name`; `secrets` are those that it was made of."""

    def __init__(self, name: str, value: str | Secret, place: Location, secrets: tuple[Secret, ...] = ()) -> None:
        self._name = name
        self._value = value
        self._place = place
        self._secrets = secrets

    def sign(self, call: Call) -> Call:
        return with_header(call, self._name, self._value, self._place, *self._secrets)


def make(settings: Settings) -> Auth:
    """The scheme `bearer` or `header`. Raises InputError."""
    if settings.scheme == "bearer":
        name, prefix, value = "Authorization", "Bearer", settings.needed("token")
    else:
        name, prefix = settings.plain("name", "Authorization"), settings.plain("prefix")
        value = settings.needed("value")
    if not TOKEN.fullmatch(name):
        hint = "use letters, digits and hyphens"
        raise settings.wrong("name", "a header's name holds a character that HTTP does not allow", hint)
    secrets = (value,) if isinstance(value, Secret) else ()
    return Header(name, joined(prefix, value), settings.place("value"), secrets)
