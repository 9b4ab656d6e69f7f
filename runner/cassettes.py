"""What a run sent and was answered, as a cassette holds it; and which of it answers a request that is replayed.

Nothing here holds a secret: what is recorded has been masked before, and what is compared with it as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import takewhile
from threading import Lock
from typing import TypeAlias

from runner.errors import InputError, Location, Problem
from runner.exchange import IN_MEMORY, Headers, Hop
from runner.records import record
from runner.scope import Captured

# Whose exchange it is: the id of the step, and the number of its data row (None: the collection is run once).
Whose: TypeAlias = tuple[str, int | None]

# Who asks for a token on behalf of a step; see Entry.by.
PROVIDER = "oauth2"
# How the body of a request begins that is a file with secrets: no two runs have the same, so any file is it.
A_FILE_WITH = "(a file that holds"


@record
class Body:
    """A body: its bytes, masked; or why they are not here. `size` is the original's."""

    content: bytes
    size: int
    left_out: str | None = None


@record
class Asked:
    """A request, before a scheme signed it: what decides which answer is its own, and `headers` to be read by people.

    `body` is the masked text, or what stands for one that is long or no text (its hash); empty when there is none.
    """

    method: str
    url: str
    headers: Headers
    body: str


def shortened(body: str) -> str:
    """A request's body as a cassette holds it: of a long one its hash, by which it is known again."""
    if len(body) <= IN_MEMORY:
        return body
    return f"sha256:{sha256(body.encode('utf-8', 'surrogatepass')).hexdigest()} of {len(body)} characters"


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
    """One exchange. `by` is who sent it on behalf of the step: the request that renews its token, or PROVIDER.

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
        self._aside: list[Entry] = []
        self._asked: set[Whose] = set()  # the steps that found all that they asked for
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

    def asks(self, whose: Whose) -> tuple[bool, float | None]:
        """Whether it is this step that asks for a token next, and when it knew where to ask (None: it knew at once).

        If it is another, what this one has read of the issuer meanwhile is put aside: whoever needs it may take it.
        """
        with self._lock:
            left = self._left.get(whose, [])
            first = _of_provider_first(left)
            asking = next((entry for entry in first if entry.asked.method == "POST"), None)
            if asking is not None:
                return True, asking.started
            del left[len(left) - len(first) :]
            self._aside += first
            return False, first[-1].ended if first else None

    def unasked(self) -> Iterator[tuple[str, int]]:
        """Steps that asked for what they sent, but not for all: what to call each, and how many exchanges are left."""
        return ((_named(*whose), len(left)) for whose, left in self._left.items() if left and whose in self._asked)

    def take(self, whose: Whose, by: str | None, asked: Asked, place: Location | None) -> Entry:
        """The recorded exchange of this request. Raises InputError, which names the nearest one, when there is none."""
        with self._lock:
            found = self._of_provider(whose, asked) if by == PROVIDER else None
            left = self._left.get(whose)
            if found is None and left:
                found = left.pop()
            if found is not None:
                self._asked.add(whose)
        if found is None:
            raise self._none(whose, asked, place)
        unlike = differences(found.asked, asked)
        if unlike:
            self._asked.discard(whose)
            raise InputError(
                Problem(
                    f"{self._cassette.name} holds another request here: {'; '.join(unlike)}",
                    place,
                    f"the recording has {found.asked.method} {found.asked.url}; --record it again if the change is meant",
                )
            )
        return found

    def _of_provider(self, whose: Whose, asked: Asked) -> Entry | None:
        """The step's own such request, else any: of several steps that need a token at once, any may be the one that asks."""
        own = self._left.get(whose, [])
        first = _of_provider_first(own)
        for place, entry in enumerate(first):
            if not differences(entry.asked, asked):
                del own[len(own) - place - 1 :]
                self._aside += first[:place]
                return entry
        for entry in self._aside:
            if not differences(entry.asked, asked):
                self._aside.remove(entry)
                return entry
        for left in self._left.values():
            if left and left[-1].by == PROVIDER and not differences(left[-1].asked, asked):
                return left.pop()
        return None

    def _none(self, whose: Whose, asked: Asked, place: Location | None) -> InputError:
        name = self._cassette.name
        where = _named(*whose)
        if whose in self._cassette.begun:
            message = f"{name} holds no further request of {where}"
        else:
            message = f"{name} holds no request of {where}"
        if self._cassette.header.interrupted:
            message += ": the recorded run was interrupted"
        nearest = min(self._cassette.entries, key=lambda entry: _distance(entry, whose, asked), default=None)
        if nearest is None:
            return InputError(Problem(message, place, "record it: --record"))
        unlike = differences(nearest.asked, asked) or ["it is the same request"]
        hint = (
            f"the nearest is of {_named(nearest.step, nearest.row)}: {'; '.join(unlike)}. "
            "--record it again if the change is meant"
        )
        return InputError(Problem(message, place, hint))


def _of_provider_first(left: list[Entry]) -> list[Entry]:
    """What the provider is asked next on behalf of a step; `left` is what the step has left, the next at its end."""
    return list(takewhile(lambda entry: entry.by == PROVIDER, reversed(left)))


def _named(step: str, row: int | None) -> str:
    return f"`{step}`" + ("" if row is None else f" of row {row}")


def differences(recorded: Asked, asked: Asked) -> list[str]:
    """In what two requests differ, in words; empty when one answers the other."""
    found: list[str] = []
    if recorded.method != asked.method:
        found.append(f"the method was {recorded.method}, and is {asked.method}")
    if recorded.url != asked.url:
        found.append(f"the address was {recorded.url}, and is {asked.url}")
    if not _same_body(recorded.body, asked.body):
        found.append(_bodies(recorded.body, asked.body))
    return found


def _bodies(before: str, now: str) -> str:
    """Where two bodies part. Both are masked."""
    if not before or not now:
        return f"there was {'a' if before else 'no'} body, and there is {'one' if now else 'none'}"
    if before.startswith("sha256:") or now.startswith("sha256:"):
        return "the body is another one (of a file, a long text and what is no text only the hash is kept)"
    length = min(len(before), len(now))
    at = next((at for at in range(length) if before[at] != now[at]), length)
    start = max(0, at - 10)
    return f"the body differs from character {at + 1}: was {before[start : at + 30]!r}, and is {now[start : at + 30]!r}"


def _same_body(recorded: str, asked: str) -> bool:
    if recorded == asked:
        return True
    if A_FILE_WITH not in recorded:
        return False
    lines, others = recorded.split("\n"), asked.split("\n")
    return len(lines) == len(others) and all(map(_same_line, lines, others))


def _same_line(recorded: str, asked: str) -> bool:
    before, found, _ = recorded.partition(A_FILE_WITH)
    return asked.startswith(before) and bool(asked) if found else recorded == asked


def _distance(entry: Entry, whose: Whose, asked: Asked) -> int:
    """How unlike an exchange is to what was looked for; only the order of these numbers means something."""
    step, row = whose
    same = (entry.step == step, entry.asked.url == asked.url, entry.asked.method == asked.method, entry.row == row)
    return -sum(weight for weight, holds in zip((8, 4, 2, 1), same, strict=True) if holds)
