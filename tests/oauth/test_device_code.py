"""A code to enter in any browser, against a certified server that counts how often it is asked; and Zoho's variant of it."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from runner.auth.oauth2 import device_code
from runner.errors import CredentialsError
from tests.commands import write
from tests.oauth.project import daily, opened, project
from tests.oauth.rig import Browser, Rig
from tests.servers import Server

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.parametrize("name", ["public", "basic", "post", "es256"])
def test_a_login_by_code_keeps_to_the_interval(tmp_path: Path, rig: Rig, name: str) -> None:
    project(tmp_path, rig, rig.clients[name], "scopes: [openid, read]", "grant: device_code")
    with opened(tmp_path) as it, Browser() as browser:
        begun = device_code.begin(it.provider, it.outside)
        assert begun.interval == 1
        assert begun.verification_uri_complete is not None
        assert begun.user_code in begun.verification_uri_complete

        def person() -> None:
            while len(rig.log("/token")) < 2:  # two polls are answered with "not yet"
                time.sleep(0.05)
            browser.approve(begun.verification_uri, begun.user_code)

        at_work = threading.Thread(target=person)
        at_work.start()
        device_code.poll(begun, it.keeper)
        at_work.join()
        assert [step.status for step in it.told] == ["passed", "passed"]
    polls = rig.log("/token", grant_type=DEVICE_CODE)
    assert [poll["error"] for poll in polls[:2]] == ["authorization_pending"] * 2
    assert all(later["at"] - earlier["at"] >= 1 for earlier, later in pairwise(polls))
    assert polls[-1]["status"] == 200
    assert daily(tmp_path).status == 0


def test_slow_down_adds_five_seconds(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["slow"], "scopes: [openid]")
    with opened(tmp_path) as it:
        begun = device_code.begin(it.provider, it.outside)
        rig.control("interval", seconds=3)  # more than the server told: the second poll is too early
        with Browser() as browser:

            def person() -> None:
                while "slow_down" not in [poll.get("error") for poll in rig.log("/token")]:
                    time.sleep(0.05)
                browser.approve(begun.verification_uri, begun.user_code)

            at_work = threading.Thread(target=person)
            at_work.start()
            device_code.poll(begun, it.keeper)
            at_work.join()
    polls = rig.log("/token", grant_type=DEVICE_CODE)
    slow = next(index for index, poll in enumerate(polls) if poll.get("error") == "slow_down")
    assert polls[slow + 1]["at"] - polls[slow]["at"] >= 6
    assert polls[slow + 1]["status"] == 200


def test_refused_and_expired(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["public"], "scopes: [openid]")
    with opened(tmp_path) as it:
        begun = device_code.begin(it.provider, it.outside)
        with Browser(consents=False) as browser:
            browser.approve(begun.verification_uri, begun.user_code)
        with pytest.raises(CredentialsError, match="access_denied: consent was refused"):
            device_code.poll(begun, it.keeper)
        assert it.told[-1].status == "failed"
        begun = device_code.begin(it.provider, it.outside)
        rig.control("expire", token=begun.device_code.reveal())
        with pytest.raises(CredentialsError, match="expired_token: the device code is no longer good; log in again"):
            device_code.poll(begun, it.keeper)


ZOHO = """\
variables: {accounts-domain: "%s"}
secrets: {client-id: , client-secret: }
oauth2: {zoho: {preset: zoho, scopes: [ZohoCRM.org.READ, ZohoCRM.users.READ]}}
"""


def zoho(folder: Path, server: Server) -> None:
    write(folder, dev__env=ZOHO % server.url)
    overlay = folder / "environments" / "dev.local.yaml"
    overlay.write_text("secrets: {client-id: 1000.MADEUP, client-secret: made-up-secret}\n")
    overlay.chmod(0o600)


def test_zoho_has_endpoints_names_and_units_of_its_own(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, object]] = [
        {
            "user_code": "MADE-UP",
            "device_code": "1004.made.up",
            "interval": 30_000,
            "verification_url": "https://accounts.example/device",
            "expires_in": 300_000,
        },
        {"error": "authorization_pending"},
        {"error": "slow_down"},
        {"access_token": "1004.a.b", "refresh_token": "1004.c.d", "expires_in": 3_600_000, "expires_in_sec": 3600},
    ]
    server.hook = lambda method, path: (200, answers.pop(0))
    zoho(tmp_path, server)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)  # the effect that a command passes on; before it is opened
    with opened(tmp_path, "zoho") as it:
        begun = device_code.begin(it.provider, it.outside)
        assert (begun.interval, begun.expires_in, begun.user_code) == (30, 300, "MADE-UP")
        token = device_code.poll(begun, it.keeper)
        assert token.expires_at is not None
        assert round(token.expires_at - token.at) == 3600
    assert waited == [30, 30, 35]
    assert server.paths() == ["/oauth/v3/device/code"] + ["/oauth/v3/device/token"] * 3
    first, *polls = (body.decode() for body in server.bodies)
    assert first == (
        "client_id=1000.MADEUP&grant_type=device_request&scope=ZohoCRM.org.READ%2CZohoCRM.users.READ"
        "&access_type=offline&prompt=consent"
    )
    form = "client_id=1000.MADEUP&client_secret=made-up-secret&grant_type=device_token&code=1004.made.up"
    assert set(polls) == {form}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("other_dc", "the account lives in another data centre"),
        ("expired", "the device code is no longer good"),
        ("access_denied", "consent was refused"),
        ("made_up", "an error code that is not known"),
    ],
)
def test_zohos_refusals_in_words(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    begin = {
        "user_code": "MADE-UP",
        "device_code": "1004.made.up",
        "verification_url": "https://accounts.example/device",
    }
    answers: list[dict[str, object]] = [{**begin}, {"error": code, "user_location": "eu"}]
    server.hook = lambda method, path: (200, answers.pop(0))
    zoho(tmp_path, server)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with opened(tmp_path, "zoho") as it:
        begun = device_code.begin(it.provider, it.outside)
        assert begun.interval == device_code.ZOHO_INTERVAL
        with pytest.raises(CredentialsError, match=told):
            device_code.poll(begun, it.keeper)


def test_what_is_no_device_code_is_told(tmp_path: Path, server: Server) -> None:
    zoho(tmp_path, server)
    server.hook = lambda method, path: (200, {"error": "invalid_client"})
    with opened(tmp_path, "zoho") as it, pytest.raises(CredentialsError, match="invalid_client"):
        device_code.begin(it.provider, it.outside)


def test_an_address_that_is_none_is_told_whatever_the_answer_calls_it(tmp_path: Path, server: Server) -> None:
    zoho(tmp_path, server)
    server.hook = lambda method, path: (404, {"error": "not found"})
    with opened(tmp_path, "zoho") as it, pytest.raises(CredentialsError, match="answers 404") as told:
        device_code.begin(it.provider, it.outside)
    assert "check its address" in (told.value.problems[0].hint or "")
