"""What a run wrote holds no secret: a file is searched, an output stream is watched; a leak is a PolicyError.

This is the third net, below the types and the reporters' masking: it finds nothing unless a reporter forgot to mask. What a
request saves on purpose (`response: {save: ...}`) is the download of whoever wrote it, and is not searched; nor is `.zrun/`,
which keeps tokens by design.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import TextIO, cast

from runner.errors import PolicyError, Problem
from runner.records import record
from runner.redact import Redactor, Span

# How much of what was written before is looked at again with what comes next: a secret may be written in pieces.
_BEFORE = 512
# Characters of a file that are read at once, beside what a secret may take.
_BLOCK = 1 << 20


@record
class Leak:
    """A secret, by its name, and the place where it stood: a stream's or a file's name, and the line, from 1."""

    secret: str
    place: str
    line: int

    @property
    def problem(self) -> Problem:
        """What to tell of a stream: it was masked there, but a writer had let it through."""
        hint = "it was masked at the last moment; please report what was shown there, a reporter of zrun is at fault"
        return Problem(
            f"the secret `{self.secret}` was about to be shown on {self.place}, line {self.line}", None, hint
        )

    @property
    def removed(self) -> Problem:
        """What to tell of a file, which is gone."""
        hint = "the file was removed; please report what is written there, a reporter of zrun is at fault"
        return Problem(f"the secret `{self.secret}` was in {self.place}, line {self.line}", None, hint)


def in_file(path: Path, redactor: Redactor) -> list[Leak]:
    """Every known secret in a file, in any encoding. The file is read in blocks; OSError when it cannot be."""
    found: list[Leak] = []
    line, held = 1, ""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        while True:
            block = file.read(_BLOCK)
            text = held + block
            spans = list(_foreign(text, redactor))
            # What may go on in the next block is looked at again with it.
            cut = max(0, len(text) - redactor.reach) if block else len(text)
            cut = next((span.start for span in spans if span.start < cut < span.end), cut)
            found += [
                Leak(s.secret.name, str(path), line + text.count("\n", 0, s.start)) for s in spans if s.end <= cut
            ]
            if not block:
                return found
            line += text.count("\n", 0, cut)
            held = text[cut:]


class Watched:
    """A text stream that masks what it is given and remembers every secret that a writer had let through."""

    def __init__(self, stream: TextIO, name: str, redactor: Redactor) -> None:
        self._stream = stream
        self._name = name
        self._redactor = redactor
        self._line = 1
        self._before = ""
        self.leaks: list[Leak] = []

    def write(self, text: str) -> int:
        """Write `text`, masked. A secret that began in what was written before is told of, too late to be masked."""
        whole = self._before + text
        spans = [span for span in _foreign(whole, self._redactor) if span.end > len(self._before)]
        if spans:
            first = self._line - self._before.count("\n")
            self.leaks += [Leak(s.secret.name, self._name, first + whole.count("\n", 0, s.start)) for s in spans]
            self._stream.write(_masked(whole, spans, len(self._before)))
        else:
            self._stream.write(text)
        self._line += text.count("\n")
        self._before = whole[-_BEFORE:]
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        """Everything else (`encoding`, `isatty`) is the stream's own."""
        return getattr(self._stream, name)


class Guard:
    """Everything that a run writes: its streams, and the files that it was asked for."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._watched: list[Watched] = []
        self._files: list[Path] = []

    def watch(self, stream: TextIO, name: str) -> TextIO:
        """`stream`, to be written to in its stead; `name` is what to call it."""
        watched = Watched(stream, name, self._redactor)
        self._watched.append(watched)
        return cast(TextIO, watched)  # it is one, by what it can do

    def wrote(self, path: Path) -> None:
        """A report was, or will be, written to `path`."""
        self._files.append(path)

    def close(self) -> None:
        """Search the files, and remove each that leaks. Raises PolicyError when anything did: a problem for each secret
        and place."""
        found = [leak for watched in self._watched for leak in watched.leaks]
        problems = {(leak.secret, leak.place): leak.problem for leak in reversed(found)}
        for path in self._files:
            with suppress(FileNotFoundError):
                leaks = in_file(path, self._redactor)
                if leaks:
                    path.unlink(missing_ok=True)
                problems |= {(leak.secret, leak.place): leak.removed for leak in reversed(leaks)}
        if problems:
            raise PolicyError(problems.values())


def _masked(text: str, spans: list[Span], start: int) -> str:
    pieces: list[str] = []
    for span in spans:
        pieces += (text[start : max(start, span.start)], span.secret.mask)
        start = span.end
    return "".join([*pieces, text[start:]])


def _foreign(text: str, redactor: Redactor) -> Iterator[Span]:
    """The secrets in `text`, without those that are a word of the reporters' own: whose password is `passed` sees `passed`."""
    spans = redactor.spans(text)
    own = _own_words() if spans else frozenset()
    return (span for span in spans if text[span.start : span.end] not in own)


def _own_words() -> frozenset[str]:
    """The words in the texts that the reporters' code holds."""
    words: set[str] = set()
    for name, module in tuple(sys.modules.items()):
        if name.startswith("runner.reporters"):
            for value in vars(module).values():
                for member in (value, *(vars(value).values() if isinstance(value, type) else ())):
                    code = getattr(member, "__code__", None)
                    if isinstance(code, CodeType):
                        words.update(_words(code))
    return frozenset(words)


def _words(constant: object) -> Iterator[str]:
    if isinstance(constant, str):
        yield from re.findall(r"[A-Za-z-]+", constant)
    elif isinstance(constant, CodeType):
        for inner in constant.co_consts:
            yield from _words(inner)
    elif isinstance(constant, (tuple, frozenset)):
        for inner in constant:
            yield from _words(inner)
