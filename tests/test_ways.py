"""The two ways of a call: straight to its host, and by the HTTP library. What arrives is the same."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.environment import Tls
from runner.errors import InputError, NetworkError
from runner.exchange import Call, Response
from runner.transport import Transport
from runner.transport.answers import Answer
from runner.transport.clients import Clients
from runner.transport.clock import Clock
from runner.transport.direct import Direct, carries, reach
from runner.transport.failures import Failed
from runner.transport.names import Names
from tests.servers import Server, raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def recording(*answers: bytes, close: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """A server that keeps each request as it came, and gives `answers` one after the other, the last for ever.

    `close`: it closes each connection when it has answered, without saying so.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    came: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while True:
                request = b""
                while b"\r\n\r\n" not in request:
                    more = connection.recv(65536)
                    if not more:
                        return
                    request += more
                head, _, body = request.partition(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0
                )
                while len(body) < length:
                    more = connection.recv(65536)
                    if not more:
                        return
                    body += more
                came.append(head + b"\r\n\r\n" + body)
                connection.sendall(answers[min(len(came), len(answers)) - 1])
                if close:
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", came
    finally:
        listener.close()


def send(url: str, method: str = "GET", **parts: object) -> Response:
    with Transport() as transport:
        return transport.send(Call(method, url, timeout=10, **parts))  # type: ignore[arg-type]


# The address


_PIECES = st.sampled_from(
    ["a", "Z9", "-._~", "!$&'()*+,;=", ":@", "%2F", "%c3", "%", "%zz", "/", "//", "/.", "/..", "/a/../b", "...", "?", "??", "#",
     " ", '"', "<>", "[]", "{}", "|", "\\", "^", "`", "ü", "\x00", "\r\n", "\t", "\x7f", "€"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=8).map("".join), st.sampled_from(["", "/", "?"]))
@example("", "")
@example("a/./b", "/")
@example("a?b/../c", "/")
def test_an_address_that_is_sent_as_it_is_written_is_what_the_library_would_send(rest: str, slash: str) -> None:
    found = reach(f"http://a.example:8080{slash}{rest}")
    if found is not None:
        theirs = httpx.URL(f"http://a.example:8080{slash}{rest}")
        assert found.target == theirs.raw_path
        assert found.origin == (theirs.scheme, theirs.host, theirs.port)
        assert found.host == theirs.netloc


@pytest.mark.parametrize(
    "url",
    [
        "http://a:b@host/", "HTTP://host/", "http://Host/", "http://host:080/", "http://host:0/", "http://host:99999/",
        "http://127.1/", "http://0x7f.0.0.1/", "http://host./", "http://[::1%25lo]/", "http://[0:0::1]/", "http://ho%73t/",
        "http://bücher.example/", "ftp://host/", "http://host", "http:///x", "http://host\\@other/", "http://host#@other/",
        "http://host?@other/", "http://a..b/", "http://-a/", "http://host/a#b", "http://host /", " http://host/",
        "http://host/\n", "http://host/a b", "http://host/../x", "http://host/x/..", "http://host/%", "http://host:/",
    ],
)  # fmt: skip
def test_an_address_that_has_to_be_put_right_is_the_librarys(url: str) -> None:
    assert reach(url) is None or url == "http://host"


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("http://host/", b"host", ("http", "host", 80)),
        ("http://host:80/", b"host", ("http", "host", 80)),
        ("https://host:443/a?b=c", b"host", ("https", "host", 443)),
        ("https://host:80/", b"host:80", ("https", "host", 80)),
        ("http://[::1]:8080/", b"[::1]:8080", ("http", "::1", 8080)),
        ("http://127.0.0.1:1/", b"127.0.0.1:1", ("http", "127.0.0.1", 1)),
        ("http://a_b.xn--bcher-kva.example/", b"a_b.xn--bcher-kva.example", ("http", "a_b.xn--bcher-kva.example", 80)),
    ],
)
def test_host_and_origin(url: str, host: bytes, origin: tuple[str, str, int]) -> None:
    found = reach(url)
    assert found is not None
    assert (found.host, found.origin) == (host, origin)
    assert httpx.URL(url).netloc == host


