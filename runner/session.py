"""A plan run once: each step decided, sent, captured and judged, one StepResult after the other.

`Session.run` does it in order; `parallel.py` calls `Session.step` for several at once.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from runner import attempts, captures, errors, judgement, plan, render, tree
from runner.attempts import Sent
from runner.collection import AuthSpec, RequestSpec
from runner.credentials import Auth
from runner.errors import (
    Cancelled,
    CredentialsError,
    InputError,
    NetworkError,
    OutsideError,
    PolicyError,
    Problem,
    ZrunError,
)
from runner.exchange import Call, Journal, Response, all_secrets
from runner.judgement import CheckResult
from runner.plan import Plan, Step
from runner.predicates import Expectation
from runner.queries import Query
from runner.redact import Redactor
from runner.results import CaptureResult, Status, StepResult
from runner.scope import Captured, Scope
from runner.template import NoValue
from runner.values import Value, as_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.replacing import Endpoints


@dataclass(frozen=True)
class Ports:
    """The outside world, as a run needs it.

    `send` raises NetworkError or PolicyError; `allow` raises PolicyError when a call's secrets may not go to its host; `keep`
    writes captured values durably before it returns; `sleep` raises Cancelled when the person stops the run meanwhile;
    `started` and `stopped` hear of each request (and for which data row) before it is sent, and when it has ended.
    `credentials` gives what signs a request; it tells of the token requests that it makes on the way, each as a step of its
    own. `alone` keeps other processes from asking for the same tokens as a request that captures a provider's, after it took
    over what they have captured; it gives what opens the journal for the answer, or None for any other request. `endpoints`
    knows where the token endpoint of a variable's provider is. `redactor` knows every secret that was sent or captured.
    `during` is entered while a step is taken, and within it while another request renews for it; `renews` tells whether a
    renewal is this step's to make: in a replay it is so where it was when the run was recorded.
    `snapshot` compares what passed with what is kept of it, for the data row and the item of a for-each; None: nothing is.
    """

    send: Callable[[Call], Response]
    allow: Callable[[Call], None]
    keep: Callable[[Mapping[str, Captured]], None]
    sleep: Callable[[float], None]
    now: Callable[[], float]
    started: Callable[[Step, int | None], None]
    stopped: Callable[[Step, int | None], None]
    credentials: Callable[[AuthSpec, Scope, Callable[[StepResult], None]], Auth]
    alone: Callable[[RequestSpec], AbstractContextManager[Callable[[], Journal] | None]]
    endpoints: Endpoints
    redactor: Redactor = field(default_factory=Redactor)
    during: Callable[[str, int | None], AbstractContextManager[None]] = lambda _id, _row: nullcontext()
    renews: Callable[[str], bool] = lambda _id: True
    snapshot: Callable[[RequestSpec, Response, int | None, int | None], list[CheckResult]] | None = None


class Shared:
    """What the rows of one plan have in common."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.file = str(plan.collection.path)
        self._renewing: dict[str, LockType] = {}
        self._lock = allocate_lock()

    def renewing(self, request_id: str) -> LockType:
        """Whoever holds this renews by that request: the others wait, and find it done."""
        with self._lock:
            return self._renewing.setdefault(request_id, allocate_lock())


