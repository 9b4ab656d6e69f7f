"""The reporter behind `--report`: each finished step goes, masked, to a spool; the reports are written when the run has ended.

It stands around the reporter that tells of the run. Reports are written also of a run that was interrupted or that an error
ended. What cannot be written is told, and keeps no other report from being written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, TextIO

from runner import __version__, errors
from runner.errors import Problem, ZrunError
from runner.project import replacing
from runner.records import record
from runner.reporters import Begun, Redact, Reporter
from runner.reporters.documents import codec, forms, json_lines, masked, targets
from runner.reporters.documents.spool import Spool
from runner.reporters.documents.targets import Target
from runner.reporters.documents.tree import Report, Run
from runner.results import Ran, RunResult, StepResult, Tally


@record
class Wanted:
    """The reports that are wanted, and of which run: what is known of it before it begins.

    `writer` gives what writes a target. `started` is seconds since the epoch.
    """

    targets: Sequence[Target]
    collections: tuple[Ran, ...]
    environment: str | None
    started: float
    writer: Callable[[Target], forms.Write]


class Filed:
    """A reporter around another, and a context manager: leaving it writes what `ended` has not.

    `out` is standard output; `wrote` is told of each file; `known` counts the secrets that are known: when one became known
    after a step was masked, all are masked again. `problems` are what could not be written, `done` the targets that
    were.
    """

    def __init__(
        self,
        inner: Reporter,
        wanted: Wanted,
        out: TextIO,
        redact: Redact,
        wrote: Callable[[Path], None],
        known: Callable[[], int],
    ) -> None:
        self._inner = inner
        self._wanted = wanted
        self._out = out
        self._redact = redact
        self._wrote = wrote
        self._known = known
        self._knew = known()
        self._spool = Spool()
        self._tally = Tally()
        self._clock = time.perf_counter()
        self._written = False
        self._unspooled: OSError | None = None
        self._lines = [_Streamed(one) for one in wanted.targets if one.form == "jsonl" and one.path is not None]
        self.problems: list[Problem] = []
        self.done: list[Target] = []

    def __enter__(self) -> Filed:
        return self

    def _begin(self) -> None:
        """Begin what grows with the run: not before it is one, so that nothing is lost to a run that could not begin."""
        collections = masked.named(self._wanted.collections, self._redact)
        environment = None if self._wanted.environment is None else self._redact(self._wanted.environment)
        head = json_lines.head(__version__, collections, environment, self._wanted.started)
        for streamed in self._lines:
            self._wrote(streamed.path)
            streamed.begin(head)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            begun = bool(self._tally.counts) or not isinstance(error, ZrunError)
            if begun and not self._written:
                self._write(_broken_off(self._so_far(), error))
        finally:
            self._spool.__exit__()
            for streamed in self._lines:
                streamed.close()

    def started(self, begun: Begun) -> None:
        self._inner.started(begun)

    def stopped(self, begun: Begun) -> None:
        self._inner.stopped(begun)

    def progress(self, label: str, done: int, total: int | None) -> None:
        self._inner.progress(label, done, total)

    def finished(self, step: StepResult) -> None:
        if not self._tally.counts:
            self._begin()
            self._knew = self._known()  # by now the first request has asked for its secrets
        self._tally.add(step)
        made = masked.step(step, self._redact)
        line = json_lines.line(made) if self._lines else ""
        for streamed in self._lines:
            streamed.add(line)
        if self._unspooled is None:
            try:
                self._spool.add(made)
            except OSError as error:  # the run goes on: what it does matters more than its reports
                self._unspooled = error
        self._inner.finished(step)

    def ended(self, run: RunResult) -> None:
        try:
            self._inner.ended(run)
        finally:
            self._write(masked.run(run, self._redact))

    def _so_far(self) -> Run:
        ran = RunResult(
            collections=self._wanted.collections,
            environment=self._wanted.environment,
            tally=self._tally,
            started=self._wanted.started,
            duration=time.perf_counter() - self._clock,
        )
        return masked.run(ran, self._redact)

    def _write(self, run: Run) -> None:
        """Every report that is wanted; what keeps one from being written is told, and the next is written."""
        self._written = True
        if not self._tally.counts:
            self._begin()
        run = codec.settled(run)
        learned = self._known() != self._knew
        if learned:
            self._spool.again = partial(masked.again, redact=self._redact)
        streamed = {one.path: one for one in self._lines}
        failed: Exception | None = None
        for target in self._wanted.targets:
            line_by_line = streamed.get(target.path) if target.path else None
            try:
                if line_by_line and not learned:
                    line_by_line.end(json_lines.end(run))
                    self.done.append(target)
                    continue
                if self._unspooled is not None:
                    raise self._unspooled
                if target.path is not None:
                    self._wrote(target.path)
                with targets.opened(target, self._out) as stream:
                    self._wanted.writer(target)(Report(run, self._spool), stream)
                self.done.append(target)
            except OSError as error:
                self.problems.append(_unwritten(target, error, kept=not line_by_line))
            except Exception as error:  # a bug of ours in one format
                failed = failed or error
        if failed is not None:
            raise failed


class _Streamed:
    """A JSON Lines report that grows with the run: put in place with its first line, then a line at a time.

    Each line is one write, so that the file is whole lines at any moment; the first that fails is the last.
    """

    def __init__(self, target: Target) -> None:
        assert target.path is not None
        self.path = target.path
        self._file: IO[bytes] | None = None
        self._failed: OSError | None = None

    def begin(self, head: str) -> None:
        """Raises nothing: what fails is told when the line for the end is written."""
        try:
            real = Path(os.path.realpath(self.path))
            with replacing(real) as file:
                file.write(head.encode("ascii"))
            self._file = real.open("ab", buffering=0)
        except OSError as error:
            self._failed = error

    def add(self, line: str) -> None:
        if self._failed is None and self._file is not None:
            try:
                _write_whole(self._file, line.encode("ascii"))
            except OSError as error:
                self._failed = error

    def end(self, line: str) -> None:
        """Raises OSError: that of the first line that could not be written."""
        self.add(line)
        self.close()
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _write_whole(file: IO[bytes], data: bytes) -> None:
    """All of a line, or nothing of it: a full disk may take a part."""
    start = file.seek(0, os.SEEK_END)
    try:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
    except BaseException:
        with suppress(OSError):
            file.truncate(start)
        raise


def _broken_off(run: Run, error: BaseException | None) -> Run:
    """The run, as something ended it that is not its end."""
    if isinstance(error, ZrunError):
        return replace(run, exit_code=error.exit_code)
    if isinstance(error, Exception) and not isinstance(error, BrokenPipeError):
        return replace(run, exit_code=errors.INTERNAL)
    return replace(run, interrupted=True, exit_code=errors.INTERRUPTED)


def _unwritten(target: Target, error: OSError, *, kept: bool) -> Problem:
    why = error.strerror or type(error).__name__
    before = "what was there before is as it was" if kept else "the lines that were written before are there"
    hint = errors.remedy(error) if target.path is None else f"{errors.remedy(error)}; {before}"
    # What a CI system wanted, and nobody else, fails no run.
    return Problem(f"the report {target} could not be written: {why}", None, hint, warning=target.append)


def told(problems: Iterable[Problem]) -> int:
    """The exit status that reports which could not be written lead to, if nothing worse has happened."""
    return errors.PASSED if all(problem.warning for problem in problems) else errors.BAD_INPUT
