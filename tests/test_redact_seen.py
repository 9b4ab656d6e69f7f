"""What the redactor remembers changes nothing of what it finds: a text is looked at again when it must be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.redact import Redactor, seen
from runner.redact.index import Index
from runner.redact.keys import Keys
from runner.redact.seen import Seen
from runner.redact.spellings import plain_forms, plain_heads
from runner.values import Secret
from tests.spelled import SPELLINGS

SECRETS = ("made-up-one", "made-up-one-and-two", "up-one", "%41%42 'x' \"y\"", "a" * 30, "ключ-and-more")
TEXTS = tuple(
    f"{before}{spell(text)}{after}"
    for before, after in (("", ""), ("{ü: ", "\n}"))
    for text in SECRETS
    for spell in (SPELLINGS["raw"], SPELLINGS["json"], SPELLINGS["base64, second alignment"], SPELLINGS["percent"])
)
LOOKS = ("text", "excerpt", "spans", "cut_from", "hidden")


def looked(redactor: Redactor, look: str, text: str) -> object:
    if look == "excerpt":
        return redactor.excerpt(text, 7)
    if look == "cut_from":
        return [str(secret) for secret in redactor.cut_from(text, text[3:9])]
    if look == "hidden":
        found = redactor.hidden(text)
        return found and (found.name, found.mask, found.reveal())
    if look == "spans":
        return [(span.start, span.end, span.secret.name) for span in redactor.spans(text)]
    return redactor.text(text)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, len(SECRETS) - 1)),
            st.tuples(st.sampled_from(LOOKS), st.integers(0, len(TEXTS) - 1)),
        ),
        max_size=25,
    )
)
@settings(max_examples=300, deadline=None)
def test_who_looked_before_finds_what_a_new_one_finds(steps: list[tuple[str, int]]) -> None:
    old = Redactor()
    known: list[Secret] = []
    for what, number in steps:
        if what == "add":
            known.append(Secret(SECRETS[number], f"s{number}"))
            old.add(known[-1])
            continue
        new = Redactor()
        new.add_all(known)
        assert looked(old, what, TEXTS[number]) == looked(new, what, TEXTS[number])


@pytest.mark.parametrize("look", LOOKS)
def test_a_text_is_looked_at_again_once_a_secret_is_known(look: str) -> None:
    made = Redactor()
    made.add(Secret("another-made-up", "other"))
    text = "x made-up-one y"
    before = looked(made, look, text)
    assert before == looked(made, look, text)
    made.add(Secret("made-up-one", "s0"))
    assert looked(made, look, text) != before


def test_what_was_hidden_is_not_a_secret_of_its_own() -> None:
    made = Redactor()
    made.add(Secret("made-up-token", "token"))
    echo = made.hidden('{"was": "made-up-token", "page": "the-first"}')
    assert echo is not None
    assert (echo.name, echo.mask) == ("token", '{"was": "<<token>>", "page": "the-first"}')
    made.add(echo)
    assert made.text("the-first") == "the-first"
    assert made.text(f"echo: {echo.reveal()}") == f"echo: {echo.mask}"
    assert made.hidden("nothing of it") is None


def test_what_was_hidden_before_all_was_known_is_masked_by_all() -> None:
    made = Redactor()
    made.add(Secret("made-up-token", "token"))
    echo = made.hidden("made-up-token and made-up-password")
    assert echo is not None
    made.add(echo)
    made.add(Secret("made-up-password", "password"))
    assert made.text(echo.reveal()) == "<<token>> and <<password>>"


def test_a_secret_of_another_name_is_one_though_it_was_hidden_once() -> None:
    made = Redactor()
    made.add(Secret("made-up-token", "token"))
    assert made.hidden("made-up-token-2") is not None
    made.add(Secret("made-up-token-2", "second"))
    assert made.text("a made-up-token-2") == "a <<second>>"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_ROOM", 100)
    monkeypatch.setattr(seen, "_LONGEST", 60)
    memory = Seen()
    for number in range(50):
        text = f"{number:02}" * 10
        memory.put(text, 1, (text.encode(), []), cut=False)
    memory.put("x" * 61, 1, (b"", []), cut=False)
    held = [number for number in range(50) if memory.get(f"{number:02}" * 10, 1, cut=False)]
    assert held == [45, 46, 47, 48, 49]
    assert memory.get("x" * 61, 1, cut=False) is None
    assert memory.get("49" * 10, 2, cut=False) is None
    assert memory.get("49" * 10, 1, cut=True) is None
    for _ in range(9):  # the same again takes no more room
        memory.put("49" * 10, 2, (b"", []), cut=False)
    assert memory.get("45" * 10, 1, cut=False)


def test_threads_that_learn_and_look_miss_nothing() -> None:
    made = Redactor()

    def run(number: int) -> list[str]:
        made.add(Secret(f"made-up-{number}", f"s{number}"))  # short: these move within the index when they are many
        return [made.text(f"<{number}: made-up-{number} and made-up-{n}>") for n in range(number)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(60)))
    for number, texts in enumerate(found):
        assert all(text.startswith(f"<{number}: <<s{number}>> and ") for text in texts)


BYTES = st.text("ab\x00", max_size=40).map(str.encode)


@given(
    st.sampled_from((4, 8)),
    st.lists(st.lists(BYTES.filter(lambda piece: len(piece) >= 7), max_size=4), max_size=3),
    st.lists(BYTES, max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_every_place_of_a_beginning_is_told(width: int, batches: list[list[bytes]], around: list[bytes]) -> None:
    keys = Keys(width)
    known = [piece for batch in batches for piece in batch if len(piece) >= keys.window]
    number = 0
    for batch in batches:
        for piece in batch:
            if len(piece) >= keys.window:
                keys.add(piece, number)
                number += 1
        keys.settle()
    text = b"".join(part for pair in zip(around, [*known, *known, *around], strict=False) for part in pair)
    told = keys.places(text)
    for which, piece in enumerate(known):
        at = text.find(piece[: keys.window])
        while at >= 0:
            assert (at, which) in told
            at = text.find(piece[: keys.window], at + 1)


def test_what_is_joined_of_secrets_is_masked_by_them_whatever_is_long_enough() -> None:
    token, pin = Secret("made-up-token", "token"), Secret("12345", "pin")
    joined = Secret("Bearer made-up-token!", "token", "Bearer <<token>>!", (token,))
    made = Redactor()
    made.add(joined)
    assert made.text("Bearer made-up-token!, Bearer") == "Bearer <<token>>!, Bearer"
    assert made.text(SPELLINGS["hex"]("made-up-token")) == "<<token>>"
    # What is too short to be masked alone is masked with what stands around it.
    made.add(Secret("pin 12345", "pin", "pin <<pin>>", (pin,)))
    assert made.text("my pin 12345") == "my pin <<pin>>"


def test_what_is_made_of_secrets_otherwise_is_a_secret_too() -> None:
    token = Secret("made-up-token", "token")
    made = Redactor()
    made.add(Secret("nekot-pu-edam", "token", "<<token | reverse>>", (token,)))
    made.add(Secret("x made-up", "token", "x <<token>>", (token,)))
    assert made.text("a nekot-pu-edam b") == "a <<token | reverse>> b"
    assert made.text("a x made-up b") == "a x <<token>> b"


@given(st.lists(st.sampled_from(["made-up-token", "another-one", " ", "x", "<<a>>", "<<b>>", "12345"]), max_size=6))
def test_joined_or_not_no_part_of_it_is_seen(parts: list[str]) -> None:
    names = {"made-up-token": "a", "another-one": "b", "12345": "c"}
    secrets = [Secret(part, names[part]) for part in parts if part in names]
    mask = "".join(f"<<{names[part]}>>" if part in names else part for part in parts)
    made = Redactor()
    made.add(Secret("".join(parts), "whole", mask, tuple(secrets)))
    shown = made.text("[" + "".join(parts) + "]")
    assert "made-up-token" not in shown
    assert "another-one" not in shown


@given(
    st.lists(
        st.sampled_from(["%25", "%41", "\\x41", "\\xc3\\xbc", "&amp;", "&#37;", "\\u0041", "a", "Ã¼", "\\\\"]),
        max_size=9,
    ),
    st.integers(1, 400),
    st.sampled_from(["", "%41", "\\", "&am", "%2541%252541"]),
)
@settings(max_examples=300, deadline=None)
def test_what_a_long_text_begins_with_is_told_by_its_beginning(parts: list[str], times: int, end: str) -> None:
    text = ("".join(parts) or "b") * times + end
    forms = plain_forms(text)
    told = {number: head for head, numbers in plain_heads(text, 15) for number in numbers}
    for number, form in enumerate(forms):
        assert told[-number - 1] == form[:15]


def test_what_is_looked_at_while_another_thread_learns_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Redactor()
    made.add(Secret("made-up-one", "s0"))
    text = "a made-up-one, a made-up-two"
    assert made.text(text) == "a <<s0>>, a made-up-two"
    during: list[str] = []
    settle = Index.settle

    def slow(index: Index) -> None:
        with ThreadPoolExecutor(1) as pool:
            during.append(pool.submit(made.text, text).result())
        settle(index)

    monkeypatch.setattr(Index, "settle", slow)
    made.add(Secret("made-up-two", "s1"))
    assert made.text("nothing") == "nothing"
    assert during == ["a <<s0>>, a made-up-two"]
    assert made.text(text) == "a <<s0>>, a <<s1>>"


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\n\t", " ", "\r\n  "])
@pytest.mark.parametrize("width", [4, 7, 76])
def test_base64_in_lines_is_found_wherever_it_is_broken(break_: str, width: int) -> None:
    encoded = SPELLINGS["base64, second alignment"]("made-up-token-" * 9)
    lines = break_.join(encoded[at : at + width] for at in range(0, len(encoded), width))
    found = redactor_of("made-up-token-" * 9).text(f"begin:\n{lines}\nend")
    assert found.startswith("begin:\n")
    assert found.endswith("\nend")
    assert len(found) < 40
    assert "<<s0>>" in found


def redactor_of(text: str) -> Redactor:
    made = Redactor()
    made.add(Secret(text, "s0"))
    return made


def test_base64_in_pieces_is_found_where_an_escape_tells_that_there_are_lines() -> None:
    encoded = SPELLINGS["base64, second alignment"]("made-up-token-0123456789")
    assert "<<s0>>" in redactor_of("made-up-token-0123456789").text(f"first\\nnext: {encoded[:11]} {encoded[11:]} end")
