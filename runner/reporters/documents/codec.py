"""The tree as JSON and back, and its JSON Schema: all three from the dataclasses themselves.

Members are named as fields are, with hyphens. Moments are ISO 8601 in UTC, to the millisecond; durations are seconds, to the
microsecond. A reader ignores members that it does not know, since within one version members are only added.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

from runner.reporters.documents import tree
from runner.reporters.documents.tree import Run, Step

Object: TypeAlias = dict[str, Any]

MARK = "zrun-report"
# Left out of what `--format json` prints, which is to be looked at: they are most of it.
_MESSAGES = ("request", "response")
# What a CI system's log reader would obey wherever on a line it stands (GitHub Actions, Azure Pipelines).
_OBEYED = ("##[", "##vso[")


class Unfit(Exception):
    """What was read is no report, or no part of one. `path` is where in it, as `steps[3].started`."""

    def __init__(self, message: str, path: str = "") -> None:
        self.message = message
        self.path = path
        super().__init__(message)

    def below(self, piece: str) -> Unfit:
        """The same, told from one level further out."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return Unfit(self.message, f"{piece}{dot}{self.path}")


def dumps(document: object, indent: int | None = None) -> str:
    """JSON in ASCII, so that any stream can write it; no text in it commands a CI system that reads the log."""
    text = json.dumps(document, indent=indent)
    for command in _OBEYED:
        text = text.replace(command, "\\u0023" + command[1:])
    return text


def document(run: Run) -> Object:
    """The members of a report, all but its steps. `collection` names those that ran in one text."""
    plain: Object = _plain(run, messages=True)
    version = plain.pop("version")
    joined = ", ".join(named.name for named in run.collections)
    return {MARK: tree.VERSION, "version": version, "collection": joined, **plain}


def step(one: Step, *, messages: bool = True) -> Object:
    """A step as JSON's types; without `messages`, what was sent and what came is left out."""
    plain: Object = _plain(one, messages)
    return plain


def run_of(found: object) -> Run:
    """The run of a report's members. Raises Unfit."""
    check_version(found)
    run: Run = _reader(Run)(found)
    return run


def settled(run: Run) -> Run:
    """The run as a saved report gives it, moments to the millisecond: so that a report made later is the same."""
    return run_of(document(run))


def step_of(found: object) -> Step:
    """The step that `step` made. Raises Unfit."""
    read: Step = _reader(Step)(found)
    return read


def check_version(found: object) -> None:
    """Raises Unfit for what is no report of zrun's, or one of a newer version."""
    if not isinstance(found, dict) or MARK not in found:
        raise Unfit("this is no report of zrun's", MARK)
    version = found[MARK]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise Unfit("the version is no number of a report's", MARK)
    if version > tree.VERSION:
        raise Unfit("a newer zrun wrote this report", MARK)


def moment(seconds: float) -> str:
    """Seconds since the epoch in ISO 8601: `2026-11-24T13:00:00.250Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Member(NamedTuple):
    name: str
    key: str
    hint: Any
    default: Any  # MISSING: it must be there


@cache
def _members(kind: type) -> tuple[_Member, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Member(
            field.name,
            field.name.replace("_", "-"),
            hints[field.name],
            None if field.name in _MESSAGES else field.default,
        )
        for field in fields(kind)
    )


def _plain(node: Any, messages: bool) -> Any:
    if isinstance(node, tuple):
        return [_plain(item, messages) for item in node]
    if not is_dataclass(node):
        return node
    found: Object = {}
    for member in _members(type(node)):  # type: ignore[arg-type]  # an instance of it
        value = getattr(node, member.name)
        if member.name == "started":
            found[member.key] = moment(value)
        elif isinstance(value, float):
            found[member.key] = round(value, 6)
        elif messages or member.name not in _MESSAGES:
            found[member.key] = _plain(value, messages)
    return found


def _moment_of(found: object) -> float:
    if not isinstance(found, str):
        raise Unfit("a moment is wanted, as 2026-11-24T13:00:00.250Z")
    try:
        read = datetime.fromisoformat(found)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Unfit("a moment is wanted, as 2026-11-24T13:00:00.250Z") from None


@cache
def _reader(hint: Any) -> Callable[[object], Any]:
    """What turns JSON's types to a value of the type `hint`, or raises Unfit."""
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _object_reader(hint)
    if origin in (Union, types.UnionType):
        (other,) = (one for one in inner if one is not type(None))
        read = _reader(other)
        return lambda found: None if found is None else read(found)
    if origin is tuple:
        return _list_reader(_reader(inner[0]), None if inner[1] is Ellipsis else len(inner))
    if origin is Literal:
        return _word_reader(inner)
    return _SCALARS[hint]


