"""Secrets of the private state in the keyring of the operating system: the file keeps where they are, never their texts.

A keyring replaces an entry in ways that nobody promises. So no entry is ever replaced: a new value goes into a new entry, the
file is replaced to point at it, and only then the old entry goes. A crash at any moment leaves the file pointing at an entry
that is there. What a crash leaves over is written down before it comes to be, and dropped by the next write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeAlias

from runner.errors import InputError, Location, Problem

SERVICE = "zrun state"

# As they stand in the file: by name, each with its `value`, or `keyring`, the user of the entry that holds it.
Entries: TypeAlias = Mapping[str, Mapping[str, Any]]


class Gone(InputError):
    """An entry that the file points at is not in the keyring."""


class Keyring(Protocol):
    """See secret_sources.os_keyring. Each raises InputError when there is no keyring that can be used."""

    def read(self, service: str, user: str, /) -> str | None: ...

    def write(self, service: str, user: str, text: str, /) -> None: ...

    def drop(self, service: str, user: str, /) -> None: ...


class Stowage:
    """The keyring's part of one environment's state. `on` is where an environment's file says that secrets go into it; else
    (None) they come back into the file."""

    def __init__(self, keyring: Keyring, environment: str, on: Location | None) -> None:
        self._keyring = keyring
        self._environment = environment
        self._on = on

    def fetch(self, name: str, user: str) -> Any:
        """The value that an entry of the keyring holds. Raises Gone when it is not there."""
        with self._placing():
            text = self._keyring.read(SERVICE, user)
        if text is None:
            message = f"the keyring has no longer what was kept as `{name}` for {self._environment}"
            hint = f"restore it, or `zrun env {self._environment} --forget {name}`"
            raise Gone(Problem(message, None, hint))
        return json.loads(text)

    def whole(self, name: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """An entry with its `value`, wherever that is. Raises as `fetch`."""
        if "keyring" not in entry:
            return entry
        pairs = {key: value for key, value in entry.items() if key != "keyring"}
        return {"value": self.fetch(name, entry["keyring"]), **pairs}

    def write(
        self, after: Entries, before: Entries, left: Iterable[str], replace: Callable[[Entries, list[str]], None]
    ) -> None:
        """Make the file hold `after` instead of `before`, by `replace(entries, left)`, which writes it durably.

        `left` are the entries of the keyring that the file knows to be left over. Raises InputError; `before` holds then.
        """
        garbage = {user for user in left if not self._drop(user)}
        stowed = {name: self._user(name) for name, entry in after.items() if self._on and _goes(entry)}
        if stowed:
            replace(before, sorted(garbage | set(stowed.values())))
        for name, user in stowed.items():
            with self._placing():
                self._keyring.write(SERVICE, user, json.dumps(after[name]["value"]))
        entries = {name: self._placed(name, entry, stowed.get(name)) for name, entry in after.items()}
        garbage |= _users(before) - _users(entries)
        replace(entries, sorted(garbage))
        for user in garbage:
            self._drop(user)

    def probe(self) -> None:
        """Try that a secret could be kept. Raises InputError."""
        if self._on:
            user = self._user("probe")
            with self._placing():
                self._keyring.write(SERVICE, user, "a trial")
                self._keyring.drop(SERVICE, user)

    @contextmanager
    def _placing(self) -> Iterator[None]:
        """Give a problem of the keyring the place that asks for it."""
        try:
            yield
        except InputError as error:
            why = error.problems[0]
            message = f"the private state of {self._environment} keeps its secrets in the keyring, but {why.message}"
            raise InputError(Problem(message, self._on, why.hint)) from None

    def _placed(self, name: str, entry: Mapping[str, Any], user: str | None) -> Mapping[str, Any]:
        if user is not None:
            return {"keyring": user, **{key: value for key, value in entry.items() if key != "value"}}
        if "keyring" in entry and not self._on:
            return self.whole(name, entry)
        return entry

    def _user(self, name: str) -> str:
        from secrets import token_hex  # late: few environments keep their secrets here

        return f"{self._environment}/{name}/{token_hex(8)}"

    def _drop(self, user: str) -> bool:
        """Whether the entry is gone; one that stays is tried again by the next write."""
        with suppress(InputError):
            self._keyring.drop(SERVICE, user)
            return True
        return False


def _goes(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("secret")) and "value" in entry


def _users(entries: Entries) -> set[str]:
    return {entry["keyring"] for entry in entries.values() if "keyring" in entry}
