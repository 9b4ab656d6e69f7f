"""`zrun doctor` against the sandbox: each thing that may be wrong is told apart, with its next step; no token is burnt."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runner import sandbox
from runner.files.state import State
from runner.values import Secret
from tests.commands import environment
from tests.terminals import in_turn
from tests.zoho_world import Project, zoho


@pytest.fixture
def us(tmp_path: Path) -> Iterator[Project]:
    with zoho(tmp_path) as project:
        yield project


def kept(project: Project, name: str) -> str:
    value = State(project.folder, "us").read()[name].value
    assert isinstance(value, Secret)
    return value.reveal()


def renew(project: Project) -> httpx.Response:
    """A refresh that zrun knows nothing of, as another program's."""
    form = {
        "grant_type": "refresh_token",
        "client_id": project.running.client_id,
        "client_secret": project.running.client_secret,
        "refresh_token": kept(project, "refresh-token"),
    }
    return httpx.post(f"{project.running.url}/oauth/v2/token", data=form)


def test_a_credential_that_is_alive_costs_no_token(us: Project) -> None:
    us.login()
    for _ in range(3):
        found = us.doctor()
        assert (found.status, found.problems) == (0, [])
        assert found.one("credential", "access token")["code"] == "alive"
    assert us.calls() == {"authorization_code": 1}
    assert found.one("data centre", "serverinfo")["status"] == "ok"
    assert "9 of 10" in found.one("budget", "access tokens")["message"]
    assert "1 made in this project, of 20" in found.one("budget", "refresh tokens")["message"]


def test_for_a_person_it_is_a_line_a_check(us: Project) -> None:
    us.login()
    done = us.zrun("doctor", "-e", "us")
    assert done.status == 0
    assert "  ✓ access token: alive: the API takes it (200), good for" in done.out
    assert done.out.endswith("\nall well\n")
    assert not done.err


def test_no_token_at_all_sends_to_login(us: Project) -> None:
    found = us.doctor()
    assert found.status == 4
    assert found.problems == [("credential", "refresh token", "no-token")]
    assert found.one("credential", "refresh token")["hint"] == "zrun login -e us"
    given = us.doctor(ZOHO_GRANT_TOKEN=us.running.mint_grant())
    assert given.problems == found.problems  # an examination does not use a grant token up
    assert us.calls() == {}


def test_an_expired_access_token_is_renewed_once(us: Project) -> None:
    us.login()
    us.ask("clock", advance=3700)
    found = us.doctor("--clock", "+3700s")
    assert (found.status, found.problems) == (0, [])
    assert found.found("credential", "access token", "expired")
    assert found.one("credential", "token endpoint")["code"] == "renewed"
    assert us.calls() == {"authorization_code": 1, "refresh_token": 1}
    assert us.doctor("--clock", "+3700s").status == 0
    assert us.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_a_revoked_access_token_is_told_and_renewed(us: Project) -> None:
    us.login()
    us.ask("revoke-access-tokens")
    found = us.doctor()
    assert found.status == 0
    told = found.one("credential", "access token", "revoked")
    assert told["status"] == "warning"
    assert "INVALID_TOKEN" in told["message"]
    assert found.one("credential", "access token", "alive")
    assert us.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_a_revoked_refresh_token_is_told_with_the_next_step(us: Project) -> None:
    us.login()
    httpx.post(f"{us.running.url}/oauth/v2/token/revoke", data={"token": kept(us, "refresh-token")}).raise_for_status()
    found = us.doctor()
    assert found.status == 4
    assert found.problems == [("credential", "token endpoint", "revoked")]
    told = found.one("credential", "token endpoint")
    assert "invalid_code: the refresh token is not accepted" in told["message"]
    assert "20 a user" in told["hint"]


