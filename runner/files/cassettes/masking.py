"""What is recorded, without the secrets that are known by now; it is done again at the end, when more are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias

from runner.cassettes import Body, Entry, shortened
from runner.exchange import Hop, charset_of

Redact: TypeAlias = Callable[[str], str]


def again(entry: Entry, redact: Redact) -> Entry:
    """The same with what has become known since masked too."""
    asked = entry.asked
    asked = replace(
        asked,
        method=redact(asked.method),
        url=redact(asked.url),
        headers=tuple((redact(name), redact(value)) for name, value in asked.headers),
        body=shortened(redact(asked.body)),
    )
    answer, failure = entry.answer, entry.failure
    if answer is not None:
        answer = replace(
            answer,
            reason=redact(answer.reason),
            url=redact(answer.url),
            headers=tuple((redact(name), redact(value)) for name, value in answer.headers),
            body=masked_body(answer.body, redact, charset_of(answer.headers)),
            redirects=tuple(
                Hop(hop.status, redact(hop.url), redact(hop.target), tuple(map(redact, hop.dropped)))
                for hop in answer.redirects
            ),
        )
    if failure is not None:
        failure = replace(failure, message=redact(failure.message), hint=failure.hint and redact(failure.hint))
    return replace(entry, asked=asked, answer=answer, failure=failure)


def masked_body(body: Body, redact: Redact, charset: str | None = None) -> Body:
    """`body` with known secrets masked: in JSON so that it stays JSON. One that hides a secret where it is no text is left out.

    `charset` is the one that it was sent with.
    """
    encoding, text = _decoded(body.content, charset)
    if text is not None:
        shown = redact(text)
        if shown != text:
            try:
                body = replace(body, content=_kept_json(text, shown, redact).encode(encoding, "surrogatepass"))
            except UnicodeError:
                return _without(body)
    if (text is None or encoding != "utf-8" or "\0" in text) and any(
        redact(look) != look for look in _looks(body.content)
    ):
        return _without(body)
    return body


def _without(body: Body) -> Body:
    return replace(body, content=b"", left_out="it holds a secret, and is no text")


def _decoded(content: bytes, charset: str | None) -> tuple[str, str | None]:
    """The encoding of a body and its text; None when it is none."""
    for encoding in (charset or "utf-8", "utf-8"):
        try:
            return "utf-8" if encoding.lower() in ("utf-8", "utf8") else encoding, content.decode(encoding)
        except (LookupError, ValueError):
            continue
    return "utf-8", None


def _looks(content: bytes) -> Iterator[str]:
    """What there may be of text in bytes that are none, or not only: each byte that is no text stands for itself."""
    yield content.decode("utf-8", "replace")
    yield content.decode("latin-1")
    if b"\0" in content:  # UTF-16 and UTF-32
        for encoding in ("utf-16-le", "utf-16-be"):
            for start in (0, 1):
                yield content[start:].decode(encoding, "replace")
        yield content.replace(b"\0", b"").decode("latin-1")


def _kept_json(text: str, shown: str, redact: Redact) -> str:
    """`shown`, which is `text` masked; where `text` is JSON and a mask made something else of it, masked value by value."""
    with suppress(ValueError, RecursionError):
        document = json.loads(text)
        if not _is_json(shown):
            return json.dumps(masked(document, redact), ensure_ascii=False)
    return shown


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def masked(value: Any, redact: Redact) -> Any:
    """`value`, which is JSON's, masked text by text."""
    if isinstance(value, dict):
        return {redact(key): masked(item, redact) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, redact) for item in value]
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    shown = redact(text)
    return value if shown == text else shown
