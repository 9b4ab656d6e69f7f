"""A keyring that is a file, as keyrings.alt's, replaced atomically and under a lock: what a killed writer leaves is whole.

keyrings.alt truncates its file and writes it anew, so a kill in between loses every entry in it. The keyrings of operating
systems are services that a killed client does not take along.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keyrings.alt.file import PlaintextKeyring


class Keyring(PlaintextKeyring):  # type: ignore[misc,unused-ignore]
    """The same file and format."""

    priority = 0.1  # type: ignore[assignment,unused-ignore]

    def _write_config_value(self, service: str, key: str, value: str) -> None:
        with self._replaced():
            super()._write_config_value(service, key, value)

    def delete_password(self, service: str, username: str) -> None:
        with self._replaced():
            super().delete_password(service, username)

    @contextmanager
    def _replaced(self) -> Iterator[None]:
        real = Path(self.file_path)
        real.parent.mkdir(parents=True, exist_ok=True)
        with real.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            new = real.with_suffix(".new")
            new.unlink(missing_ok=True)
            if real.exists():
                shutil.copyfile(real, new)
            self.file_path: Any = str(new)
            try:
                yield
                new.replace(real)
            finally:
                self.file_path = str(real)
