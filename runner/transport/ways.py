"""Which way a call takes: straight to its host, or by the HTTP library; each is made ready when it is first needed."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from threading import Lock

from runner.environment import Tls
from runner.exchange import Call, Headers
from runner.origins import is_loopback
from runner.transport import direct
from runner.transport.answers import Answer
from runner.transport.clock import Clock
from runner.transport.connection import Content
from runner.transport.direct import Direct, Fields, Reach
from runner.transport.names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from runner.transport.clients import Clients

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


class Ways:
    """Both ways. Raises InputError for settings that cannot be used: of TLS and of a named proxy at once.

    `proxy` is the address of one, `http2` whether that is spoken (None: where its extra is installed); `trust_env` lets the
    variables and settings of the system name proxies, too.
    """

    def __init__(self, tls: Tls, proxy: str | None, http2: bool | None, trust_env: bool, clock: Clock) -> None:
        self._tls, self._proxy, self._http2, self._trust_env, self._clock = tls, proxy, http2, trust_env, clock
        self._names = Names()
        self._straight = Direct(lambda: self._context, self._names, clock)
        self._library: Clients | None = None
        self._lock = Lock()
        if tls.ca is not None or tls.client_cert is not None:
            _ = self._context
        if proxy is not None:
            self._clients()

    def send(self, call: Call, fields: Fields, content: Content) -> Answer:
        """Send `call` with the header `fields` and `content`. Raises Failed, InputError."""
        to = self._reach(call)
        if to is not None and direct.carries(call.method, fields):
            return self._straight.send(call.method, to, fields, content, call.timeout)
        return self._clients().send(call, fields, content)

    def proxy_for(self, url: str) -> tuple[str, Headers] | None:
        """The proxy by which `url` is reached, without user and password, and the header fields for it; None: directly."""
        return self._clients().proxy_for(url)

    def cut(self) -> None:
        """End every connection, under whoever uses it."""
        self._names.cut()
        self._straight.cut()
        if self._library:
            self._library.cut()

    def close(self) -> None:
        self._straight.close()
        if self._library:
            self._library.close()

    def _reach(self, call: Call) -> Reach | None:
        """Where to go straight for `call`; None: it is the library's."""
        if call.connection or (found := direct.reach(call.url)) is None:
            return None
        scheme, host, _ = found.origin
        if scheme == "https" and call.journal is None and self._speaks_http2:
            return None
        if is_loopback(host):
            return None if self._proxy is not None and self._clients().proxied_loopback else found
        return None if self._proxy is not None or self._system_proxies else found

    @cached_property
    def _context(self) -> ssl.SSLContext:
        from runner.transport.tls import context_for  # late: of https alone

        made = context_for(self._tls)
        made.set_alpn_protocols(["http/1.1"])
        return made

    @cached_property
    def _speaks_http2(self) -> bool:
        if self._http2 is not None:
            return self._http2
        from importlib.util import find_spec  # beside its one use

        return find_spec("h2") is not None

    @cached_property
    def _system_proxies(self) -> bool:
        """Whether the system may name a proxy: which, and for whom, the library finds out."""
        if not self._trust_env:
            return False
        if sys.platform in ("win32", "darwin"):
            from urllib.request import getproxies  # late: there, settings besides variables name some

            return bool(getproxies())
        return any(value and name.lower() in _VARIABLES for name, value in os.environ.items())

    def _clients(self) -> Clients:
        with self._lock:
            if self._library is None:
                from runner.transport.clients import Clients  # late: it loads the library

                self._library = Clients(
                    self._tls, self._proxy, self._speaks_http2, self._trust_env, self._names, self._clock
                )
            return self._library
