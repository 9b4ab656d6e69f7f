"""What a reporter is: it hears of each request as it starts and ends, and of the run at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from runner.results import RunResult, StepResult

# Masks every known secret in a text. Applied to a whole text before anything is cut off it: half a secret is no longer known.
Redact: TypeAlias = Callable[[str], str]


class Reporter(Protocol):
    """Told of a run while it goes on. `index` counts from 0; `total` is how many requests the plan has."""

    def started(self, step_id: str, title: str, index: int, total: int) -> None: ...

    def progress(self, label: str, done: int, total: int | None) -> None:
        """`done` bytes of a download have come, of `total` where the server tells it."""

    def finished(self, step: StepResult) -> None: ...

    def ended(self, run: RunResult) -> None: ...
