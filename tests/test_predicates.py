"""Predicates: what holds, what does not, what a failure says, and how a mistake is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InputError, Place
from runner.exchange import Response
from runner.json_schema import JsonSchema
from runner.judgement import CheckResult, judge
from runner.predicates import names, parse_expectations
from runner.template import parse
from runner.tree import Entries, Entry, Item, Items, Tree
from runner.values import Secret, Value
from tests.lookups import Line, Values

HERE = Line("x").at(0)


def written(value: Any) -> Tree:
    """`value` as if it stood in a file: texts parsed as templates."""
    if isinstance(value, str):
        return parse(value, Line(value))
    if isinstance(value, list):
        return Items(tuple(Item(written(item), Line()) for item in value))
    if isinstance(value, dict):
        return Entries(tuple(Entry(parse(k, Line(k)), written(v), Line(k), Line(str(v))) for k, v in value.items()))
    tree: Tree = value
    return tree


def answer(content: bytes, duration: float = 1.5) -> Response:
    return Response(200, "OK", (), content, len(content), "http://127.0.0.1/", "1.1", duration)


def no_schema(written: Tree, place: Place) -> JsonSchema:
    raise AssertionError("no schema is in these")


def checks(expect: Any, response: Response, **values: Value) -> list[CheckResult]:
    scope = Values({name.replace("_", "-"): value for name, value in values.items()})
    return [check for e in parse_expectations(written(expect), HERE, no_schema) for check in judge(e, response, scope)]


def holds(actual: Value, operand: Any, **values: Value) -> bool:
    found = checks({"json $": operand}, answer(json.dumps(actual).encode()), **values)
    return all(check.passed for check in found)


BIG = 2**63 + 1


@pytest.mark.parametrize(
    ("actual", "operand", "expected"),
    [
        (5, 5, True), (5.0, 5, True), ("5", 5, False), (1, True, False),
        (None, None, True), ([], [], True), (BIG, BIG - 1, False),
        ({"id": 5}, {"id": 5}, True), ({"id": 5, "x": 1}, {"id": 5}, False),
        ({}, {}, True), ({"name": "a"}, {"name": "a"}, True),
        ({"gt": 5}, {"eq": {"gt": 5}}, True),
        (5, {"ne": 6}, True), (5, {"ne": 5}, False), (5, {"gt": 4, "lt": 6}, True), (5, {"gt": 4, "lt": 5}, False),
        (5, {"le": 5, "ge": 5}, True), ("b", {"gt": "a"}, True), (BIG, {"gt": BIG - 1}, True), (True, {"gt": 0}, False),
        (5, {"between": [5, 6]}, True), (7, {"between": [5, 6]}, False),
        ("abc", {"contains": "b"}, True), ([1, 2], {"contains": 2.0}, True),
        ({"k": 1}, {"contains": "k"}, True), (5, {"contains": 5}, False),
        ("abc", {"starts-with": "a", "ends-with": "c"}, True), ("abc", {"starts-with": "b"}, False),
        ("abc", {"matches": "^a.c$"}, True), ("abc", {"matches": "B"}, False), ("abc", {"matches": "(?i)B"}, True),
        ("abab", {"matches": r"^(ab)\1$"}, True),
        ("abcd", {"matches": r"^(ab)\1$"}, False), (5, {"matches": "5"}, False),
        (2, {"in": [1, 2]}, True), ("2", {"in": [1, 2]}, False),
        ("a", {"type": "string"}, True), (5, {"type": "number"}, True),
        (5.5, {"type": "integer"}, False), (True, {"type": "integer"}, False),
        (None, {"type": ["string", "null"]}, True), ([], {"type": "array"}, True), ({}, {"type": "array"}, False),
        ([1], {"length": 1}, True), ("ab", {"length": {"gt": 2}}, False),
        ({"a": 1}, {"length": 1}, True), (5, {"length": 1}, False),
        (None, {"exists": True}, True), (None, {"exists": False}, False),
        ([], {"empty": True}, True), ("a", {"empty": False}, True),
        (None, {"empty": True}, False),
        ([1, 2], {"each": {"gt": 0}}, True), ([1, -2], {"each": {"gt": 0}}, False), ([], {"each": {"gt": 0}}, True),
        ([1, 2], {"any": 2}, True), ([1], {"any": 2}, False), ([], {"any": 2}, False), (5, {"each": 5}, False),
        ("a", {"not": "b"}, True), ("a", {"not": {"contains": "a"}}, False), ([[1], []], {"any": {"length": 0}}, True),
        ({"a": 1, "b": [{"c": "x", "d": 0}]}, {"like": {"b": [{"c": "<<any>>"}]}}, True),
        ({"a": "x"}, {"like": {"a": "<<any('string')>>"}}, True),
        ({"a": 5}, {"like": {"a": "<<any('string')>>"}}, False),
        ({"a": None}, {"like": {"a": "<<any>>"}}, True),
        ({}, {"like": {"a": "<<any>>"}}, False), ([1, 2], {"like": [1]}, False),
        ("2s", {"lt": "10s"}, False),
    ],
)  # fmt: skip
def test_what_holds(actual: Value, operand: Any, expected: bool) -> None:
    assert holds(actual, operand) is expected


@pytest.mark.parametrize(
    ("expect", "passed"),
    [
        ({"duration": {"lt": "2s"}}, True),
        ({"duration": {"lt": "500ms"}}, False),
        ({"duration": {"between": ["1s", 2]}}, True),
        ({"duration": {"not": {"gt": "1s"}}}, False),
        ({"size": {"le": "1 KB", "gt": 3}}, True),
        ({"size": {"gt": "1 KiB"}}, False),
        ({"text": {"lt": "500ms"}}, False),
    ],
)
def test_units_are_for_durations_and_sizes(expect: Any, passed: bool) -> None:
    assert all(check.passed for check in checks(expect, answer(b"null"))) is passed


@pytest.mark.parametrize(
    "operand", [5, {"ne": 5}, {"not": 5}, {"empty": True}, {"like": "<<any>>"}, {"length": 0}, {"exists": True}]
)
def test_what_is_missing_holds_nothing(operand: Any) -> None:
    (check,) = checks({"json $.data[0]": operand}, answer(b'{"data": []}'))
    assert not check.passed
    assert check.actual == "missing"
    assert check.note == "`$.data` has 0 items"


def test_what_is_missing_may_be_wanted() -> None:
    assert all(c.passed for c in checks({"json $.error": {"exists": False}}, answer(b"{}")))


@pytest.mark.parametrize("operand", [{"exists": False}, {"not": {"exists": True}}, {"exists": True}, 5])
def test_an_unreadable_body_fails_whatever_is_expected_of_it(operand: Any) -> None:
    (check,) = checks({"json $.error": operand}, answer(b"<html>"))
    assert not check.passed
    assert "not JSON" in (check.note or "")


def test_a_deep_body_is_judged() -> None:
    for operand in (5, {"type": "array"}, {"contains": 1}, {"like": [1]}):
        checks({"json $": operand}, answer(b"[" * 900 + b"]" * 900))


def test_deep_conditions_are_judged_at_once() -> None:
    operand: Any = 5
    for _ in range(40):
        operand = {"not": operand}
    assert holds(5, operand)


def test_other_types_are_told() -> None:
    (check,) = checks({"json $": {"lt": 5}}, answer(b'"4"'))
    assert not check.passed
    assert "string" in (check.note or "")
    (check,) = checks({"json $": 5}, answer(b'"5"'))
    assert "integer" in check.expected


def test_what_is_shown_is_short() -> None:
    (check,) = checks({"text": "y" * 5000}, answer(b"x" * 5000))
    assert len(check.actual) < 300
    assert len(check.expected) < 300


@pytest.mark.parametrize(
    "operand",
    ["<<token>>", {"ne": "<<token>>"}, {"contains": "<<token>>"}, {"like": "<<token>>"}, {"in": ["<<token>>"]}],
)
def test_a_secret_is_compared_and_never_shown(operand: Any) -> None:
    secret = Secret("made-up-token", "token")
    (check,) = checks({"json $": operand}, answer(b'"another"'), token=secret)
    assert "made-up-token" not in repr(check)
    assert holds("made-up-token", operand, token=secret) is not ("ne" in operand)


def test_a_number_that_became_a_secret_equals_the_number() -> None:
    assert holds(5, "<<pin>>", pin=Secret("5", "pin"))
    assert holds(5, {"in": ["<<pin>>"]}, pin=Secret("5", "pin"))


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ("200", ["map"]),
        (True, ["map"]),
        ({"json $": {"lenght": 3}}, ["`length`", "eq:"]),
        ({"json $": {"gte": 3}}, ["`ge`"]),
        ({"json $": {"gt": 3, "id": 5}}, ["`id`"]),
        ({"json $": {"between": [1]}}, ["between"]),
        ({"json $": {"in": 5}}, ["list"]),
        ({"json $": {"exists": "yes"}}, ["true or false"]),
        ({"json $": {"type": "strng"}}, ["`string`"]),
        ({"json $": {"matches": "("}}, ["regular expression"]),
        ({"json $": {"like": {"a": "<<any('strng')>>"}}}, ["`string`"]),
        ({"duration": {"lt": "soon"}}, ["duration"]),
        ({"size": {"lt": "10 parsecs"}}, ["size"]),
        ({"stauts": 1, "json $": {"in": 5}}, ["`status`", "list"]),
        ({"stauts": {"in": 5}}, ["`status`", "list"]),
        ({"json $": {"each": {"in": 5, "type": "strng"}}}, ["list", "`string`"]),
    ],
)
def test_every_mistake_is_told(expect: Any, says: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse_expectations(written(expect) if not isinstance(expect, str) else expect, HERE, no_schema)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == max(1, len([s for s in says if s != "eq:"]))
    assert all(any(s in one for one in told) for s in says)
    assert all(problem.location and problem.hint for problem in caught.value.problems)


def test_a_number_is_short_for_the_status() -> None:
    assert [c.passed for e in (200, 201) for c in checks(e, answer(b""))] == [True, False]


def test_names_leave_the_wildcard_out() -> None:
    tree = written({"json $.<<key>>": {"like": {"a": "<<any>>", "b": "<<b>>"}}, "status": "<<code>>"})
    assert [name.name for e in parse_expectations(tree, HERE, no_schema) for name in names(e)] == ["key", "b", "code"]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab é", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(VALUES, VALUES)
def test_laws(left: Value, right: Value) -> None:
    assert holds(left, {"eq": left})
    assert holds(left, {"like": left})
    assert holds(left, {"in": [right, left]})
    assert holds(left, {"eq": right}) is holds(right, {"eq": left})
    assert holds(left, {"ne": right}) is not holds(left, {"eq": right})
    assert holds(left, {"not": {"eq": right}}) is holds(left, {"ne": right})
    assert holds([left, right], {"each": {"eq": left}}) is holds(left, {"eq": right})
    assert holds([right], {"any": {"eq": left}}) is holds([right], {"contains": left})
