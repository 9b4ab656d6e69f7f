"""Signed tokens (RFC 7515, compact form), and which algorithm a private key signs by; needs the extra `jose`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.auth import private_keys
from runner.errors import InputError, Location, Problem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

# RFC 7518, 3.1 and RFC 8037, 3.1: each algorithm's kind of key, by its first letters; files.fields has them for who writes.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# RFC 7518, 3.4: each ECDSA algorithm has one curve.
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SMALLEST_RSA = 2048  # bits (RFC 7518, 3.3)


@dataclass(frozen=True)
class Key:
    """A private key with the algorithm that it signs by; `key_id` names it (`kid`)."""

    private: PrivateKey = field(repr=False)
    algorithm: str
    key_id: str = ""

    def sign(self, claims: Mapping[str, object], header: Mapping[str, object] | None = None) -> str:
        """`claims` signed, as a JWT (RFC 7519). `header` is put beside `alg` and `kid`."""
        named = {"kid": self.key_id} if self.key_id else {}
        first = _encoded({"alg": self.algorithm, "typ": "JWT", **named, **(header or {})})
        signed = f"{first}.{_encoded(claims)}"
        return f"{signed}.{base64url(self._signature(signed.encode('ascii')))}"

    def _signature(self, data: bytes) -> bytes:
        # late, as all of the library: only who signs has it
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

        key = self.private
        if isinstance(key, rsa.RSAPrivateKey):
            digest = _digest(self.algorithm)
            if self.algorithm.startswith("PS"):
                return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
            return key.sign(data, padding.PKCS1v15(), digest)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(_digest(self.algorithm))))
            size = (key.curve.key_size + 7) // 8  # RFC 7518, 3.4: both numbers in full length
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return key.sign(data)

    def public_jwk(self) -> dict[str, str]:
        """The public key (RFC 7517), its required members only, so that a thumbprint can be made of it (RFC 7638)."""
        from cryptography.hazmat.primitives.asymmetric import ec  # late: only who signs has it

        assert isinstance(self.private, ec.EllipticCurvePrivateKey), "DPoP's keys are of this kind"
        numbers = self.private.public_key().public_numbers()
        size = (self.private.curve.key_size + 7) // 8
        x, y = (base64url(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
        return {"crv": f"P-{self.private.curve.key_size}", "kty": "EC", "x": x, "y": y}


def _digest(algorithm: str) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    from cryptography.hazmat.primitives import hashes  # late: only who signs has it

    known: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]
    known = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    return known[algorithm[2:]]


def base64url(data: bytes) -> str:
    """RFC 7515, 2: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _encoded(members: Mapping[str, object]) -> str:
    return base64url(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode("utf-8"))


def load(pem: str, algorithm: str, key_id: str, what: str, place: Location) -> Key:
    """The key in a PEM text; `algorithm` may be empty, and is then the usual one of its kind.

    `what` needs it: it stands in the message when the library is missing. Raises InputError.
    """
    key = private_keys.load(pem, what, place)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # late: only who signs has it

    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _SMALLEST_RSA:
        message = f"the RSA key has {key.key_size} bits, which is no longer safe"
        raise InputError(Problem(message, place, f"make one of {_SMALLEST_RSA} bits or more"))
    if isinstance(key, rsa.RSAPrivateKey):
        usual, fitting = "RS256", [name for name in ALGORITHMS if name[:2] in ("RS", "PS")]
    elif isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        usual = _CURVES[key.curve.name]
        fitting = [usual]
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        usual, fitting = "EdDSA", ["EdDSA"]
    else:
        hint = "use RSA, an elliptic curve key of P-256, P-384 or P-521, or Ed25519"
        raise InputError(Problem("the private key is of a kind that no algorithm here signs with", place, hint))
    if algorithm and algorithm not in fitting:
        raise InputError(Problem("`algorithm` does not fit the private key", place, f"one of: {', '.join(fitting)}"))
    return Key(key, algorithm or usual, key_id)
