"""What the sandbox is asked and answers, in types that know no web framework."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from urllib.parse import parse_qsl, urlsplit


class Unusable(Exception):
    """A body that is not what its handler needs; the message is for a person."""


@dataclass(frozen=True)
class Asked:
    """One request. Header names are in lower case; of a repeated parameter the last counts."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Query and form together; a form is urlencoded or multipart (Zoho takes both), the form wins."""
        media = self.headers.get("content-type", "")
        if media.startswith("multipart/form-data"):
            return self.query | _multipart(media, self.body)
        if media.startswith("application/x-www-form-urlencoded"):
            return self.query | dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return self.query

    def json(self) -> dict[str, object]:
        """The body, a JSON object; an empty body is an empty one. Raises Unusable."""
        if not self.body.strip():
            return {}
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unusable("the body is not JSON") from None
        if not isinstance(document, dict):
            raise Unusable("the body is not a JSON object")
        return document

    def is_from_here(self) -> bool:
        """Whether the Host is loopback and the Origin, when a browser sends one, the same (no DNS rebinding, no CSRF)."""
        host = self.headers.get("host", "")
        try:
            loopback = urlsplit(f"//{host}").hostname in ("127.0.0.1", "localhost", "::1")
        except ValueError:
            return False
        return loopback and self.headers.get("origin", f"http://{host}") == f"http://{host}"


def _multipart(media: str, body: bytes) -> dict[str, str]:
    """The text fields of a multipart body (RFC 7578)."""
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: " + media.encode("latin-1") + b"\r\n\r\n" + body)
    fields = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode("utf-8", "replace")
    return fields


@dataclass(frozen=True)
class Answer:
    """One answer; `body` is JSON to be written, or text of the media type `media`, or None for no body at all."""

    status: int
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()
    media: str = "application/json"

    @property
    def content(self) -> bytes:
        if self.body is None:
            return b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def page(status: int, text: str) -> Answer:
    """An HTML page, kept out of frames and caches."""
    headers = (("x-frame-options", "DENY"), ("cache-control", "no-store"))
    return Answer(status, text, headers, "text/html; charset=utf-8")


def refusal(code: str, message: str, details: dict[str, object] | None = None) -> dict[str, object]:
    """The CRM's error envelope: at the top for a whole request, in `data` for one record."""
    return {"code": code, "details": details or {}, "message": message, "status": "error"}
