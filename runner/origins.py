"""Which scheme, host and port an address means, read as strictly as whoever connects to it.

An address that two readers could take for two hosts (RFC 3986, 7.6) is none: what is judged must be what is reached.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?\Z")
_END = re.compile(r"[/?#]")  # of an authority (RFC 3986, 3.2)
# What inet_aton(3), and so a resolver, takes for an IPv4 address: `127.1`, `0x7f.1`, `2130706433`.
_LIKE_IPV4 = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}\.?\Z")


def split(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of `url`; see `host_of` for how the host is spelled.

    Raises ValueError, in words that a person can use, for an address that names no host or could be read in two ways.
    """
    scheme, colon, rest = url.partition("://")
    authority = _END.split(rest, maxsplit=1)[0]
    if not colon or not authority:
        raise ValueError("it names no host")
    return _split(scheme, authority)


@lru_cache(maxsize=1024)  # a run asks for few hosts, many times
def _split(scheme: str, authority: str) -> tuple[str, str, int]:
    if "\\" in authority or any(character <= " " or character == "\x7f" for character in authority):
        raise ValueError("it holds a blank, a control character or a backslash")
    host, port = _host_and_port(authority.rpartition("@")[2])
    if not host:
        raise ValueError("it names no host")
    try:
        seen = (urlsplit(f"{scheme}://{authority}").hostname or "").lower()
    except ValueError:
        seen = ""
    scheme = scheme.lower()
    name = host_of(host)
    if not seen or host_of(f"[{seen}]" if ":" in seen else seen) != name:
        raise ValueError("its host can be read in two ways")
    return scheme, name, PORTS.get(scheme, 0) if port is None else port


def _host_and_port(written: str) -> tuple[str, int | None]:
    host, colon, port = written.rpartition(":")
    if not colon or (written.startswith("[") and written.endswith("]")):
        return written, None
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise ValueError("its port is not a number below 65536")
    return host, int(port)


@lru_cache(maxsize=1024)  # a run asks for few hosts, many times
def host_of(written: str) -> str:
    """A host as it is compared: lower case, in IDNA's ASCII form (RFC 5891), IPv6 shortened and without brackets, no final dot.

    Raises ValueError for what is no host, and for an IP address in a spelling of its own.
    """
    if written.startswith("[") and written.endswith("]"):
        if "%" in written:
            raise ValueError("its host is an address with a zone")
        try:
            return ip_address(written[1:-1]).compressed
        except ValueError:
            raise ValueError("its host is no IPv6 address") from None
    host = written.lower()
    if not host.isascii():
        import idna  # late: few hosts need it; it is what the HTTP library asks too

        try:
            host = idna.encode(host).decode("ascii")
        except idna.IDNAError:
            raise ValueError("its host holds a character that no host name may hold") from None
    if not _NAME.match(host) or ".." in host:
        raise ValueError("its host holds a character that no host name may hold")
    host = host.removesuffix(".")
    if _LIKE_IPV4.match(host):
        try:
            return ip_address(host).compressed
        except ValueError:
            raise ValueError("its host is an IP address in an unusual spelling: write four numbers") from None
    return host


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether `host` (as `host_of` gives it) can only be this machine: localhost (RFC 6761, 6.3) or a loopback address.

    A name below `localhost` counts, since the transport never asks a name server for one.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
