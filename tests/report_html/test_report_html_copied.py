"""What is copied from the page: a request as a command that sends the same again."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from runner.reporters.documents.tree import Body, Message, Sending
from tests import report_trees as trees
from tests.report_html.page import Page


class Received(http.server.BaseHTTPRequestHandler):
    """Keeps what was sent to it."""

    kept: list[tuple[str, str, dict[str, str], bytes]]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.kept.append((self.command, self.path, dict(self.headers.items()), content))
        self.send_response(204)
        self.end_headers()
        self.close_connection = True


@pytest.fixture
def received() -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    handler = type("Handler", (Received,), {"kept": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.kept  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def asked(method: str, url: str, text: str | None = None, *headers: tuple[str, str]) -> Sending:
    content = None if text is None else Body(None, len(text.encode()), text)
    return replace(trees.sending(method, url), request=Message(headers, content))


SENT = [
    ("GET", "/plain", None, (("Accept", "application/json"), ("X-Trace", 'it\'s "here" $HOME `id` \\ !1'))),
    ("GET", "/a/../b%20c/{x}[1-3]?q=%C3%BC&a=1&b='2'#part", None, ()),
    (
        "POST",
        "/json",
        '{"name": "O\'Hara", "text": "Zürich \\n 😀", "tab": "\t"}',
        (("Content-Type", "application/json"),),
    ),
    ("POST", "/lines", "first\nsecond\r\n\nthird'\"$(id)`id`!!\n", (("Content-Type", "text/plain"),)),
    ("PUT", "/file", "@/etc/hostname", (("Content-Type", "text/plain"), ("X-Empty", ""))),
    ("PATCH", "/controls", "a\x1b[201~\x07\x7f\u202e\u2028'\\end", (("Content-Type", "text/plain"),)),
    ("DELETE", "/it", None, (("Authorization", "Bearer <<token>>"),)),
    ("GET", "/body", "in a GET", (("Accept-Encoding", "gzip"),)),
    ("HEAD", "/head", None, ()),
    ("POST", "/untyped", "a=1&b=%2B", ()),
    ("POST", "/zsh", "=ls", (("Content-Type", "text/plain"),)),
    ("REPORT", "/dav", "<x/>", (("Content-Type", "application/xml"), ("Depth", "1"))),
    ("POST", "/long", "ü" * 5000, (("Content-Type", "text/plain"), ("Content-Length", "7"))),
]


def test_copy_as_curl_sends_the_same_again(page: Page, received: Any) -> None:
    base, kept = received
    sendings = [asked(method, base + path, text, *headers) for method, path, text, headers in SENT]
    page.show(trees.report(*[trees.step(f"s{n}", f"S{n}", one) for n, one in enumerate(sendings)]))
    page.ask("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.ask("Page.bringToFront")
    for n, (method, path, text, headers) in enumerate(SENT):
        page.evaluate(f"location.hash = 'step=s{n}'")
        page.wait(f"document.getElementById('detail-{n}') !== null")
        page.click(f"#detail-{n} .curl")
        asks = "; put secrets in place of <<token>>" if "<<token>>" in str(headers) else ""
        page.wait(f"document.getElementById('said').textContent === 'Copied: curl command{asks}'")
        page.evaluate("document.getElementById('said').textContent = ''; read = null")
        page.evaluate("navigator.clipboard.readText().then(text => { read = text; })")
        command = page.wait("read")
        assert command.startswith("curl ")
        assert not set(command) & set("\x1b\x07\x7f\u202e\u2028\r")
        done = subprocess.run(["bash", "-c", command + " --silent --max-time 20"], capture_output=True, timeout=30)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout == b"" or method == "HEAD"
        got_method, got_path, got_headers, content = kept.pop()
        assert (got_method, got_path) == (method, path.partition("#")[0])
        assert content == (text or "").encode()
        expected = {name: value for name, value in headers if name != "Content-Length"}
        # Names are latin-1 to the server's library, values too.
        shown = {name: value.encode("latin-1").decode() for name, value in got_headers.items()}
        assert {name: value for name, value in shown.items() if name in expected} == expected
        assert set(shown) - set(expected) <= {"Host", "User-Agent", "Accept", "Content-Length"}
    assert kept == []


def test_where_there_is_no_clipboard_it_copies_all_the_same(page: Page) -> None:
    """As from a server without TLS."""
    page.show(trees.shop(), "#step=read-lead")
    page.ask("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    # As a person's click: a browser copies for no other.
    page.ask(
        "Runtime.evaluate", expression="document.querySelector('.body button:last-child').click()", userGesture=True
    )
    page.wait("document.getElementById('said').textContent === 'Copied: response body'")
    page.evaluate("delete navigator.clipboard; read = null")
    page.evaluate("navigator.clipboard.readText().then(text => { read = text; })")
    assert page.wait("read").startswith('{"data": [{"id": "5843104000002"')


@pytest.mark.parametrize(
    "body",
    [
        Body("text/plain", 99, "the beginn", cut=True),
        Body("image/png", 99, None),
        Body("text/plain", 7, "Z\ufffdrich."),
        Body("text/plain", 6, "Zürich"),  # in another encoding
        Body("text/plain", 3, "a\0b"),
    ],
)
def test_a_body_that_the_report_does_not_hold_is_not_made_up(page: Page, body: Body) -> None:
    sent = replace(trees.sending("POST", "http://127.0.0.1:9/x"), request=Message((), body))
    page.show(trees.report(trees.step("a", "A", sent)), "#step=a")
    page.click(".curl")
    page.wait("document.getElementById('said').textContent.includes('put the body into body.bin')")
