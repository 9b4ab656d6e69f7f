"""A server on loopback that behaves as a test asks: a plain HTTP/1.1 server in a thread, and one for raw answers.

    GET|POST|... /echo            200, JSON: method, path, query, headers (lower case), body as text, its size
    /status/CODE                  that status, JSON body {"status": CODE}
    /redirect/CODE?to=URL         a redirect to URL
    /slow?seconds=N               waits, then 200
    /drip?seconds=N               a byte of the body every 50 ms
    /bytes/N                      N bytes of zeros, chunk by chunk
    /gzip                         a gzipped JSON body
    /cookie/set?NAME=VALUE        Set-Cookie, then 200;  /echo shows what comes back
    /flaky?fail=N&status=S&key=K  S for the first N requests with that key, then 200; `retry-after` as a parameter
    /token                        a token endpoint: {"access_token", "refresh_token", "expires_in"}
    /reflect                      the body as it came, under its own Content-Type

`Server.seen` are the requests in order as (method, path with query), `Server.connections` how many connections were made.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


class Server:
    """A running server; a context manager."""

    def __init__(self, *, tls: Any = None) -> None:
        self.seen: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.counts: Counter[str] = Counter()
        self.hook: Callable[[str, str], tuple[int, object] | None] = lambda _method, _path: None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._http.server_port
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{self.port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def paths(self) -> list[str]:
        return [path for _, path in self.seen]


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def answer(self) -> None:
            body = self.read_body()
            server.seen.append((self.command, self.path))
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.bodies.append(body)
            hooked = server.hook(self.command, self.path)
            if hooked is not None:
                return self.send_json(*hooked)
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            route = parts.path.strip("/").split("/")
            found = getattr(self, f"on_{route[0]}", None)
            if found is None:
                return self.send_json(404, {"error": "no such route"})
            found(route[1:], query, body)
            return None

        def read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                pieces = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)
            length = int(self.headers.get("Content-Length", 0))
            if length > 10_000_000:  # counted, not kept
                left = length
                while left:
                    left -= len(self.rfile.read(min(left, 1 << 20)))
                return b"%d bytes" % length
            return self.rfile.read(length)

        def send_json(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
            self.send(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})

        def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def on_echo(self, _: list[str], __: dict[str, str], body: bytes) -> None:
            parts = urlsplit(self.path)
            self.send_json(
                200,
                {
                    "method": self.command,
                    "path": parts.path,
                    "query": parse_qsl(parts.query, keep_blank_values=True),
                    "raw-query": parts.query,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "header-list": [[name, value] for name, value in self.headers.items()],
                    "body": body.decode("utf-8", "replace"),
                    "size": len(body),
                },
            )

        def on_status(self, route: list[str], *_: Any) -> None:
            code = int(route[0])
            if code in (204, 304):
                self.send_response(code)
                self.end_headers()
            else:
                self.send_json(code, {"status": code})

        def on_redirect(self, route: list[str], query: dict[str, str], _: bytes) -> None:
            self.send(int(route[0]), b"", {"Location": query.get("to", "/echo")})

        def on_slow(self, _: list[str], query: dict[str, str], __: bytes) -> None:
            time.sleep(float(query["seconds"]))
            self.send_json(200, {"method": self.command})

        def on_drip(self, _: list[str], query: dict[str, str], __: bytes) -> None:
            count = int(float(query["seconds"]) / 0.05)
            self.send_response(200)
            self.send_header("Content-Length", str(count))
            self.end_headers()
            for _number in range(count):
                self.wfile.write(b".")
                time.sleep(0.05)

        def on_bytes(self, route: list[str], *_: Any) -> None:
            left = int(route[0])
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(left))
            self.end_headers()
            chunk = bytes(1 << 20)
            while left:
                self.wfile.write(chunk[: min(left, len(chunk))])
                left -= min(left, len(chunk))

        def on_gzip(self, _: list[str], query: dict[str, str], __: bytes) -> None:
            content = gzip.compress(json.dumps({"zeros": "0" * int(query.get("size", "10"))}).encode())
            self.send(200, content, {"Content-Type": "application/json", "Content-Encoding": "gzip"})

        def on_cookie(self, _: list[str], query: dict[str, str], __: bytes) -> None:
            self.send_response(200)
            for name, value in query.items():
                self.send_header("Set-Cookie", f"{name}={value}; Path=/; HttpOnly")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def on_flaky(self, _: list[str], query: dict[str, str], __: bytes) -> None:
            key = query.get("key", "")
            server.counts[key] += 1
            if server.counts[key] <= int(query.get("fail", "1")):
                extra = {"Retry-After": query["retry-after"]} if "retry-after" in query else None
                return self.send_json(int(query.get("status", "503")), {"try": server.counts[key]}, extra)
            return self.send_json(200, {"try": server.counts[key]})

        def on_token(self, *_: Any) -> None:
            server.counts["token"] += 1
            number = server.counts["token"]
            self.send_json(
                200,
                {
                    "access_token": f"made-up-access-token-{number}",
                    "refresh_token": f"made-up-refresh-token-{number}",
                    "expires_in": 3600,
                    "scope": "read",
                },
            )

        def on_reflect(self, _: list[str], __: dict[str, str], body: bytes) -> None:
            self.send(200, body, {"Content-Type": self.headers.get("Content-Type", "text/plain")})

    return Handler


@contextmanager
def raw_server(answer: bytes, *, close_after: bool = True) -> Iterator[str]:
    """The address of a server that reads a request's head, sends `answer` as it is, and ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                accepted.append(connection)
                with suppress(OSError):
                    head = b""
                    while b"\r\n\r\n" not in head and (chunk := connection.recv(65536)):
                        head += chunk
                    connection.sendall(answer)
                    if close_after:
                        connection.shutdown(socket.SHUT_WR)
                        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        for connection in accepted:
            connection.close()


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
