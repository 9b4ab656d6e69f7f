"""`zrun token`, and its status, refresh and revoke, as processes against a running sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from runner import sandbox
from tests.auth.sandboxed import ENVIRONMENT, Project
from tests.auth.sandboxed import project as made
from tests.commands import environment, write, zrun
from tests.servers import Server
from tests.terminals import at_a_terminal


@pytest.fixture
def running(tmp_path: Path) -> Iterator[sandbox.Running]:
    with sandbox.start(tmp_path / "zoho.sqlite") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, running: sandbox.Running) -> Project:
    return made(tmp_path / "project", running)


def test_the_token_alone_is_printed_and_reused(project: Project) -> None:
    first = project.zrun("token", "-e", "us")
    assert (first.status, first.err) == (0, "")
    assert first.out.endswith("\n")
    assert project.accepted(first.out.strip())
    assert first.out.strip() == project.kept("access-token")
    assert project.zrun("token", "-e", "us").out == first.out
    assert project.calls() == {"authorization_code": 1}


def test_a_token_with_too_little_life_left_is_replaced(project: Project) -> None:
    first = project.zrun("token", "-e", "us").out
    assert project.zrun("token", "-e", "us", "--min-ttl", "30m").out == first
    assert project.zrun("token", "-e", "us", "--min-ttl", "30m", "--clock", "+29m").out == first
    later = project.zrun("token", "-e", "us", "--min-ttl", "30m", "--clock", "+31m")
    assert later.status == 0
    assert later.out != first
    assert project.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_more_life_than_a_token_has_is_told_and_burns_none(project: Project) -> None:
    project.zrun("token", "-e", "us")
    for _ in range(3):
        done = project.zrun("token", "-e", "us", "--min-ttl", "2h")
        assert (done.status, done.out) == (2, "")
        assert "no token of `zoho` is good for 2 h: they live for 1 h" in done.err
    assert project.calls() == {"authorization_code": 1}


def test_more_life_than_the_first_token_has_is_told_when_it_has_come_and_been_kept(project: Project) -> None:
    for _ in range(2):
        assert project.zrun("token", "-e", "us", "--min-ttl", "2h").status == 2
    assert project.calls() == {"authorization_code": 1}
    assert project.kept("refresh-token")


def test_a_token_that_lives_shorter_than_refresh_before_is_reused_for_half_its_life(project: Project) -> None:
    project.switch(token_lifetime=120)
    first = project.zrun("token", "-e", "us").out
    assert project.zrun("token", "-e", "us", "--clock", "+50s").out == first
    assert project.zrun("token", "-e", "us", "--clock", "+70s").out != first


def test_a_token_without_a_known_expiry_is_given_with_a_word_on_it(tmp_path: Path, server: Server) -> None:
    env = f"""\
