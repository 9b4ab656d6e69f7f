"""The collections of a run: what is selected of each, for which rows, and how far an interrupted run has come with it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from runner import plan
from runner.cli import data, options, screen
from runner.cli.assemble import Assembly
from runner.cli.demands import Demands
from runner.cli.running import Turn
from runner.errors import InputError, Problem
from runner.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.checkpoints import Checkpoint
    from runner.selection import Selection

_MOST = 10  # so many rows are told by their numbers


class Part:
    """A collection of the run: `looking` has the first row at hand; it is run for each of `turns` (None: once). `plan_of`
    a row, by its number, is a part of `plan`, where not all rows run the same (None: they do).
    """

    def __init__(self, assembly: Assembly, looking: Assembly, planned: Plan, turns: data.Turns | None) -> None:
        self.plan_of: Callable[[int], Plan] | None = None
        self.assembly = assembly
        self.looking = looking
        self.plan = planned
        self.turns = turns


def of(assemblies: Sequence[Assembly], chosen: Namespace, demands: Demands) -> list[Part]:
    """The collections of which something is selected. Raises InputError when nothing is, unless it is another shard's."""
    turns = [data.of(one, chosen, demands.repeat, demands.shard) for one in assemblies]
    looking = [data.looking(one, found) for one, found in zip(assemblies, turns, strict=True)]
    wanted = options.read_selection(chosen)
    none = [one.nothing(one.whole or 0) for one in turns if one is not None and one.total == 0]
    if none and len(none) == len(turns):
        raise InputError(none)
    if chosen.last_failed:
        from runner.cli import last_failed  # late: of the option alone

        failed, told = last_failed.read(assemblies, turns)
        if told:
            screen.tell(told, color=chosen.color)
        ids = {str(one.collection.path): frozenset(f.requests) for one, f in zip(assemblies, failed, strict=True)}
        wanted = _only(wanted, ids)
    plans = _planned(looking, wanted)
    if demands.shard is not None and not any(turns):
        from runner import shards  # late: of runs that are divided

        mine = shards.share(plans, demands.shard, _took(chosen.durations))
        plans = [_plan(one, _only(wanted, mine)) for one in looking]
    found = zip(assemblies, looking, plans, turns, strict=True)
    parts = [Part(one, look, planned, rows) for one, look, planned, rows in found]
    if chosen.last_failed:
        for part, of_part in zip(parts, failed, strict=True):
            if part.turns is not None:
                _choose_rows(part, part.turns, last_failed.plans(of_part, _planner(part.looking, wanted)))
        if all(part.turns is not None and part.turns.total == 0 for part in parts if part.plan.steps):
            hint = "rows that failed are not among those of --rows, or -r names what did not fail"
            raise InputError(Problem("no row that failed is left to run", None, hint))
    return [part for part in parts if part.plan.steps]


def _planner(one: Assembly, wanted: Selection | None) -> Callable[[frozenset[str]], Plan]:
    """Makes the plan of some requests of a collection, and of what they need."""
    return lambda ids: _plan(one, _only(wanted, {str(one.collection.path): ids}))


def _choose_rows(part: Part, turns: data.Turns, plan_of: Callable[[int], Plan]) -> None:
    """Run a part for those rows alone that have a plan with something in it."""
    part.plan_of = plan_of
    turns.only = lambda number: bool(plan_of(number).steps)


def _took(written: str | None) -> Callable[[str, str], float | None]:
    """The seconds of each request, by its collection's file and its id, in a saved report. Raises InputError."""
    if written is None:
        return lambda _file, _id: None
    from runner.reporters.documents import saved  # late: of the option alone
    from runner.reporters.documents.spool import Spool  # late: of the option alone

    found: dict[tuple[str, str], float] = {}
    try:
        with Spool() as spool, Path(written).open(encoding="utf-8") as file:
            for step in saved.read(file, written, spool).steps:
                key = step.collection, step.id
                found[key] = found.get(key, 0.0) + step.duration
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(Problem(f"{written} cannot be read: {why}", None, "name a JSON report")) from None
    return lambda file, name: found.get((file, name))


def _only(wanted: Selection | None, ids: Mapping[str, frozenset[str]]) -> Selection:
    from runner.selection import Selection  # late: most runs are of a whole collection

    return Selection(only=ids) if wanted is None else replace(wanted, only=ids)


