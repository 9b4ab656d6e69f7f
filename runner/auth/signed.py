"""A Call with credentials put into it: a header field, and the secrets that came with it."""

from __future__ import annotations

from dataclasses import replace

from runner.errors import InputError, Location, Problem
from runner.exchange import Call
from runner.values import Secret


def with_header(call: Call, name: str, value: str | Secret, place: Location, *more: Secret) -> Call:
    """`call` with the header field `name` set to `value`. `more` are secrets that `value` was made of.

    Raises InputError for a value that no header can hold.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if any(character in text for character in "\r\n\0"):
        hint = "a header is one line: trim the value"
        raise InputError(Problem(f"the credentials for `{name}` hold a line end or a NUL", place, hint))
    secrets = (*((value,) if isinstance(value, Secret) else ()), *more)
    kept = tuple(field for field in call.headers if field[0].lower() != name.lower())
    return replace(call, headers=(*kept, (name, text.strip(" \t"))), secrets=call.secrets | frozenset(secrets))


def joined(prefix: str, value: str | Secret) -> str | Secret:
    """`prefix value`, a Secret when `value` is one, with a mask that stays readable; `value` alone without a prefix."""
    if not prefix:
        return value
    if isinstance(value, Secret):
        return Secret(f"{prefix} {value.reveal()}", value.name, f"{prefix} {value}")
    return f"{prefix} {value}"
