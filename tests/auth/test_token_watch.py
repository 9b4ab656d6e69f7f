"""Three days of watching over a token, by a driven clock: against the sandbox, whose clock is driven too, over loopback.

What happens is chance, by a seed: the accounts server goes away and comes back, other machines use up the budget, clocks are
set, the machine sleeps. The checker stands apart: it reads the private state as another program would, and asks the API.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx
import pytest

from runner import sandbox
from runner.auth.oauth2 import watch
from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.watch import Effects, Event, Wake
from runner.cli import providers, sending
from runner.cli.assemble import opened
from runner.cli.given import Given
from runner.errors import CredentialsError, NetworkError
from runner.exchange import Call, Response
from runner.files.state import State
from runner.scope import Captured
from tests.commands import write

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ENVIRONMENT = """\
variables: {{accounts-domain: '{accounts}', api-domain: '{api}'}}
oauth2: {{zoho: {{preset: zoho{more}}}}}
secrets: {{client-id: {{env: MADE_UP_ID}}, client-secret: {{env: MADE_UP_SECRET}}, grant-token: {{env: MADE_UP_GRANT}}}}
"""


@dataclass
class World:
    """A machine and two servers on one file: accounts, which may go away, and the API, which stays.

    `offset` is how far the world's time is ahead of the real one, `skew` what this machine's wall clock adds to that,
    `asleep` how much of it this machine's steady clock has not seen.
    """

    folder: Path
    api: sandbox.Running
    given: Given
    http: httpx.Client
    port: int = 0
    accounts: sandbox.Running | None = None
    offset: float = 0.0
    skew: float = 0.0
    asleep: float = 0.0
    events: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    until: float = 3 * DAY
    just_slept: bool = False
    checks: int = 0
    checked: float = 0.0
    asked: list[float] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    def start_accounts(self) -> None:
        assert self.accounts is None
        self.accounts = sandbox.start(self.data, port=self.port)
        self.port = urlsplit(self.accounts.url).port or 0

    def stop_accounts(self) -> None:
        assert self.accounts is not None
        self.accounts.stop()
        self.accounts = None

    @property
    def data(self) -> Path:
        return self.folder / "zoho.sqlite"

    def move(self, seconds: float) -> None:
        """Let time pass, everywhere."""
        self.offset += seconds
        self.given.ahead = self.offset + self.skew
        self.http.post(f"{self.api.url}/_sandbox/clock", json={"offset": self.offset}).raise_for_status()

    def set_clock(self, skew: float) -> None:
        self.skew = skew
        self.given.ahead = self.offset + self.skew

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: its steady clock stands still."""
        self.asleep += seconds
        self.just_slept = True
        self.move(seconds)

    def burn(self) -> None:
        """Another machine uses up what the refresh token gives in ten minutes."""
        token = json.loads(State(self.folder, "us").path.read_text())["values"]["refresh-token"]["value"]
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": self.api.client_id,
            "client_secret": self.api.client_secret,
        }
        for _ in range(11):
            answer = self.http.post(f"{self.api.url}/oauth/v2/token", data=form).json()
        assert answer["error"] == "Access Denied"

    def sleep(self, seconds: float) -> Wake:
        """As the watch sleeps; what is planned happens on the way. Checked each minute, before the watch can mend a thing."""
        assert 0 <= seconds <= watch.LONGEST_SLEEP
        if self.just_slept or not self.checks:  # while the machine slept nobody could, but it has been awake again
            self.check()
        self.just_slept = False
        end = self.offset + max(seconds, 0.001)
        while self.events and self.events[0][0] <= end:
            at, happens = self.events.pop(0)
            self.move(max(0.0, at - self.offset))
            happens()
        self.move(max(0.0, end - self.offset))
        if not self.just_slept and self.offset - self.checked >= MINUTE:
            self.check()
        return "stop" if self.offset >= self.until else "time"

    def check(self) -> None:
        """The token that other programs find is one that the API accepts."""
        token = json.loads(State(self.folder, "us").path.read_text())["values"]["access-token"]["value"]
        header = {"Authorization": f"Zoho-oauthtoken {token}"}
        status = self.http.get(f"{self.api.url}/crm/v8/org", headers=header).status_code
        assert status == 200, f"after {self.offset / HOUR:.2f} h the token is refused"
        self.checks += 1
        self.checked = self.offset


def most_in(times: list[float], within: float) -> int:
    """The most of `times` that lie within so many seconds."""
    return max((sum(at <= other < at + within for other in times) for at in times), default=0)


