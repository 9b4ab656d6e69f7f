"""Tokens bound to a key of this machine (RFC 9449): a server that wants a nonce in each proof, and an API that does, too."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from runner.auth.oauth2 import authorization_code
from tests.commands import write, zrun
from tests.oauth.project import daily, opened, project
from tests.oauth.rig import Browser, Rig

CREDENTIALS = ("grant: client_credentials", "scopes: [read]", "dpop: true")


def test_a_bound_token_is_used_with_proofs(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["dpop"], *CREDENTIALS)
    done = daily(tmp_path)
    assert done.status == 0, done.out + done.err
    assert [(e["status"], e.get("error"), e["dpop"]) for e in rig.log("/token")] == [
        (400, "use_dpop_nonce", True),
        (200, None, True),
    ]
    assert [(e["status"], e.get("error"), e["auth"]) for e in rig.log("/api/me")] == [
        (401, "use_dpop_nonce", "DPoP"),
        (200, None, "DPoP"),
    ]
    (step,) = (step for step in done.document["steps"] if step["id"] == "me")
    assert [exchange["reason"] for exchange in step["exchanges"]] == [None, "challenge"]
    key = tmp_path / ".zrun" / "oauth2" / "dev" / "server.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    kept = key.read_bytes()
    assert daily(tmp_path).status == 0
    assert key.read_bytes() == kept
    assert len(rig.log("/token")) == 2


def test_a_nonce_is_remembered_within_a_run_and_a_new_one_taken(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["dpop"], *CREDENTIALS)
    requests = "".join(f"  r{number}: {{get: <<api>>/{number}, expect: 200}}\n" for number in range(4))
    write(tmp_path, daily=f"auth: {{oauth2: server}}\nrequests:\n{requests}")
    done = zrun(tmp_path, "daily.yaml", "-e", "dev")
    assert done.status == 0, done.out
    api = [entry for entry in rig.log() if entry["path"].startswith("/api")]
    assert [entry["status"] for entry in api] == [401, 200, 200, 200, 200]
    rig.control("new-nonce")
    assert zrun(tmp_path, "daily.yaml", "-e", "dev").status == 0


def test_a_login_and_its_renewal_are_bound_to_the_same_key(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["public-dpop"], "scopes: [openid]", "dpop: true")
    with opened(tmp_path) as it, Browser() as browser:
        begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", it.outside.now())
        answer = authorization_code.pasted(browser.authorize(begun.url))
        authorization_code.exchange(it.keeper, begun, answer)
        it.renew()
        token = it.keeper.access()
    assert daily(tmp_path).status == 0
    stolen = token.value.reveal()  # type: ignore[union-attr]
    for scheme in ("Bearer", "DPoP"):
        refused = httpx.get(f"{rig.issuer}/api/me", headers={"Authorization": f"{scheme} {stolen}"})
        assert refused.status_code == 401
    (tmp_path / ".zrun" / "oauth2" / "dev" / "server.pem").unlink()
    lost = daily(tmp_path, "--clock", "+59m")
    assert lost.status == 4
    assert "zrun login -e dev" in lost.out


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("dpop", "dpop: false", "invalid_request"),
        ("basic", "token-params: {}", None),
    ],
)
def test_without_dpop_nothing_is_bound(tmp_path: Path, rig: Rig, name: str, line: str, told: str | None) -> None:
    project(tmp_path, rig, rig.clients[name], "grant: client_credentials", line)
    done = daily(tmp_path)
    assert (done.status == 0) is (told is None)
    assert not any(entry["dpop"] for entry in rig.log("/token"))
    assert not (tmp_path / ".zrun" / "oauth2" / "dev" / "server.pem").exists()


def test_a_server_that_binds_nothing_is_told(tmp_path: Path, rig: Rig) -> None:
    del rig
    from tests.servers import Server

    with Server() as server:
        server.hook = lambda method, path: (200, {"access_token": "made-up", "token_type": "Bearer", "expires_in": 60})
        environment = f"""\
variables: {{api: "{server.url}/api"}}
oauth2: {{server: {{client-id: x, client-auth: none, grant: client_credentials, token-url: "{server.url}/t", dpop: true}}}}
"""
        write(tmp_path, dev__env=environment, daily="auth: {oauth2: server}\nrequests:\n  a: {get: <<api>>}\n")
        done = daily(tmp_path)
        assert done.status == 4
        assert "bound to no key, though `dpop` asks for one" in done.out
        assert server.paths() == ["/t"]
