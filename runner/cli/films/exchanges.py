"""Calls, responses and errors as a cassette holds them: without secrets, whoever knows of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runner.cassettes import Answer, Asked, Body, Failure
from runner.errors import NetworkError, ZrunError
from runner.exchange import IN_MEMORY, Call, Hop, Response
from runner.exchange import Part as FormPart
from runner.files.cassettes.masking import masked_body
from runner.redact import Redactor, carriers
from runner.reporters import Redact, wire
from runner.values import Secret

# A cookie's value that is at least so long is looked for as a secret: a shorter one is rather a setting than a session.
_SESSION = 16


def asked(call: Call, redactor: Redactor) -> Asked:
    """A call as a cassette holds it: before a scheme signed it, masked."""
    redact = carriers.masking(redactor)
    bare = call.unsigned.call if call.unsigned else call
    redactor.add_all(call.secrets)
    headers = tuple(wire.fields(call.headers, redact))
    return Asked(redact(bare.method), redact(wire.address(bare)), headers, _sent(bare, redact))


def _sent(call: Call, redact: Redact) -> str:
    content = call.content
    if content is None:
        return ""
    if isinstance(content, tuple):
        return "".join(_part(part, redact) + "\n" for part in content)
    return _content(content, redact)


def _part(part: FormPart, redact: Redact) -> str:
    named = f"{redact(part.name)}" + (f" ({redact(part.filename)})" if part.filename else "")
    return f"{named}: {_content(part.content, redact)}"


def _content(content: bytes | Path, redact: Redact) -> str:
    """A body's text, masked; of one that is no text or lies in a file, its hash."""
    if isinstance(content, Path):
        try:
            with content.open("rb") as file:
                return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        except (OSError, ValueError):
            return "(a file that cannot be read)"
    try:
        return wire.placeholders(redact(content.decode("utf-8")))
    except UnicodeDecodeError:
        return f"sha256:{hashlib.sha256(content).hexdigest()}"


def answer(response: Response, redactor: Redactor) -> Answer:
    """A response as a cassette holds it: what is known to be a secret, or is one by its name, as its mask."""
    learn_cookies(response, redactor)
    redact = carriers.masking(redactor)
    return Answer(
        status=response.status,
        reason=redact(response.reason),
        http_version=response.http_version,
        url=redact(wire.safe_url(response.url)),
        headers=tuple(_fields(response, redact)),
        body=_received(response, redact),
        duration=response.duration,
        redirects=tuple(
            Hop(hop.status, redact(wire.safe_url(hop.url)), redact(wire.safe_url(hop.target)), hop.dropped)
            for hop in response.hops
        ),
        certificate=(response.certificate.der, response.certificate.seen) if response.certificate else None,
    )


def learn_cookies(response: Response, redactor: Redactor) -> None:
    """A session's cookie is masked wherever it turns up later: in a capture, in an address."""
    for name, value in response.cookies.items():
        if len(value) >= _SESSION:
            redactor.add(Secret(value, f"cookie-{name}"))


def _fields(response: Response, redact: Redact) -> Iterator[tuple[str, str]]:
    for name, value in response.headers:
        if name.lower() == "set-cookie":
            cookie, equals, rest = value.partition("=")
            _, semicolon, attributes = rest.partition(";")
            kept = f"{cookie}{equals}<<cookie-{cookie.strip()}>>{semicolon}{attributes}" if equals else "..."
            yield name, redact(kept)
        else:
            yield from wire.fields(((name, value),), redact)


def _received(response: Response, redact: Redact) -> Body:
    content = response.content
    if response.size > IN_MEMORY:
        return Body(b"", response.size, f"it has {response.size} bytes; a cassette takes {IN_MEMORY}")
    if isinstance(content, Path):
        try:
            content = content.read_bytes()
        except OSError:
            return Body(b"", response.size, "its file could not be read")
    masked = masked_body(Body(content, response.size), redact)
    try:
        text = masked.content.decode("utf-8")
    except UnicodeDecodeError:
        return masked
    return replace(masked, content=wire.placeholders(text).encode())


def failure(error: ZrunError, redactor: Redactor) -> Failure:
    problem = error.problems[0]
    hint = None if problem.hint is None else redactor.text(problem.hint)
    message = redactor.text(problem.message)
    if isinstance(error, NetworkError):
        return Failure(message, hint, error.exit_code, error.kind, error.sent)
    return Failure(message, hint, error.exit_code)
