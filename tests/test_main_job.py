"""The main job, whole: README's first command against the embedded Zoho, and what may go wrong with its tokens."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from runner import sandbox
from runner.files.state import State
from runner.sandbox.server import Running
from tests.commands import environment, write, zrun
from tests.servers import Server
from tests.terminals import at_a_terminal

ROOT = Path(__file__).parent.parent
JOB = ("collections/self_client.yaml", "-e", "sandbox")
CRM = ["organization", "current-user", "leads/create", "leads/read", "leads/update", "leads/search", "leads/delete"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "collections", tmp_path / "collections")
    shutil.copytree(ROOT / "environments", tmp_path / "environments", ignore=shutil.ignore_patterns("*.local.yaml"))
    return tmp_path


def data(project: Path) -> Path:
    return project / ".zrun" / "sandbox" / "zoho.sqlite"


def test_the_first_run_exchanges_and_the_second_skips_it(project: Path) -> None:
    first = zrun(project, *JOB, "--format", "json")
    assert first.status == 0, first.out + first.err
    assert first.steps() == {"exchange": "passed", "refresh": "skipped", **dict.fromkeys(CRM, "passed")}
    second = zrun(project, *JOB)
    assert second.status == 0
    assert "skipped       exchange · <<refresh-token is missing>> is false: refresh-token has a value" in second.out
    assert "skipped       refresh · <<access-token is stale>> is false: access-token is good for" in second.out
    assert "9 requests: 7 passed, 2 skipped" in second.out


def test_a_stale_token_is_refreshed_with_one_call(project: Path) -> None:
    assert zrun(project, *JOB).status == 0
    done = zrun(project, *JOB, "--clock", "+56m", "--format", "json")
    assert done.steps() == {"exchange": "skipped", "refresh": "passed", **dict.fromkeys(CRM, "passed")}
    with sandbox.start(data(project)) as running:
        assert counts(running)["token_calls"] == {"authorization_code": 1, "refresh_token": 1}


def counts(running: Running) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{running.url}/_sandbox/state").json()
    return found


def test_a_token_revoked_at_the_server_is_renewed_once_and_the_request_repeated(project: Path) -> None:
    assert zrun(project, *JOB).status == 0
    with sandbox.start(data(project)) as running:
        httpx.post(f"{running.url}/_sandbox/revoke-access-tokens").raise_for_status()
    done = zrun(project, *JOB)
    assert done.status == 0
    assert done.out.count("401 → renewed by refresh, sent once more") == 1
    with sandbox.start(data(project)) as running:
        assert counts(running)["token_calls"] == {"authorization_code": 1, "refresh_token": 1}


def test_one_request_runs_just_what_it_needs(project: Path) -> None:
    first = zrun(project, *JOB, "-r", "leads/read", "--format", "json")
    passed = [name for name, status in first.steps().items() if status == "passed"]
    assert passed == ["exchange", "leads/create", "leads/read"]
    second = zrun(project, *JOB, "-r", "leads/read", "--format", "json")
    assert second.steps() == {"leads/create": "passed", "leads/read": "passed"}
    alone = zrun(project, *JOB, "-r", "leads/read", "--alone", "--format", "json")
    assert alone.steps() == {"leads/read": "blocked"}


def test_revoke_runs_only_when_it_is_named(project: Path) -> None:
    assert zrun(project, *JOB).status == 0
    done = zrun(project, *JOB, "-r", "revoke", "--format", "json")
    assert done.steps() == {"revoke": "passed"}
    after = zrun(project, *JOB)
    assert after.status == 4
    assert "invalid_code: the refresh token is not accepted" in after.out


@pytest.fixture
def europe(project: Path) -> Iterator[Running]:
    with sandbox.start(project / "eu.sqlite", data_center="eu") as running:
        overlay = f"variables: {{accounts-domain: '{running.url}', api-domain: '{running.url}'}}\n"
        (project / "environments" / "us.local.yaml").write_text(overlay, "utf-8")
        yield running


def test_wrong_credentials_name_the_data_centre_as_the_likely_cause(project: Path, europe: Running) -> None:
    done = zrun(
        project,
        "collections/self_client.yaml",
        "-e",
        "us",
        ZOHO_CLIENT_ID="1000.MADEUPCLIENTOFANOTHERDATACENTRE",
        ZOHO_CLIENT_SECRET="made-up-secret-of-another-data-centre",
        ZOHO_GRANT_TOKEN="1000.made-up.grant",
    )
    assert done.status == 4
    assert "another data centre" in done.out
    assert "made-up-secret" not in done.out + done.err


def test_right_credentials_from_the_process_environment_pass(project: Path, europe: Running) -> None:
    given = {"ZOHO_CLIENT_ID": europe.client_id, "ZOHO_CLIENT_SECRET": europe.client_secret}
    done = zrun(project, "collections/self_client.yaml", "-e", "us", ZOHO_GRANT_TOKEN=europe.mint_grant(), **given)
    assert done.status == 0, done.out
    again = zrun(project, "collections/self_client.yaml", "-e", "us", **given)
    assert again.status == 0
    for text in (europe.client_secret, europe.client_id):
        assert text not in done.out + again.out


def test_without_a_terminal_nothing_is_asked_and_nothing_sent(project: Path, europe: Running) -> None:
    done = zrun(project, "collections/self_client.yaml", "-e", "us")
    assert done.status == 2
    assert "set ZOHO_CLIENT_ID" in done.err
    assert "grant-token" in done.err
    assert counts(europe)["requests"] == 0


_EXCHANGE = """\
name: exchange
requests:
  exchange:
    post: <<url>>/token
    form: {grant_type: authorization_code, code: made-up-grant-token}
    capture:
      refresh-token: json $.refresh_token
      access-token: {from: json $.access_token, expires-in: json $.expires_in}
  use:
    get: <<url>>/echo
    headers: {Authorization: Bearer <<access-token>>}
