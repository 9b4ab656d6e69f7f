"""Runs over rows of data: one run of the collection for each row; resumed where it was interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.commands import Done, environment, write, zrun
from tests.servers import Server

REQUESTS = """\
requests:
  make: {post: "URL/echo?<<row.name>>-<<n>>", json: {at: "<<iteration>>"}, capture: {id: json $.query}}
  read: {get: "URL/echo?<<id | length>>&<<name>>", expect: {status: 200}}
"""
ROWS = "name,n\nada,1\nbob,2\neve,3\n"


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS, "utf-8")
    return write(tmp_path, c=REQUESTS.replace("URL", server.url))


def run(folder: Path, *arguments: str) -> Done:
    return zrun(folder, "c.yaml", *arguments, "--format", "json")


def test_a_collection_runs_once_for_each_row(folder: Path, server: Server) -> None:
    done = run(folder, "--data", "rows.csv")
    assert done.status == 0, done.err
    assert [path.partition("?")[2] for path in server.paths()][::2] == ["ada-1", "bob-2", "eve-3"]
    assert [path.partition("?")[2] for path in server.paths()][1::2] == ["1&ada", "1&bob", "1&eve"]
    assert [json.loads(body) for body in server.bodies[::2]] == [{"at": 1}, {"at": 2}, {"at": 3}]


def test_which_rows(folder: Path, server: Server) -> None:
    assert run(folder, "--data", "rows.csv", "--rows", "2-", "-r", "make").status == 0
    assert [path.partition("?")[2] for path in server.paths()] == ["bob-2", "eve-3"]


def test_no_report_takes_the_place_of_what_the_run_reads(folder: Path, server: Server) -> None:
    (folder / "rows.json").write_text('[{"name": "ada", "n": 1}]', "utf-8")
    done = zrun(folder, "c.yaml", "--data", "rows.json", "--report", "json=./rows.json")
    assert done.status == 2
    assert "the run reads it" in done.err
    assert server.seen == []
    assert (folder / "rows.json").read_text("utf-8").startswith("[")


def test_a_collection_names_its_rows(folder: Path, server: Server) -> None:
    text = (folder / "c.yaml").read_text("utf-8")
    (folder / "c.yaml").write_text(f"data: rows.csv\n{text}", "utf-8")
    assert zrun(folder, "check", "c.yaml").status == 0
    assert zrun(folder, "plan", "c.yaml").status == 0
    assert run(folder).status == 0
    assert len(server.seen) == 6


def test_rows_from_standard_input_come_one_by_one(folder: Path, server: Server) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", "--data", "-"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b'{"name": "ada", "n": 1}\n')
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while len(server.seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(server.seen) == 2, "the first row is run before the second is there"
    _out, err = process.communicate(b'{"name": "bob", "n": 2}\n', timeout=30)
    assert process.returncode == 0, err.decode()
    assert len(server.seen) == 4


def test_a_name_that_no_column_has_is_told_before_anything_is_sent(folder: Path, server: Server) -> None:
    (folder / "rows.csv").write_text("nam,n\nada,1\n", "utf-8")
    done = run(folder, "--data", "rows.csv")
    assert done.status == 2
    assert "did you mean `nam`?" in done.err
    assert server.seen == []


def test_without_rows_it_is_said_how_to_give_them(folder: Path, server: Server) -> None:
    done = run(folder)
    assert done.status == 2
    assert "--data FILE" in done.err
    assert run(folder, "--rows", "1").status == 2
    assert run(folder, "--resume").status == 2


def test_a_mistake_in_the_last_row_is_told_before_the_first_is_sent(folder: Path, server: Server) -> None:
    (folder / "rows.csv").write_text(f"{ROWS}too,many,cells\n", "utf-8")
    done = run(folder, "--data", "rows.csv")
    assert done.status == 2
    assert "rows.csv:5" in done.err
    assert server.seen == []


def test_a_mistake_in_a_row_of_standard_input_ends_the_run_there(folder: Path, server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner", "c.yaml", "--data", "-"],
        cwd=folder,
        env=environment(),
        input="name,n\nada,1\nbob,2\ntoo,many,cells\neve,3\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "standard input:4" in done.stderr
    assert len(server.seen) == 4, "the rows before it were run"
    assert "4 requests: 4 passed" in done.stdout


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_an_interrupted_run_is_resumed_and_sends_no_finished_row_twice(
    tmp_path: Path, server: Server, jobs: str
) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"k": {i}}}\n' for i in range(1, 61)), "utf-8")
    requests = f'requests:\n  a: {{get: "{server.url}/echo?a<<k>>"}}\n  b: {{get: "{server.url}/echo?b<<k>>"}}\n'
    write(tmp_path, c=requests)
    server.hook = lambda _method, _path: time.sleep(0.02)
    arguments = ["c.yaml", "--data", "rows.jsonl", "-j", jobs]
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", *arguments], cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while len(server.seen) < 40 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = Counter(server.paths())
    done = zrun(tmp_path, *arguments, "--resume", "--format", "json")
    assert done.status == 0, done.err
    sent = Counter(server.paths())
    assert set(sent) == {f"/echo?{x}{i}" for x in "ab" for i in range(1, 61)}
    twice = {path[7:] for path, count in sent.items() if count > 1}
    told = re.search(r"warning: rows? ([\d, ]+) had begun when the run was interrupted", done.err)
    assert twice <= set(told[1].split(", ") if told else ()), "and what is sent again is told"
    assert len(twice) <= int(jobs) * 2, "only what was under way is sent again"
    finished = [i for i in range(1, 61) if before[f"/echo?b{i}"]]
    again = zrun(tmp_path, *arguments, "--resume")
    assert again.status == 2, "a run that has ended whole is not resumed"
    assert "resume" in again.err
    assert finished
    assert len(done.document["steps"]) < 120


def test_an_interrupted_run_reports_what_it_did_and_can_be_resumed(tmp_path: Path, server: Server) -> None:
    requests = f'requests:\n  a: {{get: "{server.url}/slow?seconds=0.1&<<iteration>>"}}\n'
    write(tmp_path, c=requests)
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", "-n", "100"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while len(server.seen) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    sent = len(server.seen)
    assert f"{sent} requests: {sent} passed" in out
    done = zrun(tmp_path, "c.yaml", "-n", "100", "--resume", "-j", "16", "--format", "json")
    assert done.status == 0, done.err
    assert Counter(server.paths()).most_common(1)[0][1] == 1, "nothing was sent twice"
    assert len(server.seen) == 100


def test_what_a_row_captures_for_itself_is_not_the_next_ones(tmp_path: Path, server: Server) -> None:
    requests = f"""\
