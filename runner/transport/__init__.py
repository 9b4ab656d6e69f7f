"""Sending a Call over the wire: straight to its host, or by way of the HTTP library, whose one home this is.

One pool of connections for a whole run. Redirects follow our own policy (redirects.py). A body
larger than exchange.IN_MEMORY goes to a file while it arrives; request files are streamed.

`timeout` bounds a request as a whole, from its first byte to its last. Where a file is streamed, up or down, it bounds each
pause instead: a large file may take its time, a stalled one not.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runner import __version__, redirects
from runner.bodies import Multipart, boundary_of, opened
from runner.environment import Tls
from runner.errors import InputError, NetworkError, Problem, remedy
from runner.exchange import IN_MEMORY, Call, Headers, Hop, Response
from runner.project import replacing
from runner.transport.answers import Answer
from runner.transport.clock import Clock
from runner.transport.connection import Content
from runner.transport.direct import Fields
from runner.transport.failures import Failed, network_error
from runner.transport.ways import Ways

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.transport.cookies import Cookies

CHUNK = 1 << 16
# Seconds: how long `close` waits for threads whose connections it has ended.
_LAST_WAIT = 0.5
# More than so many data rows are never under way at once.
_MOST_JARS = 4096
# Seconds that the body of a redirect may take to be read.
_SHORT_WAIT = 1.0
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
        self._jars: dict[int, Cookies] = {}
        self._ways = Ways(tls, proxy, http2, trust_env, self._clock)

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections, and take away bodies that were put to files for the time of the run.

        What other threads still send (of a run that was stopped at once) ends, and leaves no half of a file.
        """
        if self._sending:
            self._ways.cut()
            end = time.monotonic() + _LAST_WAIT
            while self._sending and time.monotonic() < end:
                time.sleep(0.005)
        self._ways.close()
        if self._spool is not None:
            import shutil  # late: of large bodies alone

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
        return self._ways.proxy_for(url)

    def _exchange(self, call: Call, hops: list[Hop], started: float) -> Response | Call:
        """One request and its answer; or the call that follows when the answer leads on."""
        try:
            with _content(call) as (content, headers):
                answer = self._ways.send(call, self._fields(call, headers), content)
                try:
                    got = answer.headers
                    if call.cookies:
                        self._learn_cookies(call, got)
                    leads_to = redirects.target(answer.status, got, call.url) if call.follow_redirects else None
                    if leads_to is not None:
                        self._drain(answer)
                        return self._follow(call, answer.status, leads_to, hops)
                    body, size = self._body(answer, call)
                finally:
                    answer.close()
        except Failed as error:
            raise network_error(error, call) from None
        took = time.perf_counter() - started
        return Response(
            answer.status,
            answer.reason,
            got,
            body,
            size,
            call.url,
            answer.version,
            took,
            tuple(hops),
            answer.certificate,
        )

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

    def _fields(self, call: Call, extra: Headers) -> Fields:
        """The header fields of a request, as bytes. Raises InputError for what cannot stand in one."""
        written = {name.lower() for name, _ in call.headers}
        if call.journal:  # it is to be readable as it is
            extra = (*extra, ("Accept-Encoding", "identity"))
        fields = (
            [field for field in _DEFAULTS if field[0].lower() not in written] if not extra else _beside(extra, written)
        )
        fields += call.headers
        for name, value in call.headers:
            if "\r" in value or "\n" in value or "\0" in value:
                hint = "a header is one line: trim the value"
                raise InputError(Problem(f"the value of the header `{name}` holds a line end", call.location, hint))
        if call.cookies and ("cookie" in written or call.jar in self._jars):
            fields = self._with_cookies(call, fields)
        try:
            return [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in fields]
        except UnicodeError:
            hint = "a header's name is letters, digits and hyphens"
            raise InputError(Problem("the name of a header is not ASCII", call.location, hint)) from None

    def _learn_cookies(self, call: Call, got: Headers) -> None:
        """Put what an answer sets to the cookies of `call`; those of data rows that were run long ago are dropped."""
        if not any(name.lower() == "set-cookie" for name, _ in got):
            return
        from runner.transport.cookies import Cookies  # late: it loads the jar, and few answers set any

        kept = self._jars.setdefault(call.jar, Cookies(self._trusts))
        if len(self._jars) > _MOST_JARS:
            self._jars.pop(next(iter(self._jars)), None)
        kept.learn(call.url, got)

    def _with_cookies(self, call: Call, fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """`fields` with the cookies of the run, beside those that the call writes itself (RFC 6265, 5.4: in one field)."""
        kept = self._jars.get(call.jar)
        written = "; ".join(value for name, value in fields if name.lower() == "cookie")
        value = kept.beside(call.url, written) if kept else written
        others = [field for field in fields if field[0].lower() != "cookie"]
        return [*others, ("Cookie", value)] if value else others

    def _body(self, answer: Answer, call: Call) -> tuple[bytes | Path, int]:
        """The decoded body, and its size: in memory while it is small, else in a file."""
        if call.save is not None and answer.status < 300:
            return call.save, self._save(answer, call.save, call)
        chunks: list[bytes] = []
        size = 0
        arriving = self._arriving(answer)
        for chunk in arriving:
            chunks.append(chunk)
            size += len(chunk)
            if size > IN_MEMORY:
                return self._spooled(answer, chunks, arriving, call)
        return b"".join(chunks), size

    def _spooled(self, answer: Answer, begun: list[bytes], rest: Iterator[bytes], call: Call) -> tuple[Path, int]:
        import tempfile  # late: of large bodies alone

        with _disk_errors(call, "a temporary file"):
            if self._spool is None:
                self._spool = Path(tempfile.mkdtemp(prefix="zrun-"))
            path = self._spool / f"{time.monotonic_ns()}-{threading.get_ident()}"
        with _disk_errors(call, str(path)), path.open("wb") as file:
            for chunk in begun:
                file.write(chunk)
            return path, sum(map(len, begun)) + self._copy(answer, rest, file, "")

    def _save(self, answer: Answer, target: Path, call: Call) -> int:
        """Write the body to `target`: to a neighbour first, so that a broken transfer leaves nothing half."""
        new = replacing(target) if call.project is None else call.project.replacing(target, call.location)
        with _disk_errors(call, str(target)), new as file:
            return self._copy(answer, self._arriving(answer), file, target.name)

    def _arriving(self, answer: Answer) -> Iterator[bytes]:
        """The body, unpacked, as it arrives; to unpack it takes its time too, and that is bounded. Raises Failed."""
        for piece in answer.body():
            if answer.packed:
                try:
                    self._clock.left(None)
                except TimeoutError as error:
                    raise Failed("timeout") from error
            if piece:
                yield piece

    def _drain(self, answer: Answer) -> None:
        """A redirect's own body is of no use to anybody; a short one is read, so that its connection can be used again."""
        length, until = answer.length, self._clock.deadline
        if length is None or length >= CHUNK:
            return
        soon = time.monotonic() + _SHORT_WAIT
        self._clock.deadline = soon if until is None else min(soon, until)
        try:
            with suppress(Failed):
                for _ in answer.body():
                    pass
        finally:
            self._clock.deadline = until

    def _copy(self, answer: Answer, chunks: Iterator[bytes], file: BinaryIO, label: str) -> int:
        """The bytes written."""
        total = None if answer.packed else answer.length
        size = 0
        for chunk in chunks:
            file.write(chunk)
            size += len(chunk)
            if label and self._progress is not None:
                self._progress(label, size, total)
        return size


def _beside(extra: Headers, written: set[str]) -> list[tuple[str, str]]:
    """The default fields, `extra` in the place of those that it names, without what is `written`."""
    given = {name.lower(): (name, value) for name, value in (*_DEFAULTS, *extra)}
    return [field for name, field in given.items() if name not in written]


@contextmanager
def _content(call: Call) -> Iterator[tuple[Content, Headers]]:
    """The body as it is sent, and the header fields that belong to it."""
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