variables: {{home: {server.url}}}
oauth2: {{other: {{token-url: <<home>>/made-up, grant: client_credentials, client-id: a, client-secret: <<word>>}}}}
secrets: {{word: {{env: MADE_UP_WORD}}}}
"""
    write(tmp_path, us__env=env)
    server.hook = lambda _method, _path: (200, {"access_token": "made-up-access-token"})
    variables = {"MADE_UP_WORD": "made-up-secret"}
    assert zrun(tmp_path, "token", "-e", "us", **variables).err == ""
    done = zrun(tmp_path, "token", "-e", "us", "--min-ttl", "1h", **variables)
    assert (done.status, done.out) == (0, "made-up-access-token\n")
    assert "did not say how long the token is good" in done.err
    assert len(server.seen) == 1


def test_the_header_line_is_one_that_curl_takes(project: Project) -> None:
    done = project.zrun("token", "-e", "us", "--format", "header")
    assert done.out == f"Authorization: Zoho-oauthtoken {project.kept('access-token')}\n"


def test_json_holds_what_a_program_wants_to_know(project: Project) -> None:
    document = project.zrun("token", "-e", "us", "--format", "json").document
    assert document["access_token"] == project.kept("access-token")
    assert (document["token_type"], document["header"]) == ("Zoho-oauthtoken", "Authorization")
    assert 3500 < document["expires_in"] <= 3600
    assert document["expires_at"].endswith("Z")
    assert document["api_domain"] == project.running.url


def test_env_lines_are_safe_to_evaluate_whatever_the_values_hold(project: Project) -> None:
    evil = "a'b\"c $(exit 9) `exit 9`\n\\ ;#é*"
    done = project.zrun("token", "-e", "us", "--format", "env", "--var", f"region={evil}")
    shell = ["sh", "-c", 'eval "$1"; printf %s "$ZRUN_GREETING|$ZRUN_ACCESS_TOKEN"', "sh", done.out]
    shown = subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    assert shown == f"it's {evil}|{project.kept('access-token')}"
    assert "HIDDEN" not in done.out
    assert project.running.client_secret not in done.out


def test_one_of_several_providers_is_to_be_named(project: Project, running: sandbox.Running) -> None:
    more = "}\n  other: {preset: zoho, token-prefix: other"
    (project.folder / "environments" / "us.yaml").write_text(ENVIRONMENT.format(url=running.url, more=more))
    done = project.zrun("token", "-e", "us")
    assert done.status == 2
    assert "us.yaml declares several OAuth 2.0 providers: zoho, other" in done.err
    assert "--provider zoho" in done.err
    named = project.zrun("token", "-e", "us", "--provider", "other", "--format", "env")
    assert "export ZRUN_OTHER_ACCESS_TOKEN=" in named.out
    wrong = project.zrun("token", "-e", "us", "--provider", "othr")
    assert "did you mean `other`?" in wrong.err


def test_an_environment_without_a_provider_is_told_how_to_declare_one(project: Project) -> None:
    path = project.folder / "environments" / "us.yaml"
    path.write_text("variables: {accounts-domain: 'https://accounts.zoho.com'}\n")
    done = project.zrun("token", "-e", "us")
    assert done.status == 2
    assert "us.yaml declares no OAuth 2.0 provider" in done.err
    assert "add the line `oauth2: {zoho: {preset: zoho}}`" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["token"], "no environment is named"),
        (["token", "-e", "us", "--min-ttl", "soon"], "--min-ttl is not a duration"),
        (["token", "-e", "us", "--format", "yaml"], "invalid choice"),
        (["token", "-e", "nowhere"], "there is no environment"),
        (["token", "watch", "-e", "us", "--every", "5s"], "gives one token in 1 m, over time"),
        (["token", "watch", "-e", "us", "--", "no-such-program"], "there is no command no-such-program"),
        (["exec", "-e", "us"], "there is no command: write it behind `--`"),
    ],
)
def test_a_mistake_is_told_and_nothing_sent(project: Project, arguments: list[str], words: str) -> None:
    done = project.zrun(*arguments)
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert project.calls() == {}


def test_what_is_missing_is_told_before_anything_is_sent(project: Project) -> None:
    done = zrun(project.folder, "token", "-e", "us")
    assert done.status == 2
    assert "set MADE_UP_ID" in done.err
    assert "set MADE_UP_SECRET" in done.err
    assert project.calls() == {}


def test_status_sends_nothing_and_tells_age_expiry_origin_and_budget(project: Project) -> None:
    none = project.zrun("token", "status", "-e", "us")
    assert none.status == 0
    assert "access-token   none" in none.out
    assert project.calls() == {}
    project.zrun("token", "-e", "us")
    requests = httpx.get(f"{project.running.url}/_sandbox/state").json()["requests"]
    done = project.zrun("token", "status", "-e", "us", "--clock", "+10m", "--format", "json")
    (found,) = done.document["providers"]
    access, refresh = found["tokens"]
    assert (access["from"], refresh["from"]) == ("oauth2/zoho", "oauth2/zoho")
    assert 600 <= access["age"] < 700
    assert 2900 < access["expires_in"] <= 3000
    assert found["budget"] == {"count": 10, "within": 600.0, "left": 10}
    assert "good for" in project.zrun("token", "status", "-e", "us").out
    assert "expired" in project.zrun("token", "status", "-e", "us", "--clock", "+2h").out
    assert httpx.get(f"{project.running.url}/_sandbox/state").json()["requests"] == requests
    for name in ("access-token", "refresh-token"):
        assert str(project.kept(name)) not in done.out


def test_status_tells_the_last_failure_until_there_is_a_token_again(project: Project) -> None:
    project.zrun("token", "-e", "us")
    wrong = project.zrun("token", "refresh", "-e", "us", MADE_UP_SECRET="made-up-wrong-secret")
    assert wrong.status == 4
    assert "invalid_client_secret: the client secret is wrong" in project.zrun("token", "status", "-e", "us").out
    assert project.zrun("token", "refresh", "-e", "us").status == 0
    assert "failed" not in project.zrun("token", "status", "-e", "us").out


def test_refresh_gets_a_new_one_and_prints_no_token(project: Project) -> None:
    first = project.zrun("token", "-e", "us").out.strip()
    done = project.zrun("token", "refresh", "-e", "us")
    assert done.status == 0
    second = str(project.kept("access-token"))
    assert second != first
    assert second not in done.out
    assert "access-token is new: good for 1 h; the one before: good for " in done.out
    assert "refresh-token is the same" in done.out
    assert "8 of 10 left of the budget" in done.out


def test_twelve_forced_refreshes_stop_at_ten_with_the_time_to_wait(project: Project) -> None:
    """Each in a process of its own: what they agree on is the count in the private folder."""
    done = [project.zrun("token", "refresh", "-e", "us") for _ in range(12)]
    assert [one.status for one in done] == [0] * 10 + [4] * 2
    assert "has been asked for 10 tokens within 10 m, all that it gives" in done[-1].err
    assert "wait 9 m " in done[-1].err
    assert project.calls() == {"authorization_code": 1, "refresh_token": 9}
    assert "0 of 10 left in 10 m; the next one in 9 m" in project.zrun("token", "status", "-e", "us").out
    # What is there is given all the same, and ten minutes later there is a new one.
    assert project.zrun("token", "-e", "us").status == 0
    httpx.post(f"{project.running.url}/_sandbox/clock", json={"advance": 601}).raise_for_status()
    assert project.zrun("token", "refresh", "-e", "us", "--clock", "+601s").status == 0


def test_processes_that_refresh_at_once_share_the_budget(project: Project) -> None:
    project.zrun("token", "-e", "us")
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: project.zrun("token", "refresh", "-e", "us"), range(18)))
    given = sum(project.calls().values())
    assert given <= 10
    assert all(one.status in (0, 4) for one in done)
    assert f"{10 - given} of 10 left" in project.zrun("token", "status", "-e", "us").out


_EXPLICIT = """\
requests:
  refresh:
    post: <<accounts-domain>>/oauth/v2/token
    form:
      {grant_type: refresh_token, client_id: <<client-id>>, client_secret: <<client-secret>>, refresh_token: <<refresh-token>>}
    capture:
      access-token: {from: json $.access_token, expires-in: json $.expires_in}
  by-address:
    post: <<accounts-domain>>/oauth/v2/token
    query:
      {grant_type: refresh_token, client_id: <<client-id>>, client_secret: <<client-secret>>, refresh_token: <<refresh-token>>}
    capture: {access-token: json $.access_token}
  other:
    post: <<api-domain>>/oauth/v2/other
    form: {grant_type: made-up}
    expect: 404
