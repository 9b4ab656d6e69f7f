"""How a secret may stand in a text.

A spelling is a form in a carrier. Forms: the text itself; what passes of `unescape` make of it; what percent-encoding and
JSON make of it (these alone inside a carrier, where no pass reaches them: RFC 6749, 2.3.1 wants credentials encoded so).
Carriers: none, Base64 (RFC 4648) at each of three alignments, hexadecimal. Either alphabet of Base64 is found, since
CANONICAL makes them one; so are `+` and a blank, which forms take for each other.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import NamedTuple

from runner.redact.unescape import unescape

CANONICAL = bytes.maketrans(b"-_ ", b"+/+")
# Passes of `unescape` over a text: JSON in JSON in a form is three.
PASSES = 5

# What is left of a secret when its escapes are undone may be shorter, and then be found anywhere.
SHORTEST = 6

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


# What stays as it is in a query as `render` writes one, beside the unreserved (RFC 3986, 3.4); in a form `*` does (WHATWG URL).
QUERY_SAFE = "!$'()*,:@/?"


def _sent_form(text: str) -> bytes:
    return _quoted_form(text).replace(b"%2A", b"*")


def _sent_query(text: str) -> bytes:
    quoted = _quoted(text)
    for character in QUERY_SAFE:
        quoted = quoted.replace(b"%%%02X" % ord(character), character.encode())
    return quoted


def _json_ascii(text: str) -> bytes:
    return encode_basestring_ascii(text)[1:-1].encode()


def _json_utf8(text: str) -> bytes:
    return encode_basestring(text)[1:-1].encode("utf-8", "surrogatepass")


def _html(text: str) -> bytes:
    for character, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, reference)
    return text.encode("utf-8", "surrogatepass")


# Each works character by character, so that the beginning of a text gives the beginning of its form.
FORMS: tuple[Callable[[str], bytes], ...] = (
    _quoted,
    _quoted_path,
    _quoted_form,
    _sent_form,
    _sent_query,
    _json_ascii,
    _json_utf8,
    _html,
)


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
    # At its end may stand what begins an escape: with what follows in a text it became another one.
    begun = found[-1].rstrip(b"\\%&")
    if len(found) > 1 and len(begun) >= SHORTEST and begun not in found:
        found.append(begun)
    return tuple(found)


# So much of a long text tells what `unescape` makes of its beginning: that of an escape at the end which was cut, and of
# what each pass makes of it, spoils no more than _SPOILT bytes. But a run of `\\x` is one text, valid or not as a whole.
_BEGINNING = 600
_SPOILT = 34 * PASSES


def plain_heads(text: str, length: int) -> list[tuple[bytes, tuple[int, ...]]]:
    """The first `length` bytes of the plain forms of a text, each with the numbers of the forms that begin so."""
    forms = plain_forms(text[:_BEGINNING])
    if len(text) > _BEGINNING:
        if all(len(form) > length + _SPOILT and b"\\x" not in form for form in forms):
            # Where the beginning holds no more escapes, the rest may.
            last = len(forms) - 1
            numbers = [(-n - 1,) for n in range(last)] + [tuple(-n - 1 for n in range(last, PASSES + 2))]
            return [(form[:length], those) for form, those in zip(forms, numbers, strict=True)]
        forms = plain_forms(text)
    return [(form[:length], (-n - 1,)) for n, form in enumerate(forms)]


def json_heads(text: str, length: int) -> list[tuple[bytes, tuple[int, ...]]]:
    """As `plain_heads`, of what JSON makes of a text."""
    return [(FORMS[number](text[:length])[:length], (number,)) for number in _OF_JSON]


_ZEROS = (b"", b"\0", b"\0\0")
# Of so many characters of Base64 a neighbour decides too, by the bytes that it has in their group of three.
_SHARED = (0, 2, 3)
BASE64_CARRIERS = ("0", "1", "2")
_LEADS = {carrier: int(carrier) for carrier in BASE64_CARRIERS}
# The numbers of the forms in which a text is in a body: itself, JSON's, a form's.
_OF_JSON = tuple(map(FORMS.index, (_json_ascii, _json_utf8)))
OF_BODIES = frozenset((-1, *_OF_JSON, *map(FORMS.index, (_quoted_form, _sent_form))))


def beginnings(head: bytes, made: list[int], length: int) -> list[tuple[str, bytes]]:
    """The first `length` bytes, at most, of each carried spelling of a form, by its beginning; with the carrier."""
    found = [(carrier, carried(head, carrier).text[:length]) for carrier in BASE64_CARRIERS]
    if not OF_BODIES.isdisjoint(made):  # hexadecimal is made of bodies as they are: raw, JSON, a form
        digits = head.hex()[:length]
        found += [("hex", digits.encode()), ("HEX", digits.upper().encode())]
    return found


def spellings(suspect: Suspect) -> tuple[Spelling, ...]:
    """The full spellings that `suspect` stands for."""
    secret = suspect.secret
    forms = [form for number in suspect.forms for form in _form(secret, number)]
    return tuple(carried(form, suspect.carrier) for form in dict.fromkeys(forms))


def _form(secret: str, number: int) -> tuple[bytes, ...]:
    """The form of that number; a text may have fewer plain ones."""
    if number >= 0:
        return (FORMS[number](secret),)
    if number == -1:
        return (secret.encode("utf-8", "surrogatepass"),)
    return plain_forms(secret)[-number - 1 :][:1]


def carried(form: bytes, carrier: str) -> Spelling:
    """`form` in a carrier: in canonical bytes, those alone that it decides itself."""
    if carrier == "":
        return Spelling(form.translate(CANONICAL))
    if carrier == "hex":
        return Spelling(form.hex().encode())
    if carrier == "HEX":
        return Spelling(form.hex().upper().encode())
    lead = _LEADS[carrier]
    encoded = b2a_base64(_ZEROS[lead] + form, newline=False)
    rest = (lead + len(form)) % 3
    # The first characters hold bits of what stands before, the last of what stands behind; those behind them are padding.
    return Spelling(encoded[_SHARED[lead] : len(encoded) - _SHARED[-rest]], lead != 0, rest != 0)
