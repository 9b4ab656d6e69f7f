"""What a reporter is: it hears of each request as it starts and ends, and of the run at its end."""

from __future__ import annotations

from typing import Protocol

from runner.records import record
from runner.results import RunResult, StepResult


class Redact(Protocol):
    """Masks every known secret in a text. With `length`, only the first so many characters of the text are wanted.

    Nothing is cut off a text before this: half a secret is no longer known.
    """

    def __call__(self, text: str, length: int | None = None, /) -> str: ...


def unmasked(text: str, length: int | None = None, /) -> str:
    """The Redact of those who know no secret."""
    return text[:length]


@record
class Begun:
    """A request that has its turn: `number` counts them from 1; `total` is how many the run has (None: not known).

    `row` is the row of data that it is for (None: there are none).
    """

    id: str
    title: str
    number: int
    total: int | None
    row: int | None = None


class Reporter(Protocol):
    """Told of a run while it goes on.

    `started` and `stopped` come when they happen, several at once where requests run at once; `finished` in the order of the
    files. All are called from one thread; `progress` from any.
    """

    def started(self, begun: Begun) -> None: ...

    def stopped(self, begun: Begun) -> None: ...

    def progress(self, label: str, done: int, total: int | None) -> None:
        """`done` bytes of a download have come, of `total` where the server tells it."""

    def finished(self, step: StepResult) -> None: ...

    def ended(self, run: RunResult) -> None: ...
