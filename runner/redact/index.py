"""Finds known secrets in a text, hundreds of them in one pass.

The index holds eight bytes of the beginning of each spelling, at as many neighbouring places as the places are apart at which
a text is looked at: so the pass runs in C, an eighth of the text at a time, and what begins like a secret is compared with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from runner.redact.spellings import (
    BASE64,
    BASE64_CARRIERS,
    CANONICAL,
    CARRIERS,
    FORMS,
    OF_BODIES,
    PASSES,
    Spelling,
    Suspect,
    carried,
    plain_forms,
    spellings,
)
from runner.redact.unescape import Unescaped, unescape

# Characters of a secret's beginning that the index is made of: enough for Base64 of it to fill a window.
_HEAD = 20
_STRIDE = 8
_WINDOW = _STRIDE + 7
_SHORT_STRIDE = 4
_SHORT_WINDOW = _SHORT_STRIDE + 3
# Fewer short spellings than this are looked for one by one.
_FEW = 16
# Where a text was cut, an escape may have been cut too: so many bytes at its end say nothing.
_LOOSE = 12

# What is left of a secret when its escapes are undone may be shorter, and then be found anywhere.
_SHORTEST = 6

# Keys, in the byte order in which a text is cast to them.
_EIGHT, _FOUR = Struct("=Q"), Struct("=I")

# What may part Base64 into lines.
_BREAKS = b"\r\n\t "


class Found(NamedTuple):
    """Where a secret is, in bytes, and its text. `cut`: the text ends before the secret does."""

    start: int
    end: int
    secret: str
    cut: bool = False


class Index:
    """Secrets, and where they are."""

    def __init__(self) -> None:
        self._known: list[Suspect] = []
        self._spellings: dict[int, tuple[Spelling, ...]] = {}
        # A place in _known, times the stride, plus how far behind the beginning of the spelling the key was taken.
        self._long: dict[int, tuple[int, ...]] = {}
        self._short: dict[int, tuple[int, ...]] = {}
        self._few: list[tuple[bytes, int]] = []  # shorter than a window; once they are many, they go to _short
        self._tiny: list[tuple[bytes, int]] = []  # shorter than a window of _short

    def add(self, text: str) -> None:
        """Know `text`, of at least six characters, in all its spellings."""
        for number, form in enumerate(plain_forms(text)):
            if len(form) >= _SHORTEST:
                self._add(form[:_HEAD], Suspect(text, (-number - 1,), ""))
        head = text[:_HEAD]
        heads = {head.encode("utf-8", "surrogatepass"): [-1]}
        for number, make in enumerate(FORMS):
            heads.setdefault(make(head), []).append(number)
        for form, numbers in heads.items():
            # Hexadecimal is made of bodies as they are: raw, or JSON.
            for carrier in CARRIERS if OF_BODIES.intersection(numbers) else BASE64_CARRIERS:
                self._add(form, Suspect(text, tuple(numbers), carrier))

    def _add(self, head: bytes, suspect: Suspect) -> None:
        number = len(self._known)
        self._known.append(suspect)
        piece = carried(head, suspect.carrier).text
        if len(piece) >= _WINDOW:
            _enter(self._long, piece, _STRIDE, 8, number)
        elif len(piece) >= _SHORT_WINDOW:
            self._few.append((piece, number))
        else:
            self._tiny.append((piece, number))

    def find(self, data: bytes, *, cut: bool = False) -> list[Found]:
        """Where secrets are in UTF-8, overlapping ones and repeats among them. `cut`: also one that the end of `data` cuts."""
        found: list[Found] = []
        passes: list[Unescaped] = []
        view = data
        while True:
            for one in self._in_view(view, cut):
                start, end = one.start, one.end
                for undone in reversed(passes):
                    start, end = undone.place(start, end)
                found.append(Found(start, len(data) if one.cut else end, one.secret, one.cut))
            further = unescape(view) if len(passes) < PASSES else None
            if further is None:
                return found
            passes.append(further)
            view = further.text

    def _in_view(self, view: bytes, cut: bool) -> Iterator[Found]:
        yield from self._matches(view, view.translate(CANONICAL), cut)
        if b"\n" not in view:
            return
        joined = view.translate(None, _BREAKS)
        breaks: list[int] = []
        for one in self._matches(joined, joined.translate(CANONICAL), cut, wrapped=True):
            # Where in `joined` each break was, so that a place there tells how many stood before it.
            breaks = breaks or [at - count for count, at in enumerate(i for i, b in enumerate(view) if b in _BREAKS)]
            start = one.start + bisect_right(breaks, one.start)
            end = one.end + bisect_right(breaks, one.end - 1)
            if end - start > one.end - one.start:  # in lines; all others have been found
                yield Found(start, end, one.secret, one.cut)

    def _matches(self, view: bytes, canonical: bytes, cut: bool, *, wrapped: bool = False) -> Iterator[Found]:
        """What is there in one view. Occurrences of one secret that overlap are one: `aaaa` is in `aaaaaaaa` many times."""
        size = len(view)
        last: dict[int, Found] = {}
        for start, number in self._begun(canonical):
            if wrapped and not self._known[number].carrier:
                continue
            if number not in self._spellings:
                self._spellings[number] = spellings(self._known[number])
            for spelling in self._spellings[number]:
                end = start + len(spelling.text)
                begun = last.get(number)
                if begun and begun.start <= start and end <= begun.end:
                    continue
                known = max(size - start - _LOOSE, 7)
                ends = end <= size and canonical.startswith(spelling.text, start)
                if not ends and not (
                    cut and end > size - _LOOSE and canonical.startswith(spelling.text[:known], start)
                ):
                    continue
                first, behind = _widened(spelling, start, min(end, size), view)
                one = Found(first, behind if ends else size, self._known[number].secret, cut=not ends)
                if begun and one.start <= begun.end and begun.start <= one.end:
                    one = Found(min(one.start, begun.start), max(one.end, begun.end), one.secret, one.cut or begun.cut)
                elif begun:
                    yield begun
                last[number] = one
        yield from last.values()

    def _begun(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Where in canonical `text` a spelling may begin, and whose: its place in _known."""
        if len(self._few) > _FEW:
            for piece, number in self._few:
                _enter(self._short, piece, _SHORT_STRIDE, 4, number)
            self._few.clear()
        size = len(text)
        if self._long:
            yield from _looked_up(self._long, memoryview(text)[: size & -_STRIDE].cast("Q").tolist(), _STRIDE)
        if self._short:
            yield from _looked_up(
                self._short, memoryview(text)[: size & -_SHORT_STRIDE].cast("I").tolist(), _SHORT_STRIDE
            )
        for piece, number in (*self._few, *self._tiny):
            at = text.find(piece)
            while at >= 0:
                yield at, number
                at = text.find(piece, at + 1)


def _enter(index: dict[int, tuple[int, ...]], piece: bytes, stride: int, width: int, number: int) -> None:
    read = (_EIGHT if width == 8 else _FOUR).unpack_from
    code = number * stride
    for behind in range(stride):
        (key,) = read(piece, behind)
        there = index.get(key)
        index[key] = (code,) if there is None else (*there, code)
        code += 1


def _looked_up(index: dict[int, tuple[int, ...]], keys: list[int], stride: int) -> Iterator[tuple[int, int]]:
    common = index.keys() & keys
    if common:
        for at, key in enumerate(keys):
            if key in common:
                for code in index[key]:
                    start = at * stride - code % stride
                    if start >= 0:
                        yield start, code // stride


def _widened(spelling: Spelling, start: int, end: int, view: bytes) -> tuple[int, int]:
    """With the characters of Base64 at its ends that hold some bits of the secret."""
    if spelling.before and start and view[start - 1] in BASE64:
        start -= 1
    if spelling.after and end < len(view) and view[end] in BASE64:
        end += 1
    return start, end
