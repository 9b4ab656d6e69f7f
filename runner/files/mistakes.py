"""YAML's own mistakes in words for a person who does not know the standard, each with its next step."""

from __future__ import annotations

import re
from typing import Protocol

from runner.errors import Location, Problem, Source
from runner.files.places import Mark


class MarkedError(Protocol):
    """What libyaml says, and where."""

    problem: str | None
    context: str | None

    @property
    def problem_mark(self) -> Mark | None: ...
    @property
    def context_mark(self) -> Mark | None: ...


# A line that begins with a query, as keys of `expect` do.
_QUERY_KEY = re.compile(r"\s*(regex|json|xpath|css|header|cookie) \S.*: ")
_QUOTE = "put quotes around the text"
_ALIGN = "align this line with its neighbours"
# What libyaml says -> (what it means, the next step).
_SYNTAX = (
    ("found character that cannot start any token", "this character cannot begin a value", _QUOTE),
    ("mapping values are not allowed", "a second `: ` on this line, or a wrong indentation", _QUOTE),
    ("could not find expected ':'", "a key without its colon, or a text that goes on where a key should stand", _ALIGN),
    ("did not find expected key", "the indentation is off, or a quote is not closed above", _ALIGN),
    ("did not find expected '-' indicator", "the indentation of this list is off", _ALIGN),
    ("did not find expected ',' or", "a bracket is not closed, or a comma is missing", _QUOTE),
    ("did not find expected node content", "a value is missing, or a bracket or comma is too many", _QUOTE),
    (
        "found unknown escape character",
        "no such escape in double quotes",
        "there a backslash is written twice (`\\\\<<`)",
    ),
    ("did not find expected hexdecimal", "no such escape in double quotes", "there a backslash is written twice"),
    ("invalid Unicode character escape", "this escape stands for no character", "write the character itself"),
    ("unexpected end of stream", "a quote is not closed", "close it"),
    ("undefined alias", "`*` begins an alias, and no anchor has that name", _QUOTE),
    ("found duplicate anchor", "this anchor is there already", "give it another name"),
    ("expected a single document", "a second document begins here", "keep one document a file, without `---` between"),
    ("found a tab character", "a tab stands where YAML wants blanks", "indent with blanks"),
    ("block sequence entries are not allowed", "a `-` cannot stand here", "begin the list on a line of its own"),
    ("block mapping", "the indentation is off", _ALIGN),
    ("did not find expected <document start>", "this stands outside of the document", _ALIGN),
    ("aximum nesting level", "this is nested too deeply", "take it apart"),
)


def syntax_problem(error: MarkedError, source: Source) -> Problem:
    """A mistake of YAML's, in words for a person who does not know the standard."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = f"{error.problem or ''} {error.context or ''}"
    message, hint = next(
        ((m, h) for words, m, h in _SYNTAX if words in said), (error.problem or "this is not YAML", "")
    )
    if error.problem and "unexpected end of stream" in error.problem and error.context_mark:
        line, column = error.context_mark.line + 1, error.context_mark.column + 1
    text = source.line(line)
    character = text[column - 1 : column]
    if any(words in said for words in ("mapping values are not allowed", "end of stream")) and _QUERY_KEY.match(text):
        hint = 'a query that holds `: ` needs quotes around the whole key: `\'regex "id": "(.+?)"\': 7`'
    if character == "\t":
        message, hint = "a tab stands where YAML wants blanks", "indent with blanks"
    elif "cannot start any token" in said and character:
        message = f"`{character}` cannot begin a value"
    begun = {line: text[: column - 1], line - 1: source.line(line - 1)}
    near = next((n for n, before in begun.items() if before.rfind("<<") > before.rfind(">>")), None)
    if near is not None and not hint.startswith("there a"):
        hint = "a template that holds `: `, ` #`, brackets or commas needs quotes around the whole text"
        if near != line:
            line, column = near, source.line(near).index("<<") + 1
    return Problem(message, Location(source, line, column), hint or "see the line above it, too")


def character_problem(error: Exception, source: Source) -> Problem:
    """A character that no YAML file may hold."""
    position = getattr(error, "position", None)
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", source.text)
    index = found.start() if found else position if isinstance(position, int) else 0
    line = source.text.count("\n", 0, index) + 1
    column = index - source.text.rfind("\n", 0, index)
    return Problem("a control character that YAML does not allow", Location(source, line, column), "take it away")
