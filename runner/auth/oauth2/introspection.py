"""What a provider knows of a token (RFC 7662)."""

from __future__ import annotations

from typing import Literal

from runner.auth.oauth2.outside import Outside
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.token_request import post
from runner.auth.oauth2.tokens import members, refusal
from runner.records import record
from runner.values import Secret, Value


@record
class Introspected:
    """RFC 7662, 2.2. All but `active` may be left out by the provider. Times are epoch seconds; `bound` is whether the token
    works only with its key (RFC 9449, 6.2) or certificate (RFC 8705)."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    subject: str | None = None
    audience: tuple[str, ...] = ()
    issuer: str | None = None
    token_type: str | None = None
    expires_at: float | None = None
    issued_at: float | None = None
    bound: bool = False


def introspect(
    provider: Provider, token: Secret, outside: Outside, kind: Literal["access_token", "refresh_token"] = "access_token"
) -> Introspected:
    """What the provider knows of `token`. Raises InputError when it has no introspection endpoint, CredentialsError when it
    refuses or answers with something else, NetworkError, PolicyError."""
    url = provider.url("introspection")
    if url is None:
        message = f"the provider `{provider.name}` has no `introspection-url`"
        raise provider.wrong(message, "add it, or `issuer:` to discover it; not every provider has one")
    call, response = post(
        provider, url, (("token", token), ("token_type_hint", kind)), outside, f"look at {kind.replace('_', ' ')}"
    )
    body = members(response)
    active = body.get("active")
    if response.status != 200 or not isinstance(active, bool):
        raise refusal(provider, call, response, body, "whether the token is active")
    audience = body.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return Introspected(
        active,
        _text(body.get("scope")),
        _text(body.get("client_id")),
        _text(body.get("username")),
        _text(body.get("sub")),
        tuple(text for text in listed if isinstance(text, str)),
        _text(body.get("iss")),
        _text(body.get("token_type")),
        _number(body.get("exp")),
        _number(body.get("iat")),
        bool(body.get("cnf")),
    )


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Value) -> float | None:
    """A time that a clock can show; JSON's numbers have no bound, and Python takes NaN and Infinity for some."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        return None
    return float(value)
