"""Why no answer came, in plain words: with the host and nothing secret, and with what to do next."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from typing import Literal, TypeAlias

from runner.errors import OUT_OF_FILES, NetworkError, Problem
from runner.exchange import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

Kind: TypeAlias = Literal[
    "name-timeout", "connect-timeout", "timeout", "proxy", "connect", "packed", "scheme", "request", "broken"
]


class Failed(Exception):
    """No answer came, or not the whole of it. `__cause__` is what the system, TLS or the HTTP library said.

    `name-timeout`, `connect-timeout` and `connect`: nothing was sent. `packed`: the body cannot be unpacked. `request`: it is
    none that HTTP could carry. `broken`: everything else that happens to a connection.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


def network_error(error: Failed, call: Call) -> NetworkError:
    """`error`, of `call`, as a person is told of it."""
    host = _shown_host(call.url)

    def problem(message: str, hint: str, kind: str, *, sent: bool = True) -> NetworkError:
        return NetworkError(Problem(message, call.location, hint), kind=kind, sent=sent)

    if error.kind == "name-timeout":
        message = f"no name server answers for {host} within {call.timeout:g} s"
        return problem(
            message, "check the network, its name servers, and whether a proxy is needed", "timeout", sent=False
        )
    if error.kind == "connect-timeout":
        message = f"{host} does not take the connection within {call.timeout:g} s"
        return problem(message, "check the address, the network and the proxy", "timeout", sent=False)
    if error.kind == "timeout":
        message = f"{host} did not answer within {call.timeout:g} s"
        return problem(message, "try again; `timeout: 60s` waits longer", "timeout")
    if error.kind == "proxy":
        return problem(
            f"the proxy refuses to reach {host}", "check `proxy`, its user and password", "connect", sent=False
        )
    causes = list(_causes(error))
    failed = _of_tls(causes)
    if failed is not None and not (error.kind == "broken" and _is_end(failed)):
        return problem(*tls_words(failed, host), "tls", sent=error.kind != "connect")
    if error.kind == "connect":
        return problem(*connect_words(causes, host), "connect", sent=False)
    if error.kind == "packed":
        return problem(f"the body from {host} cannot be unpacked", "-vv shows its Content-Encoding", "protocol")
    if error.kind == "scheme":
        return problem("the address is not HTTP", "begin it with https://", "protocol", sent=False)
    if error.kind == "request":
        return problem(f"the request to {host} cannot be sent as HTTP", "check its method and headers", "protocol")
    message = f"{host} ended the connection without a whole answer"
    return problem(message, "is it an HTTP server? try again; `retry: 2` does so by itself", "protocol")


def _of_tls(causes: list[BaseException]) -> ssl.SSLError | None:
    ssl = sys.modules.get("ssl")  # where it is not loaded, nobody has spoken TLS
    return next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None) if ssl else None


def _is_end(error: ssl.SSLError) -> bool:
    """Whether the connection ended and TLS was not told."""
    return type(error).__name__ == "SSLEOFError"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _shown_host(url: str) -> str:
    authority = url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    return authority.rpartition("@")[2]


def connect_words(causes: list[BaseException], host: str) -> tuple[str, str]:
    import socket  # whoever connects has loaded it

    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return f"the name {host.partition(':')[0]} is not found", "check its spelling, and the network"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refuses the connection", "is the server running, and is the port right?"
    if any(isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE) for cause in causes):
        return f"{host} cannot be reached: this process has too many open files", OUT_OF_FILES
    return f"{host} cannot be reached", "check the network, and whether a proxy is needed"


def tls_words(error: ssl.SSLError, host: str) -> tuple[str, str]:
    import ssl  # who calls this has loaded it

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
