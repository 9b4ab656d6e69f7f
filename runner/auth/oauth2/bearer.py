"""A request's access token: fresh before it is sent, renewed once when it is refused."""

from __future__ import annotations

from collections.abc import Callable

from runner.auth.header import Header
from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.provider import Provider
from runner.auth.signed import joined, with_header
from runner.exchange import Call, Response, Unreadable, header_values
from runner.scope import Captured
from runner.values import Secret


class Bearer:
    """The credentials.Auth of a provider's access token.

    With `turn` it asks for a token exactly when that says so: when a run is replayed, and another asked then.
    """

    def __init__(self, provider: Provider, keeper: Keeper, turn: Callable[[], bool] | None = None) -> None:
        self._provider = provider
        self._keeper = keeper
        self._token: Secret | None = None
        self._renewed = False
        self._challenged = False
        self._turn = turn

    def with_turns(self, turn: Callable[[], bool]) -> Bearer:
        """Another for the same token, which asks for one when `turn` says so."""
        return Bearer(self._provider, self._keeper, turn)

    def prepare(self) -> None:
        self._take(None)

    def sign(self, call: Call) -> Call:
        assert self._token is not None, "prepare comes first"
        name, prefix = self._provider.header
        prover = self._keeper.outside.prover
        if prover is not None:
            prefix = "DPoP"  # RFC 9449, 7.1
            call = with_header(call, "DPoP", prover.proof(call.method, call.url, self._token), self._provider.location)
        return Header(name, joined(prefix, self._token), self._provider.location, (self._token,)).sign(call)

    def again(self, call: Call, response: Response) -> str | None:
        prover = self._keeper.outside.prover
        if prover is not None and prover.learn(call.url, response) and not self._challenged:
            self._challenged = True
            return "challenge"
        if self._renewed or not is_dead(self._provider, response):
            return None
        self._renewed = True
        self._take(self._token)
        return "renewed"

    def _take(self, refused: Secret | None) -> None:
        value = (self._keeper.access(refused=refused) if self._turn is None else self._in_turn(self._turn())).value
        assert isinstance(value, Secret)
        self._token = value

    def _in_turn(self, mine: bool) -> Captured:
        found = self._keeper.known(self._provider.tokens.access)
        if mine:
            held = found.value if found is not None else None
            return self._keeper.access(refused=held if isinstance(held, Secret) else None)
        name = self._provider.tokens.access
        return found or Captured(Secret(f"<<{name}>>", name), self._provider.by, self._keeper.outside.now())


def is_dead(provider: Provider, response: Response) -> bool:
    """Whether `response` says that the access token is no longer good: by a code of the provider's own, else by 401.

    RFC 6750, 3.1: `invalid_token` with 401 is worth a new token; `insufficient_scope` is not.
    """
    code = _code(response)
    if code in provider.preset.alive:
        return False
    if code in provider.preset.dead:
        return True
    if response.status != 401:
        return False
    return not any("insufficient_scope" in value for value in header_values(response.headers, "www-authenticate"))


def _code(response: Response) -> str:
    """The `code` or `error` at the top of a JSON answer, or in the first of a list (Salesforce); empty without one."""
    if not isinstance(response.content, bytes):
        return ""
    try:
        body = response.json
    except Unreadable:
        return ""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return ""
    found = next(
        (body[name] for name in ("code", "errorCode", "category", "error") if isinstance(body.get(name), str)), ""
    )
    return found if isinstance(found, str) else ""
