"""One connection to a host, for requests one after the other by HTTP/1.1: h11 says what may come, and what it means."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import h11

from runner.exchange import Journal, PeerCertificate
from runner.transport.clock import Clock
from runner.transport.failures import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

Content: TypeAlias = bytes | Iterable[bytes] | None
Origin: TypeAlias = tuple[str, str, int]

_READ = 1 << 16
# The longest head of an answer, in bytes; and so many interim ones (RFC 9110, 15.2) may come before it.
_LONGEST_HEAD = 100 * 1024
_MOST_INTERIM = 1000
# A body that is sent together with its head, in one packet where it fits; above, copying it costs more than a packet.
_TOGETHER = 1 << 16


class Connection:
    """One connection, and where the exchange on it stands. One thread at a time uses it."""

    def __init__(self, origin: Origin, plain: socket.socket, clock: Clock, opened: dict[int, Connection]) -> None:
        """Over a socket that is not connected yet; it is in `opened` for as long as it is open."""
        self.origin = origin
        self._socket = plain
        self._clock = clock
        self._opened = opened
        self._state = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self.certificate: PeerCertificate | None = None
        self.patience = 0.0  # seconds: the longest pause
        self.until = 0.0
        self.told: tuple[object, h11.Request, bool] | None = None  # of the last request: see direct._head
        self.heard = False  # whether something has come since the last request
        self._refused = False
        self._set: float | None = None  # the time that the socket has been given
        self._pending: Callable[[], int] = int
        self._later: tuple[type[OSError], ...] = (BlockingIOError,)  # that nothing can be read, or written, now
        self._early: h11.Response | None = None  # that came before the request was all sent
        opened[id(self)] = self

    def connect(self, address: Any, timeout: float) -> None:
        """Raises OSError."""
        self._socket.settimeout(timeout)
        self._socket.connect(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext, host: str, timeout: float) -> None:
        """Begin TLS; the handshake as a whole may take so many seconds. Raises OSError."""
        try:
            self._socket.settimeout(self._clock.left(timeout))
            # Before the handshake, which then can be cut like all that comes after.
            self._socket = spoken = context.wrap_socket(
                self._socket, server_hostname=host, do_handshake_on_connect=False
            )
            spoken.do_handshake()
        except BaseException:
            self.close()
            raise
        self._pending = spoken.pending
        import ssl  # the context is one of it: it is loaded

        self._later = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
        der = spoken.getpeercert(True)
        self.certificate = PeerCertificate(der, time.time()) if der else None

    def put(self, head: h11.Request, content: Content, *, measured: bool) -> None:
        """Send a request. That its server takes no more of it is no mistake yet: it may have answered already. What has been
        refused already is not sent any further.

        `measured`: its length is what it says. Raises h11.LocalProtocolError when it is not, before anything of what is in
        memory is sent.
        """
        self.heard, self._early = False, None
        begin = self._state.send(head) or b""
        if isinstance(content, bytes) or content is None:
            body = self._framed(content) if content else b""
            if not measured:  # else it can wait for as long as the answer does
                self._state.send(h11.EndOfMessage())
            together = len(body) <= _TOGETHER
            if self._wrote(begin + body if together else begin) and not together:
                self._pushed(body)
            if measured:
                self._state.send(h11.EndOfMessage())
        elif self._wrote(begin) and all(self._pushed(self._framed(chunk)) for chunk in content):
            self._state.send(h11.EndOfMessage())

    def answered(self) -> h11.Response:
        """The answer's head; what comes before it (1xx) is passed over. Raises Failed."""
        if self._early is not None:
            return self._early
        self._state.receive_data(self._read(self.patience))  # nothing has come yet, or not the whole of it
        for _ in range(_MOST_INTERIM):
            event = self._next()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                break
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
        if self._refused or not (state.our_state is state.their_state is h11.DONE) or state.trailing_data[0]:
            return False
        state.start_next_cycle()
        return True

    def readable(self) -> bool:
        """Whether something has come, though nobody has asked: the end, most likely."""
        try:
            return bool(self._pending()) or self._ready(0, writing=False)
        except (OSError, ValueError):
            return True

    def _ready(self, seconds: float, *, reading: bool = True, writing: bool = True) -> bool:
        """Wait until something can be read, or written. Raises OSError, ValueError."""
        if hasattr(select, "poll"):
            waiting = select.poll()
            waiting.register(self._socket, select.POLLIN * reading | select.POLLOUT * writing)
            return bool(waiting.poll(seconds * 1000))
        mine = [self._socket]
        return any(select.select(mine if reading else [], mine if writing else [], [], seconds))

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
        """What comes next. It may take `patience` as a whole: who sends it in drops is not waited for any longer."""
        until = 0.0
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                now = time.monotonic()
                until = until or now + self.patience
                self._state.receive_data(self._read(until - now))
        except h11.RemoteProtocolError as error:
            raise Failed("broken") from error
        return event

    def _read(self, pause: float) -> bytes:
        if pause <= 0:
            raise Failed("timeout")
        try:
            self._wait_at_most(self._clock.left(pause))
            return self._received()
        except TimeoutError as error:
            raise Failed("timeout") from error
        except OSError as error:
            raise Failed("broken") from error

    def _received(self) -> bytes:
        """What has come. Raises OSError."""
        journal = self._clock.journal
        came = self._socket.recv(_READ) if journal is None else self._journalled(journal)
        self.heard = self.heard or bool(came)
        return came

    def _wait_at_most(self, seconds: float | None) -> None:
        """For the next read or write; to a thousandth, since to say so costs a call of the system each time."""
        if seconds is None or self._set is None or abs(seconds - self._set) > seconds / 1000:
            self._socket.settimeout(seconds)
            self._set = seconds

    def _journalled(self, journal: Journal) -> bytes:
        """Read into the journal: by the time that this process knows of the bytes, they are there."""
        with journal.room() as room:
            if not room:  # no token answer is so long
                return self._socket.recv(_READ)
            count = self._socket.recv_into(room, min(len(room), _READ))
            came = bytes(room[:count])
        journal.took(count)
        return came

    def _wrote(self, data: bytes) -> bool:
        """Whether the other side took all of it. Raises Failed when it takes too long."""
        try:
            self._wait_at_most(self._clock.left(self.patience))
            count = self._socket.send(data)
        except TimeoutError as error:
            raise Failed("timeout") from error
        except OSError:
            self._refused = True
            return False
        return count == len(data) or self._pushed(memoryview(data)[count:])

    def _pushed(self, data: bytes | memoryview) -> bool:
        """As `_wrote`, of what may take its time: meanwhile the server may refuse the request, which ends it."""
        left, until = memoryview(data), 0.0
        try:
            self._wait_at_most(0)
            while left and not self._refused:
                self._clock.left(None)
                if self._early is None and self.readable() and self._refuses():
                    break
                try:
                    left, until = left[self._socket.send(left) :], 0.0
                except self._later:
                    now = time.monotonic()
                    until = until or now + self.patience
                    if now >= until:
                        raise TimeoutError from None
                    self._ready(self._clock.left(until - now) or 0, reading=self._early is None)
        except TimeoutError as error:
            raise Failed("timeout") from error
        except (OSError, ValueError):  # ValueError: it has been closed
            self._refused = True
        return not self._refused

    def _refuses(self) -> bool:
        """Take what comes before the request is all sent. An error, or the end, refuses the rest of it (RFC 9112, 9.5);
        for a server that answers well while it reads, sending goes on.
        """
        try:
            came = self._received()
        except self._later:
            return False  # TLS had a word of its own to say
        if not came:
            self._refused = True
            return True
        try:
            self._state.receive_data(came)
            while isinstance(event := self._state.next_event(), h11.InformationalResponse):
                pass
        except h11.RemoteProtocolError as error:
            raise Failed("broken") from error
        if isinstance(event, h11.Response):
            self._early = event
            self._refused = event.status_code >= 400
        return self._refused
