"""Templates: what is one, what it gives, what stays text, and how a mistake is told."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from runner import dynamic, expressions, paths
from runner.errors import InputError
from runner.lookup import Name
from runner.template import LONGEST, NoValue, Template, looks_cut, parse
from runner.values import Secret, Value, reveal
from tests.lookups import NOW, Line, Values

VALUES: dict[str, Value] = {
    "a": 5,
    "b": 3,
    "count": 7,
    "half": 0.5,
    "yes": True,
    "nothing": None,
    "name": "Ada",
    "accounts-domain": "https://accounts.example.com",
    "list": [{"id": 1, "n": "x"}, {"id": 2, "n": "y"}],
    "row": {"Email": "ada@example.com", "items": [1, 2], "keys": "own", "first-name": "Ada", "_own": 1, "null": None},
    "text": "<<a>> {{ a }}",
    "client-id": Secret("made-up-client-id", "client-id"),
    "client-secret": Secret("made-up-secret", "client-secret"),
    "tokens": [Secret("made-up-token-1", "tokens"), "plain"],
}
SCOPE = Values(VALUES, {"a": 100.0, "b": 1000.0, "count": -5.0})


def render(text: str) -> Value:
    parsed = parse(text, Line(text))
    return parsed.render(SCOPE) if isinstance(parsed, Template) else parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("<<a>>", 5),
        ("<<a>> and <<b>>", "5 and 3"),
        ("<< a >>", 5),
        ("<<a - b>>", 2),
        ("<<-a>>", -5),
        ("<<half>>", 0.5),
        ("<<yes>>", True),
        ("<<nothing>>", None),
        ("x<<yes>>", "xtrue"),
        ("x<<nothing>>", "xnull"),
        ("x<<half>>", "x0.5"),
        ("<<accounts-domain>>/oauth", "https://accounts.example.com/oauth"),
        ("<<<a>>>", "<5>"),
        ("<<<<a>>>>", "<<5>>"),
        ("<<list>>", VALUES["list"]),
        ("v=<<row['items']>>", "v=[1,2]"),
        ("<<row.Email>>", "ada@example.com"),
        ("<<row.items>>", [1, 2]),  # a key, though maps of Python have a method of that name
        ("<<row.keys>>", "own"),
        ("<<row.first-name>>", "Ada"),
        ("<<row['_own']>>", 1),
        ("<<list[0].id>>", 1),
        ("<<list[-1].id>>", 2),
        ("<<list[a - 5].id>>", 1),
        ("<<name[0]>>", "A"),
        ("<<name[1:]>>", "da"),
        ("<<text>>", "<<a>> {{ a }}"),  # a value is never rendered again
        ("x<<text>>", "x<<a>> {{ a }}"),
        ("<<name | upper>>", "ADA"),
        ("<<name|lower|length>>", 3),
        ("<<unknown | default('d')>>", "d"),
        ("<<row.unknown | default('d')>>", "d"),
        ("<<unknown.x.y | default('d')>>", "d"),
        ("<<nothing | default('d')>>", None),
        ("<<nothing | default('d', true)>>", "d"),
        ("<<unknown is missing>>", True),
        ("<<unknown is not missing>>", False),
        ("<<unknown is defined>>", False),
        ("<<a is defined and b is defined>>", True),
        ("<<row.unknown is missing>>", True),
        ("<<a if a is defined else 1>>", 5),
        ("<<unknown if unknown is defined else 1>>", 1),
        ("<<a is stale>>", True),
        ("<<b is stale>>", False),
        ("<<b is not stale>>", True),
        ("<<name is stale>>", False),
        ("<<unknown is stale>>", True),
        ("<<count is expiring('1s')>>", True),
        ("<<b is expiring('10m')>>", False),
        ("<<b is expiring('20m') or false>>", True),
        ("<<a > b and not (b > a)>>", True),
        ("<<3 < b + 1 <= 4>>", True),
        ("<<'d' in name>>", True),
        ("<<a in [1, 2]>>", False),
        ("<<{'k': a, 'l': [b]}>>", {"k": 5, "l": [3]}),
        ("<<{'a': {'b': a}}>>", {"a": {"b": 5}}),
        ("<<a ~ '-' ~ yes>>", "5-true"),
        ("<<7 // 2>> <<7 % 4>> <<2 ** 10>> <<7 / 2>>", "3 3 1024 3.5"),
        ("<<null>>", None),
        ("<<none>> <<True>> <<false>>", "null true false"),
        ("<<'a>>b'>>", "a>>b"),
        ("<<\"it's\">>", "it's"),
        ("<<list | map(attribute='id') | sum>>", 3),
        ("<<list | selectattr('id', 'gt', 1) | map(attribute='n') | join(',')>>", "y"),
        ("<<list | map(attribute='id') | list>>", [1, 2]),
        ("<<[3, 1, 2] | sort>>", [1, 2, 3]),
        ("<<'a,b' | split(',')>>", ["a", "b"]),
        ("<<[true, none, 1] | join('-')>>", "true-null-1"),
        ("<<name | b64encode>>", "QWRh"),
        ("<<'QWRh' | b64decode>>", "Ada"),
        ("<<'a/b c&d' | urlencode>>", "a%2Fb%20c%26d"),
        ("<<{'a': 'b c', 'd': 1} | urlencode>>", "a=b%20c&d=1"),
        ("<<row | json>>", json.dumps(VALUES["row"], separators=(",", ":"))),
        ("<<'&<>' | json>>", '"&<>"'),
        ("<<'abc' | hash('sha256')>>", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),  # FIPS 180-2, B.1
        ("<<'what do ya want for nothing?' | hmac('Jefe', 'sha256')>>",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),  # RFC 4231, 4.3
        ("<<'id=42;' | regex('id=([0-9]+)')>>", "42"),
        ("<<list | jsonpath('$[0].id')>>", 1),
        ("<<list | jsonpath('$[*].id')>>", [1, 2]),
        ("<<0 | date('+1d', '%Y-%m-%d')>>", "1970-01-02"),
        ("<<0 | date>>", "1970-01-01T00:00:00Z"),
        ("<<'2026-01-31T10:00:00+02:00' | date('%H:%M')>>", "10:00"),
        ("<<range(3)>>", [0, 1, 2]),
        ("<<$timestamp>>", int(NOW)),
        ("<<$timestamp | date('%Y')>>", "2023"),
        # text
        ("cat <<EOF", "cat <<EOF"),
        ("cat <<EOF; date >> log", "cat <<EOF; date >> log"),
        ("1 << 2", "1 << 2"),
        ("1 << 2 >> 1", "1 << 2 >> 1"),
        ("{{a}} {% if %}", "{{a}} {% if %}"),
        ("<<>>", "<<>>"),
        ("<< >>", "<< >>"),
        ("<<a\nb>>", "<<a\nb>>"),
        ("<<don't>>", "<<don't>>"),
        ("a << b", "a << b"),
        ("<<ad&min>>", "<<ad&min>>"),
        (r"\<<a>>", "<<a>>"),
        (r"\<<a>> <<a>>", "<<a>> 5"),
        ("<<EOF <<a>>", "<<EOF 5"),
    ],
)  # fmt: skip
def test_what_a_text_gives(text: str, value: Value) -> None:
    found = render(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("<<tokn>>", 3, "`tokn` has no value"),
        ("ab <<a>> <<tokn>>", 12, "`tokn` has no value"),
        ("<<a + tokn>>", 7, "`tokn` has no value"),
        ("<<row.Emial>>", 3, "`row` has no `Emial`"),
        ("<<row.Emial | upper>>", 7, "no `Emial`"),
        ("<<list[9]>>", 3, "no item 9"),
        ("<<name.upper>>", 3, "no `upper`"),
    ],
)
def test_what_has_no_value_is_told_at_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(NoValue) as caught:
        render(text)
    problem = caught.value.problems[0]
    assert message in problem.message
    assert problem.location is not None
    assert problem.location.column == column
    assert problem.hint


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("<<a |>>", 5, "it ends too early"),
        ("<<a b>>", 5, "something follows"),
        ("x <<a ++>>", 8, "it ends too early"),
        ("<<(a>>", 4, "it ends too early"),
        ("<<a | uppr>>", 7, "no filter `uppr`"),
        ("<<a is odd_>>", 5, "no test `odd_`"),
        ("<<$uid>>", 3, "no dynamic value `$uid`"),
        ("<<1 + $uid>>", 7, "no dynamic value `$uid`"),
        ("<<name.upper()>>", 8, "only functions"),
        ("<<a()>>", 3, "only functions"),
        ("<<row.__class__>>", 7, "begin with `_`"),
        ("<<''.__class__.__mro__>>", 6, "begin with `_`"),
        ("<<row | attr('__class__')>>", 9, "no filter `attr`"),
        ("<<'{0.__class__}' | format(a)>>", 21, "no filter `format`"),
        ("<<1 if a>>", 3, "no `else`"),
        ("<<a | default('x)>>", 15, "not closed"),
        ("<<a = 5>>", 5, "something follows"),
        ("<<row is stale and row.x is stale>>", 26, "asks about a variable"),
        ("<<a is expiring('soon')>>", 5, "wants a duration"),
        ("<<a is expiring>>", 5, "wants a duration"),
    ],
)
def test_a_malformed_expression_is_told_at_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, Line(text))
    problem = caught.value.problems[0]
    assert message in problem.message
    assert problem.location is not None
    assert problem.location.column == column
    assert problem.hint


def test_all_mistakes_of_a_text_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse("<<a |>> <<b>> <<c is odd_>>", Line())
    assert [p.location.column for p in caught.value.problems if p.location] == [5, 19]


@pytest.mark.parametrize(
    "text",
    [
        "<<'a' * 10**9>>",
        "<<[1] * 10**9>>",
        "<<10**10**10**10**10>>",
        "<<2**99999>>",
        "<<range(10**9)>>",
        "<<'%99999999d' % 1>>",
        "<<name | center(10**8)>>",
        "<<name | indent(10**8)>>",
        "<<range(10000) | map('center', 10000) | list>>",
        "<<('a' * 9999) | replace('', 'b' * 9999)>>",
        "<<range(9999) | join('b' * 9999)>>",
        "<<range(9) | batch(10**9, 'x')>>",
        "<<1.5 | round(10**9)>>",
        "<<" + "(" * 1900 + "1" + ")" * 1900 + ">>",
        "<<" + "-" * 3900 + "1>>",
        "<<" + "not " * 900 + "a>>",
        "<<1" + "+1" * 1900 + ">>",
        "<<row" + ".a" * 1900 + ">>",
        "<<'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regex('(a|aa)+$')>>",
    ],
)
def test_hostile_expressions_are_refused_in_time(text: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        render(text)
    assert time.process_time() - start < 1
    assert caught.value.problems[0].location


@pytest.mark.parametrize(
    "text", ["<<a " * 16_000, "<<" * 30_000, "<<'" * 20_000, "<" * 60_000, "<<" + "a" * 60_000 + ">>"]
)
def test_scanning_is_linear(text: str) -> None:
    start = time.process_time()
    with suppress(InputError):
        parse(text, Line())
    assert time.process_time() - start < 1


def test_the_longest_expression_is_bounded() -> None:
    assert parse("<<" + "a" * LONGEST + "a>>", Line()) == "<<" + "a" * LONGEST + "a>>"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("<<a>> <<b-c>>", [("a", False), ("b-c", False)]),
        ("<<a is missing>>", [("a", True)]),
        ("<<a is stale or b>>", [("a", True), ("b", False)]),
        ("<<a | default(b)>>", [("a", True), ("b", False)]),
        ("<<a.b | default(1)>>", [("a", True)]),
        ("<<a if a is defined else b>>", [("a", True), ("a", True), ("b", False)]),
        ("<<$uuid>>", []),
        ("<<$random-int(a, b)>>", [("a", False), ("b", False)]),
        ("<<range(a)>>", [("a", False)]),
        ("<<any('string')>>", []),
        ("<<list | selectattr('id', equalto=b)>>", [("list", False), ("b", False)]),
    ],
)
def test_the_names_that_a_text_reads(text: str, names: list[tuple[str, bool]]) -> None:
    parsed = parse(text, Line(text))
    assert isinstance(parsed, Template)
    assert [(name.name, name.guarded) for name in parsed.names] == names
    for name in parsed.names:
        assert text[name.location.column - 1 :].startswith(name.name)


@pytest.mark.parametrize(
    ("text", "hidden", "shown"),
    [
        ("<<client-secret>>", "made-up-secret", "<<client-secret>>"),
        ("Zoho-oauthtoken <<client-secret>>", "Zoho-oauthtoken made-up-secret", "Zoho-oauthtoken <<client-secret>>"),
        ("<<client-secret | upper>>", "MADE-UP-SECRET", "<<client-secret | upper>>"),
        ("<<client-secret[0]>>", "m", "<<client-secret>>"),
        (
            "Basic <<(client-id ~ ':' ~ client-secret) | b64encode>>",
            "Basic bWFkZS11cC1jbGllbnQtaWQ6bWFkZS11cC1zZWNyZXQ=",
            "Basic <<(client-id ~ ':' ~ client-secret) | b64encode>>",
        ),
        ("<<client-secret | length>>", "14", "<<client-secret | length>>"),
        ("x <<tokens>>", 'x ["made-up-token-1","plain"]', 'x ["<<tokens>>","plain"]'),
    ],
)
def test_what_a_secret_went_into_is_a_secret(text: str, hidden: str, shown: str) -> None:
    found = render(text)
    assert isinstance(found, Secret)
    assert found.reveal() == hidden
    assert str(found) == shown


def test_a_question_about_a_secret_is_no_secret() -> None:
    assert render("<<client-secret is defined>>") is True
    assert render("<<client-secret == 'x'>>") is False


def test_a_secret_inside_a_container_stays_one() -> None:
    found = render("<<{'a': client-id, 'b': 1}>>")
    assert isinstance(found, dict)
    assert isinstance(found["a"], Secret)
    assert reveal(found) == {"a": "made-up-client-id", "b": "1"}


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("<<a | default('x", True),
        ("<<a | default(", True),
        ("<<a |", True),
        ("<<a>>", False),
        ("cat <<EOF", False),
        ("1 << 2", False),
    ],
)
def test_a_template_that_yaml_cut_is_recognised(text: str, cut: bool) -> None:
    assert looks_cut(text) is cut


@pytest.mark.parametrize("name", dynamic.NAMES)
def test_a_dynamic_value_repeats_with_its_seed_in_any_spelling(name: str) -> None:
    camel = "".join(word if not i else word.title() for i, word in enumerate(name.split("-")))
    values = [dynamic.value(f"${spelling}", Random("seed"), NOW) for spelling in (name, camel, name)]
    assert values[0] == values[1] == values[2]
    assert isinstance(parse(f"<<${camel}>>", Line()), Template)


@pytest.mark.parametrize(
    "text", ["<<$random-int('a')>>", "<<$random-int(5, 1)>>", "<<$uuid(1)>>", "<<$random-text(10**6)>>"]
)
def test_a_dynamic_value_refuses_arguments_that_it_does_not_take(text: str) -> None:
    with pytest.raises(InputError):
        render(text)


# Two ways to the same value

_PATHS = st.one_of(
    st.sampled_from(["a", "name", "row.Email", "row.items", "row['items'][0]", "list[0].id", 'row["first-name"]', "row.null"]),
    st.builds("{} is {}{}".format, st.sampled_from(["a", "b", "count", "unknown"]), st.sampled_from(["", "not "]),
              st.sampled_from(["missing", "defined", "undefined", "stale", "expiring('10m')", 'expiring("1s")'])),
    st.sampled_from(["unknown", "row.unknown", "list[7]", "name.x", "client-secret", "client-secret[3]", "a.b"]),
)  # fmt: skip


@given(_PATHS)
def test_the_direct_way_and_jinja_agree(text: str) -> None:
    line = Line(text)
    direct = paths.read(text, line, 0)
    assert direct is not None
    parsed = expressions.read(text, line, 0)
    assert [(n.name, n.guarded, n.location) for n in direct.names] == [
        (n.name, n.guarded, n.location) for n in parsed.names
    ]
    results = []
    for way in (direct, parsed):
        try:
            results.append(reveal(way.evaluate(SCOPE)))
        except NoValue:
            results.append("no value")
    assert results[0] == results[1]


_NUMBERS = st.one_of(st.integers(-50, 50), st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 3)))
_OPERANDS = st.one_of(
    _NUMBERS.map(lambda n: f"({n})"), st.sampled_from(["a", "b", "half", "(a + b)", "(a if yes else b)"])
)
_SUMS = st.recursive(
    _OPERANDS,
    lambda inner: st.builds("({} {} {})".format, inner,
                            st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "==", "and", "or"]), inner),
    max_leaves=8,
)  # fmt: skip


@given(_SUMS)
@settings(max_examples=200)
def test_arithmetic_is_jinjas_own(text: str) -> None:
    jinja = Environment().compile_expression(text)
    try:
        expected = jinja(a=5, b=3, half=0.5, yes=True)
    except (ArithmeticError, TypeError):
        with pytest.raises(InputError):
            render(f"<<{text}>>")
        return
    assert render(f"<<{text}>>") == expected


# Fuzz

_FRAGMENTS = st.lists(
    st.one_of(
        st.sampled_from(
            "<< >> < > ( ) [ ] { } | ~ ** * // % == = . , : ' \" \\ - + a list row unknown client-secret $uuid $x is not "
            "in if else and or missing stale default upper center join range 10 "
            "9999999999 1e400 0x1F null __class__ .items() \n".split(" ")
        ),
        st.text(max_size=4),
    ),
    max_size=14,
)


@given(_FRAGMENTS, st.booleans())
@settings(max_examples=600, deadline=1000)
def test_any_text_is_parsed_and_rendered_or_refused_with_a_place(fragments: list[str], wrapped: bool) -> None:
    text = " ".join(fragments)
    text = f"<<{text}>>" if wrapped else text
    try:
        parsed = parse(text, Line(text))
        if isinstance(parsed, Template):
            rendered = parsed.render(SCOPE)
            json.dumps(reveal(rendered))
    except InputError as error:
        assert all(problem.location for problem in error.problems)  # noqa: PT017


def test_names_compare_by_what_they_say() -> None:
    assert Name("a", Line().at(0)) != Name("b", Line().at(0))
