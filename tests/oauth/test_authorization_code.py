"""Consent in a browser, from the first address to a run with the token, against a certified server."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from runner.auth.oauth2 import authorization_code, loopback
from runner.auth.oauth2.tokens import Refused
from runner.errors import CredentialsError, PolicyError
from runner.values import Secret
from tests.commands import write, zrun
from tests.oauth.project import Opened, daily, expecting, opened, project
from tests.oauth.rig import Browser, Rig
from tests.servers import Server

CLIENTS = ["basic", "odd", "post", "odd-post", "public", "rs256", "ps256", "es256", "es384", "eddsa"]


def log_in(it: Opened, browser: Browser) -> Secret:
    """As a command does it: listen, open the browser, wait, exchange."""
    with loopback.Callback(it.provider.redirect_uri) as callback:
        begun = authorization_code.begin(it.provider, callback.redirect_uri, it.outside.now())
        person = threading.Thread(target=browser.visit, args=(begun.url,))
        person.start()
        answer = callback.wait(20, begun.state)
        person.join()
    value = authorization_code.exchange(it.keeper, begun, answer).value
    assert isinstance(value, Secret)
    return value


@pytest.mark.parametrize("name", CLIENTS)
def test_a_login_gives_tokens_that_runs_use_and_renew(tmp_path: Path, rig: Rig, name: str) -> None:
    client = rig.clients[name]
    project(tmp_path, rig, client, "scopes: [openid, read]")
    with opened(tmp_path) as it, Browser() as browser:
        log_in(it, browser)
    rig.forget()
    done = daily(tmp_path)
    assert done.status == 0, done.out + done.err
    assert [entry["path"] for entry in rig.log()] == ["/api/me"]
    assert daily(tmp_path, "--clock", "+59m").status == 0
    (asked,) = rig.log("/token")
    assert (asked["grant_type"], asked["status"], asked["client"]) == ("refresh_token", 200, client.client_id)


def test_tokens_rotate_ten_times_and_a_stolen_old_one_ends_them_all(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["public"], "scopes: [openid]")
    with opened(tmp_path) as it, Browser() as browser:
        log_in(it, browser)
        stolen = it.provider.kept("refresh-token")
        assert stolen is not None
        rig.forget()
        for _ in range(10):
            it.renew()
        assert [entry["status"] for entry in rig.log("/token")] == [200] * 10
        thief = {"grant_type": "refresh_token", "client_id": "client-public", "refresh_token": stolen.reveal()}
        assert httpx.post(f"{rig.issuer}/token", data=thief).status_code == 400
    done = daily(tmp_path)  # its access token is dead, too
    assert done.status == 4
    assert "invalid_grant: the refresh token is not accepted" in done.out
    assert "zrun login -e dev" in done.out


def test_pkce_is_real(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["public"], "scopes: [openid]")
    with opened(tmp_path) as it, Browser() as browser:
        for verifier in ("a-verifier-that-nobody-made-" * 2, None):
            begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", it.outside.now())
            assert begun.verifier.reveal() not in begun.url
            answer = authorization_code.pasted(browser.authorize(begun.url))
            parameters = tuple(
                pair for pair in authorization_code.parameters(begun, answer) if pair[0] != "code_verifier"
            )
            if verifier is not None:
                parameters = (*parameters, ("code_verifier", Secret(verifier, "code-verifier")))
            with pytest.raises(Refused, match="the code is not accepted") as refused:
                it.keeper.exchange(parameters)
            assert refused.value.code == "invalid_grant"
        begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", it.outside.now())
        answer = authorization_code.pasted(browser.authorize(begun.url))
        authorization_code.exchange(it.keeper, begun, answer)
        with pytest.raises(Refused, match="a code is good once"):
            authorization_code.exchange(it.keeper, begun, answer)


def test_answers_that_are_not_ours_are_refused(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["public"], "scopes: [openid]")
    with opened(tmp_path) as it:
        it.keeper.provider.url("token")  # discovered: the server says that it always tells who answers
        begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", it.outside.now())
        good = {"code": "made-up", "state": begun.state, "iss": rig.issuer}
        authorization_code.parameters(begun, good)
        for changed, told in (
            ({"state": "another"}, "another login"),
            ({"iss": "https://another.example"}, "does not come from the issuer"),
            ({"error": "access_denied"}, "consent was refused"),
            ({"error": "made-up-error"}, "an error that is not known"),
            ({"code": ""}, "neither a code nor an error"),
        ):
            with pytest.raises(CredentialsError, match=told):
                authorization_code.parameters(begun, good | changed)
        for left_out in ("state", "iss"):
            with pytest.raises(CredentialsError):
                authorization_code.parameters(begun, {name: good[name] for name in good if name != left_out})
        with pytest.raises(CredentialsError, match="consent was refused"), Browser(consents=False) as browser:
            authorization_code.parameters(begun, authorization_code.pasted(browser.authorize(begun.url)))


def test_resources_and_more_parameters_are_asked_for(tmp_path: Path, rig: Rig) -> None:
    project(
        tmp_path,
        rig,
        rig.clients["basic"],
        "scopes: [read]",
        "resource: https://orders.example/api",
        "authorization-params: {ui_locales: de, prompt: consent}",
    )
    with opened(tmp_path) as it, Browser() as browser:
        begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", 0)
        assert "ui_locales=de&prompt=consent" in begun.url
        assert "resource=https%3A%2F%2Forders.example%2Fapi" in begun.url
        log_in(it, browser)
    expecting(tmp_path, aud="https://orders.example/api", sub="ada")
    for clock in ("+0s", "+59m"):
        done = daily(tmp_path, "--clock", clock)
        assert done.status == 0, done.out


def test_a_zoho_account_of_another_data_centre_is_followed_if_the_environment_names_it(tmp_path: Path) -> None:
    with Server() as us, Server() as eu:
        given = {"access_token": "made-up-access", "refresh_token": "made-up-refresh", "expires_in": 3600}
        eu.hook = lambda method, path: (200, given if path == "/oauth/v2/token" else {"path": path})
        us.hook = lambda method, path: (200, {"error": "invalid_code"})
        environment = f"""\
