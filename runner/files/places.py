"""Where the characters of a YAML scalar are in its file, for all of YAML's six styles of writing one."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import Protocol

from runner.errors import Location, Source


class Mark(Protocol):
    """A position in a file: 0-based line, column and index, in characters. PyYAML's marks are such."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def index(self) -> int: ...


class ScalarPlace:
    """An errors.Place. Nothing is computed before it is asked for."""

    def __init__(self, source: Source, start: Mark, end: Mark, style: str, value: str) -> None:
        self._source = source
        self._start = start
        self._end = end
        self._style = style
        self._value = value

    def at(self, offset: int, width: int = 1) -> Location:
        """The location of the character `offset` of the value; past its end, of the end."""
        start = self._start
        if not self._style and (not offset or start.line == self._end.line):
            return Location(self._source, start.line + 1, start.column + offset + 1, width)
        index = self._indexes[offset] if offset < len(self._indexes) else self._after
        line = bisect_right(self._line_starts, index) - 1
        return Location(self._source, start.line + line + 1, index - self._line_starts[line] + 1, width)

    @cached_property
    def _line_starts(self) -> list[int]:
        """Where the scalar's lines begin in the file, as indexes."""
        text, start = self._source.text, self._start
        starts = [start.index - start.column]
        for index in range(start.index, min(self._end.index, len(text))):
            if text[index] == "\n" or (text[index] == "\r" and text[index + 1 : index + 2] != "\n"):
                starts.append(index + 1)
        return starts

    @property
    def _after(self) -> int:
        return (self._indexes[-1] + 1) if self._indexes else self._start.index

    @cached_property
    def _indexes(self) -> list[int]:
        """For each character of the value, its index in the file."""
        text = self._source.text
        position, end = self._start.index, self._end.index
        if self._style in ("|", ">"):
            position = _after_line(text, position)
        elif self._style in ("'", '"'):
            position, end = position + 1, end - 1
        return _aligned(self._value, text, position, end, self._style)


def _after_line(text: str, position: int) -> int:
    """The index of the line that follows: a block scalar's header is not part of its value."""
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def _aligned(value: str, text: str, position: int, end: int, style: str) -> list[int]:
    """Value and file walked side by side: blanks may have been folded or cut, escapes stand for one character."""
    found: list[int] = []
    for number, character in enumerate(value):
        if style == '"':
            position = _skip_joined_lines(text, position, end)
        blank = character in " \t\n\r"
        if not blank and not (style == '"' and text[position : position + 1] == "\\"):
            while position < end and text[position] in " \t\r\n" and text[position] != character:
                position += 1
        found.append(min(position, max(end - 1, 0)))
        if position >= end:
            continue
        if style == '"' and text[position] == "\\":
            position += _ESCAPES.get(text[position + 1 : position + 2], 2)
        elif style == "'" and character == "'":
            position += 2
        elif blank and text[position] in "\r\n" and value[number + 1 : number + 2] not in ("\n", " "):
            position += 1  # folded: the blanks around the line end stand for this one
        else:
            position += 1
    return found


_ESCAPES = {"x": 4, "u": 6, "U": 10}


def _skip_joined_lines(text: str, position: int, end: int) -> int:
    """Past `\\` at a line's end, which joins it with the next."""
    while text[position : position + 1] == "\\" and text[position + 1 : position + 2] in ("\n", "\r"):
        position = _after_line(text, position)
        while position < end and text[position] in " \t":
            position += 1
    return position
