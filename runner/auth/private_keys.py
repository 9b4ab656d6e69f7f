"""Private keys as PEM texts: read, and made; needs the library of the extra `jose`."""

from __future__ import annotations

from runner.errors import InputError, Location, Problem


def load(pem: str, what: str, place: Location) -> object:
    """The key in a PEM text, of any kind that the library knows.

    `what` needs it: it stands in the message when the library is missing. Raises InputError.
    """
    need(what, place)
    from cryptography.exceptions import UnsupportedAlgorithm  # late: only who signs has it
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem.strip().encode("utf-8", "replace"), password=None)
    except TypeError:
        hint = "take the password off: openssl pkey -in KEY -out PLAIN, and keep that file from others"
        raise InputError(Problem("the private key is locked with a password", place, hint)) from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "give a PEM text that begins with -----BEGIN PRIVATE KEY-----: a secret with {file: PATH} holds it whole"
        raise InputError(Problem("the private key cannot be read", place, hint)) from None


def new_pem() -> bytes:
    """A new P-256 key, for ES256, as PEM (PKCS 8) without a password."""
    from cryptography.hazmat.primitives import serialization  # late: only who signs has it
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def need(what: str, place: Location) -> None:
    """Raises InputError when the extra `jose`, which `what` needs, is not installed."""
    try:
        import cryptography.hazmat.primitives  # noqa: F401  # late: only who signs has it
    except ImportError:
        hint = "pip install 'zrun[jose]'"
        raise InputError(Problem(f"{what} needs the extra `jose`", place, hint)) from None
