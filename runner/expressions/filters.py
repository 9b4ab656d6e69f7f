"""Filters beside Jinja2's, and the bounds that all of them are held to.

A filter is a function of plain data. It raises Unfit, in words that describe shapes and never values.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Undefined

from runner.quantities import seconds
from runner.values import MISSING, Missing, as_text, type_name

TEXT = 1_000_000  # characters
ITEMS = 100_000
BITS = 4096
# No width, count or precision that a filter takes needs more.
NUMBER = 10_000
# Seconds that a regular expression may take; an ordinary one takes microseconds.
REGEX_TIME = 0.5


class Unfit(Exception):
    """An operation does not work on what it was given, or its result is past the bounds."""


def plain(result: Any) -> Any:
    """`result` as JSON's types alone, within the bounds. Raises Unfit."""
    return _plain(result, [TEXT * 4, ITEMS * 4])


def _plain(result: Any, left: list[int]) -> Any:
    """As `plain`; `left` counts down the characters and items that may still come."""
    if result is None or isinstance(result, (bool, float, Missing)):
        return result
    if isinstance(result, int):
        return _integer(result)
    if isinstance(result, str):
        left[0] -= len(result)
        if len(result) > TEXT or left[0] < 0:
            raise Unfit(f"the result is longer than {TEXT} characters")
        return str(result)
    if isinstance(result, Undefined):
        raise Unfit("an item lacks what is asked of it")
    if isinstance(result, Mapping):
        return {as_text(key): _plain(value, left) for key, value in result.items()}
    if isinstance(result, Iterable):
        items = []
        for count, item in enumerate(result):
            left[1] -= 1
            if count >= ITEMS or left[1] < 0:
                raise Unfit(f"the result has more than {ITEMS} items")
            items.append(_plain(item, left))
        return items
    raise Unfit("the result is not plain data")


def _integer(number: int) -> int:
    if number.bit_length() > BITS:
        raise Unfit(f"the number has more than {BITS} bits")
    return number


def bound_operation(sign: str, left: Any, right: Any) -> None:
    """Raises Unfit when the result of `left sign right` would be past the bounds: asked before it is computed."""
    if sign == "%" and isinstance(left, str):
        raise Unfit("`%` does not format text: join with `~`")
    if sign == "*":
        for many, times in ((left, right), (right, left)):
            if isinstance(many, (str, list)) and isinstance(times, int) and len(many) * times > NUMBER:
                raise Unfit(f"the result is longer than {NUMBER}")
    if sign == "**":
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * max(right, 0) > BITS:
            raise Unfit(f"the number has more than {BITS} bits")
        if isinstance(left, (int, float)) and left < 0 and isinstance(right, float):
            raise Unfit("the root of a negative number is not a number")
    both_integers = isinstance(left, int) and isinstance(right, int)
    if sign in ("*", "+", "-") and both_integers and left.bit_length() + right.bit_length() > BITS:
        raise Unfit(f"the number has more than {BITS} bits")
    both_sized = isinstance(left, (str, list)) and isinstance(right, (str, list))
    if sign == "+" and both_sized and len(left) + len(right) > TEXT:
        raise Unfit(f"the result is longer than {TEXT}")


def apply(call: Callable[[], Any], name: str, given: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """The plain result of the filter or test `name`. Raises Unfit."""
    for argument in (*arguments, *named.values()):
        if isinstance(argument, int) and abs(argument) > NUMBER and name in _COUNTS:
            raise Unfit(f"`{name}` takes no number over {NUMBER}")
        if isinstance(argument, str) and len(argument) > NUMBER:
            raise Unfit(f"`{name}` takes no text over {NUMBER} characters")
    try:
        return plain(call())
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):
        raise Unfit(f"`{name}` does not work on {_kind(given)} with these arguments") from None
    except Exception as error:
        if type(error).__module__.startswith("jinja2."):
            raise Unfit(f"`{name}` does not take these arguments") from None
        raise


# Jinja2's filters whose numbers say how much to make.
_COUNTS = frozenset(("batch", "center", "indent", "map", "round", "slice", "truncate", "wordwrap"))


def _kind(given: Any) -> str:
    return type_name(given) if given is None or isinstance(given, (bool, int, float, str, list, dict)) else "this"


def numbers(arguments: Sequence[Any]) -> list[int]:
    """`range(...)`: at most NUMBER numbers."""
    if not 1 <= len(arguments) <= 3 or any(isinstance(a, bool) or not isinstance(a, int) for a in arguments):
        raise Unfit("`range` takes one to three integers")
    if len(arguments) == 3 and arguments[2] == 0:
        raise Unfit("`range` takes no step of 0")
    found = range(*arguments)
    if len(found) > NUMBER:
        raise Unfit(f"`range` gives at most {NUMBER} numbers")
    return list(found)


def joined(texts: Sequence[str], separator: str = "") -> str:
    """The texts in one. Raises Unfit when it would be too long."""
    if sum(map(len, texts)) + len(separator) * len(texts) > TEXT:
        raise Unfit(f"the result is longer than {TEXT} characters")
    return separator.join(texts)


def _text(value: Any) -> str:
    if isinstance(value, Missing):
        raise Unfit("there is no value to work on")
    return as_text(value)


def join(value: Any, separator: Any = "", attribute: Any = None) -> str:
    if not isinstance(value, (list, tuple, dict)):
        raise Unfit(f"`join` works on a list, not on {_kind(value)}")
    items = [item[attribute] for item in value] if attribute is not None else list(value)
    return joined([_text(item) for item in items], _text(separator))


