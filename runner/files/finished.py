"""A set of whole numbers, a bit for each: a million rows are 125 kB, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterator

_BITS = 1 << 13  # in a block: numbers far apart cost a block each, not all that is between them


class Finished:
    """Numbers from 0. Adding is not safe among threads."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self._count = 0

    def add(self, number: int) -> None:
        block = self._blocks.get(number // _BITS)
        if block is None:
            block = self._blocks[number // _BITS] = bytearray(_BITS // 8)
        place, bit = number % _BITS // 8, 1 << number % 8
        if not block[place] & bit:
            block[place] |= bit
            self._count += 1

    def discard(self, number: int) -> None:
        if number in self:
            self._blocks[number // _BITS][number % _BITS // 8] &= ~(1 << number % 8)
            self._count -= 1

    def __contains__(self, number: int) -> bool:
        block = self._blocks.get(number // _BITS)
        return block is not None and bool(block[number % _BITS // 8] & 1 << number % 8)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        """In order."""
        for index, block in sorted(self._blocks.items()):
            for place, octet in enumerate(block):
                if octet:
                    yield from (index * _BITS + place * 8 + bit for bit in range(8) if octet & 1 << bit)
