"""The authorization server that other tests rely on does what they take for granted; asked by httpx alone, not by zrun."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.oauth.rig import Browser, Rig

REDIRECT = "http://127.0.0.1:61234/callback"


def authorized(rig: Rig, challenge: str | None, browser: Browser) -> dict[str, str]:
    """The parameters that come back for the public client."""
    asked = {
        "response_type": "code",
        "client_id": rig.clients["public"].client_id,
        "redirect_uri": REDIRECT,
        "scope": "openid read",
        "state": "made-up-state",
    }
    if challenge is not None:
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    back = browser.authorize(f"{rig.issuer}/auth?{urlencode(asked)}")
    return dict(parse_qsl(urlsplit(back).query))


def token(rig: Rig, **form: str) -> httpx.Response:
    return httpx.post(f"{rig.issuer}/token", data={"client_id": rig.clients["public"].client_id, **form})


def test_a_browser_logs_in_and_a_refresh_token_that_is_used_twice_ends_the_grant(rig: Rig) -> None:
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with Browser() as browser:
        back = authorized(rig, challenge, browser)
    assert back["state"] == "made-up-state"
    assert back["iss"] == rig.issuer
    code = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": REDIRECT}
    first = token(rig, **code, code_verifier=verifier).json()
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    assert httpx.get(f"{rig.issuer}/api/me", headers=bearer).json()["sub"] == "ada"
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = token(rig, **refresh).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert token(rig, **refresh).json()["error"] == "invalid_grant"
    assert token(rig, grant_type="refresh_token", refresh_token=second["refresh_token"]).status_code == 400
    assert httpx.get(f"{rig.issuer}/api/me", headers=bearer).status_code == 401


def test_pkce_and_consent_are_wanted(rig: Rig) -> None:
    with Browser() as browser:
        assert authorized(rig, None, browser)["error"] == "invalid_request"
    with Browser(consents=False) as browser:
        assert authorized(rig, "a" * 43, browser)["error"] == "access_denied"


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "ada", "password": "wrong"},
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "x",
            "subject_token_type": "y",
        },
        {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "made-up"},
    ],
)
def test_what_is_not_true_gets_no_token(rig: Rig, form: dict[str, str]) -> None:
    response = token(rig, **form)
    assert response.status_code == 400
    assert "access_token" not in response.text


def test_polls_are_held_to_the_interval(rig: Rig) -> None:
    client = rig.clients["public"].client_id
    begun = httpx.post(f"{rig.issuer}/device/auth", data={"client_id": client, "scope": "openid"}).json()
    assert begun["interval"] == 1
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": begun["device_code"]}
    assert token(rig, **form).json()["error"] == "authorization_pending"
    assert token(rig, **form).json()["error"] == "slow_down"
    with Browser() as browser:
        assert "successful" in browser.approve(begun["verification_uri"], begun["user_code"])
    assert "access_token" in token(rig, **form).json()
