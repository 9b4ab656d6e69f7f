"""--last-failed: of each collection the requests that failed, each for the rows that it failed for and no other.

A row that passed is not sent again: at the server it would be there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runner.cli import data
from runner.cli.assemble import Assembly
from runner.errors import InputError, Problem
from runner.files import history
from runner.files.history import FailedRows
from runner.plan import Plan
from runner.project import root_of
from runner.records import record
from runner.rows import RowsWanted

_MOST = 10  # so many ranges of rows are told


@record
class Failed:
    """What failed of one collection: the rows of each request, by its id; None: it was not run for rows."""

    requests: Mapping[str, RowsWanted | None]

    def of_row(self, number: int) -> frozenset[str]:
        """The requests that failed for a row."""
        return frozenset(name for name, rows in self.requests.items() if rows is not None and number in rows)


def read(assemblies: Sequence[Assembly], turns: Sequence[data.Turns | None]) -> tuple[list[Failed], list[Problem]]:
    """What failed of each collection, and warnings.

    Raises InputError when nothing failed, and when it failed for other rows than those that are at hand.
    """
    found: list[Failed] = []
    told: list[Problem] = []
    refused: list[Problem] = []
    for one, mine in zip(assemblies, turns, strict=True):
        path = one.collection.path
        known = history.failed(root_of(path), one.environment.id if one.environment else None, path)
        known = {name: rows for name, rows in known.items() if one.collection.get(name) is not None}
        usable = {name: rows for name, rows in known.items() if _matches(rows, one, mine)}
        if known and not usable:
            refused.append(_other(next(iter(known.values())), one, mine))
        if (
            mine is not None
            and mine.rows is not None
            and any(rows and _changed(rows, mine) for rows in usable.values())
        ):
            message = f"{mine.rows.name} has changed since the last run: rows are found by their numbers"
            told.append(Problem(message, None, "were rows moved, choose them by --rows instead", warning=True))
        found.append(Failed({name: rows.rows if rows else None for name, rows in usable.items()}))
    if refused and not any(one.requests for one in found):
        raise InputError(refused)
    if not any(one.requests for one in found):
        raise InputError(Problem("no request failed in the last run", None, "leave --last-failed out to run them all"))
    return found, told


def plans(failed: Failed, make: Callable[[frozenset[str]], Plan]) -> Callable[[int], Plan]:
    """The plan of a row, by its number: what failed for it, and what that needs. Rows that are alike share theirs."""
    made: dict[frozenset[str], Plan] = {}

    def of(number: int) -> Plan:
        ids = failed.of_row(number)
        if ids not in made:
            made[ids] = make(ids)
        return made[ids]

    return of


def _matches(rows: FailedRows | None, one: Assembly, turns: data.Turns | None) -> bool:
    """Whether the rows that are at hand are those that a request failed for."""
    if rows is None or turns is None:
        return rows is None and turns is None
    now = data.source(root_of(one.collection.path), turns)
    if rows.source.data != now.data:
        return False
    return now.data == "" or (rows.source.total is not None and rows.source.total == now.total)


def _changed(rows: FailedRows, turns: data.Turns) -> bool:
    return turns.rows is not None and turns.rows.sha256 != rows.source.sha256


def _other(rows: FailedRows | None, one: Assembly, turns: data.Turns | None) -> Problem:
    """Why what failed cannot be told among the rows that are at hand."""
    name = one.collection.path.name
    if rows is None:
        hint = "leave --data and -n out, or --last-failed"
        return Problem(f"the requests of {name} that failed were not run for rows", None, hint)
    then = rows.source
    if turns is None or data.source(root_of(one.collection.path), turns).data != then.data:
        message = f"the requests of {name} that failed were run for {'rows' if then.data else 'repeats'}"
        again = f"the rows of {Path(then.data).name} again: --data FILE" if then.data else "-n again"
        return Problem(message, None, f"give {again}")
    if then.total is None or turns.whole is None:
        message = "the rows that failed cannot be found again: they were not of a file"
        hint = f"write them into a file, and choose with --data FILE --rows {_numbers(rows.rows)}"
    else:
        message = f"{turns.rows.name if turns.rows else name} had {then.total} rows in the last run, and has {turns.whole} now"
        hint = f"rows {_numbers(rows.rows)} had failed: find them, and choose with --rows"
    return Problem(message, None, hint)


def _numbers(rows: RowsWanted) -> str:
    shown = [f"{first}" if first == last else f"{first}-{last or ''}" for first, last in rows.ranges]
    return ",".join(shown[:_MOST]) + (" and more" if len(shown) > _MOST else "")
