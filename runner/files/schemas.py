"""The operand of `schema`: a JSON Schema as written there, or the file that holds one; with the files that it refers to."""

from __future__ import annotations

import json
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runner import json_schema
from runner.errors import InputError, Location, Place, Problem, Source
from runner.files import document
from runner.files.forms import Form
from runner.json_schema import JsonSchema
from runner.project import Project
from runner.schema_documents import Document
from runner.template import Template
from runner.tree import Entries, Tree

_SUFFIXES = (".json", ".yaml", ".yml")


def read_schema(written: Tree, place: Place, project: Project, known: dict[str, JsonSchema]) -> JsonSchema:
    """The schema that `written` is, or names; each is read once, and remembered in `known`.

    A file's name is relative to the file that names it. Raises InputError, OutsideError for a file that is not the project's.
    """
    here = place.at(0)
    beside = here.source.path.absolute() if here.source.path else Path.cwd() / "collection"
    if isinstance(written, str):
        path = Path(normpath(beside.parent / written))  # as a `$ref` is taken
        key = str(path)
        if key not in known:
            root = _document(path.as_uri(), path.as_uri(), path, place.at(0, max(1, len(written))), project)
            known[key] = json_schema.read(f"`{written}`", root, _fetch(project))
        return known[key]
    if not isinstance(written, Entries):
        wrong = "a template cannot stand for a schema" if isinstance(written, Template) else "this is no JSON Schema"
        hint = "name a file of the project, or write a map: {type: object, required: [id]}"
        raise InputError(Problem(wrong, here, hint))
    key = str(here)
    if key not in known:
        # It has a URI of its own beside the collection's: a `$ref` to a file is relative to that, one to `#/...` is here.
        root = Document(f"{beside.as_uri()}?{here.line}:{here.column}", beside.as_uri(), written, place)
        known[key] = json_schema.read("the schema", root, _fetch(project))
    return known[key]


def _fetch(project: Project) -> json_schema.Fetch:
    def fetch(uri: str, file: str, location: Location) -> Document:
        parts = urlsplit(file)
        if parts.scheme != "file" or parts.netloc or parts.query:
            hint = "zrun fetches no schema: put it into a file of the project, and refer to that"
            raise InputError(Problem(f"`{uri}` is not in this project", location, hint))
        return _document(uri, file, Path(unquote(parts.path)), location, project)

    return fetch


def _document(uri: str, file: str, path: Path, named: Location, project: Project) -> Document:
    """The file at `path`, which is named at `named`. Raises InputError."""
    project.locate(path, named)
    if path.suffix.lower() not in _SUFFIXES:
        # What is no such file is nobody's schema, and a mistake in it would show a line of it.
        hint = "name it .json, .yaml or .yml"
        raise InputError(Problem(f"`{path.name}` is not called as a JSON Schema is", named, hint))
    if not path.is_file():
        where = f"it is looked for in {document.shown(path.parent)}"
        raise InputError(Problem(f"the schema `{path.name}` is not there", named, where))
    text = document.decoded(document.content(path, lambda path: project.open(path, named)), path)
    source = Source(document.shown(path), text, path)
    if path.suffix.lower() == ".json":
        _check_json(source)
        # Blanks of JSON, but none of YAML's: in a text there can be no tab.
        source = Source(source.name, text.replace("\t", " "), path)
    form = Form()
    root = document.parse(source)
    tree = form.tree(root, templates=False)
    return Document(uri, file, tree, root.place)


def _check_json(source: Source) -> None:
    """JSON's own words for its mistakes; YAML, by which places are known, takes more."""
    try:
        json.loads(source.text)
    except json.JSONDecodeError as error:
        where = Location(source, error.lineno, error.colno)
        raise InputError(Problem(f"this is not JSON: {error.msg}", where, "mend it")) from None
    except (ValueError, RecursionError):
        where = Location(source, 1, 1)
        hint = "take it apart, and refer to the parts with `$ref`"
        raise InputError(Problem("this JSON has a number too long, or is nested too deeply", where, hint)) from None
