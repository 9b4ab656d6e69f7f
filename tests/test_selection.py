"""Selection: patterns, tags, --from, folders of collections, and how a run is divided among machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import write, zrun
from tests.servers import Server

REQUESTS = """\
requests:
  first: {get: "URL/echo?1", tags: [smoke]}
  crm:
    tags: [slow]
    requests:
      one: {get: "URL/echo?2", tags: [smoke], capture: {x: status}}
      two: {get: "URL/echo?<<x>>"}
  last: {get: "URL/echo?4", tags: [smoke, slow]}
  wipe: {get: "URL/echo?5", tags: [never, danger]}
"""


def listed(folder: Path, *arguments: str) -> list[str]:
    done = zrun(folder, *arguments, "--list")
    assert done.status == 0, done.err
    return done.out.split()


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    return write(tmp_path, c=REQUESTS.replace("URL", server.url))


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ((), ["first", "crm/one", "crm/two", "last"]),
        (("-t", "smoke"), ["first", "crm/one", "last"]),
        (("-t", "slow"), ["crm/one", "crm/two", "last"]),
        (("-t", "smoke", "--skip-tag", "slow"), ["first"]),
        (("--skip-tag", "smoke"), ["crm/two"]),
        (("-t", "danger"), ["wipe"]),
        (("-t", "danger,slow"), ["crm/one", "crm/two", "last", "wipe"]),
        (("-r", "wipe"), ["wipe"]),
        (("-r", "crm"), ["crm/one", "crm/two"]),
        (("-r", "*/two"), ["crm/one", "crm/two"]),
        (("-r", "*/two", "--alone"), ["crm/two"]),
        (("-r", "crm", "-t", "smoke"), ["crm/one"]),
        (("--from", "crm/two"), ["crm/one", "crm/two", "last"]),
        (("--from", "crm/two", "--alone"), ["crm/two", "last"]),
        (("--from", "last", "-r", "first", "-r", "last"), ["last"]),
    ],
)
def test_what_is_selected(folder: Path, server: Server, arguments: tuple[str, ...], ids: list[str]) -> None:
    assert listed(folder, "c.yaml", *arguments) == ids
    assert server.seen == [], "a list sends nothing"


def test_what_was_listed_is_what_runs(folder: Path, server: Server) -> None:
    done = zrun(folder, "c.yaml", "-t", "slow", "--format", "json")
    assert list(done.steps()) == listed(folder, "c.yaml", "-t", "slow")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-r", "crm/tow"), "did you mean `crm/two`?"),
        (("-t", "smok"), "did you mean `smoke`?"),
        (("--skip-tag", "sloww"), "did you mean `slow`?"),
        (("--from", "lost"), "did you mean `last`?"),
        (("-t", "smoke", "--skip-tag", "smoke"), "the selection leaves no request to run"),
        (("--from", "last", "-r", "first"), "the selection leaves no request to run"),
    ],
)
def test_nothing_selected_is_an_error(folder: Path, server: Server, arguments: tuple[str, ...], message: str) -> None:
    done = zrun(folder, "c.yaml", *arguments)
    assert done.status == 2
    assert message in done.err
    assert server.seen == []


def test_several_collections_and_folders(tmp_path: Path, server: Server) -> None:
    one = f'requests:\n  a: {{get: "{server.url}/echo?a", tags: [x]}}\n'
    for place in ("apis/one.yaml", "apis/deep/two.yml", "apis/environments/e.yaml", "apis/notes.yaml", "other.yaml"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text: nothing of ours\n" if "notes" in place else one, "utf-8")
    done = zrun(tmp_path, "apis", "other.yaml", "apis/one.yaml", "--list")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [
        "apis/deep/two.yml",
        "apis/one.yaml",
        "other.yaml",
    ]
    done = zrun(tmp_path, "apis", "other.yaml", "-t", "x", "--format", "json")
    assert done.status == 0
    assert len(done.document["steps"]) == 3
    (tmp_path / "empty").mkdir()
    done = zrun(tmp_path, "empty", "nowhere.yaml")
    assert done.status == 2
    assert "there is no collection in empty" in done.err
    assert "there is no collection nowhere.yaml" in done.err


def test_a_mistake_in_one_of_several_collections_sends_nothing(tmp_path: Path, server: Server) -> None:
    good = f"requests:\n  a: {{get: {server.url}/echo}}\n"
    folder = write(tmp_path, good=good, bad=good.replace("get", "gett"), worse="requests: [")
    done = zrun(folder, "good.yaml", "bad.yaml", "worse.yaml")
    assert done.status == 2
    assert "bad.yaml:2:7" in done.err
    assert "worse.yaml:2:1" in done.err
    assert server.seen == []
