"""Tokens bound to a key of this machine (RFC 9449): who steals one cannot use it. Needs the extra `jose`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlsplit

from runner.auth import jws, private_keys
from runner.errors import Location
from runner.exchange import Response, header_values
from runner.values import Secret

SCHEME = "DPoP"


class Prover:
    """Makes a proof for each request, with the nonces that servers gave (RFC 9449, 8 and 9). One for a run and a provider.

    `pem` gives the key, which is kept; it is asked for when the first proof is made.
    """

    def __init__(self, pem: Callable[[], str], now: Callable[[], float], place: Location) -> None:
        self._pem = pem
        self._now = now
        self._place = place
        self._key: jws.Key | None = None
        self._nonces: dict[str, str] = {}

    def proof(self, method: str, url: str, token: Secret | None = None) -> str:
        """The value of the header field `DPoP` for one request; `token` is the access token that it carries.

        Raises InputError without the extra, or with a key that cannot be read.
        """
        if self._key is None:
            private_keys.need("`dpop`", self._place)
            self._key = jws.load(self._pem(), "ES256", "", "`dpop`", self._place)
        parts = urlsplit(url)
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(24),
            "htm": method,
            "htu": parts._replace(query="", fragment="").geturl(),
            "iat": int(self._now()),
        }
        if token is not None:
            claims["ath"] = jws.base64url(sha256(token.reveal().encode("ascii", "replace")).digest())
        nonce = self._nonces.get(_origin(url))
        if nonce is not None:
            claims["nonce"] = nonce
        return self._key.sign(claims, {"typ": "dpop+jwt", "jwk": self._key.public_jwk()})

    def learn(self, url: str, response: Response) -> bool:
        """Take the nonce that the answer from `url` gives, if any; whether the request is to be made again with it."""
        given = next(iter(response.header("dpop-nonce")), "")
        if not given:
            return False
        asked_anew = self._nonces.get(_origin(url)) != given
        self._nonces[_origin(url)] = given
        return asked_anew and wants_nonce(response)


def wants_nonce(response: Response) -> bool:
    """Whether the answer refuses a proof for want of a nonce: a token endpoint with 400, an API with 401."""
    if response.status == 401:
        return any("use_dpop_nonce" in value for value in header_values(response.headers, "www-authenticate"))
    return response.status == 400 and isinstance(response.content, bytes) and b"use_dpop_nonce" in response.content


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
