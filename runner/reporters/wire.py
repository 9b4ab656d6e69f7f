"""Requests and responses as they crossed the wire, for a person to read: `>` what went out, `<` what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

from runner.exchange import Call, Exchange, Headers, Part, Response, header_values
from runner.quantities import show_seconds, show_size
from runner.reporters import Redact
from runner.reporters.terminal import paint, printable

# More of a body than this many characters is not shown.
BOUND = 10_000

# Header fields that carry credentials (RFC 9110, 11.6 and 11.7; RFC 6265): shown only as far as their secret is a known
# one, and masked.
_CREDENTIALS = frozenset(
    (
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
        "x-amz-security-token",
    )
)

# Schemes whose Authorization is made of a secret, word by word: of it the name is shown alone, whatever in it is known.
_MADE_OF = frozenset(("aws4-hmac-sha256", "digest", "negotiate", "ntlm", "oauth"))

# Members that are secrets by their very name (RFC 6749, 2.3.1, 4.3.2 and 5.1; OpenID Connect Core, 3.1.3.3), for those that no
# capture has made known.
_TOKENS = r"access_token|refresh_token|id_token|client_secret|password"
_TOKEN = re.compile(_TOKENS, re.IGNORECASE)
_JSON_TOKEN = re.compile(rf'("(?:{_TOKENS})"\s*:\s*")(?!<<)(?:[^"\\]|\\.)+', re.IGNORECASE | re.DOTALL)
# Signatures that stand in an address: whoever has one may do what it signs.
_SIGNATURES = "oauth_signature|x-amz-signature|x-amz-security-token"
_FORM_TOKEN = re.compile(rf"((?:^|[&?#])(?:{_TOKENS}|{_SIGNATURES})=)(?!<<|%3C%3C)[^&\s]+", re.IGNORECASE)

_USER = re.compile(r"(?<=://)[^/?#]*@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#]*)([^#]*)")
_JSON = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[{}\[\],:]|[^\s{}\[\],:"]+')


def lines(exchange: Exchange, redact: Redact, *, color: bool) -> Iterator[str]:
    """All of one exchange, line by line, each printable."""
    out, back = paint(">", "cyan", color), paint("<", "cyan", color)
    for line in request(exchange.call, redact):
        yield f"{out} {printable(line)}".rstrip()
    if exchange.response is not None:
        for line in _response(exchange.response, exchange.call.save, redact):
            yield f"{back} {printable(line)}".rstrip()
    elif exchange.error is not None:
        yield f"{back} no answer ({exchange.error.kind})"


def address(call: Call) -> str:
    """The URL of a call, fit to be shown once it is redacted."""
    return safe_url(call.masked_url or call.url)


def safe_url(url: str) -> str:
    """`url` without user and password (RFC 3986, 3.2.1), and without the values of parameters that are secrets by name."""
    return _FORM_TOKEN.sub(r"\1...", _USER.sub("...@", url))


def excerpt(response: Response, redact: Redact, length: int) -> str:
    """The beginning of a body on one line, without the blanks that only lay it out; or what it is, when it is no text."""
    text = readable(response)
    if text is None:
        return printable(_described(response.size, redact(response.media_type)))
    # Blanks that lay out take room, but seldom ten times as much as what is shown.
    shown = " ".join(masked(text, redact, 10 * length).split())
    cut = len(shown) > length or len(text) > 10 * length
    return printable(shown[:length]) + ("..." if cut else "") or "(empty)"


def request(call: Call, redact: Redact) -> Iterator[str]:
    url = redact(address(call))
    match = _URL.match(url)
    host, target = (match[1], match[2] or "/") if match else ("", url)
    yield f"{redact(call.method)} {target}"
    if host and not header_values(call.headers, "host"):
        yield f"Host: {host}"
    yield from _lines(call.headers, redact)
    if call.content is None:
        return
    yield ""
    if isinstance(call.content, Path):
        yield f"(the file {redact(str(call.content))}{_size_of(call.content)})"
    elif isinstance(call.content, bytes):
        text = call.content.decode("utf-8", "replace")
        media_type = redact(next(iter(header_values(call.headers, "content-type")), "").partition(";")[0])
        yield from _body(text, redact) if is_text(text) else [f"({_described(len(call.content), media_type)})"]
    else:
        for part in call.content:
            yield f"({redact(_part(part))})"


def _response(response: Response, save: Path | None, redact: Redact) -> Iterator[str]:
    for hop in response.hops:
        dropped = f", without {redact(', '.join(hop.dropped))}" if hop.dropped else ""
        yield f"{hop.status} (redirected to {redact(safe_url(hop.target))}{dropped})"
    reason = f" {redact(response.reason)}" if response.reason else ""
    yield f"{response.status}{reason} (HTTP/{redact(response.http_version)}, {show_seconds(response.duration)})"
    yield from _lines(response.headers, redact)
    if not response.size:
        return
    yield ""
    text = None if save else readable(response)
    if text is not None:
        yield from _body(text, redact)
        return
    where = f", saved to {redact(str(save))}" if save else ""
    yield f"({_described(response.size, redact(response.media_type))}{where})"


def _lines(headers: Headers, redact: Redact) -> Iterator[str]:
    for name, value in fields(headers, redact):
        yield f"{name}: {value}"


def fields(headers: Headers, redact: Redact) -> Iterator[tuple[str, str]]:
    """Header fields, fit to be shown: secrets masked, and of credentials that nobody knows their kind alone."""
    for name, value in headers:
        safe = redact(value)
        kind = name.lower()
        # What comes first is no secret: a scheme's name, a cookie's.
        word, mark, _ = value.partition(" " if "authorization" in kind else "=" if "cookie" in kind else "\n")
        if kind in _CREDENTIALS and (safe == value or word.lower() in _MADE_OF):
            safe = f"{word}{mark}..." if mark else "..."
        yield redact(name), safe_url(safe)


def _body(text: str, redact: Redact) -> Iterator[str]:
    shown = ""
    for piece in _laid_out(masked(text, redact, BOUND), json_it=_is_json(text)):
        shown += piece
        if len(shown) > BOUND:
            break
    yield from shown[:BOUND].replace("\r\n", "\n").removesuffix("\n").split("\n")
    if max(len(shown), len(text)) > BOUND:
        yield f"(cut here; the whole body has {len(text)} characters)"


def masked(text: str, redact: Redact, length: int) -> str:
    """The first `length` characters of a body, and so many more as one secret takes."""
    shown = redact(text, length) if len(text) > length else redact(text)
    return _FORM_TOKEN.sub(r"\1...", _JSON_TOKEN.sub(r"\1...", shown))


def placeholders(text: str) -> str:
    """`text`, which has been masked, with what is a secret by its name alone replaced by that name's mask: `<<id-token>>`."""

    def named(match: re.Match[str]) -> str:
        name = match[1].strip('?&#=": \t\r\n').lower().replace("_", "-")
        return f"{match[1]}<<{name}>>"

    return _FORM_TOKEN.sub(named, _JSON_TOKEN.sub(named, text))


