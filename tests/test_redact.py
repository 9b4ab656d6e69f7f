"""Redaction: no spelling of a secret gets through, text that holds none is left alone."""

from __future__ import annotations

import base64
import random
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.redact import Redactor
from runner.values import Secret
from tests.leak_scanner import Scanner
from tests.spelled import SPELLINGS

SECRET = "made/up+secret =\"'<&>ü%\\ 1"
# Long enough to be a secret, in any characters that UTF-8 can hold; what a form or a header would trim is not at its ends.
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=6, max_size=60).filter(
    lambda s: len(s.strip()) >= 6 and s == s.strip()
)
AROUND = st.text(st.characters(codec="utf-8"), max_size=8)


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    for number, text in enumerate(secrets):
        made.add(Secret(text, f"s{number}"))
    return made


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "secret", [SECRET, "made-up", "Abc123", "made-up-token-0123456789-abcdef", "пароль 漢字 😀 \n\t'"]
)
def test_every_spelling_is_masked(spelling: str, secret: str) -> None:
    spelled = SPELLINGS[spelling](secret.strip())
    found = redactor(secret).text(f"before {spelled} after")
    assert "<<s0>>" in found
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert not Scanner({"s0": secret}).names_in(found.replace("<<s0>>", "\n|\n"))


@given(SECRETS, st.sampled_from(list(SPELLINGS)), AROUND, AROUND)
@example("\x80\x80\x80\x80\x80\x80\U00010000\U00010000", "repr of bytes", "", "")
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_secret_gets_through(secret: str, spelling: str, before: str, after: str) -> None:
    """Whatever stands around it, spelled in the same way."""
    spell = SPELLINGS[spelling]
    found = redactor(secret).text(f"{{{spell(before + '|' + secret + '|' + after)}}}")
    assert "<<s0>>" in found
    if len(secret.encode()) >= 12:
        assert not Scanner({"s0": secret}).names_in(found.replace("<<s0>>", "\n|\n")) or secret in before + after


@given(SECRETS, AROUND, AROUND)
@settings(max_examples=300, deadline=None)
def test_raw_it_is_found_whatever_touches_it(secret: str, before: str, after: str) -> None:
    found = redactor(secret).text(before + secret + after)
    assert secret not in found.replace("<<s0>>", "")
    assert "<<s0>>" in found


