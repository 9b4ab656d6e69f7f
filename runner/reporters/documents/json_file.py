"""A report as one JSON document: the tree as it is. `zrun schema report` prints its schema."""

from __future__ import annotations

from typing import TextIO

from runner.reporters.documents import codec
from runner.reporters.documents.tree import Report

_INDENT = "\n    "


def write(report: Report, out: TextIO, *, messages: bool = True) -> None:
    """Write it, a step after the other; without `messages`, no header field and no body is in it."""
    out.write(codec.dumps(codec.document(report.run), indent=2).removesuffix("\n}") + ',\n  "steps": [')
    separator = ""
    for step in report.steps:
        # No text in JSON holds a line end: each is of the layout.
        text = codec.dumps(codec.step(step, messages=messages), indent=2).replace("\n", _INDENT)
        out.write(f"{separator}{_INDENT}{text}")
        separator = ","
    out.write(("\n  " if separator else "") + "]\n}\n")
