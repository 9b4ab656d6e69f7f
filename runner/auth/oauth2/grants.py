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


def device_authorization(provider: Provider) -> Parameters:
    """RFC 8628, 3.1; Zoho's page "Devices: initiating the authorization request" has a grant_type of its own."""
    zoho = provider.preset.name == "zoho"
    return (
        *parameters(
            {
                "grant_type": "device_request" if zoho else None,
                "scope": provider.scope,
                "access_type": "offline" if zoho else None,
                "prompt": "consent" if zoho else None,
            }
        ),
        *_targets(provider),
    )


def device_code(provider: Provider, code: Secret) -> tuple[str, Parameters]:
    """RFC 8628, 3.4: the endpoint to poll, and what to send there. Zoho's is another one, with other names."""
    if provider.preset.name == "zoho":
        return "device-token", parameters({"grant_type": "device_token", "code": code})
    return "token", parameters({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code})


def _client_credentials(provider: Provider) -> Parameters:
    """RFC 6749, 4.4; Zoho's wants the organisation as `soid`."""
    return (
        *parameters(
            {
                "grant_type": "client_credentials",
                "scope": provider.scope,
                "soid": provider.optional("organization") if provider.preset.name == "zoho" else None,
            }
        ),
        *_targets(provider),
    )


def _password(provider: Provider) -> Parameters:
    """RFC 6749, 4.3."""
    return (
        *parameters(
            {
                "grant_type": "password",
                "username": provider.settings.needed("username"),
                "password": provider.settings.needed("password"),
                "scope": provider.scope,
            }
        ),
        *_targets(provider),
    )


def _jwt_bearer(provider: Provider) -> Parameters:
    """RFC 7523, 2.1: an assertion made elsewhere, or one that the private key signs."""
    assertion = provider.settings.text("assertion")
    if assertion is None:
        from runner.auth.oauth2 import assertions  # late: it reaches for the extra `jose`

        assertion = assertions.of_grant(provider)
    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return (
        *parameters({"grant_type": grant_type, "assertion": assertion, "scope": provider.scope}),
        *_targets(provider),
    )


def _token_exchange(provider: Provider) -> Parameters:
    """RFC 8693, 2.1."""
    actor = provider.settings.text("actor-token")
    return (
        *parameters(
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": provider.settings.needed("subject-token"),
                "subject_token_type": provider.settings.plain("subject-token-type", ACCESS_TOKEN),
                "actor_token": actor,
                "actor_token_type": provider.settings.plain("actor-token-type", ACCESS_TOKEN) if actor else None,
                "requested_token_type": provider.settings.plain("requested-token-type"),
                "scope": provider.scope,
            }
        ),
        *_targets(provider),
    )


def _targets(provider: Provider) -> Parameters:
    """Whom the token is for. Resources stand in every request of a provider (token_request.ask); an audience in these."""
    return tuple(("audience", text) for text in provider.audiences)


# The type of a token to exchange, where none is written (RFC 8693, 3).
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
# Grants that no person is needed for, by name: the parameters of their token request.
UNATTENDED: dict[str, Callable[[Provider], Parameters]] = {
    "client_credentials": _client_credentials,
    "password": _password,
    "jwt-bearer": _jwt_bearer,
    "token-exchange": _token_exchange,
}
