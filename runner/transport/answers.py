"""An answer as far as its header fields, its body yet to arrive: whoever sent the request, and however."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runner.exchange import Headers, PeerCertificate, header_values
from runner.transport.unpacking import unpacked


class Answer:
    """What has come so far. `close` must be called, when the body has been read or is not wanted.

    `version` is "1.1" or "2".
    """

    def __init__(
        self,
        status: int,
        reason: str,
        headers: Headers,
        version: str,
        chunks: Iterator[bytes],
        close: Callable[[], None],
        certificate: PeerCertificate | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.version = version
        self.close = close
        self.certificate = certificate
        self._chunks = chunks
        self.packed = ", ".join(header_values(headers, "content-encoding"))

    @property
    def length(self) -> int | None:
        """How long the body says that it is, in bytes as they come."""
        written = next(iter(header_values(self.headers, "content-length")), "")
        return int(written) if written.isascii() and written.isdigit() else None

    def body(self) -> Iterator[bytes]:
        """The body, unpacked, as it arrives; of one that is packed some pieces are empty. Raises Failed."""
        return unpacked(self._chunks, self.packed) if self.packed else self._chunks
