"""The steps of a run on their way to its reports: in a private file, so that a long run is as small as a short one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import IO

from runner.reporters.documents import codec
from runner.reporters.documents.tree import Step

# Bytes of lines that are read at once.
_BLOCK = 1 << 18


class Spool:
    """Steps in their order; they can be gone through as often as wanted, also by several at once.

    A context manager. Its file has no name where the system allows that, so that nothing stays of it however the process
    ends; it is its owner's alone (Python's tempfile makes it with mode 0600). Raises OSError, as for a full disk.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._size = 0
        # What a step goes through when it is read again.
        self.again: Callable[[Step], Step] | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk, which `add` has told
                self._file.close()

    def add(self, step: Step) -> None:
        if self._file is None:
            try:
                self._file = tempfile.TemporaryFile(prefix="zrun-", suffix=".jsonl")  # noqa: SIM115  # closed at exit
            except OSError:  # no folder for temporary files, or no descriptor left: then in memory
                self._file = BytesIO()
        line = codec.dumps(codec.step(step)).encode("ascii") + b"\n"
        self._file.seek(self._size)
        self._file.write(line)
        self._size += len(line)

    def __iter__(self) -> Iterator[Step]:
        offset = 0
        while self._file is not None and offset < self._size:
            self._file.seek(offset)
            lines = self._file.readlines(_BLOCK)
            for line in lines:
                step = codec.step_of(json.loads(line))
                yield self.again(step) if self.again else step
            offset += sum(map(len, lines))
