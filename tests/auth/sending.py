"""Sending a call as a run does: signed, answered, signed again."""

from __future__ import annotations

from runner import attempts
from runner.attempts import Sent
from runner.credentials import Auth
from runner.exchange import Call, Exchange, Response
from runner.transport import Transport


class World:
    """The ports of attempts.send: a transport, no policy, no waiting."""

    def __init__(self, transport: Transport) -> None:
        self.send = transport.send

    def allow(self, call: Call) -> None:
        """Every call may go."""

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here is to wait")

    def now(self) -> float:
        return 0.0


def sent(transport: Transport, auth: Auth, call: Call) -> tuple[Response, list[Exchange]]:
    """The answer that stands, and everything that went over the wire for it."""
    told = Sent()
    return attempts.send(call, None, told, "", World(transport), auth), told.exchanges
