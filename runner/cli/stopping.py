"""A person stops a run: once, and what runs is finished; twice, and it ends at once. Either way what is known is reported."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from runner.errors import Cancelled, Problem

if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # `signal` makes enumerations of it, which costs a start a millisecond

# Seconds: how soon who waits for a retry hears of it.
_NAP = 0.1
_SIGNALS = tuple(getattr(_signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name))


class Stop:
    """Whether the run is to end. `signal` is the number of the signal that said so; None: it goes on."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is not None

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Cancelled when the run is to end meanwhile: what waits has not been sent."""
        end = time.monotonic() + seconds
        while True:
            if self():
                raise Cancelled(Problem("interrupted while it waited", None, "run it again"))
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _NAP))

    def hear(self, number: int, _: FrameType | None) -> None:
        """A signal: the first Ctrl-C asks to stop. A second one, or another signal, stops at once: KeyboardInterrupt."""
        if self.signal is not None or number != _signal.SIGINT:
            self.signal = number
            raise KeyboardInterrupt
        self.signal = number
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write("\nzrun: finishing what runs; Ctrl-C again stops at once\n")


@contextmanager
def listening() -> Iterator[Stop]:
    """Hear Ctrl-C, SIGTERM and SIGHUP for as long as the run goes on; what was ignored before stays so (nohup)."""
    stop = Stop()
    before: dict[int, Any] = {}
    try:
        for number in _SIGNALS:
            found = _signal.getsignal(number)
            if found != _signal.SIG_IGN:
                before[number] = _signal.signal(number, stop.hear)
    except ValueError:
        pass  # not the main thread of a program that uses zrun: its signals are its own
    try:
        yield stop
    finally:
        for number, handler in before.items():
            _signal.signal(number, handler)
