"""Rows from JSON: an array of objects, an element at a time; or JSON Lines, an object on each line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from runner.errors import InputError, Problem
from runner.files.rows.octets import Octets, moved
from runner.files.rows.records import Record, Records, Tell, twice
from runner.values import Value, type_name

LONGEST_ROW = 16_000_000  # characters
DEEPEST = 64

_BLANK = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# What the decoder stops at is near the end of what it was given when it is the rest that is missing.
_NEAR = 16


class _Refused(ValueError):
    """JSON that says what no value can be."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        name = twice(name for name, _ in pairs) or ""
        raise _Refused(f"the name `{name[:80]}` stands in an object twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Refused("a number is larger than any that can be kept")
    return number


def _no_number(word: str) -> float:
    raise _Refused(f"{word} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_number)


def lines(octets: Octets, tell: Tell) -> Records:
    """Of JSON Lines: blank lines are no rows. Raises InputError, and what `tell` raises for a line that is no object."""
    for number, text in enumerate(octets.lines(), 1):
        start = _skipped(text, 0)
        if start == len(text):
            continue
        try:
            value, end = _value(text, start)
            rest = _skipped(text, end)
            if rest < len(text):
                tell(_no_row("something stands behind the value", octets, number, rest + 1))
                continue
        except json.JSONDecodeError as error:
            tell(_no_row(f"this line is not JSON: {_said(error)}", octets, number, error.pos + 1))
        except ValueError as error:
            tell(_no_row(str(error), octets, number, start + 1))
        else:
            record = _record(value, number, start + 1, octets, tell)
            if record is not None:
                yield record


def _no_row(message: str, octets: Octets, line: int, column: int) -> Problem:
    return Problem(message, octets.at(line, column), "JSON Lines hold one whole object on each line")


def array(octets: Octets, tell: Tell) -> Records:
    """Of a JSON array. Raises InputError for what is no array, and what `tell` raises for an element that is no object."""
    window = _Window(octets)
    if window.mark() == "":
        raise InputError(Problem(f"{octets.source.name} is empty", None, "write an array of objects: [{...}, {...}]"))
    if not window.take("["):
        hint = "put `[` and `]` around it, or save objects line by line as .jsonl"
        raise window.wrong("rows are an array of objects", hint)
    if not window.take("]"):
        while True:
            window.mark()
            line, column = window.line, window.column
            record = _record(window.value(), line, column, octets, tell)
            if record is not None:
                yield record
            if window.take("]"):
                break
            if not window.take(","):
                raise window.wrong(
                    "a comma or the end of the array is missing", "write `,` between rows, `]` at the end"
                )
    if window.mark():
        raise window.wrong("something stands behind the array", "one array holds all rows; for more save .jsonl")


class _Window:
    """The part of a document that is looked at. `line` and `column` are of what comes next."""

    def __init__(self, octets: Octets) -> None:
        self._octets = octets
        self._chunks = octets.chunks()
        self._text = ""
        self._at = 0
        self._ended = False
        self.line, self.column = 1, 1

    def mark(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            self._pass(_skipped(self._text, self._at))
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, mark: str) -> bool:
        """Whether `mark` came next; then it is passed."""
        if self.mark() != mark:
            return False
        self._pass(self._at + 1)
        return True

    def value(self) -> Any:
        """The value that comes next. Raises InputError."""
        self.mark()
        while True:
            try:
                value, end = _value(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _NEAR
                ahead = error.pos - self._at
                if cut and self._more(doubled=True):
                    continue
                self._pass(self._at + ahead)
                raise self.wrong(f"this is not JSON: {_said(error)}", "mend it here or shortly before") from None
            except ValueError as error:
                raise self.wrong(str(error), "mend this row") from None
            if end == len(self._text) and isinstance(value, (int, float)) and self._more():
                continue  # a number may go on; anything else is known to have ended
            self._pass(end)
            return value

    def wrong(self, message: str, hint: str) -> InputError:
        return InputError(Problem(message, self._octets.at(self.line, self.column), hint))

    def _pass(self, end: int) -> None:
        self.line, self.column = moved(self.line, self.column, self._text[self._at : end])
        self._at = end

    def _more(self, *, doubled: bool = False) -> bool:
        """Read on: a chunk, or as much again as there is, so that a long row is not tried too often. False at the end."""
        pieces = [self._text[self._at :]]
        size, wanted = len(pieces[0]), 2 * len(pieces[0]) if doubled else 1
        if size > LONGEST_ROW:
            hint = "close its quotes and brackets, or put what is so long into a file of its own"
            raise self.wrong(f"a row is longer than {LONGEST_ROW // 10**6} MB", hint)
        while size < wanted or len(pieces) == 1:
            chunk = next(self._chunks, "")
            if not chunk:
                break
            pieces.append(chunk)
            size += len(chunk)
        self._text, self._at = "".join(pieces), 0
        return len(pieces) > 1


def _skipped(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return match.end() if match else start


def _value(text: str, start: int) -> tuple[Any, int]:
    """The value at `start`, and where it ends. Raises ValueError: a JSONDecodeError when it knows a place."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (json.JSONDecodeError, _Refused):
        raise
    except ValueError:
        raise _Refused("a number has too many digits") from None
    except RecursionError:
        raise _Refused(f"this is nested more than {DEEPEST} deep") from None
    if text.count("[", start, end) + text.count("{", start, end) > DEEPEST and not _shallow(value):
        raise _Refused(f"this is nested more than {DEEPEST} deep")
    if text.find("\\u", start, end) >= 0 and _SURROGATE.search(text, start, end) and not _encodable(value):
        raise _Refused("a \\u escape stands for half a character")
    return value, end


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _said(error: json.JSONDecodeError) -> str:
    """The decoder's words, which tell no value."""
    return error.msg[:1].lower() + error.msg[1:]


def _record(value: Value, line: int, column: int, octets: Octets, tell: Tell) -> Record | None:
    if isinstance(value, dict):
        return Record(value, line, column)
    hint = 'write {"name": value}: each value of a row has a name'
    tell(Problem(f"a row is an object, and this is: {type_name(value)}", octets.at(line, column), hint))
    return None
