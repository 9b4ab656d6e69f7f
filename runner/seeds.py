"""Which given secret a captured one grew from: so that an old refresh token never comes back over the one that replaced it.

A refresh token that is given from outside (`ZRUN_SECRET_REFRESH_TOKEN`) is a seed: the first exchange may rotate it (RFC 6749,
6), and from then on the server takes the captured one alone, while the process environment still holds the old. So a captured
value remembers by a mark what was given when it was captured, and wins as long as that is still what is given. Another
value that is given is a person's new word, and wins.
"""

from __future__ import annotations

from runner.values import Secret


def mark(seed: Secret) -> str:
    """A text that tells whether a secret is this one, and nothing else of it: salt and SHA-256 in hexadecimal."""
    from secrets import token_hex  # late: few runs are given a secret that they capture

    salt = token_hex(16)
    return f"{salt}:{_hashed(salt, seed)}"


def is_of(written: str, seed: Secret) -> bool:
    """Whether `written` is a mark of `seed`."""
    salt, _, hashed = written.partition(":")
    return bool(hashed) and hashed == _hashed(salt, seed)


def _hashed(salt: str, seed: Secret) -> str:
    from hashlib import sha256  # late, likewise

    return sha256(f"{salt}:{seed.reveal()}".encode("utf-8", "surrogatepass")).hexdigest()
