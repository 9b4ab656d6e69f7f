"""A fresh access token: the one that is kept while it is good, else a new one, asked for once among threads and processes.

The order is the point: take the lock, look again whether somebody else has been faster, ask, keep what came before anything
else happens, let go. A refresh token that rotates (RFC 6749, 10.4) replaces the kept one in the same write as its access token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from runner.auth.oauth2.outside import Outside
from runner.auth.oauth2.provider import Provider
from runner.errors import CredentialsError, InputError, NetworkError, PolicyError, Problem, ZrunError
from runner.exchange import Call, Journal
from runner.quantities import show_seconds
from runner.scope import Captured
from runner.values import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.auth.oauth2 import grants
    from runner.auth.oauth2.tokens import Tokens

# A budget that is used up is waited for when that is short; else it is told when the next token can be had.
PATIENCE = 30.0


class Flight(Protocol):
    """Alone with one provider's tokens, among threads and processes. What each raises is a ZrunError."""

    def values(self) -> Mapping[str, Captured]: ...
    def keep(self, values: Mapping[str, Captured]) -> None: ...
    def issued(self) -> tuple[float, ...]: ...
    def note(self, at: float) -> None: ...
    def take_back(self, at: float) -> None: ...
    def failed(self, at: float, why: str) -> None: ...
    def begin(self) -> None: ...
    def room(self) -> memoryview: ...
    def took(self, count: int) -> None: ...
    def left_behind(self) -> tuple[bytes, float] | None: ...
    def drop(self) -> None: ...


class Store(Protocol):
    """Where tokens last."""

    def alone(self, provider: str) -> AbstractContextManager[Flight]: ...


