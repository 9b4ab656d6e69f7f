"""A line on the terminal that tells which request runs, and for how long: shown only while one takes its time."""

from __future__ import annotations

import time
from threading import Lock, Timer, current_thread
from typing import TYPE_CHECKING, TextIO

from runner.quantities import show_seconds, show_size
from runner.reporters import Redact, Reporter
from runner.reporters.terminal import ASCII, marks_for, printable
from runner.results import RunResult, StepResult

if TYPE_CHECKING:
    from types import TracebackType

    from rich.live import Live as Drawing

# Seconds. A request that ends sooner is seen by its result; a line that flashes up disturbs, and loading rich costs time.
PATIENCE = 0.4


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
        self._place = ""
        self._title = ""
        self._bytes = ""
        self._began = 0.0

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def started(self, step_id: str, title: str, index: int, total: int) -> None:
        self._inner.started(step_id, title, index, total)
        self._clear()
        with self._lock:
            self._place = f"{index + 1} of {total}"
            self._title = printable(self._redact(title))
            self._began = time.monotonic()
            self._timer = Timer(self._patience, self._draw)
            self._timer.daemon = True
            self._timer.start()

    def progress(self, label: str, done: int, total: int | None) -> None:
        self._inner.progress(label, done, total)
        whole = f" of {show_size(total)}" if total else ""
        self._bytes = f"  {printable(self._redact(label))} {show_size(done)}{whole}"

    def finished(self, step: StepResult) -> None:
        self._clear()
        self._inner.finished(step)

    def ended(self, run: RunResult) -> None:
        self._clear()
        self._inner.ended(run)

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
            self._drawing.start()

    def _line(self) -> str:
        # What may be long comes last: the line is cut at its end.
        return f"{self._place} {show_seconds(time.monotonic() - self._began):>8}  {self._title}{self._bytes}"

    def _clear(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._drawing is not None:
                self._drawing.stop()
                self._drawing = None
            self._bytes = ""
