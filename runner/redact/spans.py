"""Where secrets are in a text: of what was found there what counts, and the text with masks in its place."""

from __future__ import annotations

import re
from typing import NamedTuple

from runner.values import Secret


class Span(NamedTuple):
    """A secret found in a text: its first character, and the one after its last."""

    start: int
    end: int
    secret: Secret


def widest(data: bytes, found: list[Span], masks: set[bytes]) -> list[Span]:
    """Of spans that overlap the widest, the others cut to what they add; none inside a mask; all of whole characters."""
    masked = []
    if b"<<" in data:
        masked = [match.span() for match in re.finditer(rb"<<[^\n]+?>>", data) if match[0] in masks]
    chosen: list[Span] = []
    for start, end, secret in sorted(found, key=lambda span: (span.start, -span.end)):
        if any(first <= start and end <= last for first, last in masked):
            continue
        while start and data[start] & 0xC0 == 0x80:
            start -= 1
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
        if chosen and start < chosen[-1].end:
            start = chosen[-1].end
        if start < end:
            chosen.append(Span(start, end, secret))
    return chosen


def with_masks(data: bytes, spans: list[Span], end: int) -> str:
    """The first `end` bytes of `data` as text, each span as its mask."""
    pieces: list[bytes] = []
    position = 0
    for span in spans:
        pieces += (data[position : span.start], span.secret.mask.encode("utf-8", "surrogatepass"))
        position = span.end
    pieces.append(data[position:end])
    return b"".join(pieces).decode("utf-8", "surrogatepass")
