"""Signatures with an RSA key: the one place of the library that makes them, which the extra `jose` brings."""

from __future__ import annotations

from typing import Protocol

from runner.auth import private_keys
from runner.auth.settings import Settings
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
    key = private_keys.load(reveal(settings.needed(name)), what, settings.place(name))
    from cryptography.hazmat.primitives.asymmetric import rsa  # late: of RSA signatures alone

    if not isinstance(key, rsa.RSAPrivateKey):
        raise settings.wrong(name, f"`{name}` is not an RSA private key", "make one: openssl genrsa -out KEY 2048")
    return _Rsa(key)
