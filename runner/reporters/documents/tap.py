"""A report in the Test Anything Protocol, version 14, with its YAML diagnostics (testanything.org, TAP 14 specification)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from runner.reporters.documents import codec, wording
from runner.reporters.documents.tree import Report, Step
from runner.reporters.terminal import printable


def write(report: Report, out: TextIO) -> None:
    """Write it: the plan stands at the end, when all are counted."""
    out.write("TAP version 14\n")
    count = 0
    for count, step in enumerate(report.steps, start=1):
        out.writelines(_test(count, step))
    if report.run.interrupted:
        out.write("Bail out! interrupted\n")
    out.write(f"1..{count}\n" if count else "1..0 # SKIP no request was run\n")


def _test(number: int, step: Step) -> Iterator[str]:
    point = "not ok" if step.status == "failed" else "ok"
    name = _escaped(f"{step.collection}: {wording.label(step)}" if step.collection else wording.label(step))
    directive = ""
    if step.status in ("skipped", "blocked"):
        why = f"blocked: {step.reason or ''}" if step.status == "blocked" else step.reason or ""
        directive = f" # SKIP {_escaped(why)}".rstrip()
    yield f"{point} {number} - {name}{directive}\n"
    yield "  ---\n"
    for key, value in _diagnostics(step):
        # JSON is YAML (1.2): no text in it is taken for anything else.
        yield f"  {key}: {codec.dumps(value)}\n"
    yield "  ...\n"


def _diagnostics(step: Step) -> Iterator[tuple[str, object]]:
    yield "at", {"file": step.location.file, "line": step.location.line, "column": step.location.column}
    yield "duration_ms", round(step.duration * 1000, 3)
    if step.attempts > 1:
        yield "attempts", step.attempts
    if wording.flaky(step):
        yield "flaky", True
    if step.status != "failed":
        return
    yield "severity", "fail" if wording.kind(step) == "expectation" else "error"
    yield "type", wording.kind(step)
    yield "message", wording.headline(step)
    failures = wording.failures(step)
    if failures:
        yield (
            "failures",
            [
                {"at": wording.at(one.location), "query": one.query, "expected": one.expected, "actual": one.actual}
                for one in failures
            ],
        )
    hints = [trouble.hint for trouble in step.problems if trouble.hint]
    if hints:
        yield "hints", hints


def _escaped(text: str) -> str:
    """A description: on one line, `\\` and `#` escaped, so that no directive is read in it."""
    return printable(text).replace("\\", "\\\\").replace("#", "\\#")
