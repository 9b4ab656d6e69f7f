"""OAuth 1.0a (RFC 5849): requests signed by a client's secret and a token's, or by the client's RSA key."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import parse_qsl, quote

from runner.auth import rsa
from runner.auth.components import authority, body_hash, normal, origin, parts, whole, with_fixed_body
from runner.auth.settings import Settings
from runner.auth.signed import names_of, with_header, with_query, with_secrets
from runner.credentials import Auth, Signing
from runner.errors import InputError, Problem
from runner.exchange import Call, header_values
from runner.values import Secret, reveal

METHODS = ("HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT")
_FORM = "application/x-www-form-urlencoded"
_PLACES = ("header", "query", "body")

Pairs = list[tuple[str, str]]


class OAuth1(Signing):
    """Signs with a new nonce each time. `in` of the settings says where the parameters go (RFC 5849, 3.5)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._method = settings.one_of("signature-method", METHODS, "HMAC-SHA1")
        self._place = settings.one_of("in", _PLACES, "header")
        self._realm = settings.plain("realm")
        self._body_hash = settings.flag("body-hash")
        self._key = settings.needed("consumer-key")
        self._token = settings.text("token")
        self._secrets = (settings.text("consumer-secret") or "", settings.text("token-secret") or "")
        self._protocol = {
            "oauth_consumer_key": self._key,
            "oauth_token": self._token,
            "oauth_callback": settings.text("callback"),
            "oauth_verifier": settings.text("verifier"),
        }
        self._private_key: rsa.Key | None = None
        if self._method.startswith("RSA"):
            self._private_key = rsa.load(settings, "private-key", f"`signature-method: {self._method}`")

    def sign(self, call: Call) -> Call:
        call = replace(with_fixed_body(call), url=normal(call.url))
        form = _form_fields(call)
        if self._place == "body":
            call, form = self._with_form(call, form)
        protocol: list[tuple[str, str | Secret]] = [(k, v) for k, v in self._protocol.items() if v is not None]
        protocol += [("oauth_signature_method", self._method), ("oauth_version", "1.0")]
        protocol += [("oauth_timestamp", str(int(self._settings.now()))), ("oauth_nonce", os.urandom(16).hex())]
        if self._body_hash and form is None:
            # "OAuth Request Body Hash" 1.0 draft 4: a form is signed as parameters, anything else by its hash.
            protocol.append(("oauth_body_hash", _base64(body_hash(call, self._hash()).digest())))
        signature = self.signature(call, [*((name, reveal(value)) for name, value in protocol), *(form or ())])
        protocol.append(("oauth_signature", signature))
        return self._put(call, protocol, form)

    def _hash(self) -> Callable[..., hashlib._Hash]:
        named: Callable[..., hashlib._Hash] = getattr(hashlib, self._method.rpartition("-")[2].lower(), hashlib.sha1)
        return named

    def signature(self, call: Call, parameters: Pairs) -> str | Secret:
        """The signature of `call` with these parameters of the protocol, and of its form (RFC 5849, 3.4)."""
        key = "&".join(_escaped(reveal(secret)) for secret in self._secrets)
        if self._method == "PLAINTEXT":  # the secrets themselves, so that only TLS keeps them (3.4.4)
            if any(isinstance(secret, Secret) for secret in self._secrets):
                return Secret(key, names_of(*self._secrets), "&".join(map(str, self._secrets)))
            return key
        before, path, query = parts(call.url)
        url = whole(f"{before.partition('://')[0]}://{authority(call)}", path, query)
        text = base_string(call.method, url, parameters).encode()
        if self._private_key is not None:
            return _base64(self._private_key.sign(text, self._method.rpartition("-")[2]))
        return _base64(hmac.new(key.encode(), text, self._hash()).digest())

    def _put(self, call: Call, protocol: list[tuple[str, str | Secret]], form: Pairs | None) -> Call:
        made_of = (self._key, self._token, *self._secrets, *self._protocol.values())
        if self._place == "query":
            return with_secrets(with_query(call, protocol, hidden=("oauth_signature",)), *made_of)
        texts = [(name, reveal(value)) for name, value in protocol]
        if self._place == "body":
            fields = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in [*(form or ()), *texts])
            signature = protocol[-1][1]
            return with_secrets(replace(call, content=fields.encode()), *made_of, signature)
        if self._realm:
            texts.insert(0, ("realm", self._realm))
        fields = ", ".join(
            f'{name}="{_escaped(value) if name != "realm" else _quoted(value)}"' for name, value in texts
        )
        signed = with_header(call, "Authorization", f"OAuth {fields}", self._settings.location)
        return with_secrets(signed, *made_of, protocol[-1][1])

    def _with_form(self, call: Call, form: Pairs | None) -> tuple[Call, Pairs]:
        """`call` with a form for a body (RFC 5849, 3.5.2), empty when it has none. Raises InputError."""
        if form is not None:
            return call, [pair for pair in form if not pair[0].startswith("oauth_")]
        if call.content is not None or call.method in ("GET", "HEAD"):
            hint = "write `in: header`, or give the request a `form`"
            message = "the parameters of `oauth1` would go into a form body, which this request has not"
            raise InputError(Problem(message, self._settings.place("in"), hint))
        kept = tuple(field for field in call.headers if field[0].lower() != "content-type")
        return replace(call, headers=(*kept, ("Content-Type", _FORM))), []


def make(settings: Settings) -> Auth:
    """The scheme `oauth1`. Raises InputError."""
    return OAuth1(settings)


def base_string(method: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The signature base string (RFC 5849, 3.4.1); `parameters` are those of the protocol and of a form body."""
    _, path, query = parts(url)
    pairs = [*parse_qsl(query, keep_blank_values=True), *parameters]
    encoded = sorted((_escaped(name), _escaped(value)) for name, value in pairs if name != "oauth_signature")
    normalised = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join(map(_escaped, (method.upper(), origin(url) + path, normalised)))


def _form_fields(call: Call) -> Pairs | None:
    """The fields of a form body, which take part in the signature (3.4.1.3.1); None when the body is no form."""
    media_type = next(iter(header_values(call.headers, "content-type")), "").partition(";")[0].strip().lower()
    if media_type != _FORM or not isinstance(call.content, bytes):
        return None
    return parse_qsl(call.content.decode("utf-8", "replace"), keep_blank_values=True)


def _escaped(text: str) -> str:
    """RFC 5849, 3.6: all but unreserved characters."""
    return quote(text, safe="-._~", errors="replace")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