def replace(value: Any, old: Any, new: Any, count: int = -1) -> str:
    text, before, after = _text(value), _text(old), _text(new)
    times = text.count(before) if before else len(text) + 1
    if len(text) + times * max(0, len(after) - len(before)) > TEXT:
        raise Unfit(f"the result is longer than {TEXT} characters")
    return text.replace(before, after, count)


def split(value: Any, separator: Any = None, maximum: int = -1) -> list[str]:
    return _text(value).split(None if separator is None else _text(separator), maximum)


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON as it would be sent: no blanks, nothing but JSON's own escapes."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(
        value, ensure_ascii=False, separators=separators, indent=None if indent is None else min(indent, 16)
    )


def from_json(value: Any) -> Any:
    try:
        return json.loads(_text(value))
    except (ValueError, RecursionError):
        raise Unfit("`from_json` was given a text that is not JSON") from None


def b64encode(value: Any, kind: str = "standard") -> str:
    """Base64 of the text's UTF-8 (RFC 4648, 4); `b64encode('url')` its URL-safe form without padding (5)."""
    encoded = _text(value).encode()
    if kind == "url":
        return base64.urlsafe_b64encode(encoded).decode().rstrip("=")
    return base64.b64encode(encoded).decode()


def b64decode(value: Any) -> str:
    """The text whose UTF-8 is encoded; either alphabet, with or without padding."""
    written = _text(value).strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(written + "=" * (-len(written) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unfit("`b64decode` was given a text that is not Base64 of UTF-8") from None


def url_encode(value: Any) -> str:
    """A text percent-encoded, all but RFC 3986's unreserved characters; a map as `a=1&b=2`."""
    if isinstance(value, dict):
        return urlencode({key: _text(item) for key, item in value.items()}, quote_via=quote)
    return quote(_text(value), safe="")


_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s")


def _algorithm(written: Any) -> str:
    name = _text(written).lower().replace("sha-", "sha").replace("-", "_")
    if name not in _HASHES:
        raise Unfit(f"there is no hash of that name; there is: {', '.join(_HASHES)}")
    return name


def digest(value: Any, algorithm: Any = "sha256", encoding: str = "hex") -> str:
    import hashlib  # late: few collections sign anything

    return _spelled(hashlib.new(_algorithm(algorithm), _text(value).encode(), usedforsecurity=False).digest(), encoding)


def keyed_digest(value: Any, key: Any, algorithm: Any = "sha256", encoding: str = "hex") -> str:
    """RFC 2104's HMAC of the text, in hex, or `base64` or `url`."""
    import hmac  # late: few collections sign anything

    return _spelled(hmac.digest(_text(key).encode(), _text(value).encode(), _algorithm(algorithm)), encoding)


def _spelled(raw: bytes, encoding: str) -> str:
    if encoding == "hex":
        return raw.hex()
    if encoding == "base64":
        return base64.b64encode(raw).decode()
    if encoding == "url":
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")
    raise Unfit("the encoding is one of hex, base64, url")


def json_path(value: Any, path: Any) -> Any:
    """What an RFC 9535 JSONPath selects: the value of a singular one (null when there is none), else a list."""
    from runner.queries import compile_jsonpath  # late: it knows the library to load for the harder paths

    try:
        found = compile_jsonpath(_text(path))(value)
    except ValueError as error:
        raise Unfit(f"`jsonpath` was given a path that is not RFC 9535: {error}") from None
    return MISSING if isinstance(found, Missing) else found


def search(value: Any, pattern: Any, default: Any = MISSING) -> Any:
    """The first group (else the whole) of the first match; null when there is none."""
    import regex  # late: it is large; unlike `re` it can be stopped

    try:
        match = regex.search(_text(pattern), _text(value), timeout=REGEX_TIME)
    except regex.error:
        raise Unfit("`regex` was given a pattern that is not a regular expression") from None
    except TimeoutError:
        raise Unfit("the regular expression takes too long") from None
    if match is None:
        return None if isinstance(default, Missing) else default
    return match[1] if match.re.groups else match[0]


def date(value: Any, *written: Any) -> str:
    """A time (`now`, epoch seconds or milliseconds, ISO 8601), moved by `+1d`, as RFC 3339 or by a strftime format."""
    from datetime import UTC, datetime, timedelta  # late: few collections reckon with dates

    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            raise Unfit("`date` was given a text that is not an ISO 8601 date") from None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        when = datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
    else:
        raise Unfit(f"`date` works on a time, not on {_kind(value)}")
    form = "%Y-%m-%dT%H:%M:%SZ"
    for word in map(_text, written):
        if word[:1] in ("+", "-"):
            by = seconds(word[1:])
            if by is None:
                raise Unfit("`date` moves by a duration such as '+1d' or '-2h'")
            when += timedelta(seconds=by if word[0] == "+" else -by)
        elif len(word) > 200:
            raise Unfit("the format is longer than 200 characters")
        else:
            form = word
    return (when.astimezone(UTC) if form.endswith("Z") else when).strftime(form)


FILTERS: dict[str, Callable[..., Any]] = {
    "string": _text,
    "join": join,
    "replace": replace,
    "split": split,
    "json": to_json,
    "tojson": to_json,
    "from_json": from_json,
    "b64encode": b64encode,
    "b64decode": b64decode,
    "urlencode": url_encode,
    "hash": digest,
    "hmac": keyed_digest,
    "jsonpath": json_path,
    "regex": search,
    "date": date,
}
