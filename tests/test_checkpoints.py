"""A run that was interrupted goes on where it was: no row that is done is sent again, whatever ended the run."""

from __future__ import annotations

import io
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InputError
from runner.files import checkpoints, rows
from runner.files.finished import Finished
from runner.files.reader import read_collection
from runner.files.runs import Run, identify
from runner.rows import ALL, rows_wanted

RUN = Run({"collection": "c.yaml", "rows": "1-"}, {"the data file rows.csv": "made-up-hash"})


def changed(**parts: str) -> Run:
    return Run({**RUN.asked, **parts}, RUN.contents)


def begin(root: Path, *numbers: int, run: Run = RUN, resume: bool = False, whole: bool = False) -> list[int]:
    """A run that does the rows `numbers`, and then ends. Returns what had been done before."""
    with checkpoints.begun(root, run, resume=resume) as checkpoint:
        before = list(checkpoint.finished)
        for number in numbers:
            checkpoint.done(number)
        if whole:
            checkpoint.complete()
    return before


def left(root: Path) -> set[str]:
    return {path.name for path in (root / ".zrun" / "runs").iterdir()} - {"lock"}


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    assert checkpoints.interrupted(tmp_path, RUN) is None
    begin(tmp_path, 1, 2, 7, 5)  # rows that run at the same time end in any order
    assert checkpoints.interrupted(tmp_path, RUN) == 4
    assert begin(tmp_path, 3, 4, resume=True) == [1, 2, 5, 7]
    assert begin(tmp_path, 6, resume=True, whole=True) == [1, 2, 3, 4, 5, 7]
    assert left(tmp_path) == set()
    assert checkpoints.interrupted(tmp_path, RUN) is None


def test_what_had_begun_and_was_not_done_is_known(tmp_path: Path) -> None:
    with checkpoints.begun(tmp_path, RUN, resume=False) as checkpoint:
        assert checkpoint.cut == []
        for number in (1, 2, 3, 4):
            checkpoint.began(number)
        checkpoint.done(3)
        checkpoint.done(1, passed=False)
    with checkpoints.begun(tmp_path, RUN, resume=True) as checkpoint:
        assert checkpoint.cut == [2, 4]
        assert list(checkpoint.finished) == [1, 3]
        checkpoint.began(2)
        checkpoint.done(2)
    with checkpoints.begun(tmp_path, RUN, resume=True) as checkpoint:
        assert checkpoint.cut == [4]


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    begin(tmp_path, 1, 2)
    assert begin(tmp_path, 9) == []
    assert begin(tmp_path, resume=True) == [9]


