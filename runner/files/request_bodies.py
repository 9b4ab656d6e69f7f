"""The body of a request: at most one of seven kinds."""

from __future__ import annotations

from runner.collection import BodySpec, PartSpec
from runner.files import fields
from runner.files.document import Node
from runner.files.forms import Form
from runner.tree import Entries, Entry, Tree


def read_body(own: dict[str, Node], form: Form) -> BodySpec | None:
    kinds = [kind for kind in fields.BODIES if kind in own]
    if len(kinds) > 1:
        form.wrong(
            own[kinds[1]], f"a request has one body, and this one has `{kinds[0]}` and `{kinds[1]}`", "keep one of them"
        )
    if not kinds:
        return None
    kind, node = kinds[0], own[kinds[0]]
    templates = form.flag(own["template"], "`template`", True) if "template" in own else True
    if kind == "form":
        return BodySpec(kind, node.location, form=form.name_pairs(node, "form fields", templates=templates))
    if kind == "multipart":
        return BodySpec(kind, node.location, parts=tuple(_parts(node, form, templates)))
    if kind == "file":
        return BodySpec(kind, node.location, file=form.text(node, "`file`", templates=templates))
    if kind == "graphql":
        return BodySpec(kind, node.location, tree=_graphql(node, form, templates))
    if kind in ("text", "xml") and node.kind != "scalar":
        form.wrong(node, f"`{kind}` is a text", "for a map or a list use `json`")
    return BodySpec(kind, node.location, tree=form.tree(node, templates=templates))


def _graphql(node: Node, form: Form, templates: bool) -> Tree:
    """The body of a GraphQL request over HTTP: query, variables, operationName."""
    found = form.fields(node, fields.GRAPHQL, "`graphql`")
    if "query" not in found:
        form.wrong(node, "`graphql` has no `query`", "add it: `graphql: {query: ...}`")
    tree = form.tree(node, templates=templates)
    if isinstance(tree, Entries):
        spelled = {"operation-name": "operationName"}
        entries = (Entry(spelled.get(str(e.key), e.key), e.value, e.place, e.value_place) for e in tree.entries)
        return Entries(tuple(entries))
    return tree


def _parts(node: Node, form: Form, templates: bool) -> list[PartSpec]:
    found: list[PartSpec] = []
    for key, value in form.pairs(node, "`multipart`"):
        name = form.template(key, on=templates)
        for one in value.items if value.kind == "list" else (value,):
            if one.kind != "map":
                found.append(PartSpec(name, key.location, value=form.tree(one, templates=templates)))
                continue
            part = form.fields(one, fields.PART, "a part")
            if ("file" in part) == ("value" in part):
                form.wrong(one, "a part has either `file` or `value`", "write {file: PATH}, or the text itself")
            found.append(
                PartSpec(
                    name,
                    one.location,
                    value=form.tree(part["value"], templates=templates) if "value" in part else None,
                    file=form.text(part["file"], "`file`", templates=templates) if "file" in part else None,
                    filename=form.text(part["filename"], "`filename`") if "filename" in part else None,
                    content_type=form.text(part["content-type"], "`content-type`") if "content-type" in part else None,
                )
            )
    return found