"""


def test_a_kill_at_any_moment_loses_no_token_that_was_used(tmp_path: Path, server: Server) -> None:
    """Once the next request has been sent, the tokens of the one before are on disk, and the state can be read always."""
    env = f"variables: {{url: {server.url}}}\nsecrets: {{refresh-token: , access-token: }}\n"
    write(tmp_path, c=_EXCHANGE, us__env=env)
    chance = Random(7)
    started = time.monotonic()
    zrun(tmp_path, "c.yaml", "-e", "us")
    usual = time.monotonic() - started
    for _ in range(12):
        before = len(server.seen)
        process = subprocess.Popen(
            [sys.executable, "-m", "runner", "c.yaml", "-e", "us"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(usual * (0.5 + 0.6 * chance.random()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = State(tmp_path, "us").read()
        used = [h["authorization"] for h in server.headers[before:] if "authorization" in h]
        if used:
            number = int(used[-1].rpartition("-")[2])
            refresh = kept["refresh-token"].value
            assert not isinstance(refresh, str)
            text = json.loads(State(tmp_path, "us").path.read_text())["values"]["refresh-token"]["value"]
            assert int(text.rpartition("-")[2]) >= number


def test_init_makes_a_project_that_runs_at_once(tmp_path: Path) -> None:
    made = zrun(tmp_path, "init", "new")
    assert made.status == 0
    assert zrun(tmp_path / "new", "collections/first.yaml", "-e", "sandbox").status == 0
    assert ".zrun/" in (tmp_path / "new" / ".gitignore").read_text()
    assert zrun(tmp_path, "init", "new").status == 2
    assert zrun(tmp_path / "new", "check").status == 0


def test_the_grant_token_is_asked_for_last_and_never_echoed(project: Path, europe: Running) -> None:
    given = {"ZOHO_CLIENT_ID": europe.client_id, "ZOHO_CLIENT_SECRET": europe.client_secret}
    job = ["collections/self_client.yaml", "-e", "us"]
    status, screen = at_a_terminal(project, job, {"Grant token": "unused"}, ZOHO_CLIENT_ID=europe.client_id)
    assert status == 2
    assert "set ZOHO_CLIENT_SECRET" in screen
    assert "Generate Code): " not in screen  # not asked for, since something else is missing
    grant = europe.mint_grant()
    status, screen = at_a_terminal(project, job, {"Generate Code): ": grant}, **given)
    assert status == 0, screen
    assert grant not in screen
    assert europe.client_secret not in screen
    status, screen = at_a_terminal(project, job, {}, **given)
    assert status == 0
    assert "Grant token" not in screen  # the refresh token is there
