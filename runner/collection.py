"""A collection as written: located, typed, frozen; every text that may hold `<<...>>` parsed, nothing rendered.

What a folder or the file gives to all of its requests (`defaults`, variables, tags) is folded into each RequestSpec by the
reader, so that whoever holds a request holds all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from runner import predicates, tree
from runner.errors import Location, Problem, Source
from runner.predicates import Expectation
from runner.project import NOWHERE, Project
from runner.queries import Query, QuerySpec
from runner.records import record
from runner.template import Name, Template
from runner.tree import Tree

Text: TypeAlias = str | Template
Variables: TypeAlias = Mapping[str, "Variable"]


@record
class Variable:
    """A variable's value as written in a file; it may be a template."""

    name: str
    value: Tree
    location: Location


@record
class Pair:
    """One header field, query parameter or form field. A list repeats the name; a null (or a null rendered) drops it."""

    name: Text
    value: Tree
    location: Location

    @property
    def names(self) -> Iterator[Name]:
        """The variables that it reads, in order."""
        yield from tree.names(self.name)
        yield from tree.names(self.value)


@record
class PartSpec:
    """One part of a multipart body: a value, or a file to stream."""

    name: Text
    location: Location
    value: Tree = None
    file: Text | None = None
    filename: Text | None = None
    content_type: Text | None = None


@record
class BodySpec:
    """The body: `kind` is json, form, multipart, text, xml, file or graphql, and just that field is filled."""

    kind: str
    location: Location
    tree: Tree = None  # json, text, xml; graphql: the {query, variables} mapping
    form: tuple[Pair, ...] = ()
    parts: tuple[PartSpec, ...] = ()
    file: Text | None = None

    @property
    def names(self) -> Iterator[Name]:
        """The variables that it reads, in order."""
        yield from tree.names(self.tree)
        yield from tree.names(self.file)
        for pair in self.form:
            yield from pair.names
        for part in self.parts:
            for written in (part.name, part.value, part.file, part.filename, part.content_type):
                yield from tree.names(written)


@record
class Capture:
    """Response to variable: `save` None means by the rule (names that the environment declares are kept)."""

    name: str
    query: QuerySpec
    location: Location
    default: Tree = None
    has_default: bool = False
    filter: Text | None = None  # an expression over `value`, as a template: <<value | b64decode>>
    secret: bool | None = None
    expires_in: QuerySpec | Tree = None  # seconds or a duration, or the query that finds them
    save: bool | None = None

    @property
    def names(self) -> Iterator[Name]:
        """The variables that it reads; `value` in its filter is what was captured."""
        for written in (self.query, self.expires_in, self.default):
            if not isinstance(written, Query):
                yield from tree.names(written)
        if isinstance(self.filter, Template):
            yield from (name for name in self.filter.names if name.name != "value")


@record
class AuthSpec:
    """How a request proves who sends it: an authentication scheme, and its settings by name, as written.

    `scheme` is a word of files.fields.AUTH: bearer, basic, digest, api-key, header, oauth1, aws-sigv4, ntlm, oauth2.
    """

    scheme: str
    location: Location
    settings: Variables = field(default_factory=dict)


@record
class Renew:
    """When a response meets every expectation of `on`: run the request `run`, then send the original once more."""

    on: tuple[Expectation, ...]
    run: str
    location: Location


@record
class Retry:
    """How often to send again, and on what: `on` holds statuses and the word network. Times in seconds."""

    times: int
    location: Location
    on: tuple[int | str, ...] = ("network", 429, 502, 503, 504)
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 30.0
    unsafe: bool = False


@record
class Until:
    """Send again, `every` seconds, until all hold; give up after `timeout` seconds."""

    on: tuple[Expectation, ...]
    location: Location
    every: float = 5.0
    timeout: float = 600.0


@record
class ForEach:
    """Send once for each item of a list, which is `name` in templates."""

    items: Tree
    location: Location
    name: str = "item"


