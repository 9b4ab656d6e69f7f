"""Base64 and hexadecimal undone to look into them: for what is written to stay, where looking twice is worth its time.

The redactor spells out what a secret looks like in these, and cannot spell every mixture (Base64 of a form that left some signs
as they were). Here each run of such letters is decoded, and goes as a whole when there is a secret in it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from runner.redact import Redactor

# A shorter run holds no secret that is long enough to be looked for.
_RUN = re.compile(r"(?:[A-Za-z0-9+/_-]|(?<=[A-Za-z0-9+/_-])(?:\\?\r?\n|\\r\\n|\\n)(?=[A-Za-z0-9+/_-])){12,}={0,2}")
_BREAKS = re.compile(r"\\r|\\n|[\\\r\n]")
_HEX = re.compile(r"[0-9A-Fa-f]{12,}")
_DEPTH = 3


def masking(redactor: Redactor) -> Callable[..., str]:
    """As `Redactor.text`; a run of Base64 or hexadecimal in which a secret is becomes that secret's mask."""

    def masked(text: str, length: int | None = None) -> str:
        shown = redactor.text(text, length)
        return _RUN.sub(lambda match: _mask(match[0], redactor, _DEPTH) or match[0], shown)

    return masked


def _mask(run: str, redactor: Redactor, depth: int) -> str | None:
    """The masks of the secrets in what `run` decodes to; None when there are none."""
    for decoded in _decoded(run):
        spans = redactor.spans(decoded)
        if spans:
            return "".join(dict.fromkeys(span.secret.mask for span in spans))
        if depth > 1:
            for match in _RUN.finditer(decoded):
                found = _mask(match[0], redactor, depth - 1)
                if found:
                    return found
    return None


def _decoded(run: str) -> Iterator[str]:
    joined = _BREAKS.sub("", run)
    for match in _HEX.finditer(joined):
        for start in (0, 1):
            piece = match[0][start:]
            yield bytes.fromhex(piece[: len(piece) // 2 * 2]).decode("utf-8", "replace")
    letters = joined.rstrip("=").replace("-", "+").replace("_", "/")
    for start in range(4):
        piece = letters[start:]
        piece = piece[: len(piece) - (len(piece) % 4 == 1)]
        try:
            yield base64.b64decode(piece + "=" * (-len(piece) % 4)).decode("utf-8", "replace")
        except (ValueError, binascii.Error):
            continue
