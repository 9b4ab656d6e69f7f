"""Ending a token at its provider (RFC 7009)."""

from __future__ import annotations

from typing import Literal

from runner.auth.oauth2 import client_authentication
from runner.auth.oauth2.outside import Outside
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.token_request import post
from runner.auth.oauth2.tokens import members, refusal
from runner.values import Secret

Kind = Literal["access_token", "refresh_token"]


def revoke(provider: Provider, token: Secret, kind: Kind, outside: Outside) -> None:
    """End `token`; one that is not known there is as good as ended (RFC 7009, 2.2).

    With a refresh token, its access tokens end too where the provider can do that. Raises InputError when the provider has no
    revocation endpoint, CredentialsError when it refuses, NetworkError, PolicyError.
    """
    url = provider.url("revocation")
    if url is None:
        message = f"the provider `{provider.name}` has no `revocation-url`"
        raise provider.wrong(message, "add it, or end the token where the account's permissions are shown")
    parameters: tuple[tuple[str, str | Secret], ...] = (("token", token),)
    proof = None
    if provider.preset.revokes_by_token:
        proof = client_authentication.Proof()
    else:
        parameters = (*parameters, ("token_type_hint", kind))
    call, response = post(provider, url, parameters, outside, f"end of {kind.replace('_', ' ')}", proof)
    body = members(response)
    if response.status == 200 and "error" not in body:
        return
    if response.status == 400 and provider.preset.revokes_by_token and body.get("error") in ("invalid_token", None):
        return  # Zoho and Google say so of a token that has ended already
    raise refusal(provider, call, response, body, "that the token has ended")
