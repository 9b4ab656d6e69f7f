"""--snapshot keeps what came, masked, in files that people commit; later runs compare with them, difference by difference."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.files import reader
from tests import hunt
from tests.commands import environment, write, zrun
from tests.leak_scanner import Scanner
from tests.servers import Server, raw_server


def project(folder: Path, url: str, snapshot: str = "", more: str = "") -> Path:
    (folder / "collections").mkdir(exist_ok=True)
    (folder / "collections" / "c.yaml").write_text(
        f"requests:\n  leads:\n    requests:\n      read:\n        get: {url}/echo\n{snapshot}{more}", "utf-8"
    )
    return folder


def kept(folder: Path, name: str = "leads/read") -> Any:
    return json.loads((folder / "snapshots" / "c" / f"{name}.json").read_text("utf-8"))


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "runner", *arguments], cwd=folder, env=environment(), stdout=subprocess.DEVNULL
    )


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_run_writes_and_later_ones_compare(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    server.hook = lambda _m, _p: (200, {"data": [{"name": "Ada", "id": 1}], "at": "noon"})
    first = zrun(tmp_path, "c", "--snapshot")
    assert first.status == 0, first.err
    assert first.err == "zrun: 1 snapshot written: snapshots/c/leads/read.json\n"
    assert kept(tmp_path)["json"] == {"at": "noon", "data": [{"id": 1, "name": "Ada"}]}
    same = zrun(tmp_path, "c", "--snapshot")
    assert (same.status, same.err) == (0, "")
    server.hook = lambda _m, _p: (200, {"data": [{"name": "Eve", "id": 1}], "at": "noon", "more": True})
    changed = zrun(tmp_path, "c", "--snapshot", "--format", "json")
    assert changed.status == 1
    told = {check["query"]: check for check in changed.document["steps"][0]["checks"]}
    assert told["snapshot $.data[0].name"]["expected"] == '"Ada"'
    assert told["snapshot $.data[0].name"]["actual"] == '"Eve"'
    assert (told["snapshot $.more"]["expected"], told["snapshot $.more"]["actual"]) == ("nothing", "true")
    assert told["snapshot $.more"]["location"] == {"file": "collections/c.yaml", "line": 4, "column": 7}, (
        "at the request"
    )
    assert "`--update-snapshots` takes what came" in told["snapshot $.more"]["note"]
    assert kept(tmp_path)["json"]["data"][0]["name"] == "Ada", "a comparison writes nothing"
    assert zrun(tmp_path, "c").status == 0, "without --snapshot nothing is compared"
    update = zrun(tmp_path, "c", "--update-snapshots")
    assert (update.status, update.err) == (0, "zrun: 1 snapshot updated: snapshots/c/leads/read.json\n")
    assert kept(tmp_path)["json"]["data"][0]["name"] == "Eve"
    assert zrun(tmp_path, "c", "--snapshot").status == 0


def test_what_is_declared_as_volatile_is_compared_by_its_type(tmp_path: Path, server: Server) -> None:
    spec = "        snapshot: {ignore: ['$.data[*].id', $.at], headers: [Content-Type]}\n"
    project(tmp_path, server.url, spec)
    server.hook = lambda _m, _p: (200, {"data": [{"id": 1}, {"id": 2}], "at": "noon"})
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    assert kept(tmp_path)["json"] == {"at": "<<any('string')>>", "data": [{"id": "<<any('number')>>"}] * 2}
    assert kept(tmp_path)["headers"] == {"content-type": "application/json"}
    server.hook = lambda _m, _p: (200, {"data": [{"id": 5}, {"id": 6.5}], "at": "midnight"})
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    server.hook = lambda _m, _p: (200, {"data": [{"id": "5"}, {"id": 6}], "at": "midnight"})
    done = zrun(tmp_path, "c", "--snapshot")
    assert done.status == 1
    assert "snapshot $.data[0].id" in done.out


def test_a_path_that_is_none_is_told_at_its_place(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, "        snapshot: {ignore: ['$.a[', $.b]}\n")
    done = zrun(tmp_path, "check", "collections")
    assert done.status == 2
    assert "c.yaml:6:30: this is not a JSONPath" in done.err


def test_false_keeps_none_and_defaults_are_inherited(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, "        snapshot: false\n", f"      other: {{get: '{server.url}/echo'}}\n")
    path = tmp_path / "collections" / "c.yaml"
    path.write_text("defaults: {snapshot: {ignore: [$.headers, $.at]}}\n" + path.read_text("utf-8"), "utf-8")
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    assert not (tmp_path / "snapshots" / "c" / "leads" / "read.json").exists()
    assert kept(tmp_path, "leads/other")["json"]["headers"] == "<<any('object')>>"


@pytest.mark.parametrize(("option", "ci"), [("--snapshot", "true"), ("--no-new-snapshots", "")])
def test_where_none_may_be_missing_one_that_is_fails_and_nothing_is_written(
    option: str, ci: str, tmp_path: Path, server: Server
) -> None:
    project(tmp_path, server.url)
    done = zrun(tmp_path, "c", option, CI=ci)
    assert done.status == 1
    assert "there is no such file" in done.out
    assert "run it with --snapshot where CI is not set" in done.out
    assert not (tmp_path / "snapshots").exists()
    server.hook = lambda _m, _p: (200, {"a": 1})
    assert zrun(tmp_path, "c", "--update-snapshots", CI=ci).status == 0, "which says it outright"
    assert zrun(tmp_path, "c", option, CI=ci).status == 0


def test_what_excludes_each_other(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    done = zrun(tmp_path, "c", "--no-new-snapshots", "--update-snapshots")
    assert done.status == 2
    assert "not allowed with" in done.err
    assert server.seen == []


def test_a_failed_request_writes_none(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, "        expect: {status: 201}\n")
    assert zrun(tmp_path, "c", "--snapshot").status == 1
    assert not (tmp_path / "snapshots").exists()


def test_many_differences_are_counted(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    server.hook = lambda _m, _p: (200, {"a": list(range(50))})
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    server.hook = lambda _m, _p: (200, {"a": list(range(1, 51))})
    done = zrun(tmp_path, "c", "--snapshot")
    assert done.out.count("snapshot $.a[") == 10
    assert "and 40 more" in done.out


@pytest.mark.parametrize("jobs", ["1", "8"])
def test_items_and_rows_have_one_each(tmp_path: Path, server: Server, jobs: str) -> None:
    project(tmp_path, server.url, "        query: {n: <<n>>}\n        for-each: [1, 2]\n        as: n\n")
    (tmp_path / "rows.csv").write_text("x\n1\n2\n", "utf-8")
    assert zrun(tmp_path, "c", "--snapshot", "-j", jobs, "--data", "rows.csv").status == 0
    names = sorted(path.name for path in (tmp_path / "snapshots" / "c" / "leads").iterdir())
    assert names == [f"read@row-{row}@item-{item}.json" for row in (1, 2) for item in (1, 2)]
    assert zrun(tmp_path, "c", "--snapshot", "-j", jobs, "--data", "rows.csv").status == 0


def test_repeats_compare_with_the_same(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, "        query: {n: <<iteration>>}\n")
    assert zrun(tmp_path, "c", "--snapshot", "-n", "2").status == 1
    assert [path.name for path in (tmp_path / "snapshots" / "c" / "leads").iterdir()] == ["read.json"]
    update = zrun(tmp_path, "c", "--update-snapshots", "-n", "2")
    assert update.status == 1, "what differs within one run is not settled by its last"


def test_what_belongs_to_no_request_is_told(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    folder = tmp_path / "snapshots" / "c" / "leads"
    old, theirs = folder / "gone.json", folder / "notes.json"
    old.write_bytes((folder / "read.json").read_bytes())
    theirs.write_text("{}", "utf-8")
    done = zrun(tmp_path, "c", "--snapshot")
    assert done.status == 0
    assert "2 snapshots belong to no request: snapshots/c/leads/gone.json, snapshots/c/leads/notes.json" in done.err
    assert old.exists()
    update = zrun(tmp_path, "c", "--update-snapshots", "-r", "leads/read")
    assert "zrun: 1 snapshot removed: snapshots/c/leads/gone.json\n" in update.err
    assert not old.exists()
    assert theirs.exists(), "it is no snapshot: somebody else's file"


def test_of_items_that_are_no_more_the_files_are_told_and_removed(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url, "        for-each: [1, 2, 3]\n")
    (tmp_path / "rows.csv").write_text("x\n1\n", "utf-8")
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    assert zrun(tmp_path, "c", "--snapshot", "--data", "rows.csv").status == 0
    project(tmp_path, server.url, "        for-each: [1, 2]\n")
    done = zrun(tmp_path, "c", "--snapshot")
    assert "1 snapshot belongs to no request: snapshots/c/leads/read@item-3.json" in done.err
    assert zrun(tmp_path, "c", "--update-snapshots").status == 0
    names = {path.name for path in (tmp_path / "snapshots" / "c" / "leads").iterdir()}
    items = {f"read@item-{item}.json" for item in (1, 2)}
    assert names == items | {f"read@row-1@item-{item}.json" for item in (1, 2, 3)}, "rows are another run's"


def test_nothing_is_written_through_a_link_or_outside(tmp_path: Path, server: Server) -> None:
    inside, outside = tmp_path / "p", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    project(inside, server.url)
    (inside / "snapshots").symlink_to(outside)
    assert zrun(inside, "c", "--snapshot").status == 1
    assert list(outside.iterdir()) == []
    (inside / "snapshots").unlink()
    (inside / "collections" / "c.yaml").write_text(
        f"requests: {{..: {{requests: {{..: {{requests: {{x: {{get: '{server.url}/echo'}}}}}}}}}}}}\n", "utf-8"
    )
    assert zrun(inside, "c", "--snapshot").status == 0
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("x.json")]
    assert written == [Path("p/snapshots/c/%2E./%2E./x.json")]


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    secret = tmp_path / "other.json"
    secret.write_text("{}", "utf-8")
    (tmp_path / "snapshots" / "c" / "leads").mkdir(parents=True)
    (tmp_path / "snapshots" / "c" / "leads" / "read.json").symlink_to(secret)
    assert zrun(tmp_path, "c", "--snapshot").status == 1
    assert secret.read_text("utf-8") == "{}"


def test_text_is_kept_by_line_and_binary_by_its_hash(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    path = tmp_path / "collections" / "c.yaml"
    path.write_text(
        f"""requests:
  text: {{post: '{server.url}/reflect', text: "one\\ntwo", headers: {{Content-Type: text/plain}}}}
  zeros: {{get: '{server.url}/bytes/70000'}}
