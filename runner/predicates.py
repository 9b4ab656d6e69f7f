"""What must hold of a value: `{length: {gt: 0}}` and its kin, and the judgement with expected and actual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.errors import Location
from runner.exchange import Response
from runner.queries import QuerySpec
from runner.template import Lookup, Name
from runner.tree import Tree


@dataclass(frozen=True)
class Predicate:
    """One condition as written: its name (`eq`, `gt`, `length`, ...) and its operand."""

    name: str
    operand: Tree
    location: Location


@dataclass(frozen=True)
class Expectation:
    """A query and everything that must hold of what it selects. `text` is the query as written."""

    query: QuerySpec
    predicates: tuple[Predicate, ...]
    location: Location
    text: str


@dataclass(frozen=True)
class CheckResult:
    """One judged predicate. `expected` and `actual` are for a person: short, secrets masked; `note` says more when needed."""

    query: str
    predicate: str
    passed: bool
    expected: str
    actual: str
    location: Location
    note: str | None = None


def parse_expectations(tree: Tree, location: Location) -> tuple[Expectation, ...]:
    """The value of an `expect:` (or of `renew.on`, `until`). Raises InputError with every mistake in it."""
    raise NotImplementedError


def judge(expectation: Expectation, response: Response, lookup: Lookup) -> list[CheckResult]:
    """Every predicate of `expectation`, judged. Raises InputError when an operand has no value."""
    raise NotImplementedError


def names(expectation: Expectation) -> Iterator[Name]:
    """The variables that an expectation reads."""
    raise NotImplementedError
