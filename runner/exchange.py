"""What crosses the wire, in our own types: a Call that is ready to be sent, the Response, and the Exchange of both.

No type here knows the HTTP library. Header names keep the case in which they were written; looking one up ignores it
(RFC 9110, 5.1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeAlias

from runner.errors import Location, NetworkError
from runner.project import Project
from runner.records import record
from runner.values import Secret, Value

Headers: TypeAlias = tuple[tuple[str, str], ...]

# A body larger than this is written to a temporary file while it arrives; a text or JSON query refuses a body over
# READABLE, so that no download can fill the memory.
IN_MEMORY = 1_000_000
READABLE = 20_000_000


class Unreadable(Exception):
    """A body that cannot be read as asked: not JSON, not text, or too large. The message is for a person."""


def header_values(headers: Headers, name: str) -> list[str]:
    """Every value of the header field `name`, in order."""
    wanted = name.lower()
    return [value for key, value in headers if key.lower() == wanted]


def charset_of(headers: Headers) -> str | None:
    """The charset that Content-Type names (RFC 9110, 8.3.2)."""
    charset = None
    for parameter in next(iter(header_values(headers, "content-type")), "").split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'") or charset
    return charset


@record
class Part:
    """One part of a multipart body (RFC 7578): content in memory, or the file to stream."""

    name: str
    content: bytes | Path
    filename: str | None = None
    content_type: str | None = None


class Journal(Protocol):
    """Memory that outlives the process: an answer is read straight into it, so that no moment lies between."""

    def room(self) -> memoryview:
        """Where the next bytes of the answer go; empty when it is full. To be released before `took` is called."""

    def took(self, count: int) -> None:
        """So many have come."""


@record
class Call:
    """A request with nothing left to decide: every template rendered, secrets revealed.

    `content` is the body: bytes, a file to stream, parts of a multipart body, or None. A Content-Type stands in `headers`
    already (but for multipart, whose boundary the transport makes). `secrets` are all secrets that went into it, so that
    policy can judge the host; `masked_url` is the URL with them masked, fit to be shown. An answer that cannot be had twice
    is read into a `journal`. Calls with the same `connection` share one connection that no other call uses; "" leaves it to
    the pool. `jar` is whose cookies these are: those of one data row are not another's. `unsigned` is what the call was
    before a scheme put its credentials in: a redirect begins from there. Files are opened as `project` allows; None: no
    collection has named them.
    """

    method: str
    url: str
    headers: Headers = ()
    content: bytes | Path | tuple[Part, ...] | None = None
    timeout: float = 30.0
    follow_redirects: bool = True
    max_redirects: int = 10
    cookies: bool = True
    save: Path | None = None
    secrets: frozenset[Secret] = frozenset()
    location: Location | None = None
    masked_url: str = ""
    journal: Journal | None = None
    connection: str = ""
    jar: int = 0
    unsigned: Unsigned | None = None
    project: Project | None = None


@record
class Unsigned:
    """A call without credentials, and what puts them in, anew for each address and each moment."""

    call: Call
    sign: Callable[[Call], Call]


def signed(call: Call, sign: Callable[[Call], Call]) -> Call:
    """`call` with its credentials, which remembers what it was without them."""
    return replace(sign(call), unsigned=Unsigned(call, sign))


@record
class Hop:
    """One redirect that was followed: the status and URL of the answer that asked for it, and where it led."""

    status: int
    url: str
    target: str
    dropped: tuple[str, ...] = ()  # names of header fields left out because the target is another host


@record
class PeerCertificate:
    """What the server proved itself with in the handshake: its certificate (X.509, DER).

    `seen` is when it was (epoch seconds).
    """

    der: bytes
    seen: float


@record
class Response:
    """The final answer. `content` is the decoded body: bytes, or the file that holds it when it is large.

    `url` is the address after redirects, `http_version` "1.1" or "2", `size` the decoded body's length in bytes,
    `duration` the seconds from the first byte sent to the last byte read, redirects included. `certificate` is the
    server's; None over plain http.
    """

    status: int
    reason: str
    headers: Headers
    content: bytes | Path
    size: int
    url: str
    http_version: str
    duration: float
    hops: tuple[Hop, ...] = ()
    certificate: PeerCertificate | None = None

    def header(self, name: str) -> list[str]:
        return header_values(self.headers, name)

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets, by name (RFC 6265, 5.2: the last of a name wins)."""
        found: dict[str, str] = {}
        for line in self.header("set-cookie"):
            name, equals, rest = line.partition("=")
            if equals:
                found[name.strip()] = rest.partition(";")[0].strip().strip('"')
        return found

    @property
    def media_type(self) -> str:
        """The type and subtype of Content-Type in lower case, without parameters; empty when there is none."""
        return next(iter(self.header("content-type")), "").partition(";")[0].strip().lower()

    @cached_property
    def bytes(self) -> bytes:
        """The body. Raises Unreadable when it is larger than READABLE."""
        if isinstance(self.content, bytes):
            return self.content
        if self.size > READABLE:
            raise Unreadable(f"the body is too large to be searched ({self.size} bytes; the bound is {READABLE})")
        return self.content.read_bytes()

    @property
    def charset(self) -> str | None:
        """The charset that Content-Type names."""
        return charset_of(self.headers)

    @cached_property
    def readings(self) -> dict[str, object]:
        """What others have made of the body, by what they call it: it is parsed once, however many queries look into it."""
        return {}

    @cached_property
    def text(self) -> str:
        """The body as text: by the charset of Content-Type, else UTF-8 (RFC 8259), bytes that do not fit replaced."""
        body = self.bytes
        charset = self.charset or "utf-8-sig"
        try:
            return body.decode("utf-8-sig" if charset.lower() in ("utf-8", "utf8") else charset, "replace")
        except (LookupError, ValueError):  # `idna` and `undefined` are Python's names of codecs that replace nothing
            return body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Value:
        """The body as JSON. Raises Unreadable, saying what came instead, when it is not."""
        text = self.text
        try:
            document: Value = json.loads(text)
        except ValueError as error:
            kind = f" ({self.media_type})" if self.media_type else ""
            what = "is empty" if not text.strip() else f"{kind} is not JSON: {_place_in_json(error)}"
            raise Unreadable(f"the body {what.strip()}") from None
        except RecursionError:
            raise Unreadable("the body is JSON nested too deeply to be read") from None
        return document


def _place_in_json(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "a number has too many digits"


@record
class Exchange:
    """One call, and what came of it: a response, or the error that came instead.

    `reason` says why it was sent: "" for the first, else `retry`, `challenge`, `renewed` or `until`. `started` is seconds
    since the epoch.
    """

    call: Call
    started: float
    response: Response | None = None
    error: NetworkError | None = None
    reason: str = ""


def all_secrets(calls: Iterable[Call]) -> frozenset[Secret]:
    """Every secret that went into any of `calls`."""
    return frozenset().union(*(call.secrets for call in calls))
