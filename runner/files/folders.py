"""A collection: its folders, included files and extended requests, flattened to requests in file order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from runner.collection import Collection, DataSpec, Need, Renew, RequestSpec
from runner.errors import InputError, OutsideError, Problem, did_you_mean
from runner.files import document, fields, misplaced
from runner.files.credentials import read_auth
from runner.files.document import Node
from runner.files.forms import Form
from runner.files.requests import Surroundings, read_request
from runner.project import Project, root_of
from runner.records import record

DEEPEST_INCLUDE = 16


class PartlyRead(InputError):
    """Mistakes in the parts of a collection. What could be read is in `collection`, so that more mistakes can be told."""

    def __init__(self, problems: list[Problem], collection: Collection) -> None:
        super().__init__(problems)
        self.collection = collection


@record(eq=True, shown=True)
class _Raw:
    """A request before it is read: what `extends` copies from."""

    key: Node
    node: Node
    around: Surroundings


class _Found(dict[str, _Raw]):
    """The requests of a collection by id, and the texts of the files that hold them."""

    def __init__(self, root: Node) -> None:
        super().__init__()
        self.sources = [root.location.source]


def read_collection(path: Path, project: Project | None = None, *, rows_given: bool = False) -> Collection:
    """The collection in the file `path`, which may reach the files of `project` (None: those of its own folder's).

    `rows_given`: others are given over those that it names, whose file need not be there.
    Raises PartlyRead with every mistake in it and in the files that it includes, InputError when nothing could be read.
    """
    form = Form()
    root = document.load(path)
    found = form.fields(root, fields.COLLECTION, "a collection")
    if "zrun" in found and found["zrun"].value != 1:
        form.wrong(
            found["zrun"], "this version of the format is not known", "this zrun reads version 1: write `zrun: 1`"
        )
    if not ("requests" in found or "include" in found):
        form.wrong(root, "the collection has no `requests`", "add `requests:` with a request under it")
    project = project or Project(root_of(path))
    raw = _Found(root)
    _gather(
        path,
        root,
        found,
        "",
        Surroundings(folder=path.parent, project=project),
        raw,
        form,
        (path.resolve(),),
    )
    requests = [_read(request_id, one, raw, form) for request_id, one in raw.items()]
    requests = [_with_ids(request, raw, form) for request in requests]
    variables = Form().variables(found.get("variables"))  # its mistakes were told with those of the first folder
    collection = Collection(
        name=form.plain(found["name"], "`name`") if "name" in found else path.stem,
        path=path,
        requests=tuple(requests),
        description=form.plain(found["description"], "`description`") if "description" in found else None,
        variables=variables,
        warnings=tuple(form.warnings),
        data=_data(found["data"], path.parent, project, form, needed=not rows_given) if "data" in found else None,
        sources=tuple(raw.sources),
    )
    if form.problems:
        raise PartlyRead(_once(form.problems), collection)
    return collection


def _data(node: Node, folder: Path, project: Project, form: Form, *, needed: bool) -> DataSpec | None:
    before = len(form.problems)
    name = form.plain(node, "`data`")
    if len(form.problems) > before:
        return None
    path = folder / name
    try:
        if not name.strip():
            form.wrong(node, "`data` names no file", "write `data: rows.csv`")
        elif not project.locate(path, node.location).is_file() and needed:
            hint = f"it is looked for in {document.shown(path.parent)}"
            form.wrong(node, f"there is no file `{name}`", hint)
    except OutsideError as error:
        form.problems.extend(error.problems)
    return DataSpec(path, node.location, project)


def _once(problems: list[Problem]) -> list[Problem]:
    """Without repeats: what a folder gives to all of its requests is read for each of them."""
    return list({(str(p.location), p.message): p for p in problems}.values())


def _gather(
    path: Path,
    node: Node,
    found: dict[str, Node],
    prefix: str,
    around: Surroundings,
    raw: _Found,
    form: Form,
    open_files: tuple[Path, ...],
) -> None:
    """Put the requests of a folder (or file) into `raw`, by id, in the order of its keys."""
    inside = _inside(found, around, form)
    for key, value in node.pairs:
        if key.key == "include" and "include" in found:
            for name, place in form.names(value, "`include`"):
                _include(
                    path.parent / name,
                    Problem(f"cannot include `{name}`", place),
                    inside,
                    prefix,
                    raw,
                    form,
                    open_files,
                )
        elif key.key == "requests" and "requests" in found:
            _requests(path, value, prefix, inside, raw, form, open_files)


def _inside(found: dict[str, Node], around: Surroundings, form: Form) -> Surroundings:
    """What holds inside a folder: its own defaults, variables and tags after those around it."""
    defaults = form.fields(found["defaults"], fields.DEFAULTS, "`defaults`") if "defaults" in found else {}
    tags = tuple(tag for tag, _ in form.names(found["tags"], "`tags`")) if "tags" in found else ()
    for name in ("name", "description"):
        if name in found:
            form.plain(found[name], f"`{name}`")
    return Surroundings(
        (*around.defaults, defaults) if defaults else around.defaults,
        (*around.layers, form.variables(found.get("variables"))),
        (*around.tags, *tags),
        around.folder,
        read_auth(found["auth"], form) if "auth" in found else around.auth,
        around.project,
    )


def _requests(
    path: Path,
    node: Node,
    prefix: str,
    around: Surroundings,
    raw: _Found,
    form: Form,
    open_files: tuple[Path, ...],
) -> None:
    for key, value in form.pairs(node, "`requests`"):
        if not key.key or any(character in key.key for character in "/*?[]\n"):
            hint = "ids are parts of paths and globs: use letters, digits and hyphens"
            form.wrong(key, "an id cannot be empty or hold any of / * ? [ ]", hint)
            continue
        request_id = prefix + key.key
        if value.kind == "map" and value.get("requests") is not None:
            found = form.fields(value, fields.FOLDER, f"the folder `{request_id}`")
            _gather(path, value, found, f"{request_id}/", around, raw, form, open_files)
        elif key.key in fields.REQUEST and misplaced.is_no_request(value):
            hint = "indent it below the request that it belongs to"
            form.wrong(key, f"`{key.key}` stands beside the requests, not in one", hint)
        elif request_id in raw:
            form.wrong(key, f"the id `{request_id}` is taken by an included file", "give it another")
        else:
            raw[request_id] = _Raw(key, value, around)


def _include(
    path: Path,
    refusal: Problem,
    around: Surroundings,
    prefix: str,
    raw: _Found,
    form: Form,
    open_files: tuple[Path, ...],
) -> None:
    def refuse(why: str, hint: str) -> None:
        form.problems.append(replace(refusal, message=f"{refusal.message}: {why}", hint=hint))

    try:
        around.project.locate(path, refusal.location)
    except OutsideError as error:
        form.problems.extend(error.problems)
        return None
    if path.resolve() in open_files:
        return refuse("it includes itself", "take one `include` away")
    if len(open_files) > DEEPEST_INCLUDE:
        return refuse("includes are nested too deeply", "include it from fewer files")
    if not path.is_file():
        return refuse("there is no such file", f"it is looked for in {document.shown(path.parent)}")
    try:
        root = document.load(path, lambda path: around.project.open(path, refusal.location))
    except InputError as error:
        form.problems.extend(error.problems)
        return None
    raw.sources.append(root.location.source)
    found = form.fields(root, fields.COLLECTION, "a collection")
    if "data" in found:
        hint = "put it into the collection that is run"
        form.wrong(found["data"], "a file that is included has no rows of its own", hint)
    below = replace(around, folder=path.parent)
    return _gather(path, root, found, f"{prefix}{path.stem}/", below, raw, form, (*open_files, path.resolve()))


def _read(request_id: str, one: _Raw, raw: dict[str, _Raw], form: Form) -> RequestSpec:
    return read_request(request_id, one.key, _extended(request_id, one, raw, form, (request_id,)), one.around, form)


def _extended(request_id: str, one: _Raw, raw: dict[str, _Raw], form: Form, seen: tuple[str, ...]) -> Node:
    """The request's node with what it `extends` beneath it: own keys win, and so does an own body or address."""
    written = one.node.get("extends") if one.node.kind == "map" else None
    if written is None:
        return one.node
    name = form.plain(written, "`extends`")
    base_id = _resolved(name, request_id, raw)
    own = tuple(pair for pair in one.node.pairs if pair[0].key != "extends")
    if base_id is None:
        hint = did_you_mean(name, raw, "a path from this folder: `refresh`, `../refresh`")
        form.wrong(written, f"there is no request `{name}` to extend", hint)
        return Node("map", one.node.place, pairs=own)
    if base_id in seen:
        form.wrong(
            written, f"these extend each other: {' -> '.join([*seen, base_id])}", "give one of them its own keys"
        )
        return Node("map", one.node.place, pairs=own)
    base = _extended(base_id, raw[base_id], raw, form, (*seen, base_id))
    keys = {key.key for key, _ in own}
    for group in (fields.BODIES, (*fields.METHODS, "method", "url")):
        if keys & set(group):
            keys |= set(group)
    inherited = tuple(pair for pair in base.pairs if pair[0].key not in keys)
    return Node("map", one.node.place, pairs=(*inherited, *own))


def _resolved(name: str, request_id: str, known: dict[str, _Raw]) -> str | None:
    """The id that `name` stands for in a request: from its folder (`..` leads up), then from each folder above."""
    folder = PurePosixPath(request_id).parent
    for base in (folder, *folder.parents):
        parts: list[str] = []
        for part in (base / name).parts:
            if part != "..":
                parts.append(part)
            elif parts:
                parts.pop()
        candidate = "/".join(parts)
        if candidate in known:
            return candidate
    return None


def _with_ids(request: RequestSpec, raw: dict[str, _Raw], form: Form) -> RequestSpec:
    """The ids of `needs` and `renew`, resolved from the request's folder upward."""
    if not request.needs and request.renew is None:
        return request
    needs = tuple(need for written in request.needs for need in _need(written, request, raw, form))
    renew = request.renew
    if renew is not None:
        found = _resolved(renew.run, request.id, raw)
        if found is None and renew.run:
            hint = did_you_mean(renew.run, raw, f"it holds: {', '.join(list(raw)[:12])}")
            form.problems.append(Problem(f"there is no request `{renew.run}` to renew with", renew.location, hint))
        renew = Renew(renew.on, found or renew.run, renew.location)
    return replace(request, needs=needs, renew=renew)


def _need(need: Need, request: RequestSpec, raw: dict[str, _Raw], form: Form) -> Iterator[Need]:
    """A folder stands for all that is in it."""
    found = _resolved(need.id, request.id, raw)
    if found is not None:
        yield Need(found, need.location)
        return
    inside = [known for known in raw if known.startswith(f"{need.id}/") and known != request.id]
    if not inside and need.id:
        hint = did_you_mean(need.id, raw, f"it holds: {', '.join(list(raw)[:12])}")
        form.problems.append(Problem(f"there is no request `{need.id}`", need.location, hint))
    yield from (Need(known, need.location) for known in inside)
