"""A report as JSON Lines: a line for the run's beginning, one a step, one for its end. It can be written while the run goes on.

`kind` is `head`, `step` or `end`; the other members are those of the JSON report. A file without its end is of a run that was
killed: what it holds is true, and `zrun report` reads it as an interrupted run.
"""

from __future__ import annotations

from typing import TextIO

from runner.reporters.documents import codec, tree
from runner.reporters.documents.tree import Named, Report, Run, Step


def write(report: Report, out: TextIO) -> None:
    """Write it all, when the run has ended."""
    run = report.run
    out.write(head(run.version, run.collections, run.environment, run.started))
    for step in report.steps:
        out.write(line(step))
    out.write(end(run))


def head(version: str, collections: tuple[Named, ...], environment: str | None, started: float) -> str:
    """The first line."""
    named = [{"name": one.name, "file": one.file} for one in collections]
    known = {"version": version, "collections": named, "environment": environment, "started": codec.moment(started)}
    return codec.dumps({codec.MARK: tree.VERSION, "kind": "head", **known}) + "\n"


def line(step: Step) -> str:
    """The line of a step."""
    return codec.dumps({"kind": "step", **codec.step(step)}) + "\n"


def end(run: Run) -> str:
    """The last line."""
    return codec.dumps({"kind": "end", **codec.document(run)}) + "\n"
