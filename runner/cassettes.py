"""What a run sent and was answered, as a cassette holds it; and which of it answers a request that is replayed.

Nothing here holds a secret: what is recorded has been masked before, and what is compared with it as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TypeAlias

from runner.errors import InputError, Location, Problem
from runner.exchange import Headers, Hop
from runner.records import record
from runner.scope import Captured

# Whose exchange it is: the id of the step, and the number of its data row (None: the collection is run once).
Whose: TypeAlias = tuple[str, int | None]


@record
class Body:
    """A body: its bytes, masked; or why they are not here. `size` is the original's."""

    content: bytes
    size: int
    left_out: str | None = None


@record
class Asked:
    """A request, before a scheme signed it: what decides which answer is its own, and `headers` to be read by people.

    `body` is the masked text, or what stands for one that is no text (its hash); empty when there is none.
    """

    method: str
    url: str
    headers: Headers
    body: str


@record
class Answer:
    """A response. `certificate` is the server's (DER), and when it was seen (epoch seconds)."""

    status: int
    reason: str
    http_version: str
    url: str
    headers: Headers
    body: Body
    duration: float
    redirects: tuple[Hop, ...] = ()
    certificate: tuple[bytes, float] | None = None


@record
class Failure:
    """The error that came instead of a response; `exit_code` tells its kind. See errors.NetworkError for the last two."""

    message: str
    hint: str | None
    exit_code: int
    kind: str = "connect"
    sent: bool = True


@record
class Entry:
    """One exchange. `by` is who sent it on behalf of the step: the request that renews its token, a provider's name.

    `started` and `ended` are seconds since the epoch, by the clock of the run.
    """

    step: str
    row: int | None
    by: str | None
    started: float
    ended: float
    asked: Asked
    answer: Answer | None = None
    failure: Failure | None = None


@record
class Header:
    """What else decided the run: its clock at the start (epoch seconds), its seed, and the names of secrets that it had.

    `captured` is what the private state held, each secret as its mask; `sandbox` the addresses of the embedded one;
    `issuers` what was known of issuers of tokens: a JSON document and when it was fetched. `interrupted`: it was not run to
    its end.
    """

    version: str
    collection: str
    environment: str | None
    clock: float
    seed: str
    secrets: frozenset[str]
    captured: Mapping[str, Captured]
    sandbox: Mapping[str, str]
    issuers: Mapping[str, tuple[str, float]]
    interrupted: bool = False


@record
class Cassette:
    """A recorded run of one collection. `begun` is when each step of each row began; `name` is what to call the file."""

    name: str
    header: Header
    begun: Mapping[Whose, float]
    entries: tuple[Entry, ...]


class Tape:
    """A cassette while it is replayed: each exchange is given once, those of a step in the order in which they were made."""

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._left: dict[Whose, list[Entry]] = {}
        self._lock = Lock()
        for entry in reversed(cassette.entries):
            self._left.setdefault((entry.step, entry.row), []).append(entry)

    def begun(self, whose: Whose) -> float | None:
        """When the step began; None for one that was not run."""
        return self._cassette.begun.get(whose)

    def next_by(self, whose: Whose) -> str | None:
        """Who sends the next exchange on behalf of the step; None: the step itself, or there is none."""
        left = self._left.get(whose)
        return left[-1].by if left else None

    def take(self, whose: Whose, asked: Asked, place: Location | None) -> Entry:
        """The recorded exchange of this request. Raises InputError, which names the nearest one, when there is none."""
        with self._lock:
            left = self._left.get(whose)
            found = left.pop() if left else None
        if found is None:
            raise self._none(whose, asked, place)
        unlike = differences(found.asked, asked)
        if unlike:
            raise InputError(
                Problem(
                    f"{self._cassette.name} holds another request here: {'; '.join(unlike)}",
                    place,
                    f"the recording has {found.asked.method} {found.asked.url}; --record it again if the change is meant",
                )
            )
        return found

    def _none(self, whose: Whose, asked: Asked, place: Location | None) -> InputError:
        step, row = whose
        where = f"`{step}`" + ("" if row is None else f" of row {row}")
        if whose in self._cassette.begun:
            message = f"{self._cassette.name} holds no further request of {where}"
        else:
            message = f"{self._cassette.name} holds no request of {where}"
        nearest = min(self._cassette.entries, key=lambda entry: _distance(entry, step, asked), default=None)
        if nearest is None:
            return InputError(Problem(message, place, "record it: --record"))
        row_of = "" if nearest.row is None else f", row {nearest.row}"
        unlike = differences(nearest.asked, asked) or ["it is the same request"]
        hint = (
            f"the nearest is of `{nearest.step}`{row_of}: {'; '.join(unlike)}. --record it again if the change is meant"
        )
        return InputError(Problem(message, place, hint))


def differences(recorded: Asked, asked: Asked) -> list[str]:
    """In what two requests differ, in words; empty when one answers the other."""
    found: list[str] = []
    if recorded.method != asked.method:
        found.append(f"the method was {recorded.method}, and is {asked.method}")
    if recorded.url != asked.url:
        found.append(f"the address was {recorded.url}, and is {asked.url}")
    if recorded.body != asked.body:
        found.append(_bodies(recorded.body, asked.body))
    return found


def _bodies(before: str, now: str) -> str:
    """Where two bodies part. Both are masked."""
    if not before or not now:
        return f"there was {'a' if before else 'no'} body, and there is {'one' if now else 'none'}"
    length = min(len(before), len(now))
    at = next((at for at in range(length) if before[at] != now[at]), length)
    start = max(0, at - 10)
    return f"the body differs from character {at + 1}: was {before[start : at + 30]!r}, and is {now[start : at + 30]!r}"


def _distance(entry: Entry, step: str, asked: Asked) -> int:
    """How unlike an exchange is to what was looked for; only the order of these numbers means something."""
    same = (entry.step == step, entry.asked.method == asked.method, entry.asked.url == asked.url)
    weights = (4, 1, 3)
    return -sum(weight for weight, holds in zip(weights, same, strict=True) if holds)
