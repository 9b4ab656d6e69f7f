"""Reading YAML: what scalars are, where their characters stand, and what is refused, with a place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InputError, Source
from runner.files import document
from runner.files.document import Node, parse


def read(text: str) -> Node:
    return parse(Source("test.yaml", text))


def plain(node: Node) -> object:
    if node.kind == "map":
        return {key.key: plain(value) for key, value in node.pairs}
    return [plain(item) for item in node.items] if node.kind == "list" else node.value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("Yes", "Yes"), ("12:30", "12:30"), ("12:30:45", "12:30:45"),
        ("0777", "0777"), ("007", "007"), ("0o17", "0o17"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("2026-11-24", "2026-11-24"),
        ("+49", "+49"), (".5", ".5"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("5", 5), ("-5", -5), ("0", 0), ("5.0", 5.0), ("-1.5e3", -1500.0), ("5843100000012345678", 5843100000012345678),
        ("'5'", "5"), ('"true"', "true"), ("!!str 5", "5"), ("<<", "<<"), ("json $.a[0]", "json $.a[0]"),
    ],
)  # fmt: skip
def test_scalars_are_yaml_1_2s(written: str, value: object) -> None:
    found = plain(read(f"a: {written}\n"))
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_keys_are_texts() -> None:
    assert plain(read("200: a\ntrue: b\nnull: c\non: d\n")) == {"200": "a", "true": "b", "null": "c", "on": "d"}


def test_a_path_needs_no_quotes_inside_brackets() -> None:
    text = "a: {id: json $.data[0].id, json $.x[*]: [json $.y[1,2], z]}\n"
    found = read(text)
    assert plain(found) == {"a": {"id": "json $.data[0].id", "json $.x[*]": ["json $.y[1,2]", "z"]}}
    inner = found.pairs[0][1].pairs[0][1]
    assert inner.place.at(7).column == text.index("data") + 1


def test_merge_keys_and_anchors() -> None:
    text = "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\na: {<<: *b, y: 9}\nc: {<<: [*b, *o]}\n"
    found = plain(read(text))
    assert isinstance(found, dict)
    assert found["a"] == {"x": 1, "y": 9}
    assert found["c"] == {"x": 1, "y": 2, "z": 4}


_STYLES = """\
plain: one @X two
folded plain: one
  @X two
single: 'it''s @X'
double: "tab\\t \\u00e9 @X"
joined: "one \\
  two @X"
broken: "one

  @X"
literal: |
  first @X
    second @X
folded: >-
  first
  second @X

  third @X
  ünïcode 🙂 @X
flow: {a: [x, @X], "b @X": 1}
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_character_has_its_place_in_every_style(tmp_path: Path, end: str, mark: str) -> None:
    text = _STYLES.replace("@X", "<<x>>").replace("\n", end)
    path = tmp_path / "styles.yaml"
    path.write_bytes((mark + text).encode())
    lines = text.split(end)
    found = 0

    def look(node: Node) -> None:
        nonlocal found
        for key, value in node.pairs:
            look(key)
            look(value)
        for item in node.items:
            look(item)
        if isinstance(node.value, str):
            at = node.value.find("<<x")
            while at >= 0:
                place = node.place.at(at)
                assert lines[place.line - 1][place.column - 1 :].startswith("<<x>>"), (node.value, str(place))
                found += 1
                at = node.value.find("<<x", at + 1)

    look(document.load(path))
    assert found == text.count("<<x>>")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "second time; first on line 1"),
        ("a: !custom x\n", "1:4", "tag `!custom`"),
        ("a: *nobody\n", "1:4", "alias"),
        ("a:\n\tb: 1\n", "2:1", "tab"),
        ("a: 'x\n", "1:4", "not closed"),
        ("a: [1, 2\nb: 3\n", "2:2", "bracket"),
        ("a: @x\n", "1:4", "cannot begin"),
        ('a: "\\<<x>>"\n', "1:5", "escape"),
        ("a: b: c\n", "1:5", "second `: `"),
        ("a:\n  b: 1\n c: 2\n", "3:2", "indentation"),
        ("a: 1\n---\nb: 2\n", "2:1", "second document"),
        ("", "1:1", "empty"),
        ("# nothing\n", "1:1", "empty"),
        ("[a]: 1\n", "1:1", "a key is a text"),
        ("<<: 5\n", "1:5", "merge key"),
        ("a: x\x01y\n", "1:5", "control character"),
        ("a: <<x | default('y #z')>>\n", "1:4", "YAML cut"),
        ("a: {b: <<f(1, 2)>>}\n", "1:8", "YAML cut"),
        ("a: <<x | default('y: z')>>\n", "1:20", "second `: `"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    problem = caught.value.problems[0]
    assert str(problem.location) == f"test.yaml:{place}"
    assert message in problem.message
    assert problem.hint


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
            f"{chr(c)}: &{chr(c)} [{', '.join([f'*{chr(c - 1)}'] * 10)}]\n" for c in range(ord("c"), ord("k"))
        ),
        "a: &a [*a]\n",
        "a: " + "x" * 10_000_000,
        "[" * 100_000,
        "{a: " * 5_000,
        "- " * 5_000 + "x",
    ],
    ids=["alias bomb", "itself", "10 MB", "brackets", "braces", "dashes"],
)  # fmt: skip
def test_a_hostile_file_is_refused_in_time(text: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        read(text)
    assert time.process_time() - start < 1
    assert caught.value.problems[0].location or caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("raw", "message"), [("a: ü".encode("latin-1"), "not UTF-8"), ("a: 1".encode("utf-16"), "UTF-16")]
)
def test_other_encodings_are_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=message):
        document.load(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        document.load(tmp_path / "none.yaml")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=400, deadline=1000)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except InputError as error:
        assert all(str(problem) for problem in error.problems)  # noqa: PT017


@given(
    st.lists(
        st.sampled_from([*"a: b # ' \" << >> [ ] { } , - | > & * ! % @ ` \n \t ? json$".split(" "), "\n  ", " "]),
        max_size=12,
    )
)
@settings(max_examples=400, deadline=1000)
def test_any_yaml_like_text_is_read_or_refused(pieces: list[str]) -> None:
    try:
        read("".join(pieces))
    except InputError as error:
        assert all(problem.hint for problem in error.problems)  # noqa: PT017
