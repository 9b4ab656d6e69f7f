"""When a watched token is due, in a world of plain numbers: many lifetimes, outages, throttles and clocks, quickly."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.auth.oauth2 import watch
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.watch import Effects, Event, Pace, Wake
from runner.collection import Variable
from runner.environment import ProviderSpec
from runner.errors import CredentialsError, InputError, Location, NetworkError, PolicyError, Problem, Source, ZrunError
from runner.scope import Captured, Scope, Sources
from runner.values import Secret, Value

HERE = Location(Source("us.yaml"), 1, 1)


class Machine:
    """A provider whose tokens live for `lifetime` seconds, as seen from a machine whose clocks may be set.

    `true` is the time by the provider. `fails` gives the error of a request at that time, or None.
    """

    def __init__(
        self, lifetime: float | None, until: float, fails: Callable[[float], ZrunError | None] = lambda _: None
    ) -> None:
        self.lifetime, self.until, self.fails = lifetime, until, fails
        self.true = self.skew = self.lost = 0.0
        self.dies = self.slept = 0.0
        self.issued: list[float] = []
        self.tried: list[float] = []
        self.told: list[Event] = []
        self.gaps: list[float] = []
        self.planned: list[tuple[float, Callable[[], None]]] = []

    def fresh(self, _: Secret | None) -> Captured:
        self.tried.append(self.true)
        error = self.fails(self.true)
        if error is not None:
            raise error
        self.issued.append(self.true)
        number, at = len(self.issued), self.true + self.skew
        self.dies = float("inf") if self.lifetime is None else self.true + self.lifetime
        expires_at = None if self.lifetime is None else at + self.lifetime
        return Captured(Secret(f"made-up-{number}", "access-token"), "test", at, expires_at)

    def sleep(self, seconds: float) -> Wake:
        assert 0 <= seconds <= watch.LONGEST_SLEEP
        end = self.true + max(seconds, 1e-3)
        asleep = False
        while self.planned and self.planned[0][0] <= end:
            before = self.lost
            self.planned.pop(0)[1]()
            asleep = asleep or self.lost > before
        self.true = max(self.true, end)
        if self.issued and not asleep and self.true > self.dies:
            self.gaps.append(self.true)
        return "stop" if self.true >= self.until else "time"

    def suspend(self, seconds: float) -> None:
        self.true += seconds
        self.lost += seconds

    def set_clock(self, skew: float) -> None:
        self.skew = skew

    def run(self, pace: Pace, seed: int = 0) -> None:
        watch.watch(
            pace,
            Effects(
                now=lambda: self.true + self.skew,
                steady=lambda: self.true - self.lost,
                sleep=self.sleep,
                fresh=self.fresh,
                kept=lambda: None,
                tell=self.told.append,
                chance=Random(seed).random,
            ),
        )


def problem() -> Problem:
    return Problem("made up", None, None)


def provider(**more: Value) -> Provider:
    written: dict[str, Value] = {"preset": "zoho", **{name.replace("_", "-"): value for name, value in more.items()}}
    variables = {name: Variable(name, value, HERE) for name, value in written.items()}  # type: ignore[arg-type]
    return Provider(ProviderSpec("zoho", HERE, variables), Scope(Sources()))


@settings(deadline=None, max_examples=100)
@given(
    lifetime=st.floats(5, 7200),
    before=st.floats(0, 3600),
    seed=st.integers(0, 2**32),
    outages=st.lists(st.floats(0, 1), max_size=8),
    skews=st.lists(st.tuples(st.floats(0, 1), st.floats(-1e6, 1e6)), max_size=6),
    naps=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 20000)), max_size=4),
)
def test_there_is_always_a_token_when_outages_are_shorter_than_the_margin(
    lifetime: float,
    before: float,
    seed: int,
    outages: list[float],
    skews: list[tuple[float, float]],
    naps: list[tuple[float, float]],
) -> None:
    until = 20 * lifetime
    margin = min(max(before, watch.LEAST_AHEAD), lifetime / 2)
    length = max(0.0, margin - 62, (margin - 2) / 2)  # pauses double to a minute, so an outage of d is over by 2 d + 1
    spans = [(at * until, at * until + length) for at in outages]
    # Of outages that touch, the sum may be longer than the margin.
    spans = [span for i, span in enumerate(sorted(spans)) if i == 0 or span[0] - sorted(spans)[i - 1][1] > lifetime]

    def fails(true: float) -> ZrunError | None:
        down = any(start <= true < end for start, end in spans)
        return NetworkError(problem(), sent=False) if down and true > 0 else None

    machine = Machine(lifetime, until, fails)
    # A clock that is set back by just the time that the machine sleeps hides it from both clocks, where neither goes on.
    machine.planned = sorted(
        [
            *((at * until, lambda skew=skew: machine.set_clock(skew)) for at, skew in skews),
            *((at * until, lambda nap=nap: machine.suspend(nap)) for at, nap in ([] if outages or skews else naps)),
        ],
        key=lambda plan: plan[0],
    )
    machine.run(Pace(before), seed)
    assert not machine.gaps
    assert len(machine.issued) <= 3 * until / lifetime + 2 * (len(skews) + len(naps)) + 2


@given(lifetime=st.floats(0, 100), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_however_short_tokens_live_the_provider_is_asked_once_a_second_at_most(lifetime: float, seed: int) -> None:
    machine = Machine(lifetime, 100)
    machine.run(Pace(300), seed)
    assert all(later - earlier >= 0.99 for earlier, later in zip(machine.issued, machine.issued[1:], strict=False))


@given(lifetime=st.floats(67, 7200), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_tokens_of_little_more_than_a_minute_are_watched_within_the_budget(lifetime: float, seed: int) -> None:
    machine = Machine(lifetime, 6 * lifetime + 3000)
    machine.run(watch.pace(provider()), seed)
    assert max(sum(at <= other < at + 600 for other in machine.issued) for at in machine.issued) <= 10
    assert not machine.gaps


def test_the_pace_leaves_room_for_a_throttle_where_nobody_has_chosen_one() -> None:
    assert watch.pace(provider()).ahead == 900
    assert watch.pace(provider(refresh_before="2m")).ahead == 120
    assert watch.pace(provider(preset="google")).ahead == 300
    assert watch.pace(provider(), 3600).every == 3600
    with pytest.raises(InputError, match="one token in 1 m, over time"):
        watch.pace(provider(), 30)


def test_machines_that_share_a_provider_do_not_ask_at_the_same_moment() -> None:
    moments = []
    for seed in range(20):
        machine = Machine(3600, 4000)
        machine.run(Pace(900), seed)
        moments.append(machine.issued[1])
    assert len({round(moment) for moment in moments}) > 10
    assert all(2640 <= moment <= 2701 for moment in moments)  # a minute earlier at most, and never later


def test_pauses_double_to_a_minute_and_begin_anew_after_a_token() -> None:
    machine = Machine(3600, 4000, lambda true: NetworkError(problem(), sent=False) if 2000 < true < 3000 else None)
    machine.run(Pace(1200))
    pauses = [event.pause for event in machine.told if event.kind == "trouble"]
    assert all(0.75 * 2**i <= pause <= 2**i for i, pause in enumerate(pauses[:6]))
    assert all(45 <= pause <= 60 for pause in pauses[6:])
    assert len(pauses) > 10
    assert len(machine.issued) == 2


def test_a_throttle_is_left_alone_but_for_a_last_call_before_the_token_dies() -> None:
    def fails(true: float) -> ZrunError | None:
        return CredentialsError(problem(), wait=600.0) if 2000 < true < 3590 else None

    machine = Machine(3600, 4000, fails)
    machine.run(Pace(900))
    tried = [at for at in machine.tried if at > 0]
    assert 2600 < tried[0] <= 2700
    assert 599 < tried[1] - tried[0] < 601
    assert tried[2] == pytest.approx(3600 - watch.LAST_CALL, abs=1)
    assert not [at for at in tried[3:] if at < tried[2] + 1]


def test_the_death_of_the_token_is_told_once() -> None:
    machine = Machine(600, 3000, lambda true: NetworkError(problem()) if 100 < true < 2000 else None)
    machine.run(Pace(300))
    assert [event.kind for event in machine.told].count("without") == 1
    assert machine.told[-1].kind == "token"


@pytest.mark.parametrize(
    "error", [CredentialsError(problem(), dead=True), CredentialsError(problem()), PolicyError(problem())]
)
@pytest.mark.parametrize("first", [0, 1])
def test_what_asking_again_does_not_mend_ends_it_at_once(error: ZrunError, first: int) -> None:
    machine = Machine(600, 3000, lambda _: error if len(machine.issued) >= first else None)
    with pytest.raises(type(error)):
        machine.run(Pace(300))
    assert len(machine.tried) == first + 1


def test_a_mistake_in_files_ends_it_before_the_first_token_and_is_waited_out_later() -> None:
    machine = Machine(600, 3000, lambda _: InputError(problem()))
    with pytest.raises(InputError):
        machine.run(Pace(300))
    later = Machine(600, 3000, lambda true: InputError(problem()) if 200 < true < 400 else None)
    later.run(Pace(300))
    assert not later.gaps
    assert any(isinstance(event.error, InputError) for event in later.told)


def test_without_a_known_expiry_somebody_has_to_say_how_often() -> None:
    with pytest.raises(InputError, match="does not say how long"):
        Machine(None, 3000).run(Pace(300))
    machine = Machine(None, 3000)
    machine.run(Pace(300, every=500.0))
    assert len(machine.issued) == 6
