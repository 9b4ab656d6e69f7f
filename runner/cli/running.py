"""From plans that are ready to results: sessions are made one after the other, and run singly or several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from runner.cli.stopping import Stop
from runner.errors import InputError, Problem
from runner.plan import Plan
from runner.records import record
from runner.results import StepResult
from runner.scope import Scope
from runner.session import Ports, Session, Shared
from runner.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner import parallel
    from runner.parallel import Chain


@record
class Turn:
    """One of several runs of a collection: its number, from 1, and the row of data that it is for (None: there is none)."""

    number: int
    values: Mapping[str, Value] | None = None

    def layer(self) -> dict[str, Value]:
        """The variables that the run has besides: each column, `row` with all of them, and `iteration`."""
        if self.values is None:
            return {"iteration": self.number}
        return {**self.values, "row": dict(self.values), "iteration": self.number}


class Ready:
    """A collection that can run. `turns`: once for each of them (None: once). `finished` hears of the end of each,
    and whether nothing in it failed. `plan_of` gives the part of `plan` that is run for a row, by its number (None: all of it).
    """

    def __init__(
        self,
        plan: Plan,
        scope: Scope,
        ports: Ports,
        turns: Iterable[Turn] | None,
        finished: Callable[[Turn, bool], None],
        plan_of: Callable[[int], Plan] | None = None,
    ) -> None:
        self.plan = plan
        self.scope = scope
        self.ports = ports
        self.turns = turns
        self.finished = finished
        self.plan_of = plan_of or (lambda _number: plan)


class Run:
    """A run of several collections, `workers` requests at once.

    `problems` are those of the run itself, that ended it: a row that cannot be read. `turns` counts those that were run to
    their end; `whole` tells that all have begun.
    """

    def __init__(self, ready: Sequence[Ready], stop: Stop, fail_fast: bool, workers: int) -> None:
        self.ready = ready
        self.stop = stop
        self.fail_fast = fail_fast
        self.workers = workers
        self.problems: list[Problem] = []
        self.turns = 0
        self.whole = False
        self._at_once: parallel.Run | None = None
        self._unnoted = False

    def results(self) -> Iterator[StepResult]:
        """Each step as its turn comes, in the order of collections, rows and requests."""
        if self.workers > 1:
            from runner import parallel  # late: of runs with -j

            self._at_once = parallel.Run(self._chains(), self.workers, self._over, self.stop.at_once)
            yield from self._at_once.results()
            return
        for session, done in self._sessions():
            failed = False
            for result in self._interruptible(session.run()):
                failed = failed or result.status in ("failed", "blocked")
                yield result
            if session.whole:
                done(not failed)
            if self._over() or (failed and self.fail_fast):
                return

    def _interruptible(self, results: Iterator[StepResult]) -> Iterator[StepResult]:
        """`results`, where a signal may end the making of one, but not what is done with it."""
        while True:
            with self.stop.at_once:
                result = next(results, None)
            if result is None:
                return
            yield result

    def rest(self) -> Iterator[StepResult]:
        """After a KeyboardInterrupt: what of `results` had ended, and waited for its turn."""
        return self._at_once.rest() if self._at_once else iter(())

    def wait(self) -> None:
        """Give what still runs, of a run that was stopped at once, the time to leave nothing half written."""
        if self._at_once:
            self._at_once.wait()

    def _over(self) -> bool:
        """Whether nothing more is to begin: a person stops it, or which rows are done can no longer be noted."""
        return self.stop() or self._unnoted

    def _chains(self) -> Iterator[Chain]:
        from runner import order  # late: of runs with -j
        from runner.parallel import Chain  # late: of runs with -j

        orders: dict[int, order.Order] = {}
        for session, done in self._sessions():
            found = orders.get(id(session.plan))
            if found is None:
                found = orders[id(session.plan)] = order.of(session.plan)
            yield Chain(session, found, done)

    def _sessions(self) -> Iterator[tuple[Session, Callable[[bool], None]]]:
        """Each session, and who is to hear that it has ended."""
        apart = len(self.ready) > 1
        for one in self.ready:
            shared = Shared(one.plan)
            if one.turns is None:
                scope = one.scope.apart() if apart else one.scope
                yield Session(one.plan, scope, one.ports, shared, self.fail_fast, stop=self.stop), lambda _: None
                continue
            try:
                for turn in one.turns:
                    scope = one.scope.apart(turn.layer())
                    plan = one.plan_of(turn.number)
                    session = Session(plan, scope, one.ports, shared, self.fail_fast, turn.number, self.stop)
                    session.repeat = turn.values is None
                    yield session, self._turn_done(one, turn)
            except InputError as error:
                self.problems.extend(error.problems)
                return
        self.whole = True

    def _turn_done(self, ready: Ready, turn: Turn) -> Callable[[bool], None]:
        def done(passed: bool) -> None:
            self.turns += 1
            try:
                ready.finished(turn, passed)
            except InputError as error:
                self._unnoted = True
                self.problems.extend(error.problems)

        return done
