"""A request as written and a scope become a Call: every template rendered, every part encoded, nothing left to decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from runner import tree
from runner.collection import BodySpec, Pair, PartSpec, RequestSpec, Text
from runner.errors import InputError, Location, PolicyError, Problem
from runner.exchange import Call, Headers, Journal, Part
from runner.origins import split
from runner.template import Lookup, Template
from runner.values import Secret, reveal, secrets_in, to_text

# What RFC 3986 lets stand in a query beside letters and digits, less the separators of pairs; templates keep their text.
_QUERY_SAFE = "-._~!$'()*,:@/?"
_PATH_PARAMETER = re.compile(r"(?<=/):([A-Za-z_][\w-]*)(?=[/?#.]|$)|\{([A-Za-z_][\w-]*)\}")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # RFC 9110, 5.6.2


@dataclass
class _Ink:
    """Text being written twice: as it is sent, and as it may be shown; and the secrets that went into it."""

    real: str = ""
    shown: str = ""
    secrets: set[Secret] = field(default_factory=set)

    def add(self, text: str | Secret) -> None:
        if isinstance(text, Secret):
            self.real += text.reveal()
            self.shown += str(text)
            self.secrets.add(text)
        else:
            self.real += text
            self.shown += text

    def encoded(self, text: str | Secret, safe: str) -> None:
        """Add `text` percent-encoded; a secret's mask is left readable."""
        if isinstance(text, Secret):
            self.real += quote(text.reveal(), safe=safe, errors="replace")
            self.shown += str(text)
            self.secrets.add(text)  # not what it is encoded to: who knows a secret knows it in any encoding
        else:
            self.add(quote(text, safe=safe, errors="replace"))


def call(
    request: RequestSpec,
    lookup: Lookup,
    *,
    journal: Journal | None = None,
    jar: int = 0,
) -> Call:
    """The Call that `request` is in this scope, with the `journal` and `jar` that it is to have.

    Raises template.NoValue for a variable without a value, InputError for an address, a header or a body that cannot be
    made of what was given; both with their place.
    """
    url = _url(request, lookup)
    headers, secrets = _headers(request, lookup)
    method = tree.render_text(request.method, lookup)
    if isinstance(method, Secret):
        raise PolicyError(Problem("the method would hold a secret", request.location, "write it as `method: PURGE`"))
    if not _TOKEN.match(method):
        raise InputError(Problem("the method is not a word of HTTP", request.location, "write it as `method: PURGE`"))
    content: bytes | Path | tuple[Part, ...] | None = None
    if request.body:
        content, media_type, body_secrets = _body(request.body, request, lookup)
        secrets |= body_secrets
        if media_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", media_type))
    return Call(
        method=method.upper() if method.islower() else method,
        url=url.real,
        headers=headers,
        content=content,
        timeout=request.timeout,
        follow_redirects=request.follow_redirects,
        max_redirects=request.max_redirects,
        cookies=request.cookies,
        save=_file(request.save, request, lookup, writing=True) if request.save is not None else None,
        secrets=frozenset(secrets | url.secrets),
        location=_place(request.url, request.location),
        masked_url=url.shown,
        journal=journal,
        jar=jar,
        project=request.project,
    )


def address(request: RequestSpec, lookup: Lookup) -> Call:
    """A call to the URL alone, with its secrets. Raises as `call` does."""
    url = _url(request, lookup)
    place = _place(request.url, request.location)
    return Call("GET", url.real, secrets=frozenset(url.secrets), location=place, masked_url=url.shown)


def _place(text: Text, otherwise: Location) -> Location:
    return text.location if isinstance(text, Template) else otherwise


