"""Results as the tree that reports are made of: every text in it masked, whole, before anything is cut off it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from runner import __version__, results
from runner.errors import Location, Problem
from runner.exchange import Call, Exchange, Part, Response, header_values
from runner.judgement import CheckResult
from runner.reporters import Redact, wire
from runner.reporters.documents.tree import (
    Body,
    Check,
    Message,
    Named,
    Place,
    Redirect,
    Run,
    Sending,
    Step,
    Summary,
    Taken,
    Trouble,
)
from runner.results import CaptureResult, RunResult, StepResult

T = TypeVar("T")


def run(result: RunResult, redact: Redact) -> Run:
    """A whole run, but for its steps."""
    return Run(
        version=__version__,
        collections=named(result.collections, redact),
        environment=None if result.environment is None else redact(result.environment),
        started=result.started,
        duration=result.duration,
        interrupted=result.interrupted,
        exit_code=result.exit_code,
        summary=Summary(
            result.total,
            result.count("passed"),
            result.count("failed"),
            result.count("skipped"),
            result.count("blocked"),
        ),
        rows=result.rows,
        earlier=result.earlier,
        problems=tuple(_trouble(problem, redact) for problem in result.problems),
        repeats=result.repeats,
    )


def named(collections: Iterable[results.Ran], redact: Redact) -> tuple[Named, ...]:
    return tuple(Named(redact(ran.name), redact(ran.file)) for ran in collections)


def step(result: StepResult, redact: Redact) -> Step:
    """One step of a run."""
    return Step(
        collection=redact(result.collection),
        row=result.row,
        id=redact(result.id),
        name=redact(result.title),
        item=_or_none(result.item, redact),
        status=result.status,
        reason=_or_none(result.reason or None, redact),
        location=_place(result.location, redact),
        started=result.started,
        duration=result.duration,
        exit_code=result.exit_code,
        attempts=len(result.exchanges),
        saved=_or_none(result.saved, redact),
        exchanges=tuple(_sending(exchange, redact) for exchange in result.exchanges),
        renewed=tuple(step(renewal, redact) for renewal in result.renewed),
        checks=tuple(_check(check, redact) for check in result.checks),
        captures=tuple(_taken(capture, redact) for capture in result.captures),
        problems=tuple(_trouble(problem, redact) for problem in result.problems),
        repeat=result.repeat,
    )


def again(node: T, redact: Redact) -> T:
    """The same tree with what has become known since masked too: a later step may have told that a text is a secret."""
    if isinstance(node, str):
        return cast(T, redact(node))
    if isinstance(node, tuple):
        return cast(T, tuple(again(item, redact) for item in node))
    if is_dataclass(node) and not isinstance(node, type):
        found = {field.name: getattr(node, field.name) for field in fields(node)}
        # `status` is one of our own four words: whose password is `passed` still reads how it ended.
        return replace(node, **{name: again(value, redact) for name, value in found.items() if name != "status"})
    return node


def _or_none(text: str | None, redact: Redact) -> str | None:
    return None if text is None else redact(text)


def _sending(exchange: Exchange, redact: Redact) -> Sending:
    response = exchange.response
    return Sending(
        method=redact(exchange.call.method),
        url=redact(wire.address(exchange.call)),
        reason=exchange.reason or None,
        started=exchange.started,
        status=response.status if response else None,
        status_text=redact(response.reason) if response else None,
        duration=response.duration if response else None,
        size=response.size if response else None,
        media_type=redact(response.media_type) or None if response else None,
        http_version=redact(response.http_version) if response else None,
        redirects=tuple(
            Redirect(
                hop.status,
                redact(wire.safe_url(hop.url)),
                redact(wire.safe_url(hop.target)),
                tuple(redact(name) for name in hop.dropped),
            )
            for hop in (response.hops if response else ())
        ),
        error=exchange.error.kind if exchange.error else None,
        request=_request(exchange.call, redact),
        response=_response(response, exchange.call, redact) if response else None,
    )


def _request(call: Call, redact: Redact) -> Message:
    return Message(tuple(wire.fields(call.headers, redact)), _sent(call, redact))


def _sent(call: Call, redact: Redact) -> Body | None:
    content = call.content
    if content is None:
        return None
    media_type = redact(next(iter(header_values(call.headers, "content-type")), "").partition(";")[0].strip()) or None
    if isinstance(content, bytes):
        text = content.decode("utf-8", "replace")
        return _body(media_type, len(content), text if wire.is_text(text) else None, redact)
    if isinstance(content, Path):
        return Body(media_type, _size_of(content), None)
    return Body(media_type or "multipart/form-data", sum(map(_size_of_part, content)), None)


def _response(response: Response, call: Call, redact: Redact) -> Message:
    body = None
    if response.size:
        # What is saved is the person's download, and not shown; the same goes for what -vv shows.
        text = None if call.save else wire.readable(response)
        body = _body(redact(response.media_type) or None, response.size, text, redact)
    return Message(tuple(wire.fields(response.headers, redact)), body)


def _body(media_type: str | None, size: int, text: str | None, redact: Redact) -> Body:
    if text is None:
        return Body(media_type, size, None)
    shown = wire.masked(text, redact, wire.BOUND)
    return Body(media_type, size, shown[: wire.BOUND], cut=max(len(text), len(shown)) > wire.BOUND)


def _size_of_part(part: Part) -> int:
    return _size_of(part.content) if isinstance(part.content, Path) else len(part.content)


def _size_of(path: Path) -> int:
    """Bytes of a file that was sent; 0 where it cannot be told any more."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return 0


def _check(check: CheckResult, redact: Redact) -> Check:
    return Check(
        redact(check.query),
        redact(check.predicate),
        check.passed,
        redact(check.expected),
        redact(check.actual),
        _or_none(check.note, redact),
        _place(check.location, redact),
    )


def _taken(capture: CaptureResult, redact: Redact) -> Taken:
    place = _place(capture.location, redact)
    return Taken(redact(capture.name), capture.problem is None, capture.secret, capture.kept, place)


def _trouble(problem: Problem, redact: Redact) -> Trouble:
    place = _place(problem.location, redact) if problem.location else None
    return Trouble(redact(problem.message), _or_none(problem.hint, redact), problem.warning, place)


def _place(place: Location, redact: Redact) -> Place:
    return Place(redact(place.source.name), place.line, place.column)