"""


def test_token_requests_of_a_collection_count_against_the_budget(project: Project) -> None:
    write(project.folder, c=_EXPLICIT)
    project.zrun("token", "-e", "us")
    for _ in range(2):
        assert project.zrun("c.yaml", "-e", "us").status == 0
    assert "5 of 10 left" in project.zrun("token", "status", "-e", "us").out
    done = [project.zrun("token", "refresh", "-e", "us").status for _ in range(6)]
    assert done == [0] * 5 + [4]
    assert sum(project.calls().values()) == 10


def test_a_request_of_which_nothing_was_sent_does_not_count(project: Project) -> None:
    project.zrun("token", "-e", "us")
    project.running.stop()
    done = project.zrun("token", "refresh", "-e", "us")
    assert done.status == 3
    assert "9 of 10 left" in project.zrun("token", "status", "-e", "us").out


def test_revoke_asks_the_provider_and_forgets_only_then(project: Project) -> None:
    token = project.zrun("token", "-e", "us").out.strip()
    unsure = project.zrun("token", "revoke", "-e", "us")
    assert unsure.status == 2
    assert "add --yes" in unsure.err
    assert project.accepted(token)
    done = project.zrun("token", "revoke", "-e", "us", "--yes")
    assert done.status == 0
    assert "`zoho` has revoked the refresh-token; forgot refresh-token, access-token" in done.out
    assert not project.accepted(token)
    assert project.kept("refresh-token") is None
    again = project.zrun("token", "revoke", "-e", "us", "--yes")
    assert again.status == 2
    assert "there is no refresh-token of `zoho`" in again.err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_revoke_asks_a_person_who_may_say_no(project: Project) -> None:
    token = project.zrun("token", "-e", "us").out.strip()
    question = "Revoke the refresh-token of `zoho` in us? [y/N] "
    for answer in ("n", ""):
        status, screen = at_a_terminal(
            project.folder, ["token", "revoke", "-e", "us"], {question: answer}, **project.variables
        )
        assert status == 130
        assert "nothing was revoked" in screen
        assert project.accepted(token)
    status, screen = at_a_terminal(
        project.folder, ["token", "revoke", "-e", "us"], {question: "y"}, **project.variables
    )
    assert status == 0, screen
    assert not project.accepted(token)


def test_revoke_of_the_access_token_leaves_the_refresh_token(project: Project) -> None:
    token = project.zrun("token", "-e", "us").out.strip()
    assert project.zrun("token", "revoke", "-e", "us", "--access", "--yes").status == 0
    assert not project.accepted(token)
    assert project.accepted(project.zrun("token", "-e", "us").out.strip())


def test_a_token_that_has_ended_already_is_as_good_as_revoked(project: Project) -> None:
    """RFC 7009, 2.2."""
    project.zrun("token", "-e", "us")
    refresh = project.kept("refresh-token")
    httpx.post(f"{project.running.url}/oauth/v2/token/revoke", data={"token": refresh}).raise_for_status()
    done = project.zrun("token", "revoke", "-e", "us", "--yes")
    assert done.status == 0, done.err
    assert "forgot refresh-token" in done.out


def test_what_the_provider_did_not_revoke_is_kept(project: Project) -> None:
    project.zrun("token", "-e", "us")
    refresh = project.kept("refresh-token")
    project.running.stop()
    assert project.zrun("token", "revoke", "-e", "us", "--yes").status == 3
    assert project.kept("refresh-token") == refresh


def test_a_standard_revocation_proves_the_client_and_says_which_token(tmp_path: Path, server: Server) -> None:
    env = f"""\
