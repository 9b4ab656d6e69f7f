"""Diagnostics: whole outputs, with the mark under the right spot whatever stands on the line."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Location, Problem, Source
from runner.reporters import terminal
from runner.reporters.problems import render

CRM = Source(
    "collections/crm.yaml",
    "requests:\r\n  create:\r\n    hedaers: {Accept: application/json}\r\n    timeout: 30 parsecs\r\n",
)
US = Source("environments/us.yaml", "secrets:\n  token: made-up-secret\n", hidden={2: 10})

TYPO = Problem("unknown key `hedaers`", Location(CRM, 3, 5, 7), "did you mean `headers`?")
TIME = Problem("`timeout` is not a duration", Location(CRM, 4, 14, 10), "write it as 30s")
LITERAL = Problem("a secret stands in a shared file", Location(US, 2, 10, 14), "move it to us.local.yaml", warning=True)
NOWHERE = Problem("there is no collection crn", None, "did you mean `collections/crm.yaml`?")


def test_one_problem_needs_no_count() -> None:
    assert render([TYPO], color=False, width=80) == dedent("""\
        collections/crm.yaml:3:5: unknown key `hedaers`
          3 |     hedaers: {Accept: application/json}
            |     ^^^^^^^
            = did you mean `headers`?
        """)


def test_problems_are_sorted_grouped_by_file_told_once_and_counted() -> None:
    assert render([LITERAL, TIME, NOWHERE, TYPO, TIME], color=False, width=80) == dedent("""\
        error: there is no collection crn
          = did you mean `collections/crm.yaml`?

        collections/crm.yaml:3:5: unknown key `hedaers`
          3 |     hedaers: {Accept: application/json}
            |     ^^^^^^^
            = did you mean `headers`?
        collections/crm.yaml:4:14: `timeout` is not a duration
          4 |     timeout: 30 parsecs
            |              ^^^^^^^^^^
            = write it as 30s

        environments/us.yaml:2:10: warning: a secret stands in a shared file
          2 |   token: ...
            |          ^^^
            = move it to us.local.yaml

        3 errors, 1 warning
        """)


def test_colour() -> None:
    assert render([TYPO], color=True, width=80) == (
        "\x1b[1mcollections/crm.yaml:3:5:\x1b[0m \x1b[1munknown key `hedaers`\x1b[0m\n"
        "  \x1b[2m3 |\x1b[0m     hedaers: {Accept: application/json}\n"
        "    \x1b[2m|\x1b[0m     \x1b[31m^^^^^^^\x1b[0m\n"
        "    \x1b[2m=\x1b[0m did you mean `headers`?\n"
    )
    assert "\x1b[33mwarning:\x1b[0m a secret" in render([LITERAL], color=True, width=80)
    assert render([], color=True, width=80) == ""


@pytest.mark.parametrize(
    ("problems", "count"),
    [
        ([TYPO, TIME], "2 errors"),
        ([TYPO, LITERAL], "1 error, 1 warning"),
        ([LITERAL, Problem("two", warning=True)], "2 warnings"),
    ],
)
def test_the_count(problems: list[Problem], count: str) -> None:
    assert render(problems, color=False, width=80).splitlines()[-1] == count


def excerpt(line: str, column: int, width: int = 1, screen: int = 80) -> list[str]:
    """The source line and the underline, without the gutter."""
    out = render([Problem("x", Location(Source("f.yaml", line), 1, column, width))], color=False, width=screen)
    return [shown[6:] for shown in out.splitlines()[1:3]]


@pytest.mark.parametrize(
    ("line", "column", "width", "shown", "mark"),
    [
        ("\tkey: <<tokn>>", 7, 8, "    key: <<tokn>>", "         ^^^^^^^^"),
        ("a: 日本 <<tokn>>", 7, 8, "a: 日本 <<tokn>>", "        ^^^^^^^^"),
        ("a: 日本語", 4, 2, "a: 日本語", "   ^^^^"),
        ("e\u0301: bad", 5, 3, "e\u0301: bad", "   ^^^"),
        ("a: \x1b[2Jbad", 8, 3, "a: \\x1b[2Jbad", "          ^^^"),
        ("a: \u202ebad", 5, 3, "a: \\u202ebad", "         ^^^"),
        ("a: open", 8, 1, "a: open", "       ^"),
        ("a: short", 4, 999, "a: short", "   ^^^^^"),
        ("a: x", 99, 5, "a: x", "    ^"),
        ("a: x", 4, 0, "a: x", "   ^"),
    ],
)
def test_the_mark_is_under_the_spot(line: str, column: int, width: int, shown: str, mark: str) -> None:
    assert excerpt(line, column, width) == [shown, mark]


@pytest.mark.parametrize(
    ("column", "shown", "mark"),
    [
        (1, "BAD4567890123456789012345678901...", "^^^"),
        (41, "...34567890BAD45678901234567890...", "           ^^^"),
        (98, "...0123456789012345678901234567BAD", " " * 31 + "^^^"),
    ],
)
def test_a_long_line_is_cut_around_the_spot(column: int, shown: str, mark: str) -> None:
    line = "".join(str(number % 10) for number in range(1, 101))
    line = line[: column - 1] + "BAD" + line[column + 2 :]
    assert excerpt(line, column, 3, screen=40) == [shown, mark]


def test_a_line_that_just_fits_is_not_cut() -> None:
    assert excerpt("a" * 34, 3, screen=40) == ["a" * 34, "  ^"]
    assert excerpt("a" * 35, 3, screen=40) == ["a" * 31 + "...", "  ^"]


def test_a_line_of_a_megabyte_is_cut_too() -> None:
    shown, mark = excerpt("x" * 500_000 + "BAD" + "y" * 500_000, 500_001, 3)
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "BAD"


def test_a_source_without_text_shows_no_line() -> None:
    assert (
        render([Problem("x", Location(Source("--var"), 1, 1), "y")], color=False, width=80) == "--var:1:1: x\n  = y\n"
    )


HOSTILE = "\x1b[31m\n\r\u2028forged.yaml:1:1: \u202e\x9b"


def test_nothing_foreign_breaks_a_line_or_reaches_the_terminal() -> None:
    out = render([Problem(HOSTILE, Location(Source(HOSTILE, HOSTILE), 1, 3), HOSTILE)], color=False, width=80)
    assert len(out.split("\n")) == 5
    assert not [character for character in out if character != "\n" and terminal.shown(character) != character]


def masking(text: str, length: int | None = None, /) -> str:
    return text.replace("made-up-secret", "<<token>>")[:length]


def test_a_secret_in_any_field_is_masked() -> None:
    value = "made-up-secret"
    source = Source(value, f"key: {value} BAD\n")
    out = render([Problem(value, Location(source, 1, 6, 14), value)], color=False, width=40, redact=masking)
    assert value not in out
    assert out.splitlines()[1:3] == ["  1 | key: <<token>> BAD", "    |      ^^^^^^^^^^^^^"]
    behind = render([Problem("x", Location(source, 1, 21, 3))], color=False, width=80, redact=masking)
    assert behind.splitlines()[1:] == ["  1 | key: <<token>> BAD"], "no mark is better than one under the wrong spot"


def test_half_a_secret_is_never_left_by_the_cut() -> None:
    line = "a" * 30 + "made-up-secret" + "b" * 30
    for column in range(1, len(line) + 1):
        out = render([Problem("x", Location(Source("f", line), 1, column))], color=False, width=30, redact=masking)
        assert not re.search("made|up-s|secret", out), column


@given(
    st.text(st.characters(exclude_characters="\r\n"), min_size=1, max_size=120),
    st.integers(1, 130),
    st.integers(0, 130),
    st.integers(1, 90),
)
def test_any_line_fits_and_the_mark_stays_below_it(line: str, column: int, width: int, screen: int) -> None:
    if not line.strip():
        return
    shown, mark = excerpt(line, column, width, screen)
    room = max(screen - 6, 20)
    assert terminal.cells(mark) <= room
    assert terminal.cells(shown) <= room
    assert "\x1b" not in shown
