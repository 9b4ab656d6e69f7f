"""One request: from its node and what its folders give it to a RequestSpec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import predicates, queries
from runner.collection import (
    AuthSpec,
    Capture,
    ForEach,
    Need,
    Pair,
    Renew,
    RequestSpec,
    Retry,
    SnapshotSpec,
    Text,
    Until,
    Variables,
)
from runner.errors import InputError, Place, nearest
from runner.files import fields
from runner.files.credentials import overridden, read_auth
from runner.files.document import Node
from runner.files.forms import Form
from runner.files.request_bodies import read_body
from runner.predicates import Expectation
from runner.project import NOWHERE, Project
from runner.queries import Query, QuerySpec
from runner.records import record
from runner.template import Template
from runner.tree import Tree
from runner.values import MISSING

if TYPE_CHECKING:
    from runner.json_schema import JsonSchema


@record(eq=True, shown=True)
class Surroundings:
    """What the folders above give: their defaults (outermost first), variables, tags; the file's directory and project."""

    defaults: tuple[dict[str, Node], ...] = ()
    layers: tuple[Variables, ...] = ()
    tags: tuple[str, ...] = ()
    folder: Path = Path()
    auth: AuthSpec | None = None
    project: Project = NOWHERE


def read_request(request_id: str, key: Node, node: Node, around: Surroundings, form: Form) -> RequestSpec:
    """The request under `key`; mistakes go into `form`, and leave a request that is not to be run."""
    own = form.fields(node, fields.REQUEST, f"the request `{request_id}`")
    given: dict[str, Node] = {}
    for layer in around.defaults:
        given.update(layer)
    given.update(own)
    method, url = _address(request_id, key, node, own, form)
    optional: dict[str, Any] = {}
    for name, read in _SIMPLE.items():
        if name in given:
            optional[name.replace("-", "_")] = read(form, given[name], f"`{name}`")
    when = own.get("when")
    headers = _merged("headers", around, own, form)
    return RequestSpec(
        id=request_id,
        location=key.location,
        method=method,
        url=url,
        folder=around.folder,
        project=around.project,
        name=form.plain(own["name"], "`name`") if "name" in own else None,
        description=form.plain(own["description"], "`description`") if "description" in own else None,
        tags=tuple(dict.fromkeys((*around.tags, *_names(own.get("tags"), "`tags`", form)))),
        skip=_skip(own.get("skip"), form),
        when=_when(when, form),
        when_location=when.location if when else None,
        path=form.name_pairs(own["path"], "path parameters") if "path" in own else (),
        query=_merged("query", around, own, form),
        headers=headers,
        auth=_auth(own, headers, around, form),
        body=read_body(own, form),
        save=_save(own.get("response"), form),
        expect=_expectations_of(around, own, form),
        capture=tuple(_captures(own.get("capture"), form)),
        needs=tuple(Need(name, place) for name, place in form.names(own["needs"], "`needs`")) if "needs" in own else (),
        renew=_renew(given.get("renew"), form, around.project),
        retry=_retry(given.get("retry"), form),
        until=_until(own.get("until"), form, around.project),
        for_each=_for_each(own, form),
        snapshot=_snapshot(around, own, form),
        layers=around.layers,
        **optional,
    )


_SIMPLE: dict[str, Callable[[Form, Node, str], Any]] = {
    "timeout": lambda form, node, what: form.duration(node, what, 30.0),
    "cookies": lambda form, node, what: form.flag(node, what, True),
    "follow-redirects": lambda form, node, what: form.flag(node, what, True),
    "max-redirects": lambda form, node, what: form.whole(node, what, 10, 0, 100),
    "delay": lambda form, node, what: form.duration(node, what, 0.0),
    "independent": lambda form, node, what: form.flag(node, what, False),
}


def _names(node: Node | None, what: str, form: Form) -> tuple[str, ...]:
    return tuple(name for name, _ in form.names(node, what)) if node else ()


def _address(request_id: str, key: Node, node: Node, own: dict[str, Node], form: Form) -> tuple[Text, Text]:
    """Method and URL, in exactly one of the two forms."""
    short = [method for method in fields.METHODS if method in own]
    if len(short) > 1 or (short and ("method" in own or "url" in own)):
        extra = next(n for n in ("method", "url", *short[1:]) if n in own)
        form.wrong(own[extra], f"`{request_id}` has two addresses: `{short[0]}` and `{extra}`", "keep one of them")
    if short:
        url = form.text(own[short[0]], "the URL")
        _check_url(url, own[short[0]], form)
        return short[0].upper(), url
    if "method" in own and "url" in own:
        url = form.text(own["url"], "the URL")
        _check_url(url, own["url"], form)
        return form.text(own["method"], "the method"), url
    if any(nearest(name.key, fields.METHODS) for name, _ in node.pairs if name.key not in fields.REQUEST):
        return "GET", ""  # a misspelt method has been told
    missing = "url" if "method" in own else "method" if "url" in own else None
    hint = f"add `{missing}:`" if missing else f"write `get: https://...`; methods: {', '.join(fields.METHODS)}"
    form.wrong(key, f"`{request_id}` has no address", hint)
    return "GET", ""


