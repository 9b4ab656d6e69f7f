"""Where secrets come from: each source with real files and real processes, among them those that hang, flood and fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner import secret_sources
from runner.environment import SecretSource, SecretSpec
from runner.errors import InputError, Location, Problem, Source
from runner.files.environments import read_environment
from tests.commands import environment, write, zrun
from tests.servers import Server

PLACE = Location(Source("us.yaml"), 1, 1)
COLLECTION = "requests:\n  one:\n    get: <<url>>/echo\n    headers: {X-Key: <<key>>}\n"


def spec(*sources: SecretSource) -> SecretSpec:
    return SecretSpec("key", PLACE, sources)


def command(*argv: str, timeout: float = 30.0, folder: Path = Path()) -> SecretSource:
    return SecretSource("command", PLACE, argv[0], folder, "", argv, timeout)


def python(code: str, *arguments: str, timeout: float = 30.0, folder: Path = Path()) -> SecretSource:
    return command(sys.executable, "-c", code, *arguments, timeout=timeout, folder=folder)


def resolved(*sources: SecretSource) -> tuple[str | None, list[Problem]]:
    """What the sources give, and what was told of those that gave nothing."""
    told: list[Problem] = []
    found = secret_sources.find(spec(*sources), lambda _: None, lambda _, problem: told.append(problem))
    return (found[0].reveal() if found else None), told


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (b"made-up", "made-up"),
        (b"made-up\n", "made-up"),
        (b"made-up\r\n", "made-up"),
        (b"made-up\n\n", "made-up\n"),
        (b"  made up  \n", "  made up  "),
        ("pässwörd 🙂\n".encode(), "pässwörd 🙂"),
        (b"-----BEGIN\nmade up\n-----END\n", "-----BEGIN\nmade up\n-----END"),
        (b"x" * 100_000, "x" * 100_000),
    ],
)
def test_a_command_gives_what_it_prints_less_one_line_end(printed: bytes, text: str) -> None:
    code = f"import sys; sys.stderr.write('made-up noise'); sys.stdout.buffer.write({printed!r})"
    assert resolved(python(code)) == (text, [])


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("", "printed nothing on standard output", "run it by hand to see"),
        ("print()", "printed nothing on standard output", "run it by hand to see"),
        ("raise SystemExit(3)", "ended with status 3", "run it by hand to see"),
        ("print('made-up-half'); raise SystemExit(1)", "ended with status 1", "run it by hand"),
        (
            "import sys; print('made-up\\nline', file=sys.stderr); raise SystemExit(2)",
            "ended with status 2",
            "it said 2 lines on standard error: run it by hand to see",
        ),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9", "run it by hand"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "not UTF-8", "run it by hand"),
        ("print('x' * 10_000_000)", "printed more than 100 kB", "run it by hand"),
    ],
)
def test_a_command_without_a_secret_says_why_and_nothing_that_it_printed(code: str, message: str, hint: str) -> None:
    text, told = resolved(python(code))
    assert text is None
    assert message in told[0].message
    assert hint in (told[0].hint or "")
    assert "made-up" not in str(told[0])


def test_a_flood_on_standard_error_is_counted_and_thrown_away() -> None:
    text, told = resolved(python("import sys; sys.stderr.write('made-up\\n' * 1_250_000); print('made-up-secret')"))
    assert (text, told) == ("made-up-secret", [])


def test_a_command_has_no_input_no_terminal_and_none_of_the_other_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZRUN_SECRET_OTHER", "made-up-other")
    code = """
import os, sys
try:
    os.open("/dev/tty", os.O_RDWR)
    terminal = True
except OSError:
    terminal = False
