"""Cassettes: the JSON files of `--record` and `--replay`, one a collection.

Version 1. Made to be read, compared and kept in a version control: one exchange after the other in the order of rows and
steps, texts as lists of lines.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from runner.cassettes import Answer, Asked, Body, Cassette, Entry, Failure, Header, Whose
from runner.errors import InputError, Problem
from runner.exchange import Hop
from runner.files import durable
from runner.scope import Captured
from runner.values import secrets_in, taint

VERSION = 1
# A larger file is no recording that anybody keeps.
_LARGEST = 500_000_000

Redact = Callable[[str], str]


def path_of(folder: Path, root: Path, collection: Path) -> Path:
    """Where the cassette of a collection of the project `root` is."""
    try:
        name = collection.resolve().relative_to(root.resolve())
    except ValueError:
        name = Path(collection.name)
    return folder / name.with_name(f"{name.name}.json")


class Spool:
    """Exchanges on their way to a cassette, in a private file without a name: nothing stays of it however the process ends.

    A context manager. Raises OSError, as for a full disk.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="zrun-", suffix=".jsonl")  # noqa: SIM115  # closed at exit
        self._size = 0
        self._lines: list[tuple[Whose, int, int]] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        line = json.dumps(_entry(entry)).encode("ascii")
        self._file.seek(self._size)
        self._file.write(line)
        self._lines.append(((entry.step, entry.row), self._size, len(line)))
        self._size += len(line)

    def entries(self, order: Callable[[Whose], Any]) -> Iterator[Entry]:
        """All of them, by `order`, those of one step as they were added."""
        for _, start, length in sorted(self._lines, key=lambda line: order(line[0])):
            self._file.seek(start)
            yield _entry_of(json.loads(self._file.read(length)))


def write(path: Path, header: Header, begun: Mapping[Whose, float], entries: Iterable[Entry], redact: Redact) -> None:
    """Put a cassette in the place of `path`, everything in it masked once more. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pieces = [_header(header, begun, redact)]
    pieces += [_entry(again(entry, redact)) for entry in entries]
    head, rest = json.dumps(pieces[0], indent=1, ensure_ascii=False), pieces[1:]
    lines = ",\n".join(json.dumps(piece, indent=1, ensure_ascii=False) for piece in rest)
    text = f'{head.removesuffix("}").rstrip()},\n "exchanges": [\n{lines}\n]\n}}\n'
    made = durable.temporary(path, text.encode("utf-8", "surrogatepass"))
    try:
        made.chmod(0o644)  # there is nothing private in it: it is made to be kept beside the collection
        made.replace(path)
    except OSError:
        made.unlink(missing_ok=True)
        raise


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
            shown = json.dumps(_masked(document, redact), ensure_ascii=False)
    return replace(body, content=shown.encode("utf-8", "surrogatepass"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _masked(value: Any, redact: Redact) -> Any:
    if isinstance(value, dict):
        return {redact(key): _masked(item, redact) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, redact) for item in value]
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    shown = redact(text)
    return value if shown == text else shown


def _header(header: Header, begun: Mapping[Whose, float], redact: Redact) -> dict[str, Any]:
    return {
        "zrun-cassette": VERSION,
        "zrun": header.version,
        "collection": header.collection,
        "environment": header.environment,
        "clock": header.clock,
        "seed": header.seed,
        "secrets": sorted(header.secrets),
        "captured": {name: _captured(one, redact) for name, one in sorted(header.captured.items())},
        "sandbox": {name: redact(text) for name, text in sorted(header.sandbox.items())},
        "issuers": {name: {"document": redact(text), "at": at} for name, (text, at) in sorted(header.issuers.items())},
        "steps": [{"step": step, "row": row, "started": at} for (step, row), at in begun.items()],
    }


def _captured(captured: Captured, redact: Redact) -> dict[str, Any]:
    secret = bool(secrets_in(captured.value))
    shown: dict[str, Any] = {
        "value": _masked(_shown(captured.value), redact),
        "by": captured.by,
        "at": captured.at,
        "expires-at": captured.expires_at,
    }
    return {**shown, "secret": True} if secret else shown


def _shown(value: Any) -> Any:
    """A value with each secret as its mask."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _entry(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"step": entry.step}
    if entry.row is not None:
        found["row"] = entry.row
    if entry.by is not None:
        found["by"] = entry.by
    found |= {"started": entry.started, "ended": entry.ended}
    asked = entry.asked
    found["request"] = {"method": asked.method, "url": asked.url, "headers": [list(field) for field in asked.headers]}
    if asked.body:
        found["request"]["body"] = _lines(asked.body)
    answer, failure = entry.answer, entry.failure
    if answer is not None:
        found["response"] = {
            "status": answer.status,
            "reason": answer.reason,
            "http-version": answer.http_version,
            "url": answer.url,
            "headers": [list(field) for field in answer.headers],
            "body": _body(answer.body),
            "duration": answer.duration,
        }
        if answer.redirects:
            found["response"]["redirects"] = [
                {"status": hop.status, "url": hop.url, "target": hop.target, "dropped": list(hop.dropped)}
                for hop in answer.redirects
            ]
        if answer.certificate:
            der, seen = answer.certificate
            found["response"]["certificate"] = {"der": base64.b64encode(der).decode("ascii"), "seen": seen}
    if failure is not None:
        found["error"] = {
            "message": failure.message,
            "hint": failure.hint,
            "exit-code": failure.exit_code,
            "kind": failure.kind,
            "sent": failure.sent,
        }
    return found


