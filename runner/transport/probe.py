"""The way to a host, a stage at a time: its name, the proxy, the connection, TLS; so that what fails can be told apart."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import cast
from urllib.parse import urlsplit

from runner.environment import Tls
from runner.errors import Problem
from runner.exchange import Headers
from runner.records import record
from runner.transport.failures import connect_words, tls_words
from runner.transport.names import Names, Unanswered
from runner.transport.tls import context_for

# A proxy's answer to CONNECT is a few lines; what is longer is no proxy's.
_LONGEST_ANSWER = 65_536
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@record
class Stage:
    """One stage of the way: `name` is dns, tcp, proxy or tls; `problem` why it went no further.

    `detail` is for a person: addresses, the proxy's host, the version of TLS and who signed the certificate. `expires_at` is
    the end of that certificate (epoch seconds), `verified` whether it was looked at.
    """

    name: str
    detail: str = ""
    problem: Problem | None = None
    expires_at: float | None = None
    verified: bool = True


@record
class Proxy:
    """A proxy that a host is reached by: its address without user and password, and the header fields that it is sent."""

    url: str
    headers: Headers = ()


def reach(url: str, tls: Tls, proxy: Proxy | None, timeout: float) -> Iterator[Stage]:
    """Each stage of the way to the host of `url`, until one fails. Nothing is asked of the host itself.

    Without `proxy`, directly. Through a proxy of HTTP, https goes by CONNECT (RFC 9110, 9.3.6);
    of SOCKS only the connection to the proxy is tried. Raises InputError for a file of `tls` that cannot be used.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    via = urlsplit(proxy.url) if proxy else None
    first = (via.hostname or "", via.port or _PORTS.get(via.scheme, 80)) if via else (host, port)
    with ExitStack() as stack:
        connection = yield from _connected(first, via is not None, timeout, stack)
        if connection is None or (via and via.scheme.startswith("socks")):
            return
        if via and via.scheme == "https":
            shaken, connection = _handshake(connection, first[0], first[1], tls, stack)
            if shaken.problem:
                yield shaken
                return
        if proxy and parts.scheme == "https":
            refused = _through(connection, proxy.headers, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            yield Stage("proxy", f"{first[0]}:{first[1]}", refused)
            if refused:
                return
        if parts.scheme == "https":
            yield _handshake(connection, host, port, tls, stack)[0]


def _connected(
    address: tuple[str, int], is_proxy: bool, timeout: float, stack: ExitStack
) -> Generator[Stage, None, socket.socket | None]:
    """The stages dns and tcp; gives the connection, or None."""
    host, port = address
    whose = "the proxy " if is_proxy else ""
    until = time.monotonic() + timeout
    try:
        plain = host if host.isascii() else host.encode("idna").decode("ascii")
        found = Names().addresses(plain, port, timeout)
    except Unanswered:
        message = f"no name server answers for {whose}{host} within {timeout:g} s"
        yield Stage("dns", host, Problem(message, None, "check the network, and its name servers"))
        return None
    except (OSError, UnicodeError):
        hint = "check `proxy` and its spelling" if is_proxy else "check its spelling, and the network"
        yield Stage("dns", host, Problem(f"the name of {whose}{host} is not found", None, hint))
        return None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    shown = ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")
    yield Stage("dns", shown)
    try:
        connection = stack.enter_context(_to_one_of(addresses, port, until))
        connection.settimeout(timeout)
    except TimeoutError:
        message = f"{whose}{host}:{port} does not take the connection within {timeout:g} s"
        yield Stage(
            "tcp", shown, Problem(message, None, "check the network, a firewall, and whether a proxy is needed")
        )
        return None
    except OSError as error:
        message, hint = connect_words([error], f"{host}:{port}")
        yield Stage("tcp", shown, Problem(f"{whose}{message}", None, hint))
        return None
    yield Stage("tcp", f"port {port}")
    return connection


def _to_one_of(addresses: Sequence[str], port: int, until: float) -> socket.socket:
    """A connection to the first that takes it: each may have its share of the time. Raises OSError."""
    for number, address in enumerate(addresses, 1):
        share = max(until - time.monotonic(), 0.001) / (len(addresses) - number + 1)
        try:
            return socket.create_connection((address, port), share)
        except OSError:
            if number == len(addresses):
                raise
    raise OSError(errno.EADDRNOTAVAIL, "the name has no address")


def _through(connection: socket.socket, headers: Headers, target: str) -> Problem | None:
    """Ask a proxy for a way to `target`; why there is none."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *(f"{name}: {value}" for name, value in headers)]
    answer = b""
    try:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in answer and len(answer) < _LONGEST_ANSWER:
            piece = connection.recv(4096)
            if not piece:
                break
            answer += piece
    except OSError:
        pass
    status = answer.split(b" ", 2)[1:2]
    if not answer.startswith(b"HTTP/") or not status or not status[0].isdigit():
        return Problem("the proxy does not answer as one", None, "is its address right, and is it a proxy of HTTP?")
    if status[0] == b"407":
        return Problem("the proxy wants a user and a password (407)", None, "write http://USER:PASSWORD@HOST:PORT")
    if not status[0].startswith(b"2"):
        return Problem(f"the proxy refuses the way to {target} ({int(status[0])})", None, "ask whoever runs the proxy")
    return None


def _handshake(
    connection: socket.socket, host: str, port: int, tls: Tls, stack: ExitStack
) -> tuple[Stage, socket.socket]:
    try:
        spoken = stack.enter_context(context_for(tls).wrap_socket(connection, server_hostname=host))
    except ssl.SSLError as error:
        message, hint = tls_words(error, host if port == 443 else f"{host}:{port}")
        return Stage("tls", host, Problem(message, None, hint)), connection
    except OSError:
        message = f"{host}:{port} ended the handshake"
        return Stage("tls", host, Problem(message, None, "does it speak TLS on this port?")), connection
    certificate = spoken.getpeercert() or {}
    ends, by = certificate.get("notAfter"), _issuer(certificate)
    detail = f"{spoken.version() or 'TLS'}{f', certificate of {by}' if by else ''}"
    expires_at = ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None
    return Stage("tls", detail, None, expires_at, tls.verify), spoken


def _issuer(certificate: Mapping[str, object]) -> str:
    """Who signed the certificate, as ssl.SSLSocket.getpeercert tells it: a tuple of tuples of pairs."""
    names: dict[str, str] = {}
    for part in cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("issuer", ())):
        names.update(part)
    return names.get("organizationName") or names.get("commonName") or ""