""",
        "utf-8",
    )
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    assert kept(tmp_path, "text")["text"] == ["one", "two"]
    assert kept(tmp_path, "zeros")["binary"]["size"] == 70_000
    path.write_text(path.read_text("utf-8").replace("two", "three"), "utf-8")
    done = zrun(tmp_path, "c", "--snapshot")
    assert "snapshot line 2" in done.out


def test_a_line_more_in_a_text_moves_no_other(tmp_path: Path, server: Server) -> None:
    def collection(text: str) -> None:
        (tmp_path / "c.yaml").write_text(
            f"requests: {{t: {{post: '{server.url}/reflect', text: {json.dumps(text)}}}}}\n"
        )

    collection("one\ntwo\nthree\n")
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    collection("one\nnew\ntwo\nthree\n")
    done = zrun(tmp_path, "c", "--snapshot", "--format", "json")
    assert [
        (check["query"], check["expected"], check["actual"])
        for check in done.document["steps"][0]["checks"]
        if not check["passed"]
    ] == [("snapshot line 2", "nothing", '"new"')]


def test_texts_that_differ_late_are_shown_where_they_differ(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    server.hook = lambda _m, _p: (200, {"a": "x" * 500 + "old" + "y" * 500})
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    server.hook = lambda _m, _p: (200, {"a": "x" * 500 + "new" + "y" * 500})
    done = zrun(tmp_path, "c", "--snapshot")
    assert "xxxxoldyyyy" in done.out
    assert "xxxxnewyyyy" in done.out
    assert "from character 481" in done.out


def test_another_kind_of_body_status_and_header_are_a_difference_each(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "c.yaml"
    before = f"requests: {{t: {{get: '{server.url}/status/200', snapshot: {{headers: [Content-Type, X-No]}}}}}}\n"
    path.write_text(before, "utf-8")
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    path.write_text(before.replace("/status/200", "/bytes/9"), "utf-8")
    done = zrun(tmp_path, "c", "--snapshot", "--format", "json")
    told = {check["query"]: (check["expected"], check["actual"]) for check in done.document["steps"][0]["checks"]}
    assert told == {
        "snapshot body": ('"JSON"', '"binary"'),
        "snapshot media-type": ('"application/json"', '"application/octet-stream"'),
        "snapshot header content-type": ('"application/json"', '"application/octet-stream"'),
    }


def test_what_is_large_is_kept_by_its_hash_and_what_is_deep_as_text(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c.yaml").write_text(
        f"requests:\n  large: {{get: '{server.url}/bytes/20000001'}}\n"
        f"  saved: {{get: '{server.url}/echo', response: {{save: out.json}}}}\n"
        f"  empty: {{get: '{server.url}/status/204'}}\n"
        f"  deep: {{post: '{server.url}/reflect', text: '{'[' * 900 + ']' * 900}'}}\n",
        "utf-8",
    )
    first = zrun(tmp_path, "c", "--snapshot")
    assert first.status == 0, first.out + first.err
    folder = tmp_path / "snapshots" / "c"
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}
    # What sha256sum says of so many zeros.
    assert found["large"]["binary"]["size"] == 20_000_001
    assert found["large"]["binary"]["sha256"] == hashlib.sha256(bytes(20_000_001)).hexdigest()
    assert set(found["saved"]) == {"zrun-snapshot", "status", "media-type", "binary"}
    assert set(found["empty"]) == {"zrun-snapshot", "status"}
    assert found["deep"]["text"] == ["[" * 900 + "]" * 900]
    assert zrun(tmp_path, "c", "--snapshot").status == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "it is no JSON"),
        ("{}", "no snapshot of zrun's"),
        ('{"zrun-snapshot": 2}', "another version"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_snapshot_fails_and_can_be_replaced(
    content: str, why: str, tmp_path: Path, server: Server
) -> None:
    project(tmp_path, server.url)
    path = tmp_path / "snapshots" / "c" / "leads" / "read.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, "utf-8")
    done = zrun(tmp_path, "c", "--snapshot")
    assert done.status == 1
    assert why in done.out
    assert path.read_text("utf-8") == content
    assert zrun(tmp_path, "c", "--update-snapshots").status == 0
    assert kept(tmp_path)["status"] == 200


def test_every_collection_has_a_folder_of_its_own(tmp_path: Path, server: Server) -> None:
    names = ("crm.yaml", "emea/crm.yaml", "emea.crm.yaml", "emea~crm.yaml", "crm.yml")
    for name in names:
        path = tmp_path / "collections" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"requests: {{r: {{get: '{server.url}/echo?{name}'}}}}\n", "utf-8")
    paths = [f"collections/{name}" for name in names]
    assert zrun(tmp_path, *paths, "--snapshot").status == 0
    folders = {path.name for path in (tmp_path / "snapshots").iterdir()}
    assert folders == {"crm", "emea~crm", "emea.crm", "emea%7Ecrm", "crm.yml"}
    again = zrun(tmp_path, *paths, "--snapshot", "-j", "4")
    assert (again.status, again.err) == (0, "")


def test_nothing_is_left_of_a_run_that_is_killed_and_what_was_kept_stays(tmp_path: Path, server: Server) -> None:
    """New snapshots are put in place at the end, each in one piece."""
    (tmp_path / "c.yaml").write_text(
        f"requests:\n  first: {{get: '{server.url}/echo'}}\n  second: {{get: '{server.url}/slow?seconds=60'}}\n",
        "utf-8",
    )
    (tmp_path / "snapshots" / "c").mkdir(parents=True)
    (tmp_path / "snapshots" / "c" / "first.json").write_text("before", "utf-8")
    with started(tmp_path, "c.yaml", "--update-snapshots") as run:
        wait_until(lambda: "/slow?seconds=60" in server.paths())
        run.kill()
        run.wait(30)
    assert [path.name for path in (tmp_path / "snapshots").rglob("*.*")] == ["first.json"]
    assert (tmp_path / "snapshots" / "c" / "first.json").read_text("utf-8") == "before"
    with started(tmp_path, "c.yaml", "--update-snapshots") as run:
        wait_until(lambda: server.paths().count("/slow?seconds=60") == 2)
        for _ in range(2):
            run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 143
    assert kept(tmp_path, "first")["status"] == 200, "of a run that ends in an orderly way what passed is kept"


def test_processes_at_once_leave_whole_files(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    server.hook = lambda _m, _p: (200, {"a": list(range(5_000)), "n": len(server.seen)})
    runs = [started(tmp_path, "c", "--update-snapshots") for _ in range(6)]
    for run in runs:
        with run:
            assert run.wait(60) == 0
    assert len(kept(tmp_path)["json"]["a"]) == 5_000
    assert [path.name for path in (tmp_path / "snapshots" / "c" / "leads").iterdir()] == ["read.json"]


def test_what_cannot_be_written_is_told(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    (tmp_path / "snapshots").write_text("a file in the place of the folder", "utf-8")
    done = zrun(tmp_path, "c", "--snapshot")
    assert done.status == 1
    assert "no folder" in done.out
    (tmp_path / "snapshots").unlink()
    (tmp_path / "snapshots" / "c" / "leads" / "read.json").mkdir(parents=True)
    done = zrun(tmp_path, "c", "--snapshot")
    assert done.status == 1
    assert "no regular file" in done.out


def test_what_cannot_be_put_in_place_at_the_end_is_told(tmp_path: Path, server: Server) -> None:
    (tmp_path / "c.yaml").write_text(
        f"requests:\n  a: {{get: '{server.url}/a'}}\n  b: {{get: '{server.url}/b', snapshot: false}}\n", "utf-8"
    )

    def hook(_: str, path: str) -> tuple[int, object]:
        if path == "/b":
            (tmp_path / "snapshots").write_text("a file in the place of the folder", "utf-8")
        return 200, {}

    server.hook = hook
    done = zrun(tmp_path, "c.yaml", "--snapshot")
    assert done.status == 2
    assert "snapshots/c/a.json cannot be written: " in done.err
    assert "written: snapshots/c/a.json" not in done.err


def test_a_replay_compares_with_the_same_snapshots(tmp_path: Path, server: Server) -> None:
    write(tmp_path, us__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{key: {{env: MADE_UP}}}}\n")
    project(
        tmp_path,
        "<<url>>",
        "        headers: {X-Key: <<key>>}\n        snapshot: {ignore: [$.headers, $.header-list]}\n",
    )
    arguments = ("c", "-e", "us", "--snapshot")
    done = zrun(tmp_path, *arguments, "--record", "recordings", MADE_UP="made-up-secret-value")
    assert done.status == 0, done.err
    assert kept(tmp_path)["json"]["method"] == "GET"
    sent = len(server.seen)
    replayed = zrun(tmp_path, *arguments, "--replay", "recordings", CI="1")
    assert replayed.status == 0, replayed.out + replayed.err
    assert len(server.seen) == sent
    path = tmp_path / "snapshots" / "c" / "leads" / "read.json"
    path.write_text(path.read_text("utf-8").replace('"GET"', '"PUT"'), "utf-8")
    assert zrun(tmp_path, *arguments, "--replay", "recordings").status == 1


def test_a_sessions_cookie_is_masked_recorded_or_not_and_in_a_replay(tmp_path: Path) -> None:
    """In a body, too; and a snapshot that one of the three has written holds for the others."""
    body = b'{"sid": "made-up-session-1234"}'
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=made-up-session-1234; Path=/\r\nContent-Type: application/json\r\n"
    with raw_server(head + b"Content-Length: %d\r\n\r\n" % len(body) + body) as url:
        project(tmp_path, url, "        snapshot: {headers: [Set-Cookie]}\n")
        ways: tuple[list[str], ...] = (["--record", "recordings"], [], ["--replay", "recordings"])
        for first in ways:
            for way in (first, *ways):
                done = zrun(tmp_path, "c", "--snapshot", *way)
                assert done.status == 0, (first, way, done.out)
            assert kept(tmp_path)["headers"] == {"set-cookie": "sid=..."}
            assert kept(tmp_path)["json"] == {"sid": "<<cookie-sid>>"}
            (tmp_path / "snapshots" / "c" / "leads" / "read.json").unlink()


def test_reports_tell_the_differences(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    server.hook = lambda _m, _p: (200, {"a": 1})
    assert zrun(tmp_path, "c", "--snapshot").status == 0
    server.hook = lambda _m, _p: (200, {"a": 2})
    reports = [f"--report={name}=out.{name}" for name in ("junit", "json", "html", "tap")]
    assert zrun(tmp_path, "c", "--snapshot", *reports).status == 1
    for name in ("junit", "json", "html", "tap"):
        assert "snapshot $.a" in (tmp_path / f"out.{name}").read_text("utf-8")
    assert zrun(tmp_path, "report", "out.json", "--to", "junit").status == 0


def test_members_that_are_tokens_and_known_secrets_are_masked(tmp_path: Path, server: Server) -> None:
    write(tmp_path, us__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{key: {{env: MADE_UP}}}}\n")
    project(tmp_path, "<<url>>", "        headers: {X-Key: <<key>>}\n")
    server.hook = lambda _m, _p: (200, {"access_token": "made-up-token-1", "echo": "made-up-secret-value", "n": 1})
    arguments = ("c", "-e", "us", "--snapshot")
    assert zrun(tmp_path, *arguments, MADE_UP="made-up-secret-value").status == 0
    assert kept(tmp_path)["json"]["echo"] == "<<key>>"
    assert kept(tmp_path)["json"]["access_token"] == "<<access-token>>"
    server.hook = lambda _m, _p: (200, {"access_token": "made-up-token-2", "echo": "another-made-up-value", "n": 1})
    assert zrun(tmp_path, *arguments, MADE_UP="another-made-up-value").status == 0


def test_a_secret_that_becomes_known_later_is_masked_at_the_end(tmp_path: Path, server: Server) -> None:
    write(tmp_path, us__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{key: }}\n")
    project(
        tmp_path, "<<url>>", more="      take: {get: <<url>>/x, capture: {key: {from: json $.value, secret: true}}}\n"
    )
    server.hook = lambda _m, _p: (200, {"value": "made-up-secret-value"})
    done = zrun(tmp_path, "c", "-e", "us", "--snapshot", "--no-save")
    assert done.status == 0, done.err
    assert kept(tmp_path)["json"] == {"value": "<<key>>"}


def test_a_secret_too_short_to_be_found_keeps_snapshots_from_being_written(tmp_path: Path, server: Server) -> None:
    write(tmp_path, us__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{key: {{env: MADE_UP}}}}\n")
    project(tmp_path, "<<url>>", "        headers: {X-Key: <<key>>}\n")
    done = zrun(tmp_path, "c", "-e", "us", "--snapshot", MADE_UP="abc")
    assert done.status == 2
    assert "not written, since a secret is too short to be found and removed: 1 snapshot, snapshots/c/" in done.err
    assert not (tmp_path / "snapshots").exists()


@pytest.mark.parametrize("seed", [20_261_124, 20_261_125])
def test_snapshots_leak_no_piece_of_a_secret(seed: int, tmp_path: Path) -> None:
    """Of bodies and of header fields. With the second seed a secret was once found in a form that was echoed in Base64."""
    known = hunt.secrets(45, seed)
    with hunt.server() as url:
        hunt.write(tmp_path, url, known)
        collection = tmp_path / "hunt.yaml"
        fields = [*(f"X-Echo-{number}" for number in range(6)), "Set-Cookie"]
        collection.write_text(
            f"defaults: {{snapshot: {{headers: {json.dumps(fields)}}}}}\n{collection.read_text('utf-8')}", "utf-8"
        )
        done = hunt.run(tmp_path, known, "-q", "--snapshot")
    assert done.status == 1, done.err
    files = list((tmp_path / "snapshots").rglob("*.json"))
    assert len(files) > 10
    scanner = Scanner(known)
    leaking = {path.name: scanner.names_in(path.read_text("utf-8")) for path in files}
    assert not {name: found for name, found in leaking.items() if found}


# The documentation

_PAGE = (Path(__file__).parent.parent / "docs" / "compare.md").read_text("utf-8")


def test_what_the_page_shows_of_a_difference_is_what_is_told(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server.url)
    (tmp_path / "collections" / "c.yaml").rename(tmp_path / "collections" / "crm.yaml")
    server.hook = lambda _m, _p: (200, {"data": [{"name": "Ada"}]})
    assert zrun(tmp_path, "collections/crm.yaml", "--snapshot").status == 0
    server.hook = lambda _m, _p: (200, {"data": [{"name": "Eve"}]})
    done = zrun(tmp_path, "collections/crm.yaml", "--snapshot")
    shown = next(block for block in re.findall(r"```\n(.*?)```", _PAGE, re.DOTALL) if "expected" in block)
    assert "".join(f"    {line}\n" for line in shown.splitlines()) in done.out


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)
    (tmp_path / "c.yaml").write_text(example, "utf-8")
    found = {one.id: one.snapshot for one in reader.read_collection(tmp_path / "c.yaml")}
    leads, page = found["leads"], found["page"]
    assert leads is not None
    assert page is not None
    assert [one.path for one in leads.ignore] == ["$.info.time", "$.data[*].id", "$.token"]
    assert (leads.headers, leads.on, page.on) == (("content-type",), True, False)


def test_the_table_of_the_page_is_true(tmp_path: Path, server: Server) -> None:
    """Each option against a response of which nothing is kept, the same, another, and a file of a request that is no more."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in _PAGE.splitlines() if line.startswith("| `--")
    ]
    assert len(rows) == 4
    for number, (how, *promised) in enumerate(rows):
        folder = tmp_path / str(number)
        folder.mkdir()
        project(folder, server.url)
        option, ci = how.split("`")[1], {"CI": "true"} if "CI" in how else {}
        path = folder / "snapshots" / "c" / "leads" / "read.json"
        found = []
        server.hook = lambda _m, _p: (200, {"a": 1})
        done = zrun(folder, "c", option, **ci)
        found.append(f"{'written, ' if path.exists() else ''}{'fails' if done.status else 'passes'}")
        assert zrun(folder, "c", "--update-snapshots").status == 0
        before = path.read_bytes()
        done = zrun(folder, "c", option, **ci)
        found.append(f"{'' if path.read_bytes() == before else 'written, '}{'fails' if done.status else 'passes'}")
        server.hook = lambda _m, _p: (200, {"a": 2})
        done = zrun(folder, "c", option, **ci)
        found.append(f"{'' if path.read_bytes() == before else 'written, '}{'fails' if done.status else 'passes'}")
        path.with_name("gone.json").write_bytes(before)
        done = zrun(folder, "c", option, **ci)
        found.append(
            "a warning" if path.with_name("gone.json").exists() and "warning: 1 snapshot" in done.err else "removed"
        )
        assert found == promised, how