def _lines(text: str) -> str | list[str]:
    lines = text.splitlines(keepends=True)
    return lines if len(lines) > 1 else text


def _body(body: Body) -> dict[str, Any]:
    if body.left_out is not None:
        return {"left-out": body.left_out, "size": body.size}
    try:
        return {"text": _lines(body.content.decode("utf-8")), "size": body.size}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body.content).decode("ascii"), "size": body.size}


def read(path: Path) -> Cassette:
    """The cassette at `path`. Raises InputError for one that is missing, damaged, or of another version."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(Problem(f"{path} is no cassette: it is too large", None, "--record it again"))
        document = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
        version = document["zrun-cassette"]
        if version != VERSION:
            message = f"{path} was written by another zrun (cassette format {version})"
            raise InputError(Problem(message, None, "use that zrun, or --record it again"))
        begun = {(str(one["step"]), _row(one)): float(one["started"]) for one in document["steps"]}
        entries = tuple(map(_entry_of, document["exchanges"]))
        return Cassette(str(path), _header_of(document), begun, entries)
    except FileNotFoundError:
        message = f"there is no cassette {path}"
        raise InputError(Problem(message, None, "make it by a run with --record")) from None
    except OSError as error:
        raise InputError(Problem(f"{path} cannot be read: {error.strerror}", None, "check its mode")) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        hint = "restore it, or --record it again"
        raise InputError(Problem(f"{path} is damaged, or no cassette", None, hint)) from None


def _row(written: Mapping[str, Any]) -> int | None:
    row = written.get("row")
    return None if row is None else int(row)


def _header_of(document: Mapping[str, Any]) -> Header:
    captured = {
        name: Captured(
            taint(one["value"], name) if one.get("secret") else one["value"],
            str(one["by"]),
            float(one["at"]),
            None if one["expires-at"] is None else float(one["expires-at"]),
        )
        for name, one in document["captured"].items()
    }
    environment = document["environment"]
    return Header(
        version=str(document["zrun"]),
        collection=str(document["collection"]),
        environment=None if environment is None else str(environment),
        clock=float(document["clock"]),
        seed=str(document["seed"]),
        secrets=frozenset(map(str, document["secrets"])),
        captured=captured,
        sandbox={str(name): str(text) for name, text in document["sandbox"].items()},
        issuers={name: (str(one["document"]), float(one["at"])) for name, one in document["issuers"].items()},
    )


def _entry_of(written: Mapping[str, Any]) -> Entry:
    asked = written["request"]
    answer = written.get("response")
    failure = written.get("error")
    if (answer is None) == (failure is None):
        raise ValueError("neither an answer nor an error")
    return Entry(
        step=str(written["step"]),
        row=_row(written),
        by=written.get("by"),
        started=float(written["started"]),
        ended=float(written["ended"]),
        asked=Asked(str(asked["method"]), str(asked["url"]), _fields(asked), _text(asked.get("body", ""))),
        answer=None if answer is None else _answer_of(answer),
        failure=None if failure is None else _failure_of(failure),
    )


def _fields(written: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in written["headers"])


def _text(written: str | list[str]) -> str:
    return written if isinstance(written, str) else "".join(written)


def _answer_of(written: Mapping[str, Any]) -> Answer:
    body = written["body"]
    content = b""
    if "text" in body:
        content = _text(body["text"]).encode("utf-8", "surrogatepass")
    elif "base64" in body:
        content = base64.b64decode(body["base64"], validate=True)
    certificate = written.get("certificate")
    return Answer(
        status=int(written["status"]),
        reason=str(written["reason"]),
        http_version=str(written["http-version"]),
        url=str(written["url"]),
        headers=_fields(written),
        body=Body(content, int(body["size"]), body.get("left-out")),
        duration=float(written["duration"]),
        redirects=tuple(
            Hop(int(hop["status"]), str(hop["url"]), str(hop["target"]), tuple(map(str, hop["dropped"])))
            for hop in written.get("redirects", ())
        ),
        certificate=(
            (base64.b64decode(certificate["der"], validate=True), float(certificate["seen"])) if certificate else None
        ),
    )


def _failure_of(written: Mapping[str, Any]) -> Failure:
    hint = written["hint"]
    return Failure(
        str(written["message"]),
        None if hint is None else str(hint),
        int(written["exit-code"]),
        str(written["kind"]),
        bool(written["sent"]),
    )
