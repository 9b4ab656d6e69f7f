"""Rows of data from CSV, JSON, JSON Lines or YAML: checked before the first is used, then read one after the other.

A regular file is read twice. The first pass counts its rows, takes its hash and tells every mistake; the second gives the
rows, in memory that does not grow with their number. What can be read once only (standard input, a pipe) is checked as it
comes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, get_args

from runner.collection import DataSpec
from runner.errors import InputError, Location, Problem, Source
from runner.files.document import shown
from runner.files.rows.octets import Octets, changed, fingerprint
from runner.files.rows.records import Gathered, Record, Records, Tell, stop
from runner.records import record
from runner.rows import Row

Format: TypeAlias = Literal["csv", "json", "jsonl", "yaml"]
FORMATS: tuple[Format, ...] = get_args(Format)
STANDARD_INPUT = "standard input"

_FORMAT_OF: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip

Opened: TypeAlias = Callable[[], BinaryIO]


@record
class Rows:
    """The rows of one source.

    `columns` are the names that the head gives: CSV's header, else those of the first row. `total` is how many rows there
    are, and `sha256` the hash of the file that holds them; both None where rows can be read once only. Iterating gives the
    rows; it raises InputError at a row that cannot be used, which a file that was checked has none of, unless it has changed.
    """

    name: str
    format: Format
    columns: tuple[str, ...]
    total: int | None
    sha256: str | None
    _begin: Callable[[], Iterator[Row]]

    def __iter__(self) -> Iterator[Row]:
        return self._begin()


def read_file(path: Path, format: Format | None = None) -> Rows:  # noqa: A002
    """The rows of a file that the user has named. Raises InputError with every mistake in it."""
    return _rows(shown(path), path.suffix, lambda: path.open("rb"), format)


def read_data(data: DataSpec) -> Rows:
    """The rows of the file that a collection has named; it reaches its project alone. Raises InputError."""
    return _rows(shown(data.path), data.path.suffix, lambda: data.project.open(data.path, data.location), None)


def read_stream(file: BinaryIO, format: Format | None = None, name: str = STANDARD_INPUT) -> Rows:  # noqa: A002
    """The rows of what can be read once only. Raises InputError for a mistake before the second row."""
    octets = Octets(file, name)
    return _once(octets, format or _sniffed(octets), "", ExitStack())


def _rows(name: str, suffix: str, opened: Opened, wanted: Format | None) -> Rows:
    try:
        with ExitStack() as opening:
            file = opening.enter_context(opened())
            octets = Octets(file, name)
            kind = wanted or _FORMAT_OF.get(suffix.lower()) or _sniffed(octets)
            state = fingerprint(file)
            if state is not None:
                return _checked(octets, kind, suffix, opened, state)
            return _once(octets, kind, suffix, opening)
    except OSError as error:
        raise InputError(Problem(f"cannot read {name}: {error.strerror}", None, "check the path")) from None


def _checked(octets: Octets, kind: Format, suffix: str, opened: Opened, state: tuple[int, ...]) -> Rows:
    """The rows of a regular file, every one looked at."""
    name = octets.source.name
    if kind == "yaml":
        return _whole(octets, regular=True)
    gathered = Gathered()
    columns, records = _records(octets, kind, suffix, gathered)
    total = 0
    try:
        for one in records:
            total += 1
            columns = columns or tuple(one.values)
    except InputError as error:  # beside what was told before it
        raise InputError(dict.fromkeys([*gathered.problems, *error.problems])) from None
    if gathered.problems:
        raise InputError(gathered.problems)

    def begin() -> Iterator[Row]:
        try:
            with opened() as file:
                if fingerprint(file) != state:
                    raise changed(name)
                again = Octets(file, name)
                yield from _numbered(_records(again, kind, suffix, stop)[1], again.source)
        except OSError as error:
            raise InputError(Problem(f"cannot read {name}: {error.strerror}", None, "run again")) from None

    return Rows(name, kind, columns, total, octets.sha256, begin)


def _once(octets: Octets, kind: Format, suffix: str, opening: ExitStack) -> Rows:
    """The rows of what cannot be read a second time. What `opening` would close stays open until they have been used."""
    if kind == "yaml":
        return _whole(octets, regular=False)
    columns, records = _records(octets, kind, suffix, stop)
    if not columns:
        first = next(records, None)
        columns = tuple(first.values) if first else ()
        records = itertools.chain([first] if first else [], records)
    left = [_numbered(_closing(opening.pop_all(), records), octets.source)]

    def begin() -> Iterator[Row]:
        if not left:
            message = f"the rows of {octets.source.name} can be read once only"
            raise InputError(Problem(message, None, "write them into a file, and give that with --data"))
        return left.pop()

    return Rows(octets.source.name, kind, columns, None, None, begin)


def _closing(opened: ExitStack, records: Records) -> Records:
    with opened:
        yield from records


def _whole(octets: Octets, *, regular: bool) -> Rows:
    """The rows of YAML, which are in memory."""
    from runner.files.rows import yaml_documents  # late: of this format alone

    records = yaml_documents.records(octets)
    columns = tuple(records[0].values) if records else ()
    sha256 = octets.sha256 if regular else None
    return Rows(octets.source.name, "yaml", columns, len(records), sha256, lambda: _numbered(records, octets.source))


def _records(octets: Octets, kind: Format, suffix: str, tell: Tell) -> tuple[tuple[str, ...], Records]:
    """The columns, where the head alone names them; and the records."""
    if kind == "csv":
        from runner.files.rows import separated  # late: of this format alone

        return separated.read(octets, tell, "\t" if suffix.lower() == ".tsv" else None)
    from runner.files.rows import documents  # late: of these formats alone

    return (), documents.lines(octets, tell) if kind == "jsonl" else documents.array(octets, tell)


def _numbered(records: Iterable[Record], source: Source) -> Iterator[Row]:
    for number, (values, line, column) in enumerate(records, 1):
        yield Row(number, values, Location(source, line, column))


def _sniffed(octets: Octets) -> Format:
    """The format, by the first characters: of a file whose name does not tell it."""
    head = octets.peek(lambda head: len(head) > 3 and bool(head.removeprefix(b"\xef\xbb\xbf").strip()))
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return "jsonl"
    return "yaml" if text.startswith((b"- ", b"-\n", b"-\r", b"---", b"%YAML")) else "csv"
