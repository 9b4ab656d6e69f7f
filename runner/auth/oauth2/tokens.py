"""What a token endpoint answers with: tokens, and for how long; or why there are none (RFC 6749, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from urllib.parse import parse_qsl

from runner.auth.oauth2.provider import Provider
from runner.errors import CredentialsError, Problem
from runner.exchange import Call, Response, Unreadable
from runner.records import record
from runner.scope import Captured
from runner.values import Secret, Value

# Errors of a moment, and after how many seconds another try may be granted: Zoho's for ten tokens in ten minutes (its page
# "Token validity"), and RFC 6749's own words (4.1.2.1), which token endpoints use too.
_PASSING = {"Access Denied": 600.0, "temporarily_unavailable": 0.0, "server_error": 0.0, "slow_down": 5.0}
# Whatever an answer of these says, the address is wrong: 404 Not Found, 405 Method Not Allowed (RFC 9110, 15.5).
_NO_SUCH_ENDPOINT = (404, 405)
# Zoho's answers once gave `expires_in` in milliseconds; no access token of theirs lives for more than a day.
_LONGEST_SECONDS = 86_400.0
# Seconds: who asks to be left alone for longer is asked again tomorrow.
_LONGEST_WAIT = 86_400.0


class Refused(CredentialsError):
    """The provider refused, with an error `code` of RFC 6749, 5.2 or of its own; empty when it gave none."""

    def __init__(self, problem: Problem, *, code: str = "", dead: bool = False, wait: float | None = None) -> None:
        super().__init__(problem, dead=dead, wait=wait)
        self.code = code


@record
class Tokens:
    """A token answer. `expires_in` is seconds from the answer on, None when it does not say.

    `refresh` is None when the answer holds none: the one that is kept stays good (RFC 6749, 6). `more` are other members
    that are worth keeping, by the variable that they are kept in.
    """

    access: Secret
    refresh: Secret | None = None
    id_token: Secret | None = None
    expires_in: float | None = None
    scope: str | None = None
    token_type: str = "Bearer"
    more: Mapping[str, str] = field(default_factory=dict)

    def captured(self, provider: Provider, at: float) -> dict[str, Captured]:
        """Each value by the variable that holds it; `at` is when the answer came (epoch seconds)."""
        expires_at = None if self.expires_in is None else at + self.expires_in
        found: dict[str, Captured] = {}
        if self.refresh is not None:
            found[provider.tokens.refresh] = Captured(self.refresh, provider.by, at)
        if self.id_token is not None:
            found[provider.tokens.id] = Captured(self.id_token, provider.by, at)
        if self.scope is not None:
            found[provider.tokens.scope] = Captured(self.scope, provider.by, at)
        for name, text in (*self.more.items(), *provider.kept_with.items()):
            found[name] = Captured(text, provider.by, at)
        found[provider.tokens.access] = Captured(self.access, provider.by, at, expires_at)
        return found


def read(provider: Provider, call: Call, response: Response) -> Tokens:
    """The tokens in the answer to `call`. Raises CredentialsError when there are none, with what to do next."""
    body = members(response)
    access = body.get("access_token")
    if not isinstance(access, str) or not access or "error" in body:
        raise refusal(provider, call, response, body)
    _check_type(provider, str(body.get("token_type") or "Bearer"))
    names = provider.tokens
    refresh, id_token, scope = body.get("refresh_token"), body.get("id_token"), body.get("scope")
    return Tokens(
        access=Secret(access, names.access),
        refresh=Secret(refresh, names.refresh) if isinstance(refresh, str) and refresh else None,
        id_token=Secret(id_token, names.id) if isinstance(id_token, str) and id_token else None,
        expires_in=expires_in(body, provider.preset.name),
        scope=scope if isinstance(scope, str) else None,
        token_type=str(body.get("token_type") or "Bearer"),
        more={name: str(body[member]) for member, name in provider.preset.more if isinstance(body.get(member), str)},
    )


def expires_in(body: Mapping[str, Value], preset: str) -> float | None:
    """Seconds that the access token is good for; None when the answer does not say.

    Zoho: `expires_in_sec` where it is there; more than a day is milliseconds (see facts on its "milliseconds to seconds").
    """
    for name in ("expires_in_sec", "expires_in"):
        written = body.get(name)
        if isinstance(written, bool) or not isinstance(written, (int, float, str)):
            continue
        try:
            found = float(written)
        except (ValueError, OverflowError):  # an integer of hundreds of digits
            continue
        if not 0 <= found < 1e12:
            continue
        return found / 1000 if preset == "zoho" and name == "expires_in" and found > _LONGEST_SECONDS else found
    return None


def _wait(response: Response, body: Mapping[str, Value]) -> float | None:
    """Seconds after which the same request may be granted; None when it will be refused again."""
    passing = _PASSING.get(str(body.get("error")))
    if passing is None and response.status != 429 and response.status < 500:
        return None
    written = next(iter(response.header("retry-after")), "")  # RFC 9110, 10.2.3; its form as a date is rare
    asked = float(written) if written.isascii() and written.isdigit() else 0.0
    return max(passing or 0.0, min(asked, _LONGEST_WAIT))


def members(response: Response) -> dict[str, Value]:
    """The answer's members: of its JSON object, or of a form, as GitHub sends unless it is asked for JSON."""
    try:
        body = response.json
    except Unreadable:
        if response.media_type != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(response.text))
    return body if isinstance(body, dict) else {}


def refusal(
    provider: Provider, call: Call, response: Response, body: Mapping[str, Value], what: str = "an access token"
) -> Refused:
    """Why the answer to `call` does not hold `what`, to be raised.

    Of what the answer says only known codes are repeated: all else may be a secret.
    """
    error = body.get("error")
    code = error if isinstance(error, str) else ""
    dead = code in ("invalid_grant", "invalid_code")
    return Refused(_why(provider, call, response, body, what), code=code, dead=dead, wait=_wait(response, body))


def _why(provider: Provider, call: Call, response: Response, body: Mapping[str, Value], what: str) -> Problem:
    from runner.auth.oauth2 import refusals  # late: most tokens are given

    error = body.get("error")
    known = refusals.why(provider, call, response, error if isinstance(error, str) else "")
    if known is not None:
        return known
    where = f"`{provider.name}`"
    if "error" in body and response.status not in _NO_SUCH_ENDPOINT:
        message = f"{where} refuses, with an error code that is not known"
        return Problem(message, provider.location, "-vv of a run shows its answer")
    if response.status >= 300:
        message = f"the endpoint of {where} answers {response.status}"
        hint = "check its address; -vv of a run shows the answer" if response.status < 500 else "try again later"
        return Problem(message, provider.location, hint)
    message = f"the answer of {where} does not hold {what}"
    return Problem(message, provider.location, "is the endpoint's address right? -vv of a run shows the answer")


def _check_type(provider: Provider, token_type: str) -> None:
    """Raises CredentialsError for a token that would have to be sent in another way (RFC 6749, 7.1)."""
    bound = token_type.lower() == "dpop"
    if bound == provider.dpop:
        return
    if bound:
        message = f"`{provider.name}` gave a token that is bound to a key (RFC 9449)"
        raise CredentialsError(Problem(message, provider.location, "write `dpop: true`"))
    message = f"`{provider.name}` gave a token that is bound to no key, though `dpop` asks for one"
    raise CredentialsError(
        Problem(message, provider.settings.place("dpop"), "take `dpop` out: the server cannot bind tokens")
    )
