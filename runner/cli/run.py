"""`zrun run`: send the requests of collections in order, chained, judged, reported."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from runner import errors, preflight
from runner.cli import authentication, data, options, screen, sending
from runner.cli.assemble import Assembly, Given, all_begun, given
from runner.cli.demands import Demands
from runner.cli.outlet import gone, outlet, unwritten
from runner.cli.parts import Part, checkpoint, left, listed, noting, total
from runner.cli.parts import of as parts_of
from runner.cli.running import Ready, Run
from runner.cli.stopping import Stop, is_interrupt, listening
from runner.errors import Cancelled, InputError, PolicyError, Problem, ZrunError
from runner.leaks import Guard
from runner.plan import Plan, Step
from runner.project import root_of
from runner.reporters import Begun, Reporter
from runner.reporters.text import Text
from runner.results import Ran, RunResult, Status, StepResult, Tally, deepest
from runner.scope import Captured
from runner.session import Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.films import Film
    from runner.cli.reports import Reports
    from runner.cli.snapshots import Snapshots
    from runner.environment import SecretSpec
    from runner.pace import Pace

_BAD: dict[Status, int] = {"blocked": 1, "failed": 2}

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
    made.add_argument("--last-failed", action="store_true", help="those that failed the last time that they were run")
    made.add_argument("--shard", metavar="I/N", help="part I of N: each machine of a pipeline runs one")
    made.add_argument("--durations", metavar="REPORT", help="with --shard: balance by the times of an earlier report")
    made.add_argument("--list", action="store_true", help="print the ids of what is selected; send nothing")
    made.add_argument("--fail-fast", action="store_true", help="stop at the first request that fails")
    made.add_argument("--no-save", action="store_true", help="keep no captured value for later runs")
    made.add_argument("--dry-run", action="store_true", help="check everything, show what would be sent, send nothing")
    made.add_argument(
        "--watch", action="store_true", help="run again whenever a file that the run reads has been saved"
    )
    options.add_snapshots(made)
    data.add_options(made)
    made.add_argument("--record", metavar="DIR", help="keep what is sent and answered, without secrets, for --replay")
    made.add_argument("--replay", metavar="DIR", help="take the answers from a recording; send nothing, ask nobody")
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
    options.add_reports(made)
    options.add_clock(made)
    return made


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    chosen = parser().read(arguments)
    if not chosen.watch:
        return _stoppable(chosen)
    from runner.cli import watch  # late: most runs are run once

    if chosen.data == "-" or chosen.resume or chosen.record:
        given_too = "--data -" if chosen.data == "-" else "--resume" if chosen.resume else "--record"
        raise InputError(Problem(f"--watch runs again, which {given_too} cannot", None, "leave one of them out"))
    return watch.again(options.collection_paths(chosen.collections), lambda read: _stoppable(chosen, read))


def _stoppable(chosen: Namespace, read: set[Path] | None = None) -> int:
    """One run, which a signal may end at any moment. `read` takes the files that it reads."""
    with listening() as stop:
        try:
            return _once(chosen, stop, read)
        except Cancelled as error:
            screen.tell(error.problems, color=chosen.color, redact=error.redact)
        except (KeyboardInterrupt, RuntimeError) as error:
            if not is_interrupt(error):
                raise
            screen.say("interrupted")
        return stop.status(errors.INTERRUPTED)


def _once(chosen: Namespace, stop: Stop, read: set[Path] | None) -> int:
    demands = Demands(chosen)
    paths, words = options.collection_paths(chosen.collections), given(chosen)
    with ExitStack() as stack:
        film = _film(chosen, paths, words, stack)
        assemblies = stack.enter_context(all_begun(paths, words))
        parts = parts_of(assemblies, chosen, demands)
        if read is not None:
            environments = (one.environment.paths for one in assemblies if one.environment)
            read.update(_inputs(chosen, parts), film.files() if film else (), *environments)
        if chosen.list:
            options.out("".join(f"{line}\n" for line in listed(parts)))
            return errors.PASSED
        if not parts:
            options.out(f"nothing to run: the requests are those of other shards than {chosen.shard}")
            return errors.PASSED
        prompts = _prompts(chosen, parts)
        if chosen.dry_run:
            from runner.cli import dry  # late: most runs are real

            options.out("".join(dry.show(part.plan, part.looking.scope, part.looking.redactor) for part in parts))
            return errors.PASSED
        reports = _reports(chosen, parts)
        first = assemblies[0]
        if film:
            film.begin(parts)
        for spec in {spec.name: spec for spec in prompts}.values():
            first.vault.ask(spec)
        if first.state and not chosen.no_save:
            first.state.probe()
        if not chosen.replay:
            first.start_sandbox()
        for other in assemblies[1:]:
            if first.running:
                other.use(first.running)
        return _report(chosen, parts, demands, reports, film, stop)


def _film(chosen: Namespace, paths: Sequence[Path], words: Given, stack: ExitStack) -> Film | None:
    """What records the run, or answers it from a recording. Raises InputError."""
    if not (chosen.record or chosen.replay):
        return None
    from runner.cli import films  # late: of these two options

    return films.of(chosen, paths, words, stack)


def _snapshots(chosen: Namespace, ready: Sequence[Ready], parts: Sequence[Part], stack: ExitStack) -> Snapshots | None:
    """What compares responses with those that are kept."""
    if not (chosen.snapshot or chosen.update_snapshots or chosen.no_new_snapshots):
        return None
    from runner.cli import snapshots  # late: of these options

    return snapshots.of(chosen, ready, parts, stack)


def _prompts(chosen: Namespace, parts: Sequence[Part]) -> list[SecretSpec]:
    """The secrets to ask for. Raises InputError, or PolicyError, with the mistakes in all collections."""
    prompts: list[SecretSpec] = []
    refused: list[ZrunError] = []
    for part in parts:
        try:
            prompts += prepare(part.looking, part.plan, chosen.color).prompts
        except (InputError, PolicyError) as error:
            refused.append(error)
    if refused:
        problems = {str(problem): problem for error in refused for problem in error.problems}
        raise (InputError if any(isinstance(one, InputError) for one in refused) else PolicyError)(problems.values())
    return prompts


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
    findings = authentication.findings(assembly, planned)
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


def _reports(chosen: Namespace, parts: Sequence[Part]) -> Reports | None:
    """The reports that are wanted, by --report or by the CI system that runs this. Raises InputError."""
    if not (chosen.reports or screen.in_known_ci()):
        return None
    from runner.cli.reports import Reports  # late: most runs are read as they go

    roots = [root_of(part.plan.collection.path) for part in parts]
    return Reports(chosen.reports, roots, _inputs(chosen, parts), chosen.format, parts[0].assembly.redactor)


def _inputs(chosen: Namespace, parts: Sequence[Part]) -> Iterator[Path]:
    """Files that the run reads, besides YAML: no report takes their place."""
    yield from (Path(name) for name in (chosen.data, chosen.secrets_file, chosen.durations) if name)
    for part in parts:
        if part.plan.collection.data is not None:
            yield part.plan.collection.data.path
        for step in part.plan.steps:
            request = step.request
            yield from request.project.closed
            body = request.body
            names = [body.file, *(one.file for one in body.parts)] if body else []
            yield from (request.folder / name for name in names if isinstance(name, str))


def _report(
    chosen: Namespace,
    parts: Sequence[Part],
    demands: Demands,
    reports: Reports | None,
    film: Film | None,
    stop: Stop,
) -> int:
    """Run, telling the reporter of each step as its turn comes."""
    assembly = parts[0].assembly
    started, clock = assembly.now(), time.perf_counter()
    tally = Tally()
    guard = Guard(assembly.redactor)
    ran = tuple(Ran(part.plan.collection.name, str(part.plan.collection.path)) for part in parts)
    environment = assembly.environment
    named = (environment.name or environment.id) if environment else None
    with ExitStack() as stack:
        out = guard.watch(outlet(sys.stdout, stop.lost, stop.at_once), "standard output")
        reporter = stack.enter_context(_reporter(chosen, assembly, reports.lines(guard, out) if reports else out))
        if reports:
            reporter = stack.enter_context(reports.around(reporter, out, guard, ran, named, started))
        pace = demands.pace(assembly.environment, stop)
        checkpoints = [checkpoint(chosen, part, stack) for part in parts]
        earlier = sum(len(found.finished) for found in checkpoints if found)
        tell = _Telling(reporter, total(parts, checkpoints))
        ready: list[Ready] = []
        run = Run(ready, stop, chosen.fail_fast, 1 if chosen.replay else demands.workers())
        stack.callback(run.wait)  # when the connections of what still runs have been closed
        ready += [
            Ready(
                part.plan,
                part.assembly.scope,
                stack.enter_context(
                    _ports(part.assembly, tell, stop, pace, demands.timeout, film, save=not chosen.no_save)
                ),
                left(part.turns, found),
                noting(found),
            )
            for part, found in zip(parts, checkpoints, strict=True)
        ]
        kept = _snapshots(chosen, ready, parts, stack)
        past = _Past(parts)
        if any(found.failed for found in checkpoints if found):
            tally.codes.add(errors.FAILED)

        def tell_of(results: Iterable[StepResult]) -> None:
            for result in results:
                tally.add(result)
                past.add(result)
                reporter.finished(result)

        stop.begin()
        try:
            tell_of(run.results())
        except KeyboardInterrupt:
            stop.signal = stop.signal or 2  # SIGINT: where its handler is not ours
            tell_of(run.rest())
        finally:
            stop.end()
        whole = RunResult(
            collections=ran,
            environment=named,
            tally=tally,
            started=started,
            duration=time.perf_counter() - clock,
            interrupted=stop(),
            problems=tuple(run.problems),
            rows=None if all(part.turns is None for part in parts) else run.turns,
            earlier=earlier,
        )
        reporter.ended(whole)
        noted = kept.end(parts, guard, whole) if kept else []
        if not chosen.replay:
            past.keep()
        if run.whole and not (whole.interrupted or run.problems or (chosen.fail_fast and whole.exit_code)):
            for found in checkpoints:
                if found is not None:
                    found.complete()
    missing = [*noted, *(film.end(parts, guard, interrupted=whole.interrupted) if film else ())]
    unheard = [unwritten(stop.unheard)] if stop.unheard and not gone(stop.unheard) else []
    if assembly.redactor.warnings or run.problems or missing or unheard:
        told = [*missing, *run.problems, *unheard, *assembly.redactor.warnings]
        screen.tell(told, color=chosen.color, redact=assembly.redactor.text)
    guard.close()
    status = deepest({*tally.codes, errors.BAD_INPUT}) if unheard else stop.status(whole.exit_code)
    if status == errors.PASSED and any(not problem.warning for problem in missing):
        status = errors.BAD_INPUT
    return reports.status(status) if reports else status


class _Past:
    """What the next run is to know of this one: how each request ended, the worst of its rows."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._environment = parts[0].assembly.environment
        self._worst: dict[tuple[str, str], tuple[Status, float]] = {}

    def add(self, step: StepResult) -> None:
        key = step.collection, step.id
        before = self._worst.get(key)
        if before is None or _BAD.get(step.status, 0) >= _BAD.get(before[0], 0):
            self._worst[key] = step.status, step.duration

    def keep(self) -> None:
        """Keep it in the project's `.zrun`; where there is none, only what failed is worth making one."""
        ended: dict[Path, dict[str, tuple[Status, float]]] = {}
        for (file, name), one in self._worst.items():
            ended.setdefault(Path(file), {})[name] = one
        identity = self._environment.id if self._environment else None
        for path, requests in ended.items():
            root = root_of(path)
            if (root / ".zrun").is_dir() or any(status in _BAD for status, _ in requests.values()):
                from runner.files import history  # late: a run without an environment that passes keeps nothing

                history.write(root, identity, path, requests)


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

        yield Json(out, redact, messages=chosen.verbose >= 2)
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
    assembly: Assembly,
    tell: _Telling,
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
        ports = Ports(
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
        yield film.around(ports, assembly) if film else ports
