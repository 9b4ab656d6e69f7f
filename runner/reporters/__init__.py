"""What a reporter is: it hears of each request as it starts and ends, and of the run at its end."""

from __future__ import annotations

from typing import Protocol

from runner.results import RunResult, StepResult


class Redact(Protocol):
    """Masks every known secret in a text. With `length`, only the first so many characters of the text are wanted.

    Nothing is cut off a text before this: half a secret is no longer known.
    """

    def __call__(self, text: str, length: int | None = None, /) -> str: ...


def unmasked(text: str, length: int | None = None, /) -> str:
    """The Redact of those who know no secret."""
    return text[:length]


class Reporter(Protocol):
    """Told of a run while it goes on. `index` counts from 0; `total` is how many requests the plan has."""

    def started(self, step_id: str, title: str, index: int, total: int) -> None: ...

    def progress(self, label: str, done: int, total: int | None) -> None:
        """`done` bytes of a download have come, of `total` where the server tells it."""

    def finished(self, step: StepResult) -> None: ...

    def ended(self, run: RunResult) -> None: ...