def _check_url(url: Text, node: Node, form: Form) -> None:
    if isinstance(url, str) and url and not url.lower().startswith(("http://", "https://")):
        form.wrong(
            node, "the address does not begin with http:// or https://", "give the whole URL, or begin with a variable"
        )
    elif url == "":
        form.wrong(node, "the address is empty", "give the whole URL")


def _skip(node: Node | None, form: Form) -> bool | str:
    if node is None or isinstance(node.value, bool):
        return bool(node and node.value)
    return form.plain(node, "`skip`") or False


def _when(node: Node | None, form: Form) -> Text | bool | None:
    if node is None or isinstance(node.value, bool):
        return node.value if node and isinstance(node.value, bool) else None
    text = form.text(node, "`when`")
    if not isinstance(text, Template) and text:
        form.wrong(node, "`when` is no expression", f"write it in brackets: `when: <<{text}>>`")
        return None
    return text or None


def _merged(name: str, around: Surroundings, own: dict[str, Node], form: Form) -> tuple[Pair, ...]:
    """Headers or query parameters, those of the request over those of its folders; names of headers ignore case."""
    found: dict[str, Pair] = {}
    for layer in (*around.defaults, own):
        if name in layer:
            for pair in form.name_pairs(layer[name], name):
                key = str(pair.name)
                found[key.lower() if name == "headers" else key] = pair
    return tuple(found.values())


def _auth(own: dict[str, Node], headers: tuple[Pair, ...], around: Surroundings, form: Form) -> AuthSpec | None:
    """The request's own, else its folder's. A header that the request sends anyway is stronger than an inherited one."""
    auth = read_auth(own["auth"], form) if "auth" in own else around.auth
    written = overridden(auth, headers) if auth else None
    if written is None:
        return auth
    if "auth" in own:
        form.wrong(written.location, f"`auth` would write the header `{written.name}` too", "keep one of them")
    return None


def _expectations_of(around: Surroundings, own: dict[str, Node], form: Form) -> tuple[Expectation, ...]:
    """Expectations, those of the request over those of its folders for the same query."""
    found: dict[str, Expectation] = {}
    for layer in (*around.defaults, own):
        if "expect" in layer and not _is_null(layer["expect"]):
            found.update((e.text, e) for e in expectations(layer["expect"], form, around.project))
    return tuple(found.values())


def _is_null(node: Node) -> bool:
    return node.kind == "scalar" and node.value is None


def expectations(node: Node, form: Form, project: Project) -> tuple[Expectation, ...]:
    def read_schema(written: Tree, place: Place) -> JsonSchema:
        from runner.files import schemas  # late: few expectations hold one

        return schemas.read_schema(written, place, project, form.schemas)

    try:
        return predicates.parse_expectations(form.tree(node), node.location, read_schema)
    except InputError as error:
        form.problems.extend(error.problems)
        return ()


def _save(node: Node | None, form: Form) -> Text | None:
    if node is None:
        return None
    found = form.fields(node, fields.RESPONSE, "`response`")
    return form.text(found["save"], "`save`") if "save" in found else None


def _captures(node: Node | None, form: Form) -> list[Capture]:
    found: list[Capture] = []
    for key, value in form.pairs(node, "`capture`") if node else ():
        form.variable_name(key)
        if value.kind != "map":
            found.append(Capture(key.key, _query(value, form), key.location))
            continue
        given = form.fields(value, fields.CAPTURE, f"the capture `{key.key}`")
        if "from" not in given:
            form.wrong(value, f"the capture `{key.key}` has no `from`", "name the query: {from: json $.id}")
        query = _query(given["from"], form) if "from" in given else _no_query(value)
        found.append(
            Capture(
                key.key,
                query,
                key.location,
                default=form.tree(given["default"]) if "default" in given else None,
                has_default="default" in given,
                filter=_filter(given.get("filter"), form),
                secret=form.flag(given["secret"], "`secret`", True) if "secret" in given else None,
                expires_in=_expires_in(given.get("expires-in"), form),
                save=form.flag(given["save"], "`save`", True) if "save" in given else None,
            )
        )
    return found


