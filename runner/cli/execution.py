"""A run, from the first request to the exit status: what takes part in it is opened, told of each step, and closed."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cached_property

from runner import errors
from runner.cli import screen, surroundings
from runner.cli.demands import Demands
from runner.cli.outlet import gone, outlet, unwritten
from runner.cli.parts import Part, checkpoint, left, noting, total
from runner.cli.past import Past
from runner.cli.running import Ready, Run
from runner.cli.stopping import Stop
from runner.cli.surroundings import Telling
from runner.errors import Problem
from runner.leaks import Guard
from runner.reporters import Reporter
from runner.results import Ran, RunResult, StepResult, Tally, deepest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.films import Film
    from runner.cli.reports import Reports
    from runner.cli.snapshots import Snapshots
    from runner.files.checkpoints import Checkpoint


class Execution:
    """One run of `parts`; nothing has been sent before it. `run` does it, and gives the exit status."""

    def __init__(
        self,
        chosen: Namespace,
        parts: Sequence[Part],
        demands: Demands,
        reports: Reports | None,
        film: Film | None,
        stop: Stop,
    ) -> None:
        self._chosen = chosen
        self._parts = parts
        self._demands = demands
        self._reports = reports
        self._film = film
        self._stop = stop
        self._assembly = parts[0].assembly
        self._guard = Guard(self._assembly.redactor)
        self._started = self._assembly.now()
        self._clock = 0.0  # when the first step could begin
        self._tally = Tally()
        self._past = Past(parts)
        self._ready: list[Ready] = []
        self._run = Run(self._ready, stop, chosen.fail_fast, 1 if chosen.replay else demands.workers())

    def run(self) -> int:
        """Take each step, and tell of it as its turn comes. Raises InputError before anything is sent."""
        with ExitStack() as stack:
            reporter = self._reporter(stack)
            checkpoints = [checkpoint(self._chosen, part, stack) for part in self._parts]
            earlier = sum(len(found.finished) for found in checkpoints if found)
            self._make_ready(reporter, checkpoints, stack)
            kept = self._snapshots(stack)
            self._take_steps(reporter)
            whole = self._result(earlier)
            reporter.ended(whole)
            found = kept.end(self._parts, self._guard, whole) if kept else []
            if not self._chosen.replay:
                self._past.keep()
            if self._has_ended_whole(whole):
                for one in checkpoints:
                    if one is not None:
                        one.complete()
        if self._film:
            found += self._film.end(self._parts, self._guard, interrupted=whole.interrupted)
        return self._end(whole, found)

    @cached_property
    def _ran(self) -> tuple[Ran, ...]:
        return tuple(Ran(part.plan.collection.name, str(part.plan.collection.path)) for part in self._parts)

    @cached_property
    def _environment(self) -> str | None:
        environment = self._assembly.environment
        return (environment.name or environment.id) if environment else None

    def _reporter(self, stack: ExitStack) -> Reporter:
        """Who is told of the steps: lines for a person, and around them the reports."""
        out = self._guard.watch(outlet(sys.stdout, self._stop.lost, self._stop.at_once), "standard output")
        lines = self._reports.lines(self._guard, out) if self._reports else out
        telling = surroundings.reporter(self._chosen, self._assembly, lines, several=len(self._parts) > 1)
        inner = stack.enter_context(telling)
        if self._reports is None:
            return inner
        around = self._reports.around(inner, out, self._guard, self._ran, self._environment, self._started)
        return stack.enter_context(around)

    def _make_ready(self, reporter: Reporter, checkpoints: Sequence[Checkpoint | None], stack: ExitStack) -> None:
        """Open the ports of each collection."""
        pace = self._demands.pace(self._assembly.environment, self._stop)
        tell = Telling(reporter, total(self._parts, checkpoints))
        timeout, save = self._demands.timeout, not self._chosen.no_save
        stack.callback(self._run.wait)  # when the connections of what still runs have been closed
        for part, found in zip(self._parts, checkpoints, strict=True):
            ports = surroundings.ports(part.assembly, tell, self._stop, pace, timeout, self._film, save=save)
            opened = stack.enter_context(ports)
            rows = left(part.turns, found)
            self._ready.append(Ready(part.plan, part.assembly.scope, opened, rows, noting(found), part.plan_of))
        if any(found.failed for found in checkpoints if found):
            self._tally.codes.add(errors.FAILED)

    def _snapshots(self, stack: ExitStack) -> Snapshots | None:
        """What compares responses with those that are kept."""
        chosen = self._chosen
        if not (chosen.snapshot or chosen.update_snapshots or chosen.no_new_snapshots):
            return None
        from runner.cli import snapshots  # late: of these options

        return snapshots.of(chosen, self._ready, self._parts, stack)

    def _take_steps(self, reporter: Reporter) -> None:
        def tell(results: Iterable[StepResult]) -> None:
            for result in results:
                self._tally.add(result)
                self._past.add(result)
                reporter.finished(result)

        self._clock = time.perf_counter()
        self._stop.begin()
        try:
            tell(self._run.results())
        except KeyboardInterrupt:
            self._stop.signal = self._stop.signal or 2  # SIGINT: where its handler is not ours
            tell(self._run.rest())
        finally:
            self._stop.end()

    def _result(self, earlier: int) -> RunResult:
        turns = [part.turns for part in self._parts if part.turns is not None]
        return RunResult(
            collections=self._ran,
            environment=self._environment,
            tally=self._tally,
            started=self._started,
            duration=time.perf_counter() - self._clock,
            interrupted=self._stop(),
            problems=tuple(self._run.problems),
            rows=self._run.turns if turns else None,
            earlier=earlier,
            repeats=bool(turns) and all(one.rows is None for one in turns),
        )

    def _has_ended_whole(self, result: RunResult) -> bool:
        """Whether there is nothing left that --resume could go on with."""
        cut = result.interrupted or self._run.problems or (self._chosen.fail_fast and result.exit_code)
        return self._run.whole and not cut

    def _end(self, result: RunResult, found: list[Problem]) -> int:
        """Tell what is wrong besides the steps (`found`: with recordings and snapshots), and give the exit status."""
        unheard = [unwritten(self._stop.unheard)] if self._stop.unheard and not gone(self._stop.unheard) else []
        problems = [*found, *self._run.problems, *unheard, *self._assembly.redactor.warnings]
        if problems:
            screen.tell(problems, color=self._chosen.color, redact=self._assembly.redactor.text)
        self._guard.close()
        status = self._stop.status(result.exit_code)
        if unheard:
            status = deepest({*self._tally.codes, errors.BAD_INPUT})
        if status == errors.PASSED and any(not problem.warning for problem in found):
            status = errors.BAD_INPUT
        return self._reports.status(status, quiet=self._chosen.quiet) if self._reports else status
