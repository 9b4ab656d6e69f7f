"""Finds known secrets in a text, hundreds of them in one pass.

The index holds eight bytes of the beginning of each spelling, at as many neighbouring places as the places are apart at which
a text is looked at: so the pass runs in C, an eighth of the text at a time, and what begins like a secret is compared with it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from runner.redact.keys import Keys
from runner.redact.spellings import (
    BASE64,
    CANONICAL,
    PASSES,
    SHORTEST,
    Spelling,
    Suspect,
    beginnings,
    heads,
    json_heads,
    plain_heads,
    spellings,
)
from runner.redact.unescape import Unescaped, alone, unescape

# Characters of a secret's beginning that the index is made of: enough for Base64 of it to fill a window.
_HEAD = 20
# Fewer short spellings than this are looked for one by one.
_FEW = 16
# Where a text was cut, an escape may have been cut too: so many bytes at its end say nothing.
_LOOSE = 12

# So many orders in which escapes may have been put upon each other are tried.
_MOST_ORDERS = 8

# What may part Base64 into lines, and where it does.
_BREAKS = b"\r\n\t "
_BREAK = re.compile(rb"[\r\n\t ]")


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
        self._beginnings: list[bytes] = []  # of the spellings of each, in canonical bytes
        self._spellings: dict[int, tuple[Spelling, ...]] = {}
        # Beginnings, by their places in _known.
        self._long = Keys(8)
        self._short = Keys(4)
        self._few: list[tuple[bytes, int]] = []  # shorter than a window of _long; once they are many, they go to _short
        self._tiny: list[tuple[bytes, int]] = []  # shorter than a window of _short

    def add(self, text: str) -> None:
        """Know `text`, of at least six characters, in all its spellings."""
        plain = plain_heads(text, self._long.window)
        if (
            len(plain) > 1
        ):  # what holds escapes itself is not always the same again when a pass has undone those of JSON
            plain += json_heads(text, self._long.window)
        for head, numbers in plain:
            if len(head) >= SHORTEST:
                self._add(head.translate(CANONICAL), Suspect(text, numbers, ""))
        # By carrier and beginning, so that forms which differ later are looked for at once.
        pieces: dict[tuple[str, bytes], list[int]] = {}
        for form, made in heads(text[:_HEAD]).items():
            for begun in beginnings(form, made, self._long.window):
                pieces[begun] = [*pieces[begun], *made] if begun in pieces else made
        for (carrier, piece), all_numbers in pieces.items():
            self._add(piece, Suspect(text, tuple(all_numbers), carrier))

    def _add(self, piece: bytes, suspect: Suspect) -> None:
        number = len(self._known)
        self._known.append(suspect)
        self._beginnings.append(piece)
        if len(piece) >= self._long.window:
            self._long.add(piece, number)
        elif len(piece) >= self._short.window:
            self._few.append((piece, number))
        else:
            self._tiny.append((piece, number))

    def settle(self) -> None:
        """From now on, find what was added. Not to be called by two threads at once."""
        self._long.settle()
        if len(self._few) > _FEW or len(self._short):
            for piece, number in self._few:
                self._short.add(piece, number)
            self._short.settle()
            self._few = []  # another list: who looks through the old one goes on

    def find(self, data: bytes, *, cut: bool = False) -> list[Found]:
        """Where secrets are in UTF-8, overlapping ones and repeats among them. `cut`: also one that the end of `data` cuts."""
        found: list[Found] = []
        seen: set[bytes] = set()
        orders: list[list[Unescaped]] = [[]]  # passes over one kind alone, where it matters which is undone first
        for first in orders:
            self._undoing(data, first, seen, found, cut)
            if len(first) < PASSES and len(orders) < _MOST_ORDERS and not _is_all(found, data):
                orders += [[*first, one] for one in alone(first[-1].text if first else data)]
        return found

    def _undoing(self, data: bytes, first: list[Unescaped], seen: set[bytes], found: list[Found], cut: bool) -> None:
        """Put to `found` what is in `data` when the passes of `first` have gone over it, and after each further one.

        Orders that come to the same, which is `seen` then, go on in the same way.
        """
        passes = first.copy()
        view = passes[-1].text if passes else data
        while view not in seen:
            seen.add(view)
            for one in self._in_view(view, cut):
                start, end = one.start, one.end
                if passes and not one.cut and passes[-1].is_kept(start, end) and not _BREAK.search(view, start, end):
                    continue  # it was there before this pass, and was found; what is in lines, only if there was one
                for undone in reversed(passes):
                    start, end = undone.place(start, end)
                found.append(Found(start, len(data) if one.cut else end, one.secret, one.cut))
            further = unescape(view) if len(passes) < PASSES and not _is_all(found, data) else None
            if further is None:
                return
            passes.append(further)
            view = further.text

    def _in_view(self, view: bytes, cut: bool) -> Iterator[Found]:
        canonical = view.translate(CANONICAL)
        begun = self._begun(canonical)
        if begun:
            yield from self._matches(view, canonical, begun, cut)
        if b"\n" not in view:
            return
        joined = view.translate(None, _BREAKS)
        breaks: list[int] = []
        canonical = joined.translate(CANONICAL)
        begun = [(start, number) for start, number in self._begun(canonical) if self._known[number].carrier]
        for one in self._matches(joined, canonical, begun, cut):
            # Where in `joined` each break was, so that a place there tells how many stood before it.
            breaks = breaks or [match.start() - before for before, match in enumerate(_BREAK.finditer(view))]
            start = one.start + bisect_right(breaks, one.start)
            end = one.end + bisect_right(breaks, one.end - 1)
            if end - start > one.end - one.start:  # in lines; all others have been found
                yield Found(start, end, one.secret, one.cut)

    def _matches(self, view: bytes, canonical: bytes, begun: list[tuple[int, int]], cut: bool) -> Iterator[Found]:
        """What is there in one view, of what may have begun.

        Occurrences of one secret that overlap are one: `aaaa` is in `aaaaaaaa` many times.
        """
        size = len(view)
        last: dict[int, Found] = {}
        for start, number in begun:
            piece = self._beginnings[number]
            if not canonical.startswith(piece, start) and not (cut and start + len(piece) > size - _LOOSE):
                continue
            if number not in self._spellings:
                self._spellings[number] = spellings(self._known[number])
            for spelling in self._spellings[number]:
                end = start + len(spelling.text)
                before = last.get(number)
                if before and before.start <= start and end <= before.end:
                    continue
                known = max(size - start - _LOOSE, 7)
                ends = end <= size and canonical.startswith(spelling.text, start)
                if not ends and not (
                    cut and end > size - _LOOSE and canonical.startswith(spelling.text[:known], start)
                ):
                    continue
                first, behind = _widened(spelling, start, min(end, size), view)
                one = Found(first, behind if ends else size, self._known[number].secret, cut=not ends)
                if before and one.start <= before.end and before.start <= one.end:
                    one = Found(
                        min(one.start, before.start), max(one.end, before.end), one.secret, one.cut or before.cut
                    )
                elif before:
                    yield before
                last[number] = one
        yield from last.values()

    def _begun(self, text: bytes) -> list[tuple[int, int]]:
        """Where in canonical `text` a spelling may begin, and whose: its place in _known."""
        few = self._few  # before _short is looked at: they may just be going there
        found = self._long.places(text)
        if len(self._short):
            found += self._short.places(text)
        for piece, number in (*few, *self._tiny):
            at = text.find(piece)
            while at >= 0:
                found.append((at, number))
                at = text.find(piece, at + 1)
        return found


def _is_all(found: list[Found], data: bytes) -> bool:
    """Whether `data` is a secret from end to end: there is no wider one."""
    return any(one.start == 0 and one.end == len(data) for one in found)


def _widened(spelling: Spelling, start: int, end: int, view: bytes) -> tuple[int, int]:
    """With the characters of Base64 at its ends that hold some bits of the secret."""
    if spelling.before and start and view[start - 1] in BASE64:
        start -= 1
    if spelling.after and end < len(view) and view[end] in BASE64:
        end += 1
    return start, end
