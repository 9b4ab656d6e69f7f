"""Response snapshots: how a collection declares them, and the files in the project's `snapshots/` that hold them.

`snapshots/crm/leads/read.json` is of the request `leads/read` of `collections/crm.yaml`; of a collection in a folder below,
`collections/emea/crm.yaml`, it is in `snapshots/emea~crm/`. `@row-2` and `@item-3` before the end: of a row, of an item.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner import jsonpath
from runner.collection import Ignored, SnapshotSpec
from runner.exchange import READABLE
from runner.files import fields, unlinked
from runner.files.document import Node
from runner.files.forms import Form
from runner.project import COLLECTIONS, removed_below, replacing_below, root_of

FOLDER = "snapshots"
_END = ".json"
_SAFE = "-_.,+=() "
# Between the names of a collection's folders: no name that was quoted holds it.
_BETWEEN = "~"


def read_spec(nodes: Sequence[Node], form: Form, *, own: bool) -> SnapshotSpec:
    """What the folders' `snapshot:` say, outermost first, and at last the request's (`own`)."""
    on = True
    ignore: list[Ignored] = []
    headers: list[str] = []
    for node in nodes:
        if isinstance(node.value, bool):
            on = node.value
            continue
        on = True
        found = form.fields(node, fields.SNAPSHOT, "`snapshot`")
        if "ignore" in found:
            ignore += _paths(found["ignore"], form)
        if "headers" in found:
            headers += [name.lower() for name, _ in form.names(found["headers"], "`headers`")]
    return SnapshotSpec(on, tuple(ignore), tuple(dict.fromkeys(headers)), nodes[-1].location if own else None)


def _paths(node: Node, form: Form) -> Iterator[Ignored]:
    for path, place in form.names(node, "`ignore`"):
        try:
            jsonpath.places(path)
        except ValueError as error:
            form.wrong(place, f"this is not a JSONPath: {error}", "write it as $.info.time or $.data[*].id (RFC 9535)")
        else:
            yield Ignored(path, place)


def folder_of(collection: Path) -> tuple[Path, tuple[str, ...]]:
    """The project's folder, and the way from there to the folder of a collection's snapshots."""
    root = root_of(collection)
    path = Path(os.path.realpath(collection))
    parts = (path.with_suffix("") if path.suffix == ".yaml" else path).relative_to(root).parts
    if len(parts) > 1 and parts[0] == COLLECTIONS:
        parts = parts[1:]
    return root, (FOLDER, _BETWEEN.join(map(_quoted, parts)))


def named(request_id: str, row: int | None = None, item: int | None = None) -> tuple[str, ...]:
    """The way from there to the file of a request."""
    *folders, last = map(_quoted, request_id.split("/"))
    last += "" if row is None else f"@row-{row}"
    last += "" if item is None else f"@item-{item}"
    return (*folders, last + _END)


def of_row(parts: tuple[str, ...]) -> bool:
    """Whether it is that of a row of data."""
    return "@row-" in parts[-1]


def without_number(parts: tuple[str, ...]) -> tuple[str, ...]:
    """`named` of the same request, for no row and no item."""
    return (*parts[:-1], parts[-1].removesuffix(_END).partition("@")[0] + _END)


def _quoted(name: str) -> str:
    """`name` as a file may be called: no two have the same, and none leads elsewhere or is hidden."""
    found = "".join(
        c if c.isalnum() or c in _SAFE else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogatepass"))
        for c in name
    )
    return f"%2E{found[1:]}" if found.startswith(".") else found


def read(root: Path, parts: tuple[str, ...]) -> bytes | None:
    """What is kept; None: nothing is. Raises OSError, also where a link is on the way."""
    try:
        return unlinked.content(root, root.joinpath(*parts), 4 * READABLE)
    except FileNotFoundError:
        return None


def write(root: Path, parts: tuple[str, ...], content: bytes) -> Path:
    """Keep it: whole, or not at all, and through no link. Raises OSError."""
    with replacing_below(root, parts) as file:
        file.write(content)
    return root.joinpath(*parts)


def remove(root: Path, parts: tuple[str, ...]) -> None:
    """Raises OSError."""
    removed_below(root, parts)


def kept(root: Path, folder: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The way from `folder` to each file in it, by name; nothing where it is behind a link."""
    top = root.joinpath(*folder)
    if any(root.joinpath(*folder[:count]).is_symlink() for count in range(1, len(folder) + 1)):
        return
    for above, folders, files in os.walk(top):
        folders.sort()
        below = Path(above).relative_to(top).parts
        yield from ((*below, name) for name in sorted(files) if name.endswith(_END) and not name.startswith("."))
