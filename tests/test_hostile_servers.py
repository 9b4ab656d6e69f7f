"""Servers that mean no good, and those that are merely unlucky: time, memory, files and requests are bounded all the same."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from runner.auth.oauth2 import recovery
from runner.environment import Tls
from runner.errors import InputError, NetworkError
from runner.exchange import Call
from runner.transport import Transport
from tests.commands import environment
from tests.servers import raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# Seconds: what is bounded by `timeout: 0.5` has ended long before, and what is not would go on for ever.
PATIENT = 20.0


@contextmanager
def talking(to: Callable[[socket.socket, int], object], address: str = "127.0.0.1") -> Iterator[str]:
    """A server that leaves each connection, and its number from 0, to a function in a thread."""
    listener = socket.create_server((address, 0), backlog=128)
    accepted: list[socket.socket] = []

    def serve(connection: socket.socket, number: int) -> None:
        with suppress(OSError, ssl.SSLError):
            to(connection, number)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                accepted.append(connection)
                threading.Thread(target=serve, args=(connection, len(accepted) - 1), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in accepted:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def head_of(connection: socket.socket) -> bytes:
    """A request as far as its head; b"" when the connection has ended."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        if not more:
            return b""
        head += more
    return head


def failure(call: Call, **options: Any) -> NetworkError:
    began = time.monotonic()
    with Transport(**options) as transport, pytest.raises(NetworkError) as caught:
        transport.send(call)
    assert caught.value.problems[0].hint
    assert time.monotonic() - began < PATIENT
    return caught.value


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def secure(tmp_path: Path) -> tuple[ssl.SSLContext, Tls]:
    """A server's context for `localhost`, and what trusts it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context, Tls(ca=tmp_path / "ca.pem")


def https(url: str) -> str:
    return url.replace("http://127.0.0.1", "https://localhost")


# Time


def endlessly(piece: bytes, pause: float = 0.0, begin: bytes = b"") -> Callable[[socket.socket, int], None]:
    def send(connection: socket.socket, _: int) -> None:
        head_of(connection)
        connection.sendall(begin)
        end = time.monotonic() + 2 * PATIENT
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)

    return send


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WITHOUT_END = {
    "interim": endlessly(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "slow interim": endlessly(b"HTTP/1.1 102 Processing\r\n\r\n", 0.01),
    "drops of an interim": endlessly(b"a", 0.05, b"HTTP/1.1 103 Early Hints\r\nLink: "),
    "header": endlessly(b"a" * 1000, 0.0, b"HTTP/1.1 200 OK\r\nX: "),
    "headers": endlessly(b"X: y\r\n" * 100, 0.0, b"HTTP/1.1 200 OK\r\n"),
    "drops of a header": endlessly(b"a", 0.05, b"HTTP/1.1 200 OK\r\nX: "),
    "status line": endlessly(b"1", 0.05),
    "chunk extension": endlessly(b"a" * 1000, 0.0, CHUNKED + b"1;"),
    "drops of a chunk extension": endlessly(b"a", 0.05, CHUNKED + b"1;"),
    "chunk size": endlessly(b"0" * 1000, 0.0, CHUNKED),
    "drops of a trailer": endlessly(b"a", 0.05, CHUNKED + b"2\r\nok\r\n0\r\nX: "),
    "trailers": endlessly(b"X: y\r\n" * 100, 0.0, CHUNKED + b"0\r\n"),
    "nothing": endlessly(b"", 0.1),
}


@pytest.mark.parametrize("what", WITHOUT_END)
@pytest.mark.parametrize("saved", [False, True], ids=["whole", "saved"])
def test_what_a_server_sends_without_end_ends(what: str, saved: bool, tmp_path: Path) -> None:
    """Where a file is saved no deadline holds: each piece of the answer has its time all the same."""
    with talking(WITHOUT_END[what]) as url:
        error = failure(Call("GET", f"{url}/", timeout=0.5, save=tmp_path / "saved" if saved else None))
    assert error.kind in ("timeout", "protocol")
    assert not (tmp_path / "saved").exists()


def test_a_redirect_that_drips_is_followed(tmp_path: Path) -> None:
    """Its body is of no use: nobody waits for it, not even where no deadline holds."""

    def serve(connection: socket.socket, number: int) -> None:
        head_of(connection)
        if number:
            connection.sendall(OK)
            return
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 60000\r\n\r\n")
        for _ in range(int(2 * PATIENT)):
            connection.sendall(b"x")
            time.sleep(1)

    began = time.monotonic()
    with talking(serve) as url, Transport() as transport:
        transport.send(Call("GET", f"{url}/", timeout=30, save=tmp_path / "saved"))
    assert (tmp_path / "saved").read_bytes() == b"ok"
    assert time.monotonic() - began < PATIENT


@pytest.mark.parametrize("http2", [False, True])
def test_a_handshake_that_drips_is_bounded(http2: bool) -> None:
    def serve(connection: socket.socket, _: int) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x20\x00")
        for _number in range(int(2 * PATIENT / 0.05)):
            connection.sendall(b"\x02")
            time.sleep(0.05)

    with talking(serve) as url:
        error = failure(Call("GET", f"{https(url)}/", timeout=0.5), http2=http2)
    assert (error.kind, error.sent) == ("timeout", False)


@pytest.mark.parametrize("path", ["/", "/a/../"], ids=["straight", "by the library"])
def test_a_server_that_takes_a_body_in_drops_is_bounded(path: str, secure: tuple[ssl.SSLContext, Tls]) -> None:
    """TLS sends a body in many records: it is one deadline for all of them."""
    context, trusted = secure

    def serve(connection: socket.socket, _: int) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with context.wrap_socket(connection, server_side=True) as spoken:
            for _number in range(int(2 * PATIENT / 0.2)):
                spoken.recv(40_000)
                time.sleep(0.2)

    with talking(serve) as url:
        call = Call("POST", f"{https(url)}{path}", content=bytes(20_000_000), timeout=1)
        assert failure(call, tls=trusted, http2=False).kind == "timeout"


def test_all_addresses_of_a_host_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer leaves time for the next."""
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(8):  # until the system takes no more
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(full.getsockname())
        waiting.append(one)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())] * 3
    try:
        with raw_server(OK) as url:
            good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(url.rpartition(":")[2])))
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            error = failure(Call("GET", "http://many.example/", timeout=1))
            assert (error.kind, error.sent) == ("timeout", False)
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*found[:1], good])
            with Transport() as transport:
                assert transport.send(Call("GET", "http://many.example/", timeout=6)).bytes == b"ok"
    finally:
        for one in (*waiting, full):
            one.close()


