"""What differs between two JSON values, place by place, each with its JSONPath (RFC 9535, 2.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.records import record
from runner.values import MISSING, Missing, Value, equal

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@record
class Difference:
    """A place at which two values differ; MISSING is on the side where there is nothing."""

    path: str
    left: Value | Missing
    right: Value | Missing


def child(path: str, key: str | int) -> str:
    """The path of a member or an item of what is at `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN.fullmatch(key):
        return f"{path}.{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"{path}['{quoted}']"


def between(left: Value | Missing, right: Value | Missing, path: str = "$") -> Iterator[Difference]:
    """Every smallest place that differs: of objects member by member, of arrays item by item."""
    pending: list[tuple[str, Value | Missing, Value | Missing]] = [(path, left, right)]
    while pending:
        at, one, other = pending.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            keys = dict.fromkeys((*one, *other))
            inner = [(child(at, key), one.get(key, MISSING), other.get(key, MISSING)) for key in keys]
        elif isinstance(one, list) and isinstance(other, list):
            most = max(len(one), len(other))
            inner = [(child(at, i), _item(one, i), _item(other, i)) for i in range(most)]
        else:
            if not _same(one, other):
                yield Difference(at, one, other)
            continue
        pending.extend(reversed(inner))


def _item(items: list[Value], index: int) -> Value | Missing:
    return items[index] if index < len(items) else MISSING


def _same(one: Value | Missing, other: Value | Missing) -> bool:
    if isinstance(one, Missing) or isinstance(other, Missing):
        return one is other
    return equal(one, other)
