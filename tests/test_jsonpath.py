"""JSONPath: the whole compliance suite of RFC 9535, the direct walk against the library, and what hostile input costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpath import JSONPathEnvironment

from runner.exchange import Unreadable
from runner.jsonpath import compile_jsonpath, places, singular, stopped_at
from runner.values import MISSING, Value, equal

SUITE = Path(__file__).parent / "data" / "jsonpath-compliance.json"
CASES: list[dict[str, Any]] = json.loads(SUITE.read_text("utf-8"))["tests"]
LIBRARY: Any = JSONPathEnvironment(strict=True)


def failure(case: dict[str, Any]) -> str | None:
    """What is wrong with our answer to one case of the suite; None when it is right."""
    try:
        select = compile_jsonpath(case["selector"])
    except ValueError:
        return None if case.get("invalid_selector") else "refused"
    if case.get("invalid_selector"):
        return "accepted"
    found = select(case["document"])
    if LIBRARY.compile(case["selector"]).singular_query():
        found = [] if found is MISSING else [found]  # type: ignore[list-item]
    return None if found in case.get("results", [case.get("result")]) else "selects something else"


def test_the_compliance_suite_passes_whole() -> None:
    failed = {f"{case['name']}: {case['selector']}": why for case in CASES if (why := failure(case))}
    assert not failed
    assert len(CASES) >= 703


def test_the_places_are_those_of_the_compliance_suite() -> None:
    """Each as its normalized path (RFC 9535, 2.7), in which indexes are counted from the beginning."""
    cases = [case for case in CASES if "result_paths" in case or "results_paths" in case]
    assert len(cases) >= 447
    for case in cases:
        expected = case.get("results_paths", [case.get("result_paths")])
        steps = [[singular(path) for path in paths] for paths in expected]
        if not any(one is None for paths in steps for one in paths):  # with escapes in names they are the library's
            assert places(case["selector"])(case["document"]) in steps, case["selector"]


def test_the_suite_reaches_the_direct_walk() -> None:
    assert sum(singular(case["selector"]) is not None for case in CASES if not case.get("invalid_selector")) >= 20


def test_the_direct_walk_takes_no_path_that_is_not_jsonpath() -> None:
    wrong = [
        case["selector"] for case in CASES if case.get("invalid_selector") and singular(case["selector"]) is not None
    ]
    assert wrong == []


NAMES = st.sampled_from(["a", "b", "é", "a-b", "", "0", "x y", '"', "$"])
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
STEPS = st.lists(NAMES | st.integers(-4, 4), max_size=4)


@settings(max_examples=300)
@given(DOCUMENTS, STEPS, st.booleans())
def test_the_direct_walk_equals_the_library(document: Value, steps: list[str | int], dotted: bool) -> None:
    path = "$"
    for step in steps:
        plain = isinstance(step, str) and step.isidentifier()
        path += f".{step}" if plain and dotted else f"[{step}]" if isinstance(step, int) else f"['{step}']"
    assert singular(path) == tuple(steps)
    expected = LIBRARY.findall("$[0]" + path[1:], [document])
    actual = compile_jsonpath(path)(document)
    assert (actual is MISSING) == (expected == [])
    if expected:
        assert actual is not MISSING
        assert equal(actual, expected[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "document", "selected"),
    [
        ("$.a[-1]", {"a": [1, 2]}, 2),
        ("$.a[2]", {"a": [1, 2]}, MISSING),
        ("$.a", {"a": None}, None),
        ("$[0]", "text", MISSING),
        ("$['a\\'b']", {"a'b": 1}, 1),
        ("$ ['a']", {"a": 1}, 1),
        ("$.a[*]", {"a": []}, []),
        ("$.a[*]", {"a": [1]}, [1]),
        ("$..b", {"a": {"b": 1}}, [1]),
        ("$[?@.n > 1].n", [{"n": 1}, {"n": 2}], [2]),
        ("$", "text", "text"),
        ("$.*", "text", []),
        ("$..*", '{"not": "parsed"}', []),
    ],
)
def test_what_a_path_selects(path: str, document: Value, selected: object) -> None:
    assert compile_jsonpath(path)(document) == selected


@pytest.mark.parametrize(
    "path", ["", "a", "$.", "$[", "$[01]", "$[-0]", "$.a b", "$[?@.a ==]", "$" + "[0]" * 2000, "$[?" + "(" * 900]
)
def test_what_is_no_path_is_told(path: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        compile_jsonpath(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", ["match", "search"])
def test_a_hostile_pattern_is_stopped(function: str) -> None:
    select = compile_jsonpath(f"$[?{function}(@, '(a|aa)+[cd]')]")
    with pytest.raises(Unreadable, match="too long"):
        select(["a" * 60 + "b" + "\n"])


def test_a_deep_body_is_told() -> None:
    deep: Value = 1
    for _ in range(400):
        deep = [deep]
    with pytest.raises(Unreadable, match="deep"):
        compile_jsonpath("$..a")(deep)


@pytest.mark.parametrize(
    ("path", "document", "where"),
    [
        ("$.data[0].id", {"data": []}, "`$.data` has 0 items"),
        ("$.data.id", {"data": None}, "`$.data` is null"),
        ("$.a.b", {"a": {"c": 1}}, "`$.a` has the keys c"),
        ("$.a", {"a": 1}, None),
        ("$..a", {}, None),
    ],
)
def test_where_a_path_stops(path: str, document: Value, where: str | None) -> None:
    assert stopped_at(document, path) == where
