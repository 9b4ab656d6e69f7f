"""From nodes to typed values, with every mistake gathered: what a key must hold, and what to do when it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner import paths, template
from runner.collection import Pair, Text, Variable
from runner.errors import InputError, Location, Problem, did_you_mean
from runner.files.document import Node
from runner.files.fields import Fields
from runner.quantities import seconds
from runner.template import Template
from runner.tree import Entries, Entry, Item, Items, Tree

if TYPE_CHECKING:
    from runner.json_schema import JsonSchema


@dataclass
class Form:
    """Reads values out of nodes; a value that does not fit becomes a problem, and the default takes its place."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    schemas: dict[str, JsonSchema] = field(default_factory=dict)  # those that were read, by where they are written

    def wrong(self, where: Node | Location, message: str, hint: str | None = None) -> None:
        location = where.location if isinstance(where, Node) else where
        self.problems.append(Problem(message, location, hint))

    def fields(self, node: Node, known: Fields, what: str) -> dict[str, Node]:
        """The values of a map by key; a key that is not in `known` is a problem."""
        if node.kind == "scalar" and node.value is None:
            return {}
        if node.kind != "map":
            self.wrong(node, f"{what} is a map", f"it holds: {', '.join(list(known)[:8])}")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.pairs:
            if key.key in known:
                found[key.key] = value
            else:
                from runner.files import misplaced  # late: only a mistake pays for it, and it knows queries

                hint = misplaced.hint(key, value, node, known)
                hint = hint or did_you_mean(key.key, known, f"{what} may hold: {', '.join(known)}")
                if value.kind == "scalar" and value.value is None and key.key not in known and " " in key.key:
                    hint = "a comma ended the text before it: put quotes around the whole text"
                self.wrong(key, f"{what} has no key `{key.key}`", hint)
        return found

    def pairs(self, node: Node, what: str) -> Iterator[tuple[Node, Node]]:
        """The pairs of a map; none for null."""
        if node.kind == "map":
            yield from node.pairs
        elif not (node.kind == "scalar" and node.value is None):
            self.wrong(node, f"{what} is a map", "write `name: value`, a line each")

    def template(self, node: Node, *, on: bool = True) -> str | Template:
        """A scalar that is a text, parsed (unless `on` is False)."""
        text = str(node.value)
        if not on:
            return text
        try:
            return template.parse(text, node.place)
        except InputError as error:
            self.problems.extend(error.problems)
            return Template(text, node.location, ())  # so that no second mistake is made of it

    def tree(self, node: Node, *, templates: bool = True) -> Tree:
        """Any value."""
        if node.kind == "list":
            return Items(tuple(Item(self.tree(item, templates=templates), item.place) for item in node.items))
        if node.kind == "map":
            return Entries(
                tuple(
                    Entry(
                        self.template(key, on=templates),
                        self.tree(value, templates=templates),
                        key.place,
                        value.place,
                    )
                    for key, value in node.pairs
                )
            )
        return self.template(node, on=templates) if isinstance(node.value, str) else node.value

    def text(self, node: Node, what: str, *, templates: bool = True) -> Text:
        """A text; a number is taken as it is written in JSON."""
        if node.kind != "scalar" or node.value is None or isinstance(node.value, bool):
            self.wrong(node, f"{what} is a text", "put it into quotes")
            return ""
        return self.template(node) if templates and isinstance(node.value, str) else str(node.value)

    def plain(self, node: Node, what: str) -> str:
        """A text without templates."""
        text = self.text(node, what)
        if isinstance(text, Template):
            self.wrong(node, f"{what} cannot hold a template", "write it out: it is needed before values are known")
            return ""
        return text

    def flag(self, node: Node, what: str, default: bool) -> bool:
        if isinstance(node.value, bool):
            return node.value
        self.wrong(node, f"{what} is true or false", "write true or false, without quotes")
        return default

    def number(self, node: Node, what: str, default: float, low: float, high: float) -> float:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self.wrong(node, f"{what} is a number from {low:g} to {high:g}", None)
            return default
        return value

    def whole(self, node: Node, what: str, default: int, low: int, high: int) -> int:
        value = self.number(node, what, default, low, high)
        if isinstance(value, int):
            return value
        self.wrong(node, f"{what} is a whole number", None)
        return default

    def duration(self, node: Node, what: str, default: float) -> float:
        """Seconds."""
        value = node.value
        found = seconds(value) if isinstance(value, (str, int, float)) else None
        if found is None:
            self.wrong(node, f"{what} is a duration", "write it as 500ms, 30s or 2m")
            return default
        return found

    def names(self, node: Node, what: str) -> tuple[tuple[str, Location], ...]:
        """A text or a list of texts, each with its place."""
        nodes = node.items if node.kind == "list" else () if node.value is None and node.kind == "scalar" else (node,)
        return tuple((self.plain(one, what), one.location) for one in nodes)

    def name_pairs(self, node: Node, what: str, *, templates: bool = True) -> tuple[Pair, ...]:
        """Names and what they hold: a scalar, or a list of scalars (repeats)."""
        found: list[Pair] = []
        for key, value in self.pairs(node, what):
            nested = value.kind == "map" or any(item.kind != "scalar" for item in value.items)
            if nested:
                self.wrong(
                    value,
                    f"{what} hold texts, numbers, or lists of them",
                    "a list repeats the name; for more use `json`",
                )
                continue
            found.append(Pair(self.template(key, on=templates), self.tree(value, templates=templates), key.location))
        return tuple(found)

    def variable_name(self, key: Node) -> None:
        """Check a key that a template is to read."""
        if not _is_name(key.key):
            hint = "letters, digits, hyphens and underscores, beginning with a letter; no word of expressions"
            self.wrong(key, f"`{key.key}` cannot be a variable's name", hint)

    def variable_name_of(self, name: str, key: Node) -> None:
        """As `variable_name`, of a name that `key` leads to."""
        if not _is_name(name):
            self.wrong(key, f"`{name}` cannot be a variable's name", "letters, digits, hyphens and underscores")

    def variables(self, node: Node | None) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for key, value in self.pairs(node, "`variables`") if node else ():
            self.variable_name(key)
            found[key.key] = Variable(key.key, self.tree(value), key.location)
        return found


def _is_name(text: str) -> bool:
    return re.fullmatch(paths.NAME, text) is not None and text not in paths.KEYWORDS
