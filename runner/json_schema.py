"""JSON Schema (2020-12): a schema read once, and what a value does not keep of it. The one home of its library.

A schema is made of documents: the one that `expect` names or holds, and those that its `$ref`s lead to, which whoever reads
files gives. Nothing is fetched. `format` is judged; a pattern that takes too many steps for a text fails it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from posixpath import dirname, relpath
from typing import Any, TypeAlias
from urllib.parse import unquote, urljoin, urlsplit

from runner import schema_growth, tree
from runner.errors import InputError, Location, Problem, did_you_mean
from runner.exchange import Unreadable
from runner.records import record
from runner.schema_documents import (
    Document,
    Path,
    Resources,
    at,
    embedded,
    inside,
    maps,
    outline,
    reference_in,
    reference_to,
    templates,
)
from runner.schema_growth import Growth, measure
from runner.template import Lookup
from runner.tree import Entries
from runner.values import Value, reveal

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
# How often a pattern may go back over one text: some milliseconds.
_BACKTRACKS = 100_000
# What is begun cannot be stopped, so it is counted before: schemas at one place; visits of places, to judge them and to
# tell what each does not keep, which is some hundred times as slow. Either takes seconds at most.
_MOST_HERE, _MOST_JUDGED, _MOST_TOLD = 10_000, 100_000_000, 300_000


@record
class Violation:
    """What a value does not keep: where it is (a JSONPath), what is there, and the keyword with its value in the schema.

    `said` says it in words where these do not. `location` is the keyword's.
    """

    path: str
    actual: Value
    keyword: str
    wanted: Value
    location: Location
    said: str | None = None


# From a URI, that of its file, and the place of the reference to the document. Raises InputError.
Fetch: TypeAlias = Callable[[str, str, Location], Document]


def read(name: str, root: Document, fetch: Fetch) -> JsonSchema:
    """The schema in `root`, which messages call `name`. Raises InputError with every mistake in it, and without the extra."""
    try:
        import jsonschema_rs  # noqa: F401  # late: an extra, and a large one
    except ImportError:
        hint = "pip install 'zrun[schema]'"
        raise InputError(Problem("a JSON Schema needs the extra `schema`", root.place.at(0), hint)) from None
    documents = {root.uri: root}
    _check(root)

    def retrieve(uri: str) -> Any:
        if uri not in documents:
            place = reference_to(uri, documents.values()) or root.place.at(0)
            found = fetch(uri, _file_of(uri, documents.values()), place)
            _check(found)
            documents[uri] = found
        return outline(documents[uri].tree)

    _compiled(outline(root.tree), root.uri, retrieve, documents)
    schema = JsonSchema(name, root, documents)
    try:
        here = schema.growth.here
    except RecursionError:
        here = _MOST_HERE + 1
    if here > _MOST_HERE:
        hint = "let alternatives refer to fewer schemas that they share"
        raise InputError(Problem("this JSON Schema comes to the same place too often", root.place.at(0), hint))
    return schema


def _file_of(uri: str, documents: Iterable[Document]) -> str:
    """The URI of the file for `uri`: where `$id`s are addresses of the web, files stand to each other as these do."""
    wanted = urlsplit(uri)
    for one in documents:
        if wanted.scheme == "file" or not isinstance(one.tree, Entries):
            break
        named = next((e.value for e in one.tree.entries if e.key == "$id" and isinstance(e.value, str)), one.uri)
        base = urlsplit(named)
        if base[:2] == wanted[:2]:
            return urljoin(one.file, relpath(wanted.path, dirname(base.path) or "/"))
    return uri


@dataclass(frozen=True, eq=False)
class JsonSchema:
    """A schema with all that it refers to. Templates in it are filled in at each use."""

    name: str
    root: Document
    documents: dict[str, Document]

    def violations(self, value: Value, lookup: Lookup) -> list[Violation]:
        """What `value` does not keep, in the order of the schema. Raises Unreadable for a text that is no Unicode."""
        if next(templates(self.root.tree), None) is None:
            validator, filled = self._validator, None
        else:
            filled = tree.render(self.root.tree, lookup)
            validator = self._compiled(reveal(filled))
        count, depth = measure(value)
        if count * self.growth.visits(min(depth, self.growth.parts)) > _MOST_JUDGED:
            raise Unreadable("the schema has too many ways to the same place for a body that is nested so deeply")
        try:
            if validator.is_valid(value):
                return []
            if count * self.growth.visits(depth) > _MOST_TOLD:
                return [self._somewhere(value)]
            return [self._violation(error, filled) for error in validator.iter_errors(value)]
        except UnicodeEncodeError:
            raise Unreadable("it holds half of a surrogate pair, which no schema can judge") from None

    @cached_property
    def _validator(self) -> Any:
        return self._compiled(outline(self.root.tree))

    def _compiled(self, content: Any) -> Any:
        def retrieve(uri: str) -> Any:
            return outline(self.documents[uri].tree)

        return _compiled(content, self.root.uri, retrieve, self.documents)

    @cached_property
    def growth(self) -> Growth:
        return schema_growth.growth(self.documents.values())

    def _somewhere(self, value: Value) -> Violation:
        said = "does not keep it; where is not told of a body so large, or of a schema with so many ways to one place"
        return Violation("$", value, "", None, self.root.place.at(0), said)

    @cached_property
    def _resources(self) -> Resources:
        found: Resources = {}
        for one in self.documents.values():
            found.update(embedded(one.tree, one.place, one.uri))
        return found

    def _violation(self, error: Any, filled: Value) -> Violation:
        where, path = self._keyword(error)
        written, place = self._resources.get(where, (self.root.tree, self.root.place))
        wanted, location = at(written, place, path)
        if filled is not None and where == self.root.uri:
            wanted = inside(filled, path)
        keyword = next((step for step in reversed(path) if isinstance(step, str)), "")
        return Violation(json_path(error.instance_path), error.instance, keyword, wanted, location, self._said(error))

    def _keyword(self, error: Any) -> tuple[str, Path]:
        """The resource and the way in it to the keyword that was not kept."""
        where, _, pointer = (error.absolute_keyword_location or f"{self.root.uri}#").partition("#")
        steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        return where, list(steps)

    def _said(self, error: Any) -> str | None:
        """Words for what a keyword and its value do not tell. None: they do."""
        kind = type(error.kind).__name__
        if kind == "Required":
            return f"has no `{error.kind.property}`"
        if kind in ("AdditionalProperties", "UnevaluatedProperties"):
            return f"has {_listed(error.kind.unexpected)}, which the schema does not know"
        if kind in ("AdditionalItems", "UnevaluatedItems"):
            return "has more items than the schema knows"
        if kind == "FalseSchema":
            return "may not be there"
        if kind == "PropertyNames":
            return "has a key that the schema's `propertyNames` does not take"
        if kind in _ALTERNATIVES:
            nearest = _nearest(error)
            where, path = self._keyword(nearest)
            _, location = at(*self._resources.get(where, (self.root.tree, self.root.place)), path)
            near = json_path(nearest.instance_path)
            return f"keeps none of the schema's `{error.kind.name}`; the nearest fails at `{near}` ({location})"
        if kind == "OneOfMultipleValid":
            return "keeps more than one of the schema's `oneOf`"
        if kind == "Not":
            return "keeps what the schema's `not` forbids"
        if kind in ("BacktrackLimitExceeded", "RegexEngineFailure"):
            return "cannot be judged: the pattern takes too long for this text"
        return None


_ALTERNATIVES = ("AnyOf", "OneOfNotValid")


def _nearest(error: Any) -> Any:
    """Of alternatives that all fail, the one that gets deepest into the value, then that with the fewest errors: its first."""
    while type(error.kind).__name__ in _ALTERNATIVES:
        failing = [errors for errors in error.kind.context if errors]
        if not failing:
            break
        error = max(failing, key=lambda errors: (min(len(e.instance_path) for e in errors), -len(errors)))[0]
    return error


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def json_path(steps: Path) -> str:
    """The place in a value as a JSONPath (RFC 9535)."""
    path = "$"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier():
            path += f".{step}"
        else:
            path += "['" + step.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return path


def _library(content: Any, uri: str, retrieve: Callable[[str], Any]) -> Any:
    import jsonschema_rs  # late: an extra

    return jsonschema_rs.Draft202012Validator(
        content,
        base_uri=uri,
        retriever=retrieve,
        validate_formats=True,
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
    )


def _compiled(content: Any, uri: str, retrieve: Callable[[str], Any], documents: dict[str, Document]) -> Any:
    """The library's validator. Raises InputError for a reference that leads nowhere, or is refused."""
    refused: list[InputError] = []

    def careful(wanted: str) -> Any:
        try:
            return retrieve(wanted)
        except InputError as error:
            refused.append(error)
            raise
        except KeyError:
            refused.append(InputError(Problem(f"`{wanted}` was not read", documents[uri].place.at(0), _WRITE_OUT)))
            raise

    try:
        return _library(content, uri, careful)
    except ValueError as error:  # jsonschema_rs.ValidationError
        if refused:
            raise refused[0] from None
        said = getattr(error, "message", str(error))
        place = reference_in(said, documents.values()) or documents[uri].place.at(0)
        raise InputError(Problem(f"this JSON Schema cannot be used: {said}", place, "mend the reference")) from None


