"""A saved report read again: the JSON document, or JSON Lines. It is read once, a step at a time, into a spool."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

from runner import errors
from runner.errors import InputError, Location, Problem, Source
from runner.reporters.documents import codec
from runner.reporters.documents.codec import Object, Unfit
from runner.reporters.documents.spool import Spool
from runner.reporters.documents.tree import Report, Run
from runner.results import Status

# Characters that are read at once.
_BLOCK = 1 << 16
_HINT = "give what `zrun run --report json=PATH` or `jsonl=PATH` wrote"
_BLANK = " \t\r\n"
_AFTER = frozenset((*_BLANK, ",", ":", "]", "}"))


def read(file: TextIO, name: str, spool: Spool) -> Report:
    """The report in `file`, called `name`, its steps put into `spool`.

    Raises InputError for what is no report, or one of a newer zrun; OSError for what cannot be read.
    """
    try:
        first = file.readline(_BLOCK)
        head = _head(first)
        return _document(_Text(file, name, first), spool) if head is None else _lines(file, name, head, spool)
    except Unfit as error:
        raise _refused(name, error) from None
    except UnicodeDecodeError:
        raise InputError(Problem(f"{name} is no report of zrun's: it is not UTF-8", None, _HINT)) from None


def _document(text: _Text, spool: Spool) -> Report:
    """The report that is one JSON document, its members in any order."""
    text.expect("{")
    members: Object = {}
    for key in text.members():
        if key == "steps" and codec.MARK in members:
            codec.check_version(members)  # before a step of another version is found to be none
        if key == "steps":
            text.spool_steps(spool)
        members[key] = None if key == "steps" else text.value()
    text.end()
    codec.check_version(members)
    if "steps" not in members:
        raise Unfit("`steps` is missing")
    return Report(codec.run_of(members), spool)


def _head(line: str) -> Object | None:
    """The first line of JSON Lines; None for any other."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("kind") == "head" else None


def _lines(file: TextIO, name: str, head: Object, spool: Spool) -> Report:
    """The report that is JSON Lines. Without its end, it is of a run that was killed: its last line may be a part of one."""
    codec.check_version(head)
    counts: Counter[Status] = Counter()
    run: Run | None = None
    for number, line in enumerate(file, start=2):
        try:
            found = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            if not line.endswith("\n") and run is None:
                break
            place = Location(Source(name), number, 1)
            raise InputError(Problem("this line is no JSON that can be read", place, _HINT)) from None
        kind = found.get("kind") if isinstance(found, dict) else None
        try:
            if run is not None or kind not in ("step", "end"):
                raise Unfit("this line is of no report")
            if kind == "end":
                run = codec.run_of(found)
                continue
            step = codec.step_of(found)
        except Unfit as error:
            raise error.below(f"line {number}") from None
        spool.add(step)
        counts[step.status] += 1
    return Report(run or _broken_off(head, counts), spool)


def _broken_off(head: Object, counts: Counter[Status]) -> Run:
    """The run of a file that has no end."""
    summary = {kind: counts[kind] for kind in ("passed", "failed", "skipped", "blocked")}
    whole = {"total": counts.total(), **summary}
    end: Object = {
        "duration": 0,
        "interrupted": True,
        "exit-code": errors.INTERRUPTED,
        "rows": None,
        "earlier": 0,
        "problems": [],
    }
    return codec.run_of({**head, **end, "summary": whole})


def _refused(name: str, error: Unfit) -> InputError:
    where = f" at `{error.path}`" if error.path else ""
    newer = error.path == codec.MARK and "newer" in error.message
    hint = "read it with that zrun, or make it again with this one" if newer else _HINT
    return InputError(Problem(f"{name} cannot be read{where}: {error.message}", None, hint))


class _Text:
    """JSON that is taken from a file piece by piece: only what is looked at is in memory."""

    def __init__(self, file: TextIO, name: str, held: str) -> None:
        self._file = file
        self._name = name
        self._held = held
        self._ended = False
        self._line, self._column = 1, 1
        self._decoder = json.JSONDecoder(parse_constant=_no_constant)

    def members(self) -> Iterator[str]:
        """The keys of an object whose brace has been taken; the caller takes each value."""
        if self._next() == "}":
            self._take(1)
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                self._no("a key is wanted")
            self.expect(":")
            yield key
            if self._next() == "}":
                self._take(1)
                return
            self.expect(",")

    def spool_steps(self, spool: Spool) -> None:
        self.expect("[")
        if self._next() == "]":
            self._take(1)
            return
        index = 0
        while True:
            try:
                spool.add(codec.step_of(self.value()))
            except Unfit as error:
                raise error.below(f"steps[{index}]") from None
            index += 1
            if self._next() == "]":
                self._take(1)
                return
            self.expect(",")

    def value(self) -> Any:
        """The JSON value that comes next."""
        self._next()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._held)
                # A number that the end of what is held cuts reads well too, as does `1.` without its `.`.
                if self._held[end : end + 1] in _AFTER or not self._more():
                    self._take(end)
                    return found
            except json.JSONDecodeError as error:
                if not self._more():
                    self._take(min(error.pos, len(self._held)))
                    self._no(error.msg)
            except (ValueError, RecursionError):
                self._no("it is no JSON that can be read")

    def expect(self, sign: str) -> None:
        if self._next() != sign:
            self._no(f"`{sign}` is wanted")
        self._take(1)

    def end(self) -> None:
        if self._next():
            self._no("something stands after the document")

    def _next(self) -> str:
        """The next character that is no blank, not taken; empty at the end."""
        while True:
            stripped = self._held.lstrip(_BLANK)
            self._take(len(self._held) - len(stripped))
            if self._held or not self._more():
                return self._held[:1]

    def _take(self, count: int) -> None:
        taken = self._held[:count]
        self._held = self._held[count:]
        lines = taken.count("\n")
        self._line += lines
        self._column = len(taken) - taken.rfind("\n") if lines else self._column + count

    def _more(self) -> bool:
        if self._ended:
            return False
        # As much again: a long value is not decoded from its beginning for each block.
        block = self._file.read(max(_BLOCK, len(self._held)))
        self._ended = not block
        self._held += block
        return bool(block)

    def _no(self, message: str) -> NoReturn:
        place = Location(Source(self._name), self._line, self._column)
        raise InputError(Problem(f"this is no report of zrun's: {message}", place, _HINT))


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
