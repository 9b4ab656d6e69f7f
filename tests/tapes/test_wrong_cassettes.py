"""A cassette that does not fit: what is wrong, where, and what to do next; exit status 2, and nothing is sent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import environment, write, zrun
from tests.servers import Server
from tests.tapes.playing import Answering, cassette, replay, tape


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    """Recorded: three exchanges, of which the last is an error."""
    write(
        tmp_path,
        c="requests:\n  a: {post: <<url>>/echo, json: {n: 1}}\n  b: {get: <<url>>/echo?b}\n"
        "  c: {get: 'http://127.0.0.1:1/', expect: {status: 200}}\n",
        e__env=f"variables: {{url: '{server.url}'}}\n",
        f__env=f"variables: {{url: '{server.url}'}}\n",
    )
    done = zrun(tmp_path, "c.yaml", "-e", "e", "--record", "kept")
    assert done.status == 3, done.out
    server.seen.clear()
    return tmp_path


def refused(folder: Path, *arguments: str) -> str:
    """What is told: that the run has not begun, and which step is next."""
    done = replay(folder, *(arguments or ("c.yaml", "-e", "e")))
    assert done.status == 2, done.out + done.err
    assert done.out == ""
    assert re.search(r"^ +\|? *= |record", done.err, re.MULTILINE)
    return done.err


def edited(folder: Path, edit: Callable[[Any], object]) -> None:
    document = cassette(folder)
    edit(document)
    tape(folder).write_text(json.dumps(document, indent=1), "utf-8")


EDITS: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "misspelled": (
        lambda d: d["exchanges"][1].update(respnse=d["exchanges"][1].pop("response")),
        "`respnse` means nothing here",
        "{",
    ),
    "neither": (lambda d: d["exchanges"][1].pop("response"), "either a `response` or an `error`", "{"),
    "both": (lambda d: d["exchanges"][1].update(error={}), "either a `response` or an `error`", "{"),
    "no url": (lambda d: d["exchanges"][0]["request"].pop("url"), "there is no `url` here", "{"),
    "a status in words": (
        lambda d: d["exchanges"][0]["response"].update(status="fine"),
        "a whole number is needed here",
        '"fine"',
    ),
    "a status of four digits": (lambda d: d["exchanges"][0]["response"].update(status=2000), "three digits", "2000"),
    "a time in words": (lambda d: d["exchanges"][2].update(ended="noon"), "a number is needed here", '"noon"'),
    "a header alone": (
        lambda d: d["exchanges"][0]["response"]["headers"].append(["x"]),
        "a list of two texts is needed here",
        "[",
    ),
    "two bodies": (
        lambda d: d["exchanges"][0]["response"]["body"].update(base64="aaaa"),
        "one of `text`, `base64` and `left-out`",
        "{",
    ),
    "no Base64": (
        lambda d: d["exchanges"][0]["response"].update(body={"base64": "***"}),
        "this is no Base64",
        '"***"',
    ),
    "an error without a kind": (lambda d: d["exchanges"][2]["error"].pop("kind"), "there is no `kind` here", "{"),
    "no clock": (lambda d: d.pop("clock"), "there is no `clock` here", "{"),
    "steps in an object": (lambda d: d.update(steps={}), "a list is needed here", "{}"),
    "nothing": (lambda d: d.clear(), "it has no `zrun-cassette`", "{}"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_amiss_has_its_place(edit: str, folder: Path, server: Server) -> None:
    change, told, there = EDITS[edit]
    edited(folder, change)
    said = refused(folder)
    assert told in said
    found = re.search(r"c\.yaml\.json:(\d+):(\d+): ", said)
    assert found, said
    line = tape(folder).read_text("utf-8").split("\n")[int(found[1]) - 1]
    assert line[int(found[2]) - 1 :].startswith(there), (line, found[0])
    assert edit != "misspelled" or "did you mean `response`?" in said
    assert server.seen == []


def test_json_that_is_broken_has_its_place(folder: Path) -> None:
    text = tape(folder).read_text("utf-8")
    tape(folder).write_text(text.replace('"status": 200,', '"status": 200', 1), "utf-8")
    assert re.search(r"c\.yaml\.json:\d+:\d+: .*no JSON here \(Expecting ',' delimiter\)", refused(folder))
    tape(folder).write_text(text[: len(text) // 2], "utf-8")
    assert re.search(r"c\.yaml\.json:\d+:\d+: .*no JSON here", refused(folder))
    tape(folder).write_bytes(b"\xff\xfe")
    assert "it is no UTF-8" in refused(folder)
    tape(folder).write_text("[" * 100_000, "utf-8")
    assert "c.yaml.json is damaged" in refused(folder)


def test_the_cassette_of_another_version_collection_or_environment(folder: Path) -> None:
    assert "was recorded with `-e e`" in refused(folder, "c.yaml", "-e", "f")
    assert "recorded with `-e e`" in refused(folder, "c.yaml", "--var", "url=http://127.0.0.1:1")
    write(folder, d=(folder / "c.yaml").read_text("utf-8"))
    tape(folder, "d").write_bytes(tape(folder).read_bytes())
    assert "d.yaml.json is of another collection: c.yaml" in refused(folder, "d.yaml", "-e", "e")
    write(folder, x=(folder / "c.yaml").read_text("utf-8"))
    assert "there is no cassette kept/x.yaml.json" in refused(folder, "x.yaml", "-e", "e")
    edited(folder, lambda d: d.update({"zrun-cassette": 2}))
    assert "written by another zrun (cassette format 2; this one reads 1)" in refused(folder)


def test_cassettes_of_two_runs_do_not_go_together(folder: Path) -> None:
    """Each has a clock and a seed: with those of the other neither would be replayed."""
    write(folder, d=(folder / "c.yaml").read_text("utf-8"))
    zrun(folder, "d.yaml", "-e", "e", "--record", "kept")
    assert "are of two recordings" in refused(folder, "c.yaml", "d.yaml", "-e", "e")
    for name in ("c.yaml", "d.yaml"):
        assert replay(folder, name, "-e", "e").status == 3


def test_a_cassette_edited_with_care_is_replayed(folder: Path) -> None:
    """The size of a body, and whatever may be left out, are not asked of who writes one by hand."""

    def edit(document: Any) -> None:
        first, second, third = document["exchanges"]
        first["response"].update(status=418, body={"text": "short and stout"})
        del second["request"]["headers"][:]
        third.update(response=second["response"])
        del third["error"]

    edited(folder, edit)
    done = replay(folder, "c.yaml", "-e", "e", "--format", "json")
    assert done.steps() == {"a": "failed", "b": "passed", "c": "passed"}
    assert done.document["steps"][0]["exchanges"][0]["status"] == 418
    assert done.document["steps"][0]["exchanges"][0]["size"] == 15


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("post: <<url>>/echo", "put: <<url>>/echo", ["the method was POST, and is PUT"]),
        ("/echo?b", "/echo?c", ["the address was http://", "/echo?b, and is http://", "the recording has GET http://"]),
        ("json: {n: 1}", "json: {n: 12}", ["the body differs from character 7"]),
        (", json: {n: 1}", "", ["there was a body, and there is none"]),
        ("  b:", "  renamed:", ["holds no request of `renamed`", "nearest is of `b`: it is the same request"]),
        (
            "{get: <<url>>/echo?b}",
            "{get: <<url>>/echo?b, until: {status: 404, every: 1s, timeout: 5s}}",
            ["holds no further request of `b`", "nearest is of `b`: it is the same request"],
        ),
    ],
)
def test_a_request_that_is_not_in_the_cassette(before: str, after: str, told: list[str], folder: Path) -> None:
    text = (folder / "c.yaml").read_text("utf-8")
    assert before in text
    (folder / "c.yaml").write_text(text.replace(before, after), "utf-8")
    done = replay(folder, "c.yaml", "-e", "e", "--format", "json")
    assert list(done.steps().values()).count("failed") == 2  # it, and the one that was recorded as failed
    problems = [
        f"{problem['message']}; {problem['hint']}" for step in done.document["steps"] for problem in step["problems"]
    ]
    found = next(problem for problem in problems if "kept/c.yaml.json" in problem)
    assert all(one in found for one in told), found
    assert "--record it again if the change is meant" in found


def test_what_is_no_longer_asked_for_is_told(tmp_path: Path, server: Server) -> None:
    collection = (
        f"requests:\n  a: {{get: '{server.url}/echo?<<item>>', for-each: [1, 2, 3]}}\n  b: {{get: {server.url}/echo}}\n"
    )
    write(tmp_path, c=collection)
    zrun(tmp_path, "c.yaml", "--record", "kept")
    done = replay(tmp_path, "c.yaml", "-r", "b")
    assert (done.status, done.err) == (0, "")  # what is not run is nobody's mistake
    write(tmp_path, c=collection.replace("[1, 2, 3]", "[1]"))
    done = replay(tmp_path, "c.yaml")
    assert done.status == 0
    assert "holds 2 more exchanges of `a`, not asked for" in done.err
    assert "--record it again" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("--replay", "kept", "--seed", "x"), ("--replay", "kept", "--clock", "+1h"), ("--record", "kept", "--dry-run")],
)
def test_options_that_would_do_nothing_are_refused(arguments: tuple[str, ...], folder: Path, server: Server) -> None:
    done = zrun(folder, "c.yaml", "-e", "e", *arguments)
    assert done.status == 2
    assert (
        f"{arguments[0]} and {arguments[-2] if len(arguments) == 4 else arguments[-1]} exclude each other" in done.err
    )
    assert server.seen == []


def test_watch_goes_with_replay_and_not_with_record(tmp_path: Path) -> None:
    """A replay that is watched begins anew with each change, also of the cassette; a recording would be overwritten."""
    with Answering("application/json", b'{"n": 1}') as url:
        collection = f"requests:\n  a: {{post: '{url}', expect: {{json $.n: N}}}}\n"
        write(tmp_path, c=collection.replace("N", "1"))
        assert zrun(tmp_path, "c.yaml", "--record", "kept").status == 0
    done = zrun(tmp_path, "c.yaml", "--record", "kept", "--watch")
    assert done.status == 2
    assert "--watch runs again, which --record cannot" in done.err
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "runner", "c.yaml", "--replay", "kept", "--watch"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")

        def told(text: str) -> bool:
            return any(text in line for line in lines)

        assert told("1 request: 1 passed")
        write(tmp_path, c=collection.replace("N", "2"))
        assert told("1 request: 1 failed")
        edited(tmp_path, lambda d: d["exchanges"][0]["response"].update(body={"text": '{"n": 2}'}))
        assert told("c.yaml.json changed, running again")
        assert told("1 request: 1 passed")
        tape(tmp_path).write_text("{", "utf-8")
        assert told("c.yaml.json:1:2: the cassette is damaged")
    finally:
        process.kill()
        process.communicate()
    assert list((tmp_path / "kept").iterdir()) == [tape(tmp_path)]
