"""Bodies that arrive packed (Content-Encoding; RFC 9110, 8.4): `gzip` and `deflate`, which is all that is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from runner.transport.failures import Failed

# What one piece of a packed body may become at a time, in bytes: a trap fills no memory.
_PIECE = 1 << 20
# So much is looked at together where members follow each other: each one copies what is behind it.
_WINDOW = 1 << 12
# A body that unpacks to more than this many bytes, and this many times its size, is a trap (DEFLATE reaches 1032).
_TRAP_SIZE, _TRAP_RATIO = 100_000_000, 200
# Nobody packs a body twice, and who does it oftener than this has something else in mind.
_MOST_CODINGS = 4


def unpacked(chunks: Iterator[bytes], codings: str) -> Iterator[bytes]:
    """What `chunks` are without `codings`, the value of Content-Encoding; a coding that is not known is left as it is.

    Empty pieces come where much work made nothing: who reads can look at the clock. Raises Failed for what is not packed as it
    says, or unpacks without end, be it in between.
    """
    known = [one for one in reversed([one.strip().lower() for one in codings.split(",")]) if one in _CODINGS]
    if len(known) > _MOST_CODINGS:
        raise Failed("packed")
    came = _Meter()
    chunks = came.counted(chunks)
    for coding in known:
        chunks = came.bounded(_CODINGS[coding](chunks))
    return chunks


class _Meter:
    """How many bytes of a body have come, as they came; and no more than that is worth may be made of them."""

    def __init__(self) -> None:
        self._came = 0

    def counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._came += len(chunk)
            yield chunk

    def bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        made = 0
        for piece in pieces:
            made += len(piece)
            if made > _TRAP_SIZE and made > _TRAP_RATIO * self._came:
                raise Failed("packed")
            yield piece


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.decompressobj(16 + zlib.MAX_WBITS)
    window = 0
    for chunk in chunks:
        if not chunk:
            yield b""
        at = 0
        while at < len(chunk):
            if packer.eof:  # RFC 1952, 2.2: members follow each other; what is none is padding
                if not chunk.startswith(b"\x1f", at):
                    break
                packer, window = zlib.decompressobj(16 + zlib.MAX_WBITS), _WINDOW
            rest = chunk[at : at + (window or len(chunk))]
            yield from _pieces(packer, rest)
            at += len(rest) - len(packer.unused_data)
    yield packer.flush()


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer, first = None, b""
    for chunk in chunks:
        if not chunk:
            yield b""
        if packer is None:
            first += chunk
            if len(first) < 2:
                continue
            # RFC 9110, 8.4.1.2: some send `deflate` without the wrapping of zlib (RFC 1950, 2.2: method 8, a check by 31).
            wrapped = first[0] & 15 == 8 and int.from_bytes(first[:2], "big") % 31 == 0
            packer = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
            chunk = first
        if not packer.eof:
            yield from _pieces(packer, chunk)
    if packer is not None:
        yield packer.flush()


def _pieces(packer: zlib._Decompress, rest: bytes) -> Iterator[bytes]:
    while rest and not packer.eof:
        try:
            yield packer.decompress(rest, _PIECE)
        except zlib.error as error:
            raise Failed("packed") from error
        rest = packer.unconsumed_tail


_CODINGS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _inflated,
}
