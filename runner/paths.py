"""The expressions that need no parser: `name`, `row.Email`, `list[0].id`, `$uuid`, `token is stale`.

Most templates of most collections are of this kind, and a run that holds no other never loads Jinja2. What they give
is what Jinja2's way gives; a test holds the two against each other.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TypeAlias

from runner.errors import Place, Problem
from runner.lookup import STALE_WITHIN, Lookup, Name, NoValue, expires_within, find, step_into
from runner.quantities import seconds
from runner.records import record
from runner.values import MISSING, Missing, Secret, Value

# A hyphen belongs to a name when it touches it on both sides; a minus has blanks around it.
NAME = r"[^\W\d]\w*(?:-\w+)*"
KEYWORDS = frozenset(
    ("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "null", "True", "False", "None")
)

# What an expression is made of; anything else between brackets (a semicolon, `&`, `@`) is plain text.
STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
NUMBER = r"(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)(?!\w)"
OPERATOR = r"//|\*\*|==|!=|>=|<=|[-+*/%~<>=.:|,()\[\]{}]"

_STEP = rf"\.({NAME})|\[(-?\d{{1,9}})\]|\['([^'\\]*)'\]|\[\"([^\"\\]*)\"\]"
_PATH = re.compile(rf"(\$?{NAME})((?:{_STEP})*)\Z")
_STEPS = re.compile(_STEP)
_CONDITION = re.compile(
    rf"({NAME})\s+is\s+(not\s+)?(missing|undefined|defined|stale|expiring\(\s*(?:'([^'\\]*)'|\"([^\"\\]*)\")\s*\))\Z"
)


@record(eq=True, shown=True)
class Path:
    """A variable, and the way into its value."""

    name: Name
    steps: tuple[str | int, ...]
    dynamic: bool = False

    @property
    def names(self) -> tuple[Name, ...]:
        return () if self.dynamic else (self.name,)

    def evaluate(self, lookup: Lookup) -> Value:
        """The value at the end of the way. Raises NoValue when there is none."""
        if self.dynamic:
            return lookup.dynamic(self.name.name)
        value = find(self.name, lookup)
        taken = self.name.name
        for step in self.steps:
            inside = step_into(value.reveal() if isinstance(value, Secret) else value, step)
            if isinstance(inside, Missing):
                raise no_step(self.name, taken, step)
            value = Secret(inside, value.name) if isinstance(value, Secret) and isinstance(inside, str) else inside
            taken += f"[{step}]" if isinstance(step, int) else f".{step}"
        assert not isinstance(value, Missing)
        return value


def no_step(name: Name, taken: str, step: str | int) -> NoValue:
    """The error for a value that lacks a key or an index: it names the key, never the value."""
    what = f"has no item {step}" if isinstance(step, int) else f"has no `{step}`"
    return NoValue(name.name, Problem(f"`{taken}` {what}", name.location, "add `| default(...)` if it may be absent"))


@record(eq=True, shown=True)
class Condition:
    """`name is [not] missing|defined|stale|expiring('10m')`; `within` in seconds, None: only whether it has a value."""

    name: Name
    negated: bool
    within: float | None

    @property
    def names(self) -> tuple[Name, ...]:
        return (self.name,)

    def evaluate(self, lookup: Lookup) -> Value:
        if self.within is None:
            return (find(self.name, lookup) is MISSING) is not self.negated
        return expires_within(self.name.name, self.within, lookup) is not self.negated


Direct: TypeAlias = Path | Condition


@cache
def token() -> re.Pattern[str]:
    """One token of an expression; compiled when the first is met that is more than a name."""
    kinds = rf"(?P<string>{STRING})|(?P<number>{NUMBER})|(?P<name>\$?{NAME})|(?P<operator>{OPERATOR})"
    return re.compile(rf"\s*(?:{kinds})")


def could_be_expression(text: str) -> bool:
    """Whether `text` is made of names, numbers, quoted texts and operators alone."""
    if _PATH.match(text.strip()):
        return True
    position, end = 0, len(text.rstrip())
    pattern = token()
    while position < end:
        match = pattern.match(text, position)
        if match is None:
            return False
        position = match.end()
    return end > 0


def read(text: str, place: Place, offset: int) -> Direct | None:
    """`text` (an expression without blanks around it, `offset` characters into its place), or None: Jinja2 must read it."""
    match = _PATH.match(text)
    if match:
        return _path(match[1], match[2], place, offset)
    match = _CONDITION.match(text)
    if match is None or match[1] in KEYWORDS:
        return None
    name, negation, kind = match[1], match[2], match[3]
    within: float | None = None
    if kind not in ("missing", "undefined", "defined"):
        within = STALE_WITHIN if kind == "stale" else seconds(match[4] or match[5] or "")
        if within is None:
            return None
    where = Name(name, place.at(offset, len(name)), guarded=True, looked_into=False)
    return Condition(where, bool(negation) is not (kind == "defined"), within)


def _path(name: str, way: str, place: Place, offset: int) -> Path | None:
    steps: list[str | int] = []
    for attribute, index, single, double in _STEPS.findall(way):
        if attribute.startswith("_"):
            return None
        steps.append(int(index) if index else attribute or single or double)
    if name in KEYWORDS or (steps and name.startswith("$")):
        return None
    return Path(Name(name, place.at(offset, len(name))), tuple(steps), name.startswith("$"))
