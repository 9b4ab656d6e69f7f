"""Two values compared: for each predicate that does, whether it holds, and a word on why it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from runner import queries
from runner.exchange import Unreadable
from runner.values import Missing, Value, equal, type_name

Judged: TypeAlias = tuple[bool, str | None]


def with_article(noun: str) -> str:
    """The noun with its article."""
    return noun if noun in ("null", "missing") else f"an {noun}" if noun[0] in "aio" else f"a {noun}"


def is_type(actual: Value, wanted: str) -> bool:
    """Whether `actual` is of the JSON type `wanted`."""
    found = type_name(actual)
    if wanted == "integer" and isinstance(actual, float):
        return actual.is_integer()  # JSON has one type of number: 5.0 is an integer (JSON Schema 2020-12, 6.1.1)
    return found == wanted or (wanted == "number" and found == "integer")


def _ordered(word: str, holds: Callable[[Value, Value], bool]) -> Callable[[Value, Value], Judged]:
    def judge_order(actual: Value, operand: Value) -> Judged:
        if not _comparable(actual, operand):
            return (
                False,
                f"{with_article(type_name(actual))} and {with_article(type_name(operand))} cannot be compared with `{word}`",
            )
        return holds(actual, operand), None

    return judge_order


def _comparable(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    return (isinstance(left, (int, float)) and isinstance(right, (int, float))) or (
        isinstance(left, str) and isinstance(right, str)
    )


def _between(actual: Value, operand: Value) -> Judged:
    if not isinstance(operand, list) or len(operand) != 2:
        return False, "`between` wants a list of two"
    if not _comparable(actual, operand[0]) or not _comparable(actual, operand[1]):
        return False, f"{with_article(type_name(actual))} cannot be compared with these ends"
    return operand[0] <= actual <= operand[1], None  # type: ignore[operator]  # both comparable


def _contains(actual: Value, operand: Value) -> Judged:
    if isinstance(actual, str):
        return (operand in actual, None) if isinstance(operand, str) else (False, "a text contains texts alone")
    if isinstance(actual, list):
        return any(equal(item, operand) for item in actual), None
    if isinstance(actual, dict):
        return isinstance(operand, str) and operand in actual, None
    return False, f"{with_article(type_name(actual))} contains nothing"


def _edge(function: Callable[[str, str], bool]) -> Callable[[Value, Value], Judged]:
    def judge_edge(actual: Value, operand: Value) -> Judged:
        if isinstance(actual, str) and isinstance(operand, str):
            return function(actual, operand), None
        return False, f"{with_article(type_name(actual))} is no text"

    return judge_edge


def _matches(actual: Value, operand: Value) -> Judged:
    if not isinstance(actual, str) or not isinstance(operand, str):
        return False, f"{with_article(type_name(actual))} is no text"
    try:
        queries.check_pattern(operand)
        return not isinstance(queries.search(operand, actual, whole=True), Missing), None
    except (Unreadable, ValueError) as error:
        return False, str(error)


def _in(actual: Value, operand: Value) -> Judged:
    if not isinstance(operand, list):
        return False, "`in` wants a list"
    return any(equal(item, actual) for item in operand), None


def _of_type(actual: Value, operand: Value) -> Judged:
    wanted = operand if isinstance(operand, list) else [operand]
    return any(
        isinstance(word, str) and is_type(actual, word) for word in wanted
    ), f"it is {with_article(type_name(actual))}"


def _empty(actual: Value, operand: Value) -> Judged:
    if not isinstance(actual, (str, list, dict)):
        return False, f"{with_article(type_name(actual))} is neither empty nor full"
    return (not actual) is bool(operand), None


JUDGES: dict[str, Callable[[Value, Value], Judged]] = {
    "eq": lambda actual, operand: (equal(actual, operand), None),
    "ne": lambda actual, operand: (not equal(actual, operand), None),
    "lt": _ordered("lt", lambda a, b: a < b),  # type: ignore[operator]  # both comparable
    "le": _ordered("le", lambda a, b: a <= b),  # type: ignore[operator]
    "gt": _ordered("gt", lambda a, b: a > b),  # type: ignore[operator]
    "ge": _ordered("ge", lambda a, b: a >= b),  # type: ignore[operator]
    "between": _between,
    "contains": _contains,
    "starts-with": _edge(str.startswith),
    "ends-with": _edge(str.endswith),
    "matches": _matches,
    "in": _in,
    "type": _of_type,
    "empty": _empty,
}
