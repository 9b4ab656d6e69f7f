"""No known secret leaves in any text, whatever it went through: the second net, below the type that masks itself.

A secret is found as it is and percent-encoded (either case, `+` for a blank), in JSON's and Python's escapes, in HTML's, in
Base64 of both alphabets at all three alignments, and in hexadecimal.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from runner.errors import Problem
from runner.values import Secret

# A shorter text is found everywhere: masking it would shred what is printed.
SHORTEST = 6


class Redactor:
    """Knows secrets, and replaces each by its mask (`<<client-secret>>`)."""

    def __init__(self) -> None:
        self._masks: dict[str, str] = {}
        self._known: set[tuple[str, str]] = set()
        self._pattern: re.Pattern[str] | None = None
        self._short: dict[str, Problem] = {}

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """One for each secret that is too short to be masked."""
        return tuple(self._short.values())

    def add(self, secret: Secret) -> None:
        """From now on, mask this one."""
        text = secret.reveal()
        if (text, secret.mask) in self._known:
            return
        self._known.add((text, secret.mask))
        if len(text.strip()) < SHORTEST:
            if text:
                message = (
                    f"the secret `{secret.name}` is shorter than {SHORTEST} characters, so it is not masked in output"
                )
                self._short[secret.name] = Problem(message, None, "use a longer one", warning=True)
            return
        for spelling in spellings(text):
            if len(spelling) >= SHORTEST:
                # A part of a longer text that is known already keeps the more telling mask.
                self._masks.setdefault(spelling, secret.mask)
        self._pattern = None

    def add_all(self, secrets: Iterable[Secret]) -> None:
        for secret in secrets:
            self.add(secret)

    def text(self, text: str) -> str:
        """`text` with every known secret in it masked, the longest first."""
        if not self._masks or not text:
            return text
        if self._pattern is None:
            longest_first = sorted(self._masks, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(lambda match: self._masks[match[0]], text)

    def stream(self, chunks: Iterable[str]) -> Iterator[str]:
        """As `text`, for a text that comes in pieces: a secret across a border is found too."""
        held = ""
        for chunk in chunks:
            held += chunk
            keep = max(map(len, self._masks), default=1) - 1
            if len(held) > keep:
                cut = self._safe_cut(held, len(held) - keep)
                yield self.text(held[:cut])
                held = held[cut:]
        yield self.text(held)

    def _safe_cut(self, held: str, cut: int) -> int:
        """A place to cut at or before `cut` that goes through no secret."""
        self.text("x")  # compiles the pattern
        for match in self._pattern.finditer(held) if self._pattern else ():
            if match.start() < cut < match.end():
                return match.start()
        return cut


def spellings(text: str) -> set[str]:
    """Every form in which `text` may stand in a message, itself among them."""
    raw = text.encode("utf-8", "surrogatepass")
    found = {text, text.strip()}
    for safe in ("", "/", "~", "-._~!$'()*,:@/?", "!*'();:@&=+$,/?#[]"):
        for encoded in (quote(raw, safe=safe), quote_plus(raw, safe=safe)):
            found |= {encoded, re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)}
    for form in ("%%%02X", "%%%02x"):  # everything but letters and digits, and everything
        found.add("".join(chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else form % byte for byte in raw))
        found.add("".join(form % byte for byte in raw))
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        found |= {escaped, escaped.replace("/", "\\/"), json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]}
    found |= {repr(text)[1:-1], repr(raw)[2:-1]}
    for quotes in ({}, {'"': "&quot;"}, {'"': "&quot;", "'": "&#x27;"}, {'"': "&#34;", "'": "&#39;"}):
        table = {"&": "&amp;", "<": "&lt;", ">": "&gt;", **quotes}
        found.add("".join(table.get(character, character) for character in text))
    found |= {raw.hex(), raw.hex().upper()}
    found |= set(_base64(raw))
    return {spelling for spelling in found if spelling}


def _base64(raw: bytes) -> Iterator[str]:
    """The characters of Base64 that `raw` alone decides, at each of the three places where it may begin in a group."""
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw).rstrip(b"=").decode()
        first = (0, 2, 3)[lead]  # characters that hold bits of what stands before
        last = len(encoded) if (lead + len(raw)) % 3 == 0 else len(encoded) - 1
        inner = encoded[first:last]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))
        if (lead + len(raw)) % 3 and not lead:
            yield encoded
            yield encoded.translate(str.maketrans("+/", "-_"))
