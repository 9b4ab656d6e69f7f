"""What issuers publish of themselves, kept for a while: `ROOT/.zrun/oauth2/ENVIRONMENT/`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from runner.errors import InputError
from runner.files import durable
from runner.files.state import State, file_name


class Published:
    """Documents by issuer. They are public and can be fetched again, so a failure to keep one is none."""

    def __init__(self, state: State) -> None:
        self._state = state

    def read(self, issuer: str) -> tuple[str, float] | None:
        """The document, and when it was fetched (epoch seconds); None when there is none that can be read."""
        try:
            found = json.loads(self._state.beside(self._path(issuer)))
            return str(found["document"]), float(found["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, issuer: str, document: str, at: float) -> None:
        """Keep `document`."""
        path = self._path(issuer)
        with suppress(OSError, InputError):
            self._state.make_private(path.parent)
            durable.replace(path, json.dumps({"document": document, "at": at}).encode())

    def _path(self, issuer: str) -> Path:
        return folder(self._state) / f"{file_name(issuer)}.json"


def folder(state: State) -> Path:
    """Where what belongs to an environment's providers is, tokens apart."""
    return state.path.parent.parent / "oauth2" / state.path.stem
