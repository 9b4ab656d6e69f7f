"""Rows from CSV (RFC 4180): the first record names the columns, every value is text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from runner.errors import InputError, Problem
from runner.files.rows.octets import Octets
from runner.files.rows.records import Record, Records, Tell, twice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _csv import Reader

LONGEST_VALUE = 1_000_000  # characters
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_PIECE = re.compile(r"[^\r]*(?:\r\n?|\Z)")
_QUOTED = re.compile(r'"[^"]*"?')


def read(octets: Octets, tell: Tell, delimiter: str | None = None) -> tuple[tuple[str, ...], Records]:
    """The names of the columns, and the records behind them. `delimiter`: None takes the one that the header shows.

    Raises InputError for a header that names no columns; the records do so for what is no CSV, and what `tell` raises for a
    row of another length.
    """
    csv.field_size_limit(LONGEST_VALUE)
    lines = _split(octets.lines())
    first = next(lines, "")
    rows = csv.reader(_again(first, lines), delimiter=delimiter or _shown_by(first), strict=True)
    line, header = next(_read(rows, octets), (1, []))
    _check_header(header, line, octets)
    return tuple(header), _records(rows, tuple(header), octets, tell)


def _records(rows: Reader, header: tuple[str, ...], octets: Octets, tell: Tell) -> Records:
    for line, values in _read(rows, octets):
        if len(values) == len(header):
            yield Record(dict(zip(header, values, strict=True)), line, 1)
        else:
            tell(_misfit(len(values), len(header), rows.dialect.delimiter, line, octets))


def _misfit(values: int, names: int, delimiter: str, line: int, octets: Octets) -> Problem:
    message = f"this row has {values} value{'s' * (values != 1)}, and the header names {names}"
    hint = "close a quote, or add what is missing; an empty value is written as nothing"
    if values > names:
        hint = f"put quotes around a value that holds {_NAMES.get(delimiter, 'the delimiter')}"
    return Problem(message, octets.at(line), hint)


def _read(rows: Reader, octets: Octets) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins; blank lines are none."""
    while True:
        line = rows.line_num + 1
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(_mistake(str(error), line, rows.line_num, octets)) from None
        if values:
            yield line, values


def _mistake(said: str, line: int, last: int, octets: Octets) -> Problem:
    """The csv module's mistakes in words. A record that goes wrong over several lines has a quote too few or too many."""
    if "field larger" in said:
        message = f"a value of this row is longer than {LONGEST_VALUE} characters"
        return Problem(message, octets.at(line), "close its quote, or put what is so long into a file of its own")
    if "unexpected end of data" in said:
        return Problem("a quote that this row opens is not closed", octets.at(line), "close it")
    if "expected after" in said:
        message = "something stands behind the closing quote of a value" + (f" (line {last})" if last > line else "")
        return Problem(message, octets.at(line), 'a quote inside a quoted value is written twice: ""')
    return Problem(f"this row is not CSV: {said}", octets.at(line), "see RFC 4180")


def _check_header(header: list[str], line: int, octets: Octets) -> None:
    """Raises InputError."""
    place = octets.at(line)
    if not header:
        raise InputError(Problem(f"{octets.source.name} is empty", None, "its first line names the columns"))
    if any(not name.strip() for name in header):
        position = next(number for number, name in enumerate(header, 1) if not name.strip())
        hint = "give it a name, or take a delimiter away"
        raise InputError(Problem(f"column {position} of the header has no name", place, hint))
    name = twice(header)
    if name is not None:
        raise InputError(Problem(f"the header names `{name[:80]}` twice", place, "give one of them another name"))


def _shown_by(header: str) -> str:
    """The delimiter: a comma, unless the header holds none and either semicolons or tabs, outside of quotes."""
    bare = _QUOTED.sub("", header)
    others = [mark for mark in ";\t" if mark in bare]
    return others[0] if "," not in bare and len(others) == 1 else ","


def _split(lines: Iterator[str]) -> Iterator[str]:
    """Lines that end in a carriage return alone, too."""
    for line in lines:
        at = line.find("\r")
        if at < 0 or line[at:] == "\r\n":
            yield line
        else:
            yield from (piece[0] for piece in _PIECE.finditer(line) if piece[0])


def _again(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest
