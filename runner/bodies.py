"""Multipart bodies (RFC 7578) as a stream of known length: files are read while they are sent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError, Location, Problem
from runner.exchange import Headers, Part, header_values
from runner.project import Project

CHUNK = 1 << 16


class Multipart:
    """The parts, encoded: `content_type` names the boundary, `length` is in bytes; iterating gives the bytes."""

    def __init__(
        self,
        parts: Sequence[Part],
        location: Location | None,
        boundary: str | None = None,
        project: Project | None = None,
    ) -> None:
        """Raises InputError for a file that cannot be read, or a name that would break the encoding."""
        self._location = location
        self._project = project
        self._boundary = boundary or os.urandom(16).hex()
        self._pieces: list[bytes | Path] = []
        self.length = 0
        for part in parts:
            self._add(b"--%s\r\n%s\r\n" % (self._boundary.encode(), _head(part, location)))
            self._add(part.content, location)
            self._add(b"\r\n")
        self._add(b"--%s--\r\n" % self._boundary.encode())

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def _add(self, piece: bytes | Path, location: Location | None = None) -> None:
        self._pieces.append(piece)
        self.length += len(piece) if isinstance(piece, bytes) else file_size(piece, location, self._project)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                with opened(piece, self._location, self._project) as file:
                    while chunk := file.read(CHUNK):
                        yield chunk


def boundary_of(headers: Headers) -> str | None:
    """The boundary that a written Content-Type names (RFC 2046, 5.1.1): the parts must keep to it."""
    written = next(iter(header_values(headers, "content-type")), "")
    found = re.search(r';\s*boundary=(?:"([^"]+)"|([^\s;]+))', written, re.IGNORECASE)
    return (found[1] or found[2]) if found else None


def file_size(path: Path, location: Location | None, project: Project | None = None) -> int:
    """Bytes. Raises InputError when the file cannot be read."""
    with opened(path, location, project) as file:
        return os.fstat(file.fileno()).st_size


def opened(path: Path, location: Location | None, project: Project | None) -> BinaryIO:
    """The file, to be read; as `project` allows, if there is one. Raises InputError when it cannot be."""
    try:
        return path.open("rb") if project is None else project.open(path, location)
    except OSError as error:
        raise InputError(
            Problem(f"cannot read the file {path.name}: {error.strerror}", location, "mend the path")
        ) from None


def _head(part: Part, location: Location | None) -> bytes:
    lines = [f'Content-Disposition: form-data; name="{_quoted(part.name)}"']
    if part.filename is not None:
        lines[0] += f'; filename="{_quoted(part.filename)}"'
    if part.content_type:
        if any(character in part.content_type for character in "\r\n\0"):
            raise InputError(Problem("a content-type holds a line end", location, "write type/subtype"))
        lines.append(f"Content-Type: {part.content_type}")
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _quoted(name: str) -> str:
    """As browsers do (WHATWG HTML, 4.10.21.8): quotes and line ends percent-encoded, all else in UTF-8."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").replace("\0", "%00")
