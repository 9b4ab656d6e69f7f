"""`zrun run`: send the requests of collections in order, chained, judged, reported."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from runner import errors
from runner.cli import beforehand, data, options, screen
from runner.cli.assemble import all_begun
from runner.cli.demands import Demands
from runner.cli.execution import Execution
from runner.cli.given import Given, given
from runner.cli.parts import listed
from runner.cli.parts import of as parts_of
from runner.cli.stopping import Stop, listening
from runner.errors import Cancelled, InputError, Problem, is_interrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.films import Film

_EPILOG = """\
examples:
  zrun collections/self_client.yaml -e us                 run it all, in order
  zrun collections/self_client.yaml -e us -r leads/read   run one request and, first, just what it needs
  zrun collections -e us -t smoke -j 8                    what is tagged `smoke` in all collections, 8 requests at once
  zrun collections/self_client.yaml -e us --dry-run       show what would be sent; send nothing
  zrun collections/self_client.yaml -e us -vv             show every request and response, secrets masked

exit status: 0 all passed, 1 an expectation failed or a value is missing, 2 files or arguments (nothing was sent),
3 network, TLS or timeout, 4 credentials refused, 5 a secret would have gone, or went, where it may not, 130 interrupted
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
    if chosen.quiet and chosen.verbose:
        raise InputError(Problem("-q shows less and -v shows more", None, "leave one of them out"))
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
            read.update(beforehand.inputs(chosen, parts), film.files() if film else (), *environments)
        if chosen.list:
            options.out("".join(f"{line}\n" for line in listed(parts)))
            return errors.PASSED
        if not parts:
            options.out(f"nothing to run: the requests are those of other shards than {chosen.shard}")
            return errors.PASSED
        prompts = beforehand.prompts(chosen, parts)
        if chosen.dry_run:
            from runner.cli import dry  # late: most runs are real

            options.out("".join(dry.show(part.plan, part.looking.scope, part.looking.redactor) for part in parts))
            return errors.PASSED
        reports = beforehand.reports(chosen, parts)
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
        return Execution(chosen, parts, demands, reports, film, stop).run()


def _film(chosen: Namespace, paths: Sequence[Path], words: Given, stack: ExitStack) -> Film | None:
    """What records the run, or answers it from a recording. Raises InputError."""
    if not (chosen.record or chosen.replay):
        return None
    from runner.cli import films  # late: of these two options

    return films.of(chosen, paths, words, stack)
