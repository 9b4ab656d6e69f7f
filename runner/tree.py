"""A value as written in a file: JSON's shapes, with templates in place of texts and a place for every key.

Tree = None | bool | int | float | str | Template | Items (a list) | Entries (a map)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TypeAlias, Union

from runner.errors import Location, Place, PolicyError, Problem
from runner.records import record
from runner.template import Lookup, Name, Template
from runner.values import Secret, Value, to_text

Tree: TypeAlias = Union[None, bool, int, float, str, Template, "Items", "Entries"]


@record(eq=True, shown=True)
class Item:
    """A value of a list."""

    value: Tree
    place: Place = field(repr=False, compare=False)


@record(eq=True, shown=True)
class Items:
    """A list as written."""

    items: tuple[Item, ...]


@record(eq=True, shown=True)
class Entry:
    """A key of a map and its value; `place` is the key's, `value_place` the value's."""

    key: str | Template
    value: Tree
    place: Place = field(repr=False, compare=False)
    value_place: Place = field(repr=False, compare=False)

    @property
    def location(self) -> Location:
        return self.place.at(0, max(1, len(str(self.key))))


@record(eq=True, shown=True)
class Entries:
    """A map as written, in order."""

    entries: tuple[Entry, ...]


def render(tree: Tree, lookup: Lookup) -> Value:
    """The value of `tree`. Raises what Template.render raises."""
    if isinstance(tree, Template):
        return tree.render(lookup)
    if isinstance(tree, Items):
        return [render(item.value, lookup) for item in tree.items]
    if isinstance(tree, Entries):
        return {render_key(entry.key, lookup): render(entry.value, lookup) for entry in tree.entries}
    return tree


def render_key(key: str | Template, lookup: Lookup) -> str:
    """The text of a key. A key is never a Secret: it is shown in errors and logs, so a secret there is refused."""
    if isinstance(key, str):
        return key
    text = key.render_text(lookup)
    if isinstance(text, Secret):
        raise PolicyError(Problem(f"the key `{key}` would hold a secret", key.location, "put secrets into values"))
    return text


def render_text(text: Tree, lookup: Lookup) -> str | Secret:
    """`text` as text, whatever its type."""
    if isinstance(text, Template):
        return text.render_text(lookup)
    if isinstance(text, str):
        return text
    return to_text(render(text, lookup))


def names(tree: Tree) -> Iterator[Name]:
    """Every variable that `tree` reads, in order, repeats included."""
    if isinstance(tree, Template):
        yield from tree.names
    elif isinstance(tree, Items):
        for item in tree.items:
            yield from names(item.value)
    elif isinstance(tree, Entries):
        for entry in tree.entries:
            yield from names(entry.key)
            yield from names(entry.value)
