"""Username and password in the scheme `Basic` (RFC 7617), in UTF-8."""

from __future__ import annotations

import re
from base64 import b64encode

from runner.auth.header import Header
from runner.auth.settings import Settings
from runner.auth.signed import joined, names_of
from runner.credentials import Auth
from runner.values import Secret, reveal

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def make(settings: Settings) -> Auth:
    """The scheme `basic`. Raises InputError for what RFC 7617, 2 has no place for: a colon in the username, controls."""
    username = "" if settings.value("username") == "" else settings.needed("username")
    password = settings.text("password") or ""
    user, word = reveal(username), reveal(password)
    if ":" in user:
        hint = "the first colon ends the username: give the password as `password`"
        raise settings.wrong("username", "the username of `basic` holds a colon", hint)
    for name, text in (("username", user), ("password", word)):
        if _CONTROL.search(text):
            raise settings.wrong(name, f"`{name}` holds a control character", "trim it: a line end at its end?")
    pair = b64encode(f"{user}:{word}".encode("utf-8", "replace")).decode()
    made_of = tuple(value for value in (username, password) if isinstance(value, Secret))
    if not made_of:
        return Header("Authorization", f"Basic {pair}", settings.location)
    encoded = Secret(pair, names_of(username, password), f"base64({username}:{password})")
    return Header("Authorization", joined("Basic", encoded), settings.location, (encoded, *made_of))