def test_an_error_leaves_the_checkpoint(tmp_path: Path) -> None:
    def interrupted() -> None:
        with checkpoints.begun(tmp_path, RUN, resume=False) as checkpoint:
            checkpoint.done(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert begin(tmp_path, resume=True) == [1]


def test_rows_that_failed_are_remembered(tmp_path: Path) -> None:
    with checkpoints.begun(tmp_path, RUN, resume=False) as checkpoint:
        for number in (1, 2, 3):
            checkpoint.done(number, passed=number == 1)
        checkpoint.done(3)  # tried once more
    with checkpoints.begun(tmp_path, RUN, resume=True) as checkpoint:
        assert list(checkpoint.finished) == [1, 2, 3]
        assert list(checkpoint.failed) == [2]


def test_nothing_to_resume_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        begin(tmp_path, resume=True)
    assert caught.value.problems[0].hint == "run without --resume to begin anew"
    begin(tmp_path, 1, run=changed(rows="1-100"))
    begin(tmp_path, 1, run=changed(collection="another.yaml"))
    with pytest.raises(InputError, match="no interrupted run") as caught:
        begin(tmp_path, resume=True)
    assert caught.value.problems[0].hint == "one of the same collection was interrupted that had rows: 1-100"


def test_what_has_changed_since_is_named(tmp_path: Path) -> None:
    begin(tmp_path, 1)
    now = Run(RUN.asked, {"the data file rows.csv": "another", "the file c.yaml": "new"})
    with pytest.raises(InputError) as caught:
        begin(tmp_path, resume=True, run=now)
    assert [problem.message.partition(" is not")[0] for problem in caught.value.problems] == list(now.contents)
    assert checkpoints.interrupted(tmp_path, now) is None
    assert begin(tmp_path, resume=True) == [1]


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    begin(tmp_path, 1)
    path = next((tmp_path / ".zrun" / "runs").glob("*.run"))
    path.with_name(f".{path.name}.1.2").write_text("half of a ")
    path.with_suffix(".lock").touch()
    assert begin(tmp_path, resume=True, whole=True) == [1]
    assert left(tmp_path) == set()


def test_two_runs_of_the_same_do_not_mix(tmp_path: Path) -> None:
    with checkpoints.begun(tmp_path, RUN, resume=False) as checkpoint:
        checkpoint.done(1)
        for resume in (False, True):
            with pytest.raises(InputError, match="another process is at this run"):
                begin(tmp_path, 9, resume=resume)
        assert begin(tmp_path, 9, run=changed(rows="2-")) == []
        checkpoint.done(2)
    assert begin(tmp_path, resume=True) == [1, 2]


def test_it_is_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        begin(tmp_path, 1)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".zrun").rglob("*")}
    assert modes.pop(".gitignore")
    assert modes.pop("runs") == 0o700
    assert set(modes.values()) == {0o600}
    assert (tmp_path / ".zrun" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("linked", [".zrun", ".zrun/runs", "checkpoint", "lock"])
def test_no_link_is_followed(tmp_path: Path, linked: str) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    victim = outside / "victim"
    victim.write_text("untouched\n")
    if linked in ("checkpoint", "lock"):
        begin(root)
        folder = root / ".zrun" / "runs"
        place = next(folder.glob("*.run")) if linked == "checkpoint" else folder / "lock"
        place.unlink()
        place.symlink_to(victim)
    else:
        (root / linked).parent.mkdir(exist_ok=True)
        (root / linked).symlink_to(outside, target_is_directory=True)
    with pytest.raises(InputError):
        begin(root, 1, resume=True)
    assert victim.read_text() == "untouched\n"
    assert list(outside.iterdir()) == [victim]
    if linked == "checkpoint":  # what is begun anew takes the link's place
        begin(root, 1)
        assert victim.read_text() == "untouched\n"
        assert begin(root, resume=True) == [1]


def test_a_line_that_was_cut_does_not_count(tmp_path: Path) -> None:
    begin(tmp_path, 1, 2)
    path = next((tmp_path / ".zrun" / "runs").glob("*.run"))
    whole = path.read_bytes()
    for torn in (b"3", b"3 fai", b"\0\0\0"):
        path.write_bytes(whole + torn)
        assert begin(tmp_path, 45, resume=True) == [1, 2]
        assert begin(tmp_path, resume=True) == [1, 2, 45]
    path.write_bytes(whole + b"\0\0\0\n6\n")  # what a machine's end may leave
    assert begin(tmp_path, resume=True) == [1, 2, 6]


@pytest.mark.parametrize(
    "head", [b"", b"{", b"[]\n", b'{"zrun-run": 2}\n', b'{"zrun-run": 1}\n', b"\xff\n", b"[" * 99_999]
)
def test_a_damaged_checkpoint_is_told(tmp_path: Path, head: bytes) -> None:
    begin(tmp_path, 1)
    path = next((tmp_path / ".zrun" / "runs").glob("*.run"))
    path.write_bytes(head)
    with pytest.raises(InputError, match="is damaged"):
        begin(tmp_path, resume=True)
    assert checkpoints.interrupted(tmp_path, RUN) is None
    assert begin(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is full")
def test_a_full_disk_is_told_and_nothing_is_torn(tmp_path: Path) -> None:
    with checkpoints.begun(tmp_path, RUN, resume=False) as checkpoint:
        checkpoint.done(1)
        full = os.open("/dev/full", os.O_WRONLY)
        kept = os.dup(checkpoint._descriptor)
        os.dup2(full, checkpoint._descriptor)
        with pytest.raises(InputError, match="No space left"):
            checkpoint.done(2)
        assert 2 not in checkpoint.finished
        os.dup2(kept, checkpoint._descriptor)
        os.close(full)
        os.close(kept)
        checkpoint.done(3)
    assert begin(tmp_path, resume=True) == [1, 3]


def test_threads_finish_rows_together(tmp_path: Path) -> None:
    with checkpoints.begun(tmp_path, RUN, resume=False) as checkpoint:

        def work(first: int) -> None:
            for number in range(first, 4001, 8):
                checkpoint.done(number)

        threads = [threading.Thread(target=work, args=(first,)) for first in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(checkpoint.finished) == 4000
    assert begin(tmp_path, resume=True) == list(range(1, 4001))


_WRITER = """
import sys
from pathlib import Path
from runner.files import checkpoints
from tests.test_checkpoints import RUN
with checkpoints.begun(Path(sys.argv[1]), RUN, resume=sys.argv[2] == "resume") as checkpoint:
    number = 0
    while True:
        number += 1
        if number not in checkpoint.finished:
            checkpoint.done(number, passed=number % 3 != 0)
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()
"""


def test_what_was_done_is_there_whenever_the_process_is_killed(tmp_path: Path) -> None:
    said: set[int] = set()
    for attempt in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), "resume" if attempt else "anew"],
            stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        assert writer.stdout
        with writer.stdout as output:
            line = output.readline()
            time.sleep(random.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            rest = output.read()
        assert writer.wait() == -signal.SIGKILL
        told = {int(one) for one in (line + rest).split(b"\n")[:-1]}
        assert told
        assert not told & said  # none is done twice
        said |= told
        with checkpoints.begun(tmp_path, RUN, resume=True) as checkpoint:
            done = set(checkpoint.finished)
            assert said <= done <= set(range(1, max(done) + 1))
            assert len(done - said) <= 1  # the one that it was at
            assert set(checkpoint.failed) == {number for number in done if number % 3 == 0}
            said = done


_CONTENDER = """
import sys
from pathlib import Path
from runner.errors import InputError
from runner.files import checkpoints
from tests.test_checkpoints import RUN
inside = Path(sys.argv[1]) / "inside"
for _ in range(200):
    try:
        with checkpoints.begun(Path(sys.argv[1]), RUN, resume=False) as checkpoint:
            inside.mkdir()  # fails when another is in here
            checkpoint.done(1)
            inside.rmdir()
            checkpoint.complete()
    except InputError as error:
        assert "another process is at this run" in str(error), error
"""


def test_a_lock_that_comes_and_goes_lets_one_in_at_a_time(tmp_path: Path) -> None:
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", _CONTENDER, str(tmp_path)], cwd=Path(__file__).parent.parent, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for contender in contenders:
        _, told = contender.communicate(timeout=120)
        assert contender.returncode == 0, told.decode()
    assert left(tmp_path) == set()


def test_a_million_finished_rows_are_small() -> None:
    finished = Finished()
    for number in random.Random(7).sample(range(1, 1_000_001), 1_000_000):
        finished.add(number)
    assert len(finished) == 1_000_000
    assert sum(map(sys.getsizeof, finished._blocks.values())) < 150_000
    finished.add(10**14)
    assert len(finished._blocks) == 124


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40_000) | st.integers(0, 10**15))))
def test_finished_is_a_set(changes: list[tuple[bool, int]]) -> None:
    finished, expected = Finished(), set[int]()
    for added, number in changes:
        (finished.add if added else finished.discard)(number)
        (expected.add if added else expected.discard)(number)
        assert (number in finished) == added
    assert list(finished) == sorted(expected)
    assert len(finished) == len(expected)


