"""NTLM against pyspnego's acceptor, on a server that authenticates connections, as IIS does."""

from __future__ import annotations

import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import spnego
from spnego.exceptions import SpnegoError

from runner.auth.settings import Kept
from runner.errors import CredentialsError
from runner.exchange import Call
from runner.transport import Transport
from tests.auth.schemes import made, secret
from tests.auth.sending import sent
from tests.commands import write, zrun
from tests.servers import Server, raw_server

PASSWORD = "made-up-Pässword"


class Iis:
    """`seen` is what came of each request: (number of its connection, who it is from or why not)."""

    def __init__(self, http: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{http.server_port}"
        self.seen: list[tuple[int, str]] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.requests_a_connection = 1000


def _handler(server: list[Iis]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server[0].connections += 1
            self.number = server[0].connections
            self.count = 0
            self.context: Any = None
            self.user = ""

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            offer = "NTLM"
            came = self.user or "anonymous"
            if scheme == "NTLM":
                try:
                    if self.context is None or self.context.complete:
                        self.context, self.user = spnego.server(protocol="ntlm"), ""
                    out = self.context.step(b64decode(token))
                    came = "handshake"
                    if self.context.complete:
                        came = self.user = self.context.client_principal
                    elif out:
                        offer = f"NTLM {b64encode(out).decode()}"
                except SpnegoError:
                    came, self.context = "refused", None
            server[0].seen.append((self.number, came))
            server[0].bodies.append(body)
            self.count += 1
            self.close_connection = self.count >= server[0].requests_a_connection
            if self.user and self.path.startswith("/redirect?"):
                self.send_response(302)
                self.send_header("Location", self.path.partition("?")[2])
            elif self.user or self.path == "/open":
                self.send_response(200)
            else:
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Negotiate")
                self.send_header("WWW-Authenticate", offer)
            self.send_header("Content-Length", "0")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815

    return Handler


@contextmanager
def running() -> Iterator[Iis]:
    servers: list[Iis] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(servers)) as http:
        http.daemon_threads = True
        servers.append(Iis(http))
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield servers[0]
        finally:
            http.shutdown()


@pytest.fixture
def iis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iis]:
    users = tmp_path / "users"
    users.write_text(f"TESTS:ada:{PASSWORD}\nTESTS:bob:{PASSWORD}\n", "utf-8")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    with running() as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport() as found:
        yield found


@pytest.mark.parametrize(
    "user", [{"username": "TESTS\\ada"}, {"username": "ada", "domain": "TESTS"}, {"username": "tests\\ADA"}]
)
def test_three_messages_let_it_in_on_one_connection(iis: Iis, transport: Transport, user: dict[str, str]) -> None:
    auth = made("ntlm", None, password=secret(PASSWORD), **user)
    response, exchanges = sent(transport, auth, Call("POST", f"{iis.url}/a", content=b"body"))
    assert response.status == 200
    assert [exchange.reason for exchange in exchanges] == ["", "challenge"]
    assert [number for number, _ in iis.seen] == [1, 1]
    assert iis.seen[1][1].lower() == "tests\\ada"
    assert iis.bodies == [b"body"] * 2
    assert all({found.name for found in exchange.call.secrets} == {"password"} for exchange in exchanges)


def test_the_connection_stays_authenticated_and_is_nobody_elses(iis: Iis, transport: Transport) -> None:
    kept: Kept = {}

    def as_user(name: str, path: str = "/") -> int:
        auth = made("ntlm", kept, username=f"TESTS\\{name}", password=PASSWORD)
        return sent(transport, auth, Call("GET", f"{iis.url}{path}"))[0].status

    assert as_user("ada") == as_user("ada") == 200
    assert transport.send(Call("GET", f"{iis.url}/open")).status == 200
    assert transport.send(Call("GET", f"{iis.url}/")).status == 401
    assert as_user("bob") == as_user("ada") == 200
    found = [(number, who.rpartition("\\")[2]) for number, who in iis.seen]
    assert found == [
        (1, "handshake"),
        (1, "ada"),
        (1, "ada"),
        (2, "anonymous"),
        (2, "anonymous"),
        (3, "handshake"),
        (3, "bob"),
        (1, "ada"),
    ]


