"""Escapes undone, with the way back to the text: percent-encoding, JSON's and Python's backslashes, HTML's references.

All kinds are undone in one pass; what was escaped twice wants a second pass. UTF-8 that somebody read as Latin-1 (header
fields are read so, RFC 9110, 5.5) counts as an escape too: `Ã¼` becomes the two bytes of `ü`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate
from typing import NamedTuple

_SIMPLE = {
    34: b'"',
    39: b"'",
    47: b"/",
    92: b"\\",
    98: b"\b",
    102: b"\f",
    110: b"\n",
    114: b"\r",
    116: b"\t",
    118: b"\v",
}
_NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


class Unescaped:
    """The text of one pass, as UTF-8, and the places of its bytes in what it was made of."""

    __slots__ = ("_made", "_mades", "_source", "_sources", "text")

    def __init__(self, source: list[bytes], made: list[bytes]) -> None:
        """`source` is in turn what is no escape and one escape, `made` the same with what the escapes stand for."""
        self.text = b"".join(made)
        self._source = source
        self._made = made
        self._mades: list[int] = []
        self._sources: list[int] = []

    def place(self, start: int, end: int) -> tuple[int, int]:
        """The bytes of the source that text[start:end] was made of; what one escape stands for is whole."""
        self._sources = self._sources or list(accumulate(map(len, self._source)))
        return self._back(start, after=False), self._back(end, after=True)

    def is_kept(self, start: int, end: int) -> bool:
        """Whether text[start:end] stands in the source as it is."""
        mades = self._made_ends()
        at = bisect_right(mades, start)
        return at % 2 == 0 and at < len(mades) and end <= mades[at]

    def _made_ends(self) -> list[int]:
        self._mades = self._mades or list(accumulate(map(len, self._made)))
        return self._mades

    def _back(self, position: int, *, after: bool) -> int:
        sources, mades = self._sources, self._made_ends()
        at = bisect_left(mades, position) if after else bisect_right(mades, position)
        if at == len(mades):
            return sources[-1]
        inside = position - (mades[at - 1] if at else 0)
        first = sources[at - 1] if at else 0
        if at % 2 == 0:
            return first + inside
        done = 0
        for length, made in _units(self._source[at]):
            done += made
            if done > inside or (after and done == inside):
                return first + (length if after else 0)
            first += length
        return first


class _Table(dict[bytes, bytes]):
    """What escapes stand for; the short ones are remembered, since they come again."""

    def __missing__(self, token: bytes) -> bytes:
        made = undone(token)
        if len(token) <= 12 and len(self) < 10_000:
            self[token] = made
        return made


_TABLE = _Table()


def unescape(source: bytes) -> Unescaped | None:
    """One pass over UTF-8; None when there is nothing to undo."""
    # What an escape begins with; the last two lead a character of Latin-1 in UTF-8.
    if not (b"%" in source or b"\\" in source or b"&" in source or b"\xc2" in source or b"\xc3" in source):
        return None
    pieces = _escapes().split(source)
    if len(pieces) == 1:
        return None
    made = pieces.copy()
    made[1::2] = map(_TABLE.__getitem__, pieces[1::2])
    return Unescaped(pieces, made) if made != pieces else None


def alone(source: bytes) -> list[Unescaped]:
    """As `unescape`, of percent-encoding alone and of references alone, each where it matters that it is undone first.

    It does where a backslash or what follows it was escaped in part: one pass over all kinds takes `%5c\\n` for a backslash and
    a line end, where `\\\\n` was meant.
    """
    if b"\\" not in source or not (b"%" in source or b"&" in source):
        return []
    found: list[Unescaped] = []
    strings: list[bytes] = []  # of JSON: what is in one of them does not matter to the others
    for kind in _kinds():
        torn = kind.torn.search(source) is not None
        if not torn and kind.backslash.search(source):
            strings = strings or [text for text in _string_end().split(source) if b"\\" in text]
            torn = any(map(kind.backslash.search, strings))
        if torn:
            pieces = kind.escapes.split(source)
            made = pieces.copy()
            made[1::2] = map(_TABLE.__getitem__, pieces[1::2])
            if made != pieces:
                found.append(Unescaped(pieces, made))
    return found


class _Kind(NamedTuple):
    """Runs of one kind of escapes; one that stands for a backslash; and a backslash's own of which a part is such one."""

    escapes: re.Pattern[bytes]
    backslash: re.Pattern[bytes]
    torn: re.Pattern[bytes]