# Which run it is


def run_of(folder: Path, *, rows_of: str = "1-", environments: tuple[str, ...] = ("us",), repeat: int = 1) -> Run:
    data = rows.read_file(folder / "rows.csv")
    collection = read_collection(folder / "c.yaml")
    return identify(folder, collection, environments, ["-r make"], data, rows_wanted(rows_of), repeat)


def project(folder: Path) -> Path:
    (folder / "rows.csv").write_text("a\n1\n")
    (folder / "inner.yaml").write_text("requests: {r: {get: http://127.0.0.1/}}\n")
    (folder / "c.yaml").write_text("include: inner.yaml\nrequests: {make: {get: http://127.0.0.1/}}\n")
    return folder


def test_a_run_is_known_by_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(project(tmp_path))
    others = [
        run_of(tmp_path, rows_of="2-"),
        run_of(tmp_path, environments=("eu",)),
        run_of(tmp_path, repeat=2),
        identify(tmp_path, read_collection(tmp_path / "c.yaml"), ["us"], ["-r make"], None, ALL, 1),
    ]
    assert len({run.key, *(other.key for other in others)}) == 5
    monkeypatch.chdir(tmp_path)  # from wherever it is called
    here = run_of(Path())
    assert (here.key, here.contents) == (run.key, run.contents)
    assert set(run.contents) == {"the file c.yaml", "the file inner.yaml", "the data file rows.csv"}


@pytest.mark.parametrize("name", ["c.yaml", "inner.yaml", "rows.csv"])
def test_each_file_that_changes_is_named(tmp_path: Path, name: str) -> None:
    begin(tmp_path, 1, run=run_of(project(tmp_path)))
    with (tmp_path / name).open("a") as file:
        file.write("2\n" if name == "rows.csv" else "# a word\n")
    with pytest.raises(InputError) as caught:
        begin(tmp_path, run=run_of(tmp_path), resume=True)
    (problem,) = caught.value.problems
    assert f"{name} is not what it was" in problem.message


def test_rows_that_are_read_once_make_no_run_to_resume(tmp_path: Path) -> None:
    collection = read_collection(project(tmp_path) / "c.yaml")
    with pytest.raises(InputError, match="cannot be resumed"):
        identify(tmp_path, collection, [], [], rows.read_stream(io.BytesIO(b"a\n1\n")), ALL, 1)