def _plan(one: Assembly, wanted: Selection | None) -> Plan:
    return plan.make(one.collection, one.environment, one.scope, wanted, empty=True)


def _planned(assemblies: Sequence[Assembly], wanted: Selection | None) -> list[Plan]:
    """The plan of each collection; it may have no steps. Raises InputError when nothing is selected of any."""
    if len(assemblies) == 1:
        one = assemblies[0]
        return [plan.make(one.collection, one.environment, one.scope, wanted)]
    from runner import selection  # late: most runs are of one collection

    unmet = selection.unknown([one.collection for one in assemblies], wanted) if wanted else ()
    if unmet:
        raise InputError(unmet)
    plans = [_plan(one, wanted) for one in assemblies]
    if not any(planned.steps for planned in plans):
        raise InputError(selection.nothing())
    return plans


def listed(parts: Sequence[Part]) -> Iterator[str]:
    """The id of each request of the plans; where there are several collections, after its file and a tab."""
    for part in parts:
        before = f"{part.plan.collection.path}\t" if len(parts) > 1 else ""
        yield from (f"{before}{step.request.id}" for step in part.plan.steps)


def checkpoint(chosen: Namespace, part: Part, stack: ExitStack) -> Checkpoint | None:
    """Where it is noted which rows are done. Raises InputError when there is nothing to resume."""
    if part.turns is None:
        if chosen.resume:
            hint = "give the rows that it had: --data FILE, or -n"
            raise InputError(Problem("--resume, but this is no run over rows", None, hint))
        return None
    asked = [word for pair in _asked(chosen) for word in pair]
    if (chosen.no_save or chosen.replay) and not chosen.resume:
        return None
    found = stack.enter_context(data.checkpoint(part.assembly, part.turns, asked, resume=chosen.resume))
    if found and found.cut:
        screen.tell([_cut(found.cut)], color=chosen.color)
    return found


def _cut(rows: Sequence[int]) -> Problem:
    """What to tell of rows that an interrupted run had begun."""
    shown = f"{', '.join(map(str, rows[:_MOST]))}{f' and {len(rows) - _MOST} more' if len(rows) > _MOST else ''}"
    one = len(rows) == 1
    message = f"row{'' if one else 's'} {shown} had begun when the run was interrupted, and {'is' if one else 'are'} sent again"
    hint = f"see at the server what of {'it' if one else 'them'} was done already"
    return Problem(message, None, hint, warning=True)


def _asked(chosen: Namespace) -> Iterator[tuple[str, str]]:
    """What of the command line chooses requests."""
    for option, words in (("-r", chosen.requests), ("-t", chosen.tags), ("--skip-tag", chosen.skip_tags)):
        yield from ((option, word) for word in words)
    for option, word in (
        ("--from", chosen.first),
        ("--alone", chosen.alone and "yes"),
        ("--last-failed", chosen.last_failed and "yes"),
    ):
        if word:
            yield option, word


def left(turns: data.Turns | None, found: Checkpoint | None) -> Iterable[Turn] | None:
    """The rows that are yet to be run, each noted as begun. While they are gone through, raises InputError."""
    if turns is None or found is None:
        return turns
    return _begun(turns, found)


def _begun(turns: data.Turns, found: Checkpoint) -> Iterator[Turn]:
    for turn in turns:
        if turn.number not in found.finished:
            found.began(turn.number)
            yield turn


def noting(found: Checkpoint | None) -> Callable[[Turn, bool], None]:
    return lambda turn, passed: found.done(turn.number, passed=passed) if found else None


def total(parts: Sequence[Part], checkpoints: Sequence[Checkpoint | None]) -> int | None:
    """How many requests there are to run; None where the rows cannot be counted before."""
    count = 0
    for part, found in zip(parts, checkpoints, strict=True):
        turns = 1 if part.turns is None else part.turns.total
        if turns is None:
            return None
        if part.turns is not None and part.plan_of is not None:
            done = found.finished if found else ()
            left_over = (number for number in part.turns.numbers(part.turns.whole or 0) if number not in done)
            count += sum(len(part.plan_of(number).steps) for number in left_over)
            continue
        count += len(part.plan.steps) * (turns - (len(found.finished) if found else 0))
    return count
