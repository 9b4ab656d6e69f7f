"""The search API's criteria: `((Last_Name:equals:Doe)and(Annual_Revenue:between:1,9))` -> a test of a record.

Grammar (zoho.com/crm/developer/docs/api/v8/search-records.html): a condition is `(field:operator:value)`, conditions are
joined by `and` and `or` within parentheses; parentheses and commas in a value are written behind a backslash. `and`
binds tighter than `or`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from runner.sandbox.modules import Field
from runner.sandbox.times import seconds

Record: TypeAlias = Mapping[str, object]
Test: TypeAlias = Callable[[Record], bool]

_DEEPEST = 20
_CONDITION = re.compile(r"((?:[^()\\]|\\.)*)\)", re.DOTALL)
_JOINT = re.compile(r"\s*(and|or)\s*(?=\()", re.IGNORECASE)
_EQUALITY = ("equals", "not_equal", "in")
_ORDER = ("greater_than", "greater_equal", "less_than", "less_equal", "between")
_ORDERED = ("integer", "currency", "date", "datetime", "bigint")
_TEXTS = ("text", "email", "phone", "website", "picklist", "textarea")


class Invalid(Exception):
    """Criteria that cannot be used: the reason, and the field it is about."""

    def __init__(self, reason: str, api_name: str | None = None) -> None:
        super().__init__(reason)
        self.details: dict[str, object] = {"reason": reason, **({"api_name": api_name} if api_name else {})}


def parse(text: str, fields: Mapping[str, Field]) -> Test:
    """A test of records for the criteria. Raises Invalid."""
    test, end = _series(text.strip(), 0, fields, 0)
    if end != len(text.strip()):
        raise Invalid(f"unexpected text at character {end + 1}")
    return test


def _series(text: str, start: int, fields: Mapping[str, Field], depth: int) -> tuple[Test, int]:
    """Units joined by and/or, from `start`; where they end."""
    first, end = _unit(text, start, fields, depth)
    alternatives = [[first]]
    while joint := _JOINT.match(text, end):
        unit, end = _unit(text, joint.end(), fields, depth)
        if joint[1].lower() == "or":
            alternatives.append([unit])
        else:
            alternatives[-1].append(unit)
    return lambda record: any(all(test(record) for test in tests) for tests in alternatives), end


def _unit(text: str, start: int, fields: Mapping[str, Field], depth: int) -> tuple[Test, int]:
    if depth > _DEEPEST:
        raise Invalid("the criteria are nested too deeply")
    if not text.startswith("(", start):
        raise Invalid(f"a parenthesis is missing at character {start + 1}")
    if text.startswith("(", start + 1):
        test, end = _series(text, start + 1, fields, depth + 1)
        if not text.startswith(")", end):
            raise Invalid(f"a closing parenthesis is missing at character {end + 1}")
        return test, end + 1
    found = _CONDITION.match(text, start + 1)
    if found is None:
        raise Invalid(f"a closing parenthesis is missing after character {start + 1}")
    return _condition(found[1], fields), found.end()


def _condition(text: str, fields: Mapping[str, Field]) -> Test:
    name, operator, value = (*(part.strip() for part in text.split(":", 2)), "", "")[:3]
    field = fields.get(name)
    if field is None:
        raise Invalid("the field is not available for search", name)
    allowed = (
        _EQUALITY + (_ORDER if field.kind in _ORDERED else ()) + (("starts_with",) if field.kind in _TEXTS else ())
    )
    if operator not in allowed:
        raise Invalid("the operator is not one for this field", name)
    parts = re.findall(r"(?:[^,\\]|\\.)+", value) if operator in ("in", "between") else [value]
    wanted = [_typed(re.sub(r"\\(.)", r"\1", part).strip(), field.kind) for part in parts]
    if None in wanted or not wanted or (operator == "between" and len(wanted) != 2):
        raise Invalid("the value does not fit the field", name)
    compare = _COMPARE[operator]

    def test(record: Record) -> bool:
        own = record.get(name)
        if isinstance(own, dict):  # a lookup is searched by its id
            own = own.get("id")
        typed = None if own is None else _typed(str(own), field.kind)
        return operator == "not_equal" if typed is None else compare(typed, wanted)

    return test


def _typed(text: str, kind: str) -> float | str | None:
    """The value as it is compared; None when it does not fit the kind of field."""
    if kind in ("integer", "currency"):
        try:
            return float(text)
        except ValueError:
            return None
    if kind == "bigint":
        return text.zfill(19) if text.isdecimal() else None
    return seconds(text) if kind == "datetime" else text.casefold()


_COMPARE: dict[str, Callable[..., bool]] = {
    "equals": lambda own, wanted: own == wanted[0],
    "not_equal": lambda own, wanted: own != wanted[0],
    "in": lambda own, wanted: own in wanted,
    "starts_with": lambda own, wanted: own.startswith(wanted[0]),
    "greater_than": lambda own, wanted: own > wanted[0],
    "greater_equal": lambda own, wanted: own >= wanted[0],
    "less_than": lambda own, wanted: own < wanted[0],
    "less_equal": lambda own, wanted: own <= wanted[0],
    "between": lambda own, wanted: wanted[0] <= own <= wanted[1],
}
