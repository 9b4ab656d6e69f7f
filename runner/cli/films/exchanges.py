"""Calls, responses and errors as a cassette holds them: without secrets, whoever knows of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from runner import bodies, leaks
from runner.cassettes import A_FILE_WITH, Answer, Asked, Body, Failure
from runner.collection import Collection
from runner.errors import InputError, NetworkError, ZrunError
from runner.exchange import IN_MEMORY, READABLE, Call, Hop, Response
from runner.exchange import Part as FormPart
from runner.files.cassettes.masking import masked_body
from runner.queries import Query
from runner.redact import SHORTEST, Redactor, carriers
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
    return Asked(redact(bare.method), redact(wire.address(bare)), headers, _sent(bare, redactor, redact))


def _sent(call: Call, redactor: Redactor, redact: Redact) -> str:
    content = call.content
    if content is None:
        return ""
    if isinstance(content, bytes):
        return _text(content, redact)
    if isinstance(content, Path):
        return _file(content, call, redactor)
    return "".join(_part(part, call, redactor, redact) + "\n" for part in content)


def _part(part: FormPart, call: Call, redactor: Redactor, redact: Redact) -> str:
    named = f"{redact(part.name)}" + (f" ({redact(part.filename)})" if part.filename else "")
    content = part.content
    return f"{named}: {_text(content, redact) if isinstance(content, bytes) else _file(content, call, redactor)}"


def _text(content: bytes, redact: Redact) -> str:
    """A body's text, masked; of one that is no text the hash of what is left of it when secrets are masked."""
    try:
        return wire.placeholders(redact(content.decode("utf-8")))
    except UnicodeDecodeError:
        return f"sha256:{hashlib.sha256(redact(content.decode('latin-1')).encode()).hexdigest()}"


def _file(path: Path, call: Call, redactor: Redactor) -> str:
    """A file's hash; of one that holds a secret its name, since it is another file in the replay. See cassettes.differences."""
    try:
        with bodies.opened(path, call.location, call.project) as file:
            hashed = hashlib.sha256()
            while chunk := file.read(bodies.CHUNK):
                hashed.update(chunk)
        # A larger one takes seconds.
        found = leaks.in_file(path, redactor) if path.stat().st_size <= READABLE else []
    except (InputError, OSError, ValueError):
        return "(a file that cannot be read)"
    masks = ", ".join(sorted({f"<<{leak.secret}>>" for leak in found}))
    return f"{A_FILE_WITH} {masks})" if masks else f"sha256:{hashed.hexdigest()}"


def answer(response: Response, redactor: Redactor, wanted: frozenset[str] = frozenset()) -> Answer:
    """A response as a cassette holds it: what is known to be a secret, or is one by its name, as its mask.

    `wanted` are the cookies that the collection captures; see learn_cookies.
    """
    learn_cookies(response, redactor, wanted)
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


def wanted_cookies(collection: Collection) -> frozenset[str]:
    """The names of the cookies that a request captures."""
    captures = (capture for request in collection.requests for capture in request.capture)
    return frozenset(c.query.argument for c in captures if isinstance(c.query, Query) and c.query.kind == "cookie")


def learn_cookies(response: Response, redactor: Redactor, wanted: frozenset[str]) -> None:
    """A session's cookie, and any that is captured (`wanted`), is masked wherever it turns up later: in an address."""
    for name, value in response.cookies.items():
        if len(value) >= (SHORTEST if name in wanted else _SESSION):
            redactor.add(Secret(value, f"cookie-{name}"))


def _fields(response: Response, redact: Redact) -> Iterator[tuple[str, str]]:
    for name, value in response.headers:
        if name.lower() == "set-cookie":
            yield name, redact(_cookie(value))
        else:
            yield from wire.fields(((name, value),), redact)


def _cookie(field: str) -> str:
    """What a cookie is set to is masked, unless it is too short to be a secret."""
    cookie, equals, rest = field.partition("=")
    value, semicolon, attributes = rest.partition(";")
    if not equals:
        return "..."
    kept = value if len(value.strip()) < SHORTEST else f"<<cookie-{cookie.strip()}>>"
    return f"{cookie}{equals}{kept}{semicolon}{attributes}"


def _received(response: Response, redact: Redact) -> Body:
    content = response.content
    if response.size > IN_MEMORY:
        return Body(b"", response.size, f"it has {response.size} bytes; a cassette takes {IN_MEMORY}")
    if isinstance(content, Path):
        try:
            content = content.read_bytes()
        except OSError:
            return Body(b"", response.size, "its file could not be read")
    return masked_body(Body(content, response.size), lambda text: wire.placeholders(redact(text)), response.charset)


def failure(error: ZrunError, redactor: Redactor) -> Failure:
    problem = error.problems[0]
    hint = None if problem.hint is None else redactor.text(problem.hint)
    message = redactor.text(problem.message)
    if isinstance(error, NetworkError):
        return Failure(message, hint, error.exit_code, error.kind, error.sent)
    return Failure(message, hint, error.exit_code)
