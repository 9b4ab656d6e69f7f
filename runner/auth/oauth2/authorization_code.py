"""The authorization code grant (RFC 6749, 4.1): a person consents in a browser, with PKCE (RFC 7636) and `state`.

begun = begin(provider, callback.redirect_uri, now())
(open begun.url in a browser)
answer = callback.wait(timeout, begun.state)     # loopback.Callback; or `pasted` for another redirect URI
token = exchange(keeper, begun, answer)
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qs, urlencode, urlsplit

from runner.auth.oauth2 import grants, refusals
from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.provider import Provider
from runner.errors import CredentialsError, PolicyError, Problem
from runner.origins import split
from runner.records import record
from runner.scope import Captured
from runner.values import Secret


@record
class Begun:
    """An authorization request that a person is to answer.

    `url` is what to open; `redirect_uri` where the answer comes to, None when none was sent; `state` comes back with it;
    `verifier` is PKCE's. `issuer` is who must answer (RFC 9207), None: not known; `names_issuer`: whether it says that it
    always tells. `at` is when it was begun (epoch seconds).
    """

    provider: Provider
    url: str
    redirect_uri: str | None
    state: str
    verifier: Secret
    issuer: str | None
    names_issuer: bool
    at: float


def begin(provider: Provider, redirect_uri: str | None, now: float) -> Begun:
    """A new authorization request. Raises InputError when the provider has no authorization endpoint or client id."""
    endpoint = provider.url("authorization")
    if endpoint is None:
        message = f"the provider `{provider.name}` has no `authorization-url`"
        raise provider.wrong(message, "add it, or `issuer:` to discover it")
    state, verifier = secrets.token_urlsafe(24), Secret(secrets.token_urlsafe(48), "code-verifier")
    asked: list[tuple[str, str | Secret | None]] = [
        ("response_type", "code"),
        ("client_id", provider.client_id),
        ("redirect_uri", redirect_uri),
        ("scope", provider.scope),
        ("state", state),
        ("code_challenge", challenge(verifier)),
        ("code_challenge_method", "S256"),
        *(("resource", text) for text in provider.resources),
        *(("audience", text) for text in provider.audiences),
        *provider.parameters("authorization"),
    ]
    query = urlencode([(name, provider.plain(name, text)) for name, text in asked if text not in (None, "")])
    metadata = provider.discovered
    return Begun(
        provider,
        f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}",
        redirect_uri,
        state,
        verifier,
        metadata.issuer if metadata else provider.url("issuer"),
        metadata.names_issuer if metadata else False,
        now,
    )


def challenge(verifier: Secret) -> str:
    """The S256 code challenge (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.reveal().encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def parameters(begun: Begun, answer: Mapping[str, str]) -> grants.Parameters:
    """What to send to the token endpoint, given the query parameters that came to the redirect URI.

    Raises CredentialsError, in words: another `state` or issuer, consent refused, no code.
    """
    name, place = begun.provider.name, begun.provider.location
    if not compare_digest(answer.get("state", "").encode(), begun.state.encode()):
        message = (
            "the answer's `state` is not the one that was sent: it belongs to another login, or somebody forged it"
        )
        raise CredentialsError(Problem(message, place, "log in again, in one browser window"))
    issuer = answer.get("iss")
    if begun.issuer is not None and (issuer is not None or begun.names_issuer) and issuer != begun.issuer:
        message = f"the answer does not come from the issuer of `{name}` (RFC 9207)"
        raise CredentialsError(Problem(message, place, "check `issuer` and `authorization-url`; nothing was sent on"))
    if "error" in answer:
        message, hint = refusals.not_authorized(answer["error"], name, begun.provider.login)
        raise CredentialsError(Problem(message, place, hint))
    if not answer.get("code"):
        message = f"the answer of `{name}` holds neither a code nor an error"
        raise CredentialsError(
            Problem(message, place, "check `authorization-url` and `redirect-uri`, and log in again")
        )
    return grants.authorization_code(Secret(answer["code"], "code"), begun.redirect_uri, begun.verifier)


def exchange(keeper: Keeper, begun: Begun, answer: Mapping[str, str]) -> Captured:
    """The access token for the answer; kept with its refresh token when this returns.

    Zoho names the accounts server of the account's own data centre in `accounts-server` ("Multi-DC support"): a code is
    exchanged there, if the environment names that host, and so are later refresh tokens, since the server is kept beside
    them. Raises as `parameters` and Keeper.access.
    """
    asked = parameters(begun, answer)
    server = answer.get("accounts-server", "").rstrip("/") if keeper.provider.preset.name == "zoho" else ""
    if not server or server == keeper.provider.accounts_domain:
        return keeper.exchange(asked)
    try:
        return replace(keeper, provider=keeper.provider.at_accounts_domain(server)).exchange(asked)
    except PolicyError as error:
        try:
            split(server)
        except ValueError:
            raise error from None  # it says that no host can be read from it
        host = urlsplit(server).netloc.rpartition("@")[2]
        message = f"the account lives in another data centre: its accounts server is {host}, which is not named here"
        hint = f'use the environment of that data centre, or allow the host in this one: hosts: ["{host}"]'
        raise PolicyError((Problem(message, begun.provider.location, hint), *error.problems)) from None


def pasted(text: str) -> dict[str, str]:
    """The query parameters of an address that a person copied from the browser; of its query alone, too."""
    text = text.strip()
    query = urlsplit(text).query if "://" in text else text.lstrip("?")
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items() if len(values) == 1}
