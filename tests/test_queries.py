"""Queries: what each selects, and how a mistaken one is told at its column."""

from __future__ import annotations

import pytest

from runner.errors import InputError
from runner.exchange import Hop, Response, Unreadable
from runner.queries import parse_query, resolve
from runner.template import Template, parse
from runner.values import MISSING, Secret
from tests.lookups import Line, Values

BODY = b'{"data": [{"id": "42", "n": 5}], "none": null}'


def response(content: bytes = BODY, content_type: str = "application/json") -> Response:
    headers = (
        ("Content-Type", content_type),
        ("Via", "one"),
        ("via", "two"),
        ("Set-Cookie", "session=made-up; Path=/"),
    )
    hops = (Hop(302, "http://127.0.0.1/a", "http://127.0.0.1/b"),)
    return Response(201, "Created", headers, content, len(content), "http://127.0.0.1/b", "1.1", 0.25, hops)


@pytest.mark.parametrize(
    ("query", "selected"),
    [
        ("status", 201),
        ("header content-type", "application/json"),
        ("header Via", ["one", "two"]),
        ("header X-None", MISSING),
        ("cookie session", "made-up"),
        ("cookie other", MISSING),
        ("json $.data[0].id", "42"),
        ("json $.data[-1]['n']", 5),
        ("json $.none", None),
        ("json $.none.x", MISSING),
        ("json $.data[*].n", [5]),
        ("json $.other[*]", []),
        ('regex "id": "([0-9]+)"', "42"),
        ("regex [0-9]+", "42"),
        ("regex (x)|id", MISSING),
        ("regex nothing here", MISSING),
        ("text", BODY.decode()),
        ("bytes", BODY.hex()),
        ("size", len(BODY)),
        ("duration", 0.25),
        ("url", "http://127.0.0.1/b"),
        ("redirects", 1),
        ("http-version", "1.1"),
        ("  json   $.data[0].n ", 5),
    ],
)
def test_what_a_query_selects(query: str, selected: object) -> None:
    found = parse_query(query, Line(query))(response())
    assert found == selected
    assert type(found) is type(selected)


@pytest.mark.parametrize(
    ("query", "column", "says"),
    [
        ("stauts", 1, "did you mean `status`"),
        ("", 1, "query"),
        ("$.id", 1, "json $.id"),
        ("status 200", 8, "status"),
        ("json", 1, "JSONPath"),
        ("json $.a[", 6, "JSONPath"),
        ("header", 1, "header"),
        ("regex (a", 7, "pattern"),
        ("regex " + "(" * 3000, 7, "pattern"),
    ],
)
def test_a_mistaken_query_is_told_at_its_column(query: str, column: int, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_query(query, Line(query))
    (problem,) = caught.value.problems
    assert problem.location is not None
    assert problem.location.column == column
    assert says in str(problem)
    assert problem.hint


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "empty"), (b"<html>", "not JSON"), (b"[" * 100_000, "nested too deeply")]
)
def test_an_unfit_body_is_told(content: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        parse_query("json $.a", Line())(response(content))


def test_a_hostile_pattern_is_stopped() -> None:
    with pytest.raises(Unreadable, match="too long"):
        parse_query("regex (a|aa)+$", Line())(response(b"a" * 60 + b"b"))


def template(text: str) -> Template:
    parsed = parse(text, Line(text))
    assert isinstance(parsed, Template)
    return parsed


def test_a_template_is_parsed_when_rendered() -> None:
    assert resolve(template("json $.data[<<i>>].id"), Values({"i": 0}))(response()) == "42"
    with pytest.raises(InputError, match="not a query"):
        resolve(template("<<kind>> x"), Values({"kind": "nonsense"}))


def test_a_secret_is_refused_in_a_query_and_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        resolve(template("json $.<<token>>"), Values({"token": Secret("made-up-token", "token")}))
    assert "made-up-token" not in str(caught.value)