requests:
  first: {{get: "{server.url}/echo?<<seen | default('nothing')>>"}}
  sets: {{get: "{server.url}/echo", capture: {{seen: status}}}}
"""
    write(tmp_path, c=requests)
    assert run(tmp_path, "-n", "3").status == 0
    assert server.paths().count("/echo?nothing") == 3


def test_cookies_of_a_row_are_its_own(tmp_path: Path, server: Server) -> None:
    requests = f"""\
requests:
  a: {{get: "{server.url}/cookie/set?n=<<iteration>>"}}
  b: {{get: "{server.url}/echo", needs: [a]}}
"""
    write(tmp_path, c=requests)
    for jobs in ("1", "3"):
        server.seen.clear()
        server.headers.clear()
        assert run(tmp_path, "-n", "3", "-j", jobs).status == 0
        sent = [(path, h.get("cookie")) for (_, path), h in zip(server.seen, server.headers, strict=True)]
        assert sorted(cookie for path, cookie in sent if path == "/echo" and cookie) == ["n=1", "n=2", "n=3"]
        assert [cookie for path, cookie in sent if path != "/echo"] == [None] * 3


FAILING = """\
requests:
  make: {post: "URL/echo?make-<<name>>"}
  read: {get: "URL/status/<<n>>?<<name>>", expect: {status: 200}}
"""
STATUSES = "name,n\nada,500\nbob,200\neve,404\nkim,200\n"


def failing(folder: Path, server: Server, *, rows: str = STATUSES) -> Path:
    (folder / "rows.csv").write_text(rows, "utf-8")
    return write(folder, c=FAILING.replace("URL", server.url))


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_what_failed_is_run_again_for_the_rows_that_it_failed_for(folder: Path, server: Server, jobs: str) -> None:
    failing(folder, server)
    assert run(folder, "--data", "rows.csv").status == 1
    server.seen.clear()
    done = run(folder, "--data", "rows.csv", "--last-failed", "-j", jobs)
    assert done.status == 1, done.err
    assert sorted(server.paths()) == ["/status/404?eve", "/status/500?ada"]
    assert [(step["id"], step["row"]) for step in done.document["steps"]] == [("read", 1), ("read", 3)]
    server.seen.clear()
    assert run(folder, "--data", "rows.csv", "--last-failed", "--rows", "2-", "-j", jobs).status == 1
    assert server.paths() == ["/status/404?eve"]
    assert run(folder, "--data", "rows.csv", "--last-failed", "--rows", "2", "-j", jobs).status == 2


def test_each_row_runs_what_failed_for_it(folder: Path, server: Server) -> None:
    write(
        folder,
        c="""\
