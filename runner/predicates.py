"""What must hold of a value, as written: `{length: {gt: 0}}` and its kin, every mistake told at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from runner import queries, tree
from runner.errors import InputError, Location, Place, Problem, did_you_mean, nearest
from runner.quantities import seconds, size
from runner.queries import Query, QuerySpec
from runner.records import record
from runner.template import Name, Template
from runner.tree import Entries, Entry, Items, Tree

if TYPE_CHECKING:
    from runner.json_schema import JsonSchema

_TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
# Predicates whose operand is again what must hold: of the length, of each item, ...
_NESTING = ("length", "each", "any", "not")
_COMPARING = ("eq", "ne", "lt", "le", "gt", "ge", "between", "in")
_OTHERS = ("contains", "starts-with", "ends-with", "matches", "type", "exists", "empty", "like", "schema")
PREDICATES = (*_COMPARING, *_OTHERS, *_NESTING)
UNITS: dict[str, Callable[[str | float], float | None]] = {"duration": seconds, "size": size}
# How others call them.
_ALIASES = {
    "equals": "eq", "equal": "eq", "==": "eq", "!=": "ne", "not-equals": "ne", "<": "lt", "<=": "le", "lte": "le",
    ">": "gt", ">=": "ge", "gte": "ge", "regex": "matches", "match": "matches", "pattern": "matches", "one-of": "in",
    "includes": "contains", "startsWith": "starts-with", "endsWith": "ends-with", "all": "each", "every": "each",
    "some": "any", "count": "length",
}  # fmt: skip
WILDCARD = re.compile(r"<<\s*any\s*(?:\(\s*(?:'(\w+)'|\"(\w+)\")?\s*\)\s*)?>>\Z")


@record
class Predicate:
    """One condition as written: its name (`eq`, `gt`, `length`, ...), and its operand or the conditions inside it.

    `schema` is what the operand of a `schema` was read to.
    """

    name: str
    operand: Tree
    location: Location
    inner: tuple[Predicate, ...] = ()
    schema: JsonSchema | None = None


@record
class Expectation:
    """A query and everything that must hold of what it selects. `text` is the query as written."""

    query: QuerySpec
    predicates: tuple[Predicate, ...]
    location: Location
    text: str


# Reads the operand of a `schema`. Raises InputError.
ReadSchema: TypeAlias = Callable[[Tree, Place], "JsonSchema"]


def parse_expectations(written: Tree, location: Location, read_schema: ReadSchema) -> tuple[Expectation, ...]:
    """The value of an `expect:` (or of `renew.on`, `until`). Raises InputError with every mistake in it."""
    if isinstance(written, int) and not isinstance(written, bool):
        query = queries.parse_query("status", _Fixed(location))
        return (Expectation(query, (Predicate("eq", written, location),), location, "status"),)
    if not isinstance(written, Entries):
        hint = "write a status, or a map: `expect: {status: 200, json $.id: 7}`"
        raise InputError(Problem("expectations are a map of queries to what they must be", location, hint))
    problems: list[Problem] = []
    found: list[Expectation] = []
    for entry in written.entries:
        try:
            found.append(_expectation(entry, read_schema))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return tuple(found)


@record
class _Fixed:
    location: Location

    def at(self, offset: int, width: int = 1) -> Location:
        return self.location


def _expectation(entry: Entry, read_schema: ReadSchema) -> Expectation:
    problems: list[Problem] = []
    query: QuerySpec | None = None
    if entry.key == "schema":  # short, as a lone status is
        query = queries.parse_query("json $", _Fixed(entry.location))
        schema = read_schema(entry.value, entry.value_place)
        predicate = Predicate("schema", entry.value, entry.location, schema=schema)
        return Expectation(query, (predicate,), entry.location, "schema")
    try:
        if isinstance(entry.key, Template):
            queries.check_extra(str(entry.key).partition(" ")[0], entry.location)
            query = entry.key
        else:
            query = queries.parse_query(entry.key, entry.place)
    except InputError as error:
        problems.extend(error.problems)
    measures = query.measures if isinstance(query, Query) else str(entry.key).partition(" ")[0]
    try:
        predicates = _conditions(entry.value, entry.value_place, measures, read_schema)
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    if query is None:
        raise InputError(problems)
    return Expectation(query, predicates, entry.location, str(entry.key))


def _conditions(written: Tree, place: Place, kind: str, read_schema: ReadSchema) -> tuple[Predicate, ...]:
    """The predicates of a map of them; anything else means equality. Raises InputError."""
    if not isinstance(written, Entries) or not written.entries:
        _check_operand("eq", written, place, kind)
        return (Predicate("eq", written, place.at(0)),)
    known = [entry for entry in written.entries if entry.key in PREDICATES]
    others = [entry for entry in written.entries if entry.key not in PREDICATES]
    if not known:
        meant = next((entry for entry in others if _meant(str(entry.key))), None)
        if meant is None:
            return (Predicate("eq", written, place.at(0)),)
        others = [meant]
    problems = [_unknown(entry, bool(known)) for entry in others]
    found: list[Predicate] = []
    for entry in known:
        try:
            found.append(_predicate(entry, kind, read_schema))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return tuple(found)


def _meant(word: str) -> str | None:
    """The predicate that `word` was meant to be; None when it is far from all."""
    if word in _ALIASES:
        return _ALIASES[word]
    near = nearest(word, PREDICATES)
    from difflib import SequenceMatcher  # late: only a map that is no map of predicates pays for it

    return near if near and SequenceMatcher(None, word, near).ratio() >= 0.8 else None


def _unknown(entry: Entry, mixed: bool) -> Problem:
    word = str(entry.key)
    meant = _meant(word)
    otherwise = "to compare with this whole map, write it under `eq:`"
    hint = f"did you mean `{meant}`? {otherwise[0].upper()}{otherwise[1:]}" if meant else otherwise
    if mixed and not meant:
        hint = did_you_mean(word, PREDICATES, f"there is: {', '.join(PREDICATES)}") or hint
    return Problem(f"`{word}` is not a predicate", entry.location, hint)


def _predicate(entry: Entry, kind: str, read_schema: ReadSchema) -> Predicate:
    name = str(entry.key)
    if name == "schema":
        return Predicate(name, entry.value, entry.location, schema=read_schema(entry.value, entry.value_place))
    if name in _NESTING:
        inner = _conditions(entry.value, entry.value_place, "" if name != "not" else kind, read_schema)
        return Predicate(name, entry.value, entry.location, inner)
    _check_operand(name, entry.value, entry.value_place, kind)
    return Predicate(name, entry.value, entry.location)


def _check_operand(name: str, operand: Tree, place: Place, kind: str) -> None:
    """Raises InputError for an operand that can never fit, as far as it is written out."""
    wrong: tuple[str, str] | None = None
    if name == "like":
        problems = list(_wrong_wildcards(operand))
        if problems:
            raise InputError(problems)
        return
    if isinstance(operand, Template):
        return
    if name == "between" and not (isinstance(operand, Items) and len(operand.items) == 2):
        wrong = ("`between` wants a list of two, both ends included", "write `between: [1, 5]`")
    elif name == "in" and not isinstance(operand, Items):
        wrong = ("`in` wants a list", "write `in: [200, 201]`")
    elif name in ("exists", "empty") and not isinstance(operand, bool):
        wrong = (f"`{name}` is true or false", f"write `{name}: true`")
    elif name == "type":
        words = [item.value for item in operand.items] if isinstance(operand, Items) else [operand]
        bad = next((word for word in words if word not in _TYPES and not isinstance(word, Template)), None)
        if bad is not None or not words:
            wrong = (
                "`type` wants the name of a JSON type",
                did_you_mean(str(bad), _TYPES) or f"one of {', '.join(_TYPES)}",
            )
    elif name in ("starts-with", "ends-with", "matches") and not isinstance(operand, str):
        wrong = (f"`{name}` wants a text", "put it into quotes")
    elif name == "matches":
        try:
            queries.check_pattern(str(operand))
        except ValueError as error:
            wrong = (f"this is not a regular expression: {error}", "test the pattern alone")
    elif name in _COMPARING and kind in UNITS:
        for item in operand.items if isinstance(operand, Items) else (operand,):
            value = item.value if isinstance(item, tree.Item) else item
            if isinstance(value, str) and UNITS[kind](value) is None:
                example = "500ms or 2s" if kind == "duration" else "10 KB or 1 MiB"
                wrong = (f"this is not a {kind}", f"write it as {example}")
    if wrong:
        width = len(str(operand)) if isinstance(operand, (str, int)) else 1
        raise InputError(Problem(wrong[0], place.at(0, max(1, width)), wrong[1]))


def _wrong_wildcards(pattern: Tree) -> Iterator[Problem]:
    """Wildcards of a type that JSON does not have: they would match nothing, ever."""
    if isinstance(pattern, Template):
        wildcard = WILDCARD.match(pattern.text)
        word = wildcard and (wildcard[1] or wildcard[2])
        if word and word not in _TYPES:
            hint = did_you_mean(word, _TYPES, f"one of {', '.join(_TYPES)}")
            yield Problem(f"`{word}` is no type of JSON", pattern.location, hint)
    elif isinstance(pattern, Items):
        for item in pattern.items:
            yield from _wrong_wildcards(item.value)
    elif isinstance(pattern, Entries):
        for entry in pattern.entries:
            yield from _wrong_wildcards(entry.value)


def names(expectation: Expectation) -> Iterator[Name]:
    """The variables that an expectation reads; the `any` of a wildcard is none."""
    if isinstance(expectation.query, Template):
        yield from expectation.query.names
    for predicate in expectation.predicates:
        yield from _names_of(predicate.operand)


def _names_of(operand: Tree) -> Iterator[Name]:
    if isinstance(operand, Template):
        if not WILDCARD.match(operand.text):
            yield from operand.names
    elif isinstance(operand, Items):
        for item in operand.items:
            yield from _names_of(item.value)
    elif isinstance(operand, Entries):
        for entry in operand.entries:
            yield from tree.names(entry.key)
            yield from _names_of(entry.value)
