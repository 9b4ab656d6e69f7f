"""What happened: the one tree from which every report and the exit status are computed."""

from __future__ import annotations

from collections.abc import Iterable
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


@record
class StepResult:
    """One request of the run, or one item of its for-each.

    skipped: its `when` or `skip` said no (`reason` gives the expression). blocked: something that it depends on failed,
    or a value that it needs was never captured. failed: sent (or tried), and a check, a capture, the network or a policy
    said no. `exit_code` is what this step alone would end with. `renewed` holds the steps run on its behalf by `renew`.
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


def exit_code(steps: Iterable[StepResult]) -> int:
    """The exit status of a run: the deepest cause among its steps; a blocked step adds none of its own."""
    seen = {step.exit_code for step in steps}
    return next((code for code in _PRECEDENCE if code in seen), errors.PASSED)


@record
class RunResult:
    """A whole run. `started` is seconds since the epoch; `interrupted` tells that the person stopped it."""

    collection: str
    environment: str | None
    steps: tuple[StepResult, ...]
    started: float
    duration: float
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        return errors.INTERRUPTED if self.interrupted else exit_code(self.steps)

    def count(self, status: Status) -> int:
        return sum(step.status == status for step in self.steps)
