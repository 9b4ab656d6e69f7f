"""What a run asks of an authentication scheme: credentials for one request, from before it is rendered to its last answer."""

from __future__ import annotations

from typing import Protocol

from runner.exchange import Call, Response

# No scheme needs more answers than these before it is let in (NTLM needs two, DPoP's nonce and a renewed token one each).
MOST_LEGS = 4


class Auth(Protocol):
    """The credentials of one request. What it raises is a ZrunError: input, credentials, network or policy."""

    def prepare(self) -> None:
        """Get at hand what signing needs, a fresh token for instance; asked before the request is rendered."""

    def sign(self, call: Call) -> Call:
        """`call` with its credentials; asked for each try, since a signature may hold the time or be good once."""

    def again(self, call: Call, response: Response) -> str | None:
        """Why `call` is to be signed and sent once more, given its answer (`challenge`, `renewed`); None: it stands."""


class Signing:
    """An Auth that only signs: nothing to prepare, and every answer stands."""

    def prepare(self) -> None:
        """Nothing."""

    def again(self, call: Call, response: Response) -> str | None:
        """Every answer stands."""
        return None