@pytest.mark.parametrize("path", ["/", "/a/../"], ids=["straight", "by the library"])
def test_a_name_that_no_name_server_can_know_is_told_of(path: str) -> None:
    error = failure(Call("GET", f"http://{'a' * 70}.example{path}", timeout=5))
    assert (error.kind, error.sent) == ("connect", False)


def test_a_proxy_that_any_spelling_of_its_variable_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library, and all of Python's, read `Http_Proxy` too."""
    with raw_server(OK) as url:
        monkeypatch.setenv("Http_Proxy", url)
        with Transport() as transport:
            assert transport.send(Call("GET", "http://nowhere.invalid/", timeout=10)).bytes == b"ok"


# Uploads


def refusing(answer: bytes, *, reads: int = 0) -> Callable[[socket.socket, int], None]:
    """Answers when it has read so many bytes, and neither reads nor closes any more."""

    def serve(connection: socket.socket, _: int) -> None:
        left = reads
        while left > 0:
            left -= len(connection.recv(min(left, 65536)))
        connection.sendall(answer)
        time.sleep(2 * PATIENT)

    return serve


REFUSED = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"


@pytest.mark.parametrize("kind", ["whole", "streamed"])
@pytest.mark.parametrize("reads", [1, 1_000_000])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["", "after an interim one"])
def test_an_upload_ends_when_it_is_refused(kind: str, reads: int, before: bytes, tmp_path: Path) -> None:
    """The rest of it is never read, nor is the connection closed."""
    body: bytes | Path = bytes(30_000_000)
    if kind == "streamed":
        (tmp_path / "big").write_bytes(bytes(30_000_000))
        body = tmp_path / "big"
    began = time.monotonic()
    with talking(refusing(before + REFUSED, reads=reads)) as url, Transport() as transport:
        found = transport.send(Call("POST", f"{url}/", content=body, timeout=2 * PATIENT))
        assert (found.status, found.bytes) == (413, b"big")
        assert not transport._ways._straight._idle, "half a request is on it"
    assert time.monotonic() - began < PATIENT


