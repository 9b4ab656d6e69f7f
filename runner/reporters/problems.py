"""Diagnostics: each problem with its place, the line it is on, a mark under the spot, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.errors import Location, Problem
from runner.reporters import Redact, unmasked
from runner.reporters.terminal import cells, paint, printable, shown, unheard

_TAB = "    "
_CUT = "..."
_NARROWEST = 20


def render(problems: Iterable[Problem], *, color: bool, width: int, redact: Redact = unmasked) -> str:
    """One block for each problem, by file and place, each told once; a last line counts them when they are several.

    `width` is that of the screen in columns: source lines are cut to it, around the spot; nothing else is.
    """
    ordered = sorted(dict.fromkeys(problems), key=_order)
    lines: list[str] = []
    last_file: str | None = None
    for problem in ordered:
        file = problem.location.source.name if problem.location else ""
        if last_file not in (None, file):
            lines.append("")
        last_file = file
        lines += _block(problem, color, width, redact)
    if len(ordered) > 1:
        lines += ["", _count(ordered, color)]
    return unheard("".join(line + "\n" for line in lines))


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.location
    return (place.source.name, place.line, place.column) if place else ("", 0, 0)


def _count(problems: list[Problem], color: bool) -> str:
    warnings = sum(problem.warning for problem in problems)
    errors = len(problems) - warnings
    counted = []
    if errors:
        counted.append(paint(f"{errors} error{'s' * (errors > 1)}", "red", color))
    if warnings:
        counted.append(paint(f"{warnings} warning{'s' * (warnings > 1)}", "yellow", color))
    return ", ".join(counted)


def _block(problem: Problem, color: bool, width: int, redact: Redact) -> Iterator[str]:
    message = printable(redact(problem.message))
    place = problem.location
    where = paint(printable(redact(f"{place}:")), "bold", color) + " " if place else ""
    if problem.warning:
        yield f"{where}{paint('warning:', 'yellow', color)} {message}"
    else:
        yield f"{where}{'' if place else paint('error:', 'red', color) + ' '}{paint(message, 'bold', color)}"
    gutter = ""
    if place and place.source.line(place.line).strip():
        number = str(place.line)
        gutter = " " * (len(number) + 3)
        text, mark = _excerpt(place, max(width - len(gutter) - 2, _NARROWEST), redact)
        yield f"  {paint(f'{number} |', 'dim', color)} {text}"
        if mark:
            caret = paint(mark.lstrip(), "yellow" if problem.warning else "red", color)
            yield f"{gutter}{paint('|', 'dim', color)} {mark[: -len(mark.lstrip())]}{caret}"
    if problem.hint:
        yield f"{gutter or '  '}{paint('=', 'dim', color)} {printable(redact(problem.hint))}"


def _excerpt(place: Location, room: int, redact: Redact) -> tuple[str, str]:
    """The part of the line around the spot that fits into `room` columns, and the underline below it."""
    written = place.source.line(place.line)
    line = redact(written)
    start = min(place.column - 1, len(line))
    if line[:start] != written[:start]:
        return _window(line, 0, 0, room)[0], ""  # a mask stands before the spot: nobody knows where it is now
    return _window(line, start, min(start + max(place.width, 1), max(len(line), start + 1)), room)


def _window(line: str, start: int, end: int, room: int) -> tuple[str, str]:
    """As much of the line as fits: up to a third of the room before the spot (more where the line ends early)."""
    first = start - _fitting(line[:start][::-1], room // 3)
    before = _CUT if first else ""
    last = start + _fitting(line[start:], room - len(before) - _cells_of(line[first:start]))
    if last == len(line):
        first = start - _fitting(line[:start][::-1], room - max(_cells_of(line[start:]), 1))
        before = _CUT if first else ""
    text = before + "".join(map(_display, line[first:last])) + (_CUT if last < len(line) else "")
    covered = _cells_of(line[start : min(end, last)]) or 1
    return text.rstrip(), " " * (len(before) + _cells_of(line[first:start])) + "^" * covered


def _fitting(text: str, room: int) -> int:
    """How many characters fit into `room` columns from the beginning; if not all of them, with the ellipsis after them."""
    used = kept = 0
    for count, character in enumerate(text, start=1):
        used += cells(_display(character))
        if used > room:
            return kept
        if used <= room - len(_CUT):
            kept = count
    return len(text)


def _display(character: str) -> str:
    return _TAB if character == "\t" else shown(character)


def _cells_of(text: str) -> int:
    return sum(cells(_display(character)) for character in text)