def test_a_wrong_secret_is_told(us: Project) -> None:
    us.login()
    wrong = {"ZOHO_CLIENT_SECRET": "made-up-wrong-secret"}
    assert us.doctor(**wrong).status == 0  # the access token that is kept needs no secret
    found = us.doctor("--refresh", **wrong)
    assert found.status == 4
    assert found.problems == [("credential", "token endpoint", "wrong-secret")]
    assert "differs in each data centre" in found.one("credential", "token endpoint")["hint"]
    assert "made-up-wrong-secret" not in found.done.out + found.done.err


def test_a_client_of_another_data_centre_is_told(us: Project) -> None:
    us.login()
    with sandbox.start(us.folder / "us.sqlite", data_center="eu") as other:
        us.environment(accounts=other.url, api=other.url)
        found = us.doctor("--refresh")
    assert found.status == 4
    assert found.problems == [("credential", "token endpoint", "wrong-client")]
    assert "another data centre" in found.one("credential", "token endpoint")["hint"]


def test_throttled_by_the_server_is_told_apart(us: Project) -> None:
    us.login()
    while "access_token" in renew(us).json():
        pass
    before = us.calls()["refresh_token"]
    found = us.doctor()
    assert found.status == 0  # what is kept is good
    assert us.calls()["refresh_token"] == before
    found = us.doctor("--refresh")
    assert found.status == 4
    assert found.problems == [("credential", "token endpoint", "throttled")]
    assert "wait ten minutes" in found.one("credential", "token endpoint")["hint"]


def test_a_budget_that_is_used_up_here_is_not_tried(us: Project) -> None:
    us.login()
    for _ in range(9):
        assert us.doctor("--refresh").status == 0
    before = us.calls()
    found = us.doctor("--refresh")
    assert found.problems == [("credential", "token endpoint", "throttled")]
    assert found.one("credential", "token endpoint")["hint"].startswith("wait ")
    assert us.calls() == before
    assert found.one("budget", "access tokens")["status"] == "warning"


def test_scopes_that_the_answer_named_are_compared_without_a_call(us: Project) -> None:
    us.ask("switch", scope_in_answer=1)
    us.login(scope="ZohoCRM.modules.ALL,ZohoCRM.org.READ")
    before = us.paths()
    found = us.doctor("-c", "daily")
    assert found.status == 4
    assert found.problems == [("scopes", "ZohoSearch.securesearch.READ", "scope-missing")]
    assert "search" in found.one("scopes", "ZohoSearch.securesearch.READ")["message"]
    assert "log in again" in found.one("scopes", "ZohoSearch.securesearch.READ")["hint"]
    assert found.one("scopes", "ZohoCRM.modules.Leads.CREATE")["status"] == "ok"
    assert {path for path, count in us.paths().items() if count != before.get(path)} == {
        "/crm/v8/org",
        "/oauth/serverinfo",
    }
    us.login("--force")  # a wider grant
    assert us.doctor("-c", "daily").status == 0


def test_scopes_that_nobody_named_are_found_out_by_reading_as_far_as_that_goes(us: Project) -> None:
    us.login(scope="ZohoCRM.modules.ALL")
    us.ask("switch", introspection=0)
    found = us.doctor("-c", "daily")
    assert found.status == 4
    assert [name for _, name, _ in found.problems] == ["ZohoCRM.org.READ", "ZohoSearch.securesearch.READ"]
    assert found.one("scopes", "ZohoCRM.modules.Leads.READ")["status"] == "ok"
    assert "ZohoCRM.modules.Leads.CREATE" in found.one("scopes", "not known")["message"]
    assert found.one("credential", "access token")["code"] == "alive"  # though it may not read the organisation
    assert us.calls() == {"authorization_code": 1}
    before = us.paths()
    found = us.doctor("-c", "daily", "--no-probe")
    assert found.status == 0
    assert us.paths()["/crm/v8/org"] == before["/crm/v8/org"] + 1
    assert us.paths()["/crm/v8/Leads"] == before["/crm/v8/Leads"]


