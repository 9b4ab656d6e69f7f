"""A run as one JSON document, for machines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TextIO, TypeAlias

from runner.errors import Location, Problem
from runner.exchange import Exchange
from runner.judgement import CheckResult
from runner.reporters import Begun, Redact, wire
from runner.results import CaptureResult, RunResult, StepResult

VERSION = 1

Object: TypeAlias = dict[str, Any]


class Json:
    """The reporter that prints the document when the run has ended."""

    def __init__(self, stream: TextIO, redact: Redact) -> None:
        self._stream = stream
        self._redact = redact
        self._steps: list[Object] = []

    def started(self, begun: Begun) -> None:
        """Nothing: there is one document, at the end."""

    def stopped(self, begun: Begun) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Nothing."""

    def finished(self, step: StepResult) -> None:
        self._steps.append(_redacted(_step(step), self._redact))

    def ended(self, run: RunResult) -> None:
        # ASCII: whatever the stream's encoding, it can be written.
        self._stream.write(json.dumps(report(run, self._steps, self._redact), indent=2) + "\n")
        self._stream.flush()


def report(run: RunResult, steps: list[Object], redact: Redact) -> Object:
    """The document. Holds no body, no header field and no captured value; every text in it went through `redact`.

    Times are seconds, moments ISO 8601 in UTC, sizes bytes, lines and columns count from 1. Keys keep this order, and
    within one version keys are only added.
    """
    document: Object = {
        "zrun-report": VERSION,
        "collection": ", ".join(ran.name for ran in run.collections),
        "environment": run.environment,
        "started": _moment(run.started),
        "duration": round(run.duration, 6),
        "interrupted": run.interrupted,
        "exit-code": run.exit_code,
        "summary": {
            "total": run.total,
            "passed": run.count("passed"),
            "failed": run.count("failed"),
            "skipped": run.count("skipped"),
            "blocked": run.count("blocked"),
        },
    }
    redacted: Object = _redacted(document, redact)
    return {**redacted, "steps": steps}


def _redacted(node: Any, redact: Redact) -> Any:
    if isinstance(node, str):
        return redact(node)
    if isinstance(node, list):
        return [_redacted(item, redact) for item in node]
    if isinstance(node, dict):
        return {key: _redacted(item, redact) for key, item in node.items()}
    return node


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _step(step: StepResult) -> Object:
    return {
        "id": step.id,
        "name": step.title,
        "item": step.item,
        "status": step.status,
        "reason": step.reason or None,
        "location": _place(step.location),
        "started": _moment(step.started),
        "duration": round(step.duration, 6),
        "exit-code": step.exit_code,
        "attempts": len(step.exchanges),
        "saved": step.saved,
        "exchanges": [_exchange(exchange) for exchange in step.exchanges],
        "renewed": [_step(renewal) for renewal in step.renewed],
        "checks": [_check(check) for check in step.checks],
        "captures": [_capture(capture) for capture in step.captures],
        "problems": [_problem(problem) for problem in step.problems],
    }


def _exchange(exchange: Exchange) -> Object:
    response = exchange.response
    return {
        "method": exchange.call.method,
        "url": wire.address(exchange.call),
        "reason": exchange.reason or None,
        "started": _moment(exchange.started),
        "status": response.status if response else None,
        "duration": round(response.duration, 6) if response else None,
        "size": response.size if response else None,
        "media-type": response.media_type or None if response else None,
        "http-version": response.http_version if response else None,
        "redirects": [
            {
                "status": hop.status,
                "url": wire.safe_url(hop.url),
                "target": wire.safe_url(hop.target),
                "dropped": list(hop.dropped),
            }
            for hop in (response.hops if response else ())
        ],
        "error": exchange.error.kind if exchange.error else None,
    }


def _check(check: CheckResult) -> Object:
    return {
        "query": check.query,
        "predicate": check.predicate,
        "passed": check.passed,
        "expected": check.expected,
        "actual": check.actual,
        "note": check.note,
        "location": _place(check.location),
    }


def _capture(capture: CaptureResult) -> Object:
    return {
        "name": capture.name,
        "captured": capture.problem is None,
        "secret": capture.secret,
        "kept": capture.kept,
        "location": _place(capture.location),
    }


def _problem(problem: Problem) -> Object:
    return {
        "message": problem.message,
        "hint": problem.hint,
        "warning": problem.warning,
        "location": _place(problem.location) if problem.location else None,
    }


def _place(place: Location) -> Object:
    return {"file": place.source.name, "line": place.line, "column": place.column}