def test_an_upload_over_tls_ends_when_it_is_refused(secure: tuple[ssl.SSLContext, Tls]) -> None:
    """TLS has words of its own to say, which come before any answer (session tickets; RFC 8446, 4.6.1)."""
    context, trusted = secure

    def serve(connection: socket.socket, number: int) -> None:
        with context.wrap_socket(connection, server_side=True) as spoken:
            refusing(REFUSED, reads=1_000_000)(spoken, number)

    began = time.monotonic()
    with talking(serve) as url, Transport(tls=trusted, http2=False) as transport:
        found = transport.send(Call("POST", f"{https(url)}/", content=bytes(30_000_000), timeout=2 * PATIENT))
        assert (found.status, found.bytes) == (413, b"big")
    assert time.monotonic() - began < PATIENT


@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_an_upload_goes_on_when_its_answer_begins_well(kind: str, secure: tuple[ssl.SSLContext, Tls]) -> None:
    """An interim answer, and a success that is told before all has come, end nothing."""
    context, trusted = secure
    came: list[int] = []

    def answer(connection: socket.socket) -> None:
        count = len(head_of(connection).partition(b"\r\n\r\n")[2])
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5 + OK[:20])
        time.sleep(0.2)
        connection.sendall(OK[20:])
        while count < 20_000_000:
            count += len(connection.recv(1 << 20))
        came.append(count)

    def serve(connection: socket.socket, _: int) -> None:
        if kind == "tls":
            with context.wrap_socket(connection, server_side=True) as spoken:
                answer(spoken)
        else:
            answer(connection)

    with talking(serve) as url, Transport(tls=trusted, http2=False) as transport:
        address = https(url) if kind == "tls" else url
        found = transport.send(Call("POST", f"{address}/", content=bytes(20_000_000), timeout=2 * PATIENT))
        assert (found.status, found.bytes) == (200, b"ok")
        until = time.monotonic() + PATIENT
        while not came and time.monotonic() < until:
            time.sleep(0.01)
    assert came == [20_000_000]


def test_an_upload_is_bounded_by_its_time_whatever_comes(tmp_path: Path) -> None:
    """Interim answers without end, to an upload that nobody reads."""
    (tmp_path / "big").write_bytes(bytes(30_000_000))

    def serve(connection: socket.socket, _: int) -> None:
        end = time.monotonic() + 2 * PATIENT
        while time.monotonic() < end:
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)

    for content in (bytes(30_000_000), tmp_path / "big"):
        with talking(serve) as url:
            assert failure(Call("POST", f"{url}/", content=content, timeout=1)).kind == "timeout"


def test_an_upload_whose_server_goes_ends(tmp_path: Path) -> None:
    def serve(connection: socket.socket, _: int) -> None:
        connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)  # no answer can come any more; the rest is not read
        time.sleep(2 * PATIENT)

    with talking(serve) as url:
        assert failure(Call("POST", f"{url}/", content=bytes(30_000_000), timeout=2 * PATIENT)).kind == "protocol"


# Packed bodies