@dataclass(frozen=True)
class Keeper:
    """Keeps one provider's tokens fresh.

    `known` are the captured values that this run holds; `learn` gives it one more, after it is kept; `seed` is the mark that
    a captured value carries (see runner.seeds). `patience` is how many seconds a used-up budget is waited for.
    """

    provider: Provider
    store: Store
    outside: Outside
    known: Callable[[str], Captured | None]
    learn: Callable[[str, Captured], None]
    seed: Callable[[str], str | None]
    patience: float = PATIENCE

    def access(self, min_ttl: float | None = None, refused: Secret | None = None) -> Captured:
        """An access token that is good for `min_ttl` seconds (default: the provider's `refresh-before`).

        `refused` is one that the API did not accept, whatever its expiry says. Raises CredentialsError when none can be
        had, with the next step; NetworkError, PolicyError; InputError, also for a `min_ttl` that no token lives for.
        """
        name = self.provider.tokens.access
        found = self.known(name)
        if found is not None and self._good(found, min_ttl, refused):
            return found
        self.provider.url("token")  # discovered, if it has to be, before the lock is held
        with self.store.alone(self.provider.name) as flight:
            recover(self.provider, flight, self.seed)
            self._learn(flight.values())
            found = self.known(name)
            if found is not None and self._good(found, min_ttl, refused):
                return found
            self._lives_for(found, min_ttl)
            found = self._new(flight)
        self._lives_for(found, min_ttl)
        return found

    def exchange(self, parameters: grants.Parameters, endpoint: str = "token", *, counts: bool = True) -> Captured:
        """Ask with these parameters (a code, a device code), whatever is kept; keep what comes. Raises as `access`.

        `counts` is whether the request is one of the provider's budget: asking whether a code has been entered is not.
        """
        self.provider.url(endpoint)  # discovered, if it has to be, before the lock is held
        with self.store.alone(self.provider.name) as flight:
            recover(self.provider, flight, self.seed)
            return self._asked(flight, parameters, endpoint, counts)

    @contextmanager
    def asking(self) -> Iterator[Callable[[], Journal]]:
        """For a request of the collection's own that asks for this provider's tokens: as alone as `access`, and as safe.

        What others have kept is taken over; calling what is given counts the request and opens the journal. Tokens that
        came and that nobody has captured are kept at the end.
        """
        with self.store.alone(self.provider.name) as flight:
            recover(self.provider, flight, self.seed)
            self._learn(flight.values())

            def begin() -> Journal:
                self._afford(flight)
                flight.note(self.outside.now())
                flight.begin()
                return flight

            yield begin
            self._rescue(flight)

    def _rescue(self, flight: Flight) -> None:
        """Drop the journal when its tokens are kept; else keep them."""
        came = _in_journal(self.provider, flight)
        kept = flight.values().get(self.provider.tokens.access)
        if came is not None and (kept is None or kept.value != came[0].access):
            self._keep(flight, *came)
        flight.drop()

    def _new(self, flight: Flight) -> Captured:
        from runner.auth.oauth2 import grants  # late, as all that asking needs: most runs find a token that is good

        provider = self.provider
        refresh = provider.kept(provider.tokens.refresh)
        if refresh is not None:
            try:
                return self._asked(flight, grants.refresh_token(refresh))
            except CredentialsError as error:
                if not provider.unattended or not error.dead:
                    raise
        if provider.unattended:
            return self._asked(flight, grants.UNATTENDED[provider.grant](provider))
        code = provider.optional("grant-token") if provider.preset.name == "zoho" else None
        if code is not None:
            return self._asked(flight, grants.authorization_code(code))
        raise no_token(provider)

    def _asked(
        self, flight: Flight, parameters: grants.Parameters, endpoint: str = "token", counts: bool = True
    ) -> Captured:
        """Ask within the budget; the journal is open from before the request until its answer is kept."""
        from runner.auth.oauth2.token_request import Asked, ask  # late: most runs find a token that is good

        at = self.outside.now()
        if counts:
            self._afford(flight)
            at = self.outside.now()
            flight.note(at)
        flight.begin()
        try:
            found = ask(self.provider, Asked(parameters, endpoint=endpoint, journal=flight), self.outside)
        except ZrunError as error:
            unsent = isinstance(error, (InputError, PolicyError)) or (
                isinstance(error, NetworkError) and not error.sent
            )
            if unsent and counts:  # then the provider has not counted it either
                flight.take_back(at)
            if isinstance(error, CredentialsError) or (unsent and not isinstance(error, InputError)):
                flight.drop()  # there is nothing in it that could be wanted
            if counts:
                flight.failed(self.outside.now(), error.problems[0].message)
            raise
        return self._keep(flight, found, self.outside.now())

    def _afford(self, flight: Flight) -> None:
        from runner.auth.oauth2 import budget  # late: most runs find a token that is good

        wait = budget.wait(flight.issued(), self.provider.budget, self.outside.now())
        if not wait:
            return
        if wait <= self.patience:
            self.outside.sleep(wait)
            return
        count, within = self.provider.budget or (0, 0.0)
        raise CredentialsError(
            Problem(
                f"`{self.provider.name}` has been asked for {count} tokens within {show_seconds(within)}, all that it gives",
                self.provider.location,
                f"wait {show_seconds(wait)}; each try before would prolong it. Who asks so often? `zrun token` reuses one",
            ),
            wait=wait,
        )

    def _keep(self, flight: Flight, found: Tokens, at: float) -> Captured:
        values = _marked(found.captured(self.provider, at), self.seed)
        flight.keep(values)
        self._learn(values)
        return values[self.provider.tokens.access]

    def _learn(self, values: Mapping[str, Captured]) -> None:
        """Take over what is kept: under the lock it is the truth, whatever a clock says of its age."""
        names = self.provider.tokens
        more = (*(name for _, name in self.provider.preset.more), *self.provider.kept_with)
        ours = {names.access, names.refresh, names.id, names.scope, *more}
        for name, captured in values.items():
            if name in ours:
                self.learn(name, captured)

    def _good(self, found: Captured, min_ttl: float | None, refused: Secret | None) -> bool:
        if refused is not None and found.value == refused:
            return False
        if found.expires_at is None:
            return True
        # A token that lives no longer than `refresh-before` would be stale from its first moment, and never reused.
        ttl = min(self.provider.refresh_before, (found.expires_at - found.at) / 2) if min_ttl is None else min_ttl
        return found.expires_at - self.outside.now() > ttl

    def _lives_for(self, found: Captured | None, min_ttl: float | None) -> None:
        """Raises InputError when a token such as `found` never lives for `min_ttl`: asking would burn one each time."""
        if min_ttl is None or found is None or found.expires_at is None or min_ttl < found.expires_at - found.at:
            return
        lifetime = show_seconds(found.expires_at - found.at)
        message = f"no token of `{self.provider.name}` is good for {show_seconds(min_ttl)}: they live for {lifetime}"
        raise self.provider.wrong(message, "ask for less")


def recover(provider: Provider, flight: Flight, seed: Callable[[str], str | None]) -> bool:
    """Keep the tokens of a process that died between their arrival and their keeping; whether there were any."""
    came = _in_journal(provider, flight)
    if came is not None:
        flight.keep(_marked(came[0].captured(provider, came[1]), seed))
    flight.drop()
    return came is not None


def _marked(values: Mapping[str, Captured], seed: Callable[[str], str | None]) -> dict[str, Captured]:
    """Each with the mark of what was given in its place: else a refresh token that is given would win over its successor."""
    return {name: replace(value, seed=seed(name)) for name, value in values.items()}


def _in_journal(provider: Provider, flight: Flight) -> tuple[Tokens, float] | None:
    """The tokens of the answer in the journal, and when it came."""
    left = flight.left_behind()
    if left is None:
        return None
    from runner.auth.oauth2 import recovery, tokens  # late: few processes die

    response = recovery.response(left[0])
    if response is None:
        return None
    try:
        return tokens.read(provider, Call("POST", ""), response), left[1]
    except CredentialsError:  # it was an answer without tokens
        return None


def no_token(provider: Provider) -> InputError:
    """That there is none, and nothing to get one with: a person has to log in."""
    hint = f"get the first one with `{provider.login}`"
    return provider.wrong(f"there is no token of `{provider.name}` yet", hint)
