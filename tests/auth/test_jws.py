"""Signatures, checked by the library that made the keys, and by a server elsewhere (tests/oauth/test_unattended.py)."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

from runner.auth import jws, private_keys
from runner.errors import InputError, Location, Source

HERE = Location(Source("a test"), 1, 1)
RSA = rsa.generate_private_key(65537, 2048)


def pem(key: object, password: bytes | None = None) -> str:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    return key.private_bytes(*form).decode()  # type: ignore[attr-defined, no-any-return]


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize(
    ("key", "algorithm", "used"),
    [
        (RSA, "", "RS256"),
        *((RSA, name, name) for name in ("RS384", "RS512", "PS256", "PS384", "PS512")),
        (ec.generate_private_key(ec.SECP256R1()), "", "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "", "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512", "ES512"),
        (ed25519.Ed25519PrivateKey.generate(), "", "EdDSA"),
    ],
)
def test_each_algorithm_signs(key: object, algorithm: str, used: str) -> None:
    loaded = jws.load(pem(key), algorithm, "made-up-key", "a test", HERE)
    text = loaded.sign({"sub": "Ada Größer"}, {"typ": "x+jwt"})
    header, payload, signature = text.split(".")
    assert json.loads(decoded(header)) == {"alg": used, "typ": "x+jwt", "kid": "made-up-key"}
    assert json.loads(decoded(payload)) == {"sub": "Ada Größer"}
    data, signed = f"{header}.{payload}".encode(), decoded(signature)
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(used[2:], hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)  # RFC 7518, 3.5: as long as the digest
        key.public_key().verify(signed, data, pss if used.startswith("PS") else padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        half = len(signed) // 2
        assert half == (key.curve.key_size + 7) // 8
        numbers = (int.from_bytes(signed[:half], "big"), int.from_bytes(signed[half:], "big"))
        key.public_key().verify(utils.encode_dss_signature(*numbers), data, ec.ECDSA(digest))
    else:
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        key.public_key().verify(signed, data)


@pytest.mark.parametrize(
    ("text", "algorithm", "told"),
    [
        ("made up", "", "the private key cannot be read"),
        (pem(RSA, b"made-up"), "", "locked with a password"),
        (pem(RSA), "ES256", "does not fit the private key; one of: RS256, RS384, RS512, PS256, PS384, PS512"),
        (pem(RSA), "none", "does not fit the private key"),
        (pem(RSA), "HS256", "does not fit the private key"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "ES256", "one of: ES384"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "", "of a kind that no algorithm here signs with"),
        (pem(ed448.Ed448PrivateKey.generate()), "", "of a kind that no algorithm here signs with"),
        (pem(rsa.generate_private_key(65537, 1024)), "", "1024 bits, which is no longer safe"),
    ],
)
def test_keys_that_do_not_do(text: str, algorithm: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        jws.load(text, algorithm, "", "a test", HERE)
    assert told in str(refused.value)
    assert "BEGIN PRIVATE" not in str(refused.value) or "begins with" in str(refused.value)


def test_a_new_key_is_one_for_es256() -> None:
    loaded = jws.load(private_keys.new_pem().decode(), "ES256", "", "a test", HERE)
    jwk = loaded.public_jwk()
    assert (jwk["kty"], jwk["crv"], len(decoded(jwk["x"])), len(decoded(jwk["y"]))) == ("EC", "P-256", 32, 32)


def test_without_the_extra_it_is_told_which_one(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["cryptography"] = None
from runner.auth import jws
from runner.errors import InputError, Location, Source
try:
    jws.load("x", "", "", "`client-auth: private_key_jwt`", Location(Source("a"), 1, 1))
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a:1:1: `client-auth: private_key_jwt` needs the extra `jose`; pip install 'zrun[jose]'\n"
