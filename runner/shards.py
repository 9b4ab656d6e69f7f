"""A run divided among machines: the same parts on each of them, of about the same weight.

What depends on each other stays together; but a request that captures what lasts (a token) runs on every machine that needs
it. Parts are dealt by weight, the heaviest first: what a request took the last time, or one for each where that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from runner.plan import Plan
from runner.records import record


@record
class Shard:
    """Part `number`, from 1, of `count`."""

    number: int
    count: int


def read_shard(text: str) -> Shard | None:
    """`2/5`; None for anything else."""
    number, slash, count = text.partition("/")
    if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
        return None
    return Shard(int(number), int(count)) if 1 <= int(number) <= int(count) <= 10_000 else None


def share(
    plans: Sequence[Plan], shard: Shard, took: Callable[[str, str], float | None] = lambda _file, _id: None
) -> Mapping[str, frozenset[str]]:
    """The ids of the requests of one part, by the file of their collection.

    `took` gives the seconds of a request, by file and id: where it knows some, the others weigh as their average.
    """
    parts = [(str(plan.collection.path), part) for plan in plans for part in _parts(plan)]
    known = [found for file, part in parts for one in part if (found := took(file, one)) is not None]
    usual = sum(known) / len(known) if known and sum(known) else 1.0
    weights = [sum(usual if (found := took(file, one)) is None else found for one in part) for file, part in parts]
    loads = [0.0] * shard.count
    mine: dict[str, set[str]] = {}
    for place in sorted(range(len(parts)), key=lambda place: (-weights[place], place)):
        lightest = min(range(shard.count), key=lambda number: (loads[number], number))
        loads[lightest] += weights[place]
        if lightest == shard.number - 1:
            file, part = parts[place]
            mine.setdefault(file, set()).update(part)
    return {file: frozenset(ids) for file, ids in mine.items()}


def _parts(plan: Plan) -> list[list[str]]:
    """The requests of a plan that were asked for, those that depend on each other together; in the order of the file."""
    lasting = plan.environment.declared if plan.environment else frozenset[str]()
    leader = {step.request.id: step.request.id for step in plan.steps}

    def found(one: str) -> str:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for step in plan.steps:
        for dependency in step.depends_on:
            if dependency.id in leader and dependency.variable not in lasting:
                leader[found(step.request.id)] = found(dependency.id)
    parts: dict[str, list[str]] = {}
    for step in plan.steps:
        if step.asked:
            parts.setdefault(found(step.request.id), []).append(step.request.id)
    return list(parts.values())
