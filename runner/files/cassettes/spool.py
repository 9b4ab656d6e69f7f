"""Exchanges on their way to a cassette: they wait on disk, since a run may be long."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from threading import Lock
from typing import IO, Any

from runner.cassettes import Entry, Whose
from runner.files.cassettes import reading, writing
from runner.files.cassettes.places import At


class Spool:
    """Exchanges on their way to a cassette, in a private file without a name: nothing stays of it however the process ends.

    A context manager. Raises OSError, as for a full disk. Several threads may add; what comes after `stop` is dropped.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="zrun-", suffix=".jsonl")  # noqa: SIM115  # closed at exit
        self._size = 0
        self._stopped = False
        self._lock = Lock()
        self._lines: list[tuple[Whose, int, int]] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        line = json.dumps(writing.entry(entry)).encode("ascii")
        with self._lock:
            if self._stopped:
                return
            self._file.seek(self._size)
            self._file.write(line)
            self._file.flush()
            self._lines.append(((entry.step, entry.row), self._size, len(line)))
            self._size += len(line)

    def stop(self) -> None:
        """Take no more: connections are about to be closed, and what then fails never happened."""
        with self._lock:
            self._stopped = True

    def entries(self, order: Callable[[Whose], Any]) -> Iterator[Entry]:
        """All of them, by `order`, those of one step as they were added."""
        for _, start, length in sorted(self._lines, key=lambda line: order(line[0])):
            self._file.seek(start)
            yield reading.entry(At(json.loads(self._file.read(length))))
