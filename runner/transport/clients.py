"""The way by the HTTP library, for what is not plain: proxies, HTTP/2, addresses that have to be put right first.

One client with a pool of connections for everybody, and one of a single connection for who needs its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import h11

from runner.environment import Tls
from runner.errors import InputError, Problem
from runner.exchange import Call, Headers, PeerCertificate
from runner.origins import PORTS, host_of, is_loopback, split
from runner.transport.answers import Answer
from runner.transport.clock import Clock
from runner.transport.connection import Content
from runner.transport.deadline import NameTimeout, Opened, TimedBackend
from runner.transport.direct import Fields, can_be_repeated
from runner.transport.failures import Failed, Kind
from runner.transport.library import httpcore, httpx
from runner.transport.names import Names
from runner.transport.tls import context_for

_MANY = httpx.Limits(max_connections=None, max_keepalive_connections=64)
# What each of the library's errors means; the first that fits.
_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (httpx.ConnectTimeout, "connect-timeout"),
    (httpcore.ConnectTimeout, "connect-timeout"),
    (httpx.TimeoutException, "timeout"),
    (httpcore.TimeoutException, "timeout"),
    (httpx.ProxyError, "proxy"),
    (httpx.ConnectError, "connect"),
    (httpx.UnsupportedProtocol, "scheme"),
    (httpx.LocalProtocolError, "request"),
    (h11.LocalProtocolError, "request"),  # of a body whose length is not what is written; the library lets it through
)


class Clients:
    """Opens what is asked for, once; `close` closes all. Raises InputError for settings that cannot be used."""

    def __init__(self, tls: Tls, proxy: str | None, http2: bool, trust_env: bool, names: Names, clock: Clock) -> None:
        self._connections: Opened = {}
        self._names = names
        self._context, self._proxy, self._trust_env, self._clock = context_for(tls), proxy, trust_env, clock
        self._shared = self._opened(http2, _MANY)
        self._apart: dict[str, Client] = {}

    @property
    def proxied_loopback(self) -> bool:
        """Whether loopback, too, is reached by way of the proxy."""
        return self._shared.proxied_loopback

    def send(self, call: Call, fields: Fields, content: Content) -> Answer:
        """Send `call` with the header `fields` and `content`; its answer as far as the header fields.

        Raises Failed; InputError for an address that cannot be sent, or that could be read in two ways.
        """
        try:
            request = httpx.Request(
                call.method,
                call.url,
                headers=list(fields),
                content=content,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), call.timeout)},
            )
        except (httpx.InvalidURL, UnicodeError):
            raise InputError(Problem("the address cannot be sent", call.location, "check its host and port")) from None
        _check_reading(request.url, call)
        answer = self._begun(call, request, content)
        return Answer(
            answer.status_code,
            answer.reason_phrase,
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw),
            answer.http_version.removeprefix("HTTP/"),
            _chunks(cast(httpx.SyncByteStream, answer.stream)),
            answer.close,
            _certificate(answer),
        )

    def _begun(self, call: Call, request: httpx.Request, content: Content) -> httpx.Response:
        """The answer as far as the header fields; asked for again where `direct.Direct.send` would. Raises Failed."""
        client = self._of(call)
        self._clock.kept, self._clock.heard = True, False
        try:
            with _failures():
                return client.begin(request)
        except Failed as failure:
            unheard = self._clock.kept and not self._clock.heard
            if not unheard or call.connection or not can_be_repeated(failure, call.method, content):
                raise
        with _failures():
            return client.begin(request)

    def _of(self, call: Call) -> Client:
        """The client for `call`.

        What authenticates a connection (NTLM) is not for HTTP/2, where many share one; and a journal is of HTTP/1.1, as it
        comes off the wire: frames of HTTP/2 say nothing to whoever finds them.
        """
        if not call.connection and call.journal is None:
            return self._shared
        if call.connection not in self._apart:
            limits = httpx.Limits(max_connections=1, max_keepalive_connections=1) if call.connection else _MANY
            self._apart[call.connection] = self._opened(False, limits)
        return self._apart[call.connection]

    def proxy_for(self, url: str) -> tuple[str, Headers] | None:
        """The proxy by which `url` is reached, without user and password, and the header fields for it; None: directly."""
        pool = getattr(self._of(Call("GET", url))._transport_for_url(httpx.URL(url)), "_pool", None)
        proxy = getattr(pool, "_proxy_url", None)
        if proxy is None:
            return None
        fields = getattr(pool, "_proxy_headers", ())
        host, port = proxy.host.decode("ascii"), f":{proxy.port}" if proxy.port else ""
        return f"{proxy.scheme.decode('ascii')}://{host}{port}", tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in fields
        )

    def cut(self) -> None:
        """End every connection, under whoever uses it."""
        for stream in list(self._connections.values()):
            stream.cut()

    def close(self) -> None:
        for client in (self._shared, *self._apart.values()):
            client.close()

    def _opened(self, http2: bool, limits: httpx.Limits) -> Client:
        try:
            client = Client(
                verify=self._context,
                proxy=self._proxy,
                http2=http2,
                trust_env=self._trust_env,
                limits=limits,
            )
        except ImportError as error:
            extra = "socks" if "socks" in str(error) else "http2"
            hint = f"pip install 'zrun[{extra}]'"
            raise InputError(Problem(f"this needs the extra `{extra}`", None, hint)) from None
        except ValueError:
            raise InputError(Problem("the proxy's address cannot be used", None, "write http://host:port")) from None
        for transport in {client._transport, *client._mounts.values()}:
            pool = getattr(transport, "_pool", None)
            if pool is not None:
                pool._network_backend = TimedBackend(pool._network_backend, self._names, self._clock, self._connections)
        return client


class Client(httpx.Client):
    """Reaches loopback without a proxy, unless the proxy is on loopback itself and named by the environment.

    Plain http is safe there for as long as it does not leave the machine; a proxy elsewhere would see it all.
    """

    def __init__(self, *, proxy: str | None, **options: Any) -> None:
        super().__init__(proxy=proxy, **options)
        self.proxied_loopback = proxy is not None and is_loopback(httpx.URL(proxy).host)

    def begin(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; its answer as far as the header fields, its body yet to be read, and to be closed.

        What httpx's own `send` does besides (redirects, cookies, a log) this package does itself, or has no use for: it is a
        third of what a short request takes.
        """
        username, password = request.url.username, request.url.password
        if (username or password) and "authorization" not in request.headers:
            request = next(httpx.BasicAuth(username, password).auth_flow(request))
        answer = self._transport_for_url(request.url).handle_request(request)
        answer.request = request
        return answer

    def _transport_for_url(self, url: httpx.URL) -> httpx.BaseTransport:
        if is_loopback(url.host.rstrip(".")) and not self.proxied_loopback:
            return self._transport
        return super()._transport_for_url(url)


