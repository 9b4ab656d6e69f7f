"""Where in a text one of many known beginnings may stand: an index of a few bytes of each, at several places of it.

The keys of a text are its bytes taken as numbers of four or eight. The index holds those of each beginning at as many
neighbouring places: wherever it stands in a text, one of them is a key there. All that goes over a whole text is done in C.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import compress, count

# More keys than this are looked for in one pass instead of one by one.
_MANY = 8


class Keys:
    """Beginnings, by numbers. Those that were added are found once `settle` was called."""

    def __init__(self, width: int) -> None:
        """A key is `width` bytes, 4 or 8."""
        # A beginning of so many bytes holds all its keys.
        self.window = 2 * width - 1
        self._width = width
        self._type = "Q" if width == 8 else "I"
        # A number times the width, plus how far behind the beginning the key was taken; and all of them, where keys are shared.
        self._codes: dict[int, int] = {}
        self._shared: dict[int, list[int]] = {}
        self._new: list[bytes] = []
        self._numbers: list[int] = []

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, beginning: bytes, number: int) -> None:
        """Know a beginning of at least `window` bytes."""
        self._new.append(beginning[: self.window])
        self._numbers.append(number)

    def settle(self) -> None:
        """Take what was added into the index."""
        if not self._new:
            return
        new, self._new = self._new, []
        numbers, self._numbers = self._numbers, []
        # Each in as many bytes as two keys have: so those at one place are a slice.
        rows = b"\0".join(new)
        codes, shared = self._codes, self._shared
        for behind in range(self._width):
            keys = array(self._type, rows[behind:] + bytes(behind + 1))[::2]
            for key, number in zip(keys, numbers, strict=True):
                code = number * self._width + behind
                there = codes.setdefault(key, code)
                if there != code:
                    # A new list: another thread may be reading the one that is there.
                    shared[key] = [*shared.get(key, (there,)), code]

    def places(self, text: bytes) -> list[tuple[int, int]]:
        """Where in `text` a beginning may stand, in order, and its number; not seldom it does not stand there."""
        width = self._width
        keys = array(self._type, text[: len(text) & -width])
        common = self._codes.keys() & keys
        if not common:
            return []
        places: Iterable[int]
        if len(common) > _MANY:
            places = compress(count(), map(common.__contains__, keys))
        else:
            places = sorted(at for key in common for at in self._places_of(key, text))
        found: list[tuple[int, int]] = []
        for at in places:
            key = keys[at]
            for code in self._shared.get(key) or (self._codes[key],):
                start = at * width - code % width
                if start >= 0:
                    found.append((start, code // width))
        return found

    def _places_of(self, key: int, text: bytes) -> Iterator[int]:
        piece = key.to_bytes(self._width, sys.byteorder)
        at = text.find(piece)
        while at >= 0:
            if at % self._width == 0:
                yield at // self._width
            at = text.find(piece, at + 1)
