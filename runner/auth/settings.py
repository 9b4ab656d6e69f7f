"""The settings of one authentication scheme or provider, rendered: what a person wrote, ready to be used."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeAlias, TypeVar

from runner import tree
from runner.collection import Variables
from runner.errors import InputError, Location, Problem
from runner.quantities import seconds
from runner.template import Lookup
from runner.values import Secret, Value, to_text

T = TypeVar("T")
# What schemes remember for a run, by a key of their own: a server's nonces, an authenticated connection.
Kept: TypeAlias = dict[tuple[Hashable, ...], Any]


class Settings:
    """A lookup of rendered settings by name. A text with a secret in it is a Secret.

    Nothing is rendered before it is asked for; rendering raises what Template.render raises.
    """

    def __init__(
        self, scheme: str, location: Location, written: Variables, lookup: Lookup, kept: Kept | None = None
    ) -> None:
        self.scheme = scheme
        self.location = location
        self._written = written
        self._lookup = lookup
        self._kept: Kept = {} if kept is None else kept

    def __contains__(self, name: str) -> bool:
        return name in self._written

    def kept(self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """What this scheme remembers under `key` for the rest of the run; made at the first call."""
        found: T = self._kept.setdefault((self.scheme, *key), make())
        return found

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the run."""
        return self._lookup.now()

    def place(self, name: str) -> Location:
        """Where the setting stands; where the scheme does, when it is left out."""
        written = self._written.get(name)
        return written.location if written else self.location

    def value(self, name: str) -> Value:
        """The setting with its type; None when it is left out."""
        written = self._written.get(name)
        return None if written is None else tree.render(written.value, self._lookup)

    def text(self, name: str) -> str | Secret | None:
        """The setting as text; None when it is left out, null or empty."""
        value = self.value(name)
        if value is None or value == "":
            return None
        return to_text(value)

    def needed(self, name: str) -> str | Secret:
        """As `text`. Raises InputError when there is none."""
        found = self.text(name)
        if found is None:
            raise self.wrong(name, f"`{self.scheme}` needs `{name}`, which has no value", f"give `{name}` a value")
        return found

    def plain(self, name: str, default: str = "") -> str:
        """A text that is shown and compared, so that no secret can be in it. Raises InputError."""
        found = self.text(name)
        if isinstance(found, Secret):
            raise self.wrong(name, f"`{name}` would hold a secret", "write it out, or use a variable that is none")
        return default if found is None else found

    def one_of(self, name: str, words: Iterable[str], default: str) -> str:
        """One of `words`. Raises InputError."""
        found = self.plain(name, default)
        known = tuple(words)
        if found not in known:
            raise self.wrong(name, f"`{name}` has no such word", f"one of: {', '.join(known)}")
        return found

    def flag(self, name: str) -> bool:
        """True or false (when left out). Raises InputError."""
        found = self.value(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        raise self.wrong(name, f"`{name}` is true or false", "write true or false, without quotes")

    def texts(self, name: str, separators: str = "") -> tuple[str, ...]:
        """A list of texts, or one text, which is split at any of `separators`. Raises InputError for a secret in it."""
        value = self.value(name)
        found: list[str] = []
        for item in value if isinstance(value, list) else [] if value is None else [value]:
            text = to_text(item)
            if isinstance(text, Secret):
                raise self.wrong(name, f"`{name}` would hold a secret", "write it out")
            for separator in separators:
                text = text.replace(separator, "\n")
            found.extend(filter(None, text.split("\n")))
        return tuple(found)

    def pairs(self, name: str) -> tuple[tuple[str, str | Secret], ...]:
        """Names and texts of a map; a list repeats a name, null drops it. Raises InputError."""
        value = self.value(name)
        if value is None:
            return ()
        if not isinstance(value, dict):
            raise self.wrong(name, f"`{name}` is a map", "write `name: value`, a line each")
        found: list[tuple[str, str | Secret]] = []
        for key, content in value.items():
            items = content if isinstance(content, list) else [content]
            found.extend((key, to_text(item)) for item in items if item is not None)
        return tuple(found)

    def duration(self, name: str, default: float) -> float:
        """Seconds. Raises InputError."""
        value = self.value(name)
        if value is None:
            return default
        found = seconds(value) if isinstance(value, (str, int, float)) else None
        if found is None:
            raise self.wrong(name, f"`{name}` is a duration", "write it as 30s or 5m")
        return found

    def wrong(self, name: str, message: str, hint: str) -> InputError:
        """A mistake in the setting `name`, to be raised."""
        return InputError(Problem(message, self.place(name), hint))
