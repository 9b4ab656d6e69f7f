"""Ways in which servers, shells, logs and libraries spell a text: what the redactor must see through, each a plain function."""

from __future__ import annotations

import base64
import html
import json
import textwrap
from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

Spell = Callable[[str], str]


def percent_lower(text: str) -> str:
    """Everything but letters and digits, in lower case."""
    return "".join(c if c.isascii() and c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in text)


def percent_some(text: str, seed: int = 7) -> str:
    """Every character that must be, and some that need not, in either case."""
    rng = Random(seed)
    must = "%+& #"
    pieces = []
    for character in text:
        form = rng.choice(("%%%02x", "%%%02X"))
        encoded = "".join(form % byte for byte in character.encode())
        pieces.append(encoded if character in must or not character.isascii() or rng.random() < 0.3 else character)
    return "".join(pieces)


def json_escaped(text: str) -> str:
    """Every character as \\uXXXX in upper case, surrogate pairs for what is beyond."""
    raw = text.encode("utf-16-be")
    return "".join(f"\\u{raw[i] << 8 | raw[i + 1]:04X}" for i in range(0, len(raw), 2))


SPELLINGS: dict[str, Spell] = {
    "raw": lambda s: s,
    "percent": lambda s: quote(s, safe=""),
    "percent, slash kept": quote,
    "percent, lower case": percent_lower,
    "percent, some": percent_some,
    "percent, every byte": lambda s: "".join(f"%{b:02X}" for b in s.encode()),
    "percent, twice": lambda s: quote(quote(s, safe=""), safe=""),
    "form": quote_plus,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, unicode kept": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json, slash escaped": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json, every character": json_escaped,
    "json, every character, lower case": lambda s: json_escaped(s).lower(),
    "json in json": lambda s: json.dumps(json.dumps(s))[3:-3],
    "json in json in json": lambda s: json.dumps(json.dumps(json.dumps(s)))[7:-7],
    "html": html.escape,
    "html, decimal": lambda s: "".join(c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in s),
    "html, hexadecimal": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "html, twice": lambda s: html.escape(html.escape(s)),
    "html in json": lambda s: json.dumps(html.escape(s))[1:-1],
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, no padding": lambda s: base64.b64encode(s.encode()).decode().rstrip("="),
    "base64, second alignment": lambda s: base64.b64encode(b"u" + s.encode()).decode(),
    "base64, third alignment": lambda s: base64.b64encode(b"me" + s.encode() + b"!!").decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "base64, in lines": lambda s: "\n".join(textwrap.wrap(base64.b64encode(s.encode()).decode(), 20)),
    "base64, in lines, in json": lambda s: json.dumps(base64.encodebytes(b"a" + s.encode()).decode())[1:-1],
    "basic": lambda s: base64.b64encode(b"a-user:" + s.encode()).decode(),
    "basic, percent inside": lambda s: base64.b64encode(b"user:" + quote_plus(s).encode()).decode(),
    "percent of base64": lambda s: quote(base64.b64encode(s.encode()).decode(), safe=""),
    "base64 of json": lambda s: base64.b64encode(json.dumps({"k": s}).encode()).decode(),
    "base64 of json, unicode kept": lambda s: base64.b64encode(json.dumps([s], ensure_ascii=False).encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "hex of json": lambda s: json.dumps({"k": s}).encode().hex(),
    "repr": lambda s: repr(s)[1:-1],
    "repr of bytes": lambda s: repr(s.encode())[2:-1],
    "latin-1": lambda s: s.encode().decode("latin-1"),
    "latin-1 in json": lambda s: json.dumps(s.encode().decode("latin-1"))[1:-1],
    "json of percent": lambda s: json.dumps(quote(s))[1:-1],
    "percent of json": lambda s: quote(json.dumps(s)),
}
