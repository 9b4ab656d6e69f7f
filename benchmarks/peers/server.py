"""The server that all peers talk to: what it answers, and what it counts.

Usage: python server.py, by the tools' own Python; it prints its port and serves until its standard input ends.

It is to be no part of what is measured: a parser of the few bytes that matter, on uvloop where there is one. What it answers
to a request follows from the request alone (`answer`), so that the harness can play a scenario without it and knows what has to
come. It counts each request with its body. `/_begin?latency=SECONDS&wrong=0|1` starts to count anew, `/_seen` gives the counts;
with `wrong`, each answer holds another name than it should, so that a peer that looks at what it gets has to fail.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections import Counter
from typing import cast
from urllib.parse import parse_qs, urlsplit

Seen = Counter[tuple[str, str, str, str]]  # method, path, body, authorization

_REASONS = {200: "OK", 201: "Created", 401: "Unauthorized", 404: "Not Found", 501: "Not Implemented"}


def mark(text: str) -> str:
    """Eight characters that nobody knows who has not been told."""
    return f"{zlib.crc32(text.encode()):08x}"


def answer(method: str, path: str, body: str, authorization: str) -> tuple[int, dict[str, object]]:
    """The status and the JSON that answer a request."""
    kind, _, rest = path[1:].partition("/")
    if method == "GET" and kind == "things":
        return 200, {"id": rest, "name": f"thing {rest}", "tags": ["a", "b", "c"], "owner": {"id": 7, "name": "Ada"}}
    if method == "GET" and kind == "chain":
        return 200, {"name": "link", "at": rest, "next": mark(rest)}
    if method == "POST" and kind == "people":
        row = json.loads(body)
        return 201, {"id": mark(row["email"]), "name": row["first"]}
    if method == "POST" and kind == "tokens":
        return 201, {"name": "token", "token": "made-up-" + mark(json.loads(body)["client"])}
    if kind == "orders":
        if not authorization.startswith("Bearer made-up-"):
            return 401, {"name": "refused"}
        if method == "POST":
            return 201, {"name": "order", "id": mark(authorization + json.loads(body)["article"])}
        return 200, {"name": "order", "id": rest, "lines": [1, 2, 3]}
    return 404, {"name": "nothing"}


class State:
    """What all connections share."""

    def __init__(self) -> None:
        self.seen: Seen = Counter()
        self.latency = 0.0
        self.wrong = False
        self._known: dict[tuple[str, str, str, str], bytes] = {}

    def respond(self, key: tuple[str, str, str, str]) -> bytes:
        """The bytes of the answer."""
        path = key[1]
        if path.startswith("/_"):
            return self._control(path)
        self.seen[key] += 1
        found = self._known.get(key)
        if found is None:
            status, body = answer(*key)
            if self.wrong:
                body["name"] = "another"
            found = self._known[key] = _bytes(status, body)
        return found

    def _control(self, path: str) -> bytes:
        parts = urlsplit(path)
        if parts.path == "/_seen":
            return _bytes(200, [[*key, count] for key, count in self.seen.items()])
        given = parse_qs(parts.query)
        self.seen.clear()
        self._known.clear()
        self.latency = float(given["latency"][0])
        self.wrong = given["wrong"][0] == "1"
        return _bytes(200, {})


def _bytes(status: int, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class Connection(asyncio.Protocol):
    """One client's connection: HTTP/1.1 with bodies of a stated length, kept alive."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            head = buffer[:end]
            length = int(_field(head, b"content-length:") or 0)
            whole = end + 4 + length
            if len(buffer) < whole:
                break
            line = head[: head.find(b"\r\n")] if b"\r\n" in head else head
            method, path, _ = line.decode("latin-1").split(" ")
            body = buffer[end + 4 : whole].decode()
            authorization = _field(head, b"authorization:").decode("latin-1")
            buffer = buffer[whole:]
            self._answer(self._state.respond((method, path, body, authorization)), control=path.startswith("/_"))
        self._buffer = buffer

    def _answer(self, content: bytes, *, control: bool) -> None:
        assert self._transport is not None
        if self._state.latency and not control:
            asyncio.get_running_loop().call_later(self._state.latency, self._write, content)
        else:
            self._transport.write(content)

    def _write(self, content: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(content)


def _field(head: bytes, name: bytes) -> bytes:
    """The value of a header field; empty where there is none. `name` is in small letters, with its colon."""
    place = head.lower().find(b"\r\n" + name)
    if place < 0:
        return b""
    start = place + 2 + len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


async def _serve() -> None:
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], type(asyncio.get_running_loop()).__module__, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    try:
        import uvloop  # type: ignore[import-not-found,unused-ignore]  # in the tools' folder, not in the project's
    except ImportError:
        asyncio.run(_serve())
    else:
        uvloop.run(_serve())