def _url(request: RequestSpec, lookup: Lookup) -> _Ink:
    ink = _Ink()
    written = tree.render_text(request.url, lookup)
    place = _place(request.url, request.location)
    if request.path:
        written = _fill_path(written, request.path, lookup)
    ink.add(written)
    _check_address(ink, place)
    ink.real, ink.shown = ink.real.partition("#")[0], ink.shown.partition("#")[0]
    _, mark, query = ink.real.partition("?")
    # A question mark is a sign as any other in a query (RFC 3986, 3.4), so a value may end with one.
    separator = "?" if not mark else "" if not query or query.endswith("&") else "&"
    for name, value in _pairs(request.query, lookup):
        ink.add(separator)
        ink.encoded(name, _QUERY_SAFE)
        ink.add("=")
        ink.encoded(value, _QUERY_SAFE)
        separator = "&"
    return ink


def _check_address(ink: _Ink, place: Location) -> None:
    """Refuse what is not an absolute http(s) URL, and what two parsers could read as two different hosts."""
    scheme = ink.real.partition("://")[0].lower()
    if "://" not in ink.real or scheme not in ("http", "https"):
        raise InputError(
            Problem("the address does not begin with http:// or https://", place, "give the whole URL, scheme and host")
        )
    if _BLANK.search(ink.real):
        what = "it holds a blank or a control character"
        raise InputError(Problem(f"the address cannot be used: {what}", place, "percent-encode it, or mend the value"))
    try:
        split(ink.real)
    except ValueError as error:
        raise InputError(Problem(f"the address cannot be used: {error}", place, "mend the URL")) from None


