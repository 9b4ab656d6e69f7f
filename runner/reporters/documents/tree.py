"""A run as every report tells it: masked, plain, and complete, so that a report can also be made of it later.

`masked.py` makes it of results, `codec.py` turns it to JSON and back, and the other modules beside turn it to one format each.
Every text has been redacted. Times are seconds, moments seconds since the epoch, sizes bytes; lines and columns count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.results import Status

# Within one version members are only added.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file that a person wrote."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """See errors.Problem."""

    message: str
    hint: str | None
    warning: bool
    location: Place | None


@dataclass(frozen=True, slots=True)
class Check:
    """See judgement.CheckResult."""

    query: str
    predicate: str
    passed: bool
    expected: str
    actual: str
    note: str | None
    location: Place


@dataclass(frozen=True, slots=True)
class Taken:
    """A captured variable: `captured` tells that there was something to take, `kept` that later runs know it."""

    name: str
    captured: bool
    secret: bool
    kept: bool
    location: Place


@dataclass(frozen=True, slots=True)
class Body:
    """What was sent or came, of `size` bytes. `text` is None where it is no text, or lies in a file; `cut`: it is longer."""

    media_type: str | None
    size: int
    text: str | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One side of an exchange: header fields in their order, and the body, if there is one."""

    headers: tuple[tuple[str, str], ...]
    body: Body | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """See exchange.Hop."""

    status: int
    url: str
    target: str
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sending:
    """One request and its answer; `error` is the kind of failure where none came. See exchange.Exchange."""

    method: str
    url: str
    reason: str | None
    started: float
    status: int | None
    status_text: str | None
    duration: float | None
    size: int | None
    media_type: str | None
    http_version: str | None
    redirects: tuple[Redirect, ...]
    error: str | None
    request: Message | None
    response: Message | None


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a collection, for one item, for one row of data. See results.StepResult."""

    collection: str
    row: int | None
    id: str
    name: str
    item: str | None
    status: Status
    reason: str | None
    location: Place
    started: float
    duration: float
    exit_code: int
    attempts: int
    saved: str | None
    exchanges: tuple[Sending, ...]
    renewed: tuple[Step, ...]
    checks: tuple[Check, ...]
    captures: tuple[Taken, ...]
    problems: tuple[Trouble, ...]
    repeat: bool = False  # `row` counts repeats: there is no data


@dataclass(frozen=True, slots=True)
class Named:
    """A collection: its display name, and its file."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How many steps ended how."""

    total: int
    passed: int
    failed: int
    skipped: int
    blocked: int


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run, but for its steps. See results.RunResult."""

    version: str  # zrun's own
    collections: tuple[Named, ...]
    environment: str | None
    started: float
    duration: float
    interrupted: bool
    exit_code: int
    summary: Summary
    rows: int | None
    earlier: int
    problems: tuple[Trouble, ...]
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A run and its steps, in the order of the files. `steps` can be gone through more than once; it may be a file's."""

    run: Run
    steps: Iterable[Step]
