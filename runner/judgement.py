"""Whether an answer is what was expected: each predicate judged, with expected and actual for a person.

A missing value holds under `exists: false` alone: a check that finds nothing must not pass by chance.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from runner import comparisons, queries, tree
from runner.comparisons import with_article
from runner.errors import Location
from runner.exchange import Response, Unreadable
from runner.predicates import UNITS, WILDCARD, Expectation, Predicate
from runner.queries import Query
from runner.records import record
from runner.redact import Redactor
from runner.template import Lookup, Template
from runner.tree import Entries, Items, Tree
from runner.values import MISSING, Missing, Secret, Value, as_text, equal, reveal, type_name

if TYPE_CHECKING:
    from runner.json_schema import JsonSchema, Violation

# How much of a value is shown: a judgement is read on a line.
_SHOWN = 200
# How many violations of a schema are told, a line each.
_VIOLATIONS = 10
_DAY = 86_400


@record
class _Desk:
    """What a judgement has at hand: the variables of operands, and who masks what is cut."""

    lookup: Lookup
    redactor: Redactor


_WORDS = {True: "true", False: "false", None: "null"}
_on_a_line = json.JSONEncoder(ensure_ascii=False, default=str).encode  # json.dumps makes one for every call


@record
class CheckResult:
    """One judged predicate. `expected` and `actual` are for a person: short, secrets masked; `note` says more."""

    query: str
    predicate: str
    passed: bool
    expected: str
    actual: str
    location: Location
    note: str | None = None


def judge(
    expectation: Expectation, response: Response, lookup: Lookup, redactor: Redactor | None = None
) -> list[CheckResult]:
    """Every predicate of `expectation`, judged. Raises InputError when an operand has no value."""
    desk = _Desk(lookup, redactor or Redactor())
    query = queries.resolve(expectation.query, lookup)
    note: str | None = None
    readable = True
    actual: Value | Missing = MISSING
    try:
        actual = query(response)
    except Unreadable as error:
        note, readable = str(error), False
    if readable and isinstance(actual, Missing):
        note = queries.why_missing(query, response)
    found = [_check(predicate, actual, query, note, desk) for predicate in expectation.predicates]
    if query.kind == "bytes" and isinstance(actual, str):
        # It is shown in hexadecimal, and cut: where a secret that had been encoded before is not found again.
        found = _without_pieces(found, desk.redactor.cut_from(response.text, response.text[:_SHOWN]))
    if query.kind in ("regex", "xpath") and isinstance(actual, str):
        found = _without_pieces(found, desk.redactor.cut_from(response.text, actual))
    # What cannot be read is not known to be absent: it fails `exists: false` too.
    return found if readable else [replace(check, passed=False, note=note) for check in found]


def _without_pieces(checks: list[CheckResult], secrets: list[Secret]) -> list[CheckResult]:
    """The checks of a text that was cut out of secrets, without showing it."""
    if not secrets:
        return checks
    shown = "a piece of " + ", ".join(map(str, secrets))
    return [replace(check, actual=shown, note=None) for check in checks]


def _check(predicate: Predicate, actual: Value | Missing, query: Query, note: str | None, desk: _Desk) -> CheckResult:
    if query.selects_nodes:
        actual = _as_meant(predicate, actual, query)
    verdict = _verdict(predicate, actual, query.measures, desk)
    return CheckResult(
        query.text,
        predicate.name,
        verdict.passed,
        verdict.expected,
        _show_quantity(actual, query.measures, desk.redactor),
        predicate.location,
        None if verdict.passed else verdict.note or note,
    )


def _as_meant(predicate: Predicate, nodes: Value | Missing, query: Query) -> Value | Missing:
    """What a predicate looks at: how many nodes there are, each of them, a list of them; else at the one that is alone."""
    if predicate.name == "length":
        return [] if isinstance(nodes, Missing) else nodes
    listed = predicate.name in ("each", "any") or (predicate.name != "in" and isinstance(predicate.operand, Items))
    return nodes if listed else queries.as_one(query, nodes)


@record
class _Verdict:
    passed: bool
    expected: str
    note: str | None = None


def _verdict(predicate: Predicate, actual: Value | Missing, kind: str, desk: _Desk) -> _Verdict:
    name = predicate.name
    if predicate.inner:
        return _nested(predicate, actual, kind, desk)
    if name == "like":
        expected = _spelled(predicate.operand, desk)
        if isinstance(actual, Missing):
            return _Verdict(False, f"like {expected}")
        note = _unlike(predicate.operand, actual, "$", desk)
        return _Verdict(note is None, f"like {expected}", note)
    if predicate.schema is not None:
        return _by_schema(predicate.schema, actual, desk)
    operand = tree.render(predicate.operand, desk.lookup)
    if name == "exists":
        return _Verdict(
            bool(operand) is not isinstance(actual, Missing), "to be there" if operand else "not to be there"
        )
    expected = _expected(name, operand, actual, kind, desk.redactor)
    if isinstance(actual, Missing):
        return _Verdict(False, expected)
    if kind in UNITS:
        operand = _in_units(operand, kind)
    # Equality knows that a number made a Secret is still that number; the others want the text itself.
    passed, note = comparisons.JUDGES[name](actual, operand if name in ("eq", "ne", "in") else reveal(operand))
    return _Verdict(passed, expected, note)


def _by_schema(schema: JsonSchema, actual: Value | Missing, desk: _Desk) -> _Verdict:
    expected = f"as {schema.name} has it"
    if isinstance(actual, Missing):
        return _Verdict(False, expected)
    try:
        found = schema.violations(actual, desk.lookup)
    except Unreadable as error:
        return _Verdict(False, expected, str(error))
    told = [_violation(one, desk.redactor) for one in found[:_VIOLATIONS]]
    more = len(found) - len(told)
    return _Verdict(not found, expected, "\n".join([*told, *([f"and {more} more"] if more else [])]) or None)


def _violation(one: Violation, redactor: Redactor) -> str:
    said = one.said or f"is {show(one.actual, redactor)}; the schema wants {one.keyword}: {show(one.wanted, redactor)}"
    return f"`{one.path}` {said} ({one.location})"


def _in_units(operand: Value, kind: str) -> Value:
    """`2s` as seconds, `10 KB` as bytes; what is not one stays, and fails by its type."""
    if isinstance(operand, list):
        return [_in_units(item, kind) for item in operand]
    found = UNITS[kind](operand) if isinstance(operand, str) else None
    return operand if found is None else found


def _nested(predicate: Predicate, actual: Value | Missing, kind: str, desk: _Desk) -> _Verdict:
    """`length`, `each`, `any`, `not`: what must hold of the length, of items, or must not."""
    name = predicate.name
    inner = predicate.inner

    def all_hold(value: Value | Missing, of: str = "") -> tuple[bool, str]:
        verdicts = [_verdict(one, value, of, desk) for one in inner]
        return all(v.passed for v in verdicts), " and ".join(v.expected for v in verdicts)

    # Each level is judged once: twice would double at every level inside.
    if name == "not":
        only_exists = all(one.name == "exists" for one in inner)
        holds, shown = all_hold(actual, kind)
        return _Verdict(not holds and (only_exists or not isinstance(actual, Missing)), f"not {shown}")
    if name == "length":
        if not isinstance(actual, (str, list, dict, Secret)):
            return _Verdict(False, f"length {all_hold(MISSING)[1]}", _no("length", actual))
        holds, shown = all_hold(len(actual))
        return _Verdict(holds, f"length {shown}", f"its length is {len(actual)}")
    word = "each item" if name == "each" else "an item"
    if not isinstance(actual, list):
        return _Verdict(False, f"{word} {all_hold(MISSING)[1]}", _no("items", actual))
    judged = [all_hold(item) for item in actual]
    held = [holds for holds, _ in judged]
    shown = judged[0][1] if judged else all_hold(MISSING)[1]
    if name == "any":
        return _Verdict(any(held), f"{word} {shown}", f"none of {len(held)} items")
    if all(held):
        return _Verdict(True, f"{word} {shown}")
    first = held.index(False)
    return _Verdict(False, f"{word} {shown}", f"item {first} is {show(actual[first], desk.redactor)}")


def _no(what: str, actual: Value | Missing) -> str | None:
    return None if isinstance(actual, Missing) else f"{with_article(type_name(actual))} has no {what}"


def _expected(name: str, operand: Value, actual: Value | Missing, kind: str, redactor: Redactor) -> str:
    """What was expected, in words; with its type where that alone is the difference."""
    shown = show(operand, redactor)
    if name == "eq":
        if type_name(actual) != type_name(operand) and isinstance(actual, (str, int, float)) and kind not in UNITS:
            return f"{shown} ({type_name(operand)})" if as_text(actual) == as_text(operand) else shown
        return shown
    words = {
        "ne": "not",
        "lt": "less than",
        "le": "at most",
        "gt": "more than",
        "ge": "at least",
        "type": "a value of type",
    }
    if name == "between" and isinstance(operand, list):
        return f"between {show(operand[0], redactor)} and {show(operand[-1], redactor)}" if operand else "between"
    if name == "empty":
        return "empty" if operand else "not empty"
    if name in ("type", "in") and isinstance(operand, list):
        return f"{words.get(name, 'one of')} {', '.join(show(item, redactor) for item in operand)}"
    return f"{words.get(name, name.replace('-', ' '))} {operand if name == 'type' else shown}"


def show(value: Value | Missing, redactor: Redactor) -> str:
    """`value` for a person: JSON on one line, cut when it is long, secrets masked where it is."""
    if isinstance(value, (Missing, Secret)):
        return str(value)
    if type(value) is int:
        return str(value)
    if value is True or value is False or value is None:
        return _WORDS[value]
    try:
        text = _on_a_line(value)
    except RecursionError:
        return f"{with_article(type_name(value))}, nested too deeply to be shown"
    return text if len(text) <= _SHOWN else f"{redactor.excerpt(text, _SHOWN)}... ({len(text)} characters)"


def _show_quantity(actual: Value | Missing, kind: str, redactor: Redactor) -> str:
    if kind == "duration" and isinstance(actual, float):
        if abs(actual) > _DAY:
            return f"{actual / _DAY:.1f} days"
        return f"{actual * 1000:.0f} ms" if actual < 1 else f"{actual:.2f} s"
    return show(actual, redactor)


def _spelled(operand: Tree, desk: _Desk) -> str:
    """A pattern of `like` as written, its variables filled in, its wildcards left."""
    return show(_with_wildcards(operand, desk), desk.redactor)


def _with_wildcards(operand: Tree, desk: _Desk) -> Value:
    if isinstance(operand, Template) and WILDCARD.match(operand.text):
        return operand.text
    if isinstance(operand, Items):
        return [_with_wildcards(item.value, desk) for item in operand.items]
    if isinstance(operand, Entries):
        return {tree.render_key(e.key, desk.lookup): _with_wildcards(e.value, desk) for e in operand.entries}
    return tree.render(operand, desk.lookup)


def _unlike(pattern: Tree, actual: Value | Missing, path: str, desk: _Desk) -> str | None:
    """Where `actual` first differs from the shape; None when it matches."""
    if isinstance(actual, Missing):
        return f"`{path}` is missing"
    wildcard = WILDCARD.match(pattern.text) if isinstance(pattern, Template) else None
    if wildcard:
        wanted = wildcard[1] or wildcard[2]
        return (
            None
            if not wanted or comparisons.is_type(actual, wanted)
            else f"`{path}` is {with_article(type_name(actual))}, not {with_article(wanted)}"
        )
    if isinstance(pattern, Entries):
        if not isinstance(actual, dict):
            return f"`{path}` is {with_article(type_name(actual))}, not an object"
        for entry in pattern.entries:
            key = tree.render_key(entry.key, desk.lookup)
            note = _unlike(entry.value, actual.get(key, MISSING), f"{path}.{key}", desk)
            if note:
                return note
        return None
    if isinstance(pattern, Items):
        if not isinstance(actual, list):
            return f"`{path}` is {with_article(type_name(actual))}, not an array"
        if len(actual) != len(pattern.items):
            return f"`{path}` has {len(actual)} items, not {len(pattern.items)}"
        found = (_unlike(item.value, actual[i], f"{path}[{i}]", desk) for i, item in enumerate(pattern.items))
        return next((note for note in found if note), None)
    value = tree.render(pattern, desk.lookup)
    return (
        None if equal(value, actual) else f"`{path}` is {show(actual, desk.redactor)}, not {show(value, desk.redactor)}"
    )