def is_token(name: str) -> bool:
    """Whether a member of that name is a secret by its very name."""
    return _TOKEN.fullmatch(name) is not None


def _laid_out(text: str, *, json_it: bool) -> Iterator[str]:
    """The pieces of JSON with one member on a line, its tokens exactly as they came; any other text as it is."""
    if not json_it:
        yield text
        return
    depth = 0
    for lexeme, following in pairwise(chain((match[0] for match in _JSON.finditer(text)), [""])):
        opens, closes = lexeme in ("{", "["), following in ("}", "]")
        depth += opens - closes
        yield ": " if lexeme == ":" else lexeme
        if lexeme == "," or opens != closes:
            yield "\n" + "  " * depth


def _is_json(text: str) -> bool:
    """Whether `text` is a JSON object or array that can be read."""
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def readable(response: Response) -> str | None:
    """The body's text; None when it is binary, or so large that it lies in a file."""
    if isinstance(response.content, Path):
        return None
    return response.text if is_text(response.text) else None


def is_text(decoded: str) -> bool:
    """Whether bytes were text, seen by what decoding made of them (U+FFFD stands for what did not fit)."""
    start = decoded[:1000]
    return "\0" not in start and start.count("\ufffd") * 10 <= len(start)


def _part(part: Part) -> str:
    filename = f", as {part.filename}" if part.filename else ""
    if isinstance(part.content, Path):
        return f"part {part.name}: the file {part.content}{_size_of(part.content)}{filename}"
    return f"part {part.name}: {_described(len(part.content), part.content_type or '')}{filename}"


def _described(size: int, media_type: str) -> str:
    return f"{media_type}, {show_size(size)}" if media_type else show_size(size)


def _size_of(path: Path) -> str:
    try:
        return f", {show_size(path.stat().st_size)}"
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return ""
