"""What is recorded, without the secrets that are known by now; it is done again at the end, when more are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias

from runner.cassettes import Body, Entry
from runner.exchange import Hop

Redact: TypeAlias = Callable[[str], str]


def again(entry: Entry, redact: Redact) -> Entry:
    """The same with what has become known since masked too."""
    asked = entry.asked
    asked = replace(
        asked,
        method=redact(asked.method),
        url=redact(asked.url),
        headers=tuple((redact(name), redact(value)) for name, value in asked.headers),
        body=redact(asked.body),
    )
    answer, failure = entry.answer, entry.failure
    if answer is not None:
        answer = replace(
            answer,
            reason=redact(answer.reason),
            url=redact(answer.url),
            headers=tuple((redact(name), redact(value)) for name, value in answer.headers),
            body=masked_body(answer.body, redact),
            redirects=tuple(
                Hop(hop.status, redact(hop.url), redact(hop.target), tuple(map(redact, hop.dropped)))
                for hop in answer.redirects
            ),
        )
    if failure is not None:
        failure = replace(failure, message=redact(failure.message), hint=failure.hint and redact(failure.hint))
    return replace(entry, asked=asked, answer=answer, failure=failure)


def masked_body(body: Body, redact: Redact) -> Body:
    """`body` with known secrets masked: in JSON so that it stays JSON. Bytes that are no text and hold one are left out."""
    try:
        text = body.content.decode("utf-8")
    except UnicodeDecodeError:
        # Whatever is text among the bytes is found; each other byte stands for itself.
        found = body.content.decode("utf-8", "replace")
        if redact(found) == found and redact(body.content.decode("latin-1")) == body.content.decode("latin-1"):
            return body
        return replace(body, content=b"", left_out="it holds a secret, and is no text")
    shown = redact(text)
    if shown == text:
        return body
    with suppress(ValueError, RecursionError):
        document = json.loads(text)
        if not _is_json(shown):
            shown = json.dumps(masked(document, redact), ensure_ascii=False)
    return replace(body, content=shown.encode("utf-8", "surrogatepass"))


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