@dataclass
class Session:
    """One run of one plan: of the whole collection, or of it for one data row (`row`, from 1).

    `outcomes` is how each request ended so far: what depends on a failed one is blocked. `stop` is asked before each step: a
    run that it ends keeps its results so far. `whole` tells that `run` has taken every step. `repeat`: there is no data, and
    `row` counts how often the plan is run.
    """

    plan: Plan
    scope: Scope
    ports: Ports
    shared: Shared
    fail_fast: bool = False
    row: int | None = None
    stop: Callable[[], bool] = lambda: False
    outcomes: dict[str, StepResult] = field(default_factory=dict)
    whole: bool = False
    repeat: bool = False

    def run(self) -> Iterator[StepResult]:
        """Run the plan in order. Yields a result for each step (for each item, where there is a for-each)."""
        stopped_by: str | None = None
        cut = False
        for index, step in enumerate(self.plan.steps):
            if self.stop():
                return
            if stopped_by is not None:
                yield self.left_out(step, stopped_by)
                continue
            self.begin(index)
            for result in self.step(step):
                yield result
                if result.status == "failed" and self.fail_fast:
                    stopped_by = result.id
                cut = cut or result.exit_code == errors.INTERRUPTED
            self.end(index)
        self.whole = stopped_by is None and not cut

    def begin(self, place: int) -> None:
        """Tell that the step at `place` begins."""
        self.ports.started(self.plan.steps[place], self.row)

    def end(self, place: int) -> None:
        """Tell that the step at `place` has ended."""
        self.ports.stopped(self.plan.steps[place], self.row)

    def left_out(self, step: Step, stopped_by: str) -> StepResult:
        """The result of a step that --fail-fast keeps from being run."""
        return self._not_sent(step.request, "skipped", f"not run: {stopped_by} failed, and --fail-fast is on")

    def step(self, step: Step) -> Iterator[StepResult]:
        """Take one step, whose turn it is. May be called from several threads, for steps that may run at once."""
        with self.ports.during(step.request.id, self.row):
            for result in self._step(step.request):
                self._remember(result)
                yield result
                if result.status == "failed" and self.fail_fast:
                    return

    def _remember(self, result: StepResult) -> None:
        """Of a for-each, the worst item is what counts for those that depend on it."""
        earlier = self.outcomes.get(result.id)
        if earlier is None or result.item is None or earlier.status not in ("failed", "blocked"):
            self.outcomes[result.id] = result

    def _step(self, request: RequestSpec) -> Iterator[StepResult]:
        scope = self.scope.at(request)
        blocker = self._blocker(request)
        if blocker:
            yield self._not_sent(request, "blocked", blocker)
            return
        try:
            if request.skip:
                yield self._not_sent(
                    request, "skipped", request.skip if isinstance(request.skip, str) else "`skip` is set"
                )
                return
            if not plan.holds(request, scope):
                yield self._not_sent(request, "skipped", plan.why_not(request, scope))
                return
            if request.for_each is None:
                yield self._once(request, scope)
                return
            items = tree.render(request.for_each.items, scope)
            if not isinstance(items, list):
                raise InputError(
                    Problem(
                        "`for-each` is not a list",
                        request.for_each.location,
                        "give a list, or a variable that holds one",
                    )
                )
        except ZrunError as error:
            yield self._failed(request, self.ports.now(), error)
            return
        yield from self._each(request, scope, items)

    def _once(self, request: RequestSpec, scope: Scope) -> StepResult:
        """`_one`, unless another process has just done what it is for."""
        with self.ports.alone(request) as begin:
            if begin is None:
                return self._one(request, scope)
            if not plan.holds(request, scope):
                return self._not_sent(request, "skipped", plan.why_not(request, scope))
            return self._one(request, scope, journal=begin())

    def _each(self, request: RequestSpec, scope: Scope, items: list[Value]) -> Iterator[StepResult]:
        assert request.for_each is not None
        if not items:
            yield self._not_sent(request, "skipped", "its `for-each` is empty")
        for number, item in enumerate(items, start=1):
            if self.stop():
                error = Cancelled(Problem("interrupted before this item was sent", request.location, "run it again"))
                yield replace(self._failed(request, self.ports.now(), error), item=self._shown(item))
                return
            result = self._one(request, scope.with_item(request.for_each.name, item), number=number)
            yield replace(result, item=self._shown(item))

    def _shown(self, item: Value) -> str:
        return self.ports.redactor.excerpt(as_text(item), 80)

    def _blocker(self, request: RequestSpec) -> str | None:
        """What keeps `request` from running: a failed or blocked request that it depends on."""
        for dependency in self.plan.graph[request.id]:
            outcome = self.outcomes.get(dependency.id)
            if outcome and outcome.status in ("failed", "blocked"):
                needed = (
                    f"needs {dependency.variable} of {dependency.id}"
                    if dependency.variable
                    else f"needs {dependency.id}"
                )
                return f"{needed}, which {'failed' if outcome.status == 'failed' else 'was blocked'}"
        return None

    def _not_sent(self, request: RequestSpec, status: Status, reason: str, code: int = errors.PASSED) -> StepResult:
        return StepResult(
            request.id,
            request.title,
            status,
            request.location,
            self.ports.now(),
            reason=reason,
            exit_code=code,
            collection=self.shared.file,
            row=self.row,
            repeat=self.repeat,
        )

    def _failed(self, request: RequestSpec, started: float, error: ZrunError, sent: Sent | None = None) -> StepResult:
        """A step that an error ended; a value that nobody captured blocks it, since it is not its own fault."""
        if isinstance(error, NoValue) and not (sent and sent.exchanges):
            hint = error.problems[0].hint
            reason = error.problems[0].message + (f": {hint}" if hint else "")
            return self._not_sent(request, "blocked", reason, errors.FAILED)  # no other step tells of it
        if isinstance(error, Cancelled) and not (sent and sent.exchanges):
            reason = f"not run: {error.problems[0].message}"
            return self._not_sent(request, "skipped", reason, error.exit_code)
        telling = (errors.NETWORK, errors.POLICY, errors.CREDENTIALS, errors.INTERRUPTED)
        told = isinstance(error, OutsideError) or error.exit_code in telling
        return StepResult(
            request.id,
            request.title,
            "failed",
            request.location,
            started,
            self.ports.now() - started,
            exchanges=tuple(sent.exchanges) if sent else (),
            renewed=tuple(sent.renewed) if sent else (),
            problems=error.problems,
            exit_code=error.exit_code if told else errors.FAILED,
            collection=self.shared.file,
            row=self.row,
            repeat=self.repeat,
        )

    def _one(
        self,
        request: RequestSpec,
        scope: Scope,
        *,
        renewing: bool = False,
        journal: Journal | None = None,
        number: int | None = None,
    ) -> StepResult:
        """Send `request` (with retries, renewal and until), keep what it captures, judge what came. `number`: its item's."""
        started = self.ports.now()
        sent = Sent()
        try:
            if request.delay:
                self.ports.sleep(request.delay)
            response = self._answer(request, scope, sent, renewing, journal)
            captured = self._capture(request, scope, response, sent)
            checks = self._judge(request, scope, response)
        except (NetworkError, PolicyError, InputError, CredentialsError, Cancelled) as error:
            return self._failed(request, started, error, sent)
        problems = tuple(result.problem for result in captured if result.problem)
        passed = not problems and all(check.passed for check in checks)
        code = errors.PASSED if passed else errors.FAILED
        call = sent.exchanges[-1].call
        if not passed:
            from runner.diagnosis import refused  # late: a run that passes has nothing to explain

            environment = self.plan.environment
            refusal = refused(call, response, request.location, environment.given if environment else ())
            if refusal:
                # That nothing could be captured from a refusal needs no saying.
                problems, code = (refusal,), errors.CREDENTIALS
            elif response.status >= 400 and not all(check.passed for check in checks):
                problems = ()  # nor from any other answer that is no success, and was to be one
        elif self.ports.snapshot and not renewing:
            checks += self.ports.snapshot(request, response, self.row, number)
            if not all(check.passed for check in checks):
                passed, code = False, errors.FAILED
        return StepResult(
            request.id,
            request.title,
            "passed" if passed else "failed",
            request.location,
            started,
            self.ports.now() - started,
            exchanges=tuple(sent.exchanges),
            checks=tuple(checks),
            captures=captured,
            problems=problems,
            renewed=tuple(sent.renewed),
            exit_code=code,
            saved=str(call.save) if call.save else None,
            collection=self.shared.file,
            row=self.row,
            repeat=self.repeat,
        )

    def _replaces(self, request: RequestSpec) -> bool:
        """Whether an answer to `request` would replace what is not had twice; see `replacing`."""
        environment = self.plan.environment
        return environment is not None and any(c.name in environment.irreplaceable for c in request.capture)

    def _answer(
        self, request: RequestSpec, scope: Scope, sent: Sent, renewing: bool, journal: Journal | None
    ) -> Response:
        """The response that counts: after retries, after one renewal at most, after `until`."""

        auth = self.ports.credentials(request.auth, scope, sent.renewed.append) if request.auth else None

        target = self.plan.collection.get(request.renew.run) if request.renew and not renewing else None
        before: list[Captured | None] = []

        def once(reason: str) -> Response:
            if target is not None:
                before[:] = self._held(target)
            if auth:
                auth.prepare()
            # Whatever of a secret decides this call, by way of a condition, a length, a comparison, goes with it.
            names = self.plan.looked_into[request.id]
            call = render.call(request, scope, journal=journal, jar=self.row or 0)
            read = frozenset(secret for name in names for secret in scope.secrets_of(name)) if names else frozenset()
            if not read <= call.secrets:
                call = replace(call, secrets=call.secrets | read)
            if self._replaces(request):
                from runner import replacing  # late: of requests for tokens and other secrets

                call = replacing.before(request, call, self.plan.environment, self.ports.allow, self.ports.endpoints)
            return attempts.send(call, request.retry, sent, reason, self.ports, auth)

        response = once("")
        refused = request.renew and target is not None and _all_hold(request.renew.on, response, scope)
        if refused and target and target.id != request.id and self._renewed(target, sent, list(before)):
            response = once("renewed")
        if request.until:
            response = self._until(request, scope, response, once)
        return response

    def _renewed(self, target: RequestSpec, sent: Sent, before: list[Captured | None]) -> bool:
        """Run `target` to renew what it captures; whether it is new now.

        `before` is what it had captured when the refused call was made: where that is no longer so, another thread or process
        has been faster.
        """
        with self.shared.renewing(target.id), self.ports.alone(target) as begin:
            if self._held(target) != before or not self.ports.renews(target.id):
                return True
            journal = begin() if begin else None
            with self.ports.during(target.id, self.row):
                renewal = self._one(target, self.scope.at(target), renewing=True, journal=journal)
        sent.renewed.append(renewal)
        self._remember(renewal)
        return renewal.status == "passed"

    def _held(self, request: RequestSpec) -> list[Captured | None]:
        """What `request` captures, as it is now."""
        return [self.scope.captured(capture.name) for capture in request.capture]

    def _until(
        self, request: RequestSpec, scope: Scope, response: Response, once: Callable[[str], Response]
    ) -> Response:
        """Send again until every expectation of `until` holds, or its time is up."""
        assert request.until is not None
        deadline = self.ports.now() + request.until.timeout
        while not _all_hold(request.until.on, response, scope):
            if self.ports.now() + request.until.every > deadline:
                break
            self.ports.sleep(request.until.every)
            response = once("until")
        return response

    def _capture(self, request: RequestSpec, scope: Scope, response: Response, sent: Sent) -> tuple[CaptureResult, ...]:
        """Take what the response gives, and keep it durably before anything else happens."""
        self.ports.redactor.add_all(all_secrets(exchange.call for exchange in sent.exchanges))
        if self._replaces(request):
            from runner import replacing  # late: of requests for tokens and other secrets

            last = sent.exchanges[-1].call
            replacing.after(request, last, response.url, self.plan.environment, self.ports.allow)
        found = captures.take(request, response, scope, self.plan.environment, self.ports.now(), self.ports.redactor)
        for result, value in found:
            if value is not None:
                self.scope.capture(result.name, value, lasting=result.kept)
        kept = {result.name: value for result, value in found if value is not None and result.kept}
        if kept:
            self.ports.keep(kept)
        return tuple(result for result, _ in found)

    def _judge(self, request: RequestSpec, scope: Scope, response: Response) -> list[CheckResult]:
        """Every expectation; and status below 400, where none speaks of the status."""
        redactor = self.ports.redactor
        checks = [check for e in request.expect for check in judgement.judge(e, response, scope, redactor)]
        if request.until:
            checks += [
                c for e in request.until.on for c in judgement.judge(e, response, scope, redactor) if not c.passed
            ]
        spoken = [e.query for e in (*request.expect, *(request.until.on if request.until else ()))]
        if response.status >= 400 and not any(isinstance(query, Query) and query.kind == "status" for query in spoken):
            note = "no expectation speaks of the status, so 400 and above fails"
            checks.append(
                CheckResult("status", "lt", False, "less than 400", str(response.status), request.location, note)
            )
        return checks


def _all_hold(expectations: tuple[Expectation, ...], response: Response, scope: Scope) -> bool:
    return all(check.passed for e in expectations for check in judgement.judge(e, response, scope))
