"""Rows from YAML, by the rules of the format's other files: a list of maps, or a map in each of several documents.

YAML is read whole, so its size is bounded.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner.errors import InputError, Problem
from runner.files import document
from runner.files.document import Node
from runner.files.rows.octets import Octets
from runner.files.rows.records import Gathered, Record
from runner.values import Value

LARGEST = 4_000_000  # octets
MOST_VALUES = document.MOST_NODES


def records(octets: Octets) -> list[Record]:
    """Every row. Raises InputError with each mistake."""
    raw, name = octets.whole(LARGEST), octets.source.name
    if raw is None:
        hint = "save so many rows as JSON Lines, or CSV: those are read row by row"
        raise InputError(Problem(f"{name} is larger than {LARGEST // 10**6} MB", None, hint))
    try:
        rows = _nodes(raw, name)
    except InputError as error:
        raise InputError(_unshown(problem, octets) for problem in error.problems) from None
    found: list[Record] = []
    tell = Gathered()
    for node in rows:
        place, values = node.location, _value(node)
        if isinstance(values, dict):
            found.append(Record(values, place.line, place.column))
        else:
            where = octets.at(place.line, place.column)
            tell(Problem(f"a row is a map, and this is a {node.kind}", where, "write `- name: value`"))
    if tell.problems:
        raise InputError(tell.problems)
    return found


def _nodes(raw: bytes, name: str) -> list[Node]:
    documents = document.parse_all(raw, Path(name), MOST_VALUES)
    if not documents:
        raise InputError(Problem(f"{name} is empty", None, "write a list of maps: `- name: value`, and so on"))
    if len(documents) > 1:
        return documents
    only = documents[0]
    if only.kind != "list":
        hint = "begin each row with `- `, or put `---` between rows"
        raise InputError(Problem(f"rows are a list of maps, and this is one {only.kind}", only.location, hint))
    return list(only.items)


def _unshown(problem: Problem, octets: Octets) -> Problem:
    """Without the line on which it is."""
    place = problem.location
    return problem if place is None else replace(problem, location=octets.at(place.line, place.column))


def _value(node: Node) -> Value:
    if node.kind == "map":
        return {key.key: _value(value) for key, value in node.pairs}
    if node.kind == "list":
        return [_value(item) for item in node.items]
    return node.value
