"""Rows of data: what each format's rows are, that every mistake is told before a row is used, and in how little memory."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import tree
from runner.errors import InputError, OutsideError, Problem
from runner.files import rows
from runner.files.reader import read_collection
from runner.rows import Row, plain_names, rows_wanted
from runner.values import Value
from tests.lookups import Values


def source(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def values(found: Iterable[Row]) -> list[dict[str, Value]]:
    return [dict(row.values) for row in found]


def mistakes(folder: Path, name: str, text: str | bytes) -> list[str]:
    """LINE:COLUMN MESSAGE of each; every one has a hint, and shows nothing of the file."""
    with pytest.raises(InputError) as caught:
        rows.read_file(source(folder, name, text))
    return [told(problem) for problem in caught.value.problems]


def told(problem: Problem) -> str:
    assert problem.hint
    place = problem.location
    if place is None:
        return problem.message
    assert place.source.line(place.line) == ""
    return f"{place.line}:{place.column} {problem.message}"


_ADA = [{"name": "Ada", "note": "a, b"}, {"name": "Grace", "note": ""}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", 'name,note\nAda,"a, b"\nGrace,\n'),
        ("x.csv", 'name,note\r\nAda,"a, b"\r\n\r\nGrace,'),
        ("x.csv", 'name,note\rAda,"a, b"\rGrace,\r'),
        ("x.csv", "name;note\nAda;a, b\nGrace;\n"),
        ("x.csv", "\ufeffname\tnote\nAda\ta, b\nGrace\t\n"),
        ("x.tsv", "name\tnote\nAda\ta, b\nGrace\t\n"),
        ("x.json", '[{"name": "Ada", "note": "a, b"},\n {"name": "Grace", "note": ""}]\n'),
        ("x.json", '\ufeff\n[{"name":"Ada","note":"a, b"},{"name":"Grace","note":""}]'),
        ("x.jsonl", '{"name": "Ada", "note": "a, b"}\n\n{"name": "Grace", "note": ""}'),
        ("x.ndjson", '{"name": "Ada", "note": "a, b"}\r\n{"name": "Grace", "note": ""}\r\n'),
        ("x.yaml", "- {name: Ada, note: 'a, b'}\n- name: Grace\n  note: ''\n"),
        ("x.yml", "name: Ada\nnote: a, b\n---\nname: Grace\nnote: ''\n"),
    ],
)
def test_the_same_rows_in_every_format(tmp_path: Path, name: str, text: str) -> None:
    path = source(tmp_path, name, text)
    found = rows.read_file(path)
    assert values(found) == _ADA
    assert [row.number for row in found] == [1, 2]
    assert found.columns == ("name", "note")
    assert found.total == 2
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    # The same without a name that tells the format, as they come through a pipe.
    if not name.endswith(("tsv", "yml")):
        again = rows.read_stream(io.BytesIO(path.read_bytes()))
        assert again.sha256 is None
        assert values(again) == _ADA


def test_values_keep_their_types(tmp_path: Path) -> None:
    written = '{"i": 5843100000012345678901, "f": 1.50, "t": true, "n": null, "l": [1, {"a": []}], "s": "007"}'
    expected = {"i": 5843100000012345678901, "f": 1.5, "t": True, "n": None, "l": [1, {"a": []}], "s": "007"}
    for name, text in (("x.json", f"[{written}]"), ("x.jsonl", written), ("x.yaml", f"- {written}")):
        assert values(rows.read_file(source(tmp_path, name, text))) == [expected]
    assert values(rows.read_file(source(tmp_path, "x.csv", "a,b\n007,true\n"))) == [{"a": "007", "b": "true"}]
    assert values(rows.read_file(source(tmp_path, "x.yaml", "- {a: no, b: 007, c: 1.5}"))) == [
        {"a": "no", "b": "007", "c": 1.5}
    ]


def test_each_row_knows_where_it_begins(tmp_path: Path) -> None:
    def places(name: str, text: str) -> list[str]:
        found = rows.read_file(source(tmp_path, name, text))
        assert {row.location.source.name for row in found} == {str(tmp_path / name)}
        return [f"{row.location.line}:{row.location.column}" for row in found]

    assert places("x.csv", '"a\nb",c\n"1\r\n2",3\n\n4,5\n"6\n\n7",8\n9,\n') == ["3:1", "6:1", "7:1", "10:1"]
    assert places("x.json", '[ {"a": 1}, {"a":\n2},\n\n   {"a": 3}]') == ["1:3", "1:13", "4:4"]
    assert places("x.jsonl", '{"a": 1}\n\n  {"a": 2}\n') == ["1:1", "3:3"]
    assert places("x.yaml", "- a: 1\n\n-\n  a: 2\n") == ["1:3", "4:3"]


def test_a_file_without_rows_has_none(tmp_path: Path) -> None:
    for name, text in (("x.csv", "a,b\n"), ("x.json", " [ ]"), ("x.jsonl", "\n"), ("x.yaml", "[]")):
        found = rows.read_file(source(tmp_path, name, text))
        assert (found.total, values(found)) == (0, [])
    assert rows.read_file(source(tmp_path, "x.csv", "a,b\n")).columns == ("a", "b")


_TWO = "this row has 2 values, and the header names 3"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.csv", 'a,b,c\n1,2\n"x\ny",2,3\n1,2\n1,2,3,4\n', [f"2:1 {_TWO}", f"5:1 {_TWO}", "6:1 this row has 4 values"]),
        ("x.csv", "a,b\n1\n2,\0\n", ["2:1 this row has 1 value, and", "3:3 a NUL"]),
        ("x.csv", "a,b,a\n", ["1:1 the header names `a` twice"]),
        ("x.csv", "a,,b\n", ["1:1 column 2 of the header has no name"]),
        ("x.csv", "", ["is empty"]),
        ("x.csv", 'a,b\n1,"2\n3,4\n', ["2:1 a quote that this row opens is not closed"]),
        ("x.csv", 'a,b\n1,"2"3\n', ["2:1 something stands behind the closing quote"]),
        ("x.csv", "a,b\n1,2\0\n", ["2:4 a NUL character stands here"]),
        ("x.csv", "a,b\nü,".encode() + b"\xfc\n", ["2:3 this is not UTF-8"]),
        ("x.csv", 'a,b\n1,"' + "x" * 1_000_001 + '"\n', ["2:1 a value of this row is longer"]),
        ("x.csv", "a\n".encode("utf-16"), ["UTF-16"]),
        ("x.csv", b"PK\x03\x04rest", ["a spreadsheet"]),
        ("x.csv", b"\x1f\x8brest", ["compressed"]),
        ("x.json", "", ["is empty"]),
        ("x.json", '{"a": 1}', ["1:1 rows are an array of objects"]),
        ("x.json", '[{"a": 1},\n {"a": }]', ["2:8 this is not JSON: expecting value"]),
        ("x.json", '[{"a": 1}\n {"a": 2}]', ["2:2 a comma or the end of the array is missing"]),
        ("x.json", '[{"a": 1},]', ["1:11 this is not JSON: expecting value"]),
        ("x.json", '[{"a": 1}', ["1:10 a comma or the end of the array is missing"]),
        ("x.json", '[{"a": "b', ["1:8 this is not JSON: unterminated string"]),
        ("x.json", '[{"a": 1}] x', ["1:12 something stands behind the array"]),
        ("x.json", '[1,\n{"a": 1}, [2], "x"]', ["1:2 a row is an object, and this is: integer", "2:11 ", "2:16 "]),
        ("x.json", '[{"a": 1, "a": 2}]', ["1:2 the name `a` stands in an object twice"]),
        ("x.json", '[{"a": NaN}]', ["1:2 NaN is not JSON"]),
        ("x.json", '[{"a": -Infinity}]', ["1:2 -Infinity is not JSON"]),
        ("x.json", '[{"a": 1e999}]', ["1:2 a number is larger"]),
        ("x.json", '[{"a": ' + "1" * 5000 + "}]", ["1:2 a number has too many digits"]),
        ("x.json", '[{"a": "\\ud800"}]', ["1:2 a \\u escape stands for half a character"]),
        ("x.json", '[{"a": ' + "[" * 65 + "]" * 65 + "}]", ["1:2 this is nested more than 64 deep"]),
        ("x.json", '[{"a": ' + "[" * 100_000 + "]" * 100_000 + "}]", ["1:2 this is nested more than 64 deep"]),
        ("x.json", '[{"a": "ü'.encode() + b'\xff"}]', ["1:10 this is not UTF-8"]),
        ("x.json", b'[\n{"a": "\0"}]', ["2:8 a NUL character"]),
        (
            "x.jsonl",
            '{"a": 1}\n{"a": }\n5\n{"a": 1} {}\n{"a": NaN}\n {"a": 1',
            ["2:7 this line is not JSON: expecting value", "3:1 a row is an object, and this is: integer",
             "4:10 something stands behind the value", "5:1 NaN is not JSON", "6:9 this line is not JSON: expecting"],
        ),
        ("x.jsonl", '{"a": ' + "[" * 100_000, ["1:1 this is nested more than 64 deep"]),
        ("x.yaml", "a: 1\n", ["1:1 rows are a list of maps, and this is one map"]),
        ("x.yaml", "- a: 1\n- 2\n- [3]\n", ["2:3 a row is a map, and this is a scalar", "3:3 a row is a map"]),
        ("x.yaml", "- {a: 1, a: 2}\n", ["1:10 the key `a` stands here a second time"]),
        ("x.yaml", "- {a: 1\n- b", ["3:1 a bracket is not closed"]),
        ("x.yaml", "# nothing\n", ["is empty"]),
        ("x.yaml", "- " * 5000 + "x", ["1:"]),
    ],
)  # fmt: skip
def test_every_mistake_is_told_before_a_row_is_used(
    tmp_path: Path, name: str, text: str | bytes, expected: list[str]
) -> None:
    found = mistakes(tmp_path, name, text)
    assert len(found) == len(expected), found
    for message, part in zip(found, expected, strict=True):
        assert message.startswith(part) if part[0].isdigit() else part in message, (message, part)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.json", '[{"a": "' + "x" * 20_000_000, "1:2 a row is longer than 16 MB"),
        ("x.json", '[{"a": ' + "[" * 20_000_000, "1:2 this is nested more than 64 deep"),
        ("x.json", "[{" + "".join(f'"{n}": 1,' for n in range(300_000)) + '"299999": 1}]', "1:2 the name `299999`"),
        ("x.csv", ",".join(map(str, range(300_000))) + ",299999\n", "1:1 the header names `299999` twice"),
        ("x.csv", 'a,b\n1,"' + "x\n" * 5_000_000, "2:1 a value of this row is longer"),
        ("x.csv", "a,b\n" + "x" * 20_000_000, "2:1 this line is longer than 16 MB"),
        ("x.jsonl", "x" * 20_000_000, "1:1 this line is longer than 16 MB"),
        ("x.yaml", "- {a: b}\n" * 500_000, "is larger than 4 MB"),
    ],
    ids=["text", "brackets", "names", "columns", "quote", "line", "json line", "yaml"],
)
def test_a_hostile_file_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """Each would take gigabytes, or days, where something grew with the square of it."""
    (found,) = mistakes(tmp_path, name, text)
    assert message in found


def test_mistakes_are_told_together_but_not_without_end(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "x.csv", "a,b\n" + "1\n" * 1000)
    assert len(found) == 21
    assert "may hold more" in found[-1]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match="cannot read"):
            rows.read_file(path)


@pytest.mark.parametrize("kind", rows.FORMATS)
def test_input_that_breaks_off_is_told(kind: rows.Format) -> None:
    class Broken(io.BytesIO):
        def read1(self, _most: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        readline = read1

    with pytest.raises(InputError, match="cannot read standard input"):
        rows.read_stream(Broken(), kind)


def test_what_can_be_read_once_only_tells_a_mistake_at_its_row() -> None:
    found = rows.read_stream(io.BytesIO(b"a,b\n1,2\n3\n"))
    assert (found.total, found.sha256, found.columns) == (None, None, ("a", "b"))
    begun = iter(found)
    assert next(begun).values == {"a": "1", "b": "2"}
    with pytest.raises(InputError) as caught:
        next(begun)
    assert str(caught.value.problems[0].location) == "standard input:3:1"
    with pytest.raises(InputError, match="once only"):
        iter(found)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_row_is_there_as_soon_as_it_was_written(kind: str) -> None:
    """Who writes into a pipe may wait for what becomes of one row before he writes the next."""
    reading, writing = os.pipe()
    written = {
        "csv": ["a\n1\n", "2\n"],
        "jsonl": ['{"a": "1"}\n', '{"a": "2"}\n'],
        "json": ['[{"a": "1"},', '{"a": "2"}]'],
    }
    first_used = threading.Event()
    waited: list[bool] = []

    def write() -> None:
        with os.fdopen(writing, "w") as file:
            file.write(written[kind][0])
            file.flush()
            waited.append(first_used.wait(30))
            file.write(written[kind][1])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as file:
        begun = iter(rows.read_stream(file))
        assert next(begun).values == {"a": "1"}
        first_used.set()
        assert [row.values for row in begun] == [{"a": "2"}]
    writer.join()
    assert waited == [True]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX alone has named pipes")
def test_a_pipe_in_the_place_of_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text("a\n1\n2\n"))
    writer.start()
    found = rows.read_file(path)
    assert found.total is None
    assert values(found) == [{"a": "1"}, {"a": "2"}]
    writer.join()


def test_a_file_that_changes_is_found_out(tmp_path: Path) -> None:
    path = source(tmp_path, "x.csv", "a\n" + "1\n" * 50_000)
    found = rows.read_file(path)
    begun = iter(found)
    next(begun)
    with path.open("a") as file:
        file.write("1\n")
    with pytest.raises(InputError, match="has changed since"):
        list(begun)
    with pytest.raises(InputError, match="has changed since"):
        next(iter(found))
    # Another in its place leaves a reading alone that has begun.
    begun = iter(rows.read_file(path))
    next(begun)
    source(tmp_path, "new.csv", "b\n").replace(path)
    assert len(list(begun)) == 50_000


def test_a_reading_that_ends_early_closes_its_file(tmp_path: Path) -> None:
    begun = iter(rows.read_file(source(tmp_path, "x.csv", "a\n1\n2\n")))
    next(begun)
    del begun  # a file that is left open is a warning, and warnings are errors here


_COLUMNS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).filter(str.strip),
    min_size=1, max_size=4, unique=True,
)  # fmt: skip
_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(
    _COLUMNS.flatmap(lambda names: st.tuples(st.just(names), st.lists(st.tuples(*[_CELL for _ in names]), max_size=5)))
)
def test_any_text_survives_csv(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[tuple[str]]]
) -> None:
    names, cells = table
    path = tmp_path_factory.mktemp("rows") / "x.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([names, *cells])
    assert values(rows.read_file(path)) == [dict(zip(names, row, strict=True)) for row in cells]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _CELL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_CELL, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(_CELL, _JSON, max_size=4), max_size=6),
    st.integers(1, 9),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_any_json_survives_in_pieces_of_any_size(
    objects: list[dict[str, Value]], size: int, indent: int | None, ascii_only: bool
) -> None:
    class Pieces(io.BytesIO):
        def read1(self, _most: int | None = -1, /) -> bytes:
            return self.read(size)

    text = json.dumps(objects, indent=indent, ensure_ascii=ascii_only)
    assert values(rows.read_stream(Pieces(text.encode()), "json")) == objects
    lines = "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in objects)
    assert values(rows.read_stream(Pieces(lines.encode()), "jsonl")) == objects


@given(st.binary(max_size=80), st.sampled_from(rows.FORMATS))
def test_any_octets_are_read_or_refused(octets: bytes, kind: rows.Format) -> None:
    try:
        list(rows.read_stream(io.BytesIO(octets), kind))
    except InputError as error:
        assert all(problem.hint for problem in error.problems)  # noqa: PT017


_PEAK = """
import resource, sys
from pathlib import Path
from runner.files import rows
found = rows.read_file(Path(sys.argv[1]))
count = sum(1 for row in found)
print(found.total, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is of POSIX")
@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, kind: str) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.{kind}"
        row = {"csv": '"a, b\nc",{}\n', "json": '{{"a": "a, b", "id": {}}},\n', "jsonl": '{{"a": "a, b", "id": {}}}\n'}[
            kind
        ]
        with path.open("w") as file:
            file.write({"csv": "a,id\n", "json": "[", "jsonl": ""}[kind])
            file.writelines(row.format(number) for number in range(count))
            file.write('{"a": "", "id": 0}]' if kind == "json" else "")
        done = subprocess.run([sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True)
        total, counted, kilobytes = map(int, done.stdout.split())
        assert total == counted == count + (kind == "json")
        return kilobytes

    assert peak(200_000) - peak(2_000) < 4_000  # as a list of maps they take 50 MB and more


# What a collection names


def test_a_collection_names_its_rows(tmp_path: Path) -> None:
    (tmp_path / "collections").mkdir()
    source(tmp_path, "leads.csv", "Email\nada@example.com\n")
    path = source(tmp_path, "collections/c.yaml", "data: ../leads.csv\nrequests: {r: {get: http://127.0.0.1/}}\n")
    found = read_collection(path)
    assert found.data is not None
    assert str(found.data.location) == f"{path}:1:7"
    assert values(rows.read_data(found.data)) == [{"Email": "ada@example.com"}]
    assert [one.name for one in found.sources] == [str(path)]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("none.csv", "there is no file `none.csv`"),
        ("", "`data` is a text"),
        ("<<file>>.csv", "`data` cannot hold a template"),
        ("[a.csv]", "`data` is a text"),
        (".zrun/rows.csv", "a name that begins with a dot is private"),
        ("../../rows.csv", "outside of the project"),
        ("' '", "`data` names no file"),
    ],
)
def test_data_that_cannot_be_is_told(tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "p" / "collections").mkdir(parents=True)
    path = source(tmp_path, "p/collections/c.yaml", f"data: {written}\nrequests: {{r: {{get: http://127.0.0.1/}}}}\n")
    with pytest.raises(InputError) as caught:
        read_collection(path)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert str(problem.location).startswith(f"{path}:1:")
    assert problem.hint