requests:
  one: {get: "URL/status/<<a>>?one-<<iteration>>", expect: {status: 200}}
  two: {get: "URL/status/<<b>>?two-<<iteration>>", expect: {status: 200}}
""".replace("URL", server.url),
    )
    (folder / "rows.csv").write_text("a,b\n500,200\n200,500\n", "utf-8")
    assert run(folder, "--data", "rows.csv").status == 1
    server.seen.clear()
    assert run(folder, "--data", "rows.csv", "--last-failed").status == 1
    assert server.paths() == ["/status/500?one-1", "/status/500?two-2"]


def test_a_row_that_was_mended_passes_and_is_not_sent_again(folder: Path, server: Server) -> None:
    failing(folder, server)
    assert run(folder, "--data", "rows.csv").status == 1
    failing(folder, server, rows=STATUSES.replace("404", "200"))
    server.seen.clear()
    again = run(folder, "--data", "rows.csv", "--last-failed", "--rows", "3")
    assert again.status == 0, again.err
    assert "rows.csv has changed since the last run: rows are found by their numbers" in again.err
    assert server.paths() == ["/status/200?eve"]
    server.seen.clear()
    run(folder, "--data", "rows.csv", "--last-failed")
    assert server.paths() == ["/status/500?ada"], "the first row was not run since it failed"


def test_rows_that_cannot_be_told_are_not_sent(folder: Path, server: Server) -> None:
    failing(folder, server)
    assert run(folder, "--data", "rows.csv").status == 1
    (folder / "other.csv").write_text(STATUSES, "utf-8")
    server.seen.clear()
    for given, told in (
        ((), "c.yaml that failed were run for rows\n  = give the rows of rows.csv again: --data FILE"),
        (("--data", "other.csv"), "c.yaml that failed were run for rows\n  = give the rows of rows.csv again"),
        (("-n", "2"), "c.yaml that failed were run for rows"),
    ):
        done = run(folder, *given, "--last-failed")
        assert (done.status, told in done.err) == (2, True), done.err
    failing(folder, server, rows=STATUSES + "new,200\n")
    done = run(folder, "--data", "rows.csv", "--last-failed")
    assert done.status == 2
    assert "rows.csv had 4 rows in the last run, and has 5 now\n  = rows 1,3 had failed" in done.err
    assert server.seen == []


def test_repeats_that_failed_are_run_again(folder: Path, server: Server) -> None:
    write(folder, c=f'requests:\n  a: {{get: "{server.url}/flaky?key=repeats&fail=1"}}\n')
    assert run(folder, "-n", "3").status == 1
    server.seen.clear()
    assert run(folder, "-n", "3", "--last-failed").status == 0
    assert len(server.seen) == 1
    assert run(folder, "-n", "3", "--last-failed").status == 2


def test_rows_that_there_are_not_are_a_mistake(folder: Path, server: Server) -> None:
    done = run(folder, "--data", "rows.csv", "--rows", "9")
    assert done.status == 2
    assert "--rows names none that there is: rows.csv has 3 rows\n" in done.err
    done = run(folder, "-n", "2", "--rows", "3-")
    assert done.status == 2
    assert "-n asks for 2" in done.err
    piped = subprocess.run(
        [sys.executable, "-m", "runner", "c.yaml", "--data", "-", "--rows", "9"],
        cwd=folder, env=environment(), input=ROWS, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert piped.returncode == 2, piped.stderr
    assert "standard input has 3 rows" in piped.stderr
    assert server.seen == []


def test_without_data_what_is_repeated_is_called_so(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests: {{a: {{get: {server.url}/echo, expect: {{status: 200}}}}}}")
    (tmp_path / "r.csv").write_text("x\n1\n2\n", "utf-8")
    for arguments, word in (
        (("-n", "2"), "repeat"),
        (("--data", "r.csv"), "row"),
        (("--data", "r.csv", "-n", "2"), "row"),
    ):
        done = zrun(tmp_path, "c.yaml", *arguments, "--report", "r.json", "--report", "r.xml", "--report", "r.html")
        assert done.status == 0
        assert f"a ({word} 2)\n" in done.out
        assert f" {'4' if len(arguments) == 4 else '2'} {word}s\n" in done.out
        document = json.loads((tmp_path / "r.json").read_text("utf-8"))
        assert document["repeats"] is (word == "repeat")
        assert [(step["row"], step["repeat"]) for step in document["steps"]][:2] == [
            (n, word == "repeat") for n in (1, 2)
        ]
        assert f"a [{word} 2]" in (tmp_path / "r.xml").read_text("utf-8")
        assert f'"{word} 2"' in (tmp_path / "r.html").read_text("utf-8")
        assert f"a [{word} 2]" in zrun(tmp_path, "report", "r.json", "--to", "junit").out
