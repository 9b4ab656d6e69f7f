"""`zrun exec`: what the command gets, what it does not, and how its end becomes zrun's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import sandbox
from tests.auth.sandboxed import Project
from tests.auth.sandboxed import project as made
from tests.commands import Done, environment, write, zrun
from tests.servers import raw_server

_SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ), os.getpid()]))"
EMBEDDED = "sandbox: zoho\noauth2: {zoho: {preset: zoho}}\n"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[sandbox.Running]:
    with sandbox.start(tmp_path / "zoho.sqlite") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, running: sandbox.Running) -> Project:
    return made(tmp_path / "project", running)


def shown(done: Done) -> dict[str, str]:
    assert done.status == 0, done.err
    variables: dict[str, str] = done.document[1]
    return variables


def test_the_command_gets_the_token_and_the_plain_variables(project: Project) -> None:
    variables = shown(project.zrun("exec", "-e", "us", "--", sys.executable, "-c", _SHOW))
    assert variables["ZRUN_ACCESS_TOKEN"] == project.kept("access-token")
    assert project.accepted(variables["ZRUN_ACCESS_TOKEN"])
    assert variables["ZRUN_API_DOMAIN"] == project.running.url
    assert variables["ZRUN_GREETING"] == "it's us"
    assert int(variables["ZRUN_ACCESS_TOKEN_EXPIRES_AT"]) > time.time()


def test_other_secrets_are_withheld_whichever_way_they_came(project: Project) -> None:
    assert project.zrun("token", "-e", "us").status == 0
    given = {
        "ZRUN_VAR_REFRESH_TOKEN": str(project.kept("refresh-token")),
        "ZRUN_VAR_CLIENT_ID": project.running.client_id,
        "ZRUN_SECRET_CLIENT_SECRET": project.running.client_secret,
    }
    done = project.zrun("exec", "-e", "us", "--", sys.executable, "-c", _SHOW, **given)
    text = json.dumps(shown(done))
    for secret in (project.running.client_secret, project.running.client_id, str(project.kept("refresh-token"))):
        assert secret not in text
    assert project.variables["MADE_UP_GRANT"] not in text


def test_without_private_state_a_refresh_token_from_outside_will_do(project: Project, tmp_path: Path) -> None:
    assert project.zrun("token", "-e", "us").status == 0
    fresh = write(tmp_path / "ci", us__env=(project.folder / "environments" / "us.yaml").read_text())
    refresh = str(project.kept("refresh-token"))
    given = {**project.variables, "MADE_UP_GRANT": "", "ZRUN_VAR_REFRESH_TOKEN": refresh}
    done = zrun(fresh, "exec", "-e", "us", "--", sys.executable, "-c", _SHOW, **given)
    assert project.accepted(shown(done)["ZRUN_ACCESS_TOKEN"])
    assert refresh not in done.out
    assert project.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_a_secret_is_given_when_it_is_asked_for(project: Project) -> None:
    extra = ("--with", "client-secret", "--with", "refresh-token")
    variables = shown(project.zrun("exec", "-e", "us", *extra, "--", sys.executable, "-c", _SHOW))
    assert variables["ZRUN_CLIENT_SECRET"] == variables["MADE_UP_SECRET"] == project.running.client_secret
    assert variables["ZRUN_REFRESH_TOKEN"] == project.kept("refresh-token")
    assert "MADE_UP_ID" not in variables
    wrong = project.zrun("exec", "-e", "us", "--with", "client-secrt", "--", "true")
    assert wrong.status == 2
    assert "did you mean `client-secret`?" in wrong.err


def test_a_variable_of_the_environment_never_steers_a_zrun_inside(project: Project) -> None:
    path = project.folder / "environments" / "us.yaml"
    path.write_text(path.read_text().replace("region: us", "region: us, debug: '1', var-region: eu"))
    variables = shown(project.zrun("exec", "-e", "us", "--", sys.executable, "-c", _SHOW))
    assert "ZRUN_DEBUG" not in variables
    assert "ZRUN_VAR_REGION" not in variables


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX replaces the process")
def test_the_command_takes_zruns_place_and_no_token_is_on_a_command_line(project: Project) -> None:
    code = "import time; print(open('/proc/self/cmdline').read(), flush=True); time.sleep(30)"
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "exec", "-e", "us", "--", sys.executable, "-c", code],
        cwd=project.folder,
        env=environment(**project.variables),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        cmdline = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert "time.sleep" in cmdline
        assert "runner" not in cmdline.split("\0")
        assert str(project.kept("access-token")) not in cmdline + line
        process.send_signal(signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("which", ["us", "sandbox"])
def test_the_exit_status_and_arguments_pass_through(project: Project, which: str) -> None:
    write(project.folder, sandbox__env=EMBEDDED)
    done = project.zrun(
        "exec", "-e", which, "--", "sh", "-c", 'printf "%s|" "$@"; exit 42', "sh", "a b", "--", "-e", ""
    )
    assert (done.status, done.out) == (42, "a b|--|-e||")


def test_with_an_embedded_sandbox_the_command_can_call_it(tmp_path: Path) -> None:
    write(tmp_path, sandbox__env=EMBEDDED)
    code = (
        "import os, urllib.request as r; e = os.environ;"
        "q = r.Request(e['ZRUN_API_DOMAIN'] + '/crm/v8/org');"
        "q.add_header('Authorization', 'Zoho-oauthtoken ' + e['ZRUN_ACCESS_TOKEN']);"
        "print(r.urlopen(q).status)"
    )
    done = zrun(tmp_path, "exec", "-e", "sandbox", "--", sys.executable, "-c", code)
    assert (done.status, done.out) == (0, "200\n"), done.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_with_an_embedded_sandbox_signals_reach_the_command(tmp_path: Path, number: int) -> None:
    write(tmp_path, sandbox__env=EMBEDDED)
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "exec", "-e", "sandbox", "--", "sh", "-c", "echo up; exec sleep 30"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
    assert process.returncode == -number


def test_a_command_that_is_not_there_is_127_before_a_token_is_asked_for(project: Project) -> None:
    done = project.zrun("exec", "-e", "us", "--", "no-such-program")
    assert (done.status, done.out) == (127, "")
    assert "there is no command no-such-program" in done.err
    assert project.calls() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_what_cannot_be_run_is_126(project: Project) -> None:
    plain = project.folder / "plain.txt"
    plain.write_text("made up\n")
    assert project.zrun("exec", "-e", "us", "--", "./plain.txt").status == 126
    plain.chmod(0o755)
    plain.write_text("#!/no/such/interpreter\n")
    done = project.zrun("exec", "-e", "us", "--", "./plain.txt")
    assert done.status == 126
    assert "plain.txt cannot be run" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_closed_pipe_ends_the_command_as_in_a_shell(project: Project) -> None:
    """Python ignores SIGPIPE; what runs in its place had better not."""
    read, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "exec", "-e", "us", "--", "sh", "-c", "sleep 0.2; echo a; echo b; exit 0"],
        cwd=project.folder,
        env=environment(**project.variables),
        stdout=write_end,
    )
    os.close(write_end)
    os.close(read)
    assert process.wait(30) == -signal.SIGPIPE


def test_what_a_collection_captures_neither_trusts_commands_nor_takes_the_tokens_name(project: Project) -> None:
    assert project.zrun("token", "-e", "us").status == 0
    answer = {"trust": f"sha256:{'a' * 64}", "mine": "made-up token of somebody else"}
    body = json.dumps(answer).encode()
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        captures = "{trust: {from: json $.trust, save: true}, access_token: {from: json $.mine, save: true}}"
        write(project.folder, c=f"requests: {{a: {{get: {url}/, capture: {captures}}}}}\n")
        assert project.zrun("c.yaml", "-e", "us").status == 0
    assert project.kept("trust") == answer["trust"]
    variables = shown(project.zrun("exec", "-e", "us", "--", sys.executable, "-c", _SHOW))
    assert "ZRUN_TRUST" not in variables
    assert variables["ZRUN_ACCESS_TOKEN"] == project.kept("access-token")


def test_half_a_character_is_told(project: Project) -> None:
    body = b'{"x": "\\ud800"}'
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        write(
            project.folder, c=f"requests: {{a: {{get: {url}/, capture: {{half: {{from: json $.x, save: true}}}}}}}}\n"
        )
        assert project.zrun("c.yaml", "-e", "us").status == 0
    done = project.zrun("exec", "-e", "us", "--", sys.executable, "-c", _SHOW)
    assert done.status == 2
    assert "ZRUN_HALF" in done.err


@pytest.mark.parametrize("request_", ["a: {REQUEST}", "oauth2: {requests: {zoho: {REQUEST}}}"])
@pytest.mark.parametrize(
    "command", [("exec", "-e", "us", "--", sys.executable, "-c", _SHOW), ("token", "-e", "us", "--format", "env")]
)
def test_no_token_is_given_beside_an_address_that_a_collection_put_in_place_of_the_written_one(
    command: tuple[str, ...], request_: str, project: Project
) -> None:
    assert project.zrun("token", "-e", "us").status == 0
    body = b'{"d": "https://evil.example"}'
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        written = request_.replace("REQUEST", f"get: {url}/, capture: {{api-domain: json $.d}}")
        write(project.folder, c=f"requests: {{{written}}}\n")
        assert project.zrun("c.yaml", "-e", "us").status == 0
    done = project.zrun(*command)
    assert done.status == 5, done.out
    assert not done.out
    assert "zrun env us --forget api-domain" in done.err
    assert project.zrun("env", "us", "--forget", "api-domain").status == 0
    assert project.zrun(*command).status == 0
