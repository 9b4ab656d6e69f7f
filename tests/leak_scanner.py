"""Finds pieces of secrets in what zrun wrote: the judge of the redactor, so it shares nothing with it.

It works the other way round. The redactor knows how a secret would be spelled; this decodes whatever in a text could be an
encoding (every window of Base64 and hexadecimal, every layer of percent signs, backslashes, references), and looks in what
comes out for any piece of a secret: twelve bytes, or all of a shorter one.
"""

from __future__ import annotations

import base64
import html
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

PIECE = 12
_DEPTH = 3

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX_RUN = re.compile(rb"[0-9A-Fa-f]{12,}")
_BACKSLASH = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Scanner:
    """Knows secrets by name; `names_in` tells whose pieces are in a text."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._pieces: dict[bytes, str] = {}
        self._short: dict[bytes, str] = {}
        for name, text in secrets.items():
            raw = text.strip().encode()
            if len(raw) < PIECE:
                self._short[raw] = name
            for start in range(len(raw) - PIECE + 1):
                self._pieces.setdefault(raw[start : start + PIECE], name)

    def names_in(self, text: str) -> set[str]:
        """The names of the secrets of which `text` holds a piece, in any encoding."""
        found: set[str] = set()
        for view in _views(text.encode("utf-8", "surrogatepass")):
            found |= self._in_bytes(view)
        return found

    def _in_bytes(self, view: bytes) -> set[str]:
        windows = {view[start : start + PIECE] for start in range(len(view) - PIECE + 1)}
        found = {self._pieces[window] for window in windows & self._pieces.keys()}
        return found | {name for raw, name in self._short.items() if raw in view}


def _views(data: bytes) -> Iterator[bytes]:
    """Everything that `data` may mean, itself first."""
    seen: set[bytes] = set()
    # The fewest layers first: what is met again behind more of them has been peeled as far as it will be.
    waiting = deque([(data, 0)])
    while waiting:
        view, depth = waiting.popleft()
        if view in seen or len(view) < 6:
            continue
        seen.add(view)
        yield view
        for carried in _carried(view):
            # What comes out of Base64 is mostly noise: one more layer is peeled off where it reads as text.
            if carried in seen:
                continue
            if depth < _DEPTH and _reads_as_text(carried):
                waiting.append((carried, depth + 1))
            else:
                seen.add(carried)
                yield carried
        if depth < _DEPTH:
            waiting += [(peel(view), depth + 1) for peel in _PEELS]


def _carried(view: bytes) -> Iterator[bytes]:
    """What each run of Base64 or hexadecimal in `view` holds, wherever in the run it begins."""
    joined = re.sub(rb"(?<=[A-Za-z0-9+/_-])\r?\n[ \t]*(?=[A-Za-z0-9+/_-])", b"", view)
    for text in {view, joined}:
        for match in _BASE64_RUN.finditer(text):
            run = match[0].replace(b"-", b"+").replace(b"_", b"/")
            for start in range(4):
                usable = run[start:]
                usable = usable[: len(usable) - (len(usable) % 4 == 1)]
                yield base64.b64decode(usable + b"=" * (-len(usable) % 4))
    for match in _HEX_RUN.finditer(view):
        for start in range(2):
            digits = match[0][start:]
            yield bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


def _reads_as_text(data: bytes) -> bool:
    return len(data) >= 12 and sum(32 <= byte < 127 for byte in data) > 0.8 * len(data)


def _percent(view: bytes) -> bytes:
    return unquote_to_bytes(view)


def _form(view: bytes) -> bytes:
    return unquote_to_bytes(view.replace(b"+", b" "))


def _backslashes(view: bytes) -> bytes:
    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code is None:
            return _LETTERS.get(match[4], match[4])
        number = int(code, 16)
        if match[3]:
            return chr(0xDC00 + number) if number >= 0x80 else chr(number)  # a byte, put back by surrogateescape
        return chr(number) if number < 0x110000 else "?"

    text = _BACKSLASH.sub(character, view.decode("utf-8", "surrogateescape"))
    text = re.sub(
        r"[\ud800-\udbff][\udc00-\udfff]", lambda m: m[0].encode("utf-16", "surrogatepass").decode("utf-16"), text
    )
    return b"".join(
        bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else c.encode("utf-8", "surrogatepass") for c in text
    )


def _references(view: bytes) -> bytes:
    return html.unescape(view.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass")


def _as_latin1(view: bytes) -> bytes:
    text = view.decode("utf-8", "surrogateescape")
    return b"".join(c.encode("latin-1") if ord(c) < 256 else c.encode("utf-8", "surrogateescape") for c in text)


_PEELS: tuple[Callable[[bytes], bytes], ...] = (_percent, _form, _backslashes, _references, _as_latin1)
