"""Secrets given from outside: ZRUN_SECRET_NAME and --secrets-file win over sources, lose to what grew from them, and are
never on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner import seeds
from runner.files import secrets_file
from runner.files.state import State
from runner.scope import Captured, Origin, Scope, Sources
from runner.values import Secret, reveal
from tests.commands import Done, environment, write, zrun
from tests.servers import Server

COLLECTION = "requests:\n  one:\n    get: <<url>>/echo\n    headers: {X-Key: <<client-secret>>}\n"
ENVIRONMENT = "variables: {{url: {url}}}\nsecrets: {{client-secret: {{env: MADE_UP_SOURCE}}, refresh-token: }}\n"


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Path:
    return write(tmp_path, c=COLLECTION, us__env=ENVIRONMENT.format(url=server.url))


def private(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


def sent(server: Server, done: Done) -> str:
    assert done.status == 0, done.err
    assert "made-up" not in done.out + done.err
    return server.headers[-1]["x-key"]


def test_the_process_environment_wins_over_sources_and_the_file_over_both(project: Path, server: Server) -> None:
    run = ("c.yaml", "-e", "us", "-vv")
    given = {"MADE_UP_SOURCE": "made-up-of-a-source"}
    assert sent(server, zrun(project, *run, **given)) == "made-up-of-a-source"
    given["ZRUN_VAR_CLIENT_SECRET"] = "made-up-variable"
    assert sent(server, zrun(project, *run, **given)) == "made-up-variable"
    given["ZRUN_SECRET_CLIENT_SECRET"] = ""
    assert sent(server, zrun(project, *run, **given)) == "made-up-variable"
    given["ZRUN_SECRET_CLIENT_SECRET"] = "made-up-given"
    assert sent(server, zrun(project, *run, **given)) == "made-up-given"
    assert "$ZRUN_SECRET_CLIENT_SECRET" in zrun(project, "vars", "c.yaml", "-e", "us", **given).out
    private(project / "s.env", "CLIENT_SECRET=made-up-of-a-file\n")
    done = zrun(project, *run, "--secrets-file", "s.env", **given)
    assert sent(server, done) == "made-up-of-a-file"
    shown = zrun(project, "vars", "c.yaml", "-e", "us", "--secrets-file", "s.env", **given)
    assert "--secrets-file (s.env:1:1)" in shown.out
    assert "made-up" not in shown.out


def test_a_token_that_a_collection_captures_can_be_given_without_being_declared(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  exchange:
    when: <<refresh-token is missing>>
    post: {server.url}/token
    capture: {{refresh-token: json $.refresh_token}}
  use:
    get: {server.url}/echo
    headers: {{X-Key: <<refresh-token>>}}
"""
    write(tmp_path, c=text, us__env=f"variables: {{url: {server.url}}}\n")
    given = {"ZRUN_SECRET_REFRESH_TOKEN": "made-up-refresh"}
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us", "-v", **given)) == "made-up-refresh"
    (tmp_path / "given.env").write_text("REFRESH_TOKEN=made-up-of-a-file\n")
    (tmp_path / "given.env").chmod(0o600)
    done = zrun(tmp_path, "c.yaml", "-v", "--secrets-file", "given.env")  # a file is given to this very collection
    assert sent(server, done) == "made-up-of-a-file"
    server.seen.clear()
    # The process environment is there for any collection, which may not send of it where no environment says.
    assert zrun(tmp_path, "c.yaml", "-v", **given).status == 5
    assert not server.seen
    assert "/token" not in [path for _, path, *_ in server.seen]


def test_what_nobody_declares_is_left_alone(project: Path, server: Server) -> None:
    assert (
        zrun(project, "c.yaml", "-e", "us", ZRUN_SECRET_OTHER="made-up", MADE_UP_SOURCE="made-up-of-a-source").status
        == 0
    )
    names = zrun(project, "vars", "c.yaml", "-e", "us", ZRUN_SECRET_OTHER="made-up", ZRUN_SECRET_URL="made-up").out
    assert "other" not in names
    assert server.url in names


# Rotation: each refresh gives a new refresh token, and the server takes the newest alone.


def captured(project: Path) -> str:
    text: str = reveal(State(project, "us").read()["refresh-token"].value)
    return text


def scope_with(given: str | None, kept: Captured | None) -> Scope:
    outside = {"t": (Secret(given, "t"), Origin("process", "ZRUN_SECRET_T"))} if given else {}
    return Scope(Sources(captured={"t": kept} if kept else {}, outside=outside))


def rotated(given: str | None, kept: Captured | None, value: str) -> Captured:
    """What is kept after a run that was given `given`, had `kept`, and captured `value`."""
    scope = scope_with(given, kept)
    scope.capture("t", Captured(Secret(value, "t"), "refresh", 1.0))
    assert scope.get("t") == Secret(value, "t")  # within the run the new one counts at once
    found = scope.captured("t")
    assert found
    return found


def used(given: str | None, kept: Captured | None) -> str:
    found = scope_with(given, kept).get("t")
    assert isinstance(found, Secret)
    return found.reveal()


