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


def test_each_line_names_its_collection_where_there_are_several(tmp_path: Path, server: Server) -> None:
    text = f"requests:\n  a: {{get: {server.url}/echo}}\n  lost: {{get: {server.url}/status/500}}\n"
    folder = write(tmp_path, one=text, two=text)

    def names(*arguments: str) -> list[str]:
        lines = zrun(folder, *arguments).out.splitlines()
        return [line.split("  ")[-1] for line in lines if line[:1] in "✓✗" and line]

    assert names("one.yaml", "two.yaml") == ["one.yaml: a", "one.yaml: lost", "two.yaml: a", "two.yaml: lost"]
    assert names("one.yaml", "two.yaml", "-q", "-j", "2") == ["one.yaml: lost", "two.yaml: lost"]
    assert names("one.yaml") == ["a", "lost"], "of one alone there is no doubt"


def test_mistakes_of_all_collections_come_out_together(tmp_path: Path, server: Server) -> None:
    folder = write(
        tmp_path, **{name: f'requests:\n  a: {{get: "{server.url}/<<{name}>>"}}\n' for name in ("one", "two")}
    )
    done = zrun(folder, "one.yaml", "two.yaml")
    assert done.status == 2
    assert "one.yaml:2:" in done.err
    assert "two.yaml:2:" in done.err


def test_a_mistake_in_one_of_several_collections_sends_nothing(tmp_path: Path, server: Server) -> None:
    good = f"requests:\n  a: {{get: {server.url}/echo}}\n"
    folder = write(tmp_path, good=good, bad=good.replace("get", "gett"), worse="requests: [")
    done = zrun(folder, "good.yaml", "bad.yaml", "worse.yaml")
    assert done.status == 2
    assert "bad.yaml:2:7" in done.err
    assert "worse.yaml:2:1" in done.err
    assert server.seen == []


def test_what_failed_the_last_time_is_run_again(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  good: {{get: "{server.url}/status/200"}}
  bad: {{get: "{server.url}/flaky?key=x&fail=1"}}
  after: {{get: "{server.url}/echo", needs: [bad]}}
"""
    folder = write(tmp_path, c=text, other=text.replace("bad", "fine").replace("key=x&fail=1", "key=y&fail=0"))
    assert zrun(folder, "c.yaml", "--last-failed").status == 2, "nothing is known yet"
    assert zrun(folder, "other.yaml").status == 0
    assert not (folder / ".zrun").exists(), "a run without an environment that passes leaves nothing behind"
    assert zrun(folder, "c.yaml").status == 1
    assert listed(folder, "c.yaml", "--last-failed") == ["bad", "after"]
    assert listed(folder, "c.yaml", "other.yaml", "--last-failed") == ["bad", "after"]
    assert zrun(folder, "c.yaml", "--last-failed", "-r", "good").status == 2
    assert zrun(folder, "c.yaml", "--last-failed").status == 0
    again = zrun(folder, "c.yaml", "--last-failed")
    assert again.status == 2
    assert "no request failed in the last run" in again.err


def test_a_damaged_history_is_none(tmp_path: Path, server: Server) -> None:
    folder = write(tmp_path, c=f"requests:\n  bad: {{get: {server.url}/status/500}}\n")
    assert zrun(folder, "c.yaml").status == 1
    (path,) = (folder / ".zrun" / "history").iterdir()
    for damage in ("", "{", "[]", '{"zrun-history": 1, "collections": {"c.yaml": {"bad": 3}}}', "[" * 100_000):
        path.write_text(damage, "utf-8")
        assert zrun(folder, "c.yaml", "--last-failed").status == 2
    assert zrun(folder, "c.yaml").status == 1
    assert listed(folder, "c.yaml", "--last-failed") == ["bad"]


CHAINS = "".join(
    f"  a{i}: {{get: URL/echo, capture: {{x{i}: status}}}}\n  b{i}: {{get: 'URL/echo?<<x{i}>>'}}\n  c{i}: {{get: URL/echo}}\n"
    for i in range(5)
)


def test_shards_are_a_whole_together_and_keep_chains_together(tmp_path: Path, server: Server) -> None:
    folder = write(tmp_path, c="requests:\n" + CHAINS.replace("URL", server.url))
    parts = [listed(folder, "c.yaml", "--shard", f"{number}/4") for number in range(1, 5)]
    assert sorted(one for part in parts for one in part) == sorted(listed(folder, "c.yaml"))
    assert all((f"a{i}" in part) == (f"b{i}" in part) for part in parts for i in range(5))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts[0] == listed(folder, "c.yaml", "--shard", "1/4"), "the same each time"
    empty = zrun(folder, "c.yaml", "--shard", "20/20")
    assert empty.status == 0
    assert "nothing to run" in empty.out
    for wrong in ("0/4", "5/4", "1", "x/y", "1/0"):
        assert zrun(folder, "c.yaml", "--shard", wrong).status == 2


def test_each_shard_gets_its_own_token(tmp_path: Path, server: Server) -> None:
    """What lasts is captured where it is needed; that is no reason to run all in one place."""
    text = f"""\
requests:
  login: {{post: "{server.url}/echo", when: <<token is missing>>, json: {{}}, capture: {{token: json $.method}}}}
  one: {{get: "{server.url}/echo?1<<token>>"}}
  two: {{get: "{server.url}/echo?2<<token>>"}}
"""
    folder = write(tmp_path, c=text, e__env=f"variables: {{url: {server.url}}}\nsecrets: {{token: }}\n")
    ran = []
    for number in (1, 2, 3):
        for state in (folder / ".zrun").glob("state/*.json"):
            state.unlink()
        done = zrun(folder, "c.yaml", "-e", "e", "--shard", f"{number}/3", "--format", "json")
        assert done.status == 0, done.err
        ran.append(list(done.steps()))
    assert sorted(ran) == [["login"], ["login", "one"], ["login", "two"]]


def test_shards_are_balanced_by_what_an_earlier_run_took(tmp_path: Path, server: Server) -> None:
    requests = "".join(f'  r{i}: {{get: "{server.url}/slow?seconds={0.6 if i == 4 else 0.01}"}}\n' for i in range(6))
    folder = write(tmp_path, c=f"requests:\n{requests}")
    assert zrun(folder, "c.yaml", "--report", "json=old.json").status == 0
    assert listed(folder, "c.yaml", "--shard", "1/2", "--durations", "old.json") == ["r4"]
    assert listed(folder, "c.yaml", "--shard", "2/2", "--durations", "old.json") == ["r0", "r1", "r2", "r3", "r5"]
    (folder / "bad.json").write_text("{}", "utf-8")
    for wrong in ("bad.json", "none.json"):
        assert zrun(folder, "c.yaml", "--shard", "1/2", "--durations", wrong).status == 2
    assert zrun(folder, "c.yaml", "--durations", "old.json").status == 2


def test_rows_are_dealt_to_shards(tmp_path: Path, server: Server) -> None:
    folder = write(tmp_path, c=f'requests:\n  a: {{get: "{server.url}/echo?<<iteration>>"}}\n')
    for number in (1, 2, 3):
        assert zrun(folder, "c.yaml", "-n", "7", "--shard", f"{number}/3").status == 0
    assert sorted(server.paths()) == [f"/echo?{i}" for i in range(1, 8)]
