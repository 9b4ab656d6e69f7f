"""`zrun run`: send the requests of a collection in order, chained, judged, reported."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TextIO

from runner import errors, plan, preflight
from runner.cli import options, outside, screen
from runner.cli.assemble import Assembly, Given, begun
from runner.errors import InputError, PolicyError, Problem
from runner.leaks import Guard
from runner.plan import Plan, Step
from runner.quantities import seconds
from runner.reporters import Reporter
from runner.reporters.text import Text
from runner.results import Ran, RunResult, Tally
from runner.scope import Captured
from runner.session import Ports, Session, Shared

_EPILOG = """\
examples:
  zrun collections/self_client.yaml -e us                 run it all, in order
  zrun collections/self_client.yaml -e us -r leads/read   run one request and, first, just what it needs
  zrun collections/self_client.yaml -e us --dry-run       show what would be sent; send nothing
  zrun collections/self_client.yaml -e us -vv             show every request and response, secrets masked

exit status: 0 all passed, 1 an expectation failed, 2 files or arguments (nothing was sent), 3 network, TLS or timeout,
4 credentials refused, 5 a secret would have gone, or went, where it may not, 130 interrupted
"""


def parser() -> options.Parser:
    """The options of `zrun run`."""
    made = options.Parser("run", "Send the requests of a collection: in order, chained, judged, reported.", _EPILOG)
    made.add_argument(
        "collection", metavar="COLLECTION", help="the file, with or without .yaml; collections/ is searched"
    )
    options.add_environment(made)
    options.add_reach(made)
    options.add_selection(made)
    made.add_argument("--fail-fast", action="store_true", help="stop at the first request that fails")
    made.add_argument("--no-save", action="store_true", help="keep no captured value for later runs")
    made.add_argument("--dry-run", action="store_true", help="check everything, show what would be sent, send nothing")
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
    timeout = _timeout(chosen.timeout)
    path = options.collection_path(chosen.collection)
    with begun(path, given) as assembly:
        planned = plan.make(
            assembly.collection, assembly.environment, assembly.scope, chosen.requests, alone=chosen.alone
        )
        prepared = prepare(assembly, planned, chosen.color)
        if chosen.dry_run:
            from runner.cli import dry  # late: most runs are real

            options.out(dry.show(planned, assembly.scope, assembly.redactor))
            return errors.PASSED
        for spec in prepared.prompts:
            assembly.vault.ask(spec)
        if assembly.state and not chosen.no_save:
            assembly.state.probe()
        assembly.start_sandbox()
        return _report(chosen, assembly, planned, timeout)


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


def _timeout(written: str | None) -> float | None:
    if written is None:
        return None
    found = seconds(written)
    if not found:
        raise InputError(Problem("--timeout is not a duration", None, "write it as 10s or 2m"))
    return found


def _report(chosen: Namespace, assembly: Assembly, planned: Plan, timeout: float | None) -> int:
    """Run, telling the reporter of each step as it ends."""
    started, clock = assembly.now(), time.perf_counter()
    tally = Tally()
    interrupted = False
    guard = Guard(assembly.redactor)
    with ExitStack() as stack:
        reporter = stack.enter_context(_reporter(chosen, assembly, guard.watch(sys.stdout, "standard output")))
        ports = stack.enter_context(_ports(assembly, timeout, reporter, save=not chosen.no_save))
        try:
            for result in Session(planned, assembly.scope, ports, Shared(planned), chosen.fail_fast).run():
                tally.add(result)
                reporter.finished(result)
        except KeyboardInterrupt:
            interrupted = True
        environment = assembly.environment
        run = RunResult(
            collections=(Ran(planned.collection.name, str(planned.collection.path)),),
            environment=(environment.name or environment.id) if environment else None,
            tally=tally,
            started=started,
            duration=time.perf_counter() - clock,
            interrupted=interrupted,
        )
        reporter.ended(run)
    if assembly.redactor.warnings:
        screen.tell(assembly.redactor.warnings, color=chosen.color, redact=assembly.redactor.text)
    guard.close()
    return run.exit_code


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
def _ports(assembly: Assembly, timeout: float | None, reporter: Reporter, *, save: bool) -> Iterator[Ports]:
    """The real world: the network, the clock, the private state."""

    tokens = assembly.environment.tokens if assembly.environment else frozenset()

    def keep(values: Mapping[str, Captured]) -> None:
        # A provider's tokens are kept whatever --no-save says: other processes build on them, and they cannot be had twice.
        kept = {name: value for name, value in values.items() if save or name in tokens}
        if assembly.state and kept:
            assembly.state.save(kept)

    def started(step: Step, index: int, total: int) -> None:
        reporter.started(step.request.id, step.request.title, index, total)

    with outside.network(assembly, reporter.progress, timeout) as send:
        yield Ports(
            send,
            assembly.policy.check,
            keep,
            time.sleep,
            assembly.now,
            started,
            outside.credentials(assembly, send),
            outside.alone(assembly, send),
            assembly.redactor,
        )
