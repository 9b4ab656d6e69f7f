"""Where a thread of a recorded or replayed run is: in whose step, by whom on its behalf, and at what time.

The clock stands still but when a step begins, when an answer comes, and when the run waits: then a replay can show the same
times to everything that asks for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runner.cassettes import Whose


class Moment(threading.local):
    """Where a thread is: whose step it takes, by whom on its behalf, and the time of it."""

    whose: Whose = ("", None)
    by: str | None = None
    at: float | None = None


@contextmanager
def within(moment: Moment, step: str, row: int | None, at: Callable[[], float]) -> Iterator[None]:
    """While a step is taken; within it, while another request renews for it."""
    if moment.at is not None:
        before, moment.by = moment.by, step
        try:
            yield
        finally:
            moment.by = before
        return
    moment.whose, moment.at = (step, row), at()
    try:
        yield
    finally:
        moment.whose, moment.at = ("", None), None


@contextmanager
def on_behalf(moment: Moment, name: str) -> Iterator[None]:
    before, moment.by = moment.by, name
    try:
        yield
    finally:
        moment.by = before
