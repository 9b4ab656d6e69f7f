"""A listener that takes down every byte that anybody sends to it: the other side of an exfiltration."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from urllib.parse import quote

_ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"guess":"a"}'
)


class Listener:
    """Listens on one port of every loopback address; a context manager. `received` is all that came, of all connections."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("0.0.0.0", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._pieces: list[bytes] = []

    @property
    def received(self) -> bytes:
        return b"".join(self._pieces)

    def __enter__(self) -> Listener:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        """Take what comes until it pauses, answer, and take the rest."""
        with suppress(OSError), connection:
            connection.settimeout(0.3)
            head = b""
            while b"\r\n\r\n" not in head and (chunk := connection.recv(65536)):
                self._pieces.append(chunk)
                head += chunk
            connection.sendall(_ANSWER)
            with suppress(TimeoutError):
                while chunk := connection.recv(65536):
                    self._pieces.append(chunk)


def forms(secret: str) -> set[bytes]:
    """How `secret` may be written by one who wants to hide it: made apart from the redactor's own list."""
    raw = secret.encode()
    found = {raw, raw[::-1], raw.upper(), raw.lower(), quote(secret, safe="").encode(), raw.hex().encode()}
    for lead in range(3):
        encoded = base64.b64encode(b"x" * lead + raw)
        found |= {encoded[4:-4], encoded[4:-4].replace(b"+", b"-").replace(b"/", b"_")}
    return found | {form.lower() for form in found}


def holds(received: bytes, secret: str) -> bool:
    """Whether `secret` is in what was received, as a whole or a good half of it."""
    halves = (secret[: len(secret) // 2], secret[len(secret) // 2 :])
    return any(form in received for text in (secret, *halves) for form in forms(text))
