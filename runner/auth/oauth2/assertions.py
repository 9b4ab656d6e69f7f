"""Assertions that this client signs: to prove itself (RFC 7523, 2.2), and as a grant (RFC 7523, 2.1)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from runner.auth import jws
from runner.auth.oauth2.provider import Provider
from runner.values import Secret, reveal

# Seconds: Salesforce takes no assertion that lives for more than three minutes, Google none of more than an hour.
LIFETIME = 120


def of_client(provider: Provider) -> Secret:
    """An assertion that proves the client: good for one request. Raises InputError."""
    client_id = reveal(provider.client_id)
    return _signed(provider, "client-auth: private_key_jwt", {"iss": client_id, "sub": client_id})


def of_grant(provider: Provider) -> Secret:
    """An assertion that is exchanged for a token. Raises InputError.

    Google's page "Using OAuth 2.0 for server to server applications" wants the scopes among its claims, and no subject but
    a user to act for.
    """
    client_id = reveal(provider.client_id)
    subject = reveal(provider.settings.text("subject"))
    if provider.preset.scope_in_assertion:
        claims = {"iss": client_id, "scope": provider.scope, "sub": subject}
    else:
        claims = {"iss": client_id, "sub": subject or client_id}
    return _signed(provider, "the grant jwt-bearer", claims)


def _signed(provider: Provider, what: str, claims: Mapping[str, object]) -> Secret:
    settings = provider.settings
    pem = settings.needed("private-key")
    key = jws.load(
        reveal(pem), settings.plain("algorithm"), settings.plain("key-id"), what, settings.place("private-key")
    )
    now = int(settings.now())
    text = key.sign(
        {
            **{name: claim for name, claim in claims.items() if claim is not None},
            "aud": provider.assertion_audience,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(24),
        }
    )
    return Secret(text, "assertion")
