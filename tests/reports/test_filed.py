"""`zrun run --report` as processes: what is written, when, and what stays where something goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest

from runner.errors import BAD_INPUT, FAILED, INTERNAL, INTERRUPTED, PASSED
from runner.reporters.documents import forms
from tests.commands import Done, environment, write, zrun
from tests.servers import Server

OURS = sorted(forms.FORMS)
ALL = [word for form in OURS for word in ("--report", f"{form}=out/{form}")]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def project(folder: Path, server: Server, *, status: int = 200, last: str = "echo") -> Path:
    return write(
        folder,
        c=f"""\
requests:
  one: {{post: "{server.url}/echo", json: {{a: 1}}, expect: {{status: {status}}}}}
  two: {{get: "{server.url}/{last}"}}
""",
    )


def test_every_format_at_once_and_later_the_same_from_the_saved_report(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server, status=201)
    done = zrun(tmp_path, "c.yaml", *ALL)
    assert done.status == FAILED, done.err
    assert "2 requests: 1 passed, 1 failed" in done.out
    for saved in ("json", "jsonl"):
        for form in OURS:
            again = zrun(tmp_path, "report", f"out/{saved}", "--to", form)
            assert again.status == PASSED, again.err
            assert again.out == (tmp_path / "out" / form).read_text("utf-8"), (saved, form)
    assert names(tmp_path / "out") == OURS, "nothing else is left there"


def test_the_format_json_is_the_report_without_messages(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    brief = zrun(tmp_path, "c.yaml", "--format", "json").document["steps"][0]["exchanges"][0]
    assert "request" not in brief
    assert "response" not in brief
    whole = zrun(tmp_path, "c.yaml", "--format", "json", "-vv", "--report", "out.json")
    assert whole.document == json.loads((tmp_path / "out.json").read_text("utf-8"))
    sent = whole.document["steps"][0]["exchanges"][0]
    assert sent["request"]["body"] == {"media-type": "application/json", "size": 7, "text": '{"a":1}', "cut": False}
    assert json.loads(sent["response"]["body"]["text"])["method"] == "POST"
    assert whole.document["steps"][0]["collection"] == "c.yaml"


@pytest.mark.parametrize("form", OURS)
def test_standard_output_may_be_the_reports_alone(form: str, tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    done = zrun(tmp_path, "c.yaml", "--report", f"{form}=-", "--report", "j=out.json".replace("j=", "json="))
    assert done.status == PASSED
    assert "2 requests: 2 passed" in done.err
    assert "requests: 2 passed" not in done.out
    assert done.out == zrun(tmp_path, "report", "out.json", "--to", form).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--report", "junt=x"], "there is no format `junt`"),
        (["--report", "junit="], "`junit=` tells no path"),
        (["--report", "result"], "`result` tells no format"),
        (["--report", "json=c.yaml"], "YAML is written by people"),
        (["--report", "json=collections/a.json"], "collections/ is not for reports"),
        (["--report", "json=environments/a.json"], "environments/ is not for reports"),
        (["--report", "json=.zrun/a.json"], ".zrun/ is not for reports"),
        (["--report", "json=folder"], "it is a folder"),
        (["--report", "json=folder/pipe"], "it is no regular file"),
        (["--report", "json=file/x.json"], "is no folder"),
        (["--report", "json=a", "--report", "tap=folder/../a"], "json and tap would be written to the same place"),
        (["--report", "json=-", "--report", "tap=-"], "json and tap would be written to the same place"),
        (["--report", "tap=-", "--format", "json"], "--format json and --report write to standard output both"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_sent(
    arguments: list[str], told: str, tmp_path: Path, server: Server
) -> None:
    project(tmp_path, server)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "folder" / "pipe")
    done = zrun(tmp_path, "c.yaml", *arguments)
    assert done.status == BAD_INPUT
    assert told in done.err
    assert not server.seen


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_told_before(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    (tmp_path / "locked").mkdir(mode=0o500)
    done = zrun(tmp_path, "c.yaml", "--report", "locked/x/out.json")
    assert done.status == BAD_INPUT
    assert "cannot be written to" in done.err
    assert not server.seen


def test_parents_are_made_and_a_bare_path_tells_the_format(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    done = zrun(tmp_path, "c.yaml", "--report", "new/deep/r.xml", "--report", "r.ctrf.json", "--report", "r.jsonl")
    assert done.status == PASSED, done.err
    assert ElementTree.parse(tmp_path / "new" / "deep" / "r.xml").getroot().tag == "testsuites"
    assert json.loads((tmp_path / "r.ctrf.json").read_text())["reportFormat"] == "CTRF"
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 4


_FULL = """
import errno, sys
from runner.cli import main
from runner.reporters.documents import tap
def full(report, out):
    out.write("TAP version 14")
    raise OSError(errno.ENOSPC, "No space left on device")
