"""Signatures with an RSA key: the one place of the library that makes them, which the extra `jose` brings."""

from __future__ import annotations

from typing import Protocol

from runner.auth.settings import Settings
from runner.errors import InputError, Problem
from runner.values import reveal


class Key(Protocol):
    """A private key."""

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """An RSASSA-PKCS1-v1_5 signature (RFC 8017, 8.2); `algorithm` is SHA1, SHA256 or SHA512."""


class _Rsa:
    def __init__(self, key: object) -> None:
        self._key = key

    def sign(self, data: bytes, algorithm: str) -> bytes:
        from cryptography.hazmat.primitives import hashes  # late: of RSA signatures alone
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        assert isinstance(self._key, rsa.RSAPrivateKey)
        return self._key.sign(data, padding.PKCS1v15(), getattr(hashes, algorithm)())


def load(settings: Settings, name: str, what: str) -> Key:
    """The PEM key in the setting `name`, which `what` needs. Raises InputError without the library, or a usable key."""
    text = reveal(settings.needed(name))
    try:
        from cryptography.hazmat.primitives.asymmetric import rsa  # late: of RSA signatures alone
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        hint = "pip install 'zrun[jose]'"
        raise InputError(Problem(f"{what} needs the extra `jose`", settings.place(name), hint)) from None
    try:
        key = load_pem_private_key(text.encode("utf-8", "replace"), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        hint = "give a PEM text that begins with -----BEGIN PRIVATE KEY-----, without a password"
        raise settings.wrong(name, f"`{name}` is not an RSA private key", hint)
    return _Rsa(key)
