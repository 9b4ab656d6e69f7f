"""How many refresh tokens this project has been given: some providers end the oldest of a user's when there are too many.

`ROOT/.zrun/clients/CLIENT/refresh-tokens.json`, for each client and accounts server, holds times and fingerprints, no token:
the first half of a token's SHA-256, from which nothing can be told but whether it is the same one again. Only tokens that a
provider of this project got are in it; what other machines and programs got for the same user the provider alone knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256

from runner.errors import InputError, Problem
from runner.files import durable
from runner.files.locks import locked
from runner.files.state import State
from runner.values import Secret, reveal

VERSION = 1
PATIENCE = 10.0  # seconds to wait for another process that is writing
_MOST = 200  # entries that are kept for a client
_Entries = dict[str, float]


class RefreshTokens:
    """The refresh tokens that one client has been given by one accounts server."""

    def __init__(self, state: State, client_id: str | Secret, server: str) -> None:
        self._state = state
        client = _fingerprint(f"{reveal(client_id)}\n{server}")
        self._path = state.path.parent.parent / "clients" / client / "refresh-tokens.json"

    def made(self) -> tuple[float, ...]:
        """When each was given (epoch seconds), the latest last."""
        return tuple(sorted(self._read().values()))

    def note(self, token: Secret, at: float) -> None:
        """Count this one; one that is counted already changes nothing. Raises InputError."""
        mark = _fingerprint(reveal(token))
        if mark not in self._read():
            self._change(lambda entries: {mark: at, **entries})

    def drop(self, token: Secret) -> None:
        """Count this one no more: it was revoked. Raises InputError."""
        mark = _fingerprint(reveal(token))
        if mark in self._read():
            self._change(lambda entries: {name: at for name, at in entries.items() if name != mark})

    def _read(self) -> _Entries:
        """A count that is lost or damaged is no harm: it begins anew."""
        try:
            document = json.loads(self._state.beside(self._path))
            return {str(name): float(at) for name, at in document["made"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _change(self, change: Callable[[_Entries], _Entries]) -> None:
        self._state.make_private(self._path.parent)
        try:
            with locked(self._path.with_suffix(".lock"), PATIENCE) as held:
                if not held:
                    message = "the count of refresh tokens is locked by another process"
                    raise InputError(Problem(message, None, "wait for it, or end it"))
                latest = sorted(change(self._read()).items(), key=lambda entry: entry[1])[-_MOST:]
                document = {"zrun-refresh-tokens": VERSION, "made": dict(latest)}
                durable.sweep(self._path)
                durable.replace(self._path, json.dumps(document).encode(), sync=False)
        except OSError as error:
            message = f"the count of refresh tokens cannot be written: {error.strerror}"
            raise InputError(Problem(message, None, "make .zrun writable, and free some space")) from None


def _fingerprint(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
