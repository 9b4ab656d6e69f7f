"""What the readers of rows agree upon: a record, and whom to tell of one that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from runner.errors import InputError, Problem
from runner.values import Value


class Record(NamedTuple):
    """The values of a row by column, and the line and column at which it begins."""

    values: dict[str, Value]
    line: int
    column: int


Records: TypeAlias = Iterator[Record]
# Told of a row that cannot be used. When it returns, reading goes on with the next.
Tell: TypeAlias = Callable[[Problem], None]

MOST_TOLD = 20


def twice(names: Iterable[str]) -> str | None:
    """The first name that stands there a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def stop(problem: Problem) -> None:
    """A Tell that ends reading at the first mistake."""
    raise InputError(problem)


class Gathered:
    """A Tell that lets reading go on, so that mistakes are told together; not without end."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def __call__(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) == MOST_TOLD:
            name = problem.location.source.name if problem.location else "the file"
            hint = "is it in the format that its name says?"
            raise InputError([*self.problems, Problem(f"{name} may hold more mistakes than these", None, hint)])
