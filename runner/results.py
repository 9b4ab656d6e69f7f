"""What happened: the one tree from which every report and the exit status are computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from runner import errors
from runner.errors import Location, Problem
from runner.exchange import Exchange, Response
from runner.judgement import CheckResult
from runner.records import record

Status: TypeAlias = Literal["passed", "failed", "skipped", "blocked"]


@record
class CaptureResult:
    """One captured variable: never its value. `kept` tells that it was written to the environment's private state."""

    name: str
    location: Location
    secret: bool
    kept: bool
    problem: Problem | None = None


def of(row: int | None, *, repeat: bool) -> str | None:
    """`row 3`, or `repeat 3` where there is no data; None where there is neither."""
    return None if row is None else f"{'repeat' if repeat else 'row'} {row}"


@record
class StepResult:
    """One request of the run, or one item of its for-each.

    skipped: its `when` or `skip` said no (`reason` gives the expression). blocked: something that it depends on failed,
    or a value that it needs was never captured. failed: sent (or tried), and a check, a capture, the network or a policy
    said no. `exit_code` is what this step alone would end with: 0 where a failed one blocks it. `renewed` holds the steps run
    on its behalf by `renew`. `collection` is the file of the collection, and `row` counts the rows of data from 1 (None: there
    are none), where `repeat` is set the repeats of a run without data.
    """

    id: str
    title: str
    status: Status
    location: Location
    started: float
    duration: float = 0.0
    reason: str = ""
    item: str | None = None
    exchanges: tuple[Exchange, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    captures: tuple[CaptureResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    renewed: tuple[StepResult, ...] = ()
    exit_code: int = errors.PASSED
    saved: str | None = None
    collection: str = ""
    row: int | None = None
    repeat: bool = False

    @property
    def of(self) -> str | None:
        """Which row of data it is for, or which repeat of the run, in words."""
        return of(self.row, repeat=self.repeat)

    @property
    def response(self) -> Response | None:
        """The last response, if any came."""
        return next((e.response for e in reversed(self.exchanges) if e.response is not None), None)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if not check.passed)


# Which status a run ends with when its steps fail in different ways: the deepest cause first.
_PRECEDENCE = (
    errors.INTERNAL,
    errors.INTERRUPTED,
    errors.POLICY,
    errors.BAD_INPUT,
    errors.CREDENTIALS,
    errors.NETWORK,
    errors.FAILED,
)


def deepest(codes: Collection[int]) -> int:
    """The exit status of a run: the deepest cause among those of its steps; what a failed step blocks adds none of its own."""
    return next((code for code in _PRECEDENCE if code in codes), errors.PASSED)


class Tally:
    """What steps come to, one after the other: all that is known of a run whose steps are no longer at hand."""

    def __init__(self, counts: Mapping[Status, int] | None = None) -> None:
        self.counts: dict[Status, int] = dict(counts or {})
        self.codes: set[int] = set()

    def add(self, step: StepResult) -> None:
        self.counts[step.status] = self.counts.get(step.status, 0) + 1
        self.codes.add(step.exit_code)


@record
class Ran:
    """A collection of the run: its display name, and its file."""

    name: str
    file: str


@record
class RunResult:
    """A whole run, but for its steps: reporters have heard of each, and a long run keeps none.

    `started` is seconds since the epoch, `duration` seconds; `interrupted` tells that the person stopped it. `problems` are
    those of the run itself, such as a row of data that cannot be read. `rows` counts the data rows that were run to their
    end (None: a run without data), `earlier` those that an interrupted run had finished before. `repeats`: there was no
    data, and these were repeats.
    """

    collections: tuple[Ran, ...]
    environment: str | None
    tally: Tally
    started: float
    duration: float
    interrupted: bool = False
    problems: tuple[Problem, ...] = ()
    rows: int | None = None
    earlier: int = 0
    repeats: bool = False

    @property
    def exit_code(self) -> int:
        codes = self.tally.codes | ({errors.BAD_INPUT} if self.problems else set())
        return errors.INTERRUPTED if self.interrupted else deepest(codes)

    @property
    def total(self) -> int:
        return sum(self.tally.counts.values())

    def count(self, status: Status) -> int:
        return self.tally.counts.get(status, 0)