print(repr(sys.stdin.read()), terminal, os.environ.get("ZRUN_SECRET_OTHER"), os.path.basename(os.getcwd()))
"""
    folder = Path(__file__).parent
    assert resolved(python(code, folder=folder)) == ("'' False None tests", [])


def running(word: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline", "status"]) if word in (p.info["cmdline"] or [])]


def gone(word: str) -> bool:
    """Whether the processes with this word end soon: a signal takes a moment to arrive."""
    for _ in range(200):
        if not running(word):
            return True
        time.sleep(0.02)
    return False


_FORKS = """
import subprocess, sys, time
for _ in range(3):
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code, sys.argv[1]])
print("made-up", flush=True)
if sys.argv[2] == "hang":
    time.sleep(600)
sys.exit(int(sys.argv[2]))
"""


@pytest.mark.parametrize("ending", ["hang", "1"])
def test_a_command_that_fails_is_ended_with_all_that_it_started(ending: str) -> None:
    word = f"made-up-mark-{os.getpid()}-{ending}"
    text, told = resolved(python(_FORKS, word, ending, timeout=1.5))
    assert text is None
    assert ("did not end within 1.5 seconds" if ending == "hang" else "ended with status 1") in told[0].message
    assert gone(word)


def test_a_child_that_holds_the_pipe_is_not_waited_for() -> None:
    word = f"made-up-mark-{os.getpid()}-kept"
    started = time.monotonic()
    assert resolved(python(_FORKS, word, "0", timeout=60)) == ("made-up", [])
    assert time.monotonic() - started < 30
    assert len(running(word)) == 3  # an agent that a program begins is its own affair
    for process in running(word):
        process.kill()


def test_the_program_is_found_in_absolute_folders_of_path_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "get-key"
    program.write_text("#!/bin/sh\necho made-up-of-the-project\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", "", ":", f".{os.pathsep}/nowhere"):
        monkeypatch.setenv("PATH", path)
        text, told = resolved(command("get-key", folder=tmp_path))
        assert text is None
        assert "is not found in PATH" in told[0].message
    assert resolved(command("./get-key", folder=tmp_path))[0] == "made-up-of-the-project"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resolved(command("get-key"))[0] == "made-up-of-the-project"
    program.chmod(0o644)
    assert "Permission denied" in resolved(command("./get-key", folder=tmp_path))[1][0].message


def test_no_command_runs_unless_it_is_said_that_it_may(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(InputError, match="nobody has trusted"):
        secret_sources.resolve(spec(python(f"open({str(mark)!r}, 'w')"), SecretSource("literal", PLACE, "made-up")))
    found = secret_sources.find(spec(python(f"open({str(mark)!r}, 'w')")), lambda _: None, look_only=True)
    assert found
    assert not mark.exists()


def test_sources_are_tried_in_turn_and_all_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = (
        SecretSource("env", PLACE, "MADE_UP_KEY"),
        SecretSource("file", PLACE, "key.txt", tmp_path),
        python("raise SystemExit(4)"),
        SecretSource("literal", PLACE, "made-up-last"),
    )
    assert resolved(*sources)[0] == "made-up-last"
    (tmp_path / "key.txt").write_text("made-up-of-a-file\n")
    assert resolved(*sources) == ("made-up-of-a-file", [])
    monkeypatch.setenv("MADE_UP_KEY", "made-up-of-env")
    assert resolved(*sources) == ("made-up-of-env", [])
    monkeypatch.setenv("MADE_UP_KEY", "")
    assert resolved(*sources)[0] == "made-up-of-a-file"
    told = {sources[2]: Problem("the command `x` ended with status 4", PLACE, "run it by hand to see")}
    problem = secret_sources.missing_problem(spec(*sources[:3]), told)
    assert problem.message == "the secret `key` is not there: the command `x` ended with status 4"
    assert problem.hint
    assert [word in problem.hint for word in ("set MADE_UP_KEY", "key.txt", "run it by hand")] == [True] * 3


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("{command: op read op://v/i}", "1:24", "a command is a list of words", 'write [op, read, "op://v/i"]'),
        ("{command: 'op read | tr a b'}", "1:25", "is a list", 'write [sh, -c, "op read | tr a b"]'),
        ('{command: "op \'x"}', "1:25", "is a list", 'write [sh, -c, "op \'x"]'),
        ("{command: 5}", "1:24", "is a list", "write [program, argument]"),
        ("{command: []}", "1:24", "begins with its program", "write [program"),
        ("{command: ['']}", "1:24", "begins with its program", "write [program"),
        ("{command: {run: []}}", "1:30", "begins with its program", "write [program"),
        ("{command: {run: [a], timout: 3s}}", "1:35", "no key `timout`", "did you mean `timeout`?"),
        ("{command: {timeout: 3s}}", "1:24", "no `run`", "write {command:"),
        ("{command: {run: [a], timeout: 0}}", "1:44", "up to 600 seconds", "write it as"),
        ("{command: {run: [a], timeout: 1h}}", "1:44", "up to 600 seconds", "write it as"),
        ("{command: [a, true]}", "1:28", "is a text", "quotes"),
        ("{command: [a, <<b>>]}", "1:28", "cannot hold a template", "write it out"),
        ('{command: [a, "\\0"]}', "1:24", "NUL", "take it away"),
        ("{env: ''}", "1:20", "`env` is empty", "write {env: NAME}"),
        ("{keyring: /x}", "1:24", "SERVICE/USER", "write {keyring: SERVICE/USER}"),
        ("{keyring: x/}", "1:24", "SERVICE/USER", "write {keyring: SERVICE/USER}"),
        ("{keyrng: x}", "1:15", "no key `keyrng`", "did you mean `keyring`?"),
        ("[a, null]", "1:18", "a source is a text or a map", "write {env"),
    ],
)
def test_a_mistake_in_a_source_is_told_at_its_place(
    tmp_path: Path, text: str, place: str, message: str, hint: str
) -> None:
    write(tmp_path, us__env=f"secrets: {{s: {text}}}\n")
    path = tmp_path / "environments" / "us.yaml"
    with pytest.raises(InputError) as caught:
        read_environment([str(path)], tmp_path)
    problem = caught.value.problems[0]
    assert message in problem.message
    assert str(problem.location).endswith(f"us.yaml:{place}")
    assert hint in (problem.hint or "")
    checked = zrun(tmp_path, "check")
    assert checked.status == 2
    assert message in checked.err


def test_the_parts_of_a_keyring_source(tmp_path: Path) -> None:
    write(
        tmp_path,
        us__env="secrets: {a: {keyring: zrun/us}, client-id: {keyring: zrun}, c: {keyring: 'https://h/p/me'}}\n",
    )
    found = read_environment([str(tmp_path / "environments" / "us.yaml")], tmp_path).secrets
    parts = [(source.argument, source.user) for name in found for source in found[name].sources]
    assert parts == [("zrun", "us"), ("zrun", "client-id"), ("https://h/p", "me")]


@pytest.fixture
def keyring_file(tmp_path: Path) -> dict[str, str]:
    """The process environment in which the keyring is a plain file of this test's."""
    (tmp_path / "data").mkdir()
    return {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring", "XDG_DATA_HOME": str(tmp_path / "data")}


def in_keyring(variables: dict[str, str], *words: str, given: str = "") -> None:
    """`keyring WORDS`: the library's own command, as a person uses it."""
    command = [sys.executable, "-m", "keyring", *words]
    subprocess.run(command, env=environment(**variables), input=given, text=True, check=True, capture_output=True)


def test_a_secret_comes_from_the_keyring(tmp_path: Path, server: Server, keyring_file: dict[str, str]) -> None:
    write(tmp_path, c=COLLECTION, us__env=f"variables: {{url: {server.url}}}\nsecrets: {{key: {{keyring: zrun/us}}}}\n")
    missing = zrun(tmp_path, "c.yaml", "-e", "us", **keyring_file)
    assert missing.status == 2
    assert "put it into the keyring: `keyring set zrun us`" in missing.err
    assert not server.seen
    in_keyring(keyring_file, "set", "zrun", "us", given="made-up-of-the-keyring")
    done = zrun(tmp_path, "c.yaml", "-e", "us", "-vv", **keyring_file)
    assert done.status == 0, done.err
    assert server.headers[0]["x-key"] == "made-up-of-the-keyring"
    assert "made-up-of" not in done.out + done.err
    shown = zrun(tmp_path, "vars", "c.yaml", "-e", "us", **keyring_file)
    assert "the keyring, zrun/us" in shown.out


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}, "no keyring that can be used"),
        ({"PYTHON_KEYRING_BACKEND": "made.up.Backend"}, "the keyring failed"),
        ({"PYTHONPATH": "without"}, "pip install 'zrun[keyring]'"),
    ],
)
def test_without_a_keyring_it_is_told_or_the_next_source_is_tried(
    tmp_path: Path, server: Server, variables: dict[str, str], message: str
) -> None:
    hidden = tmp_path / "without" / "keyring.py"  # as if the extra were not installed
    hidden.parent.mkdir()
    hidden.write_text("raise ModuleNotFoundError('no', name='keyring')\n")
    variables = {name: text.replace("without", str(hidden.parent)) for name, text in variables.items()}
    env = f"variables: {{url: {server.url}}}\nsecrets: {{key: [{{keyring: zrun/us}}, {{env: MADE_UP_KEY}}]}}\n"
    write(tmp_path, c=COLLECTION, us__env=env)
    done = zrun(tmp_path, "c.yaml", "-e", "us", **variables)
    assert done.status == 2
    assert message in done.err
    assert "set MADE_UP_KEY" in done.err
    assert not server.seen
    assert zrun(tmp_path, "c.yaml", "-e", "us", MADE_UP_KEY="made-up-key", **variables).status == 0


