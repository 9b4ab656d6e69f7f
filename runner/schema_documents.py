"""The documents of a JSON Schema as they are written: which parts are schemas, what they refer to, where each thing is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote, urljoin

from runner.errors import Location, Place
from runner.records import record
from runner.template import Template
from runner.tree import Entries, Items, Tree
from runner.values import Value

REFERENCES = ("$ref", "$dynamicRef")
# What a schema holds that is no schema: a value to compare with, or a note.
_VALUES = ("const", "default", "enum", "examples")

# A document, by its URI and those of the `$id`s in it, with the part that each stands for.
Resources: TypeAlias = dict[str, tuple[Tree, Place]]
Path: TypeAlias = list[str | int]


@record
class Document:
    """A text that holds a schema: the URI that it is known by, that of its file, and what is written in it."""

    uri: str
    file: str
    tree: Tree
    place: Place


class _Gone(Exception):
    """A value that is not known before its template is filled in."""


def outline(written: Tree) -> Any:
    """The schema as far as it is written out: what a template stands in is left out, with its keyword."""
    try:
        return _known(written)
    except _Gone:
        return True


def _known(written: Tree) -> Any:
    if isinstance(written, Template):
        raise _Gone
    if isinstance(written, Items):
        return [_known(item.value) for item in written.items]
    if not isinstance(written, Entries):
        return written
    found: dict[str, Any] = {}
    for entry in written.entries:
        if not isinstance(entry.key, Template):
            try:
                found[entry.key] = _known(entry.value)
            except _Gone:
                continue
    return found


def templates(written: Tree) -> Iterator[Template]:
    if isinstance(written, Template):
        yield written
    elif isinstance(written, Items):
        for item in written.items:
            yield from templates(item.value)
    elif isinstance(written, Entries):
        for entry in written.entries:
            yield from templates(entry.key)
            yield from templates(entry.value)


def at(written: Tree, place: Place, path: Path) -> tuple[Value, Location]:
    """What stands at the end of `path`, and where; the location is its key's."""
    location = place.at(0)
    here = written
    for step in path:
        if isinstance(here, Entries):
            entry = next((entry for entry in here.entries if str(entry.key) == step), None)
            if entry is None:
                break
            here, location = entry.value, entry.location
        elif isinstance(here, Items) and str(step).isdecimal() and int(step) < len(here.items):
            item = here.items[int(step)]
            here, location = item.value, item.place.at(0)
        else:
            break
    return outline(here), location


def inside(value: Value, path: Path) -> Value:
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and str(step).isdecimal() and int(step) < len(value):
            value = value[int(step)]
    return value


def embedded(written: Tree, place: Place, uri: str) -> Iterator[tuple[str, tuple[Tree, Place]]]:
    """Each part of a document that has a URI of its own, the document first."""
    yield uri, (written, place)
    seen = {uri}
    for base, entries, at in maps(written, place, uri):
        if base not in seen:  # the outermost map of a base is the one with its `$id`
            seen.add(base)
            yield base, (entries, at)


def maps(written: Tree, place: Place, base: str) -> Iterator[tuple[str, Entries, Place]]:
    """Every map of a document that may be a schema, with the base URI that holds in it."""
    if isinstance(written, Items):
        for item in written.items:
            yield from maps(item.value, item.place, base)
    elif isinstance(written, Entries):
        own = next((e.value for e in written.entries if e.key == "$id" and isinstance(e.value, str)), None)
        base = joined(base, own) if own else base
        yield base, written, place
        for entry in written.entries:
            if entry.key not in _VALUES:
                yield from maps(entry.value, entry.value_place, base)


def joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference).partition("#")[0]
    except ValueError:
        return base


def references(documents: Iterable[Document]) -> Iterator[tuple[str, str, Location]]:
    """Each reference: the URI that it leads to, how it is written, and where."""
    for document in documents:
        for base, entries, _ in maps(document.tree, document.place, document.uri):
            for entry in entries.entries:
                if entry.key in REFERENCES and isinstance(entry.value, str):
                    where = entry.value_place.at(0, max(1, len(entry.value)))
                    yield joined(base, entry.value), entry.value, where


def reference_to(uri: str, documents: Iterable[Document]) -> Location | None:
    return next((where for to, _, where in references(documents) if to == uri), None)


def reference_in(said: str, documents: Iterable[Document]) -> Location | None:
    """The reference that the library's words speak of: they hold its fragment, or its URI."""
    for to, written, where in references(documents):
        fragment = unquote(written.partition("#")[2])
        if (fragment and f"'{fragment}'" in said) or f"'{to}'" in said or f"'{written}'" in said:
            return where
    return None
