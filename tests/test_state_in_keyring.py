"""Private state whose secrets are in the keyring: the file holds none, and no crash loses the only copy of one."""

from __future__ import annotations

import configparser
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from runner.errors import InputError, Location, Source
from runner.files.state import State
from runner.files.stowed import SERVICE
from runner.scope import Captured
from runner.secret_sources import os_keyring
from runner.values import Secret, Value, reveal
from tests.atomic_keyring import Keyring
from tests.commands import environment, write, zrun
from tests.servers import Server

ROOT = Path(__file__).parent.parent
PLACE = Location(Source("us.yaml"), 3, 1)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """The process environment in which the keyring is a file of this test's."""
    return {
        "PYTHON_KEYRING_BACKEND": "tests.atomic_keyring.Keyring",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def here(own: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The same keyring, in this process too."""
    monkeypatch.setenv("XDG_DATA_HOME", own["XDG_DATA_HOME"])
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    yield own
    keyring.set_keyring(before)


def users(own: dict[str, str]) -> list[str]:
    """The entries of the keyring, read from its file."""
    file = configparser.RawConfigParser()
    file.read(Path(own["XDG_DATA_HOME"]) / "python_keyring" / "keyring_pass.cfg")
    return [name for section in file.sections() for name, _ in file.items(section)]


def state(folder: Path, place: Location | None = PLACE) -> State:
    return State(folder, "us", lambda: os_keyring, place)


def captured(value: Value, expires_at: float | None = None) -> Captured:
    return Captured(value, "login", 1_700_000_000.0, expires_at, "salt:mark")


def test_secrets_are_in_the_keyring_and_all_else_in_the_file(tmp_path: Path, here: dict[str, str]) -> None:
    kept: dict[str, Captured] = {
        "token": captured(Secret("made-up-token-ü🙂\n", "token"), 1_700_003_600.0),
        "more": captured([Secret("made-up-part", "more"), None]),
        "api": captured("https://x"),
    }
    state(tmp_path).save(kept)
    found = state(tmp_path).read()
    assert found == kept
    text = state(tmp_path).path.read_text()
    assert "made-up" not in text
    entry = json.loads(text)["values"]["token"]
    assert entry["by"] == "login"
    assert entry["expires"] == "2023-11-14T23:13:20Z"
    assert len(users(here)) == 2
    looked = state(tmp_path).read(look_only=True)
    assert looked["api"].value == "https://x"
    assert reveal(looked["token"].value) == "kept in the keyring"


def test_a_new_value_gets_a_new_entry_and_the_old_one_goes(tmp_path: Path, here: dict[str, str]) -> None:
    for number in range(5):
        state(tmp_path).save({"a": captured(Secret(f"made-up-{number}", "a")), "b": captured(Secret("made-up-b", "b"))})
        state(tmp_path).save({"plain": captured(number)})
    assert len(users(here)) == 2
    assert reveal(state(tmp_path).read()["a"].value) == "made-up-4"
    state(tmp_path).forget(["a"])
    assert len(users(here)) == 1
    state(tmp_path).forget_all()
    assert users(here) == []
    state(tmp_path).save({"plain": captured(1)})
    assert "keyring-left" not in json.loads(state(tmp_path).path.read_text())


def test_a_state_moves_into_the_keyring_and_back(tmp_path: Path, here: dict[str, str]) -> None:
    state(tmp_path, None).save({"token": captured(Secret("made-up-token", "token"))})
    assert users(here) == []
    state(tmp_path).save({"other": captured(Secret("made-up-other", "other"))})
    assert len(users(here)) == 2
    assert "made-up" not in state(tmp_path).path.read_text()
    assert reveal(state(tmp_path, None).read()["token"].value) == "made-up-token"
    state(tmp_path, None).save({})
    assert users(here) == []
    assert reveal(State(tmp_path, "us").read()["token"].value) == "made-up-token"


def test_an_entry_that_is_gone_is_told_and_can_be_forgotten(tmp_path: Path, here: dict[str, str]) -> None:
    state(tmp_path).save({"token": captured(Secret("made-up-token", "token")), "b": captured(Secret("made-up-b", "b"))})
    user = json.loads(state(tmp_path).path.read_text())["values"]["token"]["keyring"]
    keyring.delete_password(SERVICE, user)
    with pytest.raises(
        InputError, match="has no longer what was kept as `token` for us; restore it, or `zrun env us --forget token`"
    ):
        state(tmp_path).read()
    state(tmp_path).forget(["token"])
    assert set(state(tmp_path).read()) == {"b"}


def test_without_a_keyring_the_state_says_what_it_needs(tmp_path: Path, here: dict[str, str]) -> None:
    state(tmp_path).save({"token": captured(Secret("made-up-token", "token"))})
    with pytest.raises(InputError, match="has its secrets in the keyring"):
        State(tmp_path, "us").read()


def test_a_damaged_pointer_is_a_damaged_file(tmp_path: Path, here: dict[str, str]) -> None:
    state(tmp_path).save({"token": captured(Secret("made-up-token", "token"))})
    path = state(tmp_path).path
    path.write_text(path.read_text().replace('"keyring": "', '"keyrng": "'))
    with pytest.raises(InputError, match="is damaged"):
        state(tmp_path).read()


_RUN = """\
requests:
  refresh:
    post: <<url>>/token
    capture: {refresh-token: json $.refresh_token}
  use:
    get: <<url>>/echo
    headers: {X-Key: <<refresh-token>>}
"""


def project(folder: Path, server: Server) -> None:
    env = f"variables: {{url: {server.url}}}\nsecrets: {{refresh-token: }}\nstate: keyring\n"
    write(folder, c=_RUN, us__env=env)


def test_a_run_keeps_its_tokens_in_the_keyring(tmp_path: Path, server: Server, own: dict[str, str]) -> None:
    project(tmp_path, server)
    assert zrun(tmp_path, "c.yaml", "-e", "us", **own).status == 0
    token = server.headers[-1]["x-key"]
    assert token not in State(tmp_path, "us").path.read_text()
    assert zrun(tmp_path, "c.yaml", "-e", "us", "-r", "use", "--alone", **own).status == 0
    assert server.headers[-1]["x-key"] == token
    shown = zrun(tmp_path, "env", "us", **own)
    assert "in the keyring" in shown.out
    assert zrun(tmp_path, "env", "us", "--forget", "refresh-token", **own).status == 0
    assert users(own) == []


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("keyring.backends.fail.Keyring", "this machine has no keyring that can be used"),
        ("keyring.backends.null.Keyring", "the keyring does not keep what it is given"),
        ("made.up.Backend", "the keyring failed"),
    ],
)
def test_a_keyring_that_cannot_be_used_is_told_before_anything_is_sent(
    tmp_path: Path, server: Server, own: dict[str, str], backend: str, message: str
) -> None:
    project(tmp_path, server)
    done = zrun(tmp_path, "c.yaml", "-e", "us", **{**own, "PYTHON_KEYRING_BACKEND": backend})
    assert done.status == 2
    assert "environments/us.yaml:3:8: the private state of us keeps its secrets in the keyring, but" in done.err
    assert message in done.err
    assert not server.seen
    assert zrun(tmp_path, "check", "c.yaml", "-e", "us", **{**own, "PYTHON_KEYRING_BACKEND": backend}).status == 0


def test_a_wrong_word_is_told(tmp_path: Path) -> None:
    write(tmp_path, us__env="state: somewhere\n")
    done = zrun(tmp_path, "check")
    assert done.status == 2
    assert "write `state: file` or `state: keyring`" in done.err


_WRITER = """
import sys
from pathlib import Path
from runner.errors import Location, Source
from runner.files.state import State
from runner.scope import Captured
from runner.secret_sources import os_keyring
from runner.values import Secret
state = State(Path(sys.argv[1]), "us", lambda: os_keyring, Location(Source("us.yaml"), 1, 1))
for number in range(int(sys.argv[2]), 10_000_000):
    state.save({"refresh-token": Captured(Secret(f"made-up-{number}", "t"), "r", 1.0)})
    print(number, flush=True)
"""


def test_a_killed_writer_never_loses_the_refresh_token(tmp_path: Path, here: dict[str, str]) -> None:
    """Whatever it was told is kept is there, or what it was just keeping; and what is left over is cleared away."""
    chance, last = random.Random(3), 0
    for _ in range(60):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), str(last + 1)],
            env=environment(**here),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        first = int(process.stdout.readline())
        time.sleep(chance.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0].split()
        told = int(rest[-1]) if rest else first
        found = state(tmp_path).read()["refresh-token"].value
        assert isinstance(found, Secret)
        last = int(found.reveal().rpartition("-")[2])
        assert told <= last <= told + 1
        assert len(users(here)) <= 4
    state(tmp_path).save({"refresh-token": captured(Secret("made-up-end", "t"))})
    state(tmp_path).save({})
    assert len(users(here)) == 1


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path, here: dict[str, str]) -> None:
    code = _WRITER.replace('"refresh-token"', "sys.argv[3]").replace("10_000_000", "int(sys.argv[2]) + 10")
    command = [sys.executable, "-c", code, str(tmp_path), "0"]
    started = [
        subprocess.Popen([*command, f"t{n}"], env=environment(**here), stdout=subprocess.DEVNULL) for n in range(4)
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * 4
    assert {name: reveal(found.value) for name, found in state(tmp_path).read().items()} == {
        f"t{n}": "made-up-9" for n in range(4)
    }
    assert len(users(here)) == 4


def test_a_reader_beside_a_writer_reads_the_old_value_or_the_new_one(tmp_path: Path, here: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), "0"], env=environment(**here), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    try:
        seen = [str(reveal(state(tmp_path).read()["refresh-token"].value)) for _ in range(300)]
    finally:
        process.kill()
        process.communicate()
    numbers = [int(text.rpartition("-")[2]) for text in seen]
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0]


def test_the_file_is_as_private_as_without(tmp_path: Path, here: dict[str, str]) -> None:
    state(tmp_path).save({"token": captured(Secret("made-up-token", "token"))})
    assert state(tmp_path).path.stat().st_mode & 0o777 == 0o600
