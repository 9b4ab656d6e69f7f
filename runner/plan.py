"""What a run would do: which requests, in which order, for what reason, as far as it can be known before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, TypeAlias

from runner import graph
from runner.collection import Collection, RequestSpec
from runner.environment import Environment
from runner.errors import InputError, Problem
from runner.graph import Dependency, Graph
from runner.lookup import STALE_WITHIN, expires_within
from runner.quantities import show_seconds
from runner.records import record
from runner.scope import Scope
from runner.template import Template
from runner.values import MISSING, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.selection import Selection

Verdict: TypeAlias = Literal["run", "skip", "maybe"]


@record
class Step:
    """One request of the plan. `verdict`: it will run, it will be skipped, or that depends on earlier answers (maybe).

    `because` says why it is in the plan (it was asked for, or who needs what of it), `reason` why it would be skipped.
    `asked`: it is not there only because another needs it.
    """

    request: RequestSpec
    depends_on: tuple[Dependency, ...]
    verdict: Verdict
    because: str
    reason: str = ""
    asked: bool = True


@record
class Plan:
    """A whole run, in order. `graph` covers every request of the collection, also those that are not in the plan."""

    collection: Collection
    environment: Environment | None
    steps: tuple[Step, ...]
    graph: Graph

    @cached_property
    def looked_into(self) -> Mapping[str, frozenset[str]]:
        """For each request of the collection what decides it: see graph.looked_into."""
        shared = self.environment.all_variables() if self.environment else {}
        return graph.looked_into(self.collection, self.graph, shared)

    def step(self, request_id: str) -> Step | None:
        return next((step for step in self.steps if step.request.id == request_id), None)


def make(
    collection: Collection,
    environment: Environment | None,
    scope: Scope,
    wanted: Selection | None = None,
    *,
    empty: bool = False,
) -> Plan:
    """The plan for the requests that are selected.

    Raises InputError for a cycle; unless `empty` is allowed, for a selection that cannot be met, and when nothing is left.
    """
    shared = environment.all_variables() if environment else {}
    dependencies = graph.dependencies(collection.requests, shared)
    order = graph.in_order(collection, dependencies)
    because: dict[str, str]
    if wanted is None:
        because = {request.id: "" for request in order if "never" not in request.tags}
        if not because and not empty:
            hint = "name one that is tagged `never` with -r"
            raise InputError(Problem("the collection has no request to run", None, hint))
        asked = frozenset(because)
    else:
        because, asked = _selected(collection, dependencies, scope, wanted, empty=empty)
    steps: list[Step] = []
    changing: set[str] = set()
    for request in order:
        if request.id not in because:
            continue
        verdict, reason = foresee(request, scope.at(request), changing)
        if verdict != "skip":
            changing.update(capture.name for capture in request.capture)
        needs = dependencies[request.id]
        steps.append(Step(request, needs, verdict, because[request.id], reason, request.id in asked))
    return Plan(collection, environment, tuple(steps), dependencies)


def _selected(
    collection: Collection, dependencies: Graph, scope: Scope, wanted: Selection, *, empty: bool
) -> tuple[dict[str, str], frozenset[str]]:
    """Each request of the plan with why it is in it, and those among them that were asked for."""
    from runner import selection  # late: most runs are of a whole collection

    unmet = [] if empty else selection.unknown((collection,), wanted)
    if unmet:
        raise InputError(unmet)
    because = dict.fromkeys(selection.select(collection, wanted), "" if wanted.is_all else "asked for")
    asked = frozenset(because)
    if not wanted.is_all and not wanted.alone:
        barred = {request.id for request in collection if not set(wanted.skip_tags).isdisjoint(request.tags)}
        _add_needed(because, collection, dependencies, scope, barred)
    if not because and not empty:
        raise InputError(selection.nothing())
    return because, asked


def _add_needed(
    because: dict[str, str], collection: Collection, dependencies: Graph, scope: Scope, barred: set[str]
) -> None:
    """Add to `because` what the requests in it need: those that capture what has no value yet, or a stale one."""
    pending = list(because)
    while pending:
        request = collection.get(pending.pop())
        if request is None:
            continue
        view = scope.at(request)
        for dependency in dependencies[request.id]:
            name = dependency.variable
            if dependency.id in because or dependency.id in barred or (name is not None and not lacking(name, view)):
                continue
            because[dependency.id] = f"{request.id} needs {name}" if name else f"{request.id} needs it"
            pending.append(dependency.id)


def lacking(name: str, scope: Scope) -> bool:
    """Whether `name` has no value, or one that expires within five minutes."""
    return expires_within(name, STALE_WITHIN, scope)


def foresee(request: RequestSpec, scope: Scope, changing: set[str]) -> tuple[Verdict, str]:
    """Whether `request` would run, were the values of the names in `changing` not known yet."""
    if request.skip:
        return "skip", request.skip if isinstance(request.skip, str) else "it is marked `skip`"
    if request.when is None:
        return "run", ""
    if isinstance(request.when, Template):
        unknown = sorted({name.name for name in request.when.names} & changing)
        if unknown:
            return "maybe", f"{request.when} depends on {', '.join(unknown)}, which an earlier request captures"
    return ("run", "") if holds(request, scope) else ("skip", why_not(request, scope))


def holds(request: RequestSpec, scope: Scope) -> bool:
    """Whether the `when` of `request` is true now. Raises what rendering raises."""
    value: Value = request.when.render(scope) if isinstance(request.when, Template) else request.when
    return value is None or (
        value not in ("false", "False", "no", "0") if isinstance(value, str) and value else bool(value)
    )


def why_not(request: RequestSpec, scope: Scope) -> str:
    """Why a false `when` is false, in words: the expression, and how its variables stand."""
    if not isinstance(request.when, Template):
        return "its `when` is false"
    standing = [how_it_stands(name, scope) for name in dict.fromkeys(name.name for name in request.when.names)]
    return f"{request.when} is false" + (f": {', '.join(standing)}" if standing else "")


def how_it_stands(name: str, scope: Scope) -> str:
    """`access-token is good for 54 m`, `refresh-token has a value`, `flag has no value`."""
    if scope.get(name) is MISSING:
        return f"{name} has no value"
    left = scope.expires_in(name)
    if left is None:
        return f"{name} has a value"
    return f"{name} is good for {show_seconds(left)}" if left > 0 else f"{name} expired {show_seconds(-left)} ago"


def captured_by(collection: Collection) -> Mapping[str, tuple[str, ...]]:
    """For each captured variable the ids of the requests that capture it, in file order."""
    return graph.captures_of(collection.requests)
