"""The answer that a process left in its journal when it died, read again as a Response."""

from __future__ import annotations

import io
import re
from http.client import HTTPException, HTTPResponse
from socket import socket
from typing import cast

from runner.exchange import Response

_HEAD = re.compile(rb"HTTP/1\.(?:[^\n]+\n)*?\r?\n")


class _Stream(io.BytesIO):
    """Bytes that have come already; who has read one answer of them does not close them."""

    def close(self) -> None:
        pass


class _Wire:
    """What http.client takes for a socket."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def makefile(self, *_: object, **__: object) -> _Stream:
        return self._stream


def response(journal: bytes) -> Response | None:
    """The last HTTP/1.1 answer in `journal`; None when it had not come whole.

    Before it may stand others, interim ones (RFC 9110, 15.2) and a proxy's answer to CONNECT (9.3.6), which are heads alone.
    """
    stream, found = _Stream(journal), None
    while stream.tell() < len(journal):
        head = _HEAD.match(journal, stream.tell())
        if head is None:
            return None
        if journal.startswith(b"HTTP/1.", head.end()):
            stream.seek(head.end())
            continue
        answer = HTTPResponse(cast(socket, _Wire(stream)))
        try:
            answer.begin()
            body = answer.read()
        except (HTTPException, ValueError):
            return None
        headers = tuple(answer.getheaders())
        found = Response(answer.status, answer.reason, headers, body, len(body), "", "1.1", 0.0)
    return found
