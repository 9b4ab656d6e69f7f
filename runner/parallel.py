"""Several requests at once: of one plan, of its data rows, of several collections; results come in the order of the files.

The thread that iterates decides which step begins and gives out results; workers do nothing but take steps. A session (the
run of one plan for one row) is begun while there is room for another request, and forgotten once its results are given out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, process_time
from typing import TypeAlias

from runner import errors
from runner.order import Order
from runner.results import StepResult
from runner.session import Session

# So many sessions for each worker may be under way, or wait for an earlier one to be given out first.
_AHEAD = 8
# Seconds between two looks at the load; the shares of a processor beyond which fewer at once are of use, below which more.
_LOOK_EVERY = 0.05
_FULL, _ROOM = 0.85, 0.6
# Seconds: what a run that was stopped at once grants to what still runs.
_LAST_WAIT = 0.5


@dataclass
class Chain:
    """A session that is under way: what of it may begin, runs, has ended."""

    session: Session
    order: Order
    done: Callable[[bool], None]  # hears of its end, and whether nothing in it failed
    ready: list[int] = field(default_factory=list)  # a heap of places
    waits: list[int] = field(default_factory=list)  # by place: how many steps it still waits for
    ended: dict[int, list[StepResult]] = field(default_factory=dict)
    running: int = 0
    next: int = 0  # the place whose results are given out next
    left: int = 0
    failed: bool = False
    cut: bool = False  # a step of it was interrupted while it waited
    _giving: set[int] = field(default_factory=set)  # places of steps that have not ended and capture what lasts

    def __post_init__(self) -> None:
        self.waits = [len(waits) for waits in self.order.before]
        self.left = len(self.waits)
        self.ready = [place for place, count in enumerate(self.waits) if not count]
        heapify(self.ready)
        self._giving = {place for place, names in enumerate(self.order.gives) if names}

    def gives(self, names: frozenset[str]) -> bool:
        """Whether a step that has not ended may still capture one of `names`."""
        return any(self.order.gives[place] & names for place in self._giving)

    def end(self, place: int, results: list[StepResult]) -> None:
        self.ended[place] = results
        self.left -= 1
        self.failed = self.failed or any(result.status in ("failed", "blocked") for result in results)
        self._giving.discard(place)
        for later in self.order.after[place]:
            self.waits[later] -= 1
            if not self.waits[later]:
                heappush(self.ready, later)
        self.cut = self.cut or any(result.exit_code == errors.INTERRUPTED for result in results)
        if not self.left and not self.cut:
            self.done(not self.failed)

    @property
    def whole(self) -> bool:
        return self.next == len(self.waits)


Job: TypeAlias = tuple[Chain, int]
Done: TypeAlias = tuple[Chain, int, list[StepResult], Exception | None]


class Load:
    """How many requests at once are of use, of `most`: fewer where they wait for the processor rather than for servers.

    The interpreter runs one thread at a time. So where this process takes all of a processor, more requests at once only take
    longer each, and hand over to each other besides.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.useful = most
        self._at = monotonic()
        self._used = process_time()

    def look(self) -> None:
        """Judge anew, when it is time, by the share of a processor that was taken since."""
        now = monotonic()
        if now - self._at < _LOOK_EVERY:
            return
        used = process_time()
        share = (used - self._used) / (now - self._at)
        self._at, self._used = now, used
        if share > _FULL:
            self.useful = max(1, self.useful // 2)
        elif share < _ROOM:
            self.useful = min(self.most, self.useful * 2)


class Workers:
    """Threads that take steps, at most `count` of them, begun when there is work. They end with the process at the latest."""

    def __init__(self, count: int, at_once: AbstractContextManager[None]) -> None:
        self.count = count
        self.busy = 0
        self._load = Load(count)
        self._at_once = at_once
        self._done: deque[Done] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()  # rung for each that is done; who waits for it may be interrupted
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Thread] = []

    @property
    def free(self) -> bool:
        self._load.look()
        return self.busy < min(self.count, self._load.useful)

    def take(self, chain: Chain, place: int) -> None:
        """Have the step at `place` taken; `done` tells of it."""
        self.busy += 1
        chain.running += 1
        if self._load.useful == 1 and self.busy == 1:
            self._take_here(chain, place)  # to hand it over would take longer than it gains
            return
        if len(self._threads) < min(self.busy, self.count):
            # Daemons: a person who interrupts twice does not wait for an answer.
            thread = Thread(target=self._work, daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # the system gives no more threads: those that there are do it all
                self.count = max(len(self._threads), 1)
        if self._threads:
            self._jobs.put((chain, place))
        else:
            self._take_here(chain, place)

    def wait(self) -> Done:
        """What is done next. A signal's handler runs meanwhile."""
        while not self._done:  # the bell rings once too often for those that `ended` has given
            with self._at_once:
                self._bell.get()
        return self._ended()

    def ended(self) -> Iterator[Done]:
        """What is done by now."""
        while self._done:
            yield self._ended()

    def _ended(self) -> Done:
        found = self._done.popleft()
        self.busy -= 1
        found[0].running -= 1
        return found

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    def join(self, seconds: float) -> None:
        """Wait for what is under way, at most so long."""
        end = monotonic() + seconds
        with suppress(Empty):
            while self.busy and (left := end - monotonic()) > 0:
                if self._done:
                    self._ended()
                else:
                    self._bell.get(timeout=left)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._take(*job)

    def _take_here(self, chain: Chain, place: int) -> None:
        try:
            with self._at_once:
                self._take(chain, place)
        except KeyboardInterrupt:
            self.busy -= 1
            chain.running -= 1
            raise

    def _take(self, chain: Chain, place: int) -> None:
        results: list[StepResult] = []
        error: Exception | None = None
        try:
            results.extend(chain.session.step(chain.session.plan.steps[place]))
        except Exception as caught:  # raised again when what runs beside it has ended
            if errors.is_interrupt(caught):
                raise
            error = caught
        self._done.append((chain, place, results, error))
        self._bell.put(None)


class Run:
    """Runs all `chains`, `workers` requests at once; asks for the next chain when there is room for it.

    `stop` is asked before each step begins: what runs then ends, and its results are the last. Only within `at_once`, where it
    waits, may a KeyboardInterrupt be raised. After a failure with --fail-fast nothing begins; what is left of the chains under
    way is skipped.
    """

    def __init__(
        self,
        chains: Iterator[Chain],
        workers: int,
        stop: Callable[[], bool],
        at_once: AbstractContextManager[None],
    ) -> None:
        self._chains = chains
        self._crew = Workers(workers, at_once)
        self._stop = stop
        self._under_way: deque[Chain] = deque()
        self._more = True
        self._failed: str | None = None
        self._error: Exception | None = None

    def results(self) -> Iterator[StepResult]:
        """Each step as its turn comes. An error that is no result is raised when what runs has ended, and was given out."""
        try:
            while True:
                while self._crew.free and self._goes_on() and self._begin():
                    pass
                yield from self._given_out()
                if self._crew.busy:
                    self._end(*self._crew.wait())
                elif not self._goes_on() or not (self._under_way or self._more):
                    break  # else there was no room for another chain, and is now that these have been given out
            yield from self._left_over()
        finally:
            self._crew.close()
        if self._error is not None:
            raise self._error

    def rest(self) -> Iterator[StepResult]:
        """What has ended and was not given out, when `results` was interrupted."""
        for done in self._crew.ended():
            self._end(*done)
        yield from self._left_over()

    def wait(self) -> None:
        """Wait for what still runs, but not for long: its connections have been closed."""
        self._crew.join(_LAST_WAIT)

    def _goes_on(self) -> bool:
        return self._failed is None and self._error is None and not self._stop()

    def _end(self, chain: Chain, place: int, results: list[StepResult], error: Exception | None) -> None:
        if error is not None:
            self._error = self._error or error
            chain.cut = True
        chain.end(place, results)
        chain.session.end(place)
        failed = next((r.id for r in results if r.status == "failed"), None)
        if failed is not None and chain.session.fail_fast:
            self._failed = self._failed or failed

    def _begin(self) -> bool:
        """Begin one step, the earliest that may; whether there was one."""
        for number, chain in enumerate(self._under_way):
            held: list[int] = []
            begun = False
            while chain.ready and not begun:
                place = heappop(chain.ready)
                names = chain.order.shared[place]
                if names and any(earlier.gives(names) for earlier in _first(self._under_way, number)):
                    held.append(place)
                    continue
                chain.session.begin(place)
                self._crew.take(chain, place)
                begun = True
            for place in held:
                heappush(chain.ready, place)
            if begun:
                return True
        if self._more and len(self._under_way) < self._crew.count * _AHEAD:
            found = next(self._chains, None)
            if found is not None:
                self._under_way.append(found)
                return True
            self._more = False
        return False

    def _given_out(self) -> Iterator[StepResult]:
        """The results whose turn it is."""
        while self._under_way:
            chain = self._under_way[0]
            while chain.next in chain.ended:
                results = chain.ended[chain.next]
                while results:  # one by one: an interrupt finds in it what has not been told
                    yield results.pop(0)
                del chain.ended[chain.next]
                chain.next += 1
            if not chain.whole:
                return
            self._under_way.popleft()

    def _left_over(self) -> Iterator[StepResult]:
        """What ran though something before it had not; with --fail-fast also what has not run."""
        for chain in self._under_way:
            for place, step in enumerate(chain.session.plan.steps):
                if place < chain.next:
                    continue
                if place in chain.ended:
                    yield from chain.ended.pop(place)
                elif self._failed is not None:
                    yield chain.session.left_out(step, self._failed)


def _first(chains: deque[Chain], count: int) -> Iterator[Chain]:
    for number, chain in enumerate(chains):
        if number == count:
            return
        yield chain
