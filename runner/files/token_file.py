"""A file through which other programs get a token: its owner's alone, and whole at every moment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from runner.errors import InputError, Problem


class TokenFile:
    """Writes and removes one file. A link in its place is replaced, not followed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[int, int] | None = None

    def write(self, text: str) -> None:
        """Put `text` there (0600), in one step. Raises InputError."""
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with suppress(FileNotFoundError):
                new.unlink()  # of a process of this number that was killed
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(text.encode("utf-8", "surrogatepass"))
                    file.flush()
                    os.fsync(file.fileno())
                    found = os.fstat(file.fileno())
                new.replace(self._path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
        except OSError as error:
            message = f"the token cannot be written to {self._path}: {error.strerror}"
            raise InputError(Problem(message, None, "give --write a file in a folder that you may write to")) from None
        self._written = (found.st_dev, found.st_ino)

    def remove(self) -> None:
        """Take the file away, if it is still the one that was written."""
        with suppress(OSError):
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._written:
                self._path.unlink()
