"""The addresses of a host, within a time: the system's own resolver knows none, and hears no signal while it waits."""

from __future__ import annotations

import errno
import socket
from threading import Event, Lock, Thread
from typing import Any, TypeAlias

# As socket.getaddrinfo gives them: family, kind, protocol, canonical name, address.
Addresses: TypeAlias = list[tuple[Any, Any, int, str, Any]]


class Unanswered(TimeoutError):
    """No name server has answered within the time."""


class _Lookup:
    """A question to the resolver, which waits in a thread of its own."""

    def __init__(self) -> None:
        self.over = Event()
        self.found: Addresses | None = None
        self.error: Exception | None = None


class Names:
    """Looks names up for several threads at once; who asks for what is being asked for already waits for the same answer."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], _Lookup] = {}
        self._lock = Lock()
        self._ended = False

    def addresses(self, host: str, port: int, timeout: float) -> Addresses:
        """Where `host` is reached, the likeliest first. Raises Unanswered after `timeout` seconds, and other OSErrors."""
        if (plain := host.rstrip(".")) == "localhost" or plain.endswith(".localhost"):
            return _resolved("localhost", port)  # whatever a name server says (RFC 6761, 6.3)
        if ":" in host or host.rpartition(".")[2].isdigit():  # an address: nobody is asked
            return _resolved(host, port)
        with self._lock:
            lookup = self._asked.get((host, port))
            mine = lookup is None
            if lookup is None:
                lookup = self._asked[host, port] = _Lookup()
        if mine:  # a daemon: a resolver that hangs keeps no process from its end
            thread = Thread(target=self._look, args=(lookup, host, port), daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads
                self._look(lookup, host, port)
        lookup.over.wait(timeout)
        if lookup.error is not None:
            # A new one each time: a traceback grows with each raise, and several threads may wait for one answer.
            raise type(lookup.error)(*lookup.error.args)
        if lookup.found is None:
            if self._ended:
                raise OSError(errno.ECANCELED, "the run has ended")
            raise Unanswered
        return lookup.found

    def cut(self) -> None:
        """Nobody waits for an answer any longer."""
        self._ended = True
        with self._lock:
            for lookup in self._asked.values():
                lookup.over.set()

    def _look(self, lookup: _Lookup, host: str, port: int) -> None:
        try:
            lookup.found = _resolved(host, port)
        except Exception as error:
            lookup.error = error
        with self._lock:
            del self._asked[host, port]
        lookup.over.set()


def _resolved(host: str, port: int) -> Addresses:
    # As bytes, since of a text it would make IDNA's form, which it is in; to load that codec takes milliseconds.
    return socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
