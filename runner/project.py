"""The files that a collection may reach: those of its project, less what is private there.

A collection is somebody else's file. Whatever it names is judged by where it really is, links resolved, and opened without
following any link that has come since: each folder on the way is opened from the one before it.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runner.errors import Location, OutsideError, Problem
from runner.records import record

COLLECTIONS, ENVIRONMENTS = "collections", "environments"
_YAML = (".yaml", ".yml")
_PRIVATE = tuple(f".local{suffix}" for suffix in _YAML)
# Windows opens no file from a folder's descriptor; there the path is judged, and opened by its name.
_FROM_FOLDER = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_FLAGS = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
ALLOW = "--allow-path"


def root_of(file: Path) -> Path:
    """The project's folder of a collection or environment: the one above the nearest `collections/` or `environments/`.

    Else it is the file's own folder. Neither the root of the file system nor a home is ever a project for having such a
    folder in it: then that folder is.
    """
    folder = Path(os.path.realpath(file)).parent
    for above in (folder, *folder.parents):
        if above.name in (COLLECTIONS, ENVIRONMENTS):
            # Not Path.home, which raises where nobody has a home: in a container, a user by number alone.
            home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111
            wide = above.parent in (above.parent.parent, home)
            return above if wide else above.parent
    return folder


@record
class Project:
    """`root` is the project's folder, `allowed` what the user has allowed beside it, both with links resolved.

    `closed` are files that hold secrets, by the environment's word.
    """

    root: Path
    allowed: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()

    def locate(self, path: Path, place: Location | None, *, writing: bool = False) -> Path:
        """Where `path` really is. Raises OutsideError when a collection may not read, or write, there."""
        base, parts = self._judged(path, place, writing)
        return base.joinpath(*parts)

    def _judged(self, path: Path, place: Location | None, writing: bool) -> tuple[Path, tuple[str, ...]]:
        """The folder that allows it, and the way from there."""
        real = Path(os.path.realpath(path))
        base = next((base for base in (*self.allowed, self.root) if real.is_relative_to(base) and real != base), None)
        verb = "written" if writing else "read"
        if base is None:
            hint = f"put it below {_shown(self.root)}, or allow its folder: {ALLOW} {_shown(real.parent)}"
            raise OutsideError(Problem(f"`{path.name}` may not be {verb}: it is outside of the project", place, hint))
        parts = real.relative_to(base).parts
        why = _why_private(parts, writing)
        if why is None and any(real == Path(os.path.realpath(closed)) for closed in self.closed):
            why = "the environment takes a secret from it"
        if why is not None:
            hint = "name another file of the project"
            if writing and place is not None:  # in a collection, where a bare name means its folder, not the project
                hint += ", as `../out/NAME`: names are relative to the file that holds them"
            raise OutsideError(Problem(f"`{path.name}` may not be {verb}: {why}", place, hint))
        return base, parts

    def open(self, path: Path, place: Location | None) -> BinaryIO:
        """The file at `path`, to be read. Raises OutsideError, and OSError for one that cannot be opened."""
        base, parts = self._judged(path, place, writing=False)
        if not _FROM_FOLDER:
            self._check_kind(base.joinpath(*parts).stat(), path, place)
            return base.joinpath(*parts).open("rb")
        folder = _folder(base, parts[:-1])
        try:
            # Asked before it is opened: opening alone can do something to a device, or wait for a pipe's other end.
            self._check_kind(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False), path, place)
            descriptor = os.open(parts[-1], os.O_RDONLY | _FLAGS, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            self._check_kind(os.fstat(descriptor), path, place)
        except OutsideError:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")

    def _check_kind(self, found: os.stat_result, path: Path, place: Location | None) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise OutsideError(
                Problem(f"`{path.name}` may not be read: it is no regular file", place, "name a file of the project")
            )
        for closed in self.closed:  # also by another name of the same file
            with suppress(OSError):
                if os.path.samestat(found, closed.stat()):
                    hint = "name another file of the project"
                    why = "the environment takes a secret from it"
                    raise OutsideError(Problem(f"`{path.name}` may not be read: {why}", place, hint))

    @contextmanager
    def replacing(self, path: Path, place: Location | None) -> Iterator[BinaryIO]:
        """A new file that takes the place of `path` when the block ends well, and leaves nothing otherwise.

        Folders are made as needed. Raises OutsideError, and OSError for what cannot be written.
        """
        base, parts = self._judged(path, place, writing=True)
        with replacing_below(base, parts) as file:
            yield file


# No file is in it: for what no file's project is known of.
NOWHERE = Project(Path(os.devnull))


def _why_private(parts: tuple[str, ...], writing: bool) -> str | None:
    """Why what is inside a project is not for its collections; None when it is."""
    names = [part.casefold() for part in parts]
    if any(name.startswith(".") for name in names):
        return "a name that begins with a dot is private"
    if ENVIRONMENTS in names:
        return f"`{ENVIRONMENTS}/` is private"
    if names[-1].endswith(_PRIVATE):
        return "a `.local.yaml` is private"
    if writing and (COLLECTIONS in names or names[-1].endswith(_YAML)):
        return f"what is in `{COLLECTIONS}/`, and YAML, is written by people"
    return None


def _folder(base: Path, parts: tuple[str, ...], *, make: bool = False) -> int:
    """A descriptor of the folder `parts` below `base`, reached through no link. Raises OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0)
    folder = os.open(base, flags)
    for part in parts:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


@contextmanager
def replacing_below(base: Path, parts: tuple[str, ...]) -> Iterator[BinaryIO]:
    """A new file that takes the place of `parts` below the folder `base` when the block ends well; no link is followed.

    Folders are made as needed. Raises OSError for what cannot be written, also where one of them is a link.
    """
    partial = f".{parts[-1]}.{time.monotonic_ns()}.part"
    if not _FROM_FOLDER:
        if any(base.joinpath(*parts[:count]).is_symlink() for count in range(1, len(parts))):
            raise OSError(errno.ELOOP, "a folder on the way is a link")
        with _replacing(base.joinpath(*parts), partial) as file:
            yield file
        return
    folder = _folder(base, parts[:-1], make=True)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
        with os.fdopen(os.open(partial, flags, 0o666, dir_fd=folder), "wb") as file:
            yield file
        os.replace(partial, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)
        os.close(folder)


def removed_below(base: Path, parts: tuple[str, ...]) -> None:
    """Remove the file `parts` below the folder `base`; no link is followed. Raises OSError."""
    if not _FROM_FOLDER:
        if any(base.joinpath(*parts[:count]).is_symlink() for count in range(1, len(parts))):
            raise OSError(errno.ELOOP, "a folder on the way is a link")
        base.joinpath(*parts).unlink()
        return
    folder = _folder(base, parts[:-1])
    try:
        os.unlink(parts[-1], dir_fd=folder)
    finally:
        os.close(folder)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """As Project.replacing, for a path that no collection has named."""
    with _replacing(path, f".{path.name}.{time.monotonic_ns()}.part") as file:
        yield file


@contextmanager
def _replacing(path: Path, partial_name: str) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(partial_name)
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # OSError: the working directory is gone
        return str(path)