# The request


_TOKEN = st.sampled_from(["X-One", "x-two", "Accept", "Host", "Content-Type", "Content-Length", "Cookie", "User-Agent"])
_VALUE = st.sampled_from(["a", "b c", "", "ü".encode().decode("latin-1"), "0", "3", "a\tb", "host.example"])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"]),
    st.lists(st.tuples(_TOKEN, _VALUE), max_size=4),
    st.sampled_from([None, b"", b"abc", bytes(range(256))]),
    st.sampled_from(["/", "/a/b", "/?q", "/a%20b?c=%C3%BC&d"]),
)
def test_both_ways_send_the_same_bytes(
    method: str, headers: list[tuple[str, str]], content: bytes | None, path: str
) -> None:
    fields = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    with recording(OK if method != "HEAD" else OK[:-2]) as (url, came):
        straight, library = (
            Direct(_no_context, Names(), Clock()),
            Clients(Tls(), None, False, False, Names(), Clock()),
        )
        with closing(straight), closing(library):
            to = reach(url + path)
            assert to is not None
            call = Call(method, url + path, timeout=5)
            first = outcome(lambda: straight.send(method, to, fields, content, 5))
            assert first == outcome(lambda: library.send(call, fields, content))
    if "Content-Length" not in dict(headers):  # the library sends the head before it sees that the length is wrong
        assert [parts(request) for request in came[:1]] == [parts(request) for request in came[1:]]


def outcome(way: Callable[[], Answer]) -> object:
    """The body of the answer, or why there is none."""
    try:
        answer = way()
    except Failed as failure:
        return failure.kind
    body = b"".join(answer.body())
    answer.close()
    return body


def parts(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The request line, the fields (of one name in their order), and the body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    return first, sorted(fields, key=lambda field: field.partition(b":")[0].lower()), body


def _no_context() -> ssl.SSLContext:
    raise AssertionError("nobody speaks TLS here")


@pytest.mark.parametrize("name", ["Connection", "upgrade", "Transfer-Encoding", "TE", "Expect"])
def test_what_changes_the_connection_is_the_librarys(name: str) -> None:
    assert not carries("GET", [(name.encode(), b"x")])
    assert carries("GET", [(b"Accept", b"x")])
    assert not carries("CONNECT", [])


def test_a_large_body_is_sent_whole(server: Server) -> None:
    sent = bytes(range(256)) * 20_000
    assert send(f"{server.url}/echo", "POST", content=sent).status == 200
    assert server.bodies == [sent]


def test_a_head_and_a_small_body_are_one_packet() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    got: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            got.append(connection.recv(65536))
            connection.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    send(f"http://127.0.0.1:{listener.getsockname()[1]}/", "POST", content=b"body")
    thread.join(10)
    listener.close()
    assert got[0].endswith(b"\r\n\r\nbody")


# The answer


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nTrailer: t\r\n\r\n",
            b"ok",
        ),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", b"ok"),
    ],
)
def test_answers_that_are_framed_leave_the_connection_to_the_next(answer: bytes, body: bytes) -> None:
    with recording(answer) as (url, came), Transport() as transport:
        for _ in range(3):
            assert transport.send(Call("GET", f"{url}/", timeout=10)).bytes == body
        assert len(transport._ways._straight._open) == 1
    assert len(came) == 3


