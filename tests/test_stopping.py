"""A run that is stopped, at any moment and in any way: what is known of it is told, written and kept, and nothing is half."""

from __future__ import annotations

import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from runner.cli.stopping import listening
from runner.errors import is_interrupt
from tests.commands import environment, write
from tests.servers import Server

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

# It says when zrun begins: what comes before is the interpreter's own start.
_BEGUN = """
import sys
from runner.cli import main
try:
    print("begun", file=sys.stderr, flush=True)
    status = main(sys.argv[1:])
except KeyboardInterrupt:
    status = 130
sys.exit(status)
"""
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
REPORTS = ("--report", "junit=r.xml", "--report", "json=r.json", "--report", "jsonl=r.jsonl")


class Running:
    """zrun as a process. `status` is what a shell would show."""

    def __init__(self, folder: Path, *arguments: str, ignored: Iterable[int] = (), **options: Any) -> None:
        self.folder = folder

        def handed_down() -> None:
            for number in STATUS:  # whoever runs these tests may have been started by nohup
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

        self.process = subprocess.Popen(
            [sys.executable, "-c", _BEGUN, *arguments],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=handed_down,
            **{"stdin": subprocess.DEVNULL, **options},
        )
        assert self.process.stderr is not None
        assert self.process.stderr.readline() == "begun\n"
        self.out = self.err = ""

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, within: float = 30) -> int:
        try:
            self.out, self.err = self.process.communicate(timeout=within)
        finally:
            self.process.kill()
        assert "Traceback" not in self.err, self.err
        assert "Exception ignored" not in self.err, self.err
        assert "a bug in zrun" not in self.err, self.err
        status = self.process.returncode
        return status if status >= 0 else 128 - status

    def summed(self) -> int | None:
        """How many requests the summary tells of, which is the last that is printed."""
        found = re.search(r"^(\d+) requests?\b", self.out, re.MULTILINE)
        return int(found[1]) if found else None

    def reports(self) -> int:
        """How many requests are in the reports, which are whole."""
        tests = len(ElementTree.parse(self.folder / "r.xml").findall(".//testcase"))
        steps = len(json.loads((self.folder / "r.json").read_text("utf-8"))["steps"])
        lines = [json.loads(line) for line in (self.folder / "r.jsonl").read_text("utf-8").splitlines()]
        assert tests == steps == len(lines) - 2
        return steps


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.01)