@contextmanager
def _failures() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except (httpx.TransportError, httpcore.TimeoutException, h11.LocalProtocolError) as error:
        if isinstance(error.__cause__, NameTimeout):
            raise Failed("name-timeout") from error
        raise Failed(next((kind for found, kind in _KINDS if isinstance(error, found)), "broken")) from error
    except UnicodeError as error:  # of a name with a label that is too long for a name server (RFC 1035, 2.3.4)
        raise Failed("connect") from error


def _chunks(stream: httpx.SyncByteStream) -> Iterator[bytes]:
    with _failures():
        yield from stream


def _certificate(answer: httpx.Response) -> PeerCertificate | None:
    """The server's, of the handshake of this connection; of plain http none, though a proxy may have one of its own."""
    if answer.request.url.scheme != "https":
        return None
    spoken = answer.extensions["network_stream"].get_extra_info("ssl_object")
    der = spoken.getpeercert(True) if spoken is not None else None
    return PeerCertificate(der, time.time()) if der else None


def _check_reading(reached: httpx.URL, call: Call) -> None:
    """What was judged is what is reached: the library must read the same host out of the address as the policy does."""
    host = reached.raw_host.decode("ascii", "replace")
    try:
        same = split(call.url) == (
            reached.scheme,
            host_of(f"[{host}]" if ":" in host else host),
            reached.port or PORTS.get(reached.scheme, 0),
        )
    except ValueError:
        same = False
    if not same:
        raise InputError(Problem("the host of the address can be read in two ways", call.location, "mend the URL"))
