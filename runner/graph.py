"""What depends on what: the variables that a request reads, who captures them, and the order that follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from runner import predicates, tree
from runner.collection import Collection, RequestSpec, Variables
from runner.errors import InputError, Location, Problem
from runner.records import record
from runner.template import Name, Template
from runner.tree import Tree


@record
class Dependency:
    """An earlier request, and the variable for which it is needed (None: `needs` says so)."""

    id: str
    variable: str | None
    location: Location


Graph: TypeAlias = Mapping[str, tuple[Dependency, ...]]


def reads(request: RequestSpec) -> Sequence[Name]:
    """Every variable that `request` itself names, in the order of its parts; its own loop variable left out."""
    if request.for_each is None:
        return request.names
    return [name for name in request.names if name.name != request.for_each.name]


def reads_deeply(request: RequestSpec, shared: Variables) -> Sequence[Name]:
    """As `reads`, and also what the definitions of those variables read in turn.

    `shared` are the environment's variables; the request's own layers come below them. A name found through a definition
    has its place there, and is not guarded by how the definition is used.
    """
    found = list(reads(request))
    seen: set[str] = set()
    for name in found:  # which grows meanwhile
        if name.name not in seen:
            seen.add(name.name)
            found.extend(tree.names(_definition(name.name, request, shared)))
    return found


def looked_into(collection: Collection, graph: Graph, shared: Variables) -> dict[str, frozenset[str]]:
    """For each request, by id, the variables whose content decides what is sent for it, or whether it is sent at all.

    That is what it reads itself; what the definitions of these variables read, and the captures that give them their
    values; and what decides whether the requests that it depends on pass. Whether a variable has a value does not count.
    """
    given: dict[str, list[Name]] = {}
    for request in collection:
        for capture in request.capture:
            given.setdefault(capture.name, []).extend(capture.names)
    own = {request.id: _looked_into(request.names, request, shared, given) for request in collection}
    decides = {request.id: _looked_into(_decides(request), request, shared, given) for request in collection}
    found: dict[str, frozenset[str]] = {}
    for request in in_order(collection, graph):
        before = [dependency.id for dependency in graph[request.id]]
        # What decides whether this one passes includes what decides whether those before it do.
        decides[request.id] = frozenset(decides[request.id].union(*(decides.get(name, ()) for name in before)))
        found[request.id] = own[request.id] | decides[request.id]
    return found


def _decides(request: RequestSpec) -> Iterator[Name]:
    """What decides whether a request is sent, how often, and whether it passes."""
    if isinstance(request.when, Template):
        yield from request.when.names
    if request.for_each:
        yield from tree.names(request.for_each.items)
    for expectation in request.expectations:
        yield from predicates.names(expectation)
    for capture in request.capture:
        yield from capture.names


def deeply(names: Iterable[Name], request: RequestSpec, shared: Variables) -> frozenset[str]:
    """The names that `names` read in a request whose content matters, and what their definitions read in turn."""
    return _looked_into(names, request, shared, {})


def _looked_into(
    names: Iterable[Name], request: RequestSpec, shared: Variables, given: Mapping[str, Sequence[Name]]
) -> frozenset[str]:
    found: set[str] = set()
    pending = [name for name in names if name.looked_into]
    while pending:
        name = pending.pop().name
        if name not in found:
            found.add(name)
            inner = (*tree.names(_definition(name, request, shared)), *given.get(name, ()))
            pending.extend(one for one in inner if one.looked_into)
    return frozenset(found)


def _definition(name: str, request: RequestSpec, shared: Variables) -> Tree:
    """How a variable is defined, as a request sees it; None when no file does."""
    for layer in (shared, *reversed(request.layers)):
        if name in layer:
            return layer[name].value
    return None


def dependencies(requests: Sequence[RequestSpec], shared: Variables) -> Graph:
    """For each request the earlier ones that it depends on: for each variable the nearest that captures it, then `needs`."""
    captured_by: dict[str, str] = {}
    graph: dict[str, tuple[Dependency, ...]] = {}
    for request in requests:
        found: dict[tuple[str, str | None], Dependency] = {}
        for name in reads_deeply(request, shared):
            source = captured_by.get(name.name)
            if source is not None:
                found.setdefault((source, name.name), Dependency(source, name.name, name.location))
        for need in request.needs:
            found.setdefault((need.id, None), Dependency(need.id, None, need.location))
        graph[request.id] = tuple(found.values())
        captured_by.update((capture.name, request.id) for capture in request.capture)
    return graph


def in_order(collection: Collection, graph: Graph) -> tuple[RequestSpec, ...]:
    """The requests in file order, but each after what it needs. Raises InputError for every cycle."""
    placed: dict[str, RequestSpec] = {}
    problems: list[Problem] = []
    for start in collection.requests:
        # An explicit stack: a chain may be longer than Python's own.
        stack: list[tuple[RequestSpec, Iterator[Dependency]]] = []
        if start.id not in placed:
            stack.append((start, iter(graph[start.id])))
        while stack:
            request, rest = stack[-1]
            dependency = next((d for d in rest if d.id not in placed), None)
            if dependency is None:
                placed[request.id] = request
                stack.pop()
                continue
            path = [entry[0].id for entry in stack]
            if dependency.id in path:
                circle = " -> ".join([*path[path.index(dependency.id) :], dependency.id])
                problems.append(
                    Problem(
                        f"these requests wait for each other: {circle}", dependency.location, "take one `needs` away"
                    )
                )
                continue
            needed = collection.get(dependency.id)
            if needed is not None:
                stack.append((needed, iter(graph[needed.id])))
    if problems:
        raise InputError(problems)
    return tuple(placed.values())


def captures_of(requests: Sequence[RequestSpec]) -> dict[str, tuple[str, ...]]:
    """For each captured variable the ids of the requests that capture it, in file order."""
    found: dict[str, tuple[str, ...]] = {}
    for request in requests:
        for capture in request.capture:
            found[capture.name] = (*found.get(capture.name, ()), request.id)
    return found
