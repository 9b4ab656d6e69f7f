"""Which run over rows it is: what tells it from others, and what it reads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from runner.collection import Collection
from runner.errors import InputError, Problem
from runner.files.rows import Rows
from runner.records import record
from runner.rows import RowsWanted


@record
class Run:
    """What tells a run from others: what was `asked` for, which finds its checkpoint; and the hashes of the `contents` of
    the files that it reads, which must be what they were."""

    asked: Mapping[str, str]
    contents: Mapping[str, str]

    @property
    def key(self) -> str:
        return sha256(json.dumps(self.asked, sort_keys=True).encode()).hexdigest()[:32]


def identify(
    root: Path,
    collection: Collection,
    environments: Sequence[str],
    selection: Iterable[str],
    rows: Rows | None,
    wanted: RowsWanted,
    repeat: int,
) -> Run:
    """The run of `collection`, whose project is at `root`. `selection` is what chooses its requests, as written: `-r leads/*`.

    Raises InputError for rows that cannot be read a second time.
    """
    asked = {
        "collection": _below(root, collection.path),
        "environments": " ".join(environments),
        "requests": " ".join(selection),
        "data": "",
        "rows": str(wanted),
        "repeat": str(repeat),
    }
    contents = {
        f"the file {_below(root, Path(source.name))}": sha256(source.text.encode("utf-8", "surrogatepass")).hexdigest()
        for source in collection.sources
    }
    if rows is not None:
        if rows.sha256 is None:
            message = f"a run over the rows of {rows.name} cannot be resumed: they can be read once only"
            raise InputError(Problem(message, None, "write them into a file, and give that with --data"))
        asked["data"] = _below(root, Path(rows.name))
        contents[f"the data file {asked['data']}"] = rows.sha256
    return Run(asked, contents)


def _below(root: Path, path: Path) -> str:
    real, base = os.path.realpath(path), os.path.realpath(root)
    return os.path.relpath(real, base) if real.startswith(base + os.sep) else real
