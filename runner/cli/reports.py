"""`--report` of a run: the reports that are wanted, by the person and by the CI system that runs this."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from runner import errors
from runner.cli import ci, screen
from runner.errors import InputError, Problem
from runner.leaks import Guard
from runner.redact import Redactor
from runner.reporters import Reporter
from runner.reporters.ci import Folding, Held
from runner.reporters.documents import filed, targets
from runner.reporters.documents.filed import Filed, Wanted
from runner.reporters.documents.targets import Target
from runner.reporters.terminal import printable
from runner.results import Ran, deepest


class Reports:
    """The reports of one run. Made before anything is sent: raises InputError for those that could not be written.

    `written` are the arguments of --report, `roots` the projects' folders, `inputs` files that the run reads, `form` is that
    of --format.
    """

    def __init__(
        self, written: Sequence[str], roots: Sequence[Path], inputs: Iterable[Path], form: str, redactor: Redactor
    ) -> None:
        self._targets = (*targets.read(written, roots, inputs), *ci.targets(os.environ))
        self._problems: list[Problem] = []
        self._done: list[Target] = []
        if self.take_standard_output and form != "text":
            hint = "leave one of them out, or give the report a path"
            raise InputError(Problem(f"--format {form} and --report write to standard output both", None, hint))
        self._redactor = redactor
        self._dialect = ci.dialect(os.environ, redactor)
        self._held: Held | None = None
        self._form = form

    @property
    def take_standard_output(self) -> bool:
        """Whether one is written there: what is told of the run goes to standard error then."""
        return any(target.path is None for target in self._targets)

    def lines(self, guard: Guard, out: TextIO) -> TextIO:
        """Where lines of the run are to be written; `out` is standard output."""
        taken = self.take_standard_output or (self._dialect and self._form != "text")
        lines = guard.watch(sys.stderr, "standard error") if taken else out
        if self._dialect is None:
            return lines
        self._held = Held(lines)
        return self._held.stream if self._form == "text" else out

    @contextmanager
    def around(
        self,
        inner: Reporter,
        out: TextIO,
        guard: Guard,
        ran: tuple[Ran, ...],
        environment: str | None,
        started: float,
    ) -> Iterator[Reporter]:
        """`inner`, as the CI system shows it, and with the reports written when it has ended. `out` is standard output."""
        redactor = self._redactor
        if self._held and self._dialect:
            inner = Folding(inner, self._held, self._dialect, redactor.text)
            self._dialect.begun()
        wanted = Wanted(
            targets=self._targets,
            collections=ran,
            environment=environment,
            started=started,
            writer=partial(ci.writer, os.environ),
        )
        with Filed(inner, wanted, out, redactor.text, guard.wrote, lambda: redactor.known) as reporter:
            self._problems, self._done = reporter.problems, reporter.done
            yield reporter

    def status(self, code: int, *, quiet: bool) -> int:
        """Tell what was written (not if `quiet`) and what could not be. Returns the exit status; the run's own is `code`."""
        written = [printable(str(one)) for one in self._done if one.path is not None and not one.append]
        if written and not quiet:
            screen.say(f"wrote {', '.join(written)}")
        if self._problems:
            screen.tell(self._problems)
        # A signal's status (128 and its number) says more than any other.
        return code if code > errors.INTERNAL else deepest({code, filed.told(self._problems)})
