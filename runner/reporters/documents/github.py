"""A report as the step summary of GitHub Actions: Markdown, no larger than what GitHub takes."""

from __future__ import annotations

from typing import TextIO

from runner.reporters.documents import markdown
from runner.reporters.documents.tree import Report

# GitHub's documentation, "Workflow commands", step isolation and limits: 1 MiB a step; a larger summary is not shown at all.
BOUND = 1 << 20
_CUT = "\n... cut here: a summary takes no more. The whole is in the other reports.\n"


def write(report: Report, out: TextIO, *, bound: int = BOUND) -> None:
    """Write it, up to `bound` bytes."""
    left = bound - len(_CUT)
    for piece in markdown.pieces(report):
        left -= len(piece.encode("utf-8", "backslashreplace"))
        if left < 0:
            out.write(_CUT)
            return
        out.write(piece)