_SLOW = """
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A project whose secret comes from a command that hangs; where it says that it runs."""
    (tmp_path / "slow.py").write_text(_SLOW)
    mark = tmp_path / "mark"
    env = f"""\
variables: {{url: "http://127.0.0.1:9"}}
secrets: {{key: {{command: {{run: [{sys.executable}, slow.py, {mark}], timeout: 60s}}}}}}
"""
    write(tmp_path, c=COLLECTION, us__env=env)
    (tmp_path / "slow.py").rename(tmp_path / "environments" / "slow.py")
    yield tmp_path, mark
    if mark.exists() and psutil.pid_exists(int(mark.read_text())):
        psutil.Process(int(mark.read_text())).kill()


def test_ctrl_c_ends_a_command_too(slow: tuple[Path, Path]) -> None:
    folder, mark = slow
    own = {"XDG_CONFIG_HOME": str(folder / "config")}
    assert zrun(folder, "trust", "environments/us.yaml", **own).status == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", "-e", "us"],
        cwd=folder,
        env=environment(**own),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (mark.exists() and mark.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert said == "zrun: interrupted\n"
    assert not psutil.pid_exists(int(mark.read_text()))


def test_env_tells_where_each_secret_would_come_from_and_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    env = f"""\
secrets:
  a: {{command: [touch, {mark}, made-up-argument]}}
  b: [{{env: MADE_UP_B}}, {{file: b.txt}}, {{prompt: B}}]
  c: {{keyring: zrun/us}}
  d: {{env: MADE_UP_D}}
  e: # captured
"""
    write(tmp_path, us__env=env)
    own = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "MADE_UP_D": "made-up-d", "ZRUN_SECRET_E": "made-up-e"}
    done = zrun(tmp_path, "env", "us", **own)
    assert done.status == 0
    assert done.out.splitlines() == [
        "nothing is kept for us",
        "a  the command `touch` does not run: environments/us.yaml is not trusted to run commands; look at it, then "
        "`zrun trust environments/us.yaml`",
        "b  not in $MADE_UP_B, the file b.txt; from a prompt, on a terminal",
        "c  from the keyring, zrun/us",
        "d  from $MADE_UP_D",
        "e  from $ZRUN_SECRET_E",
    ]
    assert zrun(tmp_path, "trust", "us", **own).status == 0
    assert zrun(tmp_path, "env", "us", **own).out.splitlines()[1] == "a  from a command"
    assert not mark.exists()
