"""A lock on a file, alone among threads and processes. It is the kernel's: whoever dies with it blocks nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds between two tries, at first and at most.
_FIRST, _LONGEST = 0.005, 0.05


@contextmanager
def locked(path: Path, patience: float) -> Iterator[bool]:
    """Hold the lock on `path` (made when absent, 0600); False when `patience` seconds did not suffice to get it.

    Raises OSError when the file cannot be made, or is a link: a project may bring one, and opening would make the file that it
    leads to. Two holders in one process exclude each other, too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        deadline, pause = time.monotonic() + patience, _FIRST
        while not (held := _try_lock(descriptor)) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)
        yield held
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    if os.name == "nt":
        import msvcrt  # late: of Windows alone

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    import fcntl  # late: of POSIX alone

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
