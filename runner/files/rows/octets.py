"""The octets of a file of rows as text, a piece at a time: lines, or chunks. What is no text is told at its place.

Its hash is taken on the way. A regular file that changes while it is read is found out.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from runner.errors import InputError, Location, Problem, Source

CHUNK = 1 << 16
# Octets. A line is a row, or a part of one.
LONGEST_LINE = 16_000_000

# Lines between two looks at whether the file has changed; there is one at its end in any case.
_SELDOM = 100

_BOM = codecs.BOM_UTF8
_SIGNATURES = (
    (b"\xff\xfe", "it is UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16", "save it as UTF-8"),
    (b"PK\x03\x04", "it is a spreadsheet or an archive", "save the sheet as CSV, UTF-8"),
    (b"\xd0\xcf\x11\xe0", "it is a spreadsheet of an old kind", "save the sheet as CSV, UTF-8"),
    (b"\x1f\x8b", "it is compressed", "unpack it: `gunzip -c FILE | zrun ... --data -`"),
)


class Octets:
    """Text out of a binary file. `name` is what to show for it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.source = Source(name)
        self._file = file
        self._head = b""
        self._hash = hashlib.sha256()
        self._begun = fingerprint(file)
        self._first = True
        self._reads = 0

    @property
    def sha256(self) -> str:
        """Of all that was read so far."""
        return self._hash.hexdigest()

    def at(self, line: int, column: int = 1) -> Location:
        """A place in it. What stands there is not shown: data may be anybody's."""
        return Location(self.source, line, column)

    def peek(self, seen: Callable[[bytes], bool]) -> bytes:
        """The first octets, as many as it takes until `seen` is content with them, or CHUNK; they are read again."""
        while len(self._head) < CHUNK and not seen(self._head) and (raw := self._checked(self._some, CHUNK)):
            self._head += raw
        return self._head

    def lines(self) -> Iterator[str]:
        """Each line with its end: a line feed, or the file's end. Raises InputError."""
        number = 0
        while raw := self._line():
            number += 1
            if len(raw) > LONGEST_LINE:
                message = f"this line is longer than {LONGEST_LINE // 10**6} MB"
                raise InputError(Problem(message, self.at(number), "is it a file of rows?"))
            text = self._decoded(raw, number)
            if "\0" in text:
                raise self._no_text("a NUL character stands here", number, text.index("\0") + 1)
            yield text

    def chunks(self) -> Iterator[str]:
        """Pieces of any length. Raises InputError."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        line, column = 1, 1
        while True:
            raw = self._read(CHUNK)
            last = not raw
            if self._first:
                raw = self._begin(raw)
            try:
                text = decoder.decode(raw, final=last)
            except UnicodeDecodeError as error:
                line, column = moved(line, column, error.object[: error.start].decode("utf-8"))
                raise self._no_text("this is not UTF-8", line, column) from None
            if "\0" in text:
                line, column = moved(line, column, text[: text.index("\0")])
                raise self._no_text("a NUL character stands here", line, column)
            if text:
                line, column = moved(line, column, text)
                yield text
            if last:
                return

    def whole(self, most: int) -> bytes | None:
        """All of it; None when it has more than `most` octets."""
        found = b""
        while len(found) <= most and (raw := self._read(most + 1 - len(found))):
            found += raw
        return found if len(found) <= most else None

    def _line(self) -> bytes:
        raw = self._read_line()
        if self._first:
            raw = self._begin(raw) or self._read_line()
        return raw

    def _read_line(self) -> bytes:
        raw, self._head = self._head, b""
        end = raw.find(b"\n") + 1
        if end:
            raw, self._head = raw[:end], raw[end:]
        else:
            raw += self._checked(self._file.readline, LONGEST_LINE + 1 - len(raw))
        self._hash.update(raw)
        return raw

    def _read(self, most: int) -> bytes:
        raw, self._head = self._head[:most], self._head[most:]
        raw = raw or self._checked(self._some, most)
        self._hash.update(raw)
        return raw

    def _some(self, most: int) -> bytes:
        """What there is now: who writes into a pipe may take his time with the rest."""
        read: Callable[[int], bytes] = getattr(self._file, "read1", self._file.read)
        return read(most)

    def _checked(self, read: Callable[[int], bytes], most: int) -> bytes:
        try:
            raw = read(most)
        except OSError as error:
            raise InputError(Problem(f"cannot read {self.source.name}: {error.strerror}", None, "run again")) from None
        self._reads += 1
        due = not raw or len(raw) >= CHUNK or self._reads % _SELDOM == 0
        if due and self._begun is not None and fingerprint(self._file) != self._begun:
            raise changed(self.source.name)
        return raw

    def _begin(self, raw: bytes) -> bytes:
        """The first octets without a byte order mark. Raises InputError for those of a file that is no text."""
        self._first = False
        for signature, what, hint in _SIGNATURES:
            if raw.startswith(signature):
                raise InputError(Problem(f"{self.source.name} holds no rows that zrun can read: {what}", None, hint))
        return raw.removeprefix(_BOM)

    def _decoded(self, raw: bytes, line: int) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._no_text("this is not UTF-8", line, len(raw[: error.start].decode("utf-8")) + 1) from None

    def _no_text(self, what: str, line: int, column: int) -> InputError:
        return InputError(Problem(what, self.at(line, column), "save the file as text, in UTF-8"))


def moved(line: int, column: int, text: str) -> tuple[int, int]:
    """The place after `text`, which begins at `line` and `column`."""
    ends = text.count("\n")
    return (line, column + len(text)) if not ends else (line + ends, len(text) - text.rfind("\n"))


def fingerprint(file: BinaryIO) -> tuple[int, ...] | None:
    """What tells a state of a regular file from another; None for what is no regular file."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, ValueError):  # no file of the system's: what a program has in memory
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def changed(name: str) -> InputError:
    """The file is not what was checked."""
    message = f"{name} has changed since its rows were checked"
    return InputError(Problem(message, None, "leave it alone while it is used, and run again"))
