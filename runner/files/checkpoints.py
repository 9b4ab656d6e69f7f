"""How far a run over rows has come, so that one that was interrupted can go on: `ROOT/.zrun/runs/KEY.run`.

The file's first line is JSON and says which run it is; each further line is the number of a row that has begun, or is done.
A line is in the file when `began` or `done` returns, whatever becomes of the process then; the machine's own end may cost
the last second. No value of a row is in it. A lock keeps two runs of the same from sending a row twice.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from runner.errors import InputError, Problem, remedy
from runner.files import durable, private
from runner.files.finished import Finished
from runner.files.locks import locked
from runner.files.runs import Run

VERSION = 1
# Seconds: how long a run waits for another that begins or ends at the same moment; and how often lines are put on disk.
LOCK_TIME = 10.0
SYNC_EVERY = 1.0
_LINE = re.compile(rb"([0-9]{1,18})( failed| begun)?\n")
_LONGEST_HEAD = 1 << 20
_MOST_OTHERS = 100

T = TypeVar("T")


class Checkpoint:
    """The rows of a run that are done. `failed` are those among them that did not pass; `cut` are those that had begun and were
    not done when the run was interrupted: what of them was sent, nobody knows.
    """

    def __init__(self, path: Path, descriptor: int, noted: _Noted) -> None:
        self.finished = noted.finished
        self.failed = noted.failed
        self.cut = sorted(noted.begun)
        self.whole = False
        self._path = path
        self._descriptor = descriptor
        self._end = os.fstat(descriptor).st_size
        self._synced = time.monotonic()
        self._lock = allocate_lock()

    def began(self, number: int) -> None:
        """Row `number` (or iteration) is about to be sent. For any thread. Raises InputError."""
        with self._lock:
            _attempt(self._path, lambda: self._append(b"%d begun\n" % number))

    def done(self, number: int, *, passed: bool = True) -> None:
        """Row `number` (or iteration) is done, and will not be sent again. For any thread. Raises InputError."""
        line = b"%d\n" % number if passed else b"%d failed\n" % number
        with self._lock:
            _attempt(self._path, lambda: self._append(line))
            self.finished.add(number)
            if passed:
                self.failed.discard(number)
            else:
                self.failed.add(number)

    def complete(self) -> None:
        """The run has ended whole: there is nothing to resume."""
        self.whole = True

    def _append(self, line: bytes) -> None:
        if os.write(self._descriptor, line) != len(line):  # the disk is full
            os.ftruncate(self._descriptor, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._end += len(line)
        if time.monotonic() - self._synced >= SYNC_EVERY:
            os.fsync(self._descriptor)
            self._synced = time.monotonic()


@contextmanager
def begun(root: Path, run: Run, *, resume: bool) -> Iterator[Checkpoint]:
    """The checkpoint of a run, which is alone with it. It is gone after the block when the run has ended whole.

    With `resume` it holds what was done before; else it is begun anew. Raises InputError when there is nothing to resume, when
    a file has changed since, when another process is at the same run, and when nothing can be written.
    """
    folder = _folder(root)
    path = folder / f"{run.key}.run"
    with _alone(folder, path, run):
        if resume:
            _check_same(folder, path, run)
        else:
            head = {"zrun-run": VERSION, "asked": dict(run.asked), "contents": dict(run.contents)}
            _attempt(path, lambda: durable.replace(path, json.dumps(head).encode() + b"\n"))
        descriptor = _attempt(path, lambda: os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)))
        try:
            checkpoint = Checkpoint(path, descriptor, _attempt(path, lambda: _read(path, descriptor)))
            try:
                yield checkpoint
            finally:
                with suppress(OSError):  # what was done is noted, whatever becomes of this
                    if checkpoint.whole:
                        path.unlink()
                    else:
                        os.fsync(descriptor)
        finally:
            os.close(descriptor)


def interrupted(root: Path, run: Run) -> int | None:
    """How many rows an interrupted run of the same has done; None when there is none that could be resumed."""
    folder = root / private.FOLDER / "runs"
    try:
        for path in (folder.parent, folder, folder / f"{run.key}.run"):
            private.check(path)
        head = _head(folder / f"{run.key}.run")
        if head is None or head["contents"] != run.contents:
            return None
        with (folder / f"{run.key}.run").open("rb") as file:
            return len(_Noted(file).finished)
    except (OSError, private.Exposed):
        return None


@contextmanager
def _alone(folder: Path, path: Path, run: Run) -> Iterator[None]:
    """Alone with this run. Its lock's file goes in the end, under a lock of all runs: nobody can hold one that is gone."""
    lock = path.with_suffix(".lock")
    with ExitStack() as stack:
        with _still(folder):
            held = _attempt(path, lambda: stack.enter_context(locked(lock, 0.0)))
        if not held:
            message = f"another process is at this run of {run.asked['collection']}"
            raise InputError(Problem(message, None, "wait for it, or end it"))
        durable.sweep(path)
        try:
            yield
        finally:
            with _still(folder), suppress(OSError):
                lock.unlink()
                stack.close()


