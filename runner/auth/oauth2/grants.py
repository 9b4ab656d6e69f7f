"""The grants: what each asks the token endpoint for. Those that a person is needed for begin in modules of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.token_request import parameters
from runner.values import Secret

Parameters: TypeAlias = tuple[tuple[str, str | Secret], ...]


def refresh_token(refresh: Secret) -> Parameters:
    """RFC 6749, 6. The scope is left out: it stays what was granted."""
    return parameters({"grant_type": "refresh_token", "refresh_token": refresh})


def authorization_code(
    code: str | Secret, redirect_uri: str | None = None, verifier: Secret | None = None
) -> Parameters:
    """RFC 6749, 4.1.3, with PKCE's verifier (RFC 7636, 4.5). A self client of Zoho's has no redirect URI."""
    return parameters(
        {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    )


def _client_credentials(provider: Provider) -> Parameters:
    """RFC 6749, 4.4; Zoho's wants the organisation as `soid`."""
    return parameters(
        {
            "grant_type": "client_credentials",
            "scope": provider.scope,
            "soid": provider.optional("organization") if provider.preset.name == "zoho" else None,
        }
    )


# Grants that no person is needed for, by name: the parameters of their token request.
UNATTENDED: dict[str, Callable[[Provider], Parameters]] = {
    "client_credentials": _client_credentials,
}