variables: {{accounts-domain: "{us.url}", api: "{eu.url}/api"}}
secrets: {{client-id: , client-secret: }}
oauth2:
  zoho: {{preset: zoho, scopes: [ZohoCRM.org.READ, ZohoCRM.users.READ]}}
"""
        write(tmp_path, dev__env=environment, daily="auth: {oauth2: zoho}\nrequests:\n  a: {get: <<api>>}\n")
        overlay = tmp_path / "environments" / "dev.local.yaml"
        overlay.write_text("secrets: {client-id: 1000.MADEUP, client-secret: made-up-secret}\n")
        overlay.chmod(0o600)
        with opened(tmp_path, "zoho") as it:
            begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", 0)
            for part in ("scope=ZohoCRM.org.READ%2CZohoCRM.users.READ", "access_type=offline", "prompt=consent"):
                assert part in begun.url
            back = {"code": "1000.made.up", "location": "eu", "accounts-server": eu.url, "state": begun.state}
            authorization_code.exchange(it.keeper, begun, back)
        assert us.seen == []
        again = zrun(tmp_path, "daily.yaml", "-e", "dev", "--clock", "+2h")
        assert again.status == 0, again.out + again.err
        assert [path for _, path in eu.seen] == ["/oauth/v2/token", "/oauth/v2/token", "/api"]
        with Server() as unnamed, opened(tmp_path, "zoho") as it:
            begun = authorization_code.begin(it.provider, "http://127.0.0.1:9/callback", 0)
            back = {"code": "1000.made.up", "accounts-server": unnamed.url, "state": begun.state}
            with pytest.raises(PolicyError, match="another data centre") as refused:
                authorization_code.exchange(it.keeper, begun, back)
            assert f'hosts: ["127.0.0.1:{unnamed.port}"]' in str(refused.value)
            assert unnamed.seen == []
            for forged in ("https://[", "https://a b", f"http://accounts.zoho.com@127.0.0.1:{unnamed.port}"):
                with pytest.raises(PolicyError) as refused:
                    authorization_code.exchange(it.keeper, begun, {**back, "accounts-server": forged})
                assert "accounts.zoho.com" not in str(refused.value)
            assert unnamed.seen == []