def test_a_link_does_not_lead_a_collection_out_of_its_project(tmp_path: Path) -> None:
    (tmp_path / "p" / "collections").mkdir(parents=True)
    secret = source(tmp_path, "secret.csv", "a\n1\n")
    rows_file = source(tmp_path, "p/rows.csv", "a\n1\n")
    path = source(tmp_path, "p/collections/c.yaml", "data: ../rows.csv\nrequests: {r: {get: http://127.0.0.1/}}\n")
    data = read_collection(path).data
    assert data is not None
    found = rows.read_data(data)
    rows_file.unlink()
    rows_file.symlink_to(secret)
    for attempt in (lambda: rows.read_data(data), lambda: list(found)):
        with pytest.raises(OutsideError):
            attempt()


def test_an_included_file_has_no_rows_of_its_own(tmp_path: Path) -> None:
    source(tmp_path, "rows.csv", "a\n")
    inner = source(tmp_path, "inner.yaml", "data: rows.csv\nrequests: {r: {get: http://127.0.0.1/}}\n")
    outer = source(tmp_path, "outer.yaml", "include: inner.yaml\n")
    with pytest.raises(InputError, match="no rows of its own"):
        read_collection(outer)
    source(tmp_path, "inner.yaml", "requests: {r: {get: http://127.0.0.1/}}\n")
    assert [one.name for one in read_collection(outer).sources] == [str(outer), str(inner)]


