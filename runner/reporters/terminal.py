"""Text made fit for a terminal: what it must not obey is escaped, width counted in cells, marks and colour chosen."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TextIO

# Controls, invisible formats (among them the marks that turn the direction of writing), lone surrogates, line and
# paragraph separators: each would move, hide or reorder what stands around it.
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# ECMA-48, 8.3.117 (SGR).
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True)
class Marks:
    """The signs in output that are not ASCII, or what stands for them where the stream cannot show them."""

    passed: str = "✓"
    failed: str = "✗"
    skipped: str = "-"
    blocked: str = "○"
    dot: str = "·"
    arrow: str = "→"
    ellipsis: str = "…"


ASCII = Marks("+", "x", "-", "o", "|", "->", "...")


def marks_for(stream: TextIO) -> Marks:
    """The marks that `stream` can show: ASCII where its encoding has no others, and on a terminal that calls itself dumb."""
    marks = Marks()
    if os.environ.get("TERM") == "dumb":
        return ASCII
    return marks if fit("".join(vars(marks).values()), stream) == "".join(vars(marks).values()) else ASCII


def fit(text: str, stream: TextIO) -> str:
    """`text` with what the encoding of `stream` lacks as backslash escapes, so that writing it cannot fail."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def paint(text: str, style: str, color: bool) -> str:
    """`text` in a style (bold, dim, red, green, yellow, cyan) when `color` is on."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color and text else text


def printable(text: str) -> str:
    """`text` on one line, with escapes (`\\n`, `\\x1b`, `\\u202e`) for all that a terminal would obey instead of show."""
    if "##" in text:
        text = unheard(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(shown, text))


def unheard(text: str) -> str:
    """`text` without what a CI system that reads the log would obey wherever on a line it stands.

    GitHub Actions obeys `##[command]`, Azure Pipelines that and `##vso[command]`; both also in a container that tells
    nothing of them.
    """
    return text.replace("##[", "#\\x23[").replace("##vso[", "#\\x23vso[")


@lru_cache(maxsize=1024)
def shown(character: str) -> str:
    """One character as `printable` shows it."""
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _NAMED.get(character, escape)


def cells(text: str) -> int:
    """The columns that printable text takes: two for a wide character (Unicode's UAX #11), none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


@lru_cache(maxsize=1024)
def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
