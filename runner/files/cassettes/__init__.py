"""Cassettes: the JSON files of `--record` and `--replay`, one a collection.

Version 1. Made to be read, compared and kept in a version control: one exchange after the other in the order of rows and
steps, texts as lists of lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from runner.cassettes import Entry, Header, Whose
from runner.errors import InputError, Problem
from runner.files import durable
from runner.files.cassettes import writing
from runner.files.cassettes.masking import Redact, again
from runner.files.cassettes.reading import read
from runner.files.cassettes.spool import Spool
from runner.project import root_of

__all__ = ["Spool", "name_of", "path_of", "probe", "read", "write"]


def path_of(folder: Path, collection: Path) -> Path:
    """Where the cassette of a collection is."""
    name = Path(name_of(collection))
    return folder / name.with_name(f"{name.name}.json")


def name_of(collection: Path) -> str:
    """A collection's file as seen from its project."""
    try:
        return collection.resolve().relative_to(root_of(collection).resolve()).as_posix()
    except ValueError:
        return collection.name


def probe(path: Path) -> None:
    """See that a cassette can take this place, before anything is sent. Raises OSError; InputError for somebody else's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.temporary(path, b"").unlink()
    if path.exists() and not _is_ours(path):
        message = f"{path} is there already, and is no cassette"
        raise InputError(Problem(message, None, "move it away, or name another folder with --record"))


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"zrun-cassette"' in file.read(200)


def write(path: Path, header: Header, begun: Mapping[Whose, float], entries: Iterable[Entry], redact: Redact) -> None:
    """Put a cassette in the place of `path`, everything in it masked once more. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pieces = [writing.header(header, begun, redact)]
    pieces += [writing.entry(again(entry, redact)) for entry in entries]
    head, rest = json.dumps(pieces[0], indent=1, ensure_ascii=False), pieces[1:]
    lines = ",\n".join(json.dumps(piece, indent=1, ensure_ascii=False) for piece in rest)
    text = f'{head.removesuffix("}").rstrip()},\n "exchanges": [\n{lines}\n]\n}}\n'
    made = durable.temporary(path, text.encode("utf-8", "surrogatepass"))
    try:
        made.chmod(0o644)  # there is nothing private in it: it is made to be kept beside the collection
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