def test_a_connection_that_the_server_ended_is_authenticated_anew(iis: Iis, transport: Transport) -> None:
    kept: Kept = {}
    iis.requests_a_connection = 3
    for _ in range(4):
        auth = made("ntlm", kept, username="TESTS\\ada", password=PASSWORD)
        assert sent(transport, auth, Call("GET", f"{iis.url}/"))[0].status == 200
    assert iis.connections > 1


def test_it_goes_on_within_one_request_that_is_sent_often(iis: Iis, transport: Transport) -> None:
    iis.requests_a_connection = 3
    auth = made("ntlm", username="TESTS\\ada", password=PASSWORD)
    for _ in range(5):
        assert sent(transport, auth, Call("GET", f"{iis.url}/"))[0].status == 200


def test_a_wrong_password_is_tried_once(iis: Iis, transport: Transport) -> None:
    auth = made("ntlm", username="TESTS\\ada", password="wrong")
    response, exchanges = sent(transport, auth, Call("GET", f"{iis.url}/"))
    assert response.status == 401
    assert len(exchanges) == 2
    assert [who for _, who in iis.seen] == ["handshake", "refused"]


def test_a_redirect_goes_on_with_the_connection_and_elsewhere_without(
    iis: Iis, transport: Transport, server: Server
) -> None:
    auth = made("ntlm", username="TESTS\\ada", password=PASSWORD)
    assert sent(transport, auth, Call("GET", f"{iis.url}/redirect?/there"))[0].status == 200
    assert len({number for number, _ in iis.seen}) == 1
    auth = made("ntlm", username="TESTS\\ada", password=PASSWORD)
    assert sent(transport, auth, Call("GET", f"{iis.url}/redirect?{server.url}/echo"))[0].status == 200
    assert "authorization" not in server.headers[0]


def test_this_machine_is_named_only_when_told(iis: Iis, transport: Transport) -> None:
    names = []
    for workstation in (None, "WORKSTATION-OF-TESTS"):
        auth = made("ntlm", username="TESTS\\ada", password=PASSWORD, workstation=workstation)
        _, exchanges = sent(transport, auth, Call("GET", f"{iis.url}/"))
        message = b64decode(dict(exchanges[-1].call.headers)["Authorization"].partition(" ")[2])
        length, offset = (int.from_bytes(message[at : at + size], "little") for at, size in ((44, 2), (48, 4)))
        names.append(message[offset : offset + length].decode("utf-16-le"))  # MS-NLMP, 2.2.1.3: WorkstationFields
    assert names == ["", "WORKSTATION-OF-TESTS"]


def test_a_broken_challenge_is_told(transport: Transport) -> None:
    answer = b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM AAAA\r\nContent-Length: 0\r\n\r\n"
    with raw_server(answer) as url:
        auth = made("ntlm", username="a", password="b")
        with pytest.raises(CredentialsError, match="the server's NTLM challenge cannot be answered"):
            sent(transport, auth, Call("GET", f"{url}/"))


def test_a_run_does_it_and_shows_nothing(tmp_path: Path, iis: Iis) -> None:
    write(
        tmp_path,
        c=f"""\
variables: {{url: {iis.url}, password: {PASSWORD}}}
auth: {{ntlm: {{username: TESTS\\ada, password: <<password>>}}}}
requests:
  one: {{get: <<url>>/one}}
  two: {{get: <<url>>/two}}
  open: {{get: <<url>>/open, auth: none}}
""",
    )
    done = zrun(tmp_path, "c.yaml", "-vv")
    assert done.status == 0, done.out + done.err
    assert [who.rpartition("\\")[2] for _, who in iis.seen] == ["handshake", "ada", "ada", "anonymous"]
    assert "> Authorization: NTLM ..." in done.out
    assert "TlRMTVNTUA" not in done.out.replace("< WWW-Authenticate: NTLM TlRMTVNTUA", "")


def test_without_the_extra_it_is_told_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"""\
requests:
  a: {{get: {server.url}/}}
  b:
    get: {server.url}/
    auth: {{ntlm: {{username: a, password: b}}}}
""",
    )
    blocked = "import sys; sys.modules['spnego'] = None; from runner.cli import main; sys.exit(main(['c.yaml']))"
    done = subprocess.run([sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "c.yaml:5:12: NTLM needs the extra `ntlm`" in done.stderr
    assert "pip install 'zrun[ntlm]'" in done.stderr
    assert not server.seen
