"""NTLM over HTTP (Microsoft's MS-NTHT): a handshake of three messages that authenticates a connection, which is kept apart.

The messages come from pyspnego, in the extra `ntlm`. Not done: Negotiate with Kerberos, and the channel binding that some
servers ask for over TLS ("Extended Protection: required").
"""

from __future__ import annotations

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from runner.auth import challenges
from runner.auth.components import origin
from runner.auth.settings import Settings
from runner.auth.signed import with_header, with_secrets
from runner.credentials import Auth
from runner.errors import CredentialsError, InputError, Problem
from runner.exchange import Call, Response
from runner.origins import split
from runner.redirects import same_origin
from runner.values import reveal

_NUMBERS = count(1)
# What pyspnego reads a machine's name from, and a lock for the moment in which it is ours.
_NAME = "NETBIOS_COMPUTER_NAME"
_NAMING = threading.Lock()


@dataclass
class Connection:
    """The connection of one user: its name, and the origins to which it is authenticated, as far as we know."""

    name: str = field(default_factory=lambda: f"ntlm {next(_NUMBERS)}")
    authenticated: set[str] = field(default_factory=set)


class Ntlm:
    """An Auth. `connection` is this user's for the whole run."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._username, self._password = settings.needed("username"), settings.needed("password")
        self._domain = settings.plain("domain")
        self._workstation = settings.plain("workstation")
        self._context: Any = None
        self._proof: bytes | None = None
        self._begun = False

    def prepare(self) -> None:
        """Nothing."""

    def sign(self, call: Call) -> Call:
        call = replace(call, connection=self._connection.name)
        if self._proof is not None:
            message, self._proof = self._proof, None
            self._connection.authenticated.add(origin(call.url))
        elif origin(call.url) in self._connection.authenticated:
            return call
        else:
            self._begun = True
            self._context = self._client(split(call.url)[1])
            message = self._step(None)
        value = f"NTLM {b64encode(message).decode()}"
        return with_secrets(
            with_header(call, "Authorization", value, self._settings.location), self._username, self._password
        )

    def again(self, call: Call, response: Response) -> str | None:
        """Go on with the handshake; begin it where the connection turned out not to be authenticated any more."""
        if not same_origin(call.url, response.url):
            return None  # a redirect's target gets no credentials
        if response.status != 401:
            self._begun = False
            return None
        self._connection.authenticated.discard(origin(response.url))
        offers = [c for c in challenges.read(response.header("www-authenticate")) if c.scheme == "ntlm"]
        if not offers:
            return None
        if offers[0].token68 and self._context is not None:
            self._proof = self._step(offers[0].token68)
            self._context = None
            return "challenge"
        return None if self._begun else "challenge"

    def _client(self, host: str) -> Any:
        """A new handshake with `host`. Raises InputError when the library is missing."""
        import spnego  # late: of NTLM alone

        username = reveal(self._username)
        if self._domain and "\\" not in username:
            username = f"{self._domain}\\{username}"
        return spnego.client(username, reveal(self._password), hostname=host, service="HTTP", protocol="ntlm")

    def _step(self, challenge: str | None) -> bytes:
        """The next message. Raises CredentialsError for a challenge that cannot be answered."""
        try:
            with _named(self._workstation):
                message: bytes = self._context.step(b64decode(challenge) if challenge else None)
        except Exception:  # the library raises whatever a malformed message runs it into
            hint = "does the server speak NTLM? -vv shows its answer"
            problem = Problem("the server's NTLM challenge cannot be answered", self._settings.location, hint)
            raise CredentialsError(problem) from None
        return message


def make(settings: Settings) -> Auth:
    """The scheme `ntlm`. Raises InputError, also when the extra is missing."""
    try:
        import spnego  # noqa: F401  # late: of NTLM alone
    except ImportError:
        hint = "pip install 'zrun[ntlm]'"
        raise InputError(Problem("NTLM needs the extra `ntlm`", settings.location, hint)) from None
    user = (reveal(settings.needed("username")), reveal(settings.needed("password")), settings.plain("domain"))
    # A handshake goes on on its own connection, which a second thread must not come between.
    return Ntlm(settings, settings.kept((*user, threading.get_ident()), Connection))


@contextmanager
def _named(workstation: str) -> Iterator[None]:
    """Within it, NTLM's messages name this machine so: as `workstation`, as its own variable says, or not at all."""
    with _NAMING:
        written = os.environ.get(_NAME)
        os.environ[_NAME] = workstation or written or ""
        try:
            yield
        finally:
            if written is None:
                del os.environ[_NAME]
            else:
                os.environ[_NAME] = written
