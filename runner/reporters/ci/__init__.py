"""A run as a CI system shows it best: what passed folded away, what failed told where it stands in the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TextIO, cast

from runner.reporters import Begun, Redact, Reporter
from runner.reporters.documents import masked
from runner.reporters.documents.tree import Step
from runner.results import RunResult, StepResult


class Dialect(Protocol):
    """How one CI system is spoken to: each text is whole lines, for its log."""

    def begun(self) -> str:
        """What must be said before anything else is, and again before each step's lines."""

    def folded(self, title: str, lines: str, step: StepResult) -> str:
        """Lines that are shown when somebody asks for them."""

    def plain(self, lines: str) -> str:
        """Lines of ours, in which nothing is a command."""

    def failed(self, step: Step) -> Iterator[str]:
        """What is told of a failed step, masked, beside its lines."""


class Held:
    """A stream that holds what is written to it, until it is taken; all else is the other stream's own."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self._pieces: list[str] = []

    def write(self, text: str) -> int:
        self._pieces.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing: it is held."""

    def take(self) -> str:
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def __getattr__(self, name: str) -> object:
        return getattr(self.out, name)

    @property
    def stream(self) -> TextIO:
        return cast(TextIO, self)  # it is one, by what it can do


class Folding:
    """The reporter around one that writes to `held`; it writes to the stream behind that, in a dialect."""

    def __init__(self, inner: Reporter, held: Held, dialect: Dialect, redact: Redact) -> None:
        self._inner = inner
        self._held = held
        self._dialect = dialect
        self._redact = redact

    def started(self, begun: Begun) -> None:
        self._inner.started(begun)

    def stopped(self, begun: Begun) -> None:
        self._inner.stopped(begun)

    def progress(self, label: str, done: int, total: int | None) -> None:
        self._inner.progress(label, done, total)

    def finished(self, step: StepResult) -> None:
        self._inner.finished(step)
        text = self._held.take()
        title, _, below = text.partition("\n")
        fold = step.status != "failed" and below
        told = self._dialect.folded(title, below, step) if fold else self._dialect.plain(text)
        if step.status == "failed":
            told += "".join(self._dialect.failed(masked.step(step, self._redact)))
        self._say(told)

    def ended(self, run: RunResult) -> None:
        self._inner.ended(run)
        self._say(self._dialect.plain(self._held.take()))

    def _say(self, text: str) -> None:
        # What is said first may be what must be hidden: it goes its own way, past the stream that watches for it.
        self._dialect.begun()
        self._held.out.write(text)
        self._held.out.flush()


def within(root: Path) -> Callable[[str], str]:
    """What gives a file's path from `root`, as CI systems want it; that of a file outside is left as it is."""
    real = os.path.realpath(root)

    def relative(file: str) -> str:
        found = os.path.realpath(file)
        return os.path.relpath(found, real).replace(os.sep, "/") if found.startswith(real + os.sep) else file

    return relative
