"""Private state: durable, private, and whole, whatever kills a process and however many write at once."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InputError
from runner.files.state import State
from runner.scope import Captured
from runner.values import Secret, Value, reveal


def captured(value: Value, expires_at: float | None = None) -> Captured:
    return Captured(value, "login", 1_700_000_000.0, expires_at)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    state = State(tmp_path, "us")
    assert state.read() == {}
    state.save({"token": captured(Secret("made-up-token", "token"), 1_700_003_600.0), "api": captured("https://x")})
    state.save({"more": captured({"a": [1, None, True]})})
    found = State(tmp_path, "us").read()
    assert found["token"] == captured(Secret("made-up-token", "token"), 1_700_003_600.0)
    assert found["api"].value == "https://x"
    assert found["more"].value == {"a": [1, None, True]}
    assert State(tmp_path, "eu").read() == {}
    state.forget(["api"])
    assert set(state.read()) == {"token", "more"}
    state.forget_all()
    assert state.read() == {}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(_JSON, st.text(min_size=1))
def test_any_value_survives(tmp_path_factory: pytest.TempPathFactory, value: Value, name: str) -> None:
    state = State(tmp_path_factory.mktemp("state"), name)
    state.save({name: captured(value)})
    assert State(state.path.parent.parent.parent, name).read() == {name: captured(value)}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = State(tmp_path, "us")
        state.save({"a": captured("b")})
    finally:
        os.umask(before)
    assert mode(state.path) == 0o600
    assert mode(state.path.parent) == mode(state.path.parent.parent) == 0o700
    assert (tmp_path / ".zrun" / ".gitignore").read_text() == "*\n"
    state.path.chmod(0o644)
    state.read()
    assert mode(state.path) == 0o600


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"zrun-state": 1}', '{"zrun-state": 1, "values": {"a": 5}}', "\udcff"]
)
def test_a_damaged_file_is_told_and_never_overwritten(tmp_path: Path, text: str) -> None:
    state = State(tmp_path, "us")
    state.save({"a": captured("b")})
    state.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    for act in (state.read, state.probe, state.forget_all, lambda: state.save({"c": captured("d")})):
        if act == state.forget_all:
            continue  # a person's own word
        with pytest.raises(InputError, match="damaged"):
            act()
    assert state.path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_newer_format_is_told(tmp_path: Path) -> None:
    state = State(tmp_path, "us")
    state.save({"a": captured("b")})
    state.path.write_text(json.dumps({"zrun-state": 2, "values": {}}))
    with pytest.raises(InputError, match="format 2"):
        state.read()


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / ".zrun").symlink_to(elsewhere)
    with pytest.raises(InputError, match="link"):
        State(root, "us").save({"a": captured("b")})
    assert not list(elsewhere.iterdir())


def test_two_ids_never_share_a_file(tmp_path: Path) -> None:
    names = {State(tmp_path, name).path.name for name in ("a/b", "a%2fb", "a b", "..", ".", "a", "A+b")}
    assert len(names) == 7
    assert all("/" not in name and not name.startswith(".") for name in names)


def test_what_cannot_be_written_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from runner.files.state import State
from runner.scope import Captured
from runner.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    State(Path(sys.argv[1]), "us").save({"big": Captured("x" * 9000, "r", 1.0)})
except InputError as error:
    print(error)
"""
    state = State(tmp_path, "us")
    state.save({"a": captured("b")})
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert state.read() == {"a": captured("b")}
    assert [path.name for path in state.path.parent.iterdir() if path.suffix not in (".json", ".lock")] == []


_WRITER = """
import sys
from pathlib import Path
from runner.files.state import State
from runner.scope import Captured
from runner.values import Secret
state, who, count = State(Path(sys.argv[1]), "us"), sys.argv[2], int(sys.argv[3])
for number in range(count):
    state.save({f"{who}-{number % 50}": Captured(Secret(f"made-up-{who}-{number}", "t"), "r", 1.0)})
    print(number, flush=True)
"""


def writer(folder: Path, who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(folder), who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_eight_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    running = [writer(tmp_path, f"p{number}", 25) for number in range(8)]
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0
    found = State(tmp_path, "us").read()
    assert len(found) == 8 * 25
    assert all(reveal(found[f"p{p}-{n}"].value) == f"made-up-p{p}-{n}" for p in range(8) for n in range(25))


def test_a_killed_writer_loses_nothing_that_it_was_told_is_kept(tmp_path: Path) -> None:
    chance = random.Random(1)
    state = State(tmp_path, "us")
    for turn in range(30):
        process = writer(tmp_path, f"k{turn}", 10_000)
        assert process.stdout
        last = int(process.stdout.readline())
        time.sleep(chance.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0].split()
        last = int(rest[-1]) if rest else last
        found = state.read()
        kept = [
            int(str(reveal(c.value)).rpartition("-")[2]) for name, c in found.items() if name.startswith(f"k{turn}-")
        ]
        assert max(kept) >= last
        state.save({"after": captured(turn)})  # its lock blocks nobody
    assert [p.name for p in state.path.parent.iterdir() if p.suffix not in (".json", ".lock")] == []
