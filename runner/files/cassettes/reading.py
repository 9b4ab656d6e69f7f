"""A cassette is read: people edit these files, so every mistake in one has its place."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from runner.cassettes import Answer, Asked, Body, Cassette, Entry, Failure, Header, Whose
from runner.errors import InputError, Location, Problem, Source
from runner.exchange import Hop
from runner.files.cassettes.places import At, Wrong, offset_of
from runner.files.cassettes.writing import LARGEST, VERSION
from runner.scope import Captured
from runner.values import taint

_AGAIN = "restore it, or --record it again"


def read(path: Path) -> Cassette:
    """The cassette at `path`. Raises InputError for one that is missing, damaged, or of another version."""
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(Problem(f"{path} is no cassette: it is too large", None, "--record it again"))
        written = path.read_bytes()
    except FileNotFoundError:
        message = f"there is no cassette {path}"
        raise InputError(Problem(message, None, "make it by a run with --record")) from None
    except OSError as error:
        raise InputError(Problem(f"{path} cannot be read: {error.strerror}", None, "check its mode")) from None
    try:
        text = written.decode("utf-8", "surrogatepass")
        if not text.isascii() and text[:1] == "\ufeff":
            text = text[1:]
        return _cassette(path, At(json.loads(text)))
    except UnicodeDecodeError:
        raise InputError(Problem(f"{path} is damaged, or no cassette: it is no UTF-8", None, _AGAIN)) from None
    except json.JSONDecodeError as error:
        raise _damaged(path, text, f"it is no JSON here ({error.msg})", error.pos) from None
    except Wrong as error:
        raise _damaged(path, text, error.message, offset_of(text, error.way), error.hint) from None
    except (RecursionError, ValueError):  # ValueError: a number of thousands of digits
        raise InputError(Problem(f"{path} is damaged, or no cassette", None, _AGAIN)) from None


def _damaged(path: Path, text: str, message: str, offset: int, hint: str | None = None) -> InputError:
    # Lines as Source counts them.
    ends = [end.end() for end in re.finditer(r"\r\n|\r|\n", text[:offset])]
    place = Location(Source(str(path), text, path), len(ends) + 1, offset - (ends[-1] if ends else 0) + 1)
    return InputError(Problem(f"the cassette is damaged, or was edited amiss: {message}", place, hint or _AGAIN))


def _cassette(path: Path, document: At) -> Cassette:
    if not document.has("zrun-cassette"):
        raise document.wrong("it is no cassette: it has no `zrun-cassette`", "name the DIR of a run with --record")
    version = document["zrun-cassette"].integer()
    if version != VERSION:
        message = f"{path} was written by another zrun (cassette format {version}; this one reads {VERSION})"
        raise InputError(Problem(message, None, "use that zrun, or --record it again"))
    begun = {_whose(one.only("step", "row", "started")): one["started"].number() for one in document["steps"].items()}
    return Cassette(str(path), _header(document), begun, tuple(map(entry, document["exchanges"].items())))


def _whose(written: At) -> Whose:
    row = written.get("row")
    return written["step"].text(), None if row is None else row.integer()


def _header(document: At) -> Header:
    document.only(
        *("zrun-cassette", "zrun", "collection", "environment", "clock", "seed", "secrets", "captured", "sandbox"),
        *("issuers", "interrupted", "steps", "exchanges"),
    )
    environment, interrupted = document.get("environment"), document.get("interrupted")
    return Header(
        version=document["zrun"].text(),
        collection=document["collection"].text(),
        environment=None if environment is None else environment.text(),
        clock=document["clock"].number(),
        seed=document["seed"].text(),
        secrets=frozenset(name.text() for name in document["secrets"].items()),
        captured={name: _captured(name, one) for name, one in document["captured"].members()},
        sandbox={name: address.text() for name, address in document["sandbox"].members()},
        issuers={
            name: (one.only("document", "at")["document"].text(), one["at"].number())
            for name, one in document["issuers"].members()
        },
        interrupted=interrupted is not None and interrupted.truth(),
    )


def _captured(name: str, written: At) -> Captured:
    written.only("value", "by", "at", "expires-at", "secret")
    expires, secret = written.get("expires-at"), written.get("secret")
    if not written.has("value"):
        raise written.wrong("there is no `value` here")
    value = written.value["value"]
    return Captured(
        taint(value, name) if secret is not None and secret.truth() else value,
        written["by"].text(),
        written["at"].number(),
        None if expires is None else expires.number(),
    )


def entry(written: At) -> Entry:
    """One exchange. Raises Wrong."""
    written.only("step", "row", "by", "started", "ended", "request", "response", "error")
    answer, failure, by = written.get("response"), written.get("error"), written.get("by")
    if (answer is None) == (failure is None):
        raise written.wrong("an exchange has either a `response` or an `error`")
    step, row = _whose(written)
    asked = written["request"].only("method", "url", "headers", "body")
    body = asked.get("body")
    return Entry(
        step=step,
        row=row,
        by=None if by is None else by.text(),
        started=written["started"].number(),
        ended=written["ended"].number(),
        asked=Asked(
            asked["method"].text(),
            asked["url"].text(),
            tuple(field.pair() for field in asked["headers"].items()),
            "" if body is None else body.lines(),
        ),
        answer=None if answer is None else _answer(answer),
        failure=None if failure is None else _failure(failure),
    )


def _answer(written: At) -> Answer:
    written.only(
        *("status", "reason", "http-version", "url", "headers", "body", "duration", "redirects", "certificate")
    )
    certificate, redirects = written.get("certificate"), written.get("redirects")
    status = written["status"].integer()
    if not 100 <= status <= 999:
        raise written["status"].wrong("a status of HTTP is needed here: three digits")
    return Answer(
        status=status,
        reason=written["reason"].text(),
        http_version=written["http-version"].text(),
        url=written["url"].text(),
        headers=tuple(field.pair() for field in written["headers"].items()),
        body=_body(written["body"]),
        duration=written["duration"].number(),
        redirects=() if redirects is None else tuple(map(_hop, redirects.items())),
        certificate=None if certificate is None else (_base64(certificate["der"]), certificate["seen"].number()),
    )


def _hop(written: At) -> Hop:
    written.only("status", "url", "target", "dropped")
    dropped = tuple(name.text() for name in written["dropped"].items())
    return Hop(written["status"].integer(), written["url"].text(), written["target"].text(), dropped)


def _body(written: At) -> Body:
    """A body; `size` is that of the original, or left out of one that somebody wrote by hand."""
    written.only("text", "base64", "left-out", "size")
    text, coded, left_out, size = (written.get(name) for name in ("text", "base64", "left-out", "size"))
    if sum(one is not None for one in (text, coded, left_out)) != 1:
        raise written.wrong("a body has one of `text`, `base64` and `left-out`")
    content = b""
    if text is not None:
        content = text.lines().encode("utf-8", "surrogatepass")
    elif coded is not None:
        content = _base64(coded)
    whole = len(content) if size is None else size.integer()
    return Body(content, whole, None if left_out is None else left_out.text())


def _base64(written: At) -> bytes:
    try:
        return base64.b64decode(written.text(), validate=True)
    except ValueError:
        raise written.wrong("this is no Base64") from None


def _failure(written: At) -> Failure:
    written.only("message", "hint", "exit-code", "kind", "sent")
    hint = written.get("hint")
    return Failure(
        written["message"].text(),
        None if hint is None else hint.text(),
        written["exit-code"].integer(),
        written["kind"].text(),
        written["sent"].truth(),
    )
