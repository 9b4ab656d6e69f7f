"""Keys in the wrong place, words of other tools, and did-you-means: the hint says what to write, or nothing that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import nearest
from tests.commands import write, zrun
from tests.servers import Server


def _hints(tmp_path: Path, text: str) -> str:
    write(tmp_path, c=text)
    done = zrun(tmp_path, "check", "c.yaml")
    assert done.status == 2, done.out + done.err
    return done.err + done.out


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("body: {a: 1}", "a body is written under what it is: `json`, `form`"),
        ("assert: {status: 200}", "stands under `expect`"),
        ("asserts: []", "stands under `expect`"),
        ("params: {page: 2}", "stand under `query`"),
        ("queryParams: {page: 2}", "stand under `query`"),
        ("header: {Accept: x}", "did you mean `headers`?"),
        ("extract: {a: json $.a}", "taken under `capture`"),
        ("depends_on: [b]", "stands under `needs`"),
        ("tests: x", "there are no scripts"),
        ("hedaers: {}", "did you mean `headers`?"),
        ("json $.id: 7", "an expectation stands below `expect:`"),
    ],
)
def test_a_word_of_another_tool_is_answered_with_ours(tmp_path: Path, key: str, hint: str) -> None:
    assert hint in _hints(tmp_path, f"requests:\n  a:\n    get: https://h.example\n    {key}\n")


def test_a_method_in_capitals_is_a_slip(tmp_path: Path) -> None:
    assert "did you mean `post`?" in _hints(tmp_path, "requests:\n  a:\n    POST: https://h.example\n")


def test_what_is_not_indented_is_told_where_it_belongs(tmp_path: Path) -> None:
    said = _hints(tmp_path, "requests:\n  a:\n    get: https://h.example\n    expect:\n    status: 200\n")
    assert "indent it below `expect:`" in said
    assert "tags" not in said.replace("may hold", "")
    said = _hints(tmp_path, "requests:\na:\n  get: https://h.example\n")
    assert "this looks like a request: indent it below `requests:`" in said
    said = _hints(tmp_path, "requests:\n  a:\n  get: https://h.example\n  headers: {Accept: x}\n")
    assert said.count("indent it below the request that it belongs to") == 2


def test_a_request_may_be_called_as_a_key_is(tmp_path: Path) -> None:
    write(tmp_path, c="requests:\n  delete:\n    delete: https://h.example\n  json: {get: https://h.example}\n")
    assert zrun(tmp_path, "check", "c.yaml").status == 0


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("lead-id", ["client-id", "api-domain"], None),
        ("status", ["tags", "text"], None),
        ("token", ["taken-over"], None),
        ("POST", ["post"], "post"),
        ("client_secret", ["client-secret"], "client-secret"),
        ("recieve", ["receive"], "receive"),
        ("create", ["leads/create"], "leads/create"),
        ("nmae", ["name", "game"], "name"),
        ("access-tokens", ["refresh-token", "access-token"], "access-token"),
    ],
)
def test_only_what_is_close_is_asked_for(word: str, known: list[str], found: str | None) -> None:
    assert nearest(word, known) == found


def test_a_column_with_a_blank_is_shown_as_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, c="data: leads.csv\nrequests:\n  a: {get: https://h.example/<<Last_Name>>}\n")
    (tmp_path / "leads.csv").write_text("Last Name,Company\nLovelace,Engines\n", "utf-8")
    done = zrun(tmp_path, "c.yaml", "--dry-run")
    assert done.status == 2
    assert "write `<<row['Last Name']>>`" in done.err


def test_a_query_with_a_colon_wants_quotes_around_the_whole(tmp_path: Path) -> None:
    expect = """    expect:\n      regex '"id": "(.+)"': 7\n"""
    assert "quotes around the whole key" in _hints(tmp_path, f"requests:\n  a:\n    get: https://h.example\n{expect}")
    good = expect.replace("""regex '"id": "(.+)"'""", """'regex "id": "(.+)"'""")
    write(tmp_path, c=f"requests:\n  a:\n    get: https://h.example\n{good}")
    assert zrun(tmp_path, "check", "c.yaml").status == 0


def test_rows_that_are_given_stand_over_a_file_that_is_not_there(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"data: gone.csv\nrequests:\n  a: {{get: {server.url}/echo?q=<<row.n>>}}\n")
    (tmp_path / "rows.csv").write_text("n\n1\n", "utf-8")
    for arguments in (("c.yaml",), ("check", "c.yaml")):
        done = zrun(tmp_path, *arguments)
        assert (done.status, "there is no file `gone.csv`" in done.err + done.out) == (2, True)
    done = zrun(tmp_path, "c.yaml", "--data", "rows.csv")
    assert done.status == 0, done.err
    done = zrun(tmp_path, "c.yaml", "--data", "nix.csv")
    assert done.status == 2
    assert "nix.csv" in done.err
    assert "gone.csv" not in done.err


def test_a_capture_that_selects_nothing_says_what_is_there(tmp_path: Path, server: Server) -> None:
    text = f"""
