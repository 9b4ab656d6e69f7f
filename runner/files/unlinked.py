"""Reading what zrun itself keeps below `.zrun/`: a regular file, reached through no link.

A project that somebody else made may bring a `.zrun/` along, and in it a link to any file, a device or a pipe.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

# Bytes: what is kept here is small. A larger file is none of ours.
MOST = 1 << 22

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FROM_FOLDER = os.open in os.supports_dir_fd and os.stat in os.supports_follow_symlinks


def content(root: Path, path: Path, most: int = MOST) -> bytes:
    """The bytes of `path`, which is below the project's folder `root`, at most so many.

    Raises OSError: FileNotFoundError where there is none, else with why as its `strerror`.
    """
    *folders, name = path.relative_to(root).parts
    if not _FROM_FOLDER:
        return _by_name(root, [*folders, name], most)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = _opened(part, os.O_RDONLY | os.O_DIRECTORY, folder)
            os.close(folder)
            folder = inner
        # Asked before it is opened: opening alone can do something to a device, or wait for a pipe's other end.
        _check(os.stat(name, dir_fd=folder, follow_symlinks=False))
        descriptor = _opened(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0), folder)
    finally:
        os.close(folder)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor))
        return file.read(most)


def _opened(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags | _NO_LINK, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(error.errno, f"`{name}` is a link, or no folder") from None
        raise


def _check(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a link")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")


def _by_name(root: Path, parts: list[str], most: int) -> bytes:
    """The same where no file can be opened from its folder (Windows)."""
    path = root
    for part in parts:
        path /= part
        if path.is_symlink():
            raise OSError(errno.ELOOP, f"`{part}` is a link")
    _check(path.lstat())
    with path.open("rb") as file:
        return file.read(most)