def test_a_scope_that_was_said_of_another_grant_is_not_believed(us: Project) -> None:
    us.ask("switch", scope_in_answer=1)
    us.login(scope="ZohoCRM.modules.ALL")
    us.ask("switch", scope_in_answer=0)
    us.login("--force", scope="ZohoCRM.org.READ")
    found = us.doctor("-c", "daily")
    assert found.one("scopes", "granted")["message"] == "ZohoCRM.org.READ (as introspection says)"
    us.ask("switch", introspection=0)
    found = us.doctor("-c", "daily", "--no-probe")
    assert found.one("scopes", "granted")["status"] == "unknown"


def test_the_wrong_clock_is_told(us: Project) -> None:
    us.login()
    us.ask("clock", offset=120)
    found = us.doctor()
    assert found.status == 0
    told = found.one("network", code="clock")
    assert told["status"] == "warning"
    assert "behind" in told["message"]
    us.ask("clock", offset=-900)
    found = us.doctor()
    assert found.status == 2
    assert found.one("network", code="clock")["status"] == "problem"
    assert "ahead of" in found.one("network", code="clock")["message"]


def test_a_missing_secret_is_told_and_where_each_comes_from(us: Project) -> None:
    us.login()
    found = us.doctor(ZOHO_CLIENT_SECRET="")
    assert found.status == 2
    assert found.problems[0] == ("files", "client-secret", "missing-secret")
    assert found.one("files", "client-secret")["hint"] == "set ZOHO_CLIENT_SECRET"
    assert found.one("files", "client-id")["message"] == "at hand, from $ZOHO_CLIENT_ID"
    assert found.one("credential", "access token")["code"] == "alive"


def test_a_refresh_token_that_is_given_from_outside_is_tried(us: Project) -> None:
    us.login()
    token = kept(us, "refresh-token")
    shutil.rmtree(us.folder / ".zrun")
    found = us.doctor(ZRUN_SECRET_REFRESH_TOKEN=token)
    assert (found.status, found.problems) == (0, [])
    assert found.one("credential", "token endpoint")["code"] == "renewed"
    assert us.calls() == {"authorization_code": 1, "refresh_token": 1}
    assert us.doctor(ZRUN_SECRET_REFRESH_TOKEN=token).status == 0
    assert us.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_ctrl_c_ends_it(us: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        us.environment(accounts=f"http://127.0.0.1:{silent.getsockname()[1]}")
        status, screen = in_turn(us.folder, ["doctor", "-e", "us"], [("private state", "\x03")], **us.variables)
    assert status == 130
    assert "Traceback" not in screen


def test_each_kind_of_source_is_named(us: Project) -> None:
    us.login()
    (us.folder / "secret.txt").write_text(us.running.client_secret, "utf-8")
    overlay = f"secrets: {{client-id: {us.running.client_id}, client-secret: {{file: ../secret.txt}}}}\n"
    (us.folder / "environments" / "us.local.yaml").write_text(overlay, "utf-8")
    found = us.doctor()
    assert found.one("files", "client-id")["message"] == "at hand, from the text in the file"
    assert found.one("files", "client-secret")["message"] == "at hand, from the file ../secret.txt"
    assert us.running.client_id not in found.done.out


def test_files_with_mistakes_are_told_as_checks(us: Project) -> None:
    (us.folder / "environments" / "us.yaml").write_text("varables: {}\noauth2: {zoho: {preset: zohoo}}\n", "utf-8")
    found = us.doctor()
    assert found.status == 2
    assert len(found.checks) == 2
    assert all(check["area"] == "files" and check["hint"] for check in found.checks)
    us.environment()
    assert us.zrun("doctor", "-e", "nowhere").status == 2
    assert us.zrun("doctor").status == 2
    assert us.doctor("-c", "nothing").problems[-1][1] == "stopped"


def test_private_state_that_is_a_link_is_told(us: Project) -> None:
    (us.folder / "elsewhere").mkdir()
    (us.folder / ".zrun").symlink_to(us.folder / "elsewhere")
    found = us.doctor()
    assert found.status == 2
    assert "link" in found.one("files")["message"]


def test_private_state_that_cannot_be_written_is_told(us: Project) -> None:
    (us.folder / ".zrun" / "state" / "us.lock").mkdir(parents=True)  # where a file is to be
    found = us.doctor()
    assert found.status == 4  # there is no token either
    assert found.problems[0] == ("files", "private state", "state")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_private_files_in_git_are_told(us: Project) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=us.folder, env=environment(), check=True, capture_output=True)

    us.login()
    git("init", "-q")
    assert us.doctor().one("files", "git")["status"] == "ok"
    git("add", "-f", ".zrun/state/us.json")
    found = us.doctor()
    assert found.status == 2
    assert found.one("files", "git")["code"] == "tracked"
    assert ".zrun/state/us.json" in found.one("files", "git")["message"]