def test_a_seed_never_comes_back_over_what_grew_from_it() -> None:
    assert used("seed", None) == "seed"
    one = rotated("seed", None, "one")
    assert used("seed", one) == "one"
    assert used(None, one) == "one"
    two = rotated("seed", one, "two")
    assert used("seed", two) == "two"
    three = rotated(None, two, "three")  # a run without the variable, between two with it
    assert used("seed", three) == "three"


def test_another_seed_is_a_new_word() -> None:
    one = rotated("seed", None, "one")
    assert used("other", one) == "other"
    two = rotated("other", one, "two")
    assert used("other", two) == "two"
    assert used("mine", rotated(None, None, "captured")) == "mine"  # captured where nothing had been given


def test_a_mark_tells_nothing_but_whether_it_is_the_same() -> None:
    secret = Secret("made-up-seed", "t")
    first, second = seeds.mark(secret), seeds.mark(secret)
    assert first != second
    assert seeds.is_of(first, secret)
    assert seeds.is_of(second, secret)
    assert not seeds.is_of(first, Secret("made-up-other", "t"))
    assert not seeds.is_of("", secret)
    assert not seeds.is_of("damaged", secret)


def test_ci_rotates_a_given_refresh_token_whether_its_state_is_kept_or_not(tmp_path: Path, server: Server) -> None:
    """The server's tokens count up. With state the next run sends the last one; without, the seed again."""
    text = """\
requests:
  refresh:
    post: <<url>>/token
    headers: {X-Key: <<refresh-token>>}
    capture: {refresh-token: json $.refresh_token}
"""
    write(tmp_path, c=text, us__env=ENVIRONMENT.format(url=server.url))
    given = {"ZRUN_SECRET_REFRESH_TOKEN": "made-up-seed"}
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us", **given)) == "made-up-seed"
    first = captured(tmp_path)
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us", **given)) == first
    second = captured(tmp_path)
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us")) == second
    third = captured(tmp_path)
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us", **given)) == third
    other = {"ZRUN_SECRET_REFRESH_TOKEN": "made-up-new-seed"}
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us", **other)) == "made-up-new-seed"
    assert "made-up-seed" not in State(tmp_path, "us").path.read_text()
    State(tmp_path, "us").forget_all()
    assert sent(server, zrun(tmp_path, "c.yaml", "-e", "us", **given)) == "made-up-seed"


# --secrets-file


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("A=1\n\n# c\nexport B = two words \nC='x # y'\nD=\"q\\\"\\n\\\\ $x\"\nE==a=b\n",
         {"A": "1", "B": "two words", "C": "x # y", "D": 'q"\n\\ $x', "E": "=a=b"}),
        ("\ufeffclient-secret=x\r\nother=y\r\n", {"client-secret": "x", "other": "y"}),
        ("client-secret: made up\npem: |\n  a\n  b\nn: 5\n", {"client-secret": "made up", "pem": "a\nb\n", "n": "5"}),
        ('{"client-secret": "\\ud83d\\ude42", "b": 1.5}', {"client-secret": "🙂", "b": "1.5"}),
    ],
)  # fmt: skip
def test_the_forms_of_a_file_of_secrets(tmp_path: Path, text: str, entries: dict[str, str]) -> None:
    found = secrets_file.read(private(tmp_path / "s", text))
    assert {entry.name: entry.text for entry in found} == entries
    assert "made up" not in repr(found)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", ":1:1", "no secret in it"),
        ("# a comment\n", ":1:1", "no secret in it"),
        ("A=made-up\nmade-up-secret\n", ":2:1", "not NAME=value"),
        ("A=made-up # or not\n", ":1:3", "may be a comment"),
        ("A='made-up\n", ":1:3", "not closed"),
        ("A='made'up'\n", ":1:3", "quote within the quotes"),
        ('A="made"up"\n', ":1:3", "a quote or a backslash"),
        ('A="made\\up"\n', ":1:3", "a quote or a backslash"),
        ("A=made-up\nA=made-up\n", ":2:1", "twice; first on line 1"),
        ("A=\n", ":1:1", "`A` is empty"),
        ("a: {made-up: 1}\n", ":1:1", "`a` is not a text"),
        ("a: true\n", ":1:1", "`a` is not a text"),
        ("a: @made-up\n", ":1:4", "not `name: value`"),
        ("- made-up\n", ":1:1", "not `name: value`"),
        ('{"a": made-up}', ":1:7", "not JSON"),
        ('{"a": "made-up", "a": "made-up"}', ":1:1", "twice"),
    ],
)
def test_a_mistake_in_a_file_of_secrets_shows_none(project: Path, text: str, place: str, message: str) -> None:
    private(project / "s", text)
    done = zrun(project, "c.yaml", "-e", "us", "--secrets-file", "s")
    assert done.status == 2
    assert f"s{place}: " in done.err
    assert message in done.err
    assert "made-up" not in done.err


