"""The sandbox's OAuth: a real server on loopback, asked as a client would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from runner import sandbox
from runner.errors import InputError
from runner.sandbox.server import Running


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with sandbox.start(tmp_path / "private" / "zoho.sqlite") as server:
        yield server


def token(server: Running, **form: str) -> httpx.Response:
    """A token call of the default client; what is given replaces or adds, an empty text leaves out."""
    whole = {"client_id": server.client_id, "client_secret": server.client_secret} | form
    return httpx.post(f"{server.url}/oauth/v2/token", data={name: text for name, text in whole.items() if text})


def exchange(server: Running) -> dict[str, Any]:
    answer: dict[str, Any] = token(server, grant_type="authorization_code", code=server.mint_grant()).json()
    return answer


def renew(server: Running, refresh: str) -> httpx.Response:
    return token(server, grant_type="refresh_token", refresh_token=refresh)


def post(server: Running, page: str, **given: object) -> Any:
    return httpx.post(f"{server.url}/_sandbox/{page}", json=given).raise_for_status().json()


def org(server: Running, access: str) -> int:
    headers = {"Authorization": f"Zoho-oauthtoken {access}"}
    return httpx.get(f"{server.url}/crm/v8/org", headers=headers).status_code


def test_a_code_gives_tokens_once(running: Running) -> None:
    code = running.mint_grant()
    first = token(running, grant_type="authorization_code", code=code)
    assert first.status_code == 200
    assert first.json().keys() == {"access_token", "refresh_token", "api_domain", "token_type", "expires_in"}
    assert first.json()["api_domain"] == running.url
    again = token(running, grant_type="authorization_code", code=code)
    assert (again.status_code, again.json()) == (200, {"error": "invalid_code"})


def test_a_refresh_token_is_not_rotated(running: Running) -> None:
    answer = renew(running, exchange(running)["refresh_token"]).json()
    assert answer.keys() == {"access_token", "api_domain", "token_type", "expires_in"}
    assert org(running, answer["access_token"]) == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code", "code": "1000.madeup.madeup"}, "invalid_code"),
        ({"grant_type": "authorization_code"}, "invalid_code"),
        ({"grant_type": "refresh_token", "refresh_token": "1000.madeup.madeup"}, "invalid_code"),
        ({"grant_type": "refresh_token", "client_id": "1000.UNKNOWN"}, "invalid_client"),
        ({"grant_type": "refresh_token", "client_id": ""}, "invalid_client"),
        ({"grant_type": "refresh_token", "client_secret": "made-up"}, "invalid_client_secret"),
        ({"grant_type": "refresh_token", "client_secret": ""}, "invalid_client_secret"),
        ({"grant_type": "password"}, "invalid_client"),
        ({"grant_type": "client_credentials", "scope": "ZohoCRM.org.READ"}, "missing_org_info"),
        ({"grant_type": "client_credentials", "scope": "nonsense", "soid": "ZohoCRM.1"}, "invalid_scope"),
    ],
)
def test_refused_credentials_come_with_status_200(running: Running, form: dict[str, str], error: str) -> None:
    answer = token(running, **form)
    assert (answer.status_code, answer.json()) == (200, {"error": error})


def test_a_bad_request_is_400(running: Running) -> None:
    assert token(running).status_code == 400
    assert httpx.get(f"{running.url}/oauth/v2/token", params={"grant_type": "refresh_token"}).status_code == 400


@pytest.mark.parametrize("way", ["query", "multipart", "basic"])
def test_parameters_come_in_other_ways(running: Running, way: str) -> None:
    own = {"grant_type": "authorization_code", "code": running.mint_grant()}
    client = {"client_id": running.client_id, "client_secret": running.client_secret}
    url = f"{running.url}/oauth/v2/token"
    if way == "query":
        answer = httpx.post(url, params=own | client)
    elif way == "multipart":
        answer = httpx.post(url, files={name: (None, text) for name, text in (own | client).items()})
    else:
        answer = httpx.post(url, data=own, auth=(running.client_id, running.client_secret))
    assert "refresh_token" in answer.json()


@pytest.mark.parametrize("path", ["token", "auth"])
def test_client_credentials(running: Running, path: str) -> None:
    form = {"grant_type": "client_credentials", "scope": "ZohoCRM.org.READ,ZohoCRM.users.READ", "soid": "ZohoCRM.1"}
    client = {"client_id": running.client_id, "client_secret": running.client_secret}
    answer = httpx.post(f"{running.url}/oauth/v2/{path}", data=form | client).json()
    assert answer["scope"] == "ZohoCRM.org.READ ZohoCRM.users.READ"
    assert "refresh_token" not in answer
    assert org(running, answer["access_token"]) == 200


def test_codes_and_tokens_expire_by_the_sandbox_clock(running: Running) -> None:
    tokens = exchange(running)
    code = running.mint_grant(lifetime_minutes=3)
    post(running, "clock", advance=181)
    assert token(running, grant_type="authorization_code", code=code).json() == {"error": "invalid_code"}
    assert org(running, tokens["access_token"]) == 200
    post(running, "clock", advance=3600)
    assert org(running, tokens["access_token"]) == 401
    assert "access_token" in renew(running, tokens["refresh_token"]).json()


@pytest.mark.parametrize("status", [400, 200])
def test_ten_access_tokens_in_ten_minutes(running: Running, status: int) -> None:
    post(running, "switch", throttle_status=status)
    refresh = exchange(running)["refresh_token"]
    assert all("access_token" in renew(running, refresh).json() for _ in range(9))
    refused = renew(running, refresh)
    assert (refused.status_code, refused.json()["error"]) == (status, "Access Denied")
    post(running, "clock", advance=601)
    assert "access_token" in renew(running, refresh).json()


def test_ten_codes_in_ten_minutes(running: Running) -> None:
    for _ in range(10):
        running.mint_grant()
    with pytest.raises(InputError, match="access_denied"):
        running.mint_grant()
    post(running, "clock", advance=601)
    assert running.mint_grant()


def test_the_sixteenth_access_token_ends_the_oldest(running: Running) -> None:
    made = [exchange(running)]
    for number in range(15):
        if number in (5, 10):
            post(running, "clock", advance=601)
        made.append(renew(running, made[0]["refresh_token"]).json())
    assert [org(running, each["access_token"]) for each in made[:3]] == [401, 200, 200]


def test_the_twenty_first_refresh_token_ends_the_oldest(running: Running) -> None:
    made = []
    for number in range(21):
        if number in (10, 20):
            post(running, "clock", advance=601)
        made.append(exchange(running))
    assert renew(running, made[0]["refresh_token"]).json() == {"error": "invalid_code"}
    assert [org(running, each["access_token"]) for each in made[:2]] == [401, 200]
    assert "access_token" in renew(running, made[1]["refresh_token"]).json()


@pytest.mark.parametrize("path", ["token/revoke", "revoke/token"])
def test_revoking_a_refresh_token_ends_its_access_tokens(running: Running, path: str) -> None:
    tokens = exchange(running)
    url, given = f"{running.url}/oauth/v2/{path}", {"token": tokens["refresh_token"]}
    auth = httpx.BasicAuth(running.client_id, running.client_secret)
    assert httpx.post(url, params=given, auth=auth).json() == {"status": "success"}
    assert org(running, tokens["access_token"]) == 401
    assert renew(running, tokens["refresh_token"]).json() == {"error": "invalid_code"}
    assert httpx.post(url, params=given, auth=auth).status_code == 400


def test_the_redirect_flow(running: Running) -> None:
    callback = "http://127.0.0.1:9/callback"
    client = post(running, "clients", redirect_uri=callback)
    ask = {"client_id": client["client_id"], "redirect_uri": callback, "response_type": "code", "state": "a b"}
    ask |= {"scope": "ZohoCRM.org.READ", "access_type": "offline"}
    url = f"{running.url}/oauth/v2/auth"

    def tokens(**more: str) -> Any:
        sent = httpx.get(url, params=ask | more)
        assert sent.status_code == 302
        back = parse_qs(urlsplit(sent.headers["location"]).query)
        assert (back["state"], back["location"], back["accounts-server"]) == (["a b"], ["us"], [running.url])
        form = {"grant_type": "authorization_code", "code": back["code"][0]} | client
        wrong = token(running, **form | {"redirect_uri": callback + "/"})
        assert wrong.json() == {"error": "invalid_redirect_uri"}
        return token(running, **form).json()

    assert "refresh_token" not in tokens(access_type="online")
    assert "refresh_token" in tokens()
    assert "refresh_token" not in tokens()
    assert "refresh_token" in tokens(prompt="consent")
    for wrong, text in [
        ({"client_id": "x"}, "Invalid Client"),
        ({"redirect_uri": "http://127.0.0.1:9/"}, "Invalid Redirect Uri"),
        ({"response_type": "id"}, "Invalid response type"),
        ({"scope": "x"}, "Invalid OAuth scope"),
    ]:
        assert text in httpx.get(url, params=ask | wrong).text


def test_a_client_of_another_data_centre_is_unknown(running: Running) -> None:
    other = post(running, "clients", data_center="eu")
    form = {name: other[name] for name in ("client_id", "client_secret")}
    assert token(running, grant_type="refresh_token", **form).json() == {"error": "invalid_client"}


def test_milliseconds_and_lifetime_are_switches(running: Running) -> None:
    post(running, "switch", expires_in_unit="ms", token_lifetime=60)
    tokens = exchange(running)
    assert (tokens["expires_in_sec"], tokens["expires_in"]) == (60, 60_000)
    post(running, "clock", advance=61)
    assert org(running, tokens["access_token"]) == 401


def test_data_lasts_and_is_private(tmp_path: Path) -> None:
    data = tmp_path / "private" / "zoho.sqlite"
    with sandbox.start(data) as first:
        tokens, client = exchange(first), first.client_id
    assert (data.stat().st_mode & 0o777, data.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with sandbox.start(data) as second:
        assert second.client_id == client
        assert org(second, tokens["access_token"]) == 200
    with sandbox.start(data, clock_offset=3601) as later:
        assert org(later, tokens["access_token"]) == 401
        assert "access_token" in renew(later, tokens["refresh_token"]).json()


def test_two_servers_on_one_file_use_a_code_once(tmp_path: Path) -> None:
    data = tmp_path / "zoho.sqlite"
    with sandbox.start(data) as one, sandbox.start(data) as two:
        for _ in range(5):
            code = one.mint_grant()
            answers: list[Any] = []
            meet = threading.Barrier(4)

            def ask(server: Running, code: str = code, meet: threading.Barrier = meet, to: list[Any] = answers) -> None:
                meet.wait()
                to.append(token(server, grant_type="authorization_code", code=code).json())

            threads = [threading.Thread(target=ask, args=(server,)) for server in (one, two, one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted("access_token" in answer for answer in answers) == [False, False, False, True]


def test_the_operator_sees_counts_and_no_credentials(running: Running) -> None:
    tokens = exchange(running)
    renew(running, tokens["refresh_token"])
    assert post(running, "revoke-access-tokens") == {"revoked": 2}
    state = httpx.get(f"{running.url}/_sandbox/state").json()
    assert state["requests"] == 2
    assert state["token_calls"] == {"authorization_code": 1, "refresh_token": 1}
    log = httpx.get(f"{running.url}/_sandbox/log").text
    assert "/oauth/v2/token" in log
    assert "1000." not in log
    assert running.client_id in httpx.get(running.url).text


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_the_operator_side_refuses_other_sites(running: Running, headers: dict[str, str]) -> None:
    assert httpx.post(f"{running.url}/_sandbox/grant", headers=headers).status_code == 403
    assert httpx.get(running.url, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("switch", '{"throttle_status": 500}'),
        ("switch", '{"nonsense": 1}'),
        ("clock", "{}"),
        ("clock", '{"advance": 1e300}'),
        ("clock", '{"advance": NaN}'),
        ("grant", '{"minutes": "x"}'),
        ("grant", '{"scope": "nonsense"}'),
        ("grant", '{"client_id": "x"}'),
        ("clients", '{"redirect_uri": 1}'),
        ("grant", "not JSON"),
        ("grant", "[]"),
    ],
)
def test_the_operator_is_told_of_mistakes(running: Running, page: str, body: str) -> None:
    answer = httpx.post(f"{running.url}/_sandbox/{page}", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_reset_forgets_everything(running: Running) -> None:
    tokens, client = exchange(running), running.client_id
    post(running, "reset")
    assert org(running, tokens["access_token"]) == 401
    assert running.client_id != client


def test_start_says_what_is_wrong(running: Running, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot listen"):
        sandbox.start(tmp_path / "a.sqlite", port=int(running.url.rpartition(":")[2]))
    with pytest.raises(InputError, match="loopback"):
        sandbox.start(tmp_path / "a.sqlite", host="0.0.0.0")
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 50)
    with pytest.raises(InputError, match="cannot keep its data"):
        sandbox.start(tmp_path / "text")