_WRITE_OUT = "write out the names of files: they are read before values are known"


def _check(document: Document) -> None:
    """Raises InputError with every place where `document` is no schema of 2020-12."""
    content = outline(document.tree)
    if not isinstance(content, (dict, bool)):
        hint = "a JSON Schema is a map: {type: object, required: [id]}"
        raise InputError(Problem("this is not a JSON Schema", document.place.at(0), hint))
    for _, entries, _ in maps(document.tree, document.place, document.uri):
        for entry in entries.entries:
            if entry.key == "$schema" and isinstance(entry.value, str) and entry.value.rstrip("#") != DIALECT:
                hint = f"zrun reads 2020-12 alone: {DIALECT}"
                raise InputError(Problem("this JSON Schema is written in another version", entry.location, hint))
    problems: dict[str, Problem] = {}
    for error in _dialect().iter_errors(content):
        value, where = at(document.tree, document.place, error.instance_path)
        word = next((step for step in reversed(error.instance_path) if isinstance(step, str)), "the schema")
        said = str(error.message) if type(error.kind).__name__ not in ("AnyOf", "Format") else _SPECIFICATION
        message = f"this is not a JSON Schema of 2020-12: `{word}` cannot be this"
        near = did_you_mean(value, _TYPES, _SPECIFICATION) if word == "type" and isinstance(value, str) else said
        problems.setdefault(str(where), Problem(message, where, near))
    if problems:
        raise InputError(problems.values())


_SPECIFICATION = "see json-schema.org/draft/2020-12"


@cache
def _dialect() -> Any:
    def nothing(uri: str) -> Any:
        raise ValueError(f"{uri} is asked for")

    return _library({"$ref": DIALECT}, "urn:zrun:schema", nothing)
