"""Rows of data, for each of which a collection is run once; and which of them are wanted."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from runner.errors import InputError, Location, Problem, Source
from runner.paths import KEYWORDS, NAME
from runner.records import record
from runner.values import Value


@record
class Row:
    """One row: its number, counted from 1; its values by column; and where it begins in its file."""

    number: int
    values: Mapping[str, Value]
    location: Location


def plain_names(columns: Iterable[str]) -> tuple[str, ...]:
    """Those of `columns` that a template can name as it names variables: `<<Email>>`, `<<row.Email>>`.

    Any other is reached as an item: `<<row['Last Name']>>`.
    """
    return tuple(name for name in columns if re.fullmatch(NAME, name) and name not in KEYWORDS)


@record
class RowsWanted:
    """Numbers of rows: ranges from first to last, in order and apart from each other. The last may have no end (None)."""

    ranges: tuple[tuple[int, int | None], ...]

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.ranges, number, key=lambda one: one[0]) - 1
        if place < 0:
            return False
        last = self.ranges[place][1]
        return last is None or number <= last

    @property
    def stop(self) -> int | None:
        """The last row that is wanted: no reading goes beyond it. None: there is no last."""
        return self.ranges[-1][1]

    def count(self, total: int) -> int:
        """How many of `total` rows are wanted."""
        ends = ((first, total if last is None else min(last, total)) for first, last in self.ranges)
        return sum(max(0, last - first + 1) for first, last in ends)

    def __str__(self) -> str:
        """One spelling for one set of rows."""
        return ",".join(
            f"{first}-" if last is None else str(first) if first == last else f"{first}-{last}"
            for first, last in self.ranges
        )


ALL = RowsWanted(((1, None),))

_PART = re.compile(r"\s*([0-9]+)\s*(?:(-)\s*([0-9]*)\s*)?\Z")
_EXAMPLE = "write numbers and ranges: 1-100,205,300-"
_MOST_DIGITS = 15


def rows_wanted(text: str, option: str = "--rows") -> RowsWanted:
    """What `1-100,205,300-` stands for. Raises InputError with each mistake at its place in the argument of `option`."""
    source = Source(option, text)
    problems: list[Problem] = []
    found: list[tuple[int, int | None]] = []
    column = 1
    for part in text.split(","):
        read = _range(part)
        if isinstance(read, str):
            blanks = len(part) - len(part.lstrip())
            place = Location(source, 1, column + blanks, max(1, len(part.strip())))
            problems.append(Problem(read, place, _EXAMPLE))
        else:
            found.append(read)
        column += len(part) + 1
    if problems:
        raise InputError(problems)
    return RowsWanted(_joined(found))


def _range(part: str) -> tuple[int, int | None] | str:
    """First and last, or what is wrong."""
    if not part.strip():
        return "a number is missing"
    match = _PART.match(part)
    if match is None:
        return "this is no number of a row, and no range of them"
    first, dash, last = match.groups()
    if max(len(first), len(last or "")) > _MOST_DIGITS:
        return "no file has so many rows"
    if int(first) == 0:
        return "rows are counted from 1"
    if not dash:
        return int(first), int(first)
    if not last:
        return int(first), None
    return (int(first), int(last)) if int(first) <= int(last) else "this range ends before it begins"


def _joined(ranges: list[tuple[int, int | None]]) -> tuple[tuple[int, int | None], ...]:
    """In order; those that overlap or touch made one."""
    joined: list[tuple[int, int | None]] = []
    for first, last in sorted(ranges, key=lambda one: one[0]):
        before = joined[-1] if joined else None
        if before is None or (before[1] is not None and first > before[1] + 1):
            joined.append((first, last))
        elif before[1] is not None:
            joined[-1] = (before[0], None if last is None else max(before[1], last))
    return tuple(joined)
