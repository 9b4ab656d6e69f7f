"""Redaction: no spelling of a secret gets through, text that holds none is left alone."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.redact import Redactor
from runner.values import Secret

SECRET = "made/up+secret =\"'<&>ü%\\ 1"

# Written apart from the redactor: what a server, a shell or a log may make of a text.
ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda s: s,
    "percent": lambda s: quote(s, safe=""),
    "percent, slash kept": quote,
    "percent, lower case": lambda s: "".join(
        c if c.isascii() and c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in s
    ),
    "form": quote_plus,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, unicode kept": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json in json": lambda s: json.dumps(json.dumps(s))[3:-3],
    "html": html.escape,
    "html, double quotes": lambda s: html.escape(s, quote=False).replace('"', "&quot;"),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "basic": lambda s: base64.b64encode(b"me:" + s.encode()).decode(),
    "basic, one more": lambda s: base64.b64encode(b"user:" + s.encode() + b"!").decode(),
    "base64, shifted": lambda s: base64.b64encode(b"ab" + s.encode() + b"cd").decode(),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: s.encode().hex().upper(),
    "repr": lambda s: repr(s)[1:-1],
    "bytes": lambda s: repr(s.encode())[2:-1],
}


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    for number, text in enumerate(secrets):
        made.add(Secret(text, f"s{number}"))
    return made


def base64_core(text: str) -> set[str]:
    """What of Base64 the secret alone decides, at each alignment, without the ends that it shares with its neighbours."""
    found = set()
    for lead in range(3):
        encoded = base64.b64encode(b"x" * lead + text.encode() + b"x" * 2).decode()
        core = encoded[4 if lead else 0 : -8]
        found |= {core, core.translate(str.maketrans("+/", "-_"))}
    return {core for core in found if len(core) >= 8}


def leaks(text: str, output: str) -> bool:
    forms = {
        text,
        quote(text, safe=""),
        json.dumps(text)[1:-1],
        text.encode().hex(),
        html.escape(text),
        *base64_core(text),
    }
    return any(form in output for form in forms)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_spelling_is_masked(encoding: str) -> None:
    spelled = ENCODINGS[encoding](SECRET)
    found = redactor(SECRET).text(f"before {spelled} after")
    assert not leaks(SECRET, found)
    assert "<<s0>>" in found
    assert found.startswith("before ")
    assert found.endswith(" after")


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=40).filter(
        lambda s: len(s.strip()) >= 6
    ),
    st.sampled_from(list(ENCODINGS)),
    st.text(max_size=5),
)
@settings(max_examples=300)
def test_no_secret_gets_through(secret: str, encoding: str, around: str) -> None:
    spelled = ENCODINGS[encoding](secret)
    found = redactor(secret).text(f"{around}{spelled}{around}")
    without_mask = found.replace("<<s0>>", "")
    assert secret not in without_mask or secret in around * 2
    assert spelled not in without_mask or spelled in around * 2


def test_the_longest_secret_wins_and_masks_are_readable() -> None:
    made = redactor("made-up-secret", "made-up-secret-longer")
    assert made.text("a made-up-secret-longer b made-up-secret c") == "a <<s1>> b <<s0>> c"


def test_short_secrets_are_not_masked_but_warned_about() -> None:
    made = redactor("abc", "")
    assert made.text("abcabc") == "abcabc"
    assert [problem.warning for problem in made.warnings] == [True]
    assert "abc" not in str(made.warnings[0])


@given(st.integers(1, 30), st.integers(0, 30))
def test_a_secret_across_a_border_of_chunks_is_found(size: int, lead: int) -> None:
    text = "x" * lead + SECRET + "y" * 7 + SECRET
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    made = redactor(SECRET)
    assert "".join(made.stream(chunks)) == made.text(text)


def test_nothing_known_changes_nothing() -> None:
    assert Redactor().text(SECRET) == SECRET
    assert redactor(SECRET).text("nothing here") == "nothing here"
