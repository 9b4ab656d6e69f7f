"""The HTTP library's errors as ours: in plain words, with the host and nothing secret, and with what to do next."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from runner.errors import OUT_OF_FILES, NetworkError, Problem
from runner.exchange import Call
from runner.transport.library import httpcore, httpx


@contextmanager
def errors_of(call: Call) -> Iterator[None]:
    """httpx's errors as ours: in plain words, with the host and nothing secret, and with what to do next."""
    try:
        yield
    except (httpx.TransportError, httpx.DecodingError, httpcore.TimeoutException) as error:
        raise _network_error(error, call) from None


def _network_error(error: Exception, call: Call) -> NetworkError:
    host = _shown_host(call.url)

    def problem(message: str, hint: str, kind: str, *, sent: bool = True) -> NetworkError:
        return NetworkError(Problem(message, call.location, hint), kind=kind, sent=sent)

    if isinstance(error, (httpx.ConnectTimeout, httpcore.ConnectTimeout)):
        message = f"{host} does not take the connection within {call.timeout:g} s"
        return problem(message, "check the address, the network and the proxy", "timeout", sent=False)
    if isinstance(error, (httpx.TimeoutException, httpcore.TimeoutException)):
        message = f"{host} did not answer within {call.timeout:g} s"
        return problem(message, "try again; `timeout: 60s` waits longer", "timeout")
    if isinstance(error, httpx.ProxyError):
        return problem(
            f"the proxy refuses to reach {host}", "check `proxy`, its user and password", "connect", sent=False
        )
    causes = list(_causes(error))
    failed = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if failed is not None:
        return problem(*tls_words(failed, host), "tls", sent=not isinstance(error, httpx.ConnectError))
    if isinstance(error, httpx.ConnectError):
        return problem(*connect_words(causes, host), "connect", sent=False)
    if isinstance(error, httpx.DecodingError):
        return problem(f"the body from {host} cannot be unpacked", "-vv shows its Content-Encoding", "protocol")
    if isinstance(error, httpx.UnsupportedProtocol):
        return problem("the address is not HTTP", "begin it with https://", "protocol", sent=False)
    if isinstance(error, httpx.LocalProtocolError):
        return problem(f"the request to {host} cannot be sent as HTTP", "check its method and headers", "protocol")
    message = f"{host} ended the connection without a whole answer"
    return problem(message, "is it an HTTP server? try again; `retry: 2` does so by itself", "protocol")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _shown_host(url: str) -> str:
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0]
    return authority.rpartition("@")[2]


def connect_words(causes: list[BaseException], host: str) -> tuple[str, str]:
    import socket  # httpx has loaded it

    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"the name {host.partition(':')[0]} is not found", "check its spelling, and the network"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refuses the connection", "is the server running, and is the port right?"
    if any(isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes):
        return f"{host} cannot be reached: this process has too many open files", OUT_OF_FILES
    return f"{host} cannot be reached", "check the network, and whether a proxy is needed"


def tls_words(error: ssl.SSLError, host: str) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = (error.verify_message or "").rstrip(".")
        if "expired" in said:
            return f"the certificate of {host} has expired", "tell whoever runs it; check this machine's clock"
        if "match" in said or "mismatch" in said.lower():
            return f"the certificate of {host} is for another name", "check the address"
        return (
            f"the certificate of {host} is not trusted ({said})",
            "name the authority that signed it: `tls: {ca: corp.pem}` in the environment",
        )
    reason = (error.reason or "").lower().replace("_", " ")
    if "wrong version" in reason or "record layer" in reason:
        return f"{host} does not speak TLS", "is it http:// there?"
    if "certificate required" in reason or "handshake failure" in reason:
        return (
            f"{host} wants a client certificate, or other TLS ({reason})",
            "`tls: {client-cert: me.pem, client-key: me.key}`",
        )
    return f"TLS with {host} failed{f' ({reason})' if reason else ''}", "check the address and the proxy"