@contextmanager
def _still(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        if not _attempt(folder, lambda: stack.enter_context(locked(folder / "lock", LOCK_TIME))):
            raise InputError(Problem("another process keeps .zrun/runs locked", None, "end it"))
        yield


def _folder(root: Path) -> Path:
    folder = root / private.FOLDER / "runs"

    def make() -> Path:
        try:
            made = private.make(root, folder.name)
            for path in (made.parent, made):
                private.check(path)
            return made
        except private.Exposed as error:
            raise InputError(Problem(f"the folder {_shown(folder)} {error.why}", None, error.hint)) from None

    return _attempt(folder, make)


def _check_same(folder: Path, path: Path, run: Run) -> None:
    """Raises InputError when the run cannot go on from there."""
    anew = "run without --resume to begin anew"
    if not path.exists() and not path.is_symlink():
        hint = _nearest(folder, run) or anew
        raise InputError(Problem("there is no interrupted run of this to resume", None, hint))
    try:
        _attempt(path, lambda: private.check(path))
    except private.Exposed as error:
        raise InputError(Problem(f"the checkpoint {_shown(path)} {error.why}", None, error.hint)) from None
    head = _attempt(path, lambda: _head(path))
    if head is None:
        raise InputError(Problem(f"the checkpoint {_shown(path)} is damaged", None, anew))
    before: Mapping[str, str] = head["contents"]
    changed = [name for name in run.contents if before.get(name) != run.contents[name]]
    changed += [name for name in before if name not in run.contents]
    if changed:
        raise InputError(
            Problem(f"{name} is not what it was when the run was interrupted", None, anew) for name in changed
        )


def _nearest(folder: Path, run: Run) -> str | None:
    """In what an interrupted run of the same collection differs, if there is one."""
    others: list[list[str]] = []
    for path in sorted(folder.glob("*.run"))[:_MOST_OTHERS]:
        head = None
        with suppress(OSError, private.Exposed):
            private.check(path)
            head = _head(path)
        if head is not None and head["asked"].get("collection") == run.asked["collection"]:
            asked = head["asked"]
            others.append(
                [f"{name}: {asked.get(name) or 'none'}" for name in run.asked if asked.get(name) != run.asked[name]]
            )
    if not others:
        return None
    differing = min(others, key=len)
    return f"one of the same collection was interrupted that had {', '.join(differing)}"


def _head(path: Path) -> Any:
    """What the first line says; None when it cannot be read. Raises OSError."""
    with path.open("rb") as file:
        line = file.readline(_LONGEST_HEAD)
    try:
        head = json.loads(line)
        if head["zrun-run"] == VERSION and all(isinstance(head[part], dict) for part in ("asked", "contents")):
            return head
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _read(path: Path, descriptor: int) -> _Noted:
    """What is noted. A last line that was cut is taken away, so that none is put behind it. Raises OSError."""
    with path.open("rb") as file:
        noted = _Noted(file)
    os.ftruncate(descriptor, noted.end)
    return noted


class _Noted:
    """What the lines of a file say: the rows that are done, those of them that failed, those that had begun and are not done;
    and where the last whole line ends.
    """

    def __init__(self, file: Iterable[bytes]) -> None:
        self.finished, self.failed, self.begun, self.end = Finished(), Finished(), set[int](), 0
        for line in file:
            if line.endswith(b"\n"):
                self.end += len(line)
            match = _LINE.fullmatch(line)
            if match:
                self._take(int(match[1]), match[2])

    def _take(self, number: int, word: bytes | None) -> None:
        if word == b" begun":
            self.begun.add(number)
            return
        self.begun.discard(number)
        self.finished.add(number)
        if word:
            self.failed.add(number)
        else:
            self.failed.discard(number)


def _attempt(path: Path, act: Callable[[], T]) -> T:
    try:
        return act()
    except OSError as error:
        message = f"the checkpoint {_shown(path)} cannot be kept: {error.strerror}"
        raise InputError(Problem(message, None, f"{remedy(error)}, or run with --no-save")) from None


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):  # OSError: the working directory is gone
        return str(path)
