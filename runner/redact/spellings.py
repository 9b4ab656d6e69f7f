"""How a secret may stand in a text.

A spelling is a form in a carrier. Forms: the text itself; what passes of `unescape` make of it; what percent-encoding and
JSON make of it (these alone inside a carrier, where no pass reaches them: RFC 6749, 2.3.1 wants credentials encoded so).
Carriers: none, Base64 (RFC 4648) at each of three alignments, hexadecimal. Either alphabet of Base64 is found, since
CANONICAL makes them one; so are `+` and a blank, which forms take for each other.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import NamedTuple

from runner.redact.unescape import unescape

CANONICAL = bytes.maketrans(b"-_ ", b"+/+")
# Passes of `unescape` over a text: JSON in JSON in a form is three.
PASSES = 5

# What Base64 is written in, canonical or not, and its padding.
BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


class Suspect(NamedTuple):
    """One secret, by its text, in some forms and a carrier: what may stand in a text, and is yet to be looked for.

    `forms` count FORMS from 0, and `plain_forms` from -1 down. `carrier` is "", "hex", "HEX", or an alignment of Base64: "0" to
    "2" bytes stand before it in its group of three.
    """

    secret: str
    forms: tuple[int, ...]
    carrier: str


class Spelling(NamedTuple):
    """Bytes to look for in canonical text; `before` and `after`: the neighbour holds some bits of the secret too."""

    text: bytes
    before: bool = False
    after: bool = False


# What RFC 3986, 2.3, leaves as it is; JSON and HTML do so too.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
_PERCENT = [bytes((byte,)) if _UNRESERVED.fullmatch(chr(byte)) else b"%%%02X" % byte for byte in range(256)]


@lru_cache(maxsize=16)  # the carriers of one secret are asked for one after another
def _quoted(text: str) -> bytes:
    return b"".join(map(_PERCENT.__getitem__, text.encode("utf-8", "replace")))


def _quoted_path(text: str) -> bytes:
    return _quoted(text).replace(b"%2F", b"/")


def _quoted_form(text: str) -> bytes:
    return _quoted(text).replace(b"%20", b"+")


def _json_ascii(text: str) -> bytes:
    return encode_basestring_ascii(text)[1:-1].encode()


def _json_utf8(text: str) -> bytes:
    return encode_basestring(text)[1:-1].encode("utf-8", "surrogatepass")


def _html(text: str) -> bytes:
    for character, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, reference)
    return text.encode("utf-8", "surrogatepass")


# Each works character by character, so that the beginning of a text gives the beginning of its form.
FORMS: tuple[Callable[[str], bytes], ...] = (_quoted, _quoted_path, _quoted_form, _json_ascii, _json_utf8, _html)


def heads(head: str) -> dict[bytes, list[int]]:
    """What the forms make of the beginning of a text, and which; -1 is the text itself."""
    found = {head.encode("utf-8", "surrogatepass"): [-1]}
    if _UNRESERVED.fullmatch(head):
        return {form: [-1, *range(len(FORMS))] for form in found}
    for number, make in enumerate(FORMS):
        found.setdefault(make(head), []).append(number)
    return found


@lru_cache(maxsize=16)
def plain_forms(text: str) -> tuple[bytes, ...]:
    """The text in UTF-8, and what each pass of `unescape` makes of it, as long as they differ."""
    found = [text.encode("utf-8", "surrogatepass")]
    for _ in range(PASSES):
        further = unescape(found[-1])
        if further is None or further.text in found:
            break
        found.append(further.text)
    return tuple(found)


BASE64_CARRIERS = ("0", "1", "2")
CARRIERS = ("hex", "HEX", *BASE64_CARRIERS)
# The numbers of the forms in which a text is in a body: itself, and JSON's.
OF_BODIES = frozenset((-1, FORMS.index(_json_ascii), FORMS.index(_json_utf8)))


def spellings(suspect: Suspect) -> tuple[Spelling, ...]:
    """The full spellings that `suspect` stands for."""
    secret = suspect.secret
    forms = [plain_forms(secret)[-number - 1] if number < 0 else FORMS[number](secret) for number in suspect.forms]
    return tuple(carried(form, suspect.carrier) for form in dict.fromkeys(forms))


def carried(form: bytes, carrier: str) -> Spelling:
    """`form` in a carrier: in canonical bytes, those alone that it decides itself."""
    if carrier == "":
        return Spelling(form.translate(CANONICAL))
    if carrier == "hex":
        return Spelling(form.hex().encode())
    if carrier == "HEX":
        return Spelling(form.hex().upper().encode())
    lead = int(carrier)
    encoded = binascii.b2a_base64(b"\0" * lead + form, newline=False).rstrip(b"=")
    shared = (lead + len(form)) % 3 != 0
    # The first characters hold bits of what stands before, the last of what stands behind.
    return Spelling(encoded[(0, 2, 3)[lead] : len(encoded) - shared], lead != 0, shared)
