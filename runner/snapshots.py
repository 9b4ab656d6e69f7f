"""A response as a snapshot keeps it: masked, sorted, without what changes each time.

A snapshot is JSON: `status`, `media-type`, `headers` (those asked for), and of the body one of
`json` (sorted by name), `text` (its lines) and `binary` (size in bytes, SHA-256).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from runner import jsonpath
from runner.collection import SnapshotSpec
from runner.exchange import READABLE, Headers, Response, Unreadable
from runner.records import record
from runner.values import Value, type_name

Document: TypeAlias = dict[str, Value]

MARK = "zrun-snapshot"
VERSION = 1
_BLOCK = 1 << 20
# What stands for a value that changes each time: as a pattern of `like` has it.
_ANY = re.compile(r"<<any\('[a-z]+'\)>>\Z")
# The members that hold a body, and what to call it.
BODIES = {"json": "JSON", "text": "text", "binary": "binary"}
_DEEPEST = 100


class Unfit(ValueError):
    """What was read is no snapshot; the message says why."""


@record
class Masks:
    """How what is written is masked: a text, header fields, and which members are secrets by their names."""

    text: Callable[[str], str]
    headers: Callable[[Headers], Iterable[tuple[str, str]]]
    is_token: Callable[[str], bool]


def of(response: Response, spec: SnapshotSpec, masks: Masks, *, saved: bool = False) -> Document:
    """The snapshot of `response`; `saved`: its body is somebody's download. Raises Unreadable, OSError."""
    made: Document = {MARK: VERSION, "status": response.status}
    if response.media_type:
        made["media-type"] = masks.text(response.media_type)
    if spec.headers:
        made["headers"] = dict(_fields(response.headers, spec.headers, masks))
    if response.size:
        made.update(_body(response, masks, saved=saved))
    return settled(made, spec)


def _fields(headers: Headers, wanted: Sequence[str], masks: Masks) -> Iterator[tuple[str, Value]]:
    for name in sorted(set(wanted)):
        values = [value for _, value in masks.headers(tuple(pair for pair in headers if pair[0].lower() == name))]
        if values:
            yield name, values[0] if len(values) == 1 else list[Value](values)


def _body(response: Response, masks: Masks, *, saved: bool) -> Document:
    if saved or response.size > READABLE:
        return {"binary": _digest(response)}
    text = response.text
    start = text[:1000]
    # U+FFFD stands for bytes that are no text.
    if "\0" in start or start.count("\ufffd") * 10 > len(start):
        return {"binary": _digest(response)}
    try:
        document = response.json
        if (isinstance(document, (list, dict)) or "json" in response.media_type) and not _deep(document):
            body: Document = {"json": masked(document, masks)}
            # A secret that is more than one text of the JSON is masked in the text as a whole.
            if _clean(body, masks):
                return body
    except (Unreadable, RecursionError):
        pass
    lines = masks.text(text).split("\n")
    for taken in (lines, [_line(line, masks) for line in lines]):
        body = {"text": list[Value](taken)}
        if _clean(body, masks):
            return body
    return {"binary": _digest(response)}


def _clean(body: Document, masks: Masks) -> bool:
    """Whether nothing is found in the file's text: the escapes of JSON may bring out what did not show before."""
    text = dumped(body).decode("utf-8")
    return masks.text(text) == text


def _line(line: str, masks: Masks) -> str:
    """A line as JSON spells it, if only there a secret is found, and masked; any other as it is."""
    spelled = json.dumps(line, ensure_ascii=False)
    shown = masks.text(spelled)
    return line if shown == spelled else shown


def _deep(value: Value) -> bool:
    """Whether it is nested so deeply that it is better kept as text: no call of ours may be as deep as what a server sends."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (list, dict))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _digest(response: Response) -> Document:
    digest = hashlib.sha256()
    if isinstance(response.content, Path):
        with response.content.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    else:
        digest.update(response.content)
    return {"size": response.size, "sha256": digest.hexdigest()}


def masked(value: Value, masks: Masks) -> Value:
    """`value` with every text in it masked and names sorted. A number of which a secret is a part becomes its mask."""
    if isinstance(value, str):
        return value if _ANY.match(value) else masks.text(value)
    if isinstance(value, list):
        return [masked(item, masks) for item in value]
    if isinstance(value, dict):
        return {masks.text(name): _member(name, value[name], masks) for name in sorted(value)}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = json.dumps(value)
        shown = masks.text(text)
        return value if shown == text else shown
    return value


def _member(name: str, value: Value, masks: Masks) -> Value:
    """A member that is a secret by its name has that name's mask, known or not: it is the same today and tomorrow."""
    secret = masks.is_token(name) and isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if secret and value != "" and not (isinstance(value, str) and _ANY.match(value)):
        return f"<<{name.lower().replace('_', '-')}>>"
    return masked(value, masks)


def settled(document: Document, spec: SnapshotSpec) -> Document:
    """`document` with only the types of what `spec` ignores. Raises Unreadable."""
    if "json" not in document or not spec.ignore:
        return document
    body = document["json"]
    places = {place for one in spec.ignore for place in jsonpath.places(one.path)(body)}
    for place in sorted(places, key=len, reverse=True):
        body = _put(body, place)
    return {**document, "json": body}


def _put(body: Value, place: tuple[str | int, ...]) -> Value:
    """`body` with the type of what stands at `place` in its stead."""
    if not place:
        return _any(body)
    inside: Any = body
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = _any(inside[place[-1]])
    return body


def _any(value: Value) -> Value:
    if isinstance(value, str) and _ANY.match(value):
        return value
    kind = type_name(value)
    return f"<<any('{'number' if kind == 'integer' else kind}')>>"


def again(document: Document, masks: Masks) -> Document:
    """The same, with what has become known as a secret since."""
    made = {name: masked(value, masks) for name, value in document.items()}
    if _clean(made, masks):
        return made
    kept = {name: value for name, value in made.items() if name not in BODIES}
    text = made.get("text")
    lines = text if isinstance(text, list) else json.dumps(made.get("json"), ensure_ascii=False, indent=2).split("\n")
    return {**kept, "text": [_line(str(line), masks) for line in lines]}


def dumped(document: Document) -> bytes:
    """The file's bytes: made to be read, and compared, by people."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "backslashreplace")  # lone surrogates become JSON's own escapes


def loaded(content: bytes) -> Document:
    """What `dumped` made. Raises Unfit."""
    try:
        found = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise Unfit("it is nested too deeply") from None
    except ValueError:
        raise Unfit("it is no JSON") from None
    if not isinstance(found, dict) or MARK not in found:
        raise Unfit("it is no snapshot of zrun's")
    if found[MARK] != VERSION:
        raise Unfit("another version of zrun wrote it")
    return found
