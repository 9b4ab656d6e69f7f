"""What was found in texts that come again: a run looks at one text to capture from it, to judge it and to show it."""

from __future__ import annotations

from threading import Lock

from runner.redact.spans import Span

# Characters of text that are held, and of one of them: several answers, all of what is said of a step.
_ROOM = 2_000_000
_LONGEST = 500_000


class Seen:
    """Texts with the spans in them, the oldest forgotten first. What was found when fewer secrets were known is not given."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bool], tuple[int, bytes, list[Span]]] = {}
        self._held = 0
        self._lock = Lock()

    def get(self, text: str, known: int, *, cut: bool) -> tuple[bytes, list[Span]] | None:
        """The bytes of `text` and the spans in them, if they were put here when as many secrets were known."""
        there = self._found.get((text, cut))
        return there[1:] if there is not None and there[0] == known else None

    def put(self, text: str, known: int, found: tuple[bytes, list[Span]], *, cut: bool) -> None:
        if len(text) > _LONGEST:
            return
        with self._lock:
            if self._found.pop((text, cut), None) is None:
                self._held += len(text)
            self._found[text, cut] = (known, *found)
            while self._held > _ROOM:
                oldest = next(iter(self._found))
                del self._found[oldest]
                self._held -= len(oldest[0])