def packed(codings: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-gzip, gzip"])
def test_more_codings_than_anybody_means_are_refused(coding: str) -> None:
    with raw_server(packed(", ".join([coding] * 3000), b"x" * 100)) as url:
        error = failure(Call("GET", f"{url}/", timeout=10))
    assert "cannot be unpacked" in str(error)


def test_a_trap_that_is_packed_twice_is_one_in_between(tmp_path: Path) -> None:
    """What comes out at the end is nothing at all: 120 MB of empty blocks (RFC 1951, 3.2.4) lie between."""
    empty = gzip.compress(b"", mtime=0)
    body = gzip.compress(empty[:10] + b"\0\0\0\xff\xff" * 24_000_000 + empty[10:], mtime=0)
    for save in (None, tmp_path / "saved"):
        with raw_server(packed("gzip, gzip", body)) as url:
            assert "cannot be unpacked" in str(failure(Call("GET", f"{url}/", timeout=20, save=save)))


def test_the_deadline_holds_while_a_body_is_unpacked() -> None:
    body = gzip.compress(gzip.compress(b"", mtime=0) * 4_000_000, mtime=0)
    with raw_server(packed("gzip, gzip", body)) as url:
        assert failure(Call("GET", f"{url}/", timeout=1)).kind == "timeout"


def test_many_small_members_are_one_body() -> None:
    body = b"".join(gzip.compress(b"%d " % number, mtime=0) for number in range(3000))
    with raw_server(packed("gzip", body)) as url, Transport() as transport:
        found = transport.send(Call("GET", f"{url}/", timeout=20))
    assert found.text == "".join(f"{number} " for number in range(3000))


# Connections that are kept


def closing_when_used(requests: list[bytes], *, after: bytes = b"") -> Callable[[socket.socket, int], None]:
    """The first connection answers once, and ends when the next request has come; all others answer."""

    def serve(connection: socket.socket, number: int) -> None:
        answered = 0
        while head := head_of(connection):
            requests.append(head.split(b"\r\n")[0])
            if number == 0 and answered:
                connection.sendall(after)
                connection.shutdown(socket.SHUT_RDWR)
                return
            answered += 1
            connection.sendall(OK if not head.startswith(b"HEAD") else OK[:-2])

    return serve


WAYS = pytest.mark.parametrize("way", ["", "/a/.."], ids=["straight", "by the library"])


@WAYS
@pytest.mark.parametrize(("method", "again"), [("GET", True), ("HEAD", True), ("POST", False), ("DELETE", False)])
def test_what_changes_nothing_is_asked_for_again_when_a_kept_connection_ends(
    method: str, again: bool, way: str
) -> None:
    """What may change something is sent once (RFC 9110, 9.2.2)."""
    requests: list[bytes] = []
    with talking(closing_when_used(requests)) as url, Transport() as transport:
        transport.send(Call("GET", f"{url}{way}/1", timeout=10))
        second = Call(method, f"{url}{way}/2", content=b"x" if method == "POST" else None, timeout=10)
        if again:
            assert transport.send(second).status == 200
        else:
            with pytest.raises(NetworkError) as caught:
                transport.send(second)
            assert (caught.value.kind, caught.value.sent) == ("protocol", True)
    assert [request.split()[1] for request in requests] == [b"/1", b"/2", *([b"/2"] if again else [])]


@WAYS
def test_what_has_been_answered_in_part_is_not_asked_for_again(way: str) -> None:
    requests: list[bytes] = []
    with talking(closing_when_used(requests, after=b"HTTP/1.1 200")) as url, Transport() as transport:
        transport.send(Call("GET", f"{url}{way}/1", timeout=10))
        with pytest.raises(NetworkError):
            transport.send(Call("GET", f"{url}{way}/2", timeout=10))
    assert len(requests) == 2


@WAYS
def test_a_new_connection_that_ends_is_not_tried_again(way: str) -> None:
    requests: list[bytes] = []

    def serve(connection: socket.socket, _: int) -> None:
        requests.append(head_of(connection))
        connection.shutdown(socket.SHUT_RDWR)

    with talking(serve) as url:
        failure(Call("GET", f"{url}{way}/", timeout=10))
    assert len(requests) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="all of 127.0.0.0/8 is this machine on Linux alone")