def test_an_unknown_name_is_a_mistake(project: Path, server: Server) -> None:
    private(project / "s", "CLIENT_SECRTE=made-up\nquite-other=made-up\n")
    for command in ((), ("check",), ("plan",), ("vars",)):
        done = zrun(project, *command, "c.yaml", "-e", "us", "--secrets-file", "s")
        assert done.status == 2
        assert "s:1:1: `CLIENT_SECRTE` is not a secret here" in done.err
        assert "did you mean `CLIENT_SECRET`?" in done.err
        assert "s:2:1: `quite-other` is not a secret here" in done.err
        assert "made-up" not in done.err
    assert not server.seen


def test_a_file_that_others_can_read_is_refused(project: Path) -> None:
    path = private(project / "s", "CLIENT_SECRET=made-up\n")
    for mode in (0o644, 0o640, 0o604, 0o620):
        path.chmod(mode)
        done = zrun(project, "c.yaml", "-e", "us", "--secrets-file", "s")
        assert done.status == 2
        assert "can be read by others" in done.err
        assert "chmod 600 s" in done.err
    for wrong, message in (("none", "cannot read"), (".", "cannot read"), ("/dev/null", "neither a file nor a pipe")):
        done = zrun(project, "c.yaml", "-e", "us", "--secrets-file", wrong)
        assert done.status == 2
        assert message in done.err


def test_secrets_come_through_a_pipe(project: Path, server: Server) -> None:
    reading, writing = os.pipe()
    os.write(writing, json.dumps({"client-secret": "made-up-of-a-pipe"}).encode())
    os.close(writing)
    command = [sys.executable, "-m", "runner", "c.yaml", "-e", "us", "--secrets-file", f"/dev/fd/{reading}"]
    done = subprocess.run(command, cwd=project, env=environment(), pass_fds=[reading], capture_output=True, text=True)
    os.close(reading)
    assert done.returncode == 0, done.stderr
    assert server.headers[0]["x-key"] == "made-up-of-a-pipe"


# Never on the command line


@pytest.mark.parametrize("word", ["client-secret=made-up-key", "client-secret:=5", "refresh-token=made-up-key"])
def test_a_secret_on_the_command_line_is_refused(project: Path, server: Server, word: str) -> None:
    name = word.partition("=")[0].rstrip(":")
    for command in ((), ("check",), ("plan",), ("vars",)):
        done = zrun(project, *command, "c.yaml", "-e", "us", "--var", word, MADE_UP_SOURCE="made-up-source")
        assert done.status == 2
        assert f"`{name}` is a secret, and --var shows it to every user of this machine" in done.err
        assert f"ZRUN_SECRET_{name.upper().replace('-', '_')}=..." in done.err
        assert "--secrets-file" in done.err
        assert "made-up" not in done.err
    assert not server.seen


def test_a_token_on_the_command_line_is_refused_without_an_environment(tmp_path: Path, server: Server) -> None:
    text = f"""\
requests:
  a: {{post: "{server.url}/token", capture: {{t: json $.access_token, u: json $.expires_in, v: {{from: text, secret: true}}}}}}
"""
    write(tmp_path, c=text)
    assert zrun(tmp_path, "c.yaml", "--var", "t=made-up").status == 2
    assert zrun(tmp_path, "c.yaml", "--var", "v=made-up").status == 2
    assert zrun(tmp_path, "c.yaml", "--var", "u=5").status == 0


def test_no_list_of_processes_shows_a_secret(project: Path, server: Server) -> None:
    """While a command runs for a secret, and while a request is on its way."""
    code = """
import os, pathlib, sys
lines = [p.read_bytes() for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if p.parent.name != str(os.getpid())]
open(sys.argv[1], "wb").write(b"\\n".join(lines) + open("/proc/self/cmdline", "rb").read())
print("made-up-of-a-" + "command")
"""
    words = json.dumps([sys.executable, "-c", code, str(project / "seen")])
    env = f"variables: {{url: {server.url}}}\nsecrets: {{client-secret: {{command: {words}}}, refresh-token: }}\n"
    collection = COLLECTION.replace("}", ", X-Other: <<refresh-token>>}")
    write(project, c=collection, us__env=env)
    private(project / "s", "REFRESH_TOKEN=made-up-in-a-file\n")
    own = {"XDG_CONFIG_HOME": str(project / "config"), "ZRUN_SECRET_REFRESH_TOKEN": "made-up-given"}
    assert zrun(project, "trust", "us", **own).status == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "c.yaml", "-e", "us", "--secrets-file", "s"],
        cwd=project,
        env=environment(**own),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    lines = b""
    while process.poll() is None:
        lines += Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert process.returncode == 0
    seen = (project / "seen").read_bytes()
    assert b"--secrets-file" in seen
    for secret in (b"made-up-of-a-command", b"made-up-in-a-file", b"made-up-given"):
        assert secret not in seen + lines
    assert server.headers[-1]["x-key"] == "made-up-of-a-command"
    assert server.headers[-1]["x-other"] == "made-up-in-a-file"
