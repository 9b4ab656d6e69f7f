"""`zrun run`: send the requests of collections in order, chained, judged, reported."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TextIO

from runner import errors, plan, preflight, selection
from runner.cli import options, outside, screen
from runner.cli.assemble import Assembly, Given, all_begun
from runner.cli.running import Ready, Run, Turn
from runner.cli.stopping import Stop, listening
from runner.environment import Environment
from runner.errors import InputError, PolicyError, Problem
from runner.leaks import Guard
from runner.pace import MOST_AT_ONCE, Pace, Rate, read_rate
from runner.plan import Plan, Step
from runner.quantities import seconds
from runner.reporters import Begun, Reporter
from runner.reporters.text import Text
from runner.results import Ran, RunResult, Tally
from runner.scope import Captured
from runner.session import Ports

_EPILOG = """\
examples:
  zrun collections/self_client.yaml -e us                 run it all, in order
  zrun collections/self_client.yaml -e us -r leads/read   run one request and, first, just what it needs
  zrun collections -e us -t smoke -j 8                    what is tagged `smoke` in all collections, 8 requests at once
  zrun collections/self_client.yaml -e us --dry-run       show what would be sent; send nothing
  zrun collections/self_client.yaml -e us -vv             show every request and response, secrets masked

exit status: 0 all passed, 1 an expectation failed, 2 files or arguments (nothing was sent), 3 network, TLS or timeout,
4 credentials refused, 5 a secret would have gone, or went, where it may not, 130 interrupted
"""


def parser() -> options.Parser:
    """The options of `zrun run`."""
    made = options.Parser("run", "Send the requests of collections: in order, chained, judged, reported.", _EPILOG)
    options.add_collections(made)
    options.add_environment(made)
    options.add_reach(made)
    options.add_selection(made)
    made.add_argument("--list", action="store_true", help="print the ids of what is selected; send nothing")
    made.add_argument("--fail-fast", action="store_true", help="stop at the first request that fails")
    made.add_argument("--no-save", action="store_true", help="keep no captured value for later runs")
    made.add_argument("--dry-run", action="store_true", help="check everything, show what would be sent, send nothing")
    made.add_argument("-n", "--repeat", metavar="N", help="run it all N times; <<iteration>> counts from 1")
    made.add_argument(
        "-j", "--jobs", metavar="N|auto", help="so many requests at once, in the order that variables demand"
    )
    made.add_argument("--rate", metavar="N/TIME", help="at most so many requests in a time: 10/s, 100/m")
    made.add_argument(
        "--timeout", metavar="TIME", help="the longest that a request may take, over what files say (`10s`)"
    )
    made.add_argument("-q", "--quiet", action="store_true", help="failures and the summary only")
    made.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="-v: addresses and captures too; -vv: requests and responses",
    )
    options.add_color(made)
    made.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    options.add_clock(made)
    return made


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    chosen = parser().read(arguments)
    given = Given(
        chosen.environments,
        options.read_variables(chosen.variables),
        options.read_clock(chosen.clock),
        chosen.seed,
        options.read_secrets(chosen.secrets_file),
        options.read_reach(chosen.allowed),
    )
    demands = _Demands(chosen)
    wanted = options.read_selection(chosen)
    with all_begun(options.collection_paths(chosen.collections), given) as assemblies:
        planned = _planned(assemblies, wanted)
        if chosen.list:
            options.out("\n".join(_listed(planned)))
            return errors.PASSED
        prompts = [spec for one, plan_ in planned for spec in prepare(one, plan_, chosen.color).prompts]
        if chosen.dry_run:
            from runner.cli import dry  # late: most runs are real

            options.out("".join(dry.show(plan_, one.scope, one.redactor) for one, plan_ in planned))
            return errors.PASSED
        first = assemblies[0]
        for spec in {spec.name: spec for spec in prompts}.values():
            first.vault.ask(spec)
        if first.state and not chosen.no_save:
            first.state.probe()
        first.start_sandbox()
        for other in assemblies[1:]:
            if first.running:
                other.use(first.running)
        return _report(chosen, planned, demands)


class _Demands:
    """What the numbers of the command line demand of a run. Raises InputError."""

    def __init__(self, chosen: Namespace) -> None:
        self.timeout = _timeout(chosen.timeout)
        self.repeat = None if chosen.repeat is None else _count("-n", chosen.repeat)
        self.jobs = (
            0 if chosen.jobs == "auto" else 1 if chosen.jobs is None else _count("-j", chosen.jobs, MOST_AT_ONCE)
        )
        self.rate: Rate | None = None
        if chosen.rate is not None:
            self.rate = read_rate(chosen.rate)
            if self.rate is None:
                raise InputError(
                    Problem("--rate is not a number of requests in a time", None, "write it as 10/s or 100/m")
                )

    def turns(self) -> Iterator[Turn] | None:
        return None if self.repeat is None else map(Turn, range(1, self.repeat + 1))

    def pace(self, environment: Environment | None, stop: Stop) -> Pace | None:
        """The bounds of the environment; --rate is over its rate."""
        rate = self.rate or (environment.rate if environment else None)
        at_once = environment.concurrency if environment else None
        return Pace(rate, at_once, time.monotonic, stop.sleep) if rate or at_once else None

    def workers(self) -> int:
        """Requests at once; `auto`: four for each processor, which wait for the network most of the time."""
        return self.jobs or min(4 * (os.cpu_count() or 1), 16)


def _count(option: str, written: str, most: int = 10**9) -> int:
    if not (written.isascii() and written.isdigit() and 0 < int(written) <= most):
        raise InputError(Problem(f"{option} is not a number from 1 to {most}", None, f"write {option} 4"))
    return int(written)


def _timeout(written: str | None) -> float | None:
    if written is None:
        return None
    found = seconds(written)
    if not found:
        raise InputError(Problem("--timeout is not a duration", None, "write it as 10s or 2m"))
    return found


def _planned(assemblies: Sequence[Assembly], wanted: selection.Selection) -> list[tuple[Assembly, Plan]]:
    """The plan of each collection of which something is selected. Raises InputError when there is none."""
    if len(assemblies) == 1:
        one = assemblies[0]
        return [(one, plan.make(one.collection, one.environment, one.scope, wanted))]
    collections = [one.collection for one in assemblies]
    unmet = selection.unknown(collections, wanted)
    if unmet:
        raise InputError(unmet)
    plans = [(one, plan.make(one.collection, one.environment, one.scope, wanted, empty=True)) for one in assemblies]
    found = [(one, planned) for one, planned in plans if planned.steps]
    if not found:
        raise InputError(selection.nothing(collections, wanted))
    return found


def _listed(planned: Sequence[tuple[Assembly, Plan]]) -> Iterator[str]:
    """The id of each request of the plans; where there are several collections, after its file and a tab."""
    for _, one in planned:
        before = f"{one.collection.path}\t" if len(planned) > 1 else ""
        yield from (f"{before}{step.request.id}" for step in one.steps)


def prepare(assembly: Assembly, planned: Plan, color: str, *, looking: bool = False) -> preflight.Findings:
    """Everything that can be known before a byte is sent. Tells warnings; raises InputError, then PolicyError.

    `looking`: nothing is to be sent, so that a secret which is not there is a warning: a plan is read before it is trusted.
    """
    found = preflight.static(assembly.collection, assembly.environment, assembly.scope)
    warnings = [problem for problem in found if problem.warning]
    warnings += [*assembly.collection.warnings, *(assembly.environment.warnings if assembly.environment else ())]
    mistakes = [problem for problem in found if not problem.warning]
    if mistakes:
        raise InputError([*mistakes, *warnings])
    findings = outside.findings(assembly, planned)
    if looking:
        warnings += [replace(problem, warning=True) for problem in findings.missing]
    elif findings.missing:
        raise InputError([*findings.missing, *findings.problems, *warnings])
    if findings.problems:
        raise InputError([*findings.problems, *warnings])
    if findings.refusals:
        raise PolicyError([*findings.refusals, *warnings])
    if warnings:
        screen.tell(warnings, color=color, redact=assembly.redactor.text)
    return findings


def _report(chosen: Namespace, planned: Sequence[tuple[Assembly, Plan]], demands: _Demands) -> int:
    """Run, telling the reporter of each step as its turn comes."""
    assembly = planned[0][0]
    started, clock = assembly.now(), time.perf_counter()
    tally = Tally()
    guard = Guard(assembly.redactor)
    with ExitStack() as stack:
        stop = stack.enter_context(listening())
        reporter = stack.enter_context(_reporter(chosen, assembly, guard.watch(sys.stdout, "standard output")))
        pace = demands.pace(assembly.environment, stop)
        total = sum(len(one.steps) for _, one in planned) * (demands.repeat or 1)
        tell = _Telling(reporter, total)
        ready = [
            Ready(
                one,
                each.scope,
                stack.enter_context(_ports(each, tell, stop, pace, demands.timeout, save=not chosen.no_save)),
                demands.turns(),
            )
            for each, one in planned
        ]
        run = Run(ready, stop, chosen.fail_fast, demands.workers())
        try:
            for result in run.results():
                tally.add(result)
                reporter.finished(result)
        except KeyboardInterrupt:
            stop.signal = stop.signal or 2  # SIGINT: where its handler is not ours
        environment = assembly.environment
        whole = RunResult(
            collections=tuple(Ran(one.collection.name, str(one.collection.path)) for _, one in planned),
            environment=(environment.name or environment.id) if environment else None,
            tally=tally,
            started=started,
            duration=time.perf_counter() - clock,
            interrupted=stop(),
            problems=tuple(run.problems),
            rows=None if demands.repeat is None else run.turns,
        )
        reporter.ended(whole)
    if assembly.redactor.warnings or run.problems:
        told = [*run.problems, *assembly.redactor.warnings]
        screen.tell(told, color=chosen.color, redact=assembly.redactor.text)
    guard.close()
    return 128 + stop.signal if stop.signal else whole.exit_code


class _Telling:
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
def _reporter(chosen: Namespace, assembly: Assembly, out: TextIO) -> Iterator[Reporter]:
    """Who tells of the run: lines on standard output, and on a terminal what runs just now; or one JSON document."""
    redact = assembly.redactor.text
    if chosen.format == "json":
        from runner.reporters.json_report import Json  # late: most runs are read by a person

        yield Json(out, redact)
        return
    color = screen.wants_color(chosen.color, out)
    verbosity = -1 if chosen.quiet else min(chosen.verbose, 2)
    text = Text(out, redact, color=color, verbosity=verbosity)
    if not (out.isatty() and sys.stderr.isatty()) or screen.in_ci() or os.environ.get("TERM") == "dumb":
        yield text
        return
    from runner.reporters.live import Live  # late: only a terminal has somebody who waits

    with Live(text, sys.stderr, redact, color=color) as live:
        yield live


@contextmanager
def _ports(
    assembly: Assembly, tell: _Telling, stop: Stop, pace: Pace | None, timeout: float | None, *, save: bool
) -> Iterator[Ports]:
    """The real world: the network, the clock, the private state."""

    tokens = assembly.environment.tokens if assembly.environment else frozenset()

    def keep(values: Mapping[str, Captured]) -> None:
        # A provider's tokens are kept whatever --no-save says: other processes build on them, and they cannot be had twice.
        kept = {name: value for name, value in values.items() if save or name in tokens}
        if assembly.state and kept:
            assembly.state.save(kept)

    with outside.network(assembly, tell.reporter.progress, timeout, pace) as send:
        yield Ports(
            send,
            assembly.policy.check,
            keep,
            stop.sleep,
            assembly.now,
            tell.started,
            tell.stopped,
            outside.credentials(assembly, send),
            outside.alone(assembly, send),
            assembly.redactor,
        )
