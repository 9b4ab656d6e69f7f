"""A text with `<<...>>` in it: split once, its names known before anything runs, rendered against a scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from runner.errors import InputError, Location, Place, Problem
from runner.values import Missing, Secret, Value


class Lookup(Protocol):
    """What rendering needs from a scope."""

    def get(self, name: str) -> Value | Missing:
        """The value of a variable, or of a dynamic value (`$uuid`, fresh at each call); MISSING when it has none."""

    def expires_in(self, name: str) -> float | None:
        """Seconds until the value of `name` expires (negative: it has); None when it has no known expiry."""

    def explain(self, name: str) -> str | None:
        """Why `name` has no value and what to do next, for an error's hint."""

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the run."""


@dataclass(frozen=True)
class Name:
    """A variable that a template reads. `guarded`: its absence is handled (`default`, `is missing`, `is stale`, ...)."""

    name: str
    location: Location
    guarded: bool = False


class NoValue(InputError):
    """A template reads a variable that has no value now."""

    def __init__(self, name: str, problem: Problem) -> None:
        super().__init__(problem)
        self.name = name


@dataclass(frozen=True)
class Template:
    """A parsed text. `text` is as written; `names` are the variables that it reads, in order, dynamic ones (`$...`) left out."""

    text: str
    location: Location
    names: tuple[Name, ...]
    parts: tuple[Any, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.text

    def render(self, lookup: Lookup) -> Value:
        """The value: of the expression, with its type, when the text is one whole `<<...>>`; else text.

        Whatever a Secret went into is a Secret. Raises NoValue for a variable without a value, InputError when the
        expression fails or grows past its bounds.
        """
        raise NotImplementedError

    def render_text(self, lookup: Lookup) -> str | Secret:
        """As `render`, but always as text (JSON's spelling for what is not)."""
        raise NotImplementedError


def parse(text: str, place: Place) -> str | Template:
    """`text` as a Template when it holds a `<<expression>>`, else as plain text, with `\\<<` made `<<`.

    Raises InputError with every malformed expression in it, each at its own column.
    """
    raise NotImplementedError
