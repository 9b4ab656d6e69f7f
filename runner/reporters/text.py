"""Results as lines for a person: one a request, what went wrong below it, a summary at the end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TextIO

from runner import errors
from runner.errors import Problem
from runner.exchange import Exchange
from runner.judgement import CheckResult
from runner.quantities import show_seconds, show_size
from runner.reporters import Begun, Redact, wire
from runner.reporters.terminal import fit, marks_for, paint, printable
from runner.results import CaptureResult, RunResult, Status, StepResult

QUIET, NORMAL, VERBOSE, WIRE = -1, 0, 1, 2

_EXCERPT = 300
_STYLE: dict[Status, str] = {"passed": "green", "failed": "red", "skipped": "dim", "blocked": "yellow"}
_MEANING = {
    errors.FAILED: "an expectation failed",
    errors.BAD_INPUT: "the files or arguments cannot be used",
    errors.NETWORK: "a request got no answer",
    errors.CREDENTIALS: "the credentials were refused",
    errors.POLICY: "a secret would have gone where it may not go",
    errors.INTERNAL: "a bug in zrun",
    errors.INTERRUPTED: "interrupted",
}
_AGAIN = {
    "renewed": "renewed by another run, sent once more",
    "challenge": "challenged, sent again",
    "retry": "sent again",
    "until": "not yet, sent again",
}


class Text:
    """The reporter that writes lines to `stream`.

    `verbosity`: QUIET failures and the summary, NORMAL a line for each request, VERBOSE also addresses, redirects and the names
    of captures, WIRE also requests and responses in full. `several`: collections are run, so each line names its own.
    """

    def __init__(
        self, stream: TextIO, redact: Redact, *, color: bool = False, verbosity: int = NORMAL, several: bool = False
    ) -> None:
        self._stream = stream
        self._several = several
        self._redact = redact
        self._color = color
        self._verbosity = verbosity
        self._marks = marks_for(stream)
        self._written = False

    def started(self, begun: Begun) -> None:
        """Nothing: a request gets its line when it has ended."""

    def stopped(self, begun: Begun) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Nothing."""

    def finished(self, step: StepResult) -> None:
        if self._verbosity > QUIET or step.status == "failed" or step.exit_code:
            self._write(self._step(step))
            self._written = True

    def ended(self, run: RunResult) -> None:
        self._write(([""] if self._written else []) + list(self._summary(run)))

    def _write(self, lines: Iterator[str] | list[str]) -> None:
        self._stream.write(fit("".join(f"{line}\n" for line in lines), self._stream))
        self._stream.flush()  # a person watches, and what follows may take long

    def _say(self, text: str, style: str | None = None) -> str:
        """Foreign text made fit to be shown: secrets masked, on one line, painted."""
        safe = printable(self._redact(text))
        return paint(safe, style, self._color) if style else safe

    def _summary(self, run: RunResult) -> Iterator[str]:
        kinds: tuple[Status, ...] = ("passed", "failed", "skipped", "blocked")
        counts = [paint(f"{count} {kind}", _STYLE[kind], self._color) for kind in kinds if (count := run.count(kind))]
        total = run.total
        requests = f"{total} request{'' if total == 1 else 's'}" + (f": {', '.join(counts)}" if counts else "")
        yield f"{requests} {self._marks.dot} {show_seconds(run.duration)}{self._rows(run)}"
        if run.exit_code != errors.PASSED:
            why = _MEANING.get(run.exit_code, "failed")
            if run.exit_code == errors.FAILED and not run.count("failed"):
                why = "a value is missing" if run.count("blocked") else why
            yield paint(f"exit {run.exit_code}: {why}", "red", self._color)

    def _rows(self, run: RunResult) -> str:
        if run.rows is None:
            return ""
        before = f", {run.earlier} before" if run.earlier else ""
        what = "repeat" if run.repeats else "row"
        return f" {self._marks.dot} {run.rows} {what}{'' if run.rows == 1 else 's'}{before}"

    def _step(self, step: StepResult) -> Iterator[str]:
        yield self._headline(step)
        for line in self._below(step):
            yield f"    {line}"

    def _headline(self, step: StepResult) -> str:
        """Mark, status code and time in columns of fixed width, then the name: `✓ 200   118 ms  leads/create`."""
        style = _STYLE[step.status]
        mark = paint(getattr(self._marks, step.status), style, self._color)
        name = self._say(f"{step.collection}: ", "dim") if self._several and step.collection else ""
        name += self._say(step.title) + (f" {self._say(f'({step.id})', 'dim')}" if step.title != step.id else "")
        if step.of is not None:
            name += self._say(f" ({step.of})", "dim")
        if step.item is not None:
            name += self._say(f" [{step.item}]")
        if step.reason:
            name += self._say(f" {self._marks.dot} {step.reason}", "dim")
        if step.status in ("skipped", "blocked"):
            return f"{mark} {paint(f'{step.status:<12}', style, self._color)}  {name}"
        last = step.exchanges[-1].response if step.exchanges else None
        code = f"{last.status}" if last else "---"
        took = paint(f"{show_seconds(step.duration):>8}", "dim", self._color)
        return f"{mark} {paint(f'{code:<3}', style, self._color)} {took}  {name}"

    def _below(self, step: StepResult) -> Iterator[str]:
        failed = step.status == "failed"
        addressed = failed or self._verbosity >= VERBOSE
        yield from self._history(step)
        if addressed and step.exchanges and self._verbosity < WIRE:
            yield from self._address(step.exchanges[-1])
        if self._verbosity >= WIRE:
            for exchange in step.exchanges:
                yield from wire.lines(exchange, self._redact, color=self._color)
        for check in step.failures:
            yield from self._failure(check)
        told_already = {problem for renewal in step.renewed for problem in renewal.problems}
        for problem in step.problems:
            if problem not in told_already:
                yield from self._problem(problem)
        if failed and step.response and self._verbosity < WIRE:
            yield f"{paint('answer', 'dim', self._color)}  {wire.excerpt(step.response, self._redact, _EXCERPT)}"
        if step.captures and self._verbosity >= VERBOSE:
            yield f"captured {', '.join(map(self._capture, step.captures))}"
        if step.saved and step.response:
            yield f"saved {self._say(step.saved)} ({show_size(step.response.size)})"

    def _history(self, step: StepResult) -> Iterator[str]:
        """Why it was sent more than once: each answer that was not the last, and what was done about it."""
        renewals = iter(step.renewed)
        sendings = zip(step.exchanges, step.exchanges[1:], strict=False)
        for (came, why), group in groupby((_outcome(one), next_.reason) for one, next_ in sendings):
            count = len(list(group))
            if why == "renewed" and (renewal := next(renewals, None)):
                yield f"{came} {self._marks.arrow} renewed by {self._say(renewal.id)}, sent once more"
                if self._verbosity >= VERBOSE:
                    yield from self._step(renewal)
            else:
                times = f" {count} times" if count > 1 else ""
                yield f"{came} {self._marks.arrow} {_AGAIN.get(why, 'sent again')}{times}"
        for renewal in renewals:
            passed = renewal.status == "passed"
            yield (
                f"renewed by {self._say(renewal.id)}"
                if passed
                else f"not renewed: {self._say(renewal.id)} {renewal.status}"
            )
            yield from self._step(renewal)

    def _address(self, exchange: Exchange) -> Iterator[str]:
        yield self._say(f"{exchange.call.method} {wire.address(exchange.call)}")
        for hop in exchange.response.hops if exchange.response else ():
            dropped = f" without {', '.join(hop.dropped)}" if hop.dropped else ""
            yield f"{hop.status} {self._marks.arrow} {self._say(wire.safe_url(hop.target) + dropped)}"

    def _failure(self, check: CheckResult) -> Iterator[str]:
        yield f"{self._say(f'{check.location}:', 'bold')} {self._say(check.query)}"
        yield f"  expected  {self._say(check.expected, 'green')}"
        yield f"  actual    {self._say(check.actual, 'red')}"
        for line in check.note.split("\n") if check.note else ():
            yield f"  note      {self._say(line)}"

    def _problem(self, problem: Problem) -> Iterator[str]:
        where = self._say(f"{problem.location}:", "bold") + " " if problem.location else ""
        yield f"{where}{self._say(problem.message, 'yellow' if problem.warning else 'red')}"
        if problem.hint:
            yield f"  hint  {self._say(problem.hint)}"

    def _capture(self, capture: CaptureResult) -> str:
        traits = [word for word, true in (("secret", capture.secret), ("kept", capture.kept)) if true]
        if capture.problem:
            traits = ["missing"]
        return self._say(capture.name) + (f" ({', '.join(traits)})" if traits else "")


def _outcome(exchange: Exchange) -> str:
    if exchange.response is not None:
        return str(exchange.response.status)
    return exchange.error.kind if exchange.error else "no answer"
