"""Folders below `.zrun/`, for this user alone: never committed, and never reached through a link."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

FOLDER = ".zrun"


class Exposed(Exception):
    """What is there is not this user's alone. `why` goes on after its name, `hint` says what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


def make(root: Path, name: str) -> Path:
    """`ROOT/.zrun/NAME`, made as needed (0700), and kept out of git. Raises OSError, and Exposed for a link."""
    zrun = root / FOLDER
    folder = zrun / name
    for made in (zrun, folder):
        if made.is_symlink():
            raise Exposed(f"is reached through a link ({made.name})", "make it a folder of its own")
    zrun.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = zrun / ".gitignore"
    if not ignore.exists():
        with suppress(FileExistsError), ignore.open("x", encoding="utf-8") as file:  # never through a link
            file.write("*\n")
    return folder


def check(path: Path) -> None:
    """Tighten a mode that lets others in. Raises OSError, and Exposed for a link, which may lead out, or another's file."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise Exposed(f"is reached through a link ({path.name})", "make it a folder and a file of its own")
    if hasattr(os, "getuid") and found.st_uid != os.getuid() and os.getuid() != 0:
        raise Exposed("belongs to another user", "run as its owner")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