requests:
  wrong-path: {{get: "{server.url}/echo", capture: {{id: json $.nothing}}}}
  refused:
    get: {server.url}/status/500
    capture: {{id2: json $.data.id, id3: json $.id}}
  meant:
    get: {server.url}/status/404
    expect: 404
    capture: {{id4: json $.data.id}}
"""
    write(tmp_path, c=text)
    done = zrun(tmp_path, "c.yaml", "--format", "json")
    steps = {step["id"]: json.dumps(step["problems"]) for step in done.document["steps"]}
    assert "selects nothing in the answer: `$` has the keys" in steps["wrong-path"]
    assert steps["refused"] == "[]"  # that it is no success says it all
    assert "`id4` was not captured" in steps["meant"]


def test_a_variable_that_no_file_knows_is_told(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"variables: {{name: Ada}}\nrequests:\n  a: {{get: {server.url}/echo?q=<<name>>&r=<<other | default('')>>}}\n",
    )
    done = zrun(tmp_path, "c.yaml", "--var", "nmae=Eve", "--var", "other=1", "--var", "name=Bob")
    assert done.status == 0
    assert "no file knows a variable `nmae`" in done.err
    assert "did you mean `name`?" in done.err
    assert "`other`" not in done.err


def test_quiet_and_verbose_exclude_each_other(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: {server.url}/echo}}\n")
    done = zrun(tmp_path, "c.yaml", "-q", "-vv")
    assert done.status == 2
    assert "-q shows less and -v shows more" in done.err


def test_dynamic_values_are_listed_as_they_are_written_with_an_example(tmp_path: Path) -> None:
    done = zrun(tmp_path, "vars", "--dynamic")
    forms = [line.split("  ")[0] for line in done.out.splitlines()]
    assert "<<$random-int(0, 1000)>>" in forms
    text = (
        "requests:\n  a:\n    post: https://h.example\n    json: [" + ", ".join(f"'{form}'" for form in forms) + "]\n"
    )
    write(tmp_path, c=text)
    assert zrun(tmp_path, "c.yaml", "--dry-run").status == 0
    assert all(line.split("  ", 1)[1].strip() for line in done.out.splitlines())


def test_a_path_is_shown_without_the_detour_that_it_was_written_with(tmp_path: Path) -> None:
    (tmp_path / "collections").mkdir()
    (tmp_path / "collections" / "c.yaml").write_text(
        "data: ../rows.csv\nrequests:\n  a: {get: https://h.example}\n", "utf-8"
    )
    (tmp_path / "rows.csv").write_text("n,m\n1\n", "utf-8")
    done = zrun(tmp_path, "collections/c.yaml", "--dry-run")
    assert done.status == 2
    assert done.err.startswith("rows.csv:2"), done.err
