"""The library's connections, made to keep a deadline, and a journal: every read and write asks how much time is left."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TypeAlias

from runner.exchange import Journal
from runner.transport.clock import Clock
from runner.transport.library import SyncStream, httpcore
from runner.transport.names import Names, Unanswered

_LONG = 86_400.0  # seconds


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every read and write keeps the deadline: a server that drips cannot hold a request longer."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock, opened: Opened) -> None:
        self._inner = inner
        self._clock = clock
        self._opened = opened
        opened[id(self)] = self

    def cut(self) -> None:
        """End the connection under whoever reads or writes it, in another thread: it hears of the end at once."""
        own = self._inner.get_extra_info("socket")
        if isinstance(own, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(own, socket.SHUT_RDWR)  # not TLS's own, which would wait, and disturb who reads

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._clock.left(timeout, httpcore.ReadTimeout)
        if self._clock.journal is None:
            came = self._inner.read(max_bytes, left)
        else:
            came = self._journalled(self._clock.journal, max_bytes, left)
        self._clock.heard = self._clock.heard or bool(came)
        return came

    def _journalled(self, journal: Journal, max_bytes: int, timeout: float | None) -> bytes:
        """Read into the journal: by the time that this process knows of the bytes, they are there."""
        own = self._inner.get_extra_info("socket") if isinstance(self._inner, SyncStream) else None
        with journal.room() as room:
            if own is None or not room:  # TLS inside TLS, by way of a proxy; or no token answer, so long is it
                came = self._inner.read(max_bytes, timeout)
                count = min(len(room), len(came))
                room[:count] = came[:count]
            else:
                own.settimeout(timeout)
                try:
                    count = own.recv_into(room, min(len(room), max_bytes))
                except TimeoutError:
                    raise httpcore.ReadTimeout from None
                except OSError:
                    raise httpcore.ReadError from None
                came = bytes(room[:count])
        journal.took(count)
        return came

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        own = self._inner.get_extra_info("socket") if isinstance(self._inner, SyncStream) else None
        if own is None:
            self._inner.write(buffer, self._clock.left(timeout, httpcore.WriteTimeout))
            return
        left = memoryview(buffer)
        try:
            while left:  # the library gives each piece of it all the time again
                own.settimeout(self._clock.left(timeout, httpcore.WriteTimeout))
                left = left[own.send(left) :]
        except TimeoutError:
            raise httpcore.WriteTimeout from None
        except OSError:
            raise httpcore.WriteError from None

    def close(self) -> None:
        self._opened.pop(id(self), None)
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._clock.left(timeout, httpcore.ConnectTimeout)
        own = self._inner.get_extra_info("socket") if isinstance(self._inner, SyncStream) else None
        if own is None or isinstance(own, ssl.SSLSocket):  # TLS inside TLS, by way of a proxy
            secured = self._inner.start_tls(ssl_context, server_hostname, left)
            self._opened.pop(id(self), None)
            return _TimedStream(secured, self._clock, self._opened)
        try:
            own.settimeout(left)
            # Noted before the handshake, which then can be cut like all that comes after.
            spoken = ssl_context.wrap_socket(own, server_hostname=server_hostname, do_handshake_on_connect=False)
        except BaseException:
            self.close()
            raise
        stream = _TimedStream(SyncStream(spoken), self._clock, self._opened)
        self._opened.pop(id(self), None)
        try:
            spoken.do_handshake()
        except BaseException as error:
            stream.close()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout(str(error)) from error
            if isinstance(error, OSError):
                raise httpcore.ConnectError(str(error)) from error
            raise
        return stream

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class NameTimeout(httpcore.ConnectTimeout):
    """No name server has answered."""


Opened: TypeAlias = dict[int, _TimedStream]


class TimedBackend(httpcore.NetworkBackend):
    """Opens connections, and notes them in `opened` for as long as they are."""

    def __init__(self, inner: httpcore.NetworkBackend, names: Names, clock: Clock, opened: Opened) -> None:
        self._inner = inner
        self._names = names
        self._clock = clock
        self._opened = opened

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first address of `host` that takes it: each may have its share of the time."""
        self._clock.kept = False
        until = time.monotonic() + (_LONG if timeout is None else timeout)
        found = self._found(host, port, self._left(until))
        for number, address in enumerate(found, 1):
            try:
                share = self._left(until) / (len(found) - number + 1)
                stream = self._inner.connect_tcp(address, port, share, local_address, socket_options)
                return _TimedStream(stream, self._clock, self._opened)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(found):
                    raise
        raise httpcore.ConnectError("the name has no address")

    def _left(self, until: float) -> float:
        """The seconds that there are. Raises httpcore.ConnectTimeout."""
        return self._clock.left(max(until - time.monotonic(), 0.001), httpcore.ConnectTimeout) or 0.001

    def _found(self, host: str, port: int, timeout: float) -> list[str]:
        """The addresses of `host`, as texts, each once."""
        try:
            return list(dict.fromkeys(str(one[4][0]) for one in self._names.addresses(host, port, timeout)))
        except Unanswered as error:
            raise NameTimeout from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
