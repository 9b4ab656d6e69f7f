"""--data, --rows, --repeat and --resume: for what a collection is run, and how much of it an interrupted run has done."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from runner.cli.assemble import Assembly
from runner.cli.running import Turn
from runner.errors import InputError, Problem
from runner.project import root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.checkpoints import Checkpoint
    from runner.files.history import Source
    from runner.files.rows import Rows
    from runner.rows import Row, RowsWanted
    from runner.shards import Shard


class Turns:
    """The rows, or the repeats, of one collection. `total` is how many of them are wanted, `whole` how many there are; None:
    that will be seen. `only`: of the numbers of rows those that it says yes to (None: all).
    """

    def __init__(self, rows: Rows | None, wanted: RowsWanted, repeat: int, shard: Shard | None) -> None:
        self.rows = rows
        self.wanted = wanted
        self.repeat = repeat
        self.only: Callable[[int], bool] | None = None
        self._shard = shard
        self._begun: Iterator[Row] | None = None
        self.first = self._first()

    @property
    def whole(self) -> int | None:
        if self.rows is None:
            return self.repeat
        return None if self.rows.total is None else self.rows.total * self.repeat

    @property
    def total(self) -> int | None:
        whole = self.whole
        if whole is None or self.only is None:
            return None if whole is None else self.wanted.count(whole)
        return sum(1 for _ in self.numbers(whole))

    def numbers(self, whole: int) -> Iterator[int]:
        """Those of the `whole` that are wanted."""
        return (number for number in range(1, whole + 1) if self._wants(number))

    def _wants(self, number: int) -> bool:
        return number in self.wanted and (self.only is None or self.only(number))

    def _first(self) -> Turn:
        """What is looked at before anything is sent. Raises InputError when there is none."""
        if self.rows is None:
            return Turn(1)
        self._begun = iter(self.rows)
        row = next(self._begun, None)
        if row is None:
            raise InputError(
                Problem(f"{self.rows.name} has no rows", None, "give it one below the names of its columns")
            )
        self._begun = chain((row,), self._begun)
        return Turn(row.number, row.values)

    def __iter__(self) -> Iterator[Turn]:
        found, last = False, 0
        for turn in self._all():
            if self.wanted.stop is not None and turn.number > self.wanted.stop:
                return
            last = turn.number
            mine = self._shard is None or turn.number % self._shard.count == self._shard.number % self._shard.count
            if self._wants(turn.number):
                found = True
                if mine:
                    yield turn

        if not found and self.whole is None:  # else it has been told before anything was sent
            raise InputError(self.nothing(last))

    def nothing(self, whole: int) -> Problem:
        """That none of the `whole` is wanted."""
        name = f"{self.rows.name} has" if self.rows is not None else "-n asks for"
        what = f"{name} {whole} row{'s' * (whole != 1)}" if self.rows is not None else f"{name} {whole}"
        return Problem(
            f"--rows names none that there is: {what}", None, "they are counted from 1: `--rows 1` is the first"
        )

    def _all(self) -> Iterator[Turn]:
        if self.rows is None:
            yield from map(Turn, range(1, self.repeat + 1))
            return
        before = 0
        for _ in range(self.repeat):
            rows, self._begun = self._begun or iter(self.rows), None
            count = 0
            for row in rows:
                count += 1
                yield Turn(before + row.number, row.values)
            before += count


def add_options(parser: ArgumentParser) -> None:
    """For which rows the collections are run."""
    parser.add_argument(
        "--data", metavar="FILE|-", help="run once for each row of a CSV, JSON, JSON Lines or YAML file: <<row.Email>>"
    )
    parser.add_argument("--rows", metavar="N-M,...", help="only these rows, counted from 1: 1-100,205,300-")
    parser.add_argument("-n", "--repeat", metavar="N", help="run it all N times; <<iteration>> counts from 1")


def add_file(parser: ArgumentParser) -> None:
    """--data, for what sends nothing: with the first row."""
    parser.add_argument("--data", metavar="FILE", help="the rows that a run would be given: the first is looked at")


def of(assembly: Assembly, chosen: Namespace, repeat: int | None, shard: Shard | None = None) -> Turns | None:
    """The rows and repeats that one collection is run for; None: it is run once. Raises InputError."""
    written = assembly.collection.data
    if chosen.data is None and written is None and repeat is None:
        if chosen.rows is not None:
            hint = "give them with --data FILE, or `data:` in the collection"
            raise InputError(Problem("--rows, but there are no rows", None, hint))
        return None
    from runner import rows as numbers  # late: of runs with data

    wanted = numbers.ALL if chosen.rows is None else numbers.rows_wanted(chosen.rows)
    found: Rows | None = None
    if chosen.data is not None or written is not None:
        from runner.files import rows as files  # late: of runs with data

        if chosen.data == "-":
            found = files.read_stream(sys.stdin.buffer)
        elif chosen.data is not None:
            found = files.read_file(Path(chosen.data))
        elif written is not None:
            found = files.read_data(written)
    if found is not None and found.total is None and repeat is not None:
        message = f"-n, but the rows of {found.name} can be read once only"
        raise InputError(Problem(message, None, "write them into a file, and give that with --data"))
    return Turns(found, wanted, repeat or 1, shard)


def looking(assembly: Assembly, turns: Turns | None) -> Assembly:
    """The same, with the first row at hand: for all that looks ahead."""
    return assembly if turns is None else replace(assembly, scope=assembly.scope.apart(turns.first.layer()))


def declared(assembly: Assembly, file: str | None) -> Assembly:
    """As `looking`, for what sends nothing: with the first row of `file`, else of the one that the collection names.

    Raises InputError.
    """
    return looking(assembly, of(assembly, Namespace(data=file, rows=None), None))


def source(root: Path, turns: Turns) -> Source:
    """What a history tells the rows by."""
    from runner.files import history  # late: of runs with data that failed

    rows = turns.rows
    return history.source(root, None if rows is None else Path(rows.name), turns.whole, rows.sha256 if rows else None)


@contextmanager
def checkpoint(assembly: Assembly, turns: Turns, asked: Sequence[str], *, resume: bool) -> Iterator[Checkpoint | None]:
    """Where it is noted which rows are done; None for rows that can be read once only. Raises InputError."""
    if turns.rows is not None and turns.rows.sha256 is None and not resume:
        yield None
        return
    from runner.files import checkpoints, runs  # late: of runs with data

    root = root_of(assembly.collection.path)
    names = assembly.given.environments
    run = runs.identify(root, assembly.collection, names, asked, turns.rows, turns.wanted, turns.repeat)
    with checkpoints.begun(root, run, resume=resume) as found:
        yield found
