"""Files that outlive a crash: written beside, on disk, then put in place at once.

With `sync=False` they outlive the process alone, not the machine's own end: of what can be done without.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path


def temporary(beside: Path, content: bytes, *, sync: bool = True) -> Path:
    """A new file beside `beside` that holds `content`, on disk, its owner's alone. Raises OSError.

    It leaves nothing of a file that it could not finish, or was interrupted at.
    """
    path = beside.with_name(f".{beside.name}.{os.getpid()}.{time.monotonic_ns()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def replace(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Replace `path`; a crash at any moment leaves the old file or the new one. Raises OSError."""
    made = temporary(path, content, sync=sync)
    try:
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    if sync and os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sweep(path: Path) -> None:
    """Take away what a process that was killed while it wrote `path` has left. Only for who is alone with `path`."""
    for left in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            left.unlink()
