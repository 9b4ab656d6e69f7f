"""The short way: HTTP/1.1 straight to its host, over sockets of our own.

Most requests need nothing else. Such a request is on its way before the HTTP library would be loaded, and takes a quarter of
what the library takes for it. h11, on which the library stands too, frames the messages and judges what comes; whatever
takes more than that (a proxy, HTTP/2, an address that has to be put right first) goes by way of `clients`.
"""

from __future__ import annotations

import errno
import re
import socket
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from threading import Lock
from typing import TypeAlias

import h11

from runner.origins import PORTS, host_of
from runner.records import record
from runner.transport.answers import Answer
from runner.transport.clock import Clock
from runner.transport.connection import Connection, Content, Origin
from runner.transport.failures import Failed
from runner.transport.names import Names, Unanswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]

# Seconds that a connection is kept for another request: servers close theirs after five and more. So many are kept, of all
# hosts together: a process has not many more files.
_IDLE = 5.0
_MOST_IDLE = 64

# An address that is sent as it is written. Everything else has to be put right first: user and password, a fragment, dots
# that lead upwards, characters to be escaped, capital letters, spellings of numbers.
_CHARACTER = r"[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?(?=[/]|\Z)")
_TARGET = re.compile(rf"(?!/\.|.*?/\.{{1,2}}(?:[/?]|\Z))(?:/(?:{_CHARACTER}|/)*)(?:\?(?:{_CHARACTER}|[/?])*)?\Z")
# Fields with which a connection becomes another thing than one that carries this request and its answer.
_APART = frozenset(
    (b"connection", b"upgrade", b"transfer-encoding", b"te", b"expect", b"keep-alive", b"proxy-connection")
)
_WITH_LENGTH = frozenset(("POST", "PUT", "PATCH"))  # a length of 0 says that they have no body (RFC 9110, 8.6)
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))  # RFC 9110, 9.2.1


@record
class Reach:
    """Where a request goes: the origin, how its `Host` is written, and the target of its request line."""

    origin: Origin
    host: bytes
    target: bytes


def reach(url: str) -> Reach | None:
    """Where `url` leads; None: it is not sent as it is written."""
    found = _ORIGIN.match(url)
    if found is None:
        return None
    target = url[found.end() :] or "/"
    origin = _origin(found[1], found[2], found[3])
    if origin is None or not _TARGET.match(target):
        return None
    return Reach(origin[0], origin[1], target.encode("ascii"))


@lru_cache(maxsize=1024)  # a run asks for few hosts, many times
def _origin(scheme: str, host: str, port: str | None) -> tuple[Origin, bytes] | None:
    try:
        read = host_of(host)
    except ValueError:
        return None
    if f"[{read}]" != host if host.startswith("[") else read != host:
        return None
    number = PORTS[scheme] if port is None else int(port)
    if number > 65535:
        return None
    written = host if number == PORTS[scheme] else f"{host}:{number}"
    return (scheme, read, number), written.encode("ascii")


def carries(method: str, fields: Fields) -> bool:
    """Whether a request of `method` with the header `fields` is of the plain kind."""
    return method != "CONNECT" and _APART.isdisjoint([name.lower() for name, _ in fields])


def can_be_repeated(failure: Failed, method: str, content: Content) -> bool:
    """Whether a request that ended so on a connection that had been kept, without a word of an answer, is sent once more.

    A server may close what it has kept just when it is used. What changes nothing can be asked for again, on a new connection
    (RFC 9110, 9.2.2; RFC 9112, 9.3.1); whether anything else has arrived, nobody knows.
    """
    return failure.kind == "broken" and method in _SAFE and isinstance(content, (bytes, type(None)))