tap.write = full
sys.exit(main(sys.argv[1:]))
"""
_BROKEN = _FULL.replace('raise OSError(errno.ENOSPC, "No space left on device")', 'raise ZeroDivisionError("made up")')


def played(code: str, folder: Path, *arguments: str) -> Done:
    """zrun with something that goes wrong in one format."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("code", "status"), [(_FULL, BAD_INPUT), (_BROKEN, INTERNAL)])
def test_a_report_that_fails_keeps_the_old_file_and_all_others(
    code: str, status: int, tmp_path: Path, server: Server
) -> None:
    project(tmp_path, server)
    (tmp_path / "r.tap").write_text("old")
    arguments = ["--report", "r.tap", "--report", "r.json", "--report", "r.xml"]
    done = played(code, tmp_path, "c.yaml", *arguments)
    assert done.status == status
    assert (tmp_path / "r.tap").read_text() == "old"
    assert json.loads((tmp_path / "r.json").read_text())["exit-code"] == 0
    assert ElementTree.parse(tmp_path / "r.xml")
    assert names(tmp_path) == ["c.yaml", "r.json", "r.tap", "r.xml"]
    if status == BAD_INPUT:
        assert "the report tap=r.tap could not be written: No space left on device" in done.err
        assert "what was there before is as it was" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_standard_output_is_no_success(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "runner", "c.yaml", "--report", "tap=-", "--report", "r.json"],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode != PASSED
    assert json.loads((tmp_path / "r.json").read_text())["summary"]["passed"] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(("how", "seconds"), [("once", 2), ("twice", 60), ("killed", 60)])
def test_an_interrupted_run_writes_its_reports_and_a_killed_one_leaves_its_lines(
    how: str, seconds: int, tmp_path: Path, server: Server
) -> None:
    """While a server lets it wait: Ctrl-C, which waits for the answer; twice, which does not; or what nobody can help."""
    project(tmp_path, server, last=f"slow?seconds={seconds}")
    killed = how == "killed"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "json").write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", *ALL],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 30
    try:
        while not any(path.startswith("/slow") for path in server.paths()):
            assert time.monotonic() < until
            time.sleep(0.02)
        # What has ended is in the file already.
        lines = [json.loads(line) for line in (tmp_path / "out" / "jsonl").read_text().splitlines()]
        assert [line["kind"] for line in lines] == ["head", "step"]
        process.send_signal(signal.SIGKILL if killed else signal.SIGINT)
        time.sleep(0.5)
        while how == "twice" and process.poll() is None:
            assert time.monotonic() < until
            process.send_signal(signal.SIGINT)
            # Two that came together are one; a third would be one too many while reports are written.
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    if killed:
        assert names(tmp_path / "out") == ["json", "jsonl"]
        assert (tmp_path / "out" / "json").read_text() == "old"
        again = zrun(tmp_path, "report", "out/jsonl", "--to", "json")
        assert again.document["interrupted"]
        assert again.document["summary"]["total"] == 1
    else:
        assert process.returncode == INTERRUPTED
        assert names(tmp_path / "out") == OURS
        document = json.loads((tmp_path / "out" / "json").read_text())
        assert document["interrupted"]
        assert document["exit-code"] == INTERRUPTED
        statuses = {step["id"]: step["status"] for step in document["steps"]}
        assert statuses["one"] == "passed"
        assert how != "once" or statuses["two"] == "passed"
        assert ElementTree.parse(tmp_path / "out" / "junit")
        assert "Bail out! interrupted" in (tmp_path / "out" / "tap").read_text()
    assert not list(tmp_path.glob("zrun-*")), "the spool has no name, or is gone"


