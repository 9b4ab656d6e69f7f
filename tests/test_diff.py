"""`zrun diff`: two saved reports, two environments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import Done, write, zrun
from tests.servers import Server

REQUESTS = """\
requests:
  a: {get: "URL/status/<<code>>", expect: {status: 200}}
  b: {get: "URL/echo?<<code>>", expect: {"json $['raw-query']": "200"}, capture: {c: json $.method}}
"""


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    write(tmp_path, c=REQUESTS.replace("URL", server.url))
    for name, code in (("one", "200"), ("two", "200"), ("three", "404")):
        zrun(tmp_path, "c.yaml", "--var", f"code={code}", "--report", f"json={name}.json")
    return tmp_path


def paths(done: Done) -> list[str]:
    return [one["path"] for one in done.document["differences"]]


def test_reports_of_equal_runs_do_not_differ(folder: Path) -> None:
    done = zrun(folder, "diff", "one.json", "two.json")
    assert (done.status, done.out) == (0, "nothing differs\n")


def test_what_ended_otherwise_is_told(folder: Path) -> None:
    done = zrun(folder, "diff", "one.json", "three.json")
    assert done.status == 1
    assert "$.steps.a.status\n  - passed\n  + failed\n" in done.out
    found = zrun(folder, "diff", "one.json", "three.json", "--format", "json")
    assert found.status == 1
    assert {"$.exit-code", "$.steps.a.answer"} & set(paths(found)) == {"$.steps.a.answer"}
    assert "$['exit-code']" in paths(found)


def test_what_is_ignored_is_left_out(folder: Path) -> None:
    less = ("--ignore", "$.steps.a", "--ignore", "$['exit-code']", "--format", "json")
    done = zrun(folder, "diff", "one.json", "three.json", *less)
    assert paths(done)
    assert all(path.startswith("$.steps.b") for path in paths(done))
    done = zrun(folder, "diff", "one.json", "three.json", "--ignore", "$..checks", "--ignore", "$.*.*.*", *less)
    assert (done.status, paths(done)) == (0, [])


def test_an_index_from_the_end_is_ignored_where_it_is(tmp_path: Path) -> None:
    for name, last in (("a", "one.example"), ("b", "two.example")):
        write(tmp_path, **{f"{name}__env": f"name: x\nhosts: [first.example, {last}]\n"})
    assert zrun(tmp_path, "diff", "a", "b").status == 1
    assert zrun(tmp_path, "diff", "a", "b", "--ignore", "$.hosts[-1]").status == 0
    assert zrun(tmp_path, "diff", "a", "b", "--ignore", "$.hosts[-2]").status == 1


def test_durations_are_compared_by_a_factor(folder: Path) -> None:
    report = json.loads((folder / "one.json").read_text("utf-8"))
    for step, seconds in zip(report["steps"], (1.0, 1.0), strict=True):
        step["duration"] = seconds
    (folder / "fast.json").write_text(json.dumps(report), "utf-8")
    report["steps"][1]["duration"] = 2.5
    (folder / "slow.json").write_text(json.dumps(report), "utf-8")
    assert zrun(folder, "diff", "fast.json", "slow.json").status == 0
    assert zrun(folder, "diff", "fast.json", "slow.json", "--slower", "3").status == 0
    done = zrun(folder, "diff", "slow.json", "fast.json", "--slower", "2", "--format", "json")
    assert (done.status, paths(done)) == (1, ["$.steps.b.duration"])


def test_environments_without_the_values_of_secrets(tmp_path: Path) -> None:
    us = "variables: {api: https://us.example.com, api-token: made-up-1}\nsecrets: {s: {env: ONE}, t: made-up-3}\n"
    eu = "variables: {api: https://eu.example.com, api-token: made-up-2}\nsecrets: {s: {env: TWO}, t: made-up-4}\n"
    write(tmp_path, us__env=us, eu__env=eu)
    done = zrun(tmp_path, "diff", "us", "eu", "--format", "json")
    assert done.status == 1, done.err
    assert paths(done) == ["$.variables.api", "$.secrets.s[0]"]
    assert "made-up" not in done.out + done.err
    assert zrun(tmp_path, "diff", "us", "us").status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("one.json", "us"), "cannot be compared"),
        (("one.json", "nowhere.json"), "cannot be read"),
        (("one.json", "c.json"), "no report"),
        (("one.json", "two.json", "--ignore", "$["), "is no JSONPath"),
        (("one.json", "two.json", "--slower", "1"), "--slower is no factor"),
    ],
)
def test_mistakes(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "c.json").write_text("{}", "utf-8")
    done = zrun(folder, "diff", *arguments)
    assert done.status == 2
    assert said in done.err