def test_connections_to_many_hosts_are_not_all_kept() -> None:
    listener = socket.create_server(("0.0.0.0", 0), backlog=128)
    open_now: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_now.append(connection)
                head_of(connection)
                connection.sendall(OK)

    threading.Thread(target=accept, daemon=True).start()
    before = open_files()
    try:
        with Transport() as transport:
            for number in range(200):
                url = f"http://127.0.1.{number + 1}:{listener.getsockname()[1]}/"
                assert transport.send(Call("GET", url, timeout=10)).status == 200
            held = open_files() - before - len(open_now)
            assert held < 80
        assert open_files() - before - len(open_now) <= 1
    finally:
        listener.close()
        for connection in open_now:
            connection.close()


@pytest.mark.parametrize("fails", ["handshake", "certificate", "answer"])
def test_what_fails_leaves_no_socket_open(fails: str, secure: tuple[ssl.SSLContext, Tls]) -> None:
    def serve(connection: socket.socket, _: int) -> None:
        if fails == "answer":
            head_of(connection)
            connection.sendall(b"nonsense\r\n\r\n")
        elif fails == "certificate":
            with suppress(OSError):
                secure[0].wrap_socket(connection, server_side=True).close()
        else:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")

    with talking(serve) as url, Transport(http2=False) as transport:
        for _ in range(5):
            with pytest.raises(NetworkError):
                transport.send(Call("GET", url + "/" if fails == "answer" else https(url) + "/", timeout=10))
        assert not transport._ways._straight._open


# TLS


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("path", ["/", "/a/../"], ids=["straight", "by the library"])
def test_a_body_ends_with_its_connection_where_tls_says_so(
    told: bool, path: str, secure: tuple[ssl.SSLContext, Tls]
) -> None:
    """RFC 9112, 9.8: whoever sits between could cut a body short; an end without TLS's own word is none."""
    context, trusted = secure

    def serve(connection: socket.socket, _: int) -> None:
        with context.wrap_socket(connection, server_side=True) as spoken:
            head_of(spoken)
            spoken.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
            if told:
                with suppress(OSError):
                    spoken.unwrap()
            else:
                socket.socket.shutdown(spoken, socket.SHUT_RDWR)

    with talking(serve) as url:
        call = Call("GET", f"{https(url)}{path}", timeout=10)
        if told:
            with Transport(tls=trusted, http2=False) as transport:
                assert transport.send(call).bytes == b"half of it"
        else:
            error = failure(call, tls=trusted, http2=False)
            assert "without a whole answer" in str(error)


