"""A run as one JSON document on standard output, for machines."""

from __future__ import annotations

from typing import TextIO

from runner.errors import InputError, Problem, remedy
from runner.reporters import Begun, Redact
from runner.reporters.documents import json_file, masked
from runner.reporters.documents.spool import Spool
from runner.reporters.documents.tree import Report
from runner.results import RunResult, StepResult


class Json:
    """The reporter that prints the document when the run has ended: what `--report json=` writes, see documents/codec.py.

    Without `messages` it holds no body and no header field; no captured value is ever in it.
    """

    def __init__(self, stream: TextIO, redact: Redact, *, messages: bool = False) -> None:
        self._stream = stream
        self._redact = redact
        self._messages = messages
        self._spool = Spool()
        self._unspooled: OSError | None = None

    def started(self, begun: Begun) -> None:
        """Nothing: there is one document, at the end."""

    def stopped(self, begun: Begun) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Nothing."""

    def finished(self, step: StepResult) -> None:
        if self._unspooled is None:
            try:
                self._spool.add(masked.step(step, self._redact))
            except OSError as error:  # the run goes on: what it does matters more than what is told of it
                self._unspooled = error

    def ended(self, run: RunResult) -> None:
        """Raises InputError when the steps could not be kept until now."""
        with self._spool:
            try:
                if self._unspooled is not None:
                    raise self._unspooled
                report = Report(masked.run(run, self._redact), self._spool)
                json_file.write(report, self._stream, messages=self._messages)
            except OSError as error:
                message = f"the JSON document cannot be written: {error.strerror or error}"
                raise InputError(Problem(message, None, f"{remedy(error)}; the requests were sent")) from None
        self._stream.flush()
