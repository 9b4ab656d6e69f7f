"""`zrun run`: send the requests of collections in order, chained, judged, reported."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TextIO

from runner import errors, plan, preflight, selection
from runner.cli import data, options, outside, screen
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.checkpoints import Checkpoint
    from runner.shards import Shard

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
    data.add_options(made)
    made.add_argument("--resume", action="store_true", help="go on with the interrupted run of the same rows")
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
        turns = [data.of(one, chosen, demands.repeat, demands.shard) for one in assemblies]
        looking = [data.looking(one, found) for one, found in zip(assemblies, turns, strict=True)]
        parts = [
            _Part(one, look, planned, found)
            for one, look, found, planned in zip(assemblies, looking, turns, _planned(looking, wanted), strict=True)
            if planned.steps
        ]
        if chosen.list:
            options.out("\n".join(_listed(parts)))
            return errors.PASSED
        prompts = [spec for part in parts for spec in prepare(part.looking, part.plan, chosen.color).prompts]
        if chosen.dry_run:
            from runner.cli import dry  # late: most runs are real

            options.out("".join(dry.show(part.plan, part.looking.scope, part.looking.redactor) for part in parts))
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
        return _report(chosen, parts, demands)


@dataclass
class _Part:
    """A collection of the run: `looking` has the first row at hand; it is run for each of `turns` (None: once)."""

    assembly: Assembly
    looking: Assembly
    plan: Plan
    turns: data.Turns | None


class _Demands:
    """What the numbers of the command line demand of a run. Raises InputError."""

    def __init__(self, chosen: Namespace) -> None:
        self.timeout = _timeout(chosen.timeout)
        self.shard: Shard | None = None
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


def _planned(assemblies: Sequence[Assembly], wanted: selection.Selection) -> list[Plan]:
    """The plan of each collection; it may have no steps. Raises InputError when nothing is selected of any."""
    if len(assemblies) == 1:
        one = assemblies[0]
        return [plan.make(one.collection, one.environment, one.scope, wanted)]
    collections = [one.collection for one in assemblies]
    unmet = selection.unknown(collections, wanted)
    if unmet:
        raise InputError(unmet)
    plans = [plan.make(one.collection, one.environment, one.scope, wanted, empty=True) for one in assemblies]
    if not any(planned.steps for planned in plans):
        raise InputError(selection.nothing(collections, wanted))
    return plans


def _listed(parts: Sequence[_Part]) -> Iterator[str]:
    """The id of each request of the plans; where there are several collections, after its file and a tab."""
    for part in parts:
        before = f"{part.plan.collection.path}\t" if len(parts) > 1 else ""
        yield from (f"{before}{step.request.id}" for step in part.plan.steps)


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


def _report(chosen: Namespace, parts: Sequence[_Part], demands: _Demands) -> int:
    """Run, telling the reporter of each step as its turn comes."""
    assembly = parts[0].assembly
    started, clock = assembly.now(), time.perf_counter()
    tally = Tally()
    guard = Guard(assembly.redactor)
    with ExitStack() as stack:
        stop = stack.enter_context(listening())
        reporter = stack.enter_context(_reporter(chosen, assembly, guard.watch(sys.stdout, "standard output")))
        pace = demands.pace(assembly.environment, stop)
        checkpoints = [_checkpoint(chosen, part, stack) for part in parts]
        earlier = sum(len(found.finished) for found in checkpoints if found)
        tell = _Telling(reporter, _total(parts, checkpoints))
        ready = [
            Ready(
                part.plan,
                part.assembly.scope,
                stack.enter_context(_ports(part.assembly, tell, stop, pace, demands.timeout, save=not chosen.no_save)),
                _left(part.turns, found),
                _noting(found),
            )
            for part, found in zip(parts, checkpoints, strict=True)
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
            collections=tuple(Ran(part.plan.collection.name, str(part.plan.collection.path)) for part in parts),
            environment=(environment.name or environment.id) if environment else None,
            tally=tally,
            started=started,
            duration=time.perf_counter() - clock,
            interrupted=stop(),
            problems=tuple(run.problems),
            rows=None if all(part.turns is None for part in parts) else run.turns,
            earlier=earlier,
        )
        reporter.ended(whole)
        if not (stop() or run.problems or (chosen.fail_fast and whole.exit_code)):
            for found in checkpoints:
                if found is not None:
                    found.complete()
    if assembly.redactor.warnings or run.problems:
        told = [*run.problems, *assembly.redactor.warnings]
        screen.tell(told, color=chosen.color, redact=assembly.redactor.text)
    guard.close()
    return 128 + stop.signal if stop.signal else whole.exit_code


def _checkpoint(chosen: Namespace, part: _Part, stack: ExitStack) -> Checkpoint | None:
    """Where it is noted which rows are done. Raises InputError when there is nothing to resume."""
    if part.turns is None:
        if chosen.resume:
            hint = "give the rows that it had: --data FILE, or -n"
            raise InputError(Problem("--resume, but this is no run over rows", None, hint))
        return None
    asked = [word for pair in _asked(chosen) for word in pair]
    return stack.enter_context(data.checkpoint(part.assembly, part.turns, asked, resume=chosen.resume))


def _asked(chosen: Namespace) -> Iterator[tuple[str, str]]:
    """What of the command line chooses requests."""
    for option, words in (("-r", chosen.requests), ("-t", chosen.tags), ("--skip-tag", chosen.skip_tags)):
        yield from ((option, word) for word in words)
    for option, word in (("--from", chosen.first), ("--alone", chosen.alone and "yes")):
        if word:
            yield option, word


def _left(turns: data.Turns | None, found: Checkpoint | None) -> Iterable[Turn] | None:
    """The rows that are yet to be run."""
    if turns is None or found is None:
        return turns
    return (turn for turn in turns if turn.number not in found.finished)


def _noting(found: Checkpoint | None) -> Callable[[Turn, bool], None]:
    return lambda turn, passed: found.done(turn.number, passed=passed) if found else None


def _total(parts: Sequence[_Part], checkpoints: Sequence[Checkpoint | None]) -> int | None:
    """How many requests there are to run; None where the rows cannot be counted before."""
    total = 0
    for part, found in zip(parts, checkpoints, strict=True):
        turns = 1 if part.turns is None else part.turns.total
        if turns is None:
            return None
        total += len(part.plan.steps) * (turns - (len(found.finished) if found else 0))
    return total


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
