"""A provider of OAuth 2.0 declared once, against the embedded Zoho: no token request in the collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner import sandbox
from tests.commands import write, zrun
from tests.servers import Server

ENVIRONMENT = """\
sandbox: zoho
oauth2:
  zoho: {preset: zoho}
"""
DAILY = """\
auth: {oauth2: zoho}
requests:
  org: {get: <<api-domain>>/crm/v8/org, expect: 200}
  users: {get: <<api-domain>>/crm/v8/users, query: {type: CurrentUser}, expect: 200}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path, daily=DAILY, sandbox__env=ENVIRONMENT)


@pytest.fixture
def running(project: Path) -> Iterator[sandbox.Running]:
    with sandbox.start(project / ".zrun" / "sandbox" / "zoho.sqlite") as server:
        yield server


def calls(project: Path) -> dict[str, int]:
    """How many tokens the sandbox gave, by grant."""
    with sandbox.start(project / ".zrun" / "sandbox" / "zoho.sqlite") as server:
        document: dict[str, Any] = httpx.get(f"{server.url}/_sandbox/state").json()
    found: dict[str, int] = document["token_calls"]
    return found


def test_the_first_run_exchanges_and_later_ones_send_nothing_for_tokens(project: Path) -> None:
    for _ in range(3):
        done = zrun(project, "daily.yaml", "-e", "sandbox")
        assert done.status == 0, done.out + done.err
    assert calls(project) == {"authorization_code": 1}


def test_a_stale_token_is_refreshed_once_ahead_of_its_expiry(project: Path) -> None:
    for ahead in ("+0s", "+54m", "+56m", "+100m"):
        assert zrun(project, "daily.yaml", "-e", "sandbox", "--clock", ahead).status == 0
    assert calls(project) == {"authorization_code": 1, "refresh_token": 1}


def test_a_revoked_token_is_renewed_once_and_the_request_repeated(project: Path) -> None:
    assert zrun(project, "daily.yaml", "-e", "sandbox").status == 0
    with sandbox.start(project / ".zrun" / "sandbox" / "zoho.sqlite") as server:
        httpx.post(f"{server.url}/_sandbox/revoke-access-tokens").raise_for_status()
    done = zrun(project, "daily.yaml", "-e", "sandbox")
    assert done.status == 0
    assert done.out.count("401 → renewed by oauth2/zoho, sent once more") == 1
    assert calls(project) == {"authorization_code": 1, "refresh_token": 1}


def test_explicit_token_requests_and_the_provider_share_their_tokens(project: Path) -> None:
    root = Path(__file__).parent.parent.parent
    (project / "self_client.yaml").write_text((root / "collections" / "self_client.yaml").read_text("utf-8"), "utf-8")
    first = zrun(project, "self_client.yaml", "-e", "sandbox", "--format", "json")
    assert first.steps()["exchange"] == "passed"
    assert zrun(project, "daily.yaml", "-e", "sandbox").status == 0
    assert zrun(project, "daily.yaml", "-e", "sandbox", "--clock", "+56m").status == 0
    last = zrun(project, "self_client.yaml", "-e", "sandbox", "--clock", "+57m", "--format", "json")
    assert (last.steps()["exchange"], last.steps()["refresh"]) == ("skipped", "skipped")
    assert calls(project) == {"authorization_code": 1, "refresh_token": 1}


def test_a_missing_scope_does_not_burn_a_token(project: Path) -> None:
    with sandbox.start(project / ".zrun" / "sandbox" / "zoho.sqlite") as server:
        grant = httpx.post(f"{server.url}/_sandbox/grant", json={"scope": "ZohoCRM.org.READ"}).json()["code"]
    done = zrun(project, "daily.yaml", "-e", "sandbox", ZRUN_VAR_GRANT_TOKEN=grant)
    assert done.status == 4
    assert "OAUTH_SCOPE_MISMATCH" in done.out
    assert calls(project) == {"authorization_code": 1}


def test_an_unknown_provider_is_told_with_what_to_write(project: Path) -> None:
    write(project, other="auth: {oauth2: zhoo}\nrequests:\n  a: {get: <<api-domain>>/x}\n")
    done = zrun(project, "other.yaml", "-e", "sandbox")
    assert done.status == 2, done.out + done.err
    assert "other.yaml:1:16: no OAuth 2.0 provider `zhoo` is declared" in done.err + done.out
    assert "did you mean `zoho`?" in done.err + done.out


def test_an_inherited_token_does_not_go_to_an_address_elsewhere_and_nothing_is_sent(
    project: Path, server: Server
) -> None:
    write(project, evil=f"auth: {{oauth2: zoho}}\nrequests:\n  a: {{get: {server.url}/echo}}\n")
    done = zrun(project, "evil.yaml", "-e", "sandbox")
    assert done.status == 5, done.out + done.err
    assert "evil.yaml:3:3: `access-token` would go to" in done.err
    assert not server.seen
    assert calls(project) == {}, "the refusal comes before a token is asked for"
