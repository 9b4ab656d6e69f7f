"""A run as one JSON document on standard output, for machines."""

from __future__ import annotations

from typing import TextIO

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

    def started(self, begun: Begun) -> None:
        """Nothing: there is one document, at the end."""

    def stopped(self, begun: Begun) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Nothing."""

    def finished(self, step: StepResult) -> None:
        self._spool.add(masked.step(step, self._redact))

    def ended(self, run: RunResult) -> None:
        with self._spool:
            report = Report(masked.run(run, self._redact), self._spool)
            json_file.write(report, self._stream, messages=self._messages)
        self._stream.flush()