@record
class Ignored:
    """A JSONPath (RFC 9535) of what in a body changes from one answer to the next."""

    path: str
    location: Location


@record
class SnapshotSpec:
    """What a response snapshot is to hold. `on` False: none is kept. `headers` are names of fields, in lower case.

    `location` is where the request itself says so; None: its folders do, or nobody.
    """

    on: bool = True
    ignore: tuple[Ignored, ...] = ()
    headers: tuple[str, ...] = ()
    location: Location | None = None


@record
class Need:
    """An order that no variable shows: the id of an earlier request."""

    id: str
    location: Location


@record
class RequestSpec:
    """One request as written, with all that its folders give it.

    `id` is its path from the top (`leads/create`), unique in the collection. `layers` are the variables of the
    collection and of each folder, outermost first. `folder` is the directory of the file that holds it: file names
    in it are relative to that. `project` says which files it may reach.
    """

    id: str
    location: Location
    method: Text
    url: Text
    folder: Path
    project: Project = NOWHERE
    name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    skip: bool | str = False
    when: Text | bool | None = None
    when_location: Location | None = None
    path: tuple[Pair, ...] = ()
    query: tuple[Pair, ...] = ()
    headers: tuple[Pair, ...] = ()
    auth: AuthSpec | None = None
    body: BodySpec | None = None
    cookies: bool = True
    follow_redirects: bool = True
    max_redirects: int = 10
    timeout: float = 30.0
    save: Text | None = None
    expect: tuple[Expectation, ...] = ()
    capture: tuple[Capture, ...] = ()
    needs: tuple[Need, ...] = ()
    renew: Renew | None = None
    retry: Retry | None = None
    until: Until | None = None
    for_each: ForEach | None = None
    delay: float = 0.0
    snapshot: SnapshotSpec | None = None
    independent: bool = False  # it may change things while another request does
    layers: tuple[Variables, ...] = ()

    @property
    def title(self) -> str:
        """What to call it: its display name, else its id."""
        return self.name or self.id

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """The variables that it reads, in the order of its parts; its own loop variable too."""
        return tuple(self._names())

    def _names(self) -> Iterator[Name]:
        if isinstance(self.when, Template):
            yield from self.when.names
        if self.for_each:
            yield from tree.names(self.for_each.items)
        yield from tree.names(self.method)
        yield from tree.names(self.url)
        for pair in (*self.path, *self.query, *self.headers):
            yield from pair.names
        for setting in self.auth.settings.values() if self.auth else ():
            yield from tree.names(setting.value)
        if self.body:
            yield from self.body.names
        yield from tree.names(self.save)
        for expectation in self.expectations:
            yield from predicates.names(expectation)
        for capture in self.capture:
            yield from capture.names

    @property
    def expectations(self) -> Iterator[Expectation]:
        """All of them: its own, and what it waits and is renewed for."""
        yield from self.expect
        if self.until:
            yield from self.until.on
        if self.renew:
            yield from self.renew.on


@record
class DataSpec:
    """The file of rows, for each of which the collection is run once. `project` says whether it may be reached."""

    path: Path
    location: Location
    project: Project = NOWHERE


@record
class Collection:
    """A file of requests, in file order, folders flattened. `path` is the file, `name` its display name.

    `sources` are the texts of the files that it was read from: its own, and those that it includes.
    """

    name: str
    path: Path
    requests: tuple[RequestSpec, ...]
    description: str | None = None
    variables: Variables = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    data: DataSpec | None = None
    sources: tuple[Source, ...] = ()

    def __iter__(self) -> Iterator[RequestSpec]:
        return iter(self.requests)

    def get(self, request_id: str) -> RequestSpec | None:
        """The request of that id, or None."""
        return self._by_id.get(request_id)

    @cached_property
    def _by_id(self) -> Mapping[str, RequestSpec]:
        return {request.id: request for request in self.requests}
