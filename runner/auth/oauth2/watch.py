"""Keeping a token fresh until stopped: when to ask, how long to wait, what a failure means. Every effect is an argument.

A token is replaced well before it dies, so that an outage or a throttle has time to pass. What is due is judged by two clocks,
and the first that says so wins: the wall clock goes on while a machine sleeps, the steady one does not care when the wall
clock is set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from runner.auth.oauth2.provider import Provider
from runner.errors import CredentialsError, InputError, NetworkError, Problem, ZrunError
from runner.quantities import show_seconds
from runner.records import record
from runner.scope import Captured
from runner.values import Secret

# Seconds: the longest sleep (so that a set clock, a resumed machine or a token of another process is noticed), and the
# pauses after a failure.
LONGEST_SLEEP = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# The least time for a request, whatever `refresh-before` says.
LEAST_AHEAD = 5.0
# By how much a request comes earlier, at most: machines that share a provider had better not ask at once.
JITTER, JITTER_SHARE = 60.0, 0.1
# A throttled provider is asked once more this many seconds before the token dies, though it wants to be left alone longer.
LAST_CALL = 30.0

Wake: TypeAlias = Literal["time", "refresh", "stop"]


@record
class Event:
    """What happened: a `token` that is new; `trouble`, with what went wrong and the pause (seconds) until the next try;
    `without`: the token has died, and there is no other."""

    kind: Literal["token", "trouble", "without"]
    token: Captured | None = None
    error: ZrunError | None = None
    pause: float = 0.0


@dataclass(frozen=True)
class Effects:
    """The outside world, as watching needs it.

    `now` is the wall clock (seconds since the epoch), `steady` one that is never set (seconds). `sleep` takes seconds and
    says why it ended. `fresh` gives a token other than the one it is given, and raises as fresh.Keeper.access; `kept` is what
    is kept now, by whichever process. `chance` gives a number from 0 to 1.
    """

    now: Callable[[], float]
    steady: Callable[[], float]
    sleep: Callable[[float], Wake]
    fresh: Callable[[Secret | None], Captured]
    kept: Callable[[], Captured | None]
    tell: Callable[[Event], None]
    chance: Callable[[], float]


@record
class Pace:
    """`ahead`: seconds before its expiry at which a token is replaced; `every`: the longest that one is kept, if any;
    `apart`: seconds between two requests that the provider's budget allows for ever."""

    ahead: float
    every: float | None = None
    apart: float = 1.0


def pace(provider: Provider, every: float | None = None) -> Pace:
    """How to watch `provider`. Raises InputError for an `every` that its budget does not allow.

    Where `refresh-before` is left out, a provider with a budget is asked earlier by the time in which that is counted: whoever
    finds it used up then gets a token before the old one dies.
    """
    budget = provider.budget
    apart = budget[1] / budget[0] if budget else 1.0
    if every is not None and every < apart:
        message = f"`{provider.name}` gives one token in {show_seconds(apart)}, over time"
        raise provider.wrong(message, "refresh less often: --every 30m")
    ahead = provider.refresh_before
    if budget and "refresh-before" not in provider.settings:
        ahead += budget[1]
    return Pace(ahead, every, apart)


def watch(pace: Pace, effects: Effects) -> None:
    """Keep a token fresh until `sleep` says stop.

    Raises CredentialsError when the provider refuses for good, PolicyError, and InputError before the first token: nothing of
    that is mended by asking again.
    """
    _Watch(pace, effects).run()


class _Watch:
    """`_due` is when to ask next, by the wall clock and by the steady one; `_dies` likewise, infinite when unknown."""

    def __init__(self, pace: Pace, effects: Effects) -> None:
        self._pace = pace
        self._effects = effects
        self._held: Captured | None = None
        self._due = (effects.now(), effects.steady())
        self._dies = self._due
        self._failures = 0
        self._told_without = True  # at first there is none, which is no news

    def run(self) -> None:
        wake: Wake = "time"
        while wake != "stop":
            if wake == "refresh" or self._left(self._due) <= 0:
                self._ask()
            else:
                self._take(self._effects.kept())
            self._tell_death()
            wake = self._effects.sleep(min(max(self._left(self._due), 0.0), LONGEST_SLEEP))

    def _left(self, moment: tuple[float, float]) -> float:
        """Seconds until `moment`, by the clock that is nearer to it."""
        return min(moment[0] - self._effects.now(), moment[1] - self._effects.steady())

    def _in(self, seconds: float) -> tuple[float, float]:
        return self._effects.now() + seconds, self._effects.steady() + seconds

    def _ask(self) -> None:
        held = self._held
        refused = held.value if held and isinstance(held.value, Secret) else None
        try:
            token = self._effects.fresh(refused)
        except (NetworkError, CredentialsError, InputError) as error:
            if (isinstance(error, CredentialsError) and error.wait is None) or (
                isinstance(error, InputError) and held is None
            ):
                raise
            pause = self._pause(error)
            self._failures += 1
            self._due = self._in(pause)
            self._effects.tell(Event("trouble", held, error, pause))
        else:
            self._failures = 0
            self._hold(token)

    def _pause(self, error: ZrunError) -> float:
        """Seconds until the next try: doubled with each failure; what the provider asks for, but a last call before death."""
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_PAUSE)
        pause *= 1 - self._effects.chance() / 4
        wanted = error.wait if isinstance(error, CredentialsError) else None
        if not wanted:
            return pause
        left = self._left(self._dies) - LAST_CALL
        return max(pause, min(wanted, left) if left > 0 else wanted)

    def _take(self, kept: Captured | None) -> None:
        """Another process has got another token: hold that, whatever a clock says of its age."""
        if self._held and kept and kept.value != self._held.value:
            self._hold(kept)

    def _hold(self, token: Captured) -> None:
        """Hold `token`, and find out when the next one is due."""
        self._held = token
        due = self._pace.every
        if token.expires_at is not None:
            left, whole = token.expires_at - self._effects.now(), token.expires_at - token.at
            ahead = min(max(self._pace.ahead, LEAST_AHEAD), whole / 2)
            ahead += min(JITTER, ahead * JITTER_SHARE) * self._effects.chance()
            # Never faster than the budget allows for ever, as long as the token lives until then.
            by_expiry = max(left - ahead, min(self._pace.apart, left * 0.9), 1.0)
            due = by_expiry if due is None else min(due, by_expiry)
            self._dies = self._in(left)
        else:
            self._dies = (float("inf"), float("inf"))
        if due is None:
            hint = "say how often to get a new one: --every 30m"
            raise InputError(Problem("the provider does not say how long its tokens live", None, hint))
        self._due = self._in(due)
        self._told_without = False
        self._effects.tell(Event("token", token))

    def _tell_death(self) -> None:
        if not self._told_without and self._left(self._dies) <= 0:
            self._told_without = True
            self._effects.tell(Event("without", self._held))
