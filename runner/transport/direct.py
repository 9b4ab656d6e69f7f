"""The short way: HTTP/1.1 straight to its host, over sockets of our own.

Most requests need nothing else. Such a request is on its way before the HTTP library would be loaded, and takes a quarter of
what the library takes for it. h11, on which the library stands too, frames the messages and judges what comes; whatever
takes more than that (a proxy, HTTP/2, an address that has to be put right first) goes by way of `clients`.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import TypeAlias

import h11

from runner.exchange import Journal, PeerCertificate
from runner.origins import PORTS, host_of
from runner.records import record
from runner.transport.answers import Answer
from runner.transport.clock import Clock
from runner.transport.failures import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]
Content: TypeAlias = bytes | Iterable[bytes] | None
Origin: TypeAlias = tuple[str, str, int]

_READ = 1 << 16
# The longest head of an answer, in bytes.
_LONGEST_HEAD = 100 * 1024
# Seconds that a connection is kept for another request: servers close theirs after five and more.
_IDLE = 5.0
_MOST_IDLE = 64
# A body that is sent together with its head, in one packet where it fits; above, copying it costs more than a packet.
_TOGETHER = 1 << 16

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


class Direct:
    """Connections that are kept for the next request. `close` closes all; `send` may be called from several threads."""

    def __init__(self, context: Callable[[], ssl.SSLContext], clock: Clock) -> None:
        self._context = context
        self._clock = clock
        self._idle: dict[Origin, list[_Connection]] = {}
        self._open: dict[int, _Connection] = {}

    def send(self, method: str, to: Reach, fields: Fields, content: Content, timeout: float) -> Answer:
        """Send a request, and read its answer as far as the header fields. `content` has its length among `fields` where it
        is not in memory.

        Raises Failed; what raises an error of its own while `content` is read leaves no connection behind.
        """
        connection = self._waiting(to.origin) or self._connected(to.origin, timeout)
        connection.patience = timeout
        try:
            head = h11.Request(method=method, target=to.target, headers=_complete(method, to, fields, content))
            connection.put(head, content)
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
            partial(self._keep, to.origin, connection),
            connection.certificate,
        )

    def cut(self) -> None:
        """End every connection, under whoever uses it."""
        for connection in list(self._open.values()):
            connection.cut()

    def close(self) -> None:
        for connection in list(self._open.values()):
            connection.close()

    def _waiting(self, origin: Origin) -> _Connection | None:
        """One that is open and unused, and has not been closed by its server."""
        kept = self._idle.get(origin)
        while kept:
            try:
                connection = kept.pop()
            except IndexError:  # another thread has been faster
                return None
            if time.monotonic() < connection.until and not connection.readable():
                return connection
            connection.close()
        return None

    def _keep(self, origin: Origin, connection: _Connection) -> None:
        kept = self._idle.setdefault(origin, [])
        if len(kept) < _MOST_IDLE and connection.renew():
            connection.until = time.monotonic() + _IDLE
            kept.append(connection)
        else:
            connection.close()

    def _connected(self, origin: Origin, timeout: float) -> _Connection:
        scheme, host, port = origin
        name = "localhost" if host.endswith(".localhost") else host  # whatever a name server says (RFC 6761, 6.3)
        try:
            left = self._clock.left(timeout)
            plain = socket.create_connection((name, port), left)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(plain, self._clock, self._open)
            if scheme == "https":
                plain.settimeout(self._clock.left(timeout))
                connection.secure(self._context(), host)
        except TimeoutError as error:
            raise Failed("connect-timeout") from error
        except (OSError, UnicodeError) as error:
            raise Failed("connect") from error
        return connection


def _complete(method: str, to: Reach, fields: Fields, content: Content) -> list[tuple[bytes, bytes]]:
    """`fields`, with those that every request has."""
    names = {name.lower() for name, _ in fields}
    complete = [*fields] if b"host" in names else [(b"Host", to.host), *fields]
    if b"content-length" not in names:
        if isinstance(content, bytes) and content:
            complete.append((b"Content-Length", b"%d" % len(content)))
        elif method in _WITH_LENGTH:
            complete.append((b"Content-Length", b"0"))
    return complete


class _Connection:
    """One connection, and where the exchange on it stands. One thread at a time uses it."""

    def __init__(self, plain: socket.socket, clock: Clock, opened: dict[int, _Connection]) -> None:
        self._socket = plain
        self._clock = clock
        self._opened = opened
        self._state = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self.certificate: PeerCertificate | None = None
        self.patience = 0.0  # seconds: the longest pause
        self.until = 0.0
        opened[id(self)] = self

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS. Raises OSError."""
        try:
            spoken = context.wrap_socket(self._socket, server_hostname=host)
        except BaseException:
            self.close()
            raise
        self._socket = spoken
        der = spoken.getpeercert(True)
        self.certificate = PeerCertificate(der, time.time()) if der else None

    def put(self, head: h11.Request, content: Content) -> None:
        """Send a request. That its server takes no more of it is no mistake yet: it may have answered already."""
        begin = self._state.send(head) or b""
        if isinstance(content, bytes) or content is None:
            body = self._framed(content) if content else b""
            self._state.send(h11.EndOfMessage())
            together = len(body) <= _TOGETHER
            with suppress(_Refused):
                self._write(begin + body if together else begin)
                if not together:
                    self._write(body)
            return
        with suppress(_Refused):
            self._write(begin)
            for chunk in content:
                self._write(self._framed(chunk))
            self._state.send(h11.EndOfMessage())

    def answered(self) -> h11.Response:
        """The answer's head; what comes before it (1xx) is passed over. Raises Failed."""
        while True:
            event = self._next()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise Failed("broken")

    def body(self) -> Iterator[bytes]:
        """The answer's body as it arrives. Raises Failed."""
        while isinstance(event := self._next(), h11.Data):
            yield bytes(event.data)

    def renew(self) -> bool:
        """Make ready for another exchange; whether the connection can be used for one.

        Bytes that came beyond the answer would be taken for the next one's: whoever sends such is not trusted any further.
        """
        state = self._state
        if not (state.our_state is state.their_state is h11.DONE) or state.trailing_data[0]:
            return False
        state.start_next_cycle()
        return True

    def readable(self) -> bool:
        """Whether something has come, though nobody has asked: the end, most likely."""
        try:
            if hasattr(select, "poll"):
                waiting = select.poll()
                waiting.register(self._socket, select.POLLIN)
                return bool(waiting.poll(0))
            return bool(select.select([self._socket], [], [], 0)[0])
        except (OSError, ValueError):
            return True

    def cut(self) -> None:
        """End the connection under whoever reads or writes it, in another thread: it hears of the end at once."""
        with suppress(OSError):
            socket.socket.shutdown(
                self._socket, socket.SHUT_RDWR
            )  # not TLS's own, which would wait, and disturb who reads

    def close(self) -> None:
        self._opened.pop(id(self), None)
        with suppress(OSError):
            self._socket.close()

    def _framed(self, data: bytes) -> bytes:
        return self._state.send(h11.Data(data=data)) or b""

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                self._state.receive_data(self._read())
        except h11.RemoteProtocolError as error:
            raise Failed("broken") from error
        return event

    def _read(self) -> bytes:
        try:
            self._socket.settimeout(self._clock.left(self.patience))
            journal = self._clock.journal
            return self._socket.recv(_READ) if journal is None else self._journalled(journal)
        except TimeoutError as error:
            raise Failed("timeout") from error
        except OSError as error:
            raise Failed("broken") from error

    def _journalled(self, journal: Journal) -> bytes:
        """Read into the journal: by the time that this process knows of the bytes, they are there."""
        with journal.room() as room:
            if not room:  # no token answer is so long
                return self._socket.recv(_READ)
            count = self._socket.recv_into(room, min(len(room), _READ))
            came = bytes(room[:count])
        journal.took(count)
        return came

    def _write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._clock.left(self.patience))
            self._socket.sendall(data)
        except TimeoutError as error:
            raise Failed("timeout") from error
        except OSError as error:
            raise _Refused from error


class _Refused(Exception):
    """The other side takes no more."""
