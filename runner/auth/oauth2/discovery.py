"""What an issuer publishes of itself: RFC 8414 and OpenID Connect Discovery 1.0.

It is public data, and never widens where secrets go: that is for the environment to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import urlsplit

from runner.auth.oauth2.provider import Metadata
from runner.errors import CredentialsError, InputError, Location, Problem
from runner.exchange import Call, Response, Unreadable
from runner.origins import is_loopback
from runner.values import Value

# Seconds that a document is used for before it is fetched anew.
LIFETIME = 86_400.0
TIMEOUT = 30.0
# What RFC 8414, 2 and RFC 8628, 4 call the endpoints that are used.
_MEMBERS = {
    "token": "token_endpoint",
    "authorization": "authorization_endpoint",
    "device": "device_authorization_endpoint",
    "revocation": "revocation_endpoint",
    "introspection": "introspection_endpoint",
}


class Cache(Protocol):
    """Where documents last: each with when it was fetched (epoch seconds)."""

    def read(self, issuer: str) -> tuple[str, float] | None: ...
    def write(self, issuer: str, document: str, at: float) -> None: ...


def kept(issuer: str, cache: Cache, judge: Callable[[str], None], now: float, place: Location) -> Metadata | None:
    """What is known without asking: a document that was fetched within the last day."""
    found = cache.read(issuer)
    if found is None or not 0 <= now - found[1] < LIFETIME:
        return None
    try:
        return _metadata(json.loads(found[0]), issuer, judge, place)
    except (ValueError, InputError, CredentialsError):
        return None  # fetched anew, and told then


def fetched(
    issuer: str,
    cache: Cache,
    judge: Callable[[str], None],
    send: Callable[[Call], Response],
    now: Callable[[], float],
    place: Location,
) -> Metadata:
    """As `kept`, else fetched from the issuer and kept for a day.

    Raises InputError for an issuer over plain http, CredentialsError for one that publishes nothing usable, NetworkError.
    """
    found = kept(issuer, cache, judge, now(), place)
    if found is not None:
        return found
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise InputError(
            Problem("`issuer` would be read over plain http, where anybody can forge it", place, "use https")
        )
    if parts.query or parts.fragment:
        raise InputError(Problem("`issuer` holds a query or a fragment (RFC 8414, 2)", place, "leave them out"))
    for address in addresses(issuer):
        # A redirect could lead to another's document; none of the standards asks for following one.
        call = Call("GET", address, (("Accept", "application/json"),), None, TIMEOUT, False, 0, False, location=place)
        response = send(call)
        if response.status != 200:
            continue
        try:
            document = response.json
        except Unreadable:
            continue
        metadata = _metadata(document, issuer, judge, place)
        cache.write(issuer, json.dumps(document), now())
        return metadata
    message = "the issuer publishes nothing of itself (RFC 8414, OpenID Connect Discovery)"
    raise CredentialsError(Problem(message, place, "check `issuer`, or write the endpoints: `token-url` and so on"))


def addresses(issuer: str) -> Iterator[str]:
    """Where the document may be: RFC 8414, 3.1 puts the well-known part before the path, OpenID Connect after it."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    yield f"{origin}/.well-known/oauth-authorization-server{path}"
    yield f"{origin}{path}/.well-known/openid-configuration"


def _metadata(document: Value, issuer: str, judge: Callable[[str], None], place: Location) -> Metadata:
    if not isinstance(document, dict):
        raise CredentialsError(Problem("what the issuer publishes is no JSON object", place, "check `issuer`"))
    if document.get("issuer") != issuer:
        message = "the document names another issuer than the one that is written (RFC 8414, 3.3), so it is not trusted"
        hint = "write `issuer` to the letter as the provider does, with or without a slash at its end"
        raise CredentialsError(Problem(message, place, hint))
    endpoints = {kind: text for kind, member in _MEMBERS.items() if isinstance(text := document.get(member), str)}
    for kind, address in endpoints.items():
        if not address.lower().startswith(("https://", "http://")):
            message = f"what the issuer publishes as its {_MEMBERS[kind]} is no http(s) address"
            raise CredentialsError(Problem(message, place, f"check `issuer`, or write `{kind}-url`"))
    return Metadata(issuer, endpoints, document.get("authorization_response_iss_parameter_supported") is True, judge)
