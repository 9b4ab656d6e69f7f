"""JSONPath as RFC 9535 has it: a plain path (names and indexes) walked directly, all else by the library.

A singular path (RFC 9535, 2.3.5.1) gives the one value it selects or MISSING; any other gives a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from runner.exchange import Unreadable
from runner.values import MISSING, Missing, Value

Select: TypeAlias = Callable[[Value], Value | Missing]

# Seconds that match() and search() may take for one text.
REGEX_TIME = 0.5
_LONGEST = 4000

# Escapes, blanks between, emoji after a dot, and all that is not singular are left to the library. The bounds of an index
# are those of I-JSON (RFC 9535, 2.1), so no longer number is taken here.
_STEP = re.compile(
    r"\.([^\W\d]\w*)(?![^\x00-\x7f])"
    r"|\[(0|-?[1-9][0-9]{0,14})\]"
    r"|\['([^'\\\x00-\x1f]*)'\]"
    r'|\["([^"\\\x00-\x1f]*)"\]'
)


_library: Any = None


def compile_jsonpath(path: str) -> Select:
    """The function that `path` is. Raises ValueError, saying what is wrong, when it is not a JSONPath."""
    steps = singular(path)
    if steps is not None:
        return lambda document: _walk(document, steps)
    return _compiled(path)


def singular(path: str) -> tuple[str | int, ...] | None:
    """The names and indexes of a plain singular path; None for any other, well-formed or not."""
    if not path.startswith("$") or len(path) > _LONGEST:
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        name, index, single, double = match.groups()
        steps.append(int(index) if index is not None else next(t for t in (name, single, double) if t is not None))
        position = match.end()
    return tuple(steps)


def _walk(document: Value, steps: tuple[str | int, ...]) -> Value | Missing:
    value = document
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        else:
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return MISSING
            value = value[step]
    return value


def stopped_at(document: Value, path: str) -> str | None:
    """Where a plain singular path comes to its end too early: ``$.data` has 0 items``; None when it does not."""
    steps = singular(path)
    value, walked = document, "$"
    for step in steps or ():
        found = _walk(value, (step,))
        if isinstance(found, Missing):
            return f"`{walked}` {_has(value, step)}"
        value = found
        walked += f".{step}" if isinstance(step, str) else f"[{step}]"
    return None


def _has(value: Value, step: str | int) -> str:
    if isinstance(value, list):
        return f"has {len(value)} item{'s' * (len(value) != 1)}" if isinstance(step, int) else "is an array"
    if isinstance(value, dict):
        keys = ", ".join(list(value)[:8]) + (", ..." if len(value) > 8 else "")
        return (
            f"has the keys {keys}"
            if isinstance(step, str) and keys
            else "is an object" + ("" if keys else " without keys")
        )
    return "is null" if value is None else f"is {'text' if isinstance(value, str) else 'a boolean or a number'}"


def places(path: str) -> Callable[[Value], list[tuple[str | int, ...]]]:
    """What gives the places that `path` selects, each as names and indexes. Raises ValueError when it is not a JSONPath."""
    steps = singular(path)
    if steps is not None:
        return lambda document: _place(document, steps)
    compile_jsonpath(path)  # it says what is wrong
    query = _environment().compile(path)

    def found(document: Value) -> list[tuple[str | int, ...]]:
        if not isinstance(document, (list, dict)):
            return [()] if query.empty() else []
        try:
            return [tuple(match.parts) for match in query.finditer(document)]
        except (TimeoutError, RecursionError):
            raise Unreadable("the JSONPath takes too long, or what it looks into is nested too deeply") from None

    return found


def _place(document: Value, steps: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    """`steps` with indexes from the end counted from the beginning; nothing where there is nothing."""
    value, found = document, list[str | int]()
    for step in steps:
        inner = _walk(value, (step,))
        if isinstance(inner, Missing):
            return []
        found.append(step + len(value) if isinstance(step, int) and step < 0 and isinstance(value, list) else step)
        value = inner
    return [tuple(found)]


def _compiled(path: str) -> Select:
    if len(path) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    environment = _environment()
    try:
        query = environment.compile(path)
        only_one = query.singular_query()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except _error() as error:
        raise ValueError(str(error).partition("\n")[0].strip() or "it is not RFC 9535") from None

    def select(document: Value) -> Value | Missing:
        try:
            found: list[Value] = (
                query.findall(document) if isinstance(document, (list, dict)) else _of_scalar(query, document)
            )
        except TimeoutError:
            raise Unreadable("a regular expression of the JSONPath takes too long") from None
        except RecursionError:
            raise Unreadable("the body is nested too deeply for this JSONPath") from None
        if only_one:
            return found[0] if found else MISSING
        return found

    return select


def _of_scalar(query: Any, document: Value) -> list[Value]:
    """The library takes a text for JSON; inside a list it takes it for what it is."""
    return [document] if query.empty() else []


def _error() -> type[Exception]:
    from jsonpath import JSONPathError  # late: the library is loaded by whoever asks

    error: type[Exception] = JSONPathError
    return error


def _environment() -> Any:
    """The library, in its strict mode, with regular expressions that can be stopped."""
    global _library
    if _library is None:
        # Late: it is four times as large as all that reads a plain path.
        from jsonpath import JSONPathEnvironment
        from jsonpath.function_extensions import Match, Search

        class BoundedMatch(Match):
            def __call__(self, value: object, pattern: object) -> bool:
                if not isinstance(value, str) or not isinstance(pattern, str):
                    return False
                compiled = self.check_cache(pattern)
                return compiled is not None and bool(compiled.fullmatch(value, timeout=REGEX_TIME))

        class BoundedSearch(Search):
            def __call__(self, value: object, pattern: object) -> bool:
                if not isinstance(value, str) or not isinstance(pattern, str):
                    return False
                compiled = self.check_cache(pattern)
                return compiled is not None and bool(compiled.search(value, timeout=REGEX_TIME))

        _library = JSONPathEnvironment(strict=True)
        _library.function_extensions["match"] = BoundedMatch()
        _library.function_extensions["search"] = BoundedSearch()
    return _library
