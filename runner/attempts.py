"""Sending one call, again where its `retry` allows it: what may be repeated, how long to wait, what the server asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from runner.collection import Retry
from runner.credentials import MOST_LEGS, Auth
from runner.errors import NetworkError
from runner.exchange import Call, Exchange, Response, signed
from runner.results import StepResult

# RFC 9110, 9.2.2: a repeated one has the effect of a single one.
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
# With these two the server says that it did not do the work (RFC 6585, 4; RFC 9110, 15.6.4).
NOT_DONE = frozenset((429, 503))
# A server may ask for any wait; beyond this the answer is given back instead.
LONGEST_WAIT = 600.0


@dataclass
class Sent:
    """Everything that was sent for one request so far."""

    exchanges: list[Exchange] = field(default_factory=list)
    renewed: list[StepResult] = field(default_factory=list)


class Outside(Protocol):
    """The ports that sending needs."""

    @property
    def send(self) -> Callable[[Call], Response]: ...
    @property
    def allow(self) -> Callable[[Call], None]: ...
    @property
    def sleep(self) -> Callable[[float], None]: ...
    @property
    def now(self) -> Callable[[], float]: ...


def send(
    call: Call, retry: Retry | None, sent: Sent, reason: str, outside: Outside, auth: Auth | None = None
) -> Response:
    """Send `call`, signed by `auth`, until its answer stands; each try goes into `sent`.

    Raises the last NetworkError, and PolicyError before anything is sent that may not be.
    """
    response = _tried(call, retry, sent, reason, outside, auth)
    for _ in range(MOST_LEGS):
        why = auth.again(sent.exchanges[-1].call, response) if auth else None
        if why is None:
            break
        response = _tried(call, retry, sent, why, outside, auth)
    return response


def _tried(call: Call, retry: Retry | None, sent: Sent, reason: str, outside: Outside, auth: Auth | None) -> Response:
    """Send until there is an answer or `retry` is used up; each try is signed anew."""
    for attempt in range((retry.times if retry else 0) + 1):
        started = outside.now()
        ready = signed(call, auth.sign) if auth else call
        outside.allow(ready)
        response: Response | None = None
        error: NetworkError | None = None
        try:
            response = outside.send(ready)
        except NetworkError as failure:
            error = failure
        sent.exchanges.append(Exchange(ready, started, response, error, "retry" if attempt else reason))
        pause = wait(call, retry, attempt, response, error, outside.now()) if retry else None
        if pause is None:
            break
        outside.sleep(pause)
    if response is None:
        assert error is not None
        raise error
    return response


def wait(
    call: Call, retry: Retry, attempt: int, response: Response | None, error: NetworkError | None, now: float
) -> float | None:
    """Seconds to wait before the next try, or None when there is to be none."""
    if attempt >= retry.times:
        return None
    safe = retry.unsafe or call.method in IDEMPOTENT
    if response is None:
        repeat = "network" in retry.on and error is not None and (safe or not error.sent)
    else:
        repeat = response.status in retry.on and (safe or response.status in NOT_DONE)
    if not repeat:
        return None
    pause = min(retry.delay * retry.backoff**attempt, retry.max_delay)
    asked = retry_after(response, now) if response else None
    if asked is not None and asked > LONGEST_WAIT:
        return None
    return max(pause, asked or 0.0)


def retry_after(response: Response, now: float) -> float | None:
    """The seconds that `Retry-After` asks for: a number, or a date (RFC 9110, 10.2.3)."""
    written = next(iter(response.header("retry-after")), "").strip()
    if written.isascii() and written.isdigit():
        return float(written[:12])
    if not written:
        return None
    from email.utils import parsedate_to_datetime  # late: few servers give a date

    try:
        return max(0.0, parsedate_to_datetime(written).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
