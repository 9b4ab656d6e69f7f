"""The data of the page, as JSON that can stand inside of a script element: a short line for each step, and all of it.

The page reads every line when it opens, and a step's whole only when somebody unfolds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import TypeAlias

from runner import results
from runner.reporters.documents.tree import Body, Check, Run, Sending, Step

# What can be said of a failure in a line, for the search: characters.
_TOLD = 400

Line: TypeAlias = list[object]


def run(told: Run) -> str:
    """What the page must know of the whole run: members as in tree.Run."""
    return _json({"collections": told.collections, "started": told.started, "duration": told.duration})


def line(told: Run, number: int, step: Step) -> str:
    """A step for the list, as an array in the order in which report.js reads it (`Line` there).

    Moments are milliseconds since the run began, durations milliseconds.
    """
    last = step.exchanges[-1] if step.exchanges else None
    group = next((n for n, named in enumerate(told.collections) if named.file == step.collection), -1)
    array: Line = [
        number,
        group,
        results.of(step.row, repeat=step.repeat),
        step.id,
        step.name,
        step.item,
        step.status,
        last.method if last else None,
        last.url if last else None,
        (last.status if last.status is not None else last.error) if last else None,
        _milliseconds(step.started - told.started),
        _milliseconds(step.duration),
        sum(sending.size or 0 for sending in step.exchanges),
        list(_bars(told, step)),
        _failure(step),
    ]
    return _json(array)


def detail(step: Step, *, bodies: bool = True) -> str:
    """All of a step: members as in tree.Step; without `bodies`, of a body just its type and size."""
    return _json(step, _members if bodies else _without_bodies)


def _bars(told: Run, step: Step) -> Iterator[Line]:
    """What a step did, for the waterfall: for each request its moment, duration, why it was sent, what came, and redirects."""
    for renewal in step.renewed:
        for bar in _bars(told, renewal):
            yield [*bar[:2], "renew", *bar[3:]]
    for number, sending in enumerate(step.exchanges):
        following = step.exchanges[number + 1 : number + 2]
        yield [
            _milliseconds(sending.started - told.started),
            _milliseconds(_lasted(sending, following[0].started if following else step.started + step.duration)),
            sending.reason,
            sending.status if sending.status is not None else sending.error,
            len(sending.redirects),
        ]


def _lasted(sending: Sending, following: float) -> float:
    """How long it took; where no answer came, how long it was until something else was done."""
    return sending.duration if sending.duration is not None else max(0.0, following - sending.started)


def _failure(step: Step) -> str | None:
    """Why it did not pass, in a line."""
    told = [step.reason] if step.reason else []
    told += [f"{c.query}: expected {_predicate(c)}{c.expected}, was {c.actual}" for c in step.checks if not c.passed]
    told += [trouble.message for trouble in step.problems]
    return " · ".join(told)[:_TOLD] or None


def _predicate(check: Check) -> str:
    return "" if check.predicate == "eq" else f"{check.predicate} "


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _json(value: object, members: Callable[[object], dict[str, object]] | None = None) -> str:
    """JSON in ASCII without `<`, `>` and `&`: nothing in it can end the element it stands in, or begin a comment."""
    text = json.dumps(value, default=members or _members, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _members(value: object) -> dict[str, object]:
    """The members of a record that say something: what is None or empty is left out."""
    assert is_dataclass(value)
    found = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: member for name, member in found if member is not None and member != ()}


def _without_bodies(value: object) -> dict[str, object]:
    found = _members(value)
    return {name: member for name, member in found.items() if name != "text"} if isinstance(value, Body) else found