class Direct:
    """Connections that are kept for the next request. `close` closes all; `send` may be called from several threads."""

    def __init__(self, context: Callable[[], ssl.SSLContext], names: Names, clock: Clock) -> None:
        self._context = context
        self._names = names
        self._clock = clock
        self._idle: list[Connection] = []  # the oldest first
        self._open: dict[int, Connection] = {}
        self._lock = Lock()
        self._ended = False

    def send(self, method: str, to: Reach, fields: Fields, content: Content, timeout: float) -> Answer:
        """Send a request, and read its answer as far as the header fields. `content` has its length among `fields` where it
        is not in memory.

        Raises Failed; what raises an error of its own while `content` is read leaves no connection behind.
        """
        waiting = self._waiting(to.origin)
        if waiting is not None:
            try:
                return self._sent(waiting, method, to, fields, content, timeout)
            except Failed as failure:
                if waiting.heard or not can_be_repeated(failure, method, content):
                    raise
        return self._sent(self._connected(to.origin, timeout), method, to, fields, content, timeout)

    def _sent(
        self, connection: Connection, method: str, to: Reach, fields: Fields, content: Content, timeout: float
    ) -> Answer:
        connection.patience = timeout
        try:
            head, measured = _head(connection, method, to, fields, content)
            connection.put(head, content, measured=measured)
            answer = connection.answered()
        except (h11.LocalProtocolError, UnicodeError) as error:
            connection.close()
            raise Failed("request") from error
        except BaseException:
            connection.close()
            raise
        return Answer(
            answer.status_code,
            answer.reason.decode("latin-1"),
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw_items()),
            answer.http_version.decode("ascii"),
            connection.body(),
            partial(self._keep, connection),
            connection.certificate,
        )

    def cut(self) -> None:
        """End every connection, under whoever uses it; none is opened any more."""
        self._ended = True
        for connection in list(self._open.values()):
            connection.cut()

    def close(self) -> None:
        self._ended = True
        for connection in list(self._open.values()):
            connection.close()

    def _waiting(self, origin: Origin) -> Connection | None:
        """One that is open and unused, and has not been closed by its server."""
        while True:
            with self._lock:
                for connection in reversed(self._idle):
                    if connection.origin == origin:
                        self._idle.remove(connection)
                        break
                else:
                    return None
            if time.monotonic() < connection.until and not connection.readable():
                return connection
            connection.close()

    def _keep(self, connection: Connection) -> None:
        if self._ended or not connection.renew():
            connection.close()
            return
        connection.until = time.monotonic() + _IDLE
        with self._lock:
            self._idle.append(connection)
            oldest = self._idle.pop(0) if len(self._idle) > _MOST_IDLE else None
        if oldest is not None:
            oldest.close()

    def _connected(self, origin: Origin, timeout: float) -> Connection:
        scheme, host, _ = origin
        context = self._context() if scheme == "https" else None
        try:
            connection = self._reached(origin, timeout)
            if context is not None:
                connection.secure(context, host, timeout)
        except TimeoutError as error:
            raise Failed("name-timeout" if isinstance(error, Unanswered) else "connect-timeout") from error
        except (OSError, UnicodeError) as error:
            raise Failed("connect") from error
        return connection

    def _reached(self, origin: Origin, timeout: float) -> Connection:
        """A connection to the first address of the host that takes it: each may have its share of the time. Raises OSError."""
        _, host, port = origin
        until = time.monotonic() + timeout
        addresses = self._names.addresses(host, port, self._clock.left(timeout) or timeout)
        for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
            try:  # also the socket: a name may have an IPv6 address where the system speaks none
                connection = Connection(origin, socket.socket(family, kind, protocol), self._clock, self._open)
            except OSError:
                if number == len(addresses):
                    raise
                continue
            try:
                if self._ended:
                    raise OSError(errno.ECANCELED, "the run has ended")
                left = self._clock.left(max(until - time.monotonic(), 0.001)) or 0.001
                connection.connect(address, left / (len(addresses) - number + 1))
                return connection
            except OSError:
                connection.close()
                if number == len(addresses):
                    raise
            except BaseException:
                connection.close()
                raise
        raise OSError(errno.EADDRNOTAVAIL, "the name has no address")


def _head(connection: Connection, method: str, to: Reach, fields: Fields, content: Content) -> tuple[h11.Request, bool]:
    """The head of a request; and whether the length in it is taken from `content` here: see Connection.put.

    Most that follow each other on a connection tell the same but for the target: h11 takes what it has judged as it is.
    """
    told = (method, to.host, fields, len(content) if isinstance(content, bytes) else None)
    if connection.told is None or connection.told[0] != told:
        names = {name.lower() for name, _ in fields}
        complete = _complete(method, to, fields, names, content)
        judged = h11.Request(method=method, target=to.target, headers=complete)
        connection.told = (told, judged, b"content-length" not in names)
        return judged, connection.told[2]
    _, before, measured = connection.told
    return h11.Request(method=method, target=to.target, headers=before.headers), measured


def _complete(method: str, to: Reach, fields: Fields, names: set[bytes], content: Content) -> list[tuple[bytes, bytes]]:
    """`fields`, whose names are `names`, with those that every request has."""
    complete = [*fields] if b"host" in names else [(b"Host", to.host), *fields]
    if b"content-length" not in names:
        if isinstance(content, bytes) and content:
            complete.append((b"Content-Length", b"%d" % len(content)))
        elif method in _WITH_LENGTH:
            complete.append((b"Content-Length", b"0"))
    return complete
