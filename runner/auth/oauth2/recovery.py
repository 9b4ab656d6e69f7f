"""The answer that a process left in its journal when it died, read again as a Response."""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse
from socket import socket
from typing import cast

from runner.exchange import Response


class _Wire:
    """What http.client takes for a socket: bytes that have come already."""

    def __init__(self, came: bytes) -> None:
        self._came = came

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._came)


def response(journal: bytes) -> Response | None:
    """The last HTTP/1.1 answer in `journal`; None when it had not come whole.

    A proxy's answer to CONNECT (RFC 9110, 9.3.6) may stand before it.
    """
    begins = journal.rfind(b"HTTP/1.")
    if begins < 0:
        return None
    answer = HTTPResponse(cast(socket, _Wire(journal[begins:])))
    try:
        answer.begin()
        body = answer.read()
    except (HTTPException, ValueError):
        return None
    headers = tuple(answer.getheaders())
    return Response(answer.status, answer.reason, headers, body, len(body), "", "1.1", 0.0)