def left_over(folder: Path) -> list[str]:
    """Files that are beside those which somebody asked for."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob(".*")
        if path.is_file() and path.name not in (".gitignore",) and ".zrun/runs/lock" not in str(path)
    ]


@pytest.fixture
def folder(tmp_path: Path, server: Server) -> Path:
    slow = f"{server.url}/slow?seconds=0.3"
    requests = "".join(f"  r{i}: {{get: '{slow}&{i}', capture: {{v{i}: json $.method}}}}\n" for i in range(20))
    variables = ", ".join(f"v{i}: null" for i in range(20))
    return write(tmp_path, c=f"requests:\n{requests}", us__env=f"name: us\nvariables: {{{variables}}}\n")


@pytest.mark.parametrize("jobs", ["1", "8"])
@pytest.mark.parametrize("number", STATUS)
def test_what_runs_is_finished_or_dropped_and_all_that_is_known_is_written(
    folder: Path, server: Server, number: signal.Signals, jobs: str
) -> None:
    run = Running(folder, "c.yaml", "-e", "us", "-j", jobs, *REPORTS)
    until(lambda: len(server.seen) > 8)
    run.send(number)
    assert run.end() == STATUS[number]
    told, sent = run.reports(), len(server.seen)
    assert told < 20
    assert f"{told} request" in run.out
    if number == signal.SIGINT:
        assert told == sent, "all that was sent had its end"
    kept = json.loads((folder / ".zrun" / "state" / "us.json").read_text("utf-8"))["values"]
    assert len(kept) >= told
    assert left_over(folder) == []


@pytest.mark.parametrize("jobs", ["1", "8"])
@pytest.mark.parametrize("second", STATUS)
def test_a_second_signal_ends_it_at_once_though_a_server_hangs(
    tmp_path: Path, server: Server, jobs: str, second: signal.Signals
) -> None:
    requests = f"  a: {{get: '{server.url}/echo'}}\n  b: {{get: '{server.url}/slow?seconds=20', timeout: 60s}}\n"
    requests += f"  c: {{get: '{server.url}/echo'}}\n"
    write(tmp_path, c=f"requests:\n{requests}")
    run = Running(tmp_path, "c.yaml", "-j", jobs, *REPORTS)
    until(lambda: len(server.seen) >= (2 if jobs == "1" else 3))
    run.send(signal.SIGINT)
    time.sleep(0.2)
    assert run.process.poll() is None, "it waits for the answer"
    before = time.monotonic()
    run.send(second)
    assert run.end() == STATUS[second]
    assert time.monotonic() - before < 10, "the answer was not waited for"
    assert run.reports() == (1 if jobs == "1" else 2)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("delay: 60s", ()),
        ("retry: {times: 9, delay: 60s, on: [503]}", ()),
        ("until: {status: 200, every: 60s, timeout: 600s}", ()),
        ("", ("--rate", "1/m")),
    ],
)
def test_who_waits_hears_of_it(tmp_path: Path, server: Server, words: str, arguments: tuple[str, ...]) -> None:
    request = f"  b: {{get: '{server.url}/status/503', {words}}}\n"
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo'}}\n{request}")
    run = Running(tmp_path, "c.yaml", *arguments, *REPORTS)
    until(lambda: len(server.seen) >= (1 if words.startswith("delay") or arguments else 2))
    time.sleep(0.2)  # it begins to wait; where it does not yet, what is said below holds all the same
    run.send(signal.SIGINT)
    assert run.end() == 130
    assert run.reports() in (1, 2)
    unsent = words.startswith("delay") or arguments
    for step in json.loads((tmp_path / "r.json").read_text("utf-8"))["steps"][1:]:
        assert step["status"] == ("skipped" if unsent else "failed")
        assert not unsent or step["reason"].startswith("not run: interrupted")


def test_a_download_that_is_cut_off_leaves_what_was_there(tmp_path: Path, server: Server) -> None:
    for jobs in ("1", "4"):
        (tmp_path / "big").write_text("old", "utf-8")
        requests = f"  a: {{get: '{server.url}/drip?seconds=60', response: {{save: big}}}}\n"
        requests += f"  b: {{get: '{server.url}/drip?seconds=60', response: {{save: other}}}}\n"
        write(tmp_path, c=f"requests:\n{requests}")
        run = Running(tmp_path, "c.yaml", "-j", jobs, *REPORTS)
        until(lambda: any(tmp_path.glob(".big.*")))
        run.send(signal.SIGTERM)
        assert run.end() == 143
        assert (tmp_path / "big").read_text("utf-8") == "old"
        assert left_over(tmp_path) == []


@pytest.mark.parametrize("arguments", [(), ("-j", "8"), ("-n", "5"), ("--rate", "60/s"), ("-e", "us")])
def test_at_any_moment(tmp_path: Path, server: Server, arguments: tuple[str, ...]) -> None:
    requests = "".join(f"  r{i}: {{get: '{server.url}/slow?seconds=0.01&{i}'}}\n" for i in range(20))
    requests += f"  s: {{get: '{server.url}/bytes/2000000', response: {{save: big}}, capture: {{v: status}}}}\n"
    write(tmp_path, c=f"requests:\n{requests}", us__env="name: us\n")
    chance = random.Random(str(arguments))
    for _ in range(12):
        for name in ("r.xml", "r.json", "r.jsonl", "big"):
            (tmp_path / name).unlink(missing_ok=True)
        numbers = chance.choices(list(STATUS), k=chance.choice((1, 1, 2, 3)))
        run = Running(tmp_path, "c.yaml", *arguments, *REPORTS)
        for number in numbers:
            time.sleep(chance.random() * 0.7 / len(numbers))
            run.send(number)
        status = run.end()
        assert status in {0, *(STATUS[number] for number in numbers)}, (numbers, status)
        if (tmp_path / "r.json").exists():
            told = run.reports()  # whole, whatever came; a second signal may have come before the summary
            assert run.summed() in (None, told), "one result for all"
        assert left_over(tmp_path) == []
        for name in ("r.xml", "r.json"):
            if (tmp_path / name).exists():
                text = (tmp_path / name).read_text("utf-8")
                json.loads(text) if name.endswith("json") else ElementTree.fromstring(text)
        assert not (tmp_path / "big").exists() or (tmp_path / "big").stat().st_size == 2_000_000


@pytest.mark.parametrize("jobs", ["1", "8"])
def test_a_signal_while_results_are_told_takes_no_result_from_any_report(
    tmp_path: Path, server: Server, jobs: str
) -> None:
    captures = ", ".join(f"c{i}: json $.method" for i in range(30))
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo?<<iteration>>', capture: {{{captures}}}}}\n")
    chance = random.Random(jobs)
    for _ in range(15):
        server.seen.clear()
        run = Running(tmp_path, "c.yaml", "-n", "5000", "-j", jobs, *REPORTS)
        enough = chance.randrange(1, 40)
        until(lambda enough=enough: len(server.seen) >= enough)  # type: ignore[misc]
        run.send(chance.choice((signal.SIGTERM, signal.SIGHUP)))
        assert run.end() in (143, 129)
        assert run.reports() == run.summed(), run.out
        assert run.reports() <= len(server.seen) < 5000


@pytest.mark.parametrize("jobs", ["1", "8"])
def test_who_reads_nothing_keeps_no_signal_from_ending_it(tmp_path: Path, server: Server, jobs: str) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo?<<iteration>>'}}\n")
    run = Running(tmp_path, "c.yaml", "-n", "100000", "-j", jobs, "-vv")
    seen = 0

    def full() -> bool:
        nonlocal seen
        before, seen = seen, len(server.seen)
        time.sleep(0.3)
        return seen == len(server.seen) == before > 0

    until(full)
    run.send(signal.SIGTERM)
    time.sleep(0.5)
    assert run.process.stdout is not None
    run.process.stdout.read(100_000)  # the summary finds room
    assert run.end() == 143


def test_what_was_ignored_stays_ignored(folder: Path, server: Server) -> None:
    run = Running(folder, "c.yaml", "-j", "8", *REPORTS, ignored=[signal.SIGHUP])
    until(lambda: len(server.seen) > 4)
    run.send(signal.SIGHUP)
    assert run.end() == 0
    assert run.reports() == 20


@pytest.mark.parametrize("number", STATUS)
def test_before_anything_is_sent_any_signal_ends_it(tmp_path: Path, server: Server, number: signal.Signals) -> None:
    """While rows are awaited, of which none has come."""
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo?<<k>>'}}\n")
    hand, theirs = os.pipe()
    os.write(theirs, b'{"k": ')
    run = Running(tmp_path, "c.yaml", "--data", "-", stdin=hand)
    until(lambda: select.select([hand], [], [], 0)[0] == [])
    run.send(number)
    assert run.end() == STATUS[number]
    os.close(hand)
    os.close(theirs)
    assert server.seen == []


def test_a_signal_while_a_class_is_made_is_one() -> None:
    """Python 3.11 makes a RuntimeError of it."""

    class Field:
        def __set_name__(self, owner: type, name: str) -> None:
            signal.raise_signal(signal.SIGTERM)

    with listening() as stop:
        stop.begin()
        with pytest.raises(KeyboardInterrupt), stop.at_once:
            type("Made", (), {"field": Field()})
        assert stop.status(0) == 143
    assert not is_interrupt(RuntimeError("another"))
