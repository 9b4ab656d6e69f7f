"""`zrun login` by the self-client way: everything is looked at first, a code is used once, and no token is lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from runner.files.refresh_tokens import RefreshTokens
from runner.files.state import State
from runner.values import Secret
from tests.servers import Server
from tests.terminals import in_turn
from tests.zoho_world import Project, zoho

LOGIN = ["login", "-e", "us"]
PROMPT = "Grant token (not shown): "


@pytest.fixture
def us(tmp_path: Path) -> Iterator[Project]:
    with zoho(tmp_path) as project:
        yield project


def kept(project: Project, name: str = "refresh-token") -> str:
    value = State(project.folder, "us").read()[name].value
    return value.reveal() if isinstance(value, Secret) else str(value)


def test_a_code_from_the_process_environment(us: Project) -> None:
    code = us.running.mint_grant()
    done = us.zrun(*LOGIN, ZRUN_SECRET_GRANT_TOKEN=code)
    assert done.status == 0, done.err
    assert "logged in to `zoho`; the tokens are kept in .zrun/state/us.json" in done.out
    assert "refresh token  a new one" in done.out
    assert "access token   good for 1 h" in done.out
    assert f"api_domain     {us.running.url}, as the environment writes it" in done.out
    assert us.zrun("collections/daily.yaml", "-e", "us", "-r", "organization").status == 0
    assert us.calls() == {"authorization_code": 1}
    for secret in (code, kept(us), kept(us, "access-token"), us.running.client_secret):
        assert secret not in done.out + done.err


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_code_from_a_file(us: Project, end: str) -> None:
    (us.folder / "code.txt").write_text(us.running.mint_grant() + end, "utf-8")
    assert us.zrun(*LOGIN, "--grant-token-file", "code.txt").status == 0


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), ("a b", "holds more than a code"), (None, "cannot be read")]
)
def test_a_file_without_a_code_is_refused(us: Project, text: str | None, words: str) -> None:
    if text is not None:
        (us.folder / "code.txt").write_text(text, "utf-8")
    done = us.zrun(*LOGIN, "--grant-token-file", "code.txt")
    assert done.status == 2
    assert words in done.err
    assert us.calls() == {}


def test_the_embedded_sandbox_needs_no_account(us: Project) -> None:
    text = "sandbox: zoho\noauth2: {zoho: {preset: zoho}}\n"
    (us.folder / "environments" / "sandbox.yaml").write_text(text, "utf-8")
    device = us.zrun("login", "-e", "sandbox", "--device")
    assert device.status == 2
    assert "the embedded sandbox knows no device flow" in device.err
    done = us.zrun("login", "-e", "sandbox")
    assert done.status == 0, done.err
    assert "(as introspection says)" in done.out
    listed = us.zrun("vars", "collections/daily.yaml", "-e", "sandbox").out
    assert "access-token" in listed
    assert "id-token" not in listed, "nobody has declared, read or got one"
    assert us.zrun("collections/daily.yaml", "-e", "sandbox", "-r", "organization").status == 0


def test_a_person_is_told_where_to_click_and_asked_without_an_echo(us: Project) -> None:
    code = us.running.mint_grant()
    status, screen = in_turn(us.folder, LOGIN, [(PROMPT, code)], **us.variables)
    assert status == 0, screen
    assert f"open {us.running.url}, choose Self Client" in screen
    # What collections/ needs, since the provider names no scopes.
    scopes = "ZohoCRM.org.READ,ZohoCRM.modules.Leads.READ,ZohoCRM.modules.Leads.CREATE,ZohoSearch.securesearch.READ"
    assert scopes in screen.replace("\r\n", "\n")
    assert "choose 10 minutes (3 are chosen at first" in screen
    assert code not in screen


@pytest.mark.parametrize(
    ("settings", "arguments", "scopes"),
    [
        (", scopes: [ZohoCRM.org.READ, ZohoCRM.coql.READ]", [], "ZohoCRM.org.READ,ZohoCRM.coql.READ"),
        (", scopes: ZohoCRM.org.READ", ["--scopes", "ZohoCRM.a.READ ZohoCRM.b.ALL"], "ZohoCRM.a.READ,ZohoCRM.b.ALL"),
        ("", ["-c", "one"], "     ZohoCRM.users.READ"),
    ],
)  # fmt: skip
def test_which_scopes_to_paste(us: Project, settings: str, arguments: list[str], scopes: str) -> None:
    us.environment(settings=settings)
    text = "requests: {a: {get: <<api-domain>>/crm/v8/users}}\n"
    (us.folder / "collections" / "one.yaml").write_text(text, "utf-8")
    _, screen = in_turn(us.folder, [*LOGIN, *arguments], [(PROMPT, "\x03")], **us.variables)
    assert f"{scopes}\r\n" in screen


def test_a_refused_code_is_explained_and_another_one_taken(us: Project) -> None:
    good = us.running.mint_grant()
    answers = [(PROMPT, "1000.made-up.wrong"), (PROMPT, good)]
    status, screen = in_turn(us.folder, LOGIN, answers, **us.variables)
    assert status == 0, screen
    assert "refused: invalid_code: the grant token is not accepted" in screen
    assert us.calls() == {"authorization_code": 2}


def test_codes_are_asked_for_three_times_at_most(us: Project) -> None:
    answers = [(PROMPT, f"1000.made-up.{number}") for number in range(5)]
    status, screen = in_turn(us.folder, LOGIN, answers, **us.variables)
    assert status == 4
    assert screen.count(PROMPT) == 3
    assert us.calls() == {"authorization_code": 3}


def test_a_script_gets_one_try(us: Project) -> None:
    done = us.zrun(*LOGIN, ZRUN_SECRET_GRANT_TOKEN="1000.made-up.wrong")
    assert done.status == 4
    assert "a grant token works once" in done.err
    assert us.calls() == {"authorization_code": 1}


def test_a_wrong_secret_is_no_reason_for_another_code(us: Project) -> None:
    given = {**us.variables, "ZOHO_CLIENT_SECRET": "made-up-wrong-secret"}
    status, screen = in_turn(us.folder, LOGIN, [(PROMPT, us.running.mint_grant())] * 2, **given)
    assert status == 4
    assert "invalid_client_secret" in screen
    assert screen.count(PROMPT) == 1


@pytest.mark.parametrize(
    ("accounts", "more", "settings", "variables", "status", "words"),
    [
        ("", "", "", {"ZOHO_CLIENT_SECRET": ""}, 2, "set ZOHO_CLIENT_SECRET"),
        ("", "", ", token-url: 'http://elsewhere.example/token'", {}, 5, "over plain http"),
        ("http://127.0.0.1:9", "", "", {}, 3, "refuses the connection"),
        ("https://nothing.invalid", "", "", {}, 3, "is not found"),
        ("", "", ", preset: generic", {}, 2, ""),
    ],
)
def test_what_would_fail_is_told_before_a_code_is_asked_for(
    us: Project, accounts: str, more: str, settings: str, variables: dict[str, str], status: int, words: str
) -> None:
    us.environment(accounts=accounts, more=more, settings=settings)
    found, screen = in_turn(us.folder, LOGIN, [(PROMPT, "unused")], **{**us.variables, **variables})
    assert found == status, screen
    assert words in screen
    assert PROMPT not in screen
    assert us.calls() == {}


def test_a_budget_that_is_used_up_is_told_before_a_code_is_asked_for(us: Project) -> None:
    us.login()
    for _ in range(9):
        assert us.doctor("--refresh").status == 0
    status, screen = in_turn(us.folder, [*LOGIN, "--force"], [(PROMPT, "unused")], **us.variables)
    assert status == 4
    assert "a code would be spent in vain" in screen
    assert PROMPT not in screen


def test_a_clock_that_is_wrong_is_told_before_a_code_is_asked_for(us: Project) -> None:
    us.ask("clock", offset=-900)
    status, screen = in_turn(us.folder, LOGIN, [(PROMPT, "unused")], **us.variables)
    assert status == 2
    assert "this machine's clock is 15 m" in screen
    assert PROMPT not in screen


def test_nobody_is_asked_in_ci_or_without_a_terminal(us: Project) -> None:
    done = us.zrun(*LOGIN)
    assert done.status == 2
    assert "--grant-token-file" in done.err
    status, screen = in_turn(us.folder, LOGIN, [(PROMPT, "unused")], **us.variables, CI="true")
    assert status == 2
    assert PROMPT not in screen
    assert us.paths() == {}


def test_in_a_script_tokens_that_work_are_enough(us: Project) -> None:
    us.login()
    for variables in ({}, {"CI": "true"}):
        done = us.zrun(*LOGIN, **variables)
        assert done.status == 0, done.err
        assert "the tokens of `zoho` that are kept work: no login is needed" in done.err
    forced = us.zrun(*LOGIN, "--force")
    assert forced.status == 2
    assert "no grant token is given, and nobody can be asked" in forced.err
    httpx.post(f"{us.running.url}/oauth/v2/token/revoke", data={"token": kept(us)}).raise_for_status()
    dead = us.zrun(*LOGIN)
    assert dead.status == 2
    assert "is no longer accepted; it has to be replaced" in dead.err
    assert "no grant token is given, and nobody can be asked" in dead.err
    assert us.calls()["authorization_code"] == 1


def test_ctrl_c_ends_it_with_nothing_sent(us: Project) -> None:
    status, screen = in_turn(us.folder, LOGIN, [(PROMPT, "\x03")], **us.variables)
    assert status == 130
    assert "Traceback" not in screen
    assert us.calls() == {}


def test_with_a_refresh_token_that_works_no_login_is_needed(us: Project) -> None:
    us.login()
    first = kept(us)
    code = us.running.mint_grant()
    done = us.zrun(*LOGIN, ZRUN_SECRET_GRANT_TOKEN=code)
    assert done.status == 0
    assert "no login is needed; --force makes new ones" in done.err
    for answer in ("n", ""):
        status, screen = in_turn(us.folder, LOGIN, [("Log in anyway? [y/N] ", answer)], **us.variables)
        assert status == 0
        assert PROMPT not in screen
    assert us.calls() == {"authorization_code": 1}
    answers = [("Log in anyway? [y/N] ", "y"), (PROMPT, code)]
    status, _ = in_turn(us.folder, LOGIN, answers, **us.variables)
    assert status == 0
    assert us.calls() == {"authorization_code": 2}
    assert kept(us) != first


def test_a_secret_that_a_kept_token_shows_to_be_wrong_spends_no_code(us: Project) -> None:
    us.login()
    us.ask("revoke-access-tokens")
    given = {**us.variables, "ZOHO_CLIENT_SECRET": "made-up-wrong-secret"}
    status, screen = in_turn(us.folder, LOGIN, [(PROMPT, "unused")], **given)
    assert status == 4
    assert "invalid_client_secret" in screen
    assert PROMPT not in screen


def test_a_refresh_token_that_is_dead_is_replaced(us: Project) -> None:
    us.login()
    dead = kept(us)
    httpx.post(f"{us.running.url}/oauth/v2/token/revoke", data={"token": dead}).raise_for_status()
    done = us.login()
    assert "no longer accepted; it has to be replaced" in done.err
    assert kept(us) != dead


def test_the_old_token_stays_until_a_new_one_is_kept(us: Project) -> None:
    us.login()
    before = State(us.folder, "us").path.read_text("utf-8")
    assert us.zrun(*LOGIN, "--force", ZRUN_SECRET_GRANT_TOKEN="1000.made-up.wrong").status == 4
    assert State(us.folder, "us").path.read_text("utf-8") == before


def count(project: Project) -> RefreshTokens:
    host = urlsplit(project.running.url).hostname or ""
    return RefreshTokens(State(project.folder, "us"), project.running.client_id, host)


def test_too_many_refresh_tokens_are_warned_of_from_the_eighteenth_on(us: Project) -> None:
    us.login()
    counted = count(us)
    assert len(counted.made()) == 1
    for number in range(15):
        counted.note(Secret(f"1000.made-up.{number}", "refresh-token"), 1000.0 + number)
    assert "warning" not in us.login("--force").err
    done = us.login("--force")
    assert "refresh token 18 of this client in this project" in done.err
    assert "ends the oldest" in done.err
    assert "`zrun token revoke -e us`" in done.err
    assert us.doctor().one("budget", "refresh tokens")["status"] == "warning"
    text = next((us.folder / ".zrun" / "clients").rglob("refresh-tokens.json")).read_text("utf-8")
    assert kept(us) not in text
    counted.drop(Secret(kept(us), "refresh-token"))
    assert len(counted.made()) == 17


def test_an_api_domain_that_is_not_the_environments_is_told_with_the_line_to_change(us: Project) -> None:
    port = urlsplit(us.running.url).port
    us.running._store.url = f"http://localhost:{port}"
    done = us.login()
    assert f"api_domain     http://localhost:{port}, not the one that the environment writes" in done.out
    assert f"write there: `api-domain: http://localhost:{port}` (" in done.err
    assert "us.yaml:3:" in done.err


def test_an_exchange_that_may_have_arrived_is_not_sent_again(us: Project) -> None:
    """A server that takes the request and hangs up: the code may be used, so it is not sent a second time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        arrived: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError), connection:
                    head = connection.recv(65536)
                    if head.startswith(b"POST"):
                        arrived.append(head)
                        continue
                    body = b'{"result": "success", "locations": {"us": "x"}}'
                    answer = (
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
                    )
                    connection.sendall(answer + (b"0" if head.startswith(b"HEAD") else b"%d" % len(body)) + b"\r\n\r\n")
                    if not head.startswith(b"HEAD"):
                        connection.sendall(body)

        threading.Thread(target=serve, daemon=True).start()
        us.environment(accounts=f"http://127.0.0.1:{listening.getsockname()[1]}")
        answers = [(PROMPT, "1000.made-up.code")] * 2
        status, screen = in_turn(us.folder, LOGIN, answers, **us.variables)
    assert status == 3
    assert len(arrived) == 1
    assert "the code may have been used: generate a new one" in screen
    assert screen.count(PROMPT) == 1


def test_a_server_that_is_no_accounts_server_is_warned_of(us: Project, server: Server) -> None:
    us.environment(accounts=server.url)
    done = us.zrun(*LOGIN, ZRUN_SECRET_GRANT_TOKEN="1000.made-up.code")
    assert "does not answer as an accounts server of Zoho's (404)" in done.err


def test_several_providers_want_a_choice(us: Project) -> None:
    text = (us.folder / "environments" / "us.yaml").read_text("utf-8")
    both = text.replace("{zoho: {preset: zoho}}", "{zoho: {preset: zoho}, other: {preset: zoho, token-prefix: other}}")
    (us.folder / "environments" / "us.yaml").write_text(both, "utf-8")
    assert "choose one: --provider" in us.zrun(*LOGIN).err
    assert "did you mean `other`?" in us.zrun(*LOGIN, "--provider", "othr").err
    us.login("--provider", "other")
    assert kept(us, "other-refresh-token")
