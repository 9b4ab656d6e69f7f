"""Tokens ended, and looked at, at their provider."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from runner import sandbox
from runner.auth.oauth2 import introspection, revocation
from runner.errors import CredentialsError, InputError
from runner.values import Secret
from tests.commands import write
from tests.oauth.project import opened, project
from tests.oauth.rig import Rig
from tests.servers import Server

PASSWORD = ("grant: password", "username: ada", "password: <<password>>", "scopes: [openid, read]")


@pytest.mark.parametrize("name", ["basic", "odd", "post", "es256", "public"])
def test_a_token_is_looked_at_and_ended(tmp_path: Path, rig: Rig, name: str) -> None:
    client = rig.clients[name]
    project(tmp_path, rig, client, *PASSWORD, password=rig.accounts["ada"])
    with opened(tmp_path) as it:
        access = it.keeper.access().value
        refresh = it.provider.kept("refresh-token")
        assert isinstance(access, Secret)
        assert refresh is not None
        found = introspection.introspect(it.provider, access, it.outside)
        assert (found.active, found.subject, found.client_id, found.scope) == (
            True,
            "ada",
            client.client_id,
            "openid read",
        )
        assert (found.token_type, found.bound, found.issuer) == ("Bearer", False, rig.issuer)
        assert found.expires_at is not None
        assert found.issued_at is not None
        assert found.expires_at - found.issued_at == 3600
        revocation.revoke(it.provider, refresh, "refresh_token", it.outside)
        for token, kind in ((access, "access_token"), (refresh, "refresh_token")):
            assert not introspection.introspect(it.provider, token, it.outside, kind).active  # type: ignore[arg-type]
        bearer = {"Authorization": f"Bearer {access.reveal()}"}
        assert httpx.get(f"{rig.issuer}/api/me", headers=bearer).status_code == 401
        revocation.revoke(it.provider, refresh, "refresh_token", it.outside)  # again: as good as ended
        assert [step.title for step in it.told][:2] == ["token of server", "look at access token of server"]


def test_a_wrong_client_ends_nothing(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["basic"], *PASSWORD, password=rig.accounts["ada"])
    with opened(tmp_path) as it:
        token = it.keeper.access().value
    assert isinstance(token, Secret)
    project(tmp_path, rig, rig.clients["basic"], client_secret="made-up-and-wrong")
    overlay = tmp_path / "environments" / "dev.local.yaml"
    overlay.write_text('secrets: {client-secret: "made-up-and-wrong"}\n')
    with opened(tmp_path) as it:
        with pytest.raises(CredentialsError, match="invalid_client"):
            revocation.revoke(it.provider, token, "access_token", it.outside)
        with pytest.raises(CredentialsError, match="invalid_client"):
            introspection.introspect(it.provider, token, it.outside)


def test_a_provider_without_the_endpoints(tmp_path: Path, server: Server) -> None:
    write(tmp_path, dev__env=f"oauth2: {{server: {{client-id: x, token-url: {server.url}}}}}\n")
    with opened(tmp_path) as it:
        with pytest.raises(InputError, match="has no `revocation-url`"):
            revocation.revoke(it.provider, Secret("made-up", "t"), "access_token", it.outside)
        with pytest.raises(InputError, match="has no `introspection-url`"):
            introspection.introspect(it.provider, Secret("made-up", "t"), it.outside)


def test_an_answer_that_is_none(tmp_path: Path, server: Server) -> None:
    settings = f"client-id: x, introspection-url: {server.url}/i, revocation-url: {server.url}/r"
    write(tmp_path, dev__env=f"oauth2: {{server: {{{settings}}}}}\n")
    with opened(tmp_path) as it:
        for answer in ((200, {}), (200, {"active": "yes"}), (404, {}), (500, {"active": True})):
            server.hook = lambda _method, _path, answer=answer: answer  # type: ignore[misc]
            with pytest.raises(CredentialsError):
                introspection.introspect(it.provider, Secret("made-up", "t"), it.outside)
        server.hook = lambda method, path: (503, {})
        with pytest.raises(CredentialsError, match="answers 503; try again later"):
            revocation.revoke(it.provider, Secret("made-up", "t"), "access_token", it.outside)


def test_zoho_ends_a_token_by_the_token_alone(tmp_path: Path) -> None:
    write(tmp_path, sandbox__env="sandbox: zoho\noauth2: {zoho: {preset: zoho}}\n")
    file = tmp_path / ".zrun" / "sandbox" / "zoho.sqlite"
    with sandbox.start(file) as running:
        grant = httpx.post(f"{running.url}/_sandbox/grant", json={"scope": "ZohoCRM.org.READ"}).json()
        environment = f"""\
variables: {{accounts-domain: {running.url}, api-domain: {running.url}}}
secrets: {{client-id: , client-secret: , grant-token: }}
oauth2: {{zoho: {{preset: zoho}}}}
"""
        write(tmp_path, dev__env=environment)
        overlay = tmp_path / "environments" / "dev.local.yaml"
        secrets = (
            f"client-id: {running.client_id}, client-secret: {running.client_secret}, grant-token: {grant['code']}"
        )
        overlay.write_text(f"secrets: {{{secrets}}}\n")
        overlay.chmod(0o600)
        with opened(tmp_path, "zoho") as it:
            it.keeper.access()
            refresh = it.provider.kept("refresh-token")
            assert refresh is not None
            for _ in range(2):
                revocation.revoke(it.provider, refresh, "refresh_token", it.outside)
            with pytest.raises(CredentialsError, match="invalid_code: the refresh token is not accepted") as refused:
                it.renew()
            assert "environments/dev.yaml" in str(refused.value)