def _query(node: Node, form: Form) -> QuerySpec:
    if node.kind != "scalar" or not isinstance(node.value, (str, int)) or isinstance(node.value, bool):
        form.wrong(node, "a capture names a query", "for example: `json $.id`")
        return _no_query(node)
    text = form.text(node, "the query")
    try:
        if isinstance(text, Template):
            queries.check_extra(text.text.partition(" ")[0], node.location)
            return text
        return queries.parse_query(text, node.place)
    except InputError as error:
        form.problems.extend(error.problems)
        return _no_query(node)


def _no_query(node: Node) -> Query:
    """What stands for a query that could not be read: the name that it captures is known all the same."""
    return Query("", "", "", node.location, lambda _: MISSING)


def _filter(node: Node | None, form: Form) -> Text | None:
    if node is None:
        return None
    text = form.text(node, "`filter`")
    if not isinstance(text, Template):
        form.wrong(node, "`filter` is no expression", "write it over `value`: <<value | b64decode>>")
        return None
    return text


def _expires_in(node: Node | None, form: Form) -> QuerySpec | Tree:
    """A query when it begins with the word of one; else seconds, a duration, or a template of them."""
    if node is None:
        return None
    if isinstance(node.value, str) and node.value.partition(" ")[0] in queries.KINDS:
        return _query(node, form)
    tree = form.tree(node)
    if not isinstance(tree, Template):
        form.duration(node, "`expires-in`", 0.0)
    return tree


def _renew(node: Node | None, form: Form, project: Project) -> Renew | None:
    if node is None or _is_null(node):
        return None
    found = form.fields(node, fields.RENEW, "`renew`")
    if "on" not in found or "run" not in found:
        form.wrong(node, "`renew` wants `on` and `run`", "write {on: {status: 401}, run: refresh}")
        return None
    return Renew(expectations(found["on"], form, project), form.plain(found["run"], "`run`"), found["run"].location)


def _retry(node: Node | None, form: Form) -> Retry | None:
    if node is None or _is_null(node):
        return None
    if node.kind == "scalar":
        return Retry(form.whole(node, "`retry`", 0, 0, 100), node.location)
    found = form.fields(node, fields.RETRY, "`retry`")
    if "times" not in found:
        form.wrong(node, "`retry` wants `times`", "write {times: 3}")
        return None
    given: dict[str, Any] = {}
    if "on" in found:
        given["on"] = tuple(_retried(found["on"], form))
    for name in ("delay", "max-delay"):
        if name in found:
            given[name.replace("-", "_")] = form.duration(found[name], f"`{name}`", 1.0)
    if "backoff" in found:
        given["backoff"] = form.number(found["backoff"], "`backoff`", 2.0, 1, 100)
    if "unsafe" in found:
        given["unsafe"] = form.flag(found["unsafe"], "`unsafe`", False)
    return Retry(form.whole(found["times"], "`times`", 0, 0, 100), node.location, **given)


def _retried(node: Node, form: Form) -> list[int | str]:
    found: list[int | str] = []
    for item in node.items if node.kind == "list" else (node,):
        if item.value == "network" or (isinstance(item.value, int) and not isinstance(item.value, bool)):
            found.append(item.value)
        else:
            form.wrong(item, "`on` lists statuses and the word `network`", "write [network, 429, 503]")
    return found


def _until(node: Node | None, form: Form, project: Project) -> Until | None:
    if node is None or _is_null(node):
        return None
    if node.kind != "map":
        return Until(expectations(node, form, project), node.location)
    times = {key.key: value for key, value in node.pairs if key.key in fields.UNTIL}
    on = Node("map", node.place, pairs=tuple(pair for pair in node.pairs if pair[0].key not in fields.UNTIL))
    if not on.pairs:
        form.wrong(node, "`until` says not what must hold", "add an expectation: {status: 200}")
    given = {name: form.duration(value, f"`{name}`", 5.0) for name, value in times.items()}
    return Until(expectations(on, form, project), node.location, **given)


def _snapshot(around: Surroundings, own: dict[str, Node], form: Form) -> SnapshotSpec | None:
    """What the folders and the request say, added up; the innermost `true` or `false` says whether."""
    nodes = [layer["snapshot"] for layer in (*around.defaults, own) if "snapshot" in layer]
    if not nodes:
        return None
    from runner.files import snapshots  # late: few requests say anything of them

    return snapshots.read_spec(nodes, form, own="snapshot" in own)


def _for_each(own: dict[str, Node], form: Form) -> ForEach | None:
    if "for-each" not in own:
        if "as" in own:
            form.wrong(own["as"], "`as` names the item of a `for-each`, and there is none", "add `for-each:`")
        return None
    node = own["for-each"]
    tree = form.tree(node)
    if node.kind != "list" and not isinstance(tree, Template):
        form.wrong(node, "`for-each` is a list", "write a list, or a variable that holds one: <<ids>>")
    name = form.plain(own["as"], "`as`") if "as" in own else "item"
    return ForEach(tree, node.location, name)
