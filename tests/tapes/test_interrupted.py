"""A recorded run that is stopped, or cannot write: what is on disk then is whole, says what it is, and can be replayed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from tests.commands import write, zrun
from tests.servers import Server
from tests.tapes.playing import cassette, replay, tape
from tests.test_stopping import STATUS, Running, left_over, until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


def write_down(folder: Path, server: Server, seconds: int) -> None:
    """Twelve requests, of which the fourth is answered late. Those before have been answered then, those after wait."""
    requests = "".join(f"  r{i}: {{get: '{server.url}/echo?{i}'}}\n" for i in range(3))
    requests += f"  hangs: {{get: '{server.url}/slow?seconds={seconds}', timeout: 90s, needs: [r0, r1, r2], "
    requests += "capture: {seen: json $.method}}\n"
    requests += "".join(f"  after{i}: {{get: '{server.url}/echo?<<seen>>{i}'}}\n" for i in range(8))
    write(folder, c=f"requests:\n{requests}")


def stopped(running: Running, signals: tuple[signal.Signals, ...]) -> int:
    """The exit status after these. Of two that come at once the system makes one: the last is sent until it is heard."""
    running.send(signals[0])
    for number in signals[1:]:
        for _ in range(15):
            try:
                running.process.wait(timeout=2)
                break
            except subprocess.TimeoutExpired:
                running.send(number)
    return running.end()


@pytest.mark.parametrize("jobs", ["1", "8"])
@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)], ids=str)
def test_what_was_exchanged_is_recorded_and_replays(
    signals: tuple[signal.Signals, ...], jobs: str, tmp_path: Path, server: Server
) -> None:
    """After one Ctrl-C what runs is finished and recorded; what was under way at a second one, or at SIGTERM, is not."""
    finished = signals == (signal.SIGINT,)
    folder = tmp_path
    write_down(folder, server, 3 if finished else 60)
    running = Running(folder, "c.yaml", "--record", "kept", "-j", jobs)
    until(lambda: len(server.paths()) == 4)
    assert stopped(running, signals) == STATUS[signals[-1]]
    assert "c.yaml.json is of a run that was interrupted" in running.err
    assert left_over(folder) == []
    held = {exchange["step"] for exchange in cassette(folder)["exchanges"]}
    assert held >= {"r0", "r1", "r2"}
    assert ("hangs" in held) == finished
    assert not any(step.startswith("after") for step in held)
    assert cassette(folder)["interrupted"] is True
    assert all("response" in exchange for exchange in cassette(folder)["exchanges"]), "a closed connection is no answer"

    replayed = replay(folder, "c.yaml", "--format", "json", "-j", jobs)
    assert replayed.status == 1
    assert "c.yaml.json is of a run that was interrupted" in replayed.err
    steps = replayed.steps()
    assert all(steps[name] == "passed" for name in held)
    missing = "after0" if finished else "hangs"
    problem = next(step["problems"][0] for step in replayed.document["steps"] if step["id"] == missing)
    assert "of `" + missing + "`: the recorded run was interrupted" in problem["message"]
    assert set(map(steps.get, (f"after{i}" for i in range(8)))) == {"failed" if finished else "blocked"}


def test_a_wait_that_is_cut_short_is_no_answer(tmp_path: Path, server: Server) -> None:
    """Ctrl-C while `retry` waits: the replay makes the tries that were made."""
    write(
        tmp_path,
        c=f"requests:\n  a: {{get: '{server.url}/flaky?fail=9', retry: {{times: 9, delay: 30s, on: [503]}}}}\n",
    )
    running = Running(tmp_path, "c.yaml", "--record", "kept")
    until(lambda: server.paths() == ["/flaky?fail=9"])
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert len(cassette(tmp_path)["exchanges"]) == 1
    replayed = replay(tmp_path, "c.yaml")
    assert replayed.status == 1
    assert "holds no further request of `a`: the recorded run was interrupted" in replayed.out


def test_a_run_that_is_killed_leaves_the_cassette_of_the_run_before(tmp_path: Path, server: Server) -> None:
    folder = tmp_path
    write_down(folder, server, 60)
    zrun(folder, "c.yaml", "-r", "r0", "--record", "kept")
    before = tape(folder).read_bytes()
    running = Running(folder, "c.yaml", "--record", "kept")
    until(lambda: "/slow?seconds=60" in server.paths())
    running.send(signal.SIGKILL)
    running.process.communicate(timeout=30)
    assert tape(folder).read_bytes() == before
    assert left_over(folder) == []


def test_a_full_disk_is_told_and_leaves_no_half_cassette(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/bytes/300000'}}\n  b: {{get: '{server.url}/echo'}}\n")

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # which the process inherits
    try:
        running = Running(tmp_path, "c.yaml", "--record", "kept", "--format", "json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert running.end() == 2
    assert "c.yaml.json was not written: File too large" in running.err
    assert "ulimit -f" in running.err
    assert json.loads(running.out)["summary"]["passed"] == 2
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_place_that_takes_no_cassette_is_told_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    write(tmp_path, c=f"requests:\n  a: {{get: '{server.url}/echo'}}\n")
    (tmp_path / "file").write_text("")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "c.yaml.json").write_text("{}")
    (tmp_path / "folder" / "c.yaml.json").mkdir(parents=True)
    for place, told in (
        ("file", "no cassette can be written"),
        ("taken", "is no cassette"),
        ("folder", "Is a directory"),
    ):
        done = zrun(tmp_path, "c.yaml", "--record", place)
        assert done.status == 2
        assert told in done.err
        assert "name another folder with --record" in done.err
    assert server.seen == []
    assert (tmp_path / "taken" / "c.yaml.json").read_text() == "{}"
