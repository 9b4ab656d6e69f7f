"""A report in the Common Test Report Format (ctrf.io; its schema: github.com/ctrf-io/ctrf). Times are milliseconds.

A blocked request counts as skipped, and tells so in `rawStatus`.
"""

from __future__ import annotations

from typing import TextIO

from runner.reporters.documents import codec, wording
from runner.reporters.documents.codec import Object
from runner.reporters.documents.tree import Report, Sending, Step

# The version of the working draft of 2025-11-24.
_SPEC = "0.0.0"
_STATUS = {"passed": "passed", "failed": "failed", "skipped": "skipped", "blocked": "skipped"}


def write(report: Report, out: TextIO) -> None:
    """Write it; the steps are gone through twice, since the summary stands before them."""
    run = report.run
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    total = flaky = 0
    suites = set()
    for step in report.steps:
        total += 1
        counts[_STATUS[step.status]] += 1
        flaky += wording.flaky(step)
        suites.add(tuple(_suite(step)))
    start, duration = _milliseconds(run.started), _milliseconds(run.duration)
    summary = {
        "tests": total,
        **counts,
        "pending": 0,
        "other": 0,
        "flaky": flaky,
        "suites": len(suites),
        "start": start,
        "stop": start + duration,
        "duration": duration,
        "extra": {"zrun.exit-code": run.exit_code, "zrun.interrupted": run.interrupted},
    }
    head = {
        "reportFormat": "CTRF",
        "specVersion": _SPEC,
        "generatedBy": f"zrun {run.version}",
        "timestamp": codec.moment(run.started + run.duration),
    }
    tool = {"name": "zrun", "version": run.version}
    environment = {"testEnvironment": run.environment} if run.environment else {}
    out.write(codec.dumps(head).removesuffix("}"))
    out.write(f', "results": {{"tool": {codec.dumps(tool)}, "environment": {codec.dumps(environment)},\n')
    out.write(f'"summary": {codec.dumps(summary)},\n"tests": [')
    for index, step in enumerate(report.steps):
        out.write(("," if index else "") + "\n" + codec.dumps(_test(step)))
    out.write("\n]}}\n")


def _test(step: Step) -> Object:
    start, duration = _milliseconds(step.started), _milliseconds(step.duration)
    repeated = wording.repeated(step)
    found: Object = {
        "name": wording.label(step) or "request",
        "status": _STATUS[step.status],
        "rawStatus": step.status,
        "duration": duration,
        "start": start,
        "stop": start + duration,
        "suite": _suite(step),
        "filePath": step.location.file,
        "line": step.location.line,
        "flaky": wording.flaky(step),
        "retries": len(repeated),
    }
    if repeated:
        found["retryAttempts"] = [_attempt(index, one) for index, one in enumerate(repeated, start=1)]
    if step.status == "failed":
        found |= {"message": wording.headline(step), "trace": "\n".join(wording.details(step))}
        found["extra"] = {"zrun.kind": wording.kind(step)}
    elif step.reason:
        found["message"] = step.reason
    return found


def _attempt(number: int, one: Sending) -> Object:
    found: Object = {"attempt": number, "status": "failed", "start": _milliseconds(one.started)}
    found["message"] = f"{one.method} {one.url}: {wording.outcome(one)}"
    if one.duration is not None:
        found["duration"] = _milliseconds(one.duration)
    return found


def _suite(step: Step) -> list[str]:
    return [step.collection or "zrun", *step.id.split("/")[:-1]]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
