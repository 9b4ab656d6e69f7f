"""What rendering asks of a scope, and how it says that a variable has no value."""

from __future__ import annotations

from typing import Protocol

from runner.errors import InputError, Location, Problem
from runner.records import record
from runner.values import MISSING, Missing, Value

# Zoho advises to renew an access token of one hour before it ends; five minutes outlast any single request.
STALE_WITHIN = 300.0


class Lookup(Protocol):
    """The variables that a template may read."""

    def get(self, name: str) -> Value | Missing:
        """The value of a variable; MISSING when it has none. Raises InputError when its definition cannot be rendered."""

    def dynamic(self, name: str, *arguments: Value) -> Value:
        """A dynamic value (`$uuid`), fresh at each call. Raises ValueError for arguments that it does not take."""

    def expires_in(self, name: str) -> float | None:
        """Seconds until the value of `name` expires (negative: it has); None when it has no known expiry."""

    def explain(self, name: str) -> str | None:
        """Why `name` has no value and what to do next, for an error's hint."""

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the run."""


@record(eq=True, shown=True)
class Name:
    """A variable that a template reads.

    `guarded`: its absence is handled (`default`, `is missing`, `is stale`, ...). `looked_into`: its content matters, not
    only whether it has a value and until when.
    """

    name: str
    location: Location
    guarded: bool = False
    looked_into: bool = True


class NoValue(InputError):
    """A template reads a variable that has no value now."""

    def __init__(self, name: str, problem: Problem) -> None:
        super().__init__(problem)
        self.name = name


def find(name: Name, lookup: Lookup) -> Value | Missing:
    """The value of `name`. Raises NoValue when it has none, unless it is guarded: then MISSING."""
    try:
        value = lookup.get(name.name)
    except NoValue:
        if name.guarded:
            return MISSING
        raise
    if isinstance(value, Missing) and not name.guarded:
        raise NoValue(name.name, Problem(f"`{name.name}` has no value", name.location, lookup.explain(name.name)))
    return value


def expires_within(name: str, seconds: float, lookup: Lookup) -> bool:
    """Whether `name` has no value, or one known to expire within `seconds`."""
    try:
        if isinstance(lookup.get(name), Missing):
            return True
    except NoValue:
        return True
    left = lookup.expires_in(name)
    return left is not None and left < seconds


def step_into(value: Value | Missing, key: str | int) -> Value | Missing:
    """The item `key` of a list, map or text, MISSING when it has none: data alone, never an attribute of Python's."""
    if isinstance(value, dict):
        return value.get(key, MISSING) if isinstance(key, str) else MISSING
    if isinstance(value, (list, str)) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else MISSING
    return MISSING
