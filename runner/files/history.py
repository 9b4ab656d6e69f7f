"""How each request ended, and how long it took, the last time that it was run: `ROOT/.zrun/history/ENVIRONMENT.json`.

Of a request that was run for rows of data (or repeats) it tells for which of them it failed, by their numbers.

It is a convenience: what cannot be read is as if it were not there, and of two runs at once the later one's word counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.errors import InputError
from runner.files import durable, private
from runner.files.finished import Finished
from runner.files.state import file_name
from runner.records import record
from runner.results import Status
from runner.rows import RowsWanted, rows_wanted

VERSION = 1
_NAME = "history"
_LARGEST = 1 << 24


@record
class Source:
    """What gave the rows of a run: the file's path below the project's root (empty: it was repeated), how many there were
    (None: nobody counted them), and the file's hash."""

    data: str
    total: int | None
    sha256: str | None


@record
class FailedRows:
    """The rows for which a request failed, or was blocked."""

    source: Source
    rows: RowsWanted


@record
class Ended:
    """How a request ended: the worst of its rows. `ran` are the rows that it was run for, `failed` those that it failed for."""

    status: Status
    duration: float
    ran: Finished
    failed: Finished


def source(root: Path, data: Path | None, total: int | None, sha256: str | None) -> Source:
    """What gives the rows of a run; no `data`: they are repeats."""
    return Source("" if data is None else _key(root, data), total, sha256)


def failed(root: Path, environment: str | None, collection: Path) -> Mapping[str, FailedRows | None]:
    """The requests of a collection that failed, or were blocked, the last time: by id, with the rows (None: none)."""
    entries = _entries(_path(root, environment)).get(_key(root, collection), {})
    found: dict[str, FailedRows | None] = {}
    for name, one in entries.items():
        if isinstance(one, dict) and one.get("status") in ("failed", "blocked"):
            rows = _rows(one.get("rows"))
            if rows is not None or "rows" not in one:
                found[name] = rows
    return found


def write(
    root: Path, environment: str | None, collection: Path, ended: Mapping[str, Ended], rows: Source | None
) -> None:
    """Note how requests ended, by id; what is known of others stays. What cannot be written is not."""
    path = _path(root, environment)
    with suppress(OSError, private.Exposed):
        folder = private.make(root, _NAME)
        private.check(folder)
        entries = _entries(path)
        known = entries.setdefault(_key(root, collection), {})
        for name, one in ended.items():
            if one.status != "skipped":
                known[name] = _entry(one, known.get(name), rows)
        content = json.dumps({"zrun-history": VERSION, "collections": entries}).encode()
        durable.replace(path, content, sync=False)


def _entry(one: Ended, before: object, rows: Source | None) -> dict[str, Any]:
    """What is kept of a request. Of rows that it was not run for this time, what was known is still so."""
    entry: dict[str, Any] = {"status": one.status, "duration": round(one.duration, 3)}
    if rows is None:
        return entry
    known = _rows(before.get("rows")) if isinstance(before, dict) else None
    if known is not None and (known.source.data, known.source.total) == (rows.data, rows.total) and rows.total:
        for number in _numbers(known.rows, rows.total):
            if number not in one.ran:
                one.failed.add(number)
    if one.failed:
        entry["status"] = one.status if one.status in ("failed", "blocked") else "failed"
        ranges = ",".join(_ranges(one.failed))
        entry["rows"] = {"data": rows.data, "total": rows.total, "sha256": rows.sha256, "failed": ranges}
    return entry


def _rows(written: object) -> FailedRows | None:
    """The rows of an entry; None where it has none that can be read."""
    if not isinstance(written, dict):
        return None
    data, total, sha256 = (written.get(name) for name in ("data", "total", "sha256"))
    if not (isinstance(data, str) and isinstance(total, int | None) and isinstance(sha256, str | None)):
        return None
    numbers = written.get("failed")
    if isinstance(numbers, str):
        with suppress(InputError):
            return FailedRows(Source(data, total, sha256), rows_wanted(numbers))
    return None


def _numbers(rows: RowsWanted, most: int) -> Iterator[int]:
    for first, last in rows.ranges:
        yield from range(first, (most if last is None else min(last, most)) + 1)


def _ranges(numbers: Iterable[int]) -> Iterator[str]:
    """`2`, `7-9`: numbers that come in order."""
    first = last = 0
    for number in numbers:
        if first and number != last + 1:
            yield f"{first}-{last}" if last > first else f"{first}"
            first = 0
        first, last = first or number, number
    if first:
        yield f"{first}-{last}" if last > first else f"{first}"


def _path(root: Path, environment: str | None) -> Path:
    return root / private.FOLDER / _NAME / f"{file_name(environment or '-')}.json"


def _key(root: Path, collection: Path) -> str:
    return os.path.relpath(os.path.realpath(collection), os.path.realpath(root))


def _entries(path: Path) -> dict[str, Any]:
    """What the file holds, by collection; nothing where it is damaged, or not this user's alone."""
    with suppress(OSError, ValueError, RecursionError, private.Exposed):
        for one in (path.parent.parent, path.parent, path):
            private.check(one)
        if path.stat().st_size <= _LARGEST:
            document = json.loads(path.read_text("utf-8"))
            if isinstance(document, dict) and document.get("zrun-history") == VERSION:
                found = document.get("collections")
                if isinstance(found, dict):
                    return {name: entry for name, entry in found.items() if isinstance(entry, dict)}
    return {}
