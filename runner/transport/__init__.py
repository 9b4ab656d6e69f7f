"""Sending a Call over the wire: the one home of the HTTP library.

One pool of connections for a whole run. Redirects follow our own policy (redirects.py). A body
larger than exchange.IN_MEMORY goes to a file while it arrives; request files are streamed.

`timeout` bounds a request as a whole, from its first byte to its last. Where a file is streamed, up or down, it bounds each
pause instead: a large file may take its time, a stalled one not.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from runner import __version__, redirects
from runner.bodies import Multipart, boundary_of, opened
from runner.environment import Tls
from runner.errors import InputError, NetworkError, Problem, remedy
from runner.exchange import IN_MEMORY, Call, Headers, Hop, PeerCertificate, Response
from runner.origins import PORTS, host_of, split
from runner.project import replacing
from runner.transport.clients import Clients
from runner.transport.cookies import jar
from runner.transport.deadline import Clock
from runner.transport.failures import errors_of
from runner.transport.library import httpx

CHUNK = 1 << 16
# Seconds: how long `close` waits for threads whose connections it has ended.
_LAST_WAIT = 0.5
# More than so many data rows are never under way at once.
_MOST_JARS = 4096
# A body that unpacks to more than this many bytes, and this many times its size, is a trap (DEFLATE reaches 1032).
_TRAP_SIZE, _TRAP_RATIO = 100_000_000, 200
_DEFAULTS = (("User-Agent", f"zrun/{__version__}"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"))


class Transport:
    """A context manager; `send` may be called from several threads.

    `may_send` is asked before each redirect is followed, and raises PolicyError when the call's secrets may not go there.
    `trusts` tells whether a cookie may be sent to an address that has not set it.
    `progress` hears of (label, bytes so far, bytes in all or None) while a body is saved to a file.
    """

    def __init__(
        self,
        *,
        tls: Tls = Tls(),  # noqa: B008  (frozen)
        proxy: str | None = None,
        http2: bool | None = None,
        may_send: Callable[[str, Call], None] | None = None,
        trusts: Callable[[str], bool] = lambda _: False,
        progress: Callable[[str, int, int | None], None] | None = None,
        trust_env: bool = True,
    ) -> None:
        self._may_send = may_send
        self._progress = progress
        self._spool: Path | None = None
        self._clock = Clock()
        self._sending: set[int] = set()  # threads
        self._trusts = trusts
        self._jars: dict[int, httpx.Cookies] = {}
        self._clients = Clients(tls, proxy, http2, trust_env, self._clock)

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections, and take away bodies that were put to files for the time of the run.

        What other threads still send (of a run that was stopped at once) ends, and leaves no half of a file.
        """
        if self._sending:
            self._clients.cut()
            end = time.monotonic() + _LAST_WAIT
            while self._sending and time.monotonic() < end:
                time.sleep(0.005)
        self._clients.close()
        if self._spool is not None:
            shutil.rmtree(self._spool, ignore_errors=True)
            self._spool = None

    def send(self, call: Call) -> Response:
        """Send `call`, follow its redirects, and read the whole answer.

        Raises NetworkError when no answer came, PolicyError for a redirect that a secret may not follow, InputError for a
        file that cannot be read or an address or header that cannot be sent.
        """
        started = time.perf_counter()
        hops: list[Hop] = []
        streams = call.save is not None or not isinstance(call.content, (bytes, type(None)))
        self._clock.deadline = None if streams else time.monotonic() + call.timeout
        self._clock.journal = call.journal
        self._sending.add(threading.get_ident())
        try:
            while True:
                found = self._exchange(call, hops, started)
                if isinstance(found, Response):
                    return found
                call = found
        finally:
            self._clock.deadline = self._clock.journal = None
            self._sending.discard(threading.get_ident())

    def proxy_for(self, url: str) -> tuple[str, Headers] | None:
        """The proxy by which `url` is reached, without user and password, and the header fields for it; None: directly."""
        return self._clients.proxy_for(url)

    def _exchange(self, call: Call, hops: list[Hop], started: float) -> Response | Call:
        """One request and its answer; or the call that follows when the answer leads on."""
        with errors_of(call), _content(call) as (content, headers):
            request = self._request(call, content, headers)
            answer = self._clients.of(call).begin(request)
            try:
                if call.cookies:
                    self._learn_cookies(call, answer)
                got: Headers = tuple(
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw
                )
                leads_to = redirects.target(answer.status_code, got, call.url) if call.follow_redirects else None
                if leads_to is not None:
                    self._drain(answer, got)
                    return self._follow(call, answer.status_code, leads_to, hops)
                certificate = _certificate(answer)
                body, size = self._body(answer, call)
            finally:
                answer.close()
        version = answer.http_version.removeprefix("HTTP/")
        took = time.perf_counter() - started
        status, reason = answer.status_code, answer.reason_phrase
        return Response(status, reason, got, body, size, call.url, version, took, tuple(hops), certificate=certificate)

    def _drain(self, answer: httpx.Response, headers: Headers) -> None:
        """A redirect's own body is of no use to anybody; a short one is read, so that its connection can be used again."""
        with suppress(httpx.HTTPError):
            if int(next((v for n, v in headers if n.lower() == "content-length"), CHUNK)) < CHUNK:
                answer.read()

    def _follow(self, call: Call, status: int, url: str, hops: list[Hop]) -> Call:
        if len(hops) >= call.max_redirects:
            hint = "a loop? -vv shows where they lead; max-redirects allows more"
            message = f"more than {call.max_redirects} redirects"
            raise NetworkError(Problem(message, call.location, hint), kind="protocol")
        following, hop = redirects.follow(call, status, url)
        if self._may_send is not None:
            self._may_send(url, following)
        hops.append(hop)
        return following

    def _request(self, call: Call, content: Any, extra: Headers) -> httpx.Request:
        written = {name.lower() for name, _ in call.headers}
        if call.journal:  # it is to be readable as it is
            extra = (*extra, ("Accept-Encoding", "identity"))
        given = {**{name.lower(): (name, value) for name, value in _DEFAULTS}, **{n.lower(): (n, v) for n, v in extra}}
        headers = (
            *(field for name, field in given.items() if name not in written),
            *call.headers,
        )
        for name, value in headers:
            if any(character in value for character in "\r\n\0"):
                hint = "a header is one line: trim the value"
                raise InputError(Problem(f"the value of the header `{name}` holds a line end", call.location, hint))
        try:
            request = httpx.Request(
                call.method,
                call.url,
                headers=[(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in headers],
                content=content,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), call.timeout)},
            )
            if call.cookies:
                self._add_cookies(request, self._jars.get(call.jar))
        except (httpx.InvalidURL, UnicodeError):
            raise InputError(Problem("the address cannot be sent", call.location, "check its host and port")) from None
        self._check_reading(request.url, call)
        return request

    def _check_reading(self, reached: httpx.URL, call: Call) -> None:
        """What was judged is what is reached: the library must read the same host out of the address as the policy does."""
        host = reached.raw_host.decode("ascii", "replace")
        try:
            judged = split(call.url)
            same = judged == (
                reached.scheme,
                host_of(f"[{host}]" if ":" in host else host),
                reached.port or PORTS.get(reached.scheme, 0),
            )
        except ValueError:
            same = False
        if not same:
            raise InputError(Problem("the host of the address can be read in two ways", call.location, "mend the URL"))

    def _learn_cookies(self, call: Call, answer: httpx.Response) -> None:
        """Put what an answer sets to the cookies of `call`; those of data rows that were run long ago are dropped."""
        if "set-cookie" in answer.headers:
            found = self._jars.setdefault(call.jar, httpx.Cookies(jar(self._trusts)))
            if len(self._jars) > _MOST_JARS:
                self._jars.pop(next(iter(self._jars)), None)
            found.extract_cookies(answer)

    def _add_cookies(self, request: httpx.Request, kept: httpx.Cookies | None) -> None:
        """Send the cookies of the run, beside those that the call writes itself: of one name, the call's."""
        if kept is None and "cookie" not in request.headers:
            return
        written = "; ".join(request.headers.get_list("cookie"))  # RFC 6265, 5.4: there is one field
        request.headers.pop("cookie", None)
        if kept is not None:
            kept.set_cookie_header(request)
        added = request.headers.pop("cookie", "")
        names = {pair.partition("=")[0].strip() for pair in written.split(";")}
        more = [pair for pair in added.split("; ") if pair and pair.partition("=")[0] not in names]
        if written or more:
            request.headers["cookie"] = "; ".join([*([written] if written else ()), *more])

    def _body(self, answer: httpx.Response, call: Call) -> tuple[bytes | Path, int]:
        """The decoded body, and its size: in memory while it is small, else in a file."""
        if call.save is not None and answer.status_code < 300:
            return call.save, self._save(answer, call.save, call)
        chunks: list[bytes] = []
        size = 0
        # What is not packed needs none of the library's decoders.
        packed = "content-encoding" in answer.headers
        arriving = answer.iter_bytes(CHUNK) if packed else iter(cast(httpx.SyncByteStream, answer.stream))
        for chunk in arriving:
            chunks.append(chunk)
            size += len(chunk)
            if size > IN_MEMORY:
                return self._spooled(answer, chunks, arriving, call)
        return b"".join(chunks), size

    def _spooled(
        self, answer: httpx.Response, begun: list[bytes], rest: Iterator[bytes], call: Call
    ) -> tuple[Path, int]:
        import tempfile  # late: of large bodies alone

        with _disk_errors(call, "a temporary file"):
            if self._spool is None:
                self._spool = Path(tempfile.mkdtemp(prefix="zrun-"))
            path = self._spool / f"{time.monotonic_ns()}-{threading.get_ident()}"
        with _disk_errors(call, str(path)), path.open("wb") as file:
            for chunk in begun:
                file.write(chunk)
            return path, sum(map(len, begun)) + self._copy(answer, rest, file, sum(map(len, begun)), "")

    def _save(self, answer: httpx.Response, target: Path, call: Call) -> int:
        """Write the body to `target`: to a neighbour first, so that a broken transfer leaves nothing half."""
        new = replacing(target) if call.project is None else call.project.replacing(target, call.location)
        with _disk_errors(call, str(target)), new as file:
            return self._copy(answer, answer.iter_bytes(CHUNK), file, 0, target.name)

    def _copy(self, answer: httpx.Response, chunks: Iterator[bytes], file: BinaryIO, before: int, label: str) -> int:
        """The bytes written. Raises httpx.DecodingError for a body that unpacks without end."""
        length = answer.headers.get("content-length", "")
        packed = "content-encoding" in answer.headers
        total = int(length) if length.isascii() and length.isdigit() and not packed else None
        size = 0
        for chunk in chunks:
            file.write(chunk)
            size += len(chunk)
            if (
                packed
                and before + size > _TRAP_SIZE
                and before + size > _TRAP_RATIO * max(answer.num_bytes_downloaded, 1)
            ):
                raise httpx.DecodingError("it unpacks to more than 200 times its size")
            if label and self._progress is not None:
                self._progress(label, size, total)
        return size


def _certificate(answer: httpx.Response) -> PeerCertificate | None:
    """The server's, of the handshake of this connection; of plain http none, though a proxy may have one of its own."""
    if answer.request.url.scheme != "https":
        return None
    spoken = answer.extensions["network_stream"].get_extra_info("ssl_object")
    der = spoken.getpeercert(True) if spoken is not None else None
    return PeerCertificate(der, time.time()) if der else None


@contextmanager
def _content(call: Call) -> Iterator[tuple[Any, Headers]]:
    """The body as httpx takes it, and the header fields that belong to it."""
    if isinstance(call.content, Path):
        with opened(call.content, call.location, call.project) as file:
            size = os.fstat(file.fileno()).st_size
            yield _chunks(file), (("Content-Length", str(size)),)
    elif isinstance(call.content, tuple):
        body = Multipart(call.content, call.location, boundary_of(call.headers), call.project)
        yield iter(body), (("Content-Type", body.content_type), ("Content-Length", str(body.length)))
    else:
        yield call.content, ()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


@contextmanager
def _disk_errors(call: Call, where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the body cannot be written to {where}: {error.strerror or error}"
        raise InputError(Problem(message, call.location, remedy(error))) from None
