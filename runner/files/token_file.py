"""A file through which other programs get a token: its owner's alone, and whole at every moment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from runner.errors import InputError, Problem
from runner.files import durable


class TokenFile:
    """Writes and removes one file. A link in its place is replaced, not followed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[int, int] | None = None

    def write(self, text: str) -> None:
        """Put `text` there (0600), in one step. Raises InputError."""
        try:
            durable.replace(self._path, text.encode("utf-8", "surrogatepass"))
            self._written = self._identity()
        except OSError as error:
            message = f"the token cannot be written to {self._path}: {error.strerror}"
            raise InputError(Problem(message, None, "give --write a file in a folder that you may write to")) from None

    def remove(self) -> None:
        """Take the file away, if it is still the one that was written; and what a write left that a signal ended."""
        with suppress(OSError):
            for left in self._path.parent.glob(f".{self._path.name}.{os.getpid()}.*"):
                left.unlink()
        with suppress(OSError):
            if self._identity() == self._written:
                self._path.unlink()

    def _identity(self) -> tuple[int, int]:
        found = self._path.lstat()
        return found.st_dev, found.st_ino
