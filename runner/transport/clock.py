"""Until when a request must be over, and what keeps its answer: what each read and write of its thread asks."""

from __future__ import annotations

import threading
import time

from runner.exchange import Journal


class Clock(threading.local):
    """What holds for the request of this thread.

    `deadline` is when it must be over; None: no bound but that of each pause. What is read goes into the `journal` first.
    Of the library's way: whether the request is on a connection that was `kept`, and whether anything has been `heard` there.
    """

    deadline: float | None = None
    journal: Journal | None = None
    kept: bool = True
    heard: bool = False

    def left(self, timeout: float | None, error: type[Exception] = TimeoutError) -> float | None:
        """The seconds that one read or write may take. Raises `error` when the time is up."""
        if self.deadline is None:
            return timeout
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise error
        return left if timeout is None else min(left, timeout)
