"""What stands around the steps of a run: who tells of them, and the ports to the world outside."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from runner.cli import authentication, screen, sending
from runner.cli.assemble import Assembly
from runner.cli.stopping import Stop
from runner.plan import Step
from runner.reporters import Begun, Reporter
from runner.reporters.text import Text
from runner.scope import Captured
from runner.session import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.films import Film
    from runner.pace import Pace


class Telling:
    """Counts the requests of a run as they begin, for the reporter."""

    def __init__(self, reporter: Reporter, total: int | None) -> None:
        self.reporter = reporter
        self._total = total
        self._count = 0

    def started(self, step: Step, row: int | None) -> None:
        self._count += 1
        self.reporter.started(Begun(step.request.id, step.request.title, self._count, self._total, row))

    def stopped(self, step: Step, row: int | None) -> None:
        self.reporter.stopped(Begun(step.request.id, step.request.title, self._count, self._total, row))


@contextmanager
def reporter(chosen: Namespace, assembly: Assembly, out: TextIO, *, several: bool = False) -> Iterator[Reporter]:
    """Who tells of the run: lines on standard output, and on a terminal what runs just now; or one JSON document.

    `several`: it is a run of more than one collection.
    """
    redact = assembly.redactor.text
    if chosen.format == "json":
        from runner.reporters.json_report import Json  # late: most runs are read by a person

        yield Json(out, redact, messages=chosen.verbose >= 2)
        return
    color = screen.wants_color(chosen.color, out)
    verbosity = -1 if chosen.quiet else min(chosen.verbose, 2)
    text = Text(out, redact, color=color, verbosity=verbosity, several=several)
    if not (out.isatty() and sys.stderr.isatty()) or screen.in_ci() or os.environ.get("TERM") == "dumb":
        yield text
        return
    from runner.reporters.live import Live  # late: only a terminal has somebody who waits

    with Live(text, sys.stderr, redact, color=color) as live:
        yield live


@contextmanager
def ports(
    assembly: Assembly,
    tell: Telling,
    stop: Stop,
    pace: Pace | None,
    timeout: float | None,
    film: Film | None,
    *,
    save: bool,
) -> Iterator[Ports]:
    """The real world: the network, the clock, the private state."""
    tokens = assembly.environment.tokens if assembly.environment else frozenset()

    def keep(values: Mapping[str, Captured]) -> None:
        # A provider's tokens are kept whatever --no-save says: other processes build on them, and they cannot be had twice.
        kept = {name: value for name, value in values.items() if save or name in tokens}
        if assembly.state and kept:
            assembly.state.save(kept)

    network = film.network if film else sending.network
    with network(assembly, tell.reporter.progress, timeout, pace) as send:
        made = Ports(
            send,
            assembly.policy.check,
            keep,
            stop.sleep,
            assembly.now,
            tell.started,
            tell.stopped,
            authentication.credentials(assembly, send),
            authentication.alone(assembly, send),
            authentication.endpoints(assembly),
            assembly.redactor,
        )
        yield film.around(made, assembly) if film else made
