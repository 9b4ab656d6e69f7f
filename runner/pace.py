"""How fast requests may be sent: so many in a time, and so many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runner.quantities import seconds
from runner.records import record


@record
class Rate:
    """`count` requests in `period` seconds, evenly: one each `period / count` seconds."""

    count: float
    period: float

    @property
    def pause(self) -> float:
        return self.period / self.count


def read_rate(text: str) -> Rate | None:
    """`10/s`, `100/m`, `5000/h`, `10/2s`; None for anything else."""
    count, slash, period = (part.strip() for part in text.partition("/"))
    found = seconds(period if period[:1].isdigit() else f"1{period}") if slash and period else None
    try:
        number = float(count)
    except ValueError:
        return None
    return Rate(number, found) if found and 0 < number < 1e6 else None


class Pace:
    """Keeps the requests of all threads of a run to a rate and to a number at once. None: no bound.

    `sleep` may raise; then nothing is sent. `clock` gives seconds that only grow.
    """

    def __init__(
        self, rate: Rate | None, at_once: int | None, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        from threading import BoundedSemaphore, Lock  # late: most runs have no bound

        self._pause = rate.pause if rate else 0.0
        self._room = BoundedSemaphore(at_once) if at_once else None
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn of one request; it counts as under way until this is left."""
        if self._room is None:
            self._wait()
            yield
            return
        with self._room:
            self._wait()
            yield

    def _wait(self) -> None:
        if not self._pause:
            return
        with self._lock:
            now = self._clock()
            mine = max(self._next, now)
            self._next = mine + self._pause
        if mine > now:
            self._sleep(mine - now)