def test_rows_and_several_collections_are_told_apart(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    (tmp_path / "d.yaml").write_text((tmp_path / "c.yaml").read_text())
    done = zrun(tmp_path, "c.yaml", "d.yaml", "-n", "2", "-j", "4", "--report", "r.xml", "--report", "r.jsonl")
    assert done.status == PASSED, done.err
    suites = ElementTree.parse(tmp_path / "r.xml").getroot()
    named = [(suite.get("name"), [case.get("name") for case in suite.iter("testcase")]) for suite in suites]
    both = ["one [repeat 1]", "two [repeat 1]", "one [repeat 2]", "two [repeat 2]"]
    assert named == [("c.yaml", both), ("d.yaml", both)]
    end = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[-1])
    assert (end["kind"], end["summary"]["total"], end["collections"][1]) == ("end", 8, {"name": "d", "file": "d.yaml"})


_BUG = """
import sys
from runner.cli import main
from runner.session import Session
whole = Session.run
def broken(self, *given):
    yield next(whole(self, *given))
    raise ZeroDivisionError("made up")
Session.run = broken
sys.exit(main(sys.argv[1:]))
"""


def test_a_bug_that_ends_the_run_leaves_reports_that_say_so(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    done = played(_BUG, tmp_path, "c.yaml", *ALL)
    assert done.status == INTERNAL
    assert names(tmp_path / "out") == OURS
    document = json.loads((tmp_path / "out" / "json").read_text())
    assert document["exit-code"] == INTERNAL
    assert [step["id"] for step in document["steps"]] == ["one"]


def test_what_becomes_known_as_a_secret_later_is_masked_in_every_report(tmp_path: Path, server: Server) -> None:
    """The first answer holds the token; only the second request captures it."""
    write(
        tmp_path,
        e__env=f"secrets: {{token: }}\nvariables: {{url: {server.url}}}\n",
        c=f"""\
requests:
  one: {{post: "{server.url}/echo", json: {{note: made-up-later-token}}, expect: {{json $.body: x}}}}
  two: {{post: "{server.url}/echo", text: made-up-later-token, capture: {{token: json $.body}}}}
""",
    )
    done = zrun(tmp_path, "c.yaml", "-e", "e", *ALL)
    assert done.status == FAILED, done.err
    for form in OURS:
        assert "made-up-later-token" not in (tmp_path / "out" / form).read_text(), form
    assert "<<token>>" in (tmp_path / "out" / "jsonl").read_text()


def test_a_run_that_cannot_begin_touches_no_report(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    for name in ("r.json", "r.jsonl"):
        (tmp_path / name).write_text("old")
    done = zrun(tmp_path, "c.yaml", "--resume", "--report", "r.json", "--report", "r.jsonl")
    assert done.status == BAD_INPUT
    assert [(tmp_path / name).read_text() for name in ("r.json", "r.jsonl")] == ["old", "old"]
    assert not server.seen


def test_zrun_report_writes_a_file_and_says_what_it_cannot(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    assert zrun(tmp_path, "c.yaml", "--report", "r.json").status == PASSED
    assert zrun(tmp_path, "report", "r.json", "-o", "new/r.xml").status == PASSED
    assert ElementTree.parse(tmp_path / "new" / "r.xml")
    for arguments, told in (
        (["r.json"], "no format is named"),
        (["r.json", "--to", "hra"], "did you mean `har`?"),
        (["r.jso", "--to", "har"], "did you mean `r.json`?"),
        (["c.yaml", "--to", "har"], "c.yaml:1:1: this is no report of zrun's"),
        (["r.json", "--to", "tap", "-o", "c.yaml"], "YAML is written by people"),
    ):
        done = zrun(tmp_path, "report", *arguments)
        assert done.status == BAD_INPUT
        assert told in done.err


def test_zrun_report_reads_standard_input(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    saved = zrun(tmp_path, "c.yaml", "--format", "json").out
    done = subprocess.run(
        [sys.executable, "-m", "runner", "report", "-", "--to", "tap"],
        cwd=tmp_path,
        env=environment(),
        input=saved,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith("TAP version 14\nok 1 - c.yaml: one\n")


def test_a_run_says_what_it_wrote_and_where_unless_it_is_to_be_quiet(tmp_path: Path, server: Server) -> None:
    project(tmp_path, server)
    reports = ("--report", "r.xml", "--report", "lines/r.jsonl", "--report", "tap=-")
    done = zrun(tmp_path, "c.yaml", *reports, "--record", "tape")
    told = [line for line in done.err.splitlines() if line.startswith("zrun: ")]
    assert told == ["zrun: recorded tape/c.yaml.json", "zrun: wrote junit=r.xml, jsonl=lines/r.jsonl"]
    quiet = zrun(tmp_path, "c.yaml", *reports[:4], "--record", "tape", "-q")
    assert (quiet.status, quiet.err) == (PASSED, "")