def _object_reader(kind: Any) -> Callable[[object], Any]:
    readers: list[tuple[_Member, Callable[[object], Any]]] = []

    def read(found: object) -> Any:
        if not isinstance(found, dict):
            raise Unfit("an object is wanted")
        if not readers:  # not before: a step holds steps
            readers.extend((m, _moment_of if m.name == "started" else _reader(m.hint)) for m in _members(kind))
        values: Object = {}
        for member, reader in readers:
            if member.key not in found:
                if member.default is MISSING:
                    raise Unfit(f"`{member.key}` is missing")
                values[member.name] = member.default
                continue
            try:
                values[member.name] = reader(found[member.key])
            except Unfit as error:
                raise error.below(member.key) from None
        return kind(**values)

    return read


def _list_reader(read: Callable[[object], Any], length: int | None) -> Callable[[object], Any]:
    def read_list(found: object) -> tuple[Any, ...]:
        if not isinstance(found, list) or (length is not None and len(found) != length):
            raise Unfit("a list is wanted" if length is None else f"a list of {length} is wanted")
        values = []
        for index, item in enumerate(found):
            try:
                values.append(read(item))
            except Unfit as error:
                raise error.below(f"[{index}]") from None
        return tuple(values)

    return read_list


def _word_reader(words: tuple[str, ...]) -> Callable[[object], str]:
    def read(found: object) -> str:
        if found not in words:
            raise Unfit(f"one of {', '.join(words)} is wanted")
        return str(found)

    return read


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise Unfit("a text is wanted")
    return found


def _truth(found: object) -> bool:
    if not isinstance(found, bool):
        raise Unfit("true or false is wanted")
    return found


def _whole(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise Unfit("a whole number is wanted")
    return found


def _number(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, (int, float)) or abs(found) > 1e15:
        raise Unfit("a number is wanted")
    return float(found)


_SCALARS: dict[Any, Callable[[object], Any]] = {str: _text, bool: _truth, int: _whole, float: _number}
_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number"}


def schema() -> Object:
    """The JSON Schema (2020-12) of a report."""
    defined: Object = {}
    run = _object_schema(Run, defined)
    run["properties"] = {
        MARK: {"const": tree.VERSION},
        "version": {"type": "string"},
        "collection": {"type": "string", "description": "the names of `collections`, joined by commas"},
        **{key: value for key, value in run["properties"].items() if key != "version"},
        "steps": {"type": "array", "items": _schema(Step, defined)},
    }
    run["required"] = [MARK, "collection", *run["required"], "steps"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:zrun:report:{tree.VERSION}",
        "title": "A zrun report",
        **run,
        "$defs": dict(sorted(defined.items())),
    }


def _schema(hint: Any, defined: Object) -> Object:
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        name = hint.__name__.lower()  # type: ignore[union-attr]  # a type, not an instance
        if name not in defined:
            defined[name] = {}  # a step holds steps
            defined[name] = _object_schema(hint, defined)  # type: ignore[arg-type]
        return {"$ref": f"#/$defs/{name}"}
    if origin in (Union, types.UnionType):
        (other,) = (one for one in inner if one is not type(None))
        if other in _NAMES:
            return {"type": [_NAMES[other], "null"]}
        return {"anyOf": [_schema(other, defined), {"type": "null"}]}
    if origin is tuple:
        items = {"type": "array", "items": _schema(inner[0], defined)}
        return items if inner[1] is Ellipsis else {**items, "minItems": len(inner), "maxItems": len(inner)}
    if origin is Literal:
        return {"enum": list(inner)}
    return {"type": _NAMES[hint]}


def _object_schema(kind: type, defined: Object) -> Object:
    members = _members(kind)
    properties = {
        member.key: {"type": "string", "format": "date-time"}
        if member.name == "started"
        else _schema(member.hint, defined)
        for member in members
    }
    required = [member.key for member in members if member.default is MISSING]
    return {"type": "object", "properties": properties, "required": required}
