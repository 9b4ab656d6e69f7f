"""The parts of a request that a signature covers, as they cross the wire: address, authority, body.

A signed address is put into a form that the HTTP library leaves as it is, so that what was signed is what is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from runner.bodies import CHUNK, Multipart, boundary_of, opened
from runner.exchange import Call, Headers, header_values
from runner.origins import split

_DEFAULT_PORT = {"http": 80, "https": 443}
# RFC 3986, 3.3 and 3.4: what may stand as it is; percent-encoded octets do, too.
_IN_PATH = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_IN_QUERY = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?]")


def parts(url: str) -> tuple[str, str, str]:
    """`url` before its path, the path (at least `/`), and the query without its question mark."""
    scheme, _, rest = url.partition("#")[0].partition("://")
    place = re.search(r"[/?]", rest)
    authority, tail = (rest[: place.start()], rest[place.start() :]) if place else (rest, "")
    path, _, query = tail.partition("?")
    return f"{scheme}://{authority}", path or "/", query


def whole(before: str, path: str, query: str) -> str:
    """The URL of these parts."""
    return f"{before}{path}?{query}" if query else before + path


def normal(url: str) -> str:
    """`url` as it is sent: characters that RFC 3986 has no place for percent-encoded, dot segments resolved (5.2.4)."""
    before, path, query = parts(url)
    return whole(before, _resolved(_IN_PATH.sub(_encoded, path)), _IN_QUERY.sub(_encoded, query))


def target(url: str) -> str:
    """The request-target of a normal URL (RFC 9112, 3.2.1): path and query."""
    return whole("", *parts(url)[1:])


def authority(call: Call) -> str:
    """The value of the Host field: host and port, without a port that is the scheme's own."""
    written = header_values(call.headers, "host")
    return written[-1].strip() if written else origin(call.url).partition("://")[2]


def origin(url: str) -> str:
    """Scheme, host and port of `url` (RFC 6454), in lower case, without the scheme's own port."""
    scheme, host, port = split(url)
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port == _DEFAULT_PORT.get(scheme) else f"{scheme}://{host}:{port}"


def recoded(text: str) -> str:
    """Percent-encoded text with everything encoded but the unreserved (RFC 3986, 2.3), in upper-case digits."""
    return quote(unquote_to_bytes(text.encode("utf-8", "replace")), safe="")


def with_fixed_body(call: Call) -> Call:
    """`call` whose body will be the same bytes each time: a multipart body's boundary is written down."""
    if not isinstance(call.content, tuple) or boundary_of(call.headers):
        return call
    made = Multipart(call.content, call.location, None, call.project).content_type
    written = header_values(call.headers, "content-type")
    kept: Headers = tuple(field for field in call.headers if field[0].lower() != "content-type")
    media_type = f"{written[-1]}; {made.partition('; ')[2]}" if written else made
    return replace(call, headers=(*kept, ("Content-Type", media_type)))


def body_hash(call: Call, make: Callable[[], hashlib._Hash]) -> hashlib._Hash:
    """The hash of the body's bytes, read as a stream. Raises InputError for a file that cannot be read."""
    found = make()
    for chunk in _chunks(call):
        found.update(chunk)
    return found


def _chunks(call: Call) -> Iterator[bytes]:
    if isinstance(call.content, bytes):
        yield call.content
    elif isinstance(call.content, Path):
        with opened(call.content, call.location, call.project) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    elif call.content is not None:
        yield from Multipart(call.content, call.location, boundary_of(call.headers), call.project)


def _encoded(match: re.Match[str]) -> str:
    return match[0] if len(match[0]) == 3 else quote(match[0], safe="", errors="replace")


def _resolved(path: str) -> str:
    found: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del found[-1:]
        elif segment != ".":
            found.append(segment)
    if segments[-1] in (".", ".."):
        found.append("")
    return "/" + "/".join(found)
