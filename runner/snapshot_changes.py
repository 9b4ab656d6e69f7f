"""What of a response is not as its snapshot has it, each place as a failed check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from runner import differences
from runner.errors import Location
from runner.judgement import CheckResult, show
from runner.records import record
from runner.redact import Redactor
from runner.snapshots import BODIES, Document
from runner.values import MISSING, Missing, Value

# So many differences are told one by one.
MOST = 10
_UPDATE = "`--update-snapshots` takes what came"
# Of texts that are longer, what stands around the first character that differs is shown: so much before it, and after.
_LONG, _BEFORE, _AFTER = 120, 20, 80


@record
class _Change:
    """What differs, as queries name it, and what stands there on either side."""

    query: str
    left: Value | Missing
    right: Value | Missing


def checks(kept: Document, made: Document, name: str, place: Location, redactor: Redactor) -> list[CheckResult]:
    """Each difference as a failed check, the first MOST of them; or one check that passed. `name` is the file's."""
    found = list(_changes(kept, made))
    if not found:
        return [CheckResult("snapshot", "snapshot", True, f"as in {name}", "the same", place)]
    told = [_check(one, place, redactor) for one in found[:MOST]]
    more = len(found) - len(told)
    if more:
        told.append(failed(place, f"as in {name}", f"and {more} more"))
    return [*told[:-1], replace(told[-1], note=f"compared with {name}; {_UPDATE}")]


def failed(place: Location, expected: str, actual: str, note: str | None = None) -> CheckResult:
    return CheckResult("snapshot", "snapshot", False, expected, actual, place, note)


def missing(name: str, place: Location) -> CheckResult:
    """The check of a response that nothing is kept of, where nothing is to be written."""
    note = "run it with --snapshot where CI is not set, or with --update-snapshots, and commit the file"
    return failed(place, f"as in {name}", "there is no such file", note)


def unfit(name: str, place: Location, why: str) -> CheckResult:
    return failed(place, f"as in {name}", f"it cannot be read: {why}", f"mend the file; {_UPDATE}")


def taken(name: str, place: Location, actual: str) -> CheckResult:
    """The check of a response that is kept from now on."""
    return CheckResult("snapshot", "snapshot", True, f"as in {name}", actual, place)


def _changes(kept: Document, made: Document) -> Iterator[_Change]:
    bodies = [[BODIES[name] for name in one if name in BODIES] or ["none"] for one in (kept, made)]
    if bodies[0] != bodies[1]:
        yield _Change("snapshot body", bodies[0][0], bodies[1][0])
    for name in dict.fromkeys((*kept, *made)):
        if name in BODIES and bodies[0] != bodies[1]:
            continue
        left, right = kept.get(name, MISSING), made.get(name, MISSING)
        if name == "text" and isinstance(left, list) and isinstance(right, list):
            yield from _lines(left, right)
        elif name == "headers" and isinstance(left, dict) and isinstance(right, dict):
            for field in dict.fromkeys((*left, *right)):
                yield from _places(f"snapshot header {field}", left.get(field, MISSING), right.get(field, MISSING))
        else:
            yield from _places(f"snapshot {'$' if name == 'json' else name}", left, right)


def _places(query: str, left: Value | Missing, right: Value | Missing) -> Iterator[_Change]:
    for one in differences.between(left, right, query):
        yield _Change(one.path, one.left, one.right)


def _lines(left: list[Value], right: list[Value]) -> Iterator[_Change]:
    """Lines that differ, between those at the beginning and at the end that are the same: one more line moves no other."""
    least = min(len(left), len(right))
    first = next((i for i in range(least) if left[i] != right[i]), least)
    last = next((i for i in range(least - first) if left[-1 - i] != right[-1 - i]), least - first)
    for index in range(first, max(len(left), len(right)) - last):
        one, other = (side[index] if index < len(side) - last else MISSING for side in (left, right))
        if one != other:
            yield _Change(f"snapshot line {index + 1}", one, other)


def _check(one: _Change, place: Location, redactor: Redactor) -> CheckResult:
    expected, actual = (_shown(side, redactor) for side in (one.left, one.right))
    if expected == actual and isinstance(one.left, str) and isinstance(one.right, str):
        expected, actual = _apart(redactor.text(one.left), redactor.text(one.right))
    return CheckResult(one.query, "snapshot", False, expected, actual, place)


def _shown(value: Value | Missing, redactor: Redactor) -> str:
    return "nothing" if isinstance(value, Missing) else show(value, redactor)


def _apart(left: str, right: str) -> tuple[str, str]:
    """Of two long texts, what stands around their first difference."""
    first = next((i for i, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(left), len(right)) if first is None else first
    if at < _LONG:
        return json.dumps(left, ensure_ascii=False), json.dumps(right, ensure_ascii=False)
    cut = [json.dumps(side[at - _BEFORE : at + _AFTER], ensure_ascii=False) for side in (left, right)]
    return f"{cut[0]} from character {at - _BEFORE + 1}", f"{cut[1]} from character {at - _BEFORE + 1}"
