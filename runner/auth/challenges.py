"""What a server asks for: the challenges of WWW-Authenticate, and other lists of parameters (RFC 9110, 11.2 to 11.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runner.records import record

_WORD = r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)"
# A value without quotes may hold more than it should: servers write `nonce=abc==`.
_PARAMETER = re.compile(_WORD + r'[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|(?!=)([^\s",]+))[ \t]*(?=,|$)', re.DOTALL)
_SCHEME = re.compile(_WORD + r"(?:[ \t]+|(?=,|$))")
_TOKEN68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)")
_BETWEEN = re.compile(r"[ \t,]*")


@record
class Challenge:
    """One challenge. `scheme` and the names of `parameters` are in lower case; `token68` is what some schemes have instead."""

    scheme: str
    parameters: Mapping[str, str]
    token68: str = ""


def read(fields: Iterable[str]) -> list[Challenge]:
    """The challenges of all `fields` named WWW-Authenticate, in order; what cannot be read ends the list of its field."""
    found: list[Challenge] = []
    for text in fields:
        found.extend(_read(text))
    return found


def parameters(text: str) -> dict[str, str]:
    """A list of parameters alone, names in lower case: Authentication-Info (RFC 9110, 11.6.3)."""
    return _parameters(text, 0)[0]


def _read(text: str) -> Iterable[Challenge]:
    position = _BETWEEN.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    while position < len(text):
        scheme = _SCHEME.match(text, position)
        if scheme is None:
            return
        position = scheme.end()
        alone = _TOKEN68.match(text, position)
        if alone and not _PARAMETER.match(text, position):
            position = alone.end()
            yield Challenge(scheme[1].lower(), {}, alone[1])
        else:
            values, position = _parameters(text, position)
            yield Challenge(scheme[1].lower(), values)
        position = _BETWEEN.match(text, position).end()  # type: ignore[union-attr]


def _parameters(text: str, position: int) -> tuple[dict[str, str], int]:
    """The parameters from `position` on, and where they end: at the next scheme, or at what is none."""
    found: dict[str, str] = {}
    while True:
        start = _BETWEEN.match(text, position).end()  # type: ignore[union-attr]
        match = _PARAMETER.match(text, start)
        if match is None:
            return found, position
        value = re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL) if match[2] is not None else match[3]
        found.setdefault(match[1].lower(), value)
        position = match.end()
