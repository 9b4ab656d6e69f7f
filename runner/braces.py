"""`{{name}}`, as Postman and others write variables: here it is text, and most often a mistake.

It is told in what is text of a request's own: address, query, header fields, authentication, form. A JSON or text body may be
a template for somebody else (a mail's, say): there it is told of names that zrun knows, since these were meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from runner.collection import RequestSpec, Variables
from runner.dynamic import is_known
from runner.errors import Location, Problem, did_you_mean
from runner.template import Template
from runner.tree import Entries, Items, Tree

_BRACES = re.compile(r"\{\{[ \t]*(\$?[^\W\d][\w-]*)[ \t]*\}\}")


def warnings(requests: Iterable[RequestSpec], shared: Variables, known: Collection[str]) -> Iterator[Problem]:
    """A warning for each name in braces, at its place; `shared` are the environment's variables, `known` all names."""
    told: set[str] = set()
    for tree, place, sure in _texts(requests, shared):
        for text, begins in _strings(tree):
            for match in _BRACES.finditer(text):
                name = match[1]
                if not (sure or name in known or (name[0] == "$" and is_known(name))):
                    continue
                at = _place(match[0], begins or _place(text, place))
                if str(at) not in told:
                    told.add(str(at))
                    yield Problem(f"`{match[0]}` is sent as it stands", at, _hint(name, known), warning=True)


def _hint(name: str, known: Collection[str]) -> str:
    near = None if name in known or name[0] == "$" else did_you_mean(name, known)
    return f"zrun writes <<{name}>>" + (f"; {near}" if near else "")


def _texts(requests: Iterable[RequestSpec], shared: Variables) -> Iterator[tuple[Tree, Location, bool]]:
    """What is sent: a text or more, where it begins at the earliest, and whether nothing but zrun would fill in names."""
    layers = {id(layer): layer for request in requests for layer in request.layers}
    for layer in (shared, *layers.values()):
        yield from ((variable.value, variable.location, False) for variable in layer.values())
    for request in requests:
        yield request.url, request.location, True
        body = request.body
        for pair in (*request.path, *request.query, *request.headers, *(body.form if body else ())):
            yield pair.name, pair.location, True
            yield pair.value, pair.location, True
        for setting in request.auth.settings.values() if request.auth else ():
            yield setting.value, setting.location, True
        if body:
            yield body.tree, body.location, False
            yield from ((part.value, part.location, False) for part in body.parts)


def _strings(tree: Tree) -> Iterator[tuple[str, Location | None]]:
    """The texts in `tree`, without their expressions, and where they begin, if that is known."""
    if isinstance(tree, str):
        yield tree, None
    elif isinstance(tree, Template):
        yield from ((part, tree.location) for part in tree.parts if isinstance(part, str))
    elif isinstance(tree, Items):
        for item in tree.items:
            yield from _strings(item.value)
    elif isinstance(tree, Entries):
        for entry in tree.entries:
            yield from _strings(entry.key)
            yield from _strings(entry.value)


def _place(written: str, earliest: Location) -> Location:
    """Where `written` stands: the first place from the line of `earliest` on."""
    source = earliest.source
    for number in range(earliest.line, source.text.count("\n") + 2):
        at = source.line(number).find(written, earliest.column - 1 if number == earliest.line else 0)
        if at >= 0:
            return Location(source, number, at + 1, len(written))
    return earliest