@given(
    st.lists(SECRETS, min_size=1, max_size=30, unique=True),
    st.lists(st.tuples(st.integers(0, 29), st.sampled_from(list(SPELLINGS))), max_size=12),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_many_secrets_in_one_text(secrets: list[str], places: list[tuple[int, str]]) -> None:
    spelled = [SPELLINGS[spelling](secrets[number % len(secrets)]) for number, spelling in places]
    found = redactor(*secrets).text("\n\n".join(spelled)).split("\n\n")
    assert all("<<s" in piece for piece in found if piece) or any("\n\n" in text for text in (*secrets, *spelled))


@given(
    SECRETS,
    st.lists(st.tuples(st.sampled_from(list(SPELLINGS)), st.integers(0, 1500)), min_size=1, max_size=5),
    st.lists(st.integers(1, 900), min_size=1, max_size=10),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_stream_cut_anywhere_lets_none_through(secret: str, places: list[tuple[str, int]], sizes: list[int]) -> None:
    text = "".join(f" {'.' * lead} {SPELLINGS[spelling](secret)} ;" for spelling, lead in places) + "." * 3000
    chunks: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(text[at : at + size])
        at += size
    made = redactor(secret)
    found = "".join(made.stream(chunks))
    assert found == made.text(text)
    assert found.count("<<s0>>") >= len(places)


@given(SECRETS, st.sampled_from(list(SPELLINGS)), st.integers(0, 80))
@settings(max_examples=300, deadline=None)
def test_an_excerpt_never_shows_the_beginning_of_a_secret(secret: str, spelling: str, length: int) -> None:
    text = f"start {SPELLINGS[spelling](secret)} end"
    made = redactor(secret)
    found = made.excerpt(text, length)
    assert made.text(text).startswith(found)
    assert not Scanner({"s0": secret}).names_in(found)
    assert "<<s0>>" in found or len(found) == min(length, len(text))


def test_an_excerpt_is_as_long_as_was_asked() -> None:
    assert redactor(SECRET).excerpt("x" * 500, 200) == "x" * 200
    assert Redactor().excerpt("x" * 500, 200) == "x" * 200


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_is_escaped_may_be_far_from_the_middle(spelling: str) -> None:
    secret = '"' + "made-up-token-" * 10 + "0'%"
    found = redactor(secret).text(f"[{SPELLINGS[spelling](secret)}]")
    assert not Scanner({"s0": secret}).names_in(found.replace("<<s0>>", "\n|\n"))


def test_the_longest_secret_wins_and_masks_are_readable() -> None:
    made = redactor("made-up-secret", "made-up-secret-longer")
    assert made.text("a made-up-secret-longer b made-up-secret c") == "a <<s1>> b <<s0>> c"


def test_of_two_that_overlap_nothing_is_left() -> None:
    made = redactor("aaa-made-up-bbb", "up-bbb-made-ccc")
    assert made.text("[aaa-made-up-bbb-made-ccc]") == "[<<s0>><<s1>>]"


def test_a_mask_is_not_masked_again() -> None:
    made = Redactor()
    made.add(Secret("secret", "password"))
    made.add(Secret("made-up-value", "client-secret"))
    once = made.text("the secret made-up-value")
    assert once == "the <<password>> <<client-secret>>"
    assert made.text(once) == once


def test_what_is_made_of_known_secrets_keeps_its_readable_mask() -> None:
    token = Secret("made-up-token", "token")
    made = Redactor()
    made.add(Secret("Bearer made-up-token", "token", "Bearer <<token>>", (token,)))
    assert made.text("Authorization: Bearer made-up-token") == "Authorization: Bearer <<token>>"
    assert made.text("echoed: made-up-token") == "echoed: <<token>>"
    pair = base64.b64encode(b"client:made-up-token").decode()
    made.add(Secret(pair, "client, token", "<<client ~ ':' ~ token | b64encode>>"))
    assert made.text(f"Basic {pair}") == "Basic <<client ~ ':' ~ token | b64encode>>"


def test_short_secrets_are_not_masked_but_warned_about() -> None:
    made = redactor("abc", "", "abcde")
    assert made.text("abcabcde") == "abcabcde"
    assert [problem.warning for problem in made.warnings] == [True, True]
    assert all(problem.hint for problem in made.warnings)
    assert "abc" not in str(made.warnings[0])


def test_nothing_known_changes_nothing() -> None:
    assert Redactor().text(SECRET) == SECRET
    assert redactor(SECRET).text("nothing here") == "nothing here"
    odd = "100% \\ & \udc80 lone, %zz \\q &nothing; ü%C3%BC &#9999999; ¿"
    assert redactor(SECRET).text(odd) == odd


def test_where_secrets_are_is_told_in_characters() -> None:
    text = f"ü€😀 {quote(SECRET)} ü {SECRET}"
    found = redactor(SECRET).spans(text)
    assert [text[span.start : span.end] for span in found] == [quote(SECRET), SECRET]
    assert {span.secret.name for span in found} == {"s0"}


def test_hundreds_of_secrets_cost_little_more_than_one() -> None:
    """As a ratio in one process: a table of all spellings in one pattern took a thousand times as long."""
    rng = random.Random(1)
    secrets = ["".join(rng.choices(string.printable, k=rng.randint(8, 4096))) for _ in range(400)]
    text = "".join(rng.choices(string.ascii_letters + ' {}:,"', k=200_000))

    def taken(made: Redactor) -> float:
        made.text(text)
        start = time.process_time()
        for _ in range(5):
            made.text(text)
        return time.process_time() - start

    one, many = redactor(secrets[0]), redactor(*secrets)
    assert min(taken(many) for _ in range(3)) < 20 * min(taken(one) for _ in range(3))


@pytest.mark.parametrize("text", ["%25" * 50_000, "\\" * 100_000, "&amp;" * 30_000, "a" * 300_000, "Ã" * 100_000])
def test_hostile_text_is_looked_at_in_bounded_time(text: str) -> None:
    start = time.monotonic()
    redactor("a" * 30, SECRET, "%25%25%25%25", "\\\\\\\\\\\\\\").text(text)
    assert time.monotonic() - start < 20


def test_what_a_request_carries_is_found_when_it_comes_back_encoded_once_more() -> None:
    """As `render` writes it into a form or a query, and a server gives it back in Base64 or hexadecimal."""
    from runner import render
    from runner.redact import spellings

    assert set(render._QUERY_SAFE) == {*spellings.QUERY_SAFE, *"-._~"}
    for secret in ("a*secret of/many:signs!", "*" * 20, "plain-secret", "(é*ü)$ 'x', @y?", "~tilde~ and blank"):
        redactor = Redactor()
        redactor.add(Secret(secret, "s"))
        form = f"a=1&s={render._form_encoded(secret)}&z=2".encode()
        query = f"/path?a=1&s={quote(secret, safe=render._QUERY_SAFE)}&z=2".encode()
        texts = [form.hex(), form.hex().upper()]
        texts += [base64.b64encode(lead + sent).decode() for sent in (form, query) for lead in (b"", b"x", b"xy")]
        for text in texts:
            assert "<<s>>" in redactor.text(f"body: {text} ;"), (secret, text)
