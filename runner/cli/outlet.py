"""Standard output and standard error of a process, as they may be: closed, a pipe that nobody reads, a full disk."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TextIO, cast

from runner import errors
from runner.errors import Problem

# Whoever read standard output has gone: what a shell shows of a program that SIGPIPE ended (128 + 13).
READER_GONE = 141
_OF_WRITING = (errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EFBIG, errno.EBADF, getattr(errno, "EDQUOT", errno.ENOSPC))

_ANYWHERE = nullcontext()


class _Outlet:
    """A text stream that swallows everything from the first write on that fails; `lost` hears of that one.

    It writes within `waiting`: who reads it may keep it waiting for ever.
    """

    def __init__(self, stream: TextIO, lost: Callable[[OSError], None], waiting: AbstractContextManager[None]) -> None:
        self._stream = stream
        self._lost = lost
        self._waiting = waiting
        self._broken = False

    def write(self, text: str) -> int:
        if not self._broken:
            try:
                with self._waiting:
                    self._stream.write(text)
            except OSError as error:
                self._break(error)
        return len(text)

    def flush(self) -> None:
        if not self._broken:
            try:
                with self._waiting:
                    self._stream.flush()
            except OSError as error:
                self._break(error)

    def __getattr__(self, name: str) -> object:
        """Everything else (`encoding`, `isatty`) is the stream's own."""
        return getattr(self._stream, name)

    def _break(self, error: OSError) -> None:
        self._broken = True
        silence(self._stream)
        self._lost(error)


def outlet(
    stream: TextIO,
    lost: Callable[[OSError], None] = lambda _: None,
    waiting: AbstractContextManager[None] = _ANYWHERE,
) -> TextIO:
    """`stream`, to be written to in its stead: no OSError leaves it."""
    return cast(TextIO, _Outlet(stream, lost, waiting))  # it is one, by what it can do


def gone(error: OSError) -> bool:
    """Whether it is no more than that nobody reads any longer: a pipe's other end, a terminal that was closed."""
    return isinstance(error, BrokenPipeError) or error.errno == errno.EIO


def is_of_output(error: OSError) -> bool:
    """Whether an error that nobody has told of is of writing to standard output: errors of files are told, and name them."""
    return error.filename is None and error.errno in _OF_WRITING


def unwritten(error: OSError) -> Problem:
    """What to tell of a standard output that could not be written."""
    return Problem(f"standard output cannot be written: {error.strerror}", None, errors.remedy(error))


def silence(stream: TextIO) -> None:
    """What is still to be written there goes nowhere: the interpreter would try again at its end, and complain."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def fill() -> None:
    """Open what is closed of the three streams, to nowhere: else the next file that is opened would be one of them."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (null := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(null)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8", errors="replace"))  # noqa: SIM115


def flush() -> OSError | None:
    """Write what is left of both streams. Gives what kept standard output from being written."""
    found: OSError | None = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            silence(stream)
            found = found or (error if stream is sys.stdout else None)
    return found
