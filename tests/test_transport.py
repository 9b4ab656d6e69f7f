"""Sending: bodies, redirects, cookies, limits and failures, over real sockets."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from runner import bodies
from runner.environment import Tls
from runner.errors import InputError, NetworkError, PolicyError
from runner.exchange import Call, Part, Response
from runner.redirects import same_origin
from runner.transport import Transport
from runner.transport.tls import context_for
from runner.values import Secret
from tests.servers import Server, free_port, raw_server


def send(call: Call, **options: Any) -> Response:
    with Transport(**options) as transport:
        return transport.send(call)


def echoed(call: Call) -> Any:
    return send(call).json


def test_a_call_arrives_as_it_is(server: Server) -> None:
    url = f"{server.url}/echo?a=%2F+x&b=ü%20|&a=2&empty="
    found = echoed(Call("PATCH", url, (("X-One", "1"), ("x-two", "2"), ("X-One", "3")), b"body"))
    assert found["method"] == "PATCH"
    assert found["raw-query"] == "a=%2F+x&b=%C3%BC%20|&a=2&empty="
    assert [pair for pair in found["header-list"] if pair[0].lower() in ("x-one", "x-two")] == [
        ["X-One", "1"],
        ["x-two", "2"],
        ["X-One", "3"],
    ]
    assert found["body"] == "body"


def test_our_own_headers_give_way_to_the_callers(server: Server) -> None:
    assert echoed(Call("GET", f"{server.url}/echo"))["headers"]["user-agent"].startswith("zrun/")
    headers = echoed(Call("GET", f"{server.url}/echo", (("user-agent", "mine"), ("Host", "other.example"))))["headers"]
    assert headers["user-agent"] == "mine"
    assert headers["host"] == "other.example"
    assert headers["accept-encoding"] == "gzip, deflate"


def test_one_connection_serves_a_run(server: Server) -> None:
    with Transport() as transport:
        for _ in range(20):
            transport.send(Call("GET", f"{server.url}/status/200"))
            transport.send(Call("GET", f"{server.url}/redirect/302"))
    assert server.connections == 1


def test_files_and_parts_are_streamed(server: Server, tmp_path: Path) -> None:
    path = tmp_path / 'a "file".txt'
    path.write_bytes(b"content")
    found = echoed(Call("PUT", f"{server.url}/echo", content=path))
    assert (found["body"], found["headers"]["content-length"]) == ("content", "7")
    parts = (Part("text", b"value"), Part("file", path, path.name, "text/plain"), Part("evil\r\nX: y", b"", "n\0"))
    found = echoed(Call("POST", f"{server.url}/echo", content=parts))
    boundary = found["headers"]["content-type"].partition("boundary=")[2]
    assert found["headers"]["content-length"] == str(found["size"])
    assert found["body"] == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="text"\r\n\r\nvalue\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a %22file%22.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\ncontent\r\n"
        f'--{boundary}\r\nContent-Disposition: form-data; name="evil%0D%0AX: y"; filename="n%00"\r\n\r\n\r\n'
        f"--{boundary}--\r\n"
    )
    with pytest.raises(InputError, match="cannot read the file"):
        send(Call("PUT", server.url, content=tmp_path / "none"))
    with pytest.raises(InputError, match="line end"):
        bodies.Multipart((Part("a", b"", None, "text/plain\r\nX: y"),), None)


_PEAK = """
import resource, sys
from pathlib import Path
from runner.exchange import Call
from runner.transport import Transport
from runner.transport.tls import context_for
url, folder = sys.argv[1], Path(sys.argv[2])
with Transport() as transport:
    transport.send(Call("GET", url + "/status/200"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    got = transport.send(Call("GET", url + "/bytes/200000000", save=folder / "got", timeout=60))
    kept = transport.send(Call("GET", url + "/bytes/200000000", timeout=60))
    sent = transport.send(Call("PUT", url + "/echo", content=folder / "got", timeout=60))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(got.size, kept.size, sent.status, (after - before) // 1024)
"""


def test_large_bodies_pass_through_little_memory(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PEAK, server.url, str(tmp_path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert out[:3] == ["200000000", "200000000", "200"]
    assert int(out[3]) < 20  # megabytes


def test_a_body_is_saved_whole_or_not_at_all(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.bin"
    heard: list[tuple[str, int, int | None]] = []
    found = send(Call("GET", f"{server.url}/bytes/300000", save=target), progress=lambda *told: heard.append(told))
    assert (found.content, target.stat().st_size) == (target, 300_000)
    assert heard[-1] == ("file.bin", 300_000, 300_000)
    assert send(Call("GET", f"{server.url}/status/404", save=tmp_path / "error")).json == {"status": 404}
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as url, pytest.raises(NetworkError):
        send(Call("GET", url, save=tmp_path / "half"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


def test_bodies_are_decoded(server: Server) -> None:
    found = send(Call("GET", f"{server.url}/gzip"))
    assert found.json == {"zeros": "0" * 10}
    assert found.size == len(found.bytes)


def test_a_body_that_unpacks_without_end_is_refused() -> None:
    import zlib

    packer = zlib.compressobj(9, wbits=31)
    chunk = bytes(1 << 20)
    packed = b"".join(packer.compress(chunk) for _ in range(110)) + packer.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with raw_server(head + packed) as url, pytest.raises(NetworkError, match="cannot be unpacked"):
        send(Call("GET", url, timeout=30))


def test_cookies_live_for_the_run_unless_turned_off(server: Server) -> None:
    with Transport() as transport:
        transport.send(Call("GET", f"{server.url}/cookie/set?a=1"))
        with_cookies: Any = transport.send(Call("GET", f"{server.url}/echo")).json
        without: Any = transport.send(Call("GET", f"{server.url}/echo", cookies=False)).json
    assert with_cookies["headers"]["cookie"] == "a=1"
    assert "cookie" not in without["headers"]


# Redirects


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"),
        (308, "PUT", "PUT"), (301, "PUT", "PUT"), (302, "GET", "GET"), (303, "HEAD", "HEAD"),
    ],
)  # fmt: skip
def test_methods_follow_rfc_9110(server: Server, status: int, method: str, becomes: str) -> None:
    headers = (("Content-Type", "text/plain"), ("X-Mine", "1"))
    found = send(Call(method, f"{server.url}/redirect/{status}", headers, b"body"))
    assert server.seen[-1] == (becomes, "/echo")
    assert server.bodies[-1] == (b"body" if becomes == method and method not in ("HEAD",) else server.bodies[-1])
    assert ("content-type" in server.headers[-1]) is (becomes == method)
    assert server.headers[-1]["x-mine"] == "1"
    assert [hop.status for hop in found.hops] == [status]
    assert found.url == f"{server.url}/echo"


def test_redirects_can_be_turned_off_and_are_bounded(server: Server) -> None:
    assert send(Call("GET", f"{server.url}/redirect/302", follow_redirects=False)).status == 302
    assert send(Call("GET", f"{server.url}/status/304")).status == 304
    loop = f"{server.url}/redirect/302?to=/redirect/302"
    server.hook = lambda method, path: None
    with pytest.raises(NetworkError, match="more than 3 redirects"):
        send(
            Call(
                "GET",
                loop.replace(
                    "to=/redirect/302",
                    f"to={server.url}/redirect/302%3Fto=/redirect/302%253Fto=/redirect/302%25253Fto=/redirect/302",
                ),
                max_redirects=3,
            )
        )


def test_credentials_do_not_cross_to_another_origin(server: Server) -> None:
    token = Secret("made-up-token", "token")
    headers = (
        ("Authorization", "Bearer x"),
        ("Cookie", "a=b"),
        ("X-Api-Key", "made-up-token"),
        ("X-Prefixed", "Key made-up-token"),
        ("X-Free", "free"),
    )
    with Server() as other:
        call = Call("GET", f"{server.url}/redirect/302?to={other.url}/echo", headers, secrets=frozenset((token,)))
        asked: list[tuple[str, frozenset[Secret]]] = []
        found = send(call, may_send=lambda url, following: asked.append((url, following.secrets)))
        assert not {"authorization", "cookie", "x-api-key", "x-prefixed"} & other.headers[-1].keys()
        assert other.headers[-1]["x-free"] == "free"
        assert set(found.hops[0].dropped) == {"Authorization", "Cookie", "X-Api-Key", "X-Prefixed"}
        assert asked == [(f"{other.url}/echo", frozenset())]
        same = Call("GET", f"{server.url}/redirect/302", headers, secrets=frozenset((token,)))
        send(same)
        assert server.headers[-1]["x-api-key"] == "made-up-token"


@pytest.mark.parametrize(
    "content", [b"code=made%2Fup%2Btoken", b'{"a": "made/up+token"}', (Part("a", b"made/up+token"),)]
)
def test_a_secret_in_a_body_does_not_cross_to_another_origin(server: Server, content: Any) -> None:
    with Server() as other:
        call = Call(
            "POST",
            f"{server.url}/redirect/307?to={other.url}/echo",
            content=content,
            secrets=frozenset((Secret("made/up+token", "grant-token"),)),
        )
        with pytest.raises(PolicyError, match="grant-token") as caught:
            send(call)
        assert not other.seen
        assert "made" not in str(caught.value)


@pytest.mark.parametrize(
    "to", ["http://user:pass@127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:x"]
)
def test_some_redirects_are_not_followed(server: Server, to: str) -> None:
    with pytest.raises((PolicyError, NetworkError)):
        send(Call("GET", f"{server.url}/redirect/302?to={to}"))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("http://a/", "http://a/x", True), ("http://a/", "https://a/", True), ("https://a/", "http://a/", False),
        ("http://a:8080/", "https://a/", False), ("http://a/", "http://A:80/", True), ("http://a/", "http://b/", False),
        ("http://a/", "http://a./", True), ("http://a/", "http://a@b/", False),
    ],
)  # fmt: skip
def test_origins(first: str, second: str, same: bool) -> None:
    assert same_origin(first, second) is same


# Failures


def failure(call: Call, **options: Any) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        send(call, **options)
    assert caught.value.problems[0].hint
    return caught.value


def test_failures_are_told_in_plain_words(server: Server) -> None:
    refused = failure(Call("GET", f"http://127.0.0.1:{free_port()}/"))
    assert (refused.kind, refused.sent) == ("connect", False)
    assert "refuses the connection" in str(refused)
    unknown = failure(Call("GET", "http://no-such-host.invalid/?secret=x"))
    assert (unknown.kind, unknown.sent) == ("connect", False)
    assert "secret" not in str(unknown)
    slow = failure(Call("GET", f"{server.url}/slow?seconds=5", timeout=0.3))
    assert (slow.kind, slow.sent) == ("timeout", True)
    plain = failure(Call("GET", server.url.replace("http", "https")))
    assert plain.kind == "tls"


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
     b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"],
)  # fmt: skip
def test_what_is_no_http_is_told(answer: bytes) -> None:
    with raw_server(answer) as url:
        assert failure(Call("GET", url, timeout=5)).kind == "protocol"


@pytest.mark.parametrize("dripping", ["body", "head"])
def test_a_server_that_drips_cannot_hold_a_request(server: Server, dripping: str) -> None:
    start = time.monotonic()
    if dripping == "body":
        error = failure(Call("GET", f"{server.url}/drip?seconds=20", timeout=0.5))
    else:
        with _dripping_head() as url:
            error = failure(Call("GET", url, timeout=0.5))
    assert error.kind == "timeout"
    assert time.monotonic() - start < 5


def _dripping_head() -> Any:
    import socket
    import threading
    from contextlib import contextmanager, suppress

    @contextmanager
    def serve() -> Any:
        listener = socket.create_server(("127.0.0.1", 0))

        def drip() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    for _number in range(400):
                        connection.sendall(b"H")
                        time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.close()

    return serve()


def test_what_cannot_be_sent_is_refused(server: Server) -> None:
    with pytest.raises(InputError, match="line end"):
        send(Call("GET", server.url, (("X", "a\r\nY: b"),)))
    with pytest.raises(InputError, match="address"):
        send(Call("GET", "http://[::1/"))
    assert not server.seen


# TLS and proxies


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def secure_server(authority: trustme.CA, *, wants_client: bool = False) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    return Server(tls=context)


# Python's own TLS server leaves a socket open when its peer goes away in the middle of a handshake.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_trust_is_what_the_environment_says(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with secure_server(authority) as server:
        untrusted = failure(Call("GET", f"{server.url}/status/200"))
        assert untrusted.kind == "tls"
        assert "not trusted" in str(untrusted)
        assert send(Call("GET", f"{server.url}/status/200"), tls=Tls(ca=tmp_path / "ca.pem")).status == 200
        assert send(Call("GET", f"{server.url}/status/200"), tls=Tls(verify=False)).status == 200
        other_name = failure(
            Call("GET", f"{server.url.replace('localhost', '127.0.0.1')}/"), tls=Tls(ca=tmp_path / "ca.pem")
        )
        assert "another name" in str(other_name)
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(InputError, match="cannot be used"):
        Transport(tls=Tls(ca=tmp_path / "bad.pem"))


def test_a_client_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = authority.issue_cert("me@example.com")
    mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    with secure_server(authority, wants_client=True) as server:
        call = Call("GET", f"{server.url}/status/200")
        assert send(call, tls=Tls(ca=tmp_path / "ca.pem", client_cert=tmp_path / "me.pem")).status == 200
        failure(call, tls=Tls(ca=tmp_path / "ca.pem"))


def test_certificates_are_loaded_at_the_first_handshake_alone() -> None:
    context: Any = context_for(Tls())
    assert not context._loaded
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert not context.get_ca_certs()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as connection:
            listener.accept()[0].close()
            with pytest.raises(OSError):
                context.wrap_socket(connection, server_hostname="localhost")
    assert context.get_ca_certs()


def test_a_proxy_is_used_but_not_for_loopback(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as proxy:
        proxy.hook = lambda method, path: (200, {"through": path})
        found = send(Call("GET", "http://elsewhere.example/x"), proxy=proxy.url)
        assert found.json == {"through": "http://elsewhere.example/x"}
        monkeypatch.setenv("http_proxy", proxy.url)
        assert send(Call("GET", "http://elsewhere.example/y")).json == {"through": "http://elsewhere.example/y"}
        assert send(Call("GET", f"{server.url}/status/200")).json == {"status": 200}
        assert "http://127.0.0.1" not in "".join(proxy.paths())
    with pytest.raises(InputError, match="proxy"):
        Transport(proxy="nonsense://x")


def test_loopback_is_not_reached_by_way_of_a_proxy_elsewhere(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http is safe on loopback because it does not leave the machine."""
    nowhere = "http://proxy.invalid:3128"
    assert failure(Call("GET", "http://elsewhere.example/"), proxy=nowhere).kind == "connect"
    everywhere = [server.url, server.url.replace("127.0.0.1", "localhost"), f"http://a.localhost:{server.port}"]
    for url in everywhere:
        assert send(Call("GET", f"{url}/status/200"), proxy=nowhere).status == 200
    monkeypatch.setenv("all_proxy", nowhere)
    for url in everywhere:
        assert send(Call("GET", f"{url}/status/200")).status == 200
    with Server() as proxy:  # one on this machine may see it
        proxy.hook = lambda method, path: (200, {"through": path})
        assert send(Call("GET", f"{server.url}/x"), proxy=proxy.url).json == {"through": f"{server.url}/x"}


@pytest.mark.parametrize("trusted", [False, True])
def test_a_cookie_goes_back_to_its_origin_and_where_it_is_trusted(server: Server, trusted: bool) -> None:
    with Server() as other, Transport(trusts=lambda _: trusted) as transport:
        transport.send(Call("GET", f"{server.url}/cookie/set?a=1"))
        transport.send(Call("GET", f"{other.url}/echo"))
        transport.send(Call("GET", f"{server.url}/redirect/302?to={other.url}/echo"))
        transport.send(Call("GET", f"{server.url}/echo"))
        assert [headers.get("cookie") for headers in other.headers] == (["a=1"] * 2 if trusted else [None] * 2)
        assert server.headers[-1]["cookie"] == "a=1"