def _fill_path(url: str | Secret, pairs: tuple[Pair, ...], lookup: Lookup) -> str | Secret:
    """`:id` and `{id}` in the URL's path, replaced by percent-encoded values."""
    values = dict(_pairs(pairs, lookup))
    real, shown = (url.reveal(), str(url)) if isinstance(url, Secret) else (url, url)
    used: set[str] = set()

    def fill(text: str, seen: bool) -> str:
        def replace(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name not in values:
                return match[0]
            used.add(name)
            value = values[name]
            if isinstance(value, Secret):
                return str(value) if seen else quote(value.reveal(), safe="", errors="replace")
            return quote(value, safe="", errors="replace")

        head, mark, tail = text.partition("?")
        return _PATH_PARAMETER.sub(replace, head) + mark + tail

    filled, mask = fill(real, False), fill(shown, True)
    for pair in pairs:
        if isinstance(pair.name, str) and pair.name in values and pair.name not in used:
            raise InputError(
                Problem(f"the URL has no place for `{pair.name}`", pair.location, f"write `:{pair.name}` into its path")
            )
    secrets = tuple(text for text in (url, *values.values()) if isinstance(text, Secret))
    return Secret(filled, ", ".join(secret.name for secret in secrets), mask, secrets) if secrets else filled


def _pairs(pairs: Iterable[Pair], lookup: Lookup) -> Iterator[tuple[str, str | Secret]]:
    """Names and texts, a list repeated, a null dropped."""
    for pair in pairs:
        name = tree.render_key(pair.name, lookup)
        value = tree.render(pair.value, lookup)
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, to_text(item)


def _headers(request: RequestSpec, lookup: Lookup) -> tuple[Headers, set[Secret]]:
    lines: list[tuple[str, str]] = []
    secrets: set[Secret] = set()
    places = {id(pair): pair.location for pair in request.headers}
    for pair in request.headers:
        for name, value in _pairs((pair,), lookup):
            if not _TOKEN.match(name):
                raise InputError(
                    Problem(
                        "a header's name holds a character that HTTP does not allow",
                        places[id(pair)],
                        "use letters, digits and hyphens",
                    )
                )
            text = value.reveal() if isinstance(value, Secret) else value
            if any(character in text for character in "\r\n\0"):
                raise InputError(
                    Problem(
                        f"the value of the header `{name}` holds a line end or a NUL",
                        places[id(pair)],
                        "a header is one line: trim the value",
                    )
                )
            if isinstance(value, Secret):
                secrets.add(value)
            lines.append((name, text.strip(" \t")))
    return tuple(lines), secrets


def _body(
    body: BodySpec, request: RequestSpec, lookup: Lookup
) -> tuple[bytes | Path | tuple[Part, ...], str | None, set[Secret]]:
    """The content, its media type (None: by the transport), and the secrets in it."""
    if body.kind == "form":
        return _form(body, lookup)
    if body.kind == "multipart":
        parts, secrets = _multipart(body, request, lookup)
        return parts, None, secrets
    if body.kind == "file":
        path = _file(body.file or "", request, lookup, body.location)
        return path, _media_type(path), set()
    if body.kind in ("json", "graphql"):
        value = tree.render(body.tree, lookup)
        try:
            text = json.dumps(reveal(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except ValueError:
            problem = Problem(
                "a number of the body is infinite or none at all", body.location, "JSON cannot hold it: mend the value"
            )
            raise InputError(problem) from None
        return text.encode("utf-8", "replace"), "application/json", set(secrets_in(value))
    text_value = tree.render_text(body.tree, lookup)
    media_type = "application/xml" if body.kind == "xml" else "text/plain; charset=utf-8"
    if isinstance(text_value, Secret):
        return text_value.reveal().encode("utf-8", "replace"), media_type, {text_value}
    return text_value.encode("utf-8", "replace"), media_type, set()


def _form(body: BodySpec, lookup: Lookup) -> tuple[bytes, str, set[Secret]]:
    """The WHATWG's application/x-www-form-urlencoded: a blank is `+`."""
    fields: list[str] = []
    secrets: set[Secret] = set()
    for name, value in _pairs(body.form, lookup):
        if isinstance(value, Secret):
            secrets.add(value)
        text = value.reveal() if isinstance(value, Secret) else value
        fields.append(f"{_form_encoded(name)}={_form_encoded(text)}")
    return "&".join(fields).encode(), "application/x-www-form-urlencoded", secrets


def _form_encoded(text: str) -> str:
    return quote_plus(text, safe="*", errors="replace")


def _multipart(body: BodySpec, request: RequestSpec, lookup: Lookup) -> tuple[tuple[Part, ...], set[Secret]]:
    parts: list[Part] = []
    secrets: set[Secret] = set()
    for spec in body.parts:
        name = tree.render_key(spec.name, lookup)
        media_type = tree.render_key(spec.content_type, lookup) if spec.content_type is not None else None
        filename = tree.render_key(spec.filename, lookup) if spec.filename is not None else None
        if spec.file is not None:
            path = _file(spec.file, request, lookup, spec.location)
            parts.append(Part(name, path, filename or path.name, media_type or _media_type(path)))
            continue
        for content in _part_contents(spec, lookup):
            if isinstance(content, Secret):
                secrets.add(content)
            text = content.reveal() if isinstance(content, Secret) else content
            parts.append(Part(name, text.encode("utf-8", "replace"), filename, media_type))
    return tuple(parts), secrets


def _part_contents(spec: PartSpec, lookup: Lookup) -> Iterator[str | Secret]:
    value = tree.render(spec.value, lookup)
    for item in value if isinstance(value, list) else [value]:
        if item is not None:
            yield to_text(item)


def _file(
    written: Text, request: RequestSpec, lookup: Lookup, place: Location | None = None, *, writing: bool = False
) -> Path:
    """The path of a file. Raises OutsideError for one that a collection may not reach."""
    text = tree.render_text(written, lookup)
    place = written.location if isinstance(written, Template) else place or request.location
    if isinstance(text, Secret):
        raise PolicyError(Problem("the name of a file would hold a secret", place, "name the file without it"))
    if not text or "\0" in text or not Path(text).name or Path(text).name == "..":
        raise InputError(Problem("this is not the name of a file", place, "give a path that ends in a file's name"))
    path = request.folder / text
    request.project.locate(path, place, writing=writing)
    return path


def _media_type(path: Path) -> str:
    import mimetypes  # late: it reads the system's tables, and few requests send a file

    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
