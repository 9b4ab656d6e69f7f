"""Connections that keep a deadline, and a journal: every read and write asks how much time is left, and tells what came."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from runner.transport.library import httpcore


class Clock(threading.local):
    """What holds for the request of this thread.

    `deadline` is when it must be over; None: no bound but that of each pause. `journal` is given what is read, at once.
    """

    deadline: float | None = None
    journal: Callable[[bytes], None] | None = None

    def left(self, timeout: float | None, error: type[Exception]) -> float | None:
        """The seconds that one read or write may take. Raises `error` when the time is up."""
        if self.deadline is None:
            return timeout
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise error
        return left if timeout is None else min(left, timeout)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every read and write keeps the deadline: a server that drips cannot hold a request longer."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        came = self._inner.read(max_bytes, self._clock.left(timeout, httpcore.ReadTimeout))
        if self._clock.journal is not None:
            self._clock.journal(came)
        return came

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._clock.left(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class TimedBackend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._clock.left(timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _TimedStream(stream, self._clock)
