"""How often a JSON Schema comes to the same place of a value: whether judging it would end, told before it is begun.

The library visits a place once for each way that leads to it, and cannot be stopped. Where alternatives share what they refer
to, the ways double with each level: `anyOf` of two that both lead into the same `items`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from runner.records import record
from runner.schema_documents import REFERENCES, Document, embedded, joined, maps
from runner.tree import Entries, Items, Tree
from runner.values import Value

_HERE, _HERE_LISTED, _HERE_MAPPED = ("not", "if", "then", "else"), ("allOf", "anyOf", "oneOf"), ("dependentSchemas",)
_EACH_PROPERTY = ("additionalProperties", "unevaluatedProperties")
_EACH_ITEM = ("items", "contains", "unevaluatedItems")


@record
class Growth:
    """`here` is how many schemas look at one place, at most; `below` how many of one place look at the same place below it.

    `parts` is how many schemas there are: what does not lead back into itself is no deeper.
    """

    here: int
    below: int
    parts: int

    def visits(self, depth: int) -> int:
        """How often a place `depth` levels down may be come to."""
        visits: int = self.below**depth
        return visits


def measure(value: Value) -> tuple[int, int]:
    """How many values there are in `value`, and how deep they are nested."""
    count = depth = 0
    level: list[Any] = [value]
    while level:
        count += len(level)
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        level = below
        depth += bool(below)
    return count, depth


def growth(documents: Iterable[Document]) -> Growth:
    """Of the schema that is in `documents`."""
    graph = _Graph(tuple(documents))
    found = [graph.expanded(entries) for entries in graph.all()]
    below = 1
    for _, ways in found:
        every = ways["*"]
        below = max(
            [below, every, *(count + every * (label[0] == ".") for label, count in ways.items() if label != "*")]
        )
    return Growth(max((here for here, _ in found), default=1), below, max(1, len(found)))


class _Graph:
    """Which schema applies which, at the same place and below it."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self._base: dict[int, str] = {}
        self._maps: list[Entries] = []
        self._roots: dict[str, Tree] = {}
        self._anchors: dict[tuple[str, str], Entries] = {}
        self._known: dict[int, tuple[int, Counter[str]]] = {}
        self._open: set[int] = set()
        for document in documents:
            self._roots.update((uri, tree) for uri, (tree, _) in embedded(document.tree, document.place, document.uri))
            for base, entries, _ in maps(document.tree, document.place, document.uri):
                self._base[id(entries)] = base
                self._maps.append(entries)
                for entry in entries.entries:
                    if entry.key in ("$anchor", "$dynamicAnchor") and isinstance(entry.value, str):
                        self._anchors[base, entry.value] = entries

    def all(self) -> list[Entries]:
        return self._maps

    def expanded(self, schema: Entries) -> tuple[int, Counter[str]]:
        """How many schemas look at the place that `schema` looks at, and how often they look at each place below.

        What leads back to itself at one place is counted once: the library stops there.
        """
        key = id(schema)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return 1, Counter()
        self._open.add(key)
        here, ways = 1, Counter(self._below(schema))
        for other in self._here(schema):
            more, also = self.expanded(other)
            here += more
            ways.update(also)
        self._open.discard(key)
        self._known[key] = here, ways
        return here, ways

    def _here(self, schema: Entries) -> Iterator[Entries]:
        for entry in schema.entries:
            value = entry.value
            if entry.key in REFERENCES and isinstance(value, str):
                target = self._target(self._base.get(id(schema), ""), value)
                if isinstance(target, Entries):
                    yield target
            elif entry.key in _HERE and isinstance(value, Entries):
                yield value
            elif entry.key in _HERE_LISTED and isinstance(value, Items):
                yield from (item.value for item in value.items if isinstance(item.value, Entries))
            elif entry.key in _HERE_MAPPED and isinstance(value, Entries):
                yield from (one.value for one in value.entries if isinstance(one.value, Entries))

    def _below(self, schema: Entries) -> Iterator[str]:
        """The places below that it has a schema for: `.name`, `[0]`, `*` for any property, `[]` for any item."""
        for entry in schema.entries:
            value = entry.value
            if entry.key == "properties" and isinstance(value, Entries):
                yield from (f".{one.key}" for one in value.entries if _goes_on(one.value))
            elif entry.key == "patternProperties" and isinstance(value, Entries):
                yield from ("*" for one in value.entries if _goes_on(one.value))
            elif entry.key == "prefixItems" and isinstance(value, Items):
                yield from (f"[{number}]" for number, item in enumerate(value.items) if _goes_on(item.value))
            elif entry.key in _EACH_PROPERTY and _goes_on(value):
                yield "*"
            elif entry.key in _EACH_ITEM and _goes_on(value):
                yield "[]"

    def _target(self, base: str, reference: str) -> Tree:
        where, _, fragment = reference.partition("#")
        uri, fragment = joined(base, where) if where else base, unquote(fragment)
        if fragment and not fragment.startswith("/"):
            return self._anchors.get((uri, fragment))
        found: Tree = self._roots.get(uri)
        for step in fragment.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Entries):
                found = next((entry.value for entry in found.entries if str(entry.key) == step), None)
            elif isinstance(found, Items):
                found = found.items[int(step)].value if step.isdecimal() and int(step) < len(found.items) else None
        return found


def _goes_on(schema: Tree) -> bool:
    """Whether it looks at more than the one place."""
    return (
        isinstance(schema, Entries) and any(isinstance(entry.value, (Entries, Items)) for entry in schema.entries)
    ) or (isinstance(schema, Entries) and any(entry.key in REFERENCES for entry in schema.entries))