# Which rows


def test_rows_are_chosen_by_number() -> None:
    wanted = rows_wanted("1-100, 205,300-")
    assert [n for n in (1, 100, 101, 204, 205, 206, 299, 300, 10**9) if n in wanted] == [1, 100, 205, 300, 10**9]
    assert wanted.stop is None
    assert str(wanted) == "1-100,205,300-"
    assert [wanted.count(total) for total in (0, 50, 150, 205, 310)] == [0, 50, 100, 101, 112]
    assert rows_wanted("7,3-5,4-6").ranges == ((3, 7),)
    assert rows_wanted("9-,1").stop is None
    assert str(rows_wanted("3-,5,9-12")) == "3-"
    assert rows_wanted("2,4").stop == 4


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9) | st.none()), min_size=1, max_size=6))
def test_a_selection_holds_what_its_parts_hold(parts: list[tuple[int, int | None]]) -> None:
    text = ",".join(f"{first}-" if more is None else f"{first}-{first + more}" for first, more in parts)
    wanted = rows_wanted(text)
    for number in range(1, 60):
        holds = any(first <= number and (more is None or number <= first + more) for first, more in parts)
        assert (number in wanted) == holds
    assert wanted.count(60) == sum(number in wanted for number in range(1, 61))
    assert rows_wanted(str(wanted)).ranges == wanted.ranges


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "a number is missing"),
        ("1,,2", 3, "a number is missing"),
        ("1, x", 4, "no number of a row"),
        ("-5", 1, "no number of a row"),
        ("0-4", 1, "counted from 1"),
        ("1,9-2", 3, "ends before it begins"),
        ("1-2-3", 1, "no number of a row"),
        ("٣", 1, "no number of a row"),
        ("9" * 5000, 1, "so many rows"),
    ],
)
def test_a_selection_that_cannot_be_read_is_told(text: str, column: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        rows_wanted(text)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.location
    assert problem.location.column == column
    assert problem.location.source.name == "--rows"


def test_which_columns_a_template_can_name_plainly() -> None:
    columns = ("Email", "last-name", "Last Name", "1st", "not", "größe", "a.b")
    assert plain_names(columns) == ("Email", "last-name", "größe")


# Documentation

DOCS = (Path(__file__).parent.parent / "docs" / "data.md").read_text("utf-8")


def examples(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)


def test_the_documentations_rows_are_the_same_in_every_format(tmp_path: Path) -> None:
    found = [
        values(rows.read_file(source(tmp_path, f"x.{ending}", text)))
        for kind, ending in (("csv", "csv"), ("json", "json"), ("jsonl", "jsonl"), ("yaml rows", "yaml"))
        for text in examples(kind)
    ]
    assert len(found) == 4
    assert found[0][0] == {"Email": "ada@example.com", "Last Name": "Lovelace, Countess", "seats": "3"}
    assert all(one == found[0] for one in found)


def test_the_documentations_collection_reads_its_rows(tmp_path: Path) -> None:
    (tmp_path / "collections").mkdir()
    source(tmp_path, "leads.csv", examples("csv")[0])
    (text,) = examples("yaml")
    collection = read_collection(source(tmp_path, "collections/invite.yaml", text))
    assert collection.data
    row = next(iter(rows.read_data(collection.data)))
    body = collection.requests[0].body
    assert body
    scope = Values({**row.values, "row": dict(row.values), "iteration": 1})
    expected = {"to": "ada@example.com", "greeting": "Dear Lovelace, Countess", "number": 1}
    assert tree.render(body.tree, scope) == expected


def test_the_documentations_mistakes_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source(tmp_path, "leads.csv", "Email,Last Name,seats\na@example.com,b, c,3\nd@example.com,e\n")
    with pytest.raises(InputError) as caught:
        rows.read_file(Path("leads.csv"))
    assert f"{caught.value}\n" == examples("text")[0]
    (selection,) = set(re.findall(r"`--rows (\S+)`", DOCS))
    assert rows_wanted(selection).ranges == ((1, 100), (205, 205), (300, None))
