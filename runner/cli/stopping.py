"""A person stops a run: once, and what runs is finished; twice, and it ends at once. Either way what is known is reported."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from runner.errors import Cancelled, Problem, is_interrupt

if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # `signal` makes enumerations of it, which costs a start a millisecond

# Seconds: how soon who waits for a retry hears of it.
_NAP = 0.1
# Seconds: telling of a result takes no such time, unless a report goes to a pipe that nobody reads.
_STUCK = 0.5
_SIGNALS = tuple(getattr(_signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name))
SIGPIPE = 13  # POSIX; its status also where the system has no such signal


class Stop:
    """Whether the run is to end. `signal` is the number of the signal that said so; None: it goes on.

    Before `begin` nothing has been sent, and any signal stops at once. While requests are sent, one that ends the run does so
    where a request may be left half done, within `at_once`: never where a result is being told, which some reports would then
    hold and others not. From `end` on reports are written: one signal more does not keep them from that.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.unheard: OSError | None = None  # what keeps standard output from being written
        self.at_once = _AtOnce(self)
        self.open = False  # within `at_once`
        self.due: float | None = None  # since when: the next `at_once` ends the run
        self._running = False
        self._patient = False

    def __call__(self) -> bool:
        return self.signal is not None

    def begin(self) -> None:
        """Requests are sent from now on."""
        self._running = True

    def end(self) -> None:
        """No more is sent; what is known is written down."""
        self.due = None
        if self._running:
            self._running, self._patient = False, True

    def lost(self, error: OSError) -> None:
        """Standard output cannot be written: nobody is there for whom to go on, unless who left said so (nohup)."""
        self.unheard = error
        if self.signal is None and self._running and not (error.errno == errno.EIO and _ignored("SIGHUP")):
            self.signal = SIGPIPE

    def status(self, otherwise: int) -> int:
        """The exit status: 128 and the number of the signal; `otherwise` where there was none."""
        return otherwise if self.signal is None else 128 + self.signal

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
        first, self.signal = self.signal is None, number
        if self._running and first and number == _signal.SIGINT:
            _say("finishing what runs; Ctrl-C again stops at once")
        elif self._running and not self.open and (self.due is None or time.monotonic() - self.due < _STUCK):
            self.due = self.due or time.monotonic()
        elif self._patient:
            self._patient = False
            _say("writing what is known; Ctrl-C again stops at once")
        else:
            self.interrupt()

    def interrupt(self) -> NoReturn:
        """End the run here. Raises KeyboardInterrupt."""
        self.end()
        raise KeyboardInterrupt

    def lose(self, unraisable: sys.UnraisableHookArgs) -> bool:
        """Whether the interpreter lost the KeyboardInterrupt, which came in a place that nothing can leave: a finalizer.

        The run ends before its next request all the same, and the next signal is heard at once.
        """
        if unraisable.exc_type is not KeyboardInterrupt:
            return False
        self._patient = False
        return True


class _AtOnce:
    """A block within which a signal ends the run at once: it waits for a server, or for who reads standard output.

    Blocks may stand in one another.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        self._stop.open = True
        if self._stop.due is not None:
            self._stop.interrupt()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._depth -= 1
        self._stop.open = self._depth > 0
        if error is not None and is_interrupt(error):
            raise KeyboardInterrupt from None


def _say(text: str) -> None:
    with suppress(OSError, RuntimeError):  # nobody is there; or the signal came while a line was being written
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(f"\nzrun: {text}\n")


def _ignored(name: str) -> bool:
    return hasattr(_signal, name) and _signal.getsignal(getattr(_signal, name)) == _signal.SIG_IGN


@contextmanager
def listening() -> Iterator[Stop]:
    """Hear Ctrl-C, SIGTERM and SIGHUP until the block ends; what was ignored before stays so (nohup)."""
    stop = Stop()
    before: dict[int, Any] = {}
    try:
        for number in _SIGNALS:
            found = _signal.getsignal(number)
            if found != _signal.SIG_IGN:
                before[number] = found
                _signal.signal(number, stop.hear)
    except ValueError:
        before.clear()  # not the main thread of a program that uses zrun: its signals are its own
    hook = sys.unraisablehook
    if before:
        sys.unraisablehook = lambda lost: None if stop.lose(lost) else hook(lost)
    try:
        yield stop
    finally:
        if before:
            sys.unraisablehook = hook
        for number, handler in before.items():
            _signal.signal(number, handler)