@cache
def _string_end() -> re.Pattern[bytes]:
    return re.compile(rb"(?<!\\)(?<!%5[cC])\"[,:}\]]")


@cache
def _kinds() -> tuple[_Kind, ...]:
    percent, reference = rb"%[0-9A-Fa-f]{2}", rb"&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)"
    begun = rb"\\(?:[uUx][0-9A-Fa-f]{0,7})?"
    return (
        _Kind(re.compile(rb"(%b(?:%b)*)" % (percent, percent)), re.compile(rb"%5[cC]"), re.compile(begun + percent)),
        _Kind(
            re.compile(rb"(%b)" % reference),
            re.compile(rb"&(?:#0*92(?![0-9])|#[xX]0*5[cC](?![0-9A-Fa-f])|bsol;)"),
            re.compile(begun + reference),
        ),
    )


@cache
def _escapes() -> re.Pattern[bytes]:
    """Runs of one kind are one match; each branch begins with a literal, so that `re` can skip what begins none."""
    runs = (
        rb"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*",
        rb"\\x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2})*",
        rb"\\u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})*",
        rb"%u[0-9A-Fa-f]{4}(?:%u[0-9A-Fa-f]{4})*",
        rb"\\U[0-9A-Fa-f]{8}",
        rb"\\[\"'/\\bfnrtv]",
        rb"&#[0-9]{1,7};?",
        rb"&#[xX][0-9A-Fa-f]{1,6};?",
        rb"&[A-Za-z][A-Za-z0-9]{1,31};",
        rb"\xc2[\x80-\xbf](?:[\xc2\xc3][\x80-\xbf])*",
        rb"\xc3[\x80-\xbf](?:[\xc2\xc3][\x80-\xbf])*",
    )
    return re.compile(b"(" + b"|".join(runs) + b")")


def undone(token: bytes) -> bytes:
    """What one escape, or a run of one kind, stands for."""
    first, second = token[0], token[1]
    if first == 37 and second != 117:  # %
        return bytes.fromhex(token.replace(b"%", b"").decode())
    if first in (92, 37):  # \
        if second == 117:  # u
            return _of_utf16(token.replace(token[:2], b"").decode())
        if second == 120:  # x
            return _of_bytes(token.replace(b"\\x", b"").decode())
        if second == 85:  # U
            return _of_code(int(token[2:], 16))
        return _SIMPLE[second]
    if first == 38:  # &
        return _of_reference(token)
    return token.decode("utf-8").encode("latin-1")


def _units(token: bytes) -> list[tuple[int, int]]:
    """The single escapes of a run: how long each is, and what it stands for. Two that make one character stay together."""
    first, second = token[0], token[1]
    if first == 38 or (first == 92 and second not in (117, 120)):
        return [(len(token), len(undone(token)))]
    if first == 37 and second != 117:
        return [(3, 1)] * (len(token) // 3)
    if first not in (92, 37):
        return [(2, 1)] * (len(token) // 2)
    if second == 120:
        if len(undone(token)) * 4 == len(token):
            return [(4, 1)] * (len(token) // 4)
        return [(4, len(undone(token[at : at + 4]))) for at in range(0, len(token), 4)]
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(token):
        wide = token[at + 2 : at + 4].lower() in _HIGH and token[at + 8 : at + 10].lower() in _LOW
        unit = token[at : at + (12 if wide else 6)]
        found.append((len(unit), len(undone(unit))))
        at += len(unit)
    return found


_HIGH = (b"d8", b"d9", b"da", b"db")
_LOW = (b"dc", b"dd", b"de", b"df")


def _of_utf16(digits: str) -> bytes:
    return bytes.fromhex(digits).decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")


def _of_bytes(digits: str) -> bytes:
    """Python writes the bytes of a `bytes` so, and the characters of a `str` that cannot be printed."""
    raw = bytes.fromhex(digits)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1").encode("utf-8")
    return raw


def _of_code(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"?"


def _of_reference(token: bytes) -> bytes:
    name = token.strip(b"&;")
    if name.startswith(b"#"):
        return _of_code(int(name[2:], 16) if name[1:2] in b"xX" else int(name[1:]))
    known = _NAMED.get(name)
    if known is not None:
        return known
    from html.entities import html5  # late: two thousand names, of which nearly all text uses five

    found = html5.get(name.decode() + ";")
    return token if found is None else found.encode("utf-8")
