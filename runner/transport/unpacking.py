"""Bodies that arrive packed (Content-Encoding; RFC 9110, 8.4): `gzip` and `deflate`, which is all that is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from runner.transport.failures import Failed

# What one piece of a packed body may become at a time, in bytes: a trap fills no memory.
_PIECE = 1 << 20


def unpacked(chunks: Iterator[bytes], codings: str) -> Iterator[bytes]:
    """What `chunks` are without `codings`, the value of Content-Encoding; a coding that is not known is left as it is.

    Raises Failed for what is not packed as it says.
    """
    for coding in reversed([one.strip().lower() for one in codings.split(",")]):
        if coding in ("gzip", "x-gzip"):
            chunks = _gunzipped(chunks)
        elif coding == "deflate":
            chunks = _inflated(chunks)
    return chunks


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for chunk in chunks:
        rest = chunk
        while rest:
            if packer.eof:  # RFC 1952, 2.2: members follow each other; what is none is padding
                if not rest.startswith(b"\x1f"):
                    break
                packer = zlib.decompressobj(16 + zlib.MAX_WBITS)
            yield from _pieces(packer, rest)
            rest = packer.unused_data
    yield packer.flush()


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer, first = None, b""
    for chunk in chunks:
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
            piece = packer.decompress(rest, _PIECE)
        except zlib.error as error:
            raise Failed("packed") from error
        rest = packer.unconsumed_tail
        if piece:
            yield piece
