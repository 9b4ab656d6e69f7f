"""A Call with credentials put into it: a header field, query parameters or a cookie, and the secrets that came with them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from urllib.parse import quote, unquote_plus

from runner.errors import InputError, Location, Problem
from runner.exchange import Call
from runner.values import Secret

# RFC 6265, 4.1.1: what a cookie's value may not hold.
_NO_COOKIE = re.compile(r'[\x00-\x20\x7f",;\\]|[^\x00-\x7f]')
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2


def with_header(call: Call, name: str, value: str | Secret, place: Location, *more: Secret) -> Call:
    """`call` with the header field `name` set to `value`. `more` are secrets that `value` was made of.

    Raises InputError for a value that no header can hold.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if any(character in text for character in "\r\n\0"):
        hint = "a header is one line: trim the value"
        raise InputError(Problem(f"the credentials for `{name}` hold a line end or a NUL", place, hint))
    kept = tuple(field for field in call.headers if field[0].lower() != name.lower())
    return with_secrets(replace(call, headers=(*kept, (name, text.strip(" \t")))), value, *more)


def with_secrets(call: Call, *values: str | Secret | None) -> Call:
    """`call`, known to hold those of `values` that are secrets, or something made of them."""
    found = frozenset(value for value in values if isinstance(value, Secret))
    return replace(call, secrets=call.secrets | found)


def joined(prefix: str, value: str | Secret) -> str | Secret:
    """`prefix value`, a Secret when `value` is one, with a mask that stays readable; `value` alone without a prefix."""
    if not prefix:
        return value
    if isinstance(value, Secret):
        return Secret(f"{prefix} {value.reveal()}", value.name, f"{prefix} {value}")
    return f"{prefix} {value}"


def with_query(
    call: Call, pairs: Iterable[tuple[str, str | Secret]], hidden: Collection[str] = (), without: Collection[str] = ()
) -> Call:
    """`call` with `pairs` as the last parameters of its query, in place of those of the same names, and of `without`.

    In `masked_url` a secret is its mask, and a parameter in `hidden` three dots.
    """
    added = tuple(pairs)
    names = {*without, *(name for name, _ in added)}
    real, shown = _without(call.url, names), _without(call.masked_url or call.url, names)
    for name, value in added:
        text = quote(value.reveal() if isinstance(value, Secret) else value, safe="", errors="replace")
        key = quote(name, safe="", errors="replace")
        real = f"{real}{_separator(real)}{key}={text}"
        mask = str(value) if isinstance(value, Secret) else "..." if name in hidden else text
        shown = f"{shown}{_separator(shown)}{key}={mask}"
    return with_secrets(replace(call, url=real, masked_url=shown), *(value for _, value in added))


def _without(url: str, names: set[str]) -> str:
    head, mark, query = url.partition("#")[0].partition("?")
    kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in names]
    return head + mark + "&".join(kept) if mark else head


def _separator(url: str) -> str:
    _, mark, query = url.partition("?")
    # A question mark is a sign as any other in a query (RFC 3986, 3.4), so a value may end with one.
    return "?" if not mark else "" if not query or query.endswith("&") else "&"


def with_cookie(call: Call, name: str, value: str | Secret, place: Location) -> Call:
    """`call` with one cookie more, in place of one of the same name. Raises InputError for what no cookie can hold."""
    text = value.reveal() if isinstance(value, Secret) else value
    if not TOKEN.fullmatch(name):
        raise InputError(Problem("the name of a cookie is letters, digits and hyphens", place, "mend `name`"))
    if _NO_COOKIE.search(text):
        hint = "percent-encode it: `<<key | urlencode>>`"
        raise InputError(Problem("the value holds a character that no cookie can hold", place, hint))
    written = "; ".join(value for key, value in call.headers if key.lower() == "cookie")
    kept = [pair.strip() for pair in written.split(";") if pair.strip() and pair.partition("=")[0].strip() != name]
    return with_secrets(with_header(call, "Cookie", "; ".join([*kept, f"{name}={text}"]), place), value)


def names_of(*values: str | Secret | None) -> str:
    """The names of the secrets among `values`, joined by a comma."""
    return ", ".join(dict.fromkeys(value.name for value in values if isinstance(value, Secret)))
