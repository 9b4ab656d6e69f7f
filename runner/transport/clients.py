"""The clients of a run: one with a pool of connections for everybody, and one of a single connection for who needs its own."""

from __future__ import annotations

from typing import Any

from runner.environment import Tls
from runner.errors import InputError, Problem
from runner.exchange import Call, Headers
from runner.origins import is_loopback
from runner.transport.deadline import Clock, Opened, TimedBackend
from runner.transport.library import httpx
from runner.transport.tls import context_for

_MANY = httpx.Limits(max_connections=None, max_keepalive_connections=64)


class Clients:
    """Opens what is asked for, once; `close` closes all. Raises InputError for settings that cannot be used."""

    def __init__(self, tls: Tls, proxy: str | None, http2: bool | None, trust_env: bool, clock: Clock) -> None:
        self._connections: Opened = {}
        self._context, self._proxy, self._trust_env, self._clock = context_for(tls), proxy, trust_env, clock
        self.shared = self._opened(_has_http2() if http2 is None else http2, _MANY)
        self._apart: dict[str, Client] = {}

    def of(self, call: Call) -> Client:
        """The client for `call`.

        What authenticates a connection (NTLM) is not for HTTP/2, where many share one; and a journal is of HTTP/1.1, as it
        comes off the wire: frames of HTTP/2 say nothing to whoever finds them.
        """
        if not call.connection and call.journal is None:
            return self.shared
        if call.connection not in self._apart:
            limits = httpx.Limits(max_connections=1, max_keepalive_connections=1) if call.connection else _MANY
            self._apart[call.connection] = self._opened(False, limits)
        return self._apart[call.connection]

    def proxy_for(self, url: str) -> tuple[str, Headers] | None:
        """The proxy by which `url` is reached, without user and password, and the header fields for it; None: directly."""
        pool = getattr(self.of(Call("GET", url))._transport_for_url(httpx.URL(url)), "_pool", None)
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
        for client in (self.shared, *self._apart.values()):
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
                pool._network_backend = TimedBackend(pool._network_backend, self._clock, self._connections)
        return client


class Client(httpx.Client):
    """Reaches loopback without a proxy, unless the proxy is on loopback itself and named by the environment.

    Plain http is safe there for as long as it does not leave the machine; a proxy elsewhere would see it all.
    """

    def __init__(self, *, proxy: str | None, **options: Any) -> None:
        super().__init__(proxy=proxy, **options)
        self._proxied_loopback = proxy is not None and is_loopback(httpx.URL(proxy).host)

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
        if is_loopback(url.host.rstrip(".")) and not self._proxied_loopback:
            return self._transport
        return super()._transport_for_url(url)


def _has_http2() -> bool:
    """HTTP/2 is spoken, over TLS, where its extra is installed."""
    from importlib.util import find_spec  # beside its one use

    return find_spec("h2") is not None