@pytest.mark.parametrize("http2", [False, True])
def test_certificates_that_a_variable_names_wrongly_are_told_of(
    http2: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with raw_server(b"") as url, Transport(http2=http2) as transport, pytest.raises(InputError, match="SSL_CERT_FILE"):
        transport.send(Call("GET", f"{https(url)}/", timeout=10))


# A run that is stopped


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("phase", ["handshake", "head", "body"])
def test_whoever_stops_a_run_is_not_held_by_a_server(phase: str, http2: bool) -> None:
    """`close` ends what other threads are in the middle of, whatever they wait for; and nothing is sent any more."""
    there = threading.Event()
    requests: list[bytes] = []

    def serve(connection: socket.socket, _: int) -> None:
        if phase == "handshake":
            connection.recv(65536)
        else:
            requests.append(head_of(connection))
        if phase == "body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        there.set()
        connection.recv(1)

    with talking(serve) as url:
        transport = Transport(http2=http2)
        failures: list[BaseException] = []

        def send() -> None:
            try:
                transport.send(Call("GET", (https(url) if phase == "handshake" else url) + "/", timeout=600))
            except NetworkError as error:
                failures.append(error)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        assert there.wait(30)
        transport.close()
        thread.join(30)
        assert not thread.is_alive()
        assert len(failures) == 1
        with pytest.raises(NetworkError):
            transport.send(Call("GET", f"{url}/", timeout=10))
    assert len(requests) == (0 if phase == "handshake" else 1)


# A token that cannot be had twice


_TOKENS = b'{"refresh_token": "made-up", "note": "HTTP/1.1 200 OK"}'
_ASKING = """
import sys, os
from pathlib import Path
from runner.environment import Tls
from runner.exchange import Call
from runner.transport import Transport

class Journal:
    def __init__(self, path):
        from mmap import mmap
        Path(path).write_bytes(bytes(65536))
        descriptor = os.open(path, os.O_RDWR)
        self.memory, self.taken = mmap(descriptor, 65536), 0
    def room(self): return memoryview(self.memory)[self.taken:]
    def took(self, count): self.taken += count

url, ca, path = sys.argv[1:]
with Transport(tls=Tls(ca=Path(ca))) as transport:
    transport.send(Call("POST", url, content=b"grant_type=refresh_token", timeout=60, journal=Journal(path)))
"""


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"], ids=["", "after an interim one"]
)
def test_a_token_that_came_in_chunks_over_tls_outlives_kill_9(
    before: bytes, tmp_path: Path, secure: tuple[ssl.SSLContext, Tls]
) -> None:
    """The process waits for the last line of its answer when it is killed; another time the answer is not whole."""
    context, trusted = secure
    whole = b"".join(
        b"%x;x=y\r\n%b\r\n" % (len(_TOKENS[at : at + 7]), _TOKENS[at : at + 7]) for at in range(0, len(_TOKENS), 7)
    )
    for sent, found in ((whole + b"0\r\n", True), (whole[:-5], False)):
        with talking(_telling(context, before + CHUNKED + sent)) as url:
            path = tmp_path / "journal"
            path.unlink(missing_ok=True)
            process = subprocess.Popen([sys.executable, "-c", _ASKING, f"{https(url)}/", str(trusted.ca), str(path)])
            until = time.monotonic() + 30
            while time.monotonic() < until and not (path.exists() and sent in path.read_bytes()):
                time.sleep(0.01)
            process.kill()
            process.wait()
        answer = recovery.response(path.read_bytes().rstrip(b"\0"))
        assert (answer is not None) is found
        assert answer is None or answer.bytes == _TOKENS


def _telling(context: ssl.SSLContext, answer: bytes) -> Callable[[socket.socket, int], None]:
    def serve(connection: socket.socket, _: int) -> None:
        with context.wrap_socket(connection, server_side=True) as spoken:
            head_of(spoken)
            for at in range(0, len(answer), 5):
                spoken.sendall(answer[at : at + 5])
            spoken.recv(1)
            time.sleep(60)

    return serve


def test_hostile_answers_are_told_in_plain_words(tmp_path: Path) -> None:
    """Through the whole command: an exit status of its kind, and no traceback."""
    answers = [
        packed(", ".join(["gzip"] * 3000), b"x"),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"a=b; expires=" + b"1" * 5000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe//%%%\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=undefined\r\nContent-Length: 2\r\n\r\n\xff\xff",
        b"HTTP/1.1 999 \xff\x1b[31m\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ]
    for number, answer in enumerate(answers):
        with raw_server(answer) as url:
            (tmp_path / "c.yaml").write_text(f"requests:\n  a: {{get: '{url}/', timeout: 5s}}\n")
            done = subprocess.run(
                [sys.executable, "-m", "runner", "c.yaml", "-vv"],
                cwd=tmp_path,
                env=environment(),
                capture_output=True,
                timeout=60,
            )
        assert done.returncode in (0, 1, 2, 3, 4, 5), (number, done)
        assert b"Traceback" not in done.stdout + done.stderr
        assert b"\x1b[31m" not in done.stdout