variables: {{home: {server.url}}}
oauth2:
  other:
    token-url: <<home>>/token
    revocation-url: <<home>>/echo
    grant: client_credentials
    client-id: a
    client-secret: <<word>>
secrets: {{word: {{env: MADE_UP_WORD}}}}
"""
    write(tmp_path, us__env=env)
    variables = {"MADE_UP_WORD": "made-up-secret"}
    assert zrun(tmp_path, "token", "-e", "us", **variables).status == 0
    done = zrun(tmp_path, "token", "revoke", "-e", "us", "--yes", **variables)
    assert done.status == 0, done.err
    assert server.bodies[-1] == b"token=made-up-refresh-token-1&token_type_hint=refresh_token"
    assert server.headers[-1]["authorization"].startswith("Basic ")


def test_the_shipped_environments_declare_the_provider(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent
    folder = write(tmp_path)
    (folder / "environments").mkdir()
    for path in (root / "environments").glob("*.yaml"):
        if not path.stem.endswith(".local"):
            (folder / "environments" / path.name).write_text(path.read_text("utf-8"), "utf-8")
    for path in (folder / "environments").iterdir():
        done = zrun(folder, "token", "status", "-e", path.stem)
        assert done.status == 0, done.err
        assert done.out.startswith("zoho\n")
    token = zrun(folder, "token", "-e", "sandbox")
    assert token.out.startswith("1000.facade")


def test_a_good_token_is_printed_without_the_http_library(project: Project) -> None:
    project.zrun("token", "-e", "us")
    code = "import sys; from runner.cli import main; main(['token', '-e', 'us']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.folder,
        env=environment(**project.variables),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == project.kept("access-token")
    assert not {"httpx", "jinja2", "rich", "starlette"} & set(done.stderr.split())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_on_a_terminal_it_is_printed_with_a_word_on_it(project: Project) -> None:
    project.zrun("token", "-e", "us")
    terminal, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "runner", "token", "-e", "us"],
        cwd=project.folder,
        env=environment(**project.variables),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    screen = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert screen.strip() == project.kept("access-token")
    assert "a token on a screen stays in its history" in done.stderr


def test_a_reader_that_has_gone_makes_no_noise(project: Project) -> None:
    project.zrun("token", "-e", "us")
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "token", "status", "-e", "us", "--format", "json"],
        cwd=project.folder,
        env=environment(**project.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 141
    assert told == ""
    assert json.loads(project.zrun("token", "status", "-e", "us", "--format", "json").out)


def test_the_commands_of_the_documentation_run_as_they_stand(project: Project) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "tokens.md").read_text("utf-8")
    script = page.partition("<!-- runs -->\n```sh\n")[2].partition("```")[0]
    assert script.count("zrun ") >= 8
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project.folder,
        env=environment(**{**project.variables, "PATH": path}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert project.kept("refresh-token") is None


def test_the_crontab_of_the_documentation_keeps_a_token_as_cron_runs_it(project: Project, tmp_path: Path) -> None:
    """With the variables of the crontab and those few that cron itself gives (crontab(5)), from the home folder."""
    page = (Path(__file__).parent.parent.parent / "docs" / "tokens.md").read_text("utf-8")
    table = page.partition("```crontab\n")[2].partition("```")[0]
    *settings, job = table.strip().splitlines()
    given = dict(line.split("=", 1) for line in settings)
    assert set(given) == {"PATH", "MAILTO"}
    *when, command = job.split(" ", 5)
    assert when == ["*/20", "*", "*", "*", "*"]
    assert "%" not in command  # cron reads it as a line end
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "zrun").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runner "$@"\n')
    (programs / "zrun").chmod(0o755)
    local = []
    for name, variable in (
        ("client-id", "MADE_UP_ID"),
        ("client-secret", "MADE_UP_SECRET"),
        ("grant-token", "MADE_UP_GRANT"),
    ):
        (tmp_path / name).write_text(project.variables[variable])
        (tmp_path / name).chmod(0o600)
        local.append(f"{name}: {{file: {tmp_path / name}}}")
    (project.folder / "environments/us.local.yaml").write_text(f"secrets: {{{', '.join(local)}}}\n")

    def tick() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command.replace("/srv/zrun", str(project.folder))],
            cwd=tmp_path,
            env={
                "HOME": str(tmp_path),
                "SHELL": "/bin/sh",
                "LOGNAME": "zrun",
                **given,
                "PATH": f"{programs}:{given['PATH']}",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    for _ in range(2):
        done = tick()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert project.accepted(project.kept("access-token") or "")
    assert project.calls() == {"authorization_code": 1}
    project.running.stop()
    (project.folder / ".zrun/state/us.json").unlink()
    assert tick().stderr  # what cron would mail
