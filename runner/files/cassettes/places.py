"""A value of a JSON document together with the way to it: so that what is wrong with it can be told where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from runner.errors import did_you_mean

# The keys and indices from the top of a document to a value in it.
Way: TypeAlias = tuple[str | int, ...]

_BLANKS = re.compile(r"[ \t\r\n]*")


class Wrong(Exception):
    """Something in a document is not what it should be: what (for a person), where, and what else could be meant."""

    def __init__(self, message: str, way: Way, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.way = way
        self.hint = hint


class At:
    """A value in a document. What is asked of it and not so raises Wrong."""

    def __init__(self, value: Any, way: Way = ()) -> None:
        self.value = value
        self.way = way

    def wrong(self, message: str, hint: str | None = None) -> Wrong:
        return Wrong(message, self.way, hint)

    def __getitem__(self, key: str) -> At:
        found = self.get(key)
        if found is None:
            raise self.wrong(f"there is no `{key}` here")
        return found

    def get(self, key: str) -> At | None:
        """The member of that name; None when there is none, or it is null."""
        found = self._object().get(key)
        return None if found is None else At(found, (*self.way, key))

    def has(self, key: str) -> bool:
        return key in self._object()

    def only(self, *known: str) -> At:
        """Itself, which has no members but these: an option that is misspelled would do nothing."""
        for key in self._object():
            if key not in known:
                raise Wrong(f"`{key}` means nothing here", (*self.way, key), did_you_mean(key, known))
        return self

    def members(self) -> Iterator[tuple[str, At]]:
        return ((key, At(value, (*self.way, key))) for key, value in self._object().items())

    def items(self) -> Iterator[At]:
        if not isinstance(self.value, list):
            raise self.wrong("a list is needed here")
        return (At(value, (*self.way, index)) for index, value in enumerate(self.value))

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong("a text is needed here")
        return self.value

    def lines(self) -> str:
        """A text, or a list of its lines."""
        return "".join(line.text() for line in self.items()) if isinstance(self.value, list) else self.text()

    def number(self) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.wrong("a number is needed here")
        try:
            return float(self.value)
        except OverflowError:
            raise self.wrong("a number is needed here, and not so large a one") from None

    def integer(self) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong("a whole number is needed here")
        return self.value

    def truth(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true or false is needed here")
        return self.value

    def pair(self) -> tuple[str, str]:
        """A list of two texts."""
        found = [item.text() for item in self.items()]
        if len(found) != 2:
            raise self.wrong("a list of two texts is needed here")
        return found[0], found[1]

    def _object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object is needed here")
        return self.value


def offset_of(text: str, way: Way) -> int:
    """Where in `text`, which is JSON, the value at the end of `way` begins; of one that is not there, what holds it."""
    decoder = json.JSONDecoder()
    at = _after_blanks(text, 0)
    for key in way:
        found = next((place for name, place in _children(decoder, text, at) if name == key), None)
        if found is None:
            return at
        at = found
    return at


def _children(decoder: json.JSONDecoder, text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Each key or index of the object or list at `at`, and where its value begins. Nothing for any other value."""
    opening, at, index = text[at], at + 1, 0
    if opening not in "{[":
        return
    while (at := _after_blanks(text, at)) < len(text) and text[at] not in "}]":
        name: str | int = index
        if opening == "{":
            name, at = decoder.raw_decode(text, at)
            at = _after_blanks(text, _after_blanks(text, at) + 1)
        yield name, at
        _, at = decoder.raw_decode(text, at)
        at = _after_blanks(text, at)
        at += text[at : at + 1] == ","
        index += 1


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
