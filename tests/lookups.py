"""A scope for tests: a plain map, with expiries, and the dynamic values of a fixed seed."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from runner import dynamic
from runner.errors import Location, Source
from runner.values import MISSING, Missing, Value

NOW = 1_700_000_000.0


class Line:
    """The place of a text that stands at the start of a one-line source."""

    def __init__(self, text: str = "") -> None:
        self._source = Source("test.yaml", text)

    def at(self, offset: int, width: int = 1) -> Location:
        return Location(self._source, 1, offset + 1, width)


class Values:
    """A lookup.Lookup over a map. `expiries` are seconds from now."""

    def __init__(self, values: Mapping[str, Value] | None = None, expiries: Mapping[str, float] | None = None) -> None:
        self._values = values or {}
        self._expiries = expiries or {}
        self._rng = Random(7)

    def get(self, name: str) -> Value | Missing:
        return self._values.get(name, MISSING)

    def dynamic(self, name: str, *arguments: Value) -> Value:
        return dynamic.value(name, self._rng, self.now(), *arguments)

    def expires_in(self, name: str) -> float | None:
        return self._expiries.get(name)

    def explain(self, name: str) -> str | None:
        return f"nothing is called {name}"

    def now(self) -> float:
        return NOW
