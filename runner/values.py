"""Values that travel through templates, captures and expectations, and Secret, the value that masks itself.

A Value is JSON's: None, bool, int, float, str, list of Value, dict of str to Value; or a Secret in place of a text or a
number. Nothing else ever enters a scope.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias, Union, final

Value: TypeAlias = Union[None, bool, int, float, str, "Secret", list["Value"], dict[str, "Value"]]


class Missing:
    """The absence of a value, which is not null: a query that selected nothing, a name that nobody gave a value."""

    _only: Missing | None = None

    def __new__(cls) -> Missing:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "missing"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()


@final
class Secret:
    """A text that must not be seen: `str`, `repr` and `format` give its name in template brackets.

    `name` is the variable that it came from (several: joined by a comma), so that output stays readable:
    `<<client-secret>>`. `mask` is what stands for it in output when more than the value itself is in it:
    `Zoho-oauthtoken <<access-token>>`; `made_of` are the secrets that went into such a one, each of which may turn up
    alone. Equality compares the hidden values; pickling is refused, and text made from it
    holds the mask. Only `reveal` gives the value, and the places that call it are counted by a test.
    """

    __slots__ = ("_text", "made_of", "mask", "name")

    def __init__(self, text: str, name: str, mask: str | None = None, made_of: tuple[Secret, ...] = ()) -> None:
        self._text = text
        self.name = name
        self.mask = mask or f"<<{name}>>"
        self.made_of = made_of

    def __str__(self) -> str:
        return self.mask

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __len__(self) -> int:
        return len(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")

    def is_joined_of(self, shortest: int) -> bool:
        """Whether all that its mask hides are the secrets it was made of, each as it is, of so many characters at least."""
        text = self.mask
        for part in self.made_of:
            if len(part) < shortest or part._text != part._text.strip():
                return False
            text = text.replace(part.mask, part._text)
        return bool(self.made_of) and text == self._text

    def reveal(self) -> str:
        """The hidden text. Call it only where the value is used: in a request, in the private state, in comparison."""
        return self._text


def reveal(value: Value) -> Any:
    """`value` with every secret in it replaced by what it hides, deeply."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, list):
        return [reveal(item) for item in value]
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    return value


def taint(value: Value, name: str, mask: str | None = None) -> Value:
    """`value` with every text and number in it made a Secret named `name`, deeply; null and booleans stay."""
    if value is None or isinstance(value, (bool, Secret)):
        return value
    if isinstance(value, list):
        return [taint(item, name, mask) for item in value]
    if isinstance(value, dict):
        return {key: taint(item, name, mask) for key, item in value.items()}
    return Secret(as_text(value), name, mask)


def secrets_in(value: Value) -> frozenset[Secret]:
    """Every Secret inside `value`."""
    if isinstance(value, Secret):
        return frozenset((value,))
    if isinstance(value, list):
        return frozenset().union(*map(secrets_in, value))
    if isinstance(value, dict):
        return frozenset().union(*map(secrets_in, value.values()))
    return frozenset()


# As json.dumps, which makes an encoder of its own for every call.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def as_text(value: Value) -> str:
    """`value` as it stands inside text: a text as it is, all else in JSON's spelling. A Secret gives its mask."""
    if isinstance(value, str):
        return value
    if isinstance(value, Secret):
        return str(value)
    return _compact(value)


def to_text(value: Value) -> str | Secret:
    """`value` as it is sent inside text: as `as_text`, but a Secret when there is one in it."""
    if isinstance(value, (str, Secret)):
        return value
    found = secrets_in(value) if isinstance(value, (list, dict)) else ()
    if not found:
        return as_text(value)
    names = ", ".join(sorted({secret.name for secret in found}))
    return Secret(as_text(reveal(value)), names, as_text(value), tuple(found))


def equal(left: Value, right: Value) -> bool:
    """JSON equality: 5 and 5.0 are equal; a number and its text are not, nor are true and 1. Secrets compare by value."""
    if isinstance(left, Secret) or isinstance(right, Secret):
        return equal_hidden(left, right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and left == right


def equal_hidden(left: Value, right: Value) -> bool:
    """Equality when a side is a Secret: its text, or the number that was made one, against the other's."""
    texts = [side.reveal() if isinstance(side, Secret) else side for side in (left, right)]
    if isinstance(texts[0], (list, dict)) or isinstance(texts[1], (list, dict)):
        return False
    return as_text(texts[0]) == as_text(texts[1])


def type_name(value: Value | Missing) -> str:
    """JSON's name for the type of `value`: null, boolean, integer, number, string, array, object, or missing."""
    if isinstance(value, Missing):
        return "missing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    return "string"