@contextmanager
def world(folder: Path, monkeypatch: pytest.MonkeyPatch, lifetime: int, more: str = "") -> Iterator[World]:
    with ExitStack() as stack:
        api = stack.enter_context(sandbox.start(folder / "zoho.sqlite"))
        http = stack.enter_context(httpx.Client())
        found = World(folder, api, Given(environments=[str(folder / "environments" / "us.yaml")]), http)
        found.start_accounts()
        http.post(f"{api.url}/_sandbox/switch", json={"token_lifetime": lifetime}).raise_for_status()
        address = f"http://127.0.0.1:{found.port}"
        write(folder, us__env=ENVIRONMENT.format(accounts=address, api=api.url, more=more))
        monkeypatch.setenv("MADE_UP_ID", api.client_id)
        monkeypatch.setenv("MADE_UP_SECRET", api.client_secret)
        monkeypatch.setenv("MADE_UP_GRANT", api.mint_grant())
        yield found
        if found.accounts is not None:
            found.stop_accounts()


def live(world: World, seed: int) -> None:
    """Watch over the token, as `zrun token watch` does, until the world ends."""
    chance = Random(seed)
    start = world.http.get(f"{world.api.url}/_sandbox/state").json()["now"]
    with opened(world.given) as assembly, sending.network(assembly) as send:
        assert assembly.environment is not None
        provider = Provider(assembly.environment.providers["zoho"], assembly.scope)

        def counted(call: Call) -> Response:
            response = send(call)
            world.asked.append(world.offset)
            return response

        def kept() -> Captured | None:
            assert assembly.state is not None
            return assembly.state.read().get("access-token")

        made = providers.keeper(assembly, provider, counted, lambda _: None, 0.0)
        keeper: Keeper = replace(made, outside=replace(made.outside, sleep=world.move))
        effects = Effects(
            now=assembly.now,
            steady=lambda: assembly.now() - start - world.skew - world.asleep,
            sleep=world.sleep,
            fresh=lambda held: keeper.access(refused=held),
            kept=kept,
            tell=world.told.append,
            chance=chance.random,
        )
        watch.watch(watch.pace(provider), effects)


def plan(world: World, chance: Random, every: float, kinds: str, outage: float) -> None:
    """What goes wrong, one thing in every so many seconds, at a moment of chance."""
    at = every
    number = 0
    while at < world.until - every:
        moment = at + chance.uniform(0, every / 4)
        kind = kinds[number % len(kinds)]
        if kind == "o":
            world.events += [(moment, world.stop_accounts), (moment + outage, world.start_accounts)]
        elif kind == "r":
            world.events += [(moment, world.stop_accounts), (moment, world.start_accounts)]
        elif kind == "b":
            world.events.append((moment, world.burn))
        elif kind == "c":
            skew = chance.choice((0.0, 2 * HOUR, -2 * HOUR, DAY, -DAY, -90.0, 400 * DAY))
            world.events.append((moment, lambda skew=skew: world.set_clock(skew)))  # type: ignore[misc]
        else:
            world.events.append((moment, lambda: world.suspend(3 * HOUR)))
            at += 3 * HOUR
        at += every
        number += 1


@pytest.mark.parametrize(
    ("lifetime", "every", "kinds", "outage"),
    [
        pytest.param(3600, 67 * MINUTE, "oborocbosrbcor", 12 * MINUTE, id="tokens-of-an-hour"),
        pytest.param(600, 31 * MINUTE, "orocosorc", 3 * MINUTE, id="tokens-of-ten-minutes"),
    ],
)
def test_for_three_days_there_is_a_valid_token_within_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lifetime: int, every: float, kinds: str, outage: float
) -> None:
    with world(tmp_path, monkeypatch, lifetime) as found:
        plan(found, Random(lifetime), every, kinds, outage)
        live(found, seed=lifetime)
        assert found.offset >= 3 * DAY
        assert not found.events
        assert found.checks > (3 * DAY - found.asleep) / (2 * MINUTE)
        assert most_in(found.asked, 10 * MINUTE) <= 10
        tokens = [event for event in found.told if event.kind == "token"]
        trouble = [event for event in found.told if event.kind == "trouble"]
        assert 3 * DAY / lifetime < len(tokens) < 2.5 * 3 * DAY / lifetime
        assert any(isinstance(event.error, NetworkError) for event in trouble), "no outage was met"
        if "b" in kinds:
            assert any(isinstance(event.error, CredentialsError) for event in trouble), "no throttle was met"
        without = [event for event in found.told if event.kind == "without"]
        assert len(without) <= found.asleep / (3 * HOUR), "only a machine that slept may find its token dead"
