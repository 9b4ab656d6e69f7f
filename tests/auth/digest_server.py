"""A server that wants Digest (RFC 7616), written for tests alone and apart from zrun's client; httpx's client judges it, too.

It checks everything that a strict server may: the nonce is its own, the count never comes twice, the algorithm is the one
that it asked for, `uri` is the address, the body is the one that was signed.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass
class DigestServer:
    """`algorithms` are offered in this order, a challenge each; a nonce is good for `uses` requests."""

    username: str = "Jäsøn Doe"
    password: str = "made-up: Secret, or not?"
    realm: str = 'a "realm", of tests'
    algorithms: tuple[str | None, ...] = ("MD5",)
    qop: str | None = "auth"
    opaque: str | None = 'o"paque'
    userhash: bool = False
    uses: int = 1000
    next_nonce: bool = False
    one_field: bool = True
    tell_stale: bool = True
    nonces: dict[str, set[int]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)  # what came of each request: why it was refused, or "ok"
    fields: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def challenge(self, algorithm: str | None, stale: bool) -> str:
        nonce = os.urandom(8).hex()
        self.nonces[nonce] = set()
        text = f'Digest realm="{_quoted(self.realm)}", nonce="{nonce}"'
        text += f", algorithm={algorithm}" if algorithm else ""
        text += f', qop="{self.qop}"' if self.qop else ""
        text += f', opaque="{_quoted(self.opaque)}"' if self.opaque else ""
        text += ", userhash=true" if self.userhash else ""
        text += ", stale=TRUE" if stale and self.tell_stale else ""
        return text + ", charset=UTF-8"

    def judge(self, method: str, path: str, body: bytes, text: str | None) -> str:
        """`ok`, `stale`, or what is wrong."""
        if text is None:
            return "no credentials"
        pairs = re.findall(r'([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', text.removeprefix("Digest "))
        said = {name: re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in pairs}
        self.fields.append(said)
        algorithm = said.get("algorithm")
        if algorithm not in self.algorithms and not (algorithm == "MD5" and None in self.algorithms):
            return "another algorithm"
        if said["realm"] != self.realm or said["uri"] != path or said.get("opaque") != self.opaque:
            return "another realm, uri or opaque"
        if said["nonce"] not in self.nonces:
            return "another nonce"
        kind = HASHES[(algorithm or "MD5").removesuffix("-sess")]

        def h(data: str) -> str:
            return hashlib.new(kind, data.encode()).hexdigest()

        user = unquote(said["username*"].removeprefix("UTF-8''")) if "username*" in said else said["username"]
        if self.userhash and (user != h(f"{self.username}:{self.realm}") or said.get("userhash") != "true"):
            return "another user"
        if not self.userhash and user != self.username:
            return "another user"
        a1 = f"{self.username}:{self.realm}:{self.password}"
        if algorithm and algorithm.endswith("-sess"):
            a1 = f"{h(a1)}:{said['nonce']}:{said['cnonce']}"
        a2 = f"{method}:{path}"
        if self.qop is None:
            expected = h(f"{h(a1)}:{said['nonce']}:{h(a2)}")
        else:
            if said.get("qop") not in self.qop.replace(" ", "").split(","):
                return "another qop"
            if said["qop"] == "auth-int":
                a2 += f":{hashlib.new(kind, body).hexdigest()}"
            expected = h(f"{h(a1)}:{said['nonce']}:{said['nc']}:{said['cnonce']}:{said['qop']}:{h(a2)}")
        if said["response"] != expected:
            return "another response"
        used = self.nonces[said["nonce"]]
        count = int(said["nc"], 16) if self.qop else len(used) + 1
        if count in used:
            return "a count used twice"
        if len(used) >= self.uses:
            return "stale"
        used.add(count)
        return "ok"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _handler(server: DigestServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            came = server.judge(self.command, self.path, body, self.headers.get("Authorization"))
            server.seen.append(came)
            if came != "ok":
                self.send_response(401)
                offers = [server.challenge(algorithm, came == "stale") for algorithm in server.algorithms]
                for offer in [", ".join(offers)] if server.one_field else offers:
                    self.send_header("WWW-Authenticate", offer)
            elif self.path.startswith("/redirect?"):
                self.send_response(307)
                self.send_header("Location", self.path.partition("?")[2])
            else:
                self.send_response(200)
                if server.next_nonce:
                    nonce = os.urandom(8).hex()
                    server.nonces[nonce] = set()
                    self.send_header("Authentication-Info", f'nextnonce="{nonce}", qop=auth')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = answer  # noqa: N815

    return Handler


@contextmanager
def running(**settings: Any) -> Iterator[DigestServer]:
    """A DigestServer with these settings, running."""
    server = DigestServer(**settings)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