def test_a_repository_runs_nothing_of_its_own(us: Project) -> None:
    """git would start the file watcher that a repository's settings name."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q"], cwd=us.folder, check=True)
    trap = us.folder / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {us.folder}/sprung\n", "utf-8")
    trap.chmod(0o700)
    subprocess.run(["git", "config", "core.fsmonitor", str(trap)], cwd=us.folder, check=True)
    us.doctor()
    assert not (us.folder / "sprung").exists()


def test_no_secret_is_in_what_it_says(us: Project) -> None:
    us.login()
    said = us.zrun("doctor", "-e", "us", "-c", "daily", "--refresh")
    said_json = us.doctor("-c", "daily")
    text = said.out + said.err + said_json.done.out + said_json.done.err
    for secret in (kept(us, "refresh-token"), kept(us, "access-token"), us.running.client_secret, us.running.client_id):
        assert secret not in text


def test_an_environment_without_a_provider_is_examined_as_far_as_it_goes(us: Project) -> None:
    (us.folder / "environments" / "plain.yaml").write_text(f"variables: {{api-domain: '{us.running.url}'}}\n", "utf-8")
    done = us.zrun("doctor", "-e", "plain", "-c", "daily")
    assert done.status == 0, done.out
    assert "declares no OAuth 2.0 provider" in done.out
    assert us.running.url.partition("//")[2] in done.out


def test_the_embedded_sandbox_is_examined_too(tmp_path: Path) -> None:
    with zoho(tmp_path) as project:
        text = "sandbox: zoho\noauth2: {zoho: {preset: zoho}}\n"
        (project.folder / "environments" / "sandbox.yaml").write_text(text, "utf-8")
        assert project.zrun("login", "-e", "sandbox").status == 0
        assert project.zrun("doctor", "-e", "sandbox").status == 0
        assert list((project.folder / ".zrun" / "clients").iterdir())


def test_a_secret_that_is_missing_is_told_once(us: Project) -> None:
    for given in ({}, {"ZOHO_REFRESH_TOKEN": "made-up"}):
        found = us.doctor(ZOHO_CLIENT_ID="", **given)
        told = [problem for problem in found.problems if problem[1] not in ("refresh token", "private state")]
        assert told == [("files", "client-id", "missing-secret")]
        assert found.done.out.count("ZOHO_CLIENT_ID") == 1


def test_where_nothing_is_at_hand_to_ask_with_the_last_failure_is_told(us: Project) -> None:
    assert us.doctor().one("credential", "client")["status"] == "unknown"
    grant = us.running.mint_grant()
    wrong = {"ZOHO_CLIENT_SECRET": "made-up-wrong-secret", "ZOHO_GRANT_TOKEN": grant}
    assert us.zrun("login", "-e", "us", **wrong).status == 4
    calls = us.calls()
    told = us.doctor().one("credential", "client", "last-failure")
    assert told["status"] == "warning"
    assert "gave none: invalid_client_secret: the client secret is wrong" in told["message"]
    assert us.calls() == calls, "nothing is asked, so nothing is burnt"
    us.login()
    assert not us.doctor().found("credential", "client")
