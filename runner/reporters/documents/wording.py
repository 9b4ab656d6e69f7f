"""What every format says of a step in the same words: its name, what went wrong and where, what was tried before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from runner import errors, results
from runner.reporters.documents.tree import Check, Place, Sending, Step

Kind: TypeAlias = Literal["expectation", "input", "network", "credentials", "policy", "internal"]

_KINDS: dict[int, Kind] = {
    errors.BAD_INPUT: "input",
    errors.NETWORK: "network",
    errors.CREDENTIALS: "credentials",
    errors.POLICY: "policy",
    errors.INTERNAL: "internal",
}


def label(step: Step) -> str:
    """`leads/create [Ada] [row 3]`, without data `[repeat 3]`: the same in each run of the same files, for histories of it."""
    item = "" if step.item is None else f" [{step.item}]"
    which = "" if step.row is None else f" [{results.of(step.row, repeat=step.repeat)}]"
    return f"{step.id}{item}{which}"


def at(place: Place) -> str:
    return f"{place.file}:{place.line}:{place.column}"


def kind(step: Step) -> Kind:
    """What a failed step failed of: an expectation, or what kept it from being judged."""
    return _KINDS.get(step.exit_code, "expectation")


def failures(step: Step) -> tuple[Check, ...]:
    return tuple(check for check in step.checks if not check.passed)


def compared(check: Check) -> str:
    """A failed check on one line."""
    note = f" ({check.note})" if check.note else ""
    return f"{check.query}: expected {check.expected}, actual {check.actual}{note}"


def headline(step: Step) -> str:
    """Why a step failed, on one line: its first problem, else its first failed check."""
    first = next((trouble.message for trouble in step.problems if not trouble.warning), None)
    if first is not None and kind(step) != "expectation":
        return first
    return next((compared(check) for check in failures(step)), first or step.reason or "failed")


def details(step: Step) -> Iterator[str]:
    """All that went wrong, line by line: each with its place, expected and actual, or the hint."""
    for check in failures(step):
        yield f"{at(check.location)}: {check.query}"
        yield f"  expected  {check.expected}"
        yield f"  actual    {check.actual}"
        if check.note:
            yield f"  note      {check.note}"
    for trouble in step.problems:
        where = f"{at(trouble.location)}: " if trouble.location else ""
        yield f"{where}{trouble.message}"
        if trouble.hint:
            yield f"  hint  {trouble.hint}"
    if step.exchanges:
        last = step.exchanges[-1]
        yield f"{last.method} {last.url}: {outcome(last)}"


def outcome(sending: Sending) -> str:
    """What came: the status, or the kind of failure."""
    return str(sending.status) if sending.status is not None else f"no answer ({sending.error or 'failed'})"


def repeated(step: Step) -> tuple[Sending, ...]:
    """The sendings that failed, and were sent again for it: not those of a challenge, a renewal or an `until`."""
    pairs = zip(step.exchanges, step.exchanges[1:], strict=False)
    return tuple(one for one, following in pairs if following.reason == "retry")


def flaky(step: Step) -> bool:
    """Whether it passed after it had failed."""
    return step.status == "passed" and bool(repeated(step))
