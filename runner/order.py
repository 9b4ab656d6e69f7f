"""What must have ended before a request may begin, when several run at once: so that the outcome is that of the file's order.

A request waits for those that it depends on; for earlier ones that read, or capture too, what it captures; and, where it
reads files or saves its answer to one, for those before it that use files. One that changes things (RFC 9110, 9.2.1: its method
is not safe) waits for the one before it that does, unless it is `independent`. What no variable shows, `needs` does.
"""

from __future__ import annotations

from runner import graph
from runner.collection import RequestSpec
from runner.plan import Plan
from runner.records import record

SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


@record
class Order:
    """For each step of a plan, by its place: the places of the steps that it waits for, and of those that wait for it.

    `shared` are the lasting variables that it reads or captures: what it waits for in the rows before its own. `gives` are
    those that it captures.
    """

    before: tuple[frozenset[int], ...]
    after: tuple[tuple[int, ...], ...]
    shared: tuple[frozenset[str], ...]
    gives: tuple[frozenset[str], ...]


def of(plan: Plan) -> Order:
    """The order of the steps of `plan`."""
    variables = plan.environment.all_variables() if plan.environment else {}
    places = {step.request.id: place for place, step in enumerate(plan.steps)}
    lasting = _lasting(plan)
    readers: dict[str, list[int]] = {}
    writers: dict[str, list[int]] = {}
    saving: list[int] = []
    using: list[int] = []  # files, one way or the other
    changing: int | None = None
    before: list[frozenset[int]] = []
    shared: list[frozenset[str]] = []
    gives: list[frozenset[str]] = []
    for place, step in enumerate(plan.steps):
        request = step.request
        waits = {places[dependency.id] for dependency in step.depends_on if dependency.id in places}
        read = {name.name for name in graph.reads_deeply(request, variables)}
        captured = {capture.name for capture in request.capture}
        for name in captured:
            waits.update(readers.get(name, ()), writers.get(name, ()))
        for name in read:
            waits.update(writers.get(name, ())[-1:])
        if request.save is not None:
            waits.update(using)
            saving.append(place)
            using.append(place)
        elif _reads_files(request):
            waits.update(saving)
            using.append(place)
        if _changes(request) and not request.independent:
            waits.update(() if changing is None else (changing,))
            changing = place
        for name in read:
            readers.setdefault(name, []).append(place)
        for name in captured:
            writers.setdefault(name, []).append(place)
        waits.discard(place)
        before.append(frozenset(waits))
        shared.append(frozenset(read | captured) & lasting)
        gives.append(frozenset(captured) & lasting)
    after: list[list[int]] = [[] for _ in before]
    for place, earlier_ones in enumerate(before):
        for earlier in earlier_ones:
            after[earlier].append(place)
    return Order(tuple(before), tuple(map(tuple, after)), tuple(shared), tuple(gives))


def _lasting(plan: Plan) -> frozenset[str]:
    """The captured variables that are there for all rows: see captures.take."""
    declared = plan.environment.declared if plan.environment else frozenset()
    return frozenset(
        capture.name
        for step in plan.steps
        for capture in step.request.capture
        if (capture.save if capture.save is not None else capture.name in declared)
    )


def _changes(request: RequestSpec) -> bool:
    return not isinstance(request.method, str) or request.method.upper() not in SAFE


def _reads_files(request: RequestSpec) -> bool:
    body = request.body
    return body is not None and (body.file is not None or any(part.file is not None for part in body.parts))
