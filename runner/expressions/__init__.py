"""Jinja2's expression language over plain data: Jinja2 parses, this evaluates, so nothing of Python is in reach.

An expression has no statements, no attributes but the keys of maps, and no calls but `range(...)` and dynamic values with
arguments (`$random-int(1, 6)`). What it reads, it reads unmasked; when a secret was among that, the result is a Secret.

Bounds: 4000 characters, texts of 1 MB, lists of 100,000 items, integers of 4096 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from jinja2 import nodes

from runner.errors import InputError, Location, Place, Problem
from runner.expressions import filters, syntax
from runner.expressions.evaluation import Evaluation
from runner.expressions.filters import Unfit
from runner.expressions.syntax import Written
from runner.lookup import Lookup, Name, NoValue
from runner.values import Missing, Value, secrets_in, taint


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `names` are the variables that it reads, dynamic ones left out."""

    text: str
    names: tuple[Name, ...]
    location: Location
    _written: Written = field(repr=False, compare=False)
    _node: nodes.Expr = field(repr=False, compare=False)

    def evaluate(self, lookup: Lookup) -> Value:
        """The value. Raises NoValue for a variable without one, InputError for an operation that does not work."""
        run = Evaluation(self._written, lookup, {name.name for name in self.names if name.guarded})
        try:
            result = filters.plain(run.value(self._node))
        except Unfit as unfit:
            raise InputError(Problem(f"`<<{self.text}>>`: {unfit}", self.location)) from None
        except RecursionError:
            raise InputError(Problem("the expression is nested too deeply", self.location)) from None
        if isinstance(result, Missing):
            raise NoValue(self.text, Problem(f"`<<{self.text}>>` has no value", self.location, "add `| default(...)`"))
        if run.secrets:
            found = taint(result, ", ".join(run.secrets), f"<<{self.text}>>")
            if not secrets_in(found) and any(key not in self.text for key in _keys(found)):
                message = f"`<<{self.text}>>`: the keys of the map would hold a secret, and nothing else in it would"
                raise InputError(Problem(message, self.location, "put secrets into values"))
            return found
        value: Value = result
        return value


def _keys(value: Value) -> Iterator[str]:
    """The keys of every map in `value`."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)


def read(text: str, place: Place, offset: int) -> Expression:
    """`text` as an Expression, `offset` characters into its place. Raises InputError with the column of each mistake."""
    written, node, names = syntax.parse(text, place, offset)
    return Expression(text, names, place.at(offset, len(text)), written, node)
