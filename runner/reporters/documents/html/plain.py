"""What can be read without any script: the summary of the run, and its failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import get_args
from urllib.parse import quote

from runner import results
from runner.quantities import show_seconds
from runner.reporters.documents.tree import Check, Place, Run, Step, Trouble
from runner.reporters.terminal import printable
from runner.results import Status

# Failures that are told in plain HTML; the others are in the list.
MOST = 100

# The ring around the verdict: its circumference, so that shares are percents of it.
_RADIUS = 15.915


def title(run: Run) -> str:
    """The name of the window, fit for HTML."""
    return _text(f"{verdict(run)} · {_names(run)} · zrun")


def verdict(run: Run) -> str:
    """The outcome in words."""
    summary = run.summary
    if run.interrupted:
        return "Interrupted"
    if summary.failed:
        return f"{summary.failed:,} of {summary.total:,} failed"
    if run.exit_code:
        return "Did not pass"
    return f"All {summary.passed:,} passed" if summary.passed else "Nothing was sent"


def outcome(run: Run) -> str:
    """passed, failed, or interrupted: what the page is coloured by."""
    return "interrupted" if run.interrupted else "failed" if run.exit_code or run.summary.failed else "passed"


def icon(run: Run) -> str:
    """A `data:` address of the page's icon: a dot in the colour of the verdict."""
    colour = {"passed": "#1a7f4b", "failed": "#c4314b", "interrupted": "#b26a00"}[outcome(run)]
    dot = f'<circle cx="8" cy="8" r="7" fill="{colour}"/>'
    return "data:image/svg+xml," + quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{dot}</svg>')


def summary(run: Run) -> Iterator[str]:
    """The head of the page."""
    yield f'<div class="verdict {outcome(run)}">{"".join(_ring(run))}<div>'
    yield f'<p class="of">{_text(_names(run))}</p><h1>{verdict(run)}</h1><ul class="facts" role="list">'
    for name, value in _facts(run):
        yield f"<li><span>{name}</span> {value}</li>"
    yield "</ul></div></div>\n"
    yield '<div class="chips" role="group" aria-label="Show by outcome">'
    for status in get_args(Status):
        count = getattr(run.summary, status)
        yield f'<button type="button" class="chip {status}" data-status="{status}" aria-pressed="false">'
        yield f"<b>{count:,}</b> {status}</button>"
    yield "</div>\n"
    if run.problems:
        yield '<section class="problems" aria-label="Problems of the run">'
        yield from map(_trouble, run.problems)
        yield "</section>\n"


def failures(run: Run, told: Sequence[str]) -> Iterator[str]:
    """`told` are the first failures, each as `failure` gives it. The script takes this away: the list has them all."""
    if not told:
        return
    yield '<section id="failures" aria-label="Failures"><h2>Failures</h2>'
    yield from told
    if run.summary.failed > len(told):
        yield f"<p>{run.summary.failed - len(told):,} more failed.</p>"
    yield "</section>\n"


def left_out(total: int, listed: int) -> Iterator[str]:
    """A word about a run that is too long for a page."""
    if listed < total:
        yield f'<p class="left-out">The run has {total:,} steps; {listed:,} are here: the first ones, and failed ones after '
        yield "them. The JSON report has them all.</p>\n"


def failure(step: Step) -> str:
    """One failed step."""
    last = step.exchanges[-1] if step.exchanges else None
    of = " · ".join(text for text in (step.item, results.of(step.row, repeat=step.repeat)) if text)
    parts = [f"<article><h3>{_text(step.name)}{f' <small>{_text(of)}</small>' if of else ''}</h3>"]
    if last:
        came = last.status if last.status is not None else last.error or "no answer"
        parts.append(f"<p><code>{_text(last.method)} {_text(last.url)}</code> {_text(str(came))}</p>")
    if step.reason:
        parts.append(f"<p>{_text(step.reason)}</p>")
    parts += [_check(check) for check in step.checks if not check.passed]
    parts += [_trouble(trouble) for trouble in step.problems]
    return "".join(parts) + "</article>\n"


def _check(check: Check) -> str:
    note = f"<dt>note</dt><dd>{_text(check.note)}</dd>" if check.note else ""
    return (
        f"<p><code>{_text(check.query)} {_text(check.predicate)}</code> {_place(check.location)}</p>"
        f"<dl><dt>expected</dt><dd><code>{_text(check.expected)}</code></dd>"
        f"<dt>actual</dt><dd><code>{_text(check.actual)}</code></dd>{note}</dl>"
    )


def _trouble(trouble: Trouble) -> str:
    kind = "warning" if trouble.warning else "error"
    place = f" {_place(trouble.location)}" if trouble.location else ""
    hint = f'<br><span class="hint">{_text(trouble.hint)}</span>' if trouble.hint else ""
    return f'<p class="problem {kind}">{_text(trouble.message)}{place}{hint}</p>'


def _place(place: Place) -> str:
    return f'<span class="place">{_text(f"{place.file}:{place.line}:{place.column}")}</span>'


def _names(run: Run) -> str:
    first = ", ".join(named.name for named in run.collections[:3])
    return first + (f" and {len(run.collections) - 3} more" if len(run.collections) > 3 else "")


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    """Names and values, fit for HTML."""
    if run.environment is not None:
        yield "environment", _text(run.environment)
    began = datetime.fromtimestamp(run.started, UTC)
    yield "started", f'<time datetime="{began:%Y-%m-%dT%H:%M:%SZ}">{began:%Y-%m-%d %H:%M:%S} UTC</time>'
    yield "took", show_seconds(run.duration)
    if run.rows is not None:
        yield "repeats" if run.repeats else "rows", f"{run.rows:,}"
    if run.earlier:
        yield f"{'repeats' if run.repeats else 'rows'} of an earlier run", f"{run.earlier:,}"
    yield "exit status", str(run.exit_code)
    yield "zrun", _text(run.version)


def _ring(run: Run) -> Iterator[str]:
    """The shares of the outcomes as a ring; the chips tell the same in figures."""
    yield '<svg class="ring" viewBox="0 0 40 40" width="72" height="72" aria-hidden="true">'
    yield f'<circle class="track" cx="20" cy="20" r="{_RADIUS}"/>'
    done = 0.0
    for status in get_args(Status):
        share = 100 * getattr(run.summary, status) / max(1, run.summary.total)
        if share:
            yield f'<circle class="{status}" cx="20" cy="20" r="{_RADIUS}" stroke-dasharray="{share:.3f} {100 - share:.3f}"'
            yield f' stroke-dashoffset="{25 - done:.3f}"/>'
        done += share
    mark = {
        "passed": "M14 20.5l4.2 4.2 8-8.6",
        "failed": "M15 15l10 10M25 15l-10 10",
        "interrupted": "M16.5 14v12M23.5 14v12",
    }
    yield f'<path d="{mark[outcome(run)]}"/></svg>'


def _text(text: str) -> str:
    """Foreign text for HTML: one line, ASCII, with nothing that a page or a reader's eye would obey."""
    return escape(printable(text)).encode("ascii", "xmlcharrefreplace").decode()