def test_a_body_that_ends_with_its_connection() -> None:
    for answer in (b"HTTP/1.1 200 OK\r\n\r\nall of it", b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nall of it"):
        with raw_server(answer) as url:
            assert send(f"{url}/").bytes == b"all of it"


def test_an_answer_to_head_has_no_body() -> None:
    with recording(OK[:-2], OK) as (url, _), Transport() as transport:
        assert transport.send(Call("HEAD", f"{url}/", timeout=10)).bytes == b""
        assert transport.send(Call("GET", f"{url}/", timeout=10)).bytes == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"\x16\x03\x01",
    ],
)
def test_an_answer_that_can_be_read_in_two_ways_is_none(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(NetworkError) as caught:
        send(f"{url}/")
    assert caught.value.kind == "protocol"


def test_bytes_beyond_an_answer_are_not_taken_for_the_next() -> None:
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    with recording(OK + forged, OK) as (url, came), Transport() as transport:
        assert transport.send(Call("GET", f"{url}/1", timeout=10)).bytes == b"ok"
        assert transport.send(Call("GET", f"{url}/2", timeout=10)).bytes == b"ok"
    assert len(came) == 2


def test_a_connection_that_its_server_has_closed_is_not_used_again() -> None:
    with recording(OK, close=True) as (url, came), Transport() as transport:
        for number in range(5):
            assert transport.send(Call("POST", f"{url}/{number}", content=b"x", timeout=10)).status == 200
            time.sleep(0.05)  # the end arrives
    assert len(came) == 5


def test_an_answer_that_comes_before_the_request_is_all_sent() -> None:
    early = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(1024)
        connection.sendall(early)
        connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while connection.recv(65536):
                pass
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    found = send(f"http://127.0.0.1:{listener.getsockname()[1]}/", "PUT", content=bytes(5_000_000))
    listener.close()
    assert found.status == 413


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0)),
        ("x-gzip", gzip.compress(b"one two", mtime=0)),
        ("deflate", zlib.compress(b"one two")),
        ("deflate", zlib.compress(b"one two")[2:-4]),
        ("deflate, gzip", gzip.compress(zlib.compress(b"one two"), mtime=0)),
        ("GZIP", gzip.compress(b"one two", mtime=0)),
        ("identity", b"one two"),
        ("made-up", b"one two"),
    ],
)
def test_bodies_are_unpacked(coding: str, packed: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size in (1, 3, 1000):
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        with raw_server(head.encode() + chunked) as url:
            assert send(f"{url}/").text == "one two"


def test_an_empty_body_needs_no_unpacking() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n") as url:
        assert send(f"{url}/").bytes == b""


# Several at once, TLS, and which way


def test_threads_share_connections(server: Server) -> None:
    with Transport() as transport, ThreadPoolExecutor(8) as pool:
        urls = [f"{server.url}/echo?n={number}" for number in range(400)]
        answers: list[Any] = list(pool.map(lambda url: transport.send(Call("GET", url)).json, urls))
    assert [answer["raw-query"] for answer in answers] == [f"n={number}" for number in range(400)]
    assert server.connections <= 8


def _loaded(transport: Transport) -> bool:
    """Whether a call has gone by the library."""
    return transport._ways._library is not None


def test_https_goes_straight_where_http_2_is_not_spoken(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Server(tls=context) as server, Transport(tls=Tls(ca=tmp_path / "ca.pem"), http2=False) as transport:
        for _ in range(3):
            found = transport.send(Call("POST", f"{server.url}/echo", content=b"x" * 100_000, timeout=10))
            assert (found.status, found.http_version) == (200, "1.1")
            assert found.certificate is not None
        assert not _loaded(transport)
        assert server.connections == 1


def test_the_addresses_of_both_ways(server: Server) -> None:
    with Transport() as transport:
        assert transport.send(Call("GET", f"{server.url}/status/200")).status == 200
        assert not _loaded(transport)
        assert transport.send(Call("GET", f"{server.url}/a/../status/201")).status == 201
        assert _loaded(transport)
        with pytest.raises(InputError):
            transport.send(Call("GET", "http://[::1/"))
    assert server.paths() == ["/status/200", "/status/201"]
