"""A line on the terminal that tells which requests run, and for how long: shown only while one takes its time."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Lock, Timer, current_thread
from typing import TYPE_CHECKING, TextIO

from runner.quantities import show_seconds, show_size
from runner.reporters import Begun, Redact, Reporter
from runner.reporters.terminal import ASCII, marks_for, printable
from runner.results import RunResult, StepResult

if TYPE_CHECKING:
    from types import TracebackType

    from rich.live import Live as Drawing

# Seconds. A request that ends sooner is seen by its result; a line that flashes up disturbs, and loading rich costs time.
PATIENCE = 0.4
# A run that takes longer tells how long it will take.
LONG = 5.0


class Live:
    """A reporter around another: it draws on `screen` (a terminal) and clears it before the other writes.

    A context manager, so that the line is gone and the cursor is back however the run ends.
    """

    def __init__(
        self, inner: Reporter, screen: TextIO, redact: Redact, *, color: bool = True, patience: float = PATIENCE
    ) -> None:
        self._inner = inner
        self._screen = screen
        self._redact = redact
        self._color = color
        self._patience = patience
        self._lock = Lock()
        self._timer: Timer | None = None
        self._drawing: Drawing | None = None
        self._running: dict[tuple[str, int | None], tuple[Begun, float]] = {}
        self._bytes = ""
        self._ended = 0
        self._since = time.monotonic()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def started(self, begun: Begun) -> None:
        self._inner.started(begun)
        with self._lock:
            self._running[begun.id, begun.row] = (begun, time.monotonic())
            self._arm()

    def stopped(self, begun: Begun) -> None:
        self._inner.stopped(begun)
        with self._lock:
            self._running.pop((begun.id, begun.row), None)
            self._ended += 1
        if not self._running:
            self._clear()

    def progress(self, label: str, done: int, total: int | None) -> None:
        self._inner.progress(label, done, total)
        whole = f" of {show_size(total)}" if total else ""
        self._bytes = f"  {printable(self._redact(label))} {show_size(done)}{whole}"

    def finished(self, step: StepResult) -> None:
        self._clear()
        self._inner.finished(step)
        with self._lock:
            if self._running.keys() - {(step.id, step.row)}:
                self._arm()

    def ended(self, run: RunResult) -> None:
        self._clear()
        self._inner.ended(run)

    def _arm(self) -> None:
        """Draw, if nothing has ended in the meantime. The lock is held."""
        if self._timer is None:
            self._timer = Timer(self._patience, self._draw)
            self._timer.daemon = True
            with suppress(RuntimeError):  # the system gives no more threads: then nothing is drawn
                self._timer.start()

    def _draw(self) -> None:
        """Begin to draw; rich asks for the line ten times a second from then on. Runs in the timer's thread."""
        # Late: only a terminal on which somebody has waited for PATIENCE seconds pays for rich.
        from rich.console import Console
        from rich.live import Live as Drawing
        from rich.spinner import Spinner
        from rich.text import Text  # late as well; a plain str would be read as markup

        console = Console(file=self._screen, no_color=not self._color, highlight=False)
        spinner = Spinner("line" if marks_for(self._screen) is ASCII else "dots")

        def line() -> Spinner:
            text = Text(self._line())
            text.truncate(max(console.width - 4, 1), overflow="crop")
            spinner.update(text=text)
            return spinner

        with self._lock:
            if current_thread() is not self._timer:
                return  # the request ended while rich was loading
            self._drawing = Drawing(
                console=console,
                transient=True,
                refresh_per_second=10,
                redirect_stdout=False,
                redirect_stderr=False,
                get_renderable=line,
            )
            with suppress(OSError, RuntimeError):  # the terminal was closed; no more threads
                self._drawing.start()

    def _line(self) -> str:
        """How far the run is, and what runs. What may be long comes last: the line is cut at its end."""
        now = time.monotonic()
        running = list(self._running.values())
        if not running:
            return ""
        last, _ = running[-1]
        began = min(at for _, at in running)
        place = f"{last.number} of {last.total}" if last.total else f"{last.number}"
        titles = ", ".join(printable(self._redact(begun.title)) for begun, _ in running)
        if len(running) > 1:
            titles = f"{len(running)} at once: {titles}"
        return f"{place} {show_seconds(now - began):>8}{self._left(last.total, now)}  {titles}{self._bytes}"

    def _left(self, total: int | None, now: float) -> str:
        """The time that is left, by what it took so far; told of long runs alone."""
        took = now - self._since
        if not total or took < LONG or not self._ended or total <= self._ended:
            return ""
        return f"  {show_seconds(took / self._ended * (total - self._ended))} left"

    def _clear(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._drawing is not None:
                with suppress(OSError):  # the terminal was closed
                    self._drawing.stop()
                self._drawing = None
            self._bytes = ""
