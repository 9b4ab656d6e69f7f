"""`zrun login` with a browser and with a device: against a certified authorization server, and a Zoho server-based client.

The browser is played by httpx where that is enough, and is a real headless Chromium once.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from runner.files.state import State
from runner.values import Secret
from tests import chromium
from tests.commands import Done, write, zrun
from tests.oauth.rig import Browser, Rig
from tests.terminals import in_turn
from tests.zoho_world import Project, zoho

ROOT = Path(__file__).parent.parent
_PLAYED = """\
import sys
sys.path.insert(0, {root!r})
from tests.oauth.rig import Browser
with Browser(consents={consents}) as browser:
    browser.visit(sys.argv[1])
"""
_FOLLOWED = "import sys, httpx\nhttpx.get(sys.argv[1], follow_redirects=True)\n"


def project(folder: Path, rig: Rig, settings: str = "", client: str = "public") -> Path:
    text = f"""\
oauth2: {{rig: {{issuer: "{rig.issuer}", client-id: {client_id(rig, client)}, scopes: [openid, read]{settings}}}}}
hosts: ["{rig.host}"]
"""
    collection = (
        f'requests: {{me: {{get: "{rig.issuer}/api/me", auth: {{oauth2: rig}}, expect: {{json $.sub: ada}}}}}}\n'
    )
    return write(folder, rig__env=text, me=collection)


def client_id(rig: Rig, client: str) -> str:
    return rig.clients[client].client_id


def browser(folder: Path, script: str) -> dict[str, str]:
    """What makes `script` the browser of this machine."""
    path = folder / "browser.py"
    path.write_text(script, "utf-8")
    return {"BROWSER": f"{sys.executable} {path} %s"}


def played(folder: Path, *, consents: bool = True) -> dict[str, str]:
    return browser(folder, _PLAYED.format(root=str(ROOT), consents=consents))


def kept(folder: Path, environment: str, name: str) -> str:
    value = State(folder, environment).read()[name].value
    return value.reveal() if isinstance(value, Secret) else str(value)


def revoke(rig: Rig, token: str) -> None:
    """RFC 7009, by the public client."""
    form = {"token": token, "client_id": client_id(rig, "public")}
    httpx.post(f"{rig.issuer}/token/revocation", data=form).raise_for_status()


def test_a_person_consents_in_a_browser(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)
    done = zrun(folder, "login", "-e", "rig", **played(folder))
    assert done.status == 0, done.err
    assert "refresh token  a new one" in done.out
    assert "scopes         openid, read (said with the token)" in done.out
    assert zrun(folder, "me.yaml", "-e", "rig").status == 0
    for name in ("access-token", "refresh-token"):
        assert kept(folder, "rig", name) not in done.out + done.err
    assert len(rig.log("/token")) == 1


def test_consent_that_is_refused_is_told(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)
    done = zrun(folder, "login", "-e", "rig", **played(folder, consents=False))
    assert done.status == 4
    assert "consent" in done.err
    assert not (folder / ".zrun" / "state" / "rig.json").exists()


def test_the_browser_is_on_another_machine_and_its_address_is_pasted(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)

    def answered(screen: str) -> str:
        found = re.search(r"http\S+/auth\?\S+", screen)
        assert found, screen
        with Browser() as one:
            return one.authorize(found[0])

    answers: list[tuple[str, str | Callable[[str], str]]] = [
        ("paste the whole address", "http://127.0.0.1/callback"),
        ("this is not the address", answered),
    ]
    status, screen = in_turn(folder, ["login", "-e", "rig", "--no-browser"], answers)
    assert status == 0, screen
    assert zrun(folder, "me.yaml", "-e", "rig").status == 0


def test_a_redirect_uri_elsewhere_is_pasted(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig, ", redirect-uri: 'https://app.example/callback'")
    done = zrun(folder, "login", "-e", "rig")
    assert done.status == 2
    assert "nobody can be asked for the address" in done.err
    assert "/auth?" in done.err


def test_an_answer_of_another_login_is_not_taken(tmp_path: Path, rig: Rig) -> None:
    """Another program's answer, with another `state`, is refused; the right one is taken after it."""
    folder = project(tmp_path, rig)
    script = _PLAYED.format(root=str(ROOT), consents=True).replace(
        "    browser.visit(sys.argv[1])",
        "    import httpx\n"
        "    back = browser.authorize(sys.argv[1])\n"
        "    forged = back.partition('?')[0] + '?code=made-up&state=forged'\n"
        "    assert httpx.get(forged).status_code == 400\n"
        "    httpx.get(back)",
    )
    done = zrun(folder, "login", "-e", "rig", **browser(folder, script))
    assert done.status == 0, done.err


def test_nobody_comes(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)
    done = zrun(folder, "login", "-e", "rig", "--timeout", "1s")
    assert done.status == 4
    assert "no answer came from the browser within 1" in done.err
    assert zrun(folder, "login", "-e", "rig", "--timeout", "soon").status == 2
    assert zrun(folder, "login", "-e", "rig", CI="true").status == 2


def test_a_device_shows_a_code(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)

    def approve(screen: str) -> str:
        address = re.search(r"open (http\S+) in any browser", screen)
        code = re.search(r"^ {4}(\S+)\r?$", screen, re.MULTILINE)
        assert address, screen
        assert code, screen
        with Browser() as one:
            one.approve(address[1], code[1])
        return ""

    status, screen = in_turn(folder, ["login", "-e", "rig", "--device"], [("asking every", approve)])
    assert status == 0, screen
    assert "refresh token  a new one" in screen
    assert zrun(folder, "me.yaml", "-e", "rig").status == 0


def test_a_kept_token_of_a_plain_provider_is_looked_at_by_introspection(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)
    assert zrun(folder, "login", "-e", "rig", **played(folder)).status == 0
    tokens = len(rig.log("/token"))
    again = zrun(folder, "login", "-e", "rig", **played(folder))
    assert again.status == 0
    assert "no login is needed" in again.err
    assert len(rig.log("/token")) == tokens
    done = zrun(folder, "doctor", "-e", "rig", "-c", "me.yaml")
    assert done.status == 0, done.out
    assert "alive: `rig` says so (introspection)" in done.out
    assert "granted: openid, read (said with the token)" in done.out
    assert len(rig.log("/token")) == tokens
    done = zrun(folder, "doctor", "-e", "rig", "--refresh")
    assert done.status == 0, done.out
    assert "gave a new access token" in done.out
    assert len(rig.log("/token")) == tokens + 1


def test_a_grant_that_ended_is_told_and_login_begins_anew(tmp_path: Path, rig: Rig) -> None:
    folder = project(tmp_path, rig)
    assert zrun(folder, "login", "-e", "rig", **played(folder)).status == 0
    revoke(rig, kept(folder, "rig", "refresh-token"))  # ends the grant, and with it the access token
    done = zrun(folder, "doctor", "-e", "rig")
    assert done.status == 4
    assert "before its time: it was revoked" in done.out
    assert "invalid_grant: the refresh token is not accepted" in done.out
    done = zrun(folder, "login", "-e", "rig", **played(folder))
    assert done.status == 0, done.err
    assert "no longer accepted; it has to be replaced" in done.err


@pytest.fixture
def us(tmp_path: Path) -> Iterator[Project]:
    with zoho(tmp_path) as made:
        yield made


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def server_based(project: Project, port: int) -> dict[str, str]:
    """The credentials of a Zoho client with that redirect URI."""
    made = project.ask("clients", redirect_uri=f"http://127.0.0.1:{port}/callback")
    return {"ZOHO_CLIENT_ID": made["client_id"], "ZOHO_CLIENT_SECRET": made["client_secret"]}


def login_to_zoho(project: Project, *arguments: str, **variables: str) -> Done:
    return zrun(project.folder, "login", "-e", "us", *arguments, **variables, **browser(project.folder, _FOLLOWED))


def test_a_server_based_client_of_zohos(us: Project) -> None:
    port = free_port()
    given = server_based(us, port)
    done = login_to_zoho(us, "--browser", "--port", str(port), **given)
    assert done.status == 0, done.err
    assert "refresh token  a new one" in done.out
    # What was asked for is what collections/ needs; an answer that names no scope grants that (RFC 6749, 5.1).
    assert "scopes         ZohoCRM.org.READ, ZohoCRM.modules.Leads.READ" in done.out
    ran = zrun(us.folder, "collections/daily.yaml", "-e", "us", "-r", "organization", **given)
    assert ran.status == 0, ran.out
    asked = re.search(r"http\S+/oauth/v2/auth\?(\S+)", done.err)
    assert asked
    query = dict(parse_qsl(asked[1]))
    assert (query["access_type"], query["prompt"]) == ("offline", "consent")
    assert "," in query["scope"]


def test_another_redirect_uri_than_the_registered_one(us: Project) -> None:
    given = server_based(us, free_port())
    done = login_to_zoho(us, "--browser", "--port", str(free_port()), "--timeout", "1s", **given)
    assert done.status == 4
    assert "is the redirect URI registered?" in done.err


def test_a_port_that_is_taken_or_none(us: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = login_to_zoho(us, "--browser", "--port", str(taken.getsockname()[1]), **us.variables)
    assert done.status == 2
    assert login_to_zoho(us, "--browser", "--port", "99999", **us.variables).status == 2


def test_without_offline_access_no_refresh_token_comes_and_that_is_told(us: Project) -> None:
    port = free_port()
    us.environment(settings=", authorization-params: {access_type: online}")
    done = login_to_zoho(us, "--browser", "--port", str(port), **server_based(us, port))
    assert done.status == 0, done.err
    assert "refresh token  none came: log in again when the access token ends" in done.out
    assert "access_type=offline" in done.err


def test_a_provider_without_a_device_endpoint(tmp_path: Path, rig: Rig) -> None:
    endpoints = f"token-url: '{rig.issuer}/token', authorization-url: '{rig.issuer}/auth'"
    write(tmp_path, rig__env=f"oauth2: {{rig: {{{endpoints}, client-id: client-public}}}}\n")
    done = zrun(tmp_path, "login", "-e", "rig", "--device")
    assert done.status == 2
    assert "has no `device-url`" in done.err
    assert zrun(tmp_path, "login", "-e", "rig", "--self-client").status == 2


def test_a_provider_that_needs_no_person(tmp_path: Path, rig: Rig) -> None:
    """It needs no login; and doctor asks for a token only when none is kept."""
    basic = rig.clients["basic"]
    text = f"""\
oauth2:
  rig: {{issuer: "{rig.issuer}", client-id: {basic.client_id}, grant: client_credentials, scopes: [read]}}
hosts: ["{rig.host}"]
secrets: {{client-secret: {{env: MADE_UP_SECRET}}}}
"""
    write(tmp_path, rig__env=text)
    assert "needs no login" in zrun(tmp_path, "login", "-e", "rig").err
    first = zrun(tmp_path, "doctor", "-e", "rig", MADE_UP_SECRET=basic.client_secret)
    assert first.status == 0, first.out
    assert "gave a new access token" in first.out
    second = zrun(tmp_path, "doctor", "-e", "rig", MADE_UP_SECRET=basic.client_secret)
    assert second.status == 0, second.out
    assert "alive: `rig` says so (introspection)" in second.out
    assert len(rig.log("/token")) == 1
    wrong = zrun(tmp_path, "doctor", "-e", "rig", "--refresh", MADE_UP_SECRET="made-up-wrong-secret")
    assert wrong.status == 4
    assert "invalid_client" in wrong.out
    assert "made-up-wrong-secret" not in wrong.out + wrong.err


@pytest.mark.skipif(chromium.installed() is None, reason="chromium is not installed")
def test_a_real_browser_goes_through_login_and_consent(tmp_path: Path, rig: Rig) -> None:
    """Chromium, with its own idea of redirects, favicons and connections opened in advance."""
    folder = project(tmp_path, rig)
    seen: dict[str, Any] = {}

    def drive(screen: str) -> str:
        found = re.search(r"http\S+/auth\?\S+", screen)
        assert found, screen
        with chromium.tab() as page:
            page.open(found[0])
            page.wait("document.querySelector('input[name=login]') !== null")
            page.evaluate(
                "document.querySelector('input[name=login]').value = 'ada';"
                "document.querySelector('input[name=password]').value = 'made up';"
                "document.querySelector('form').submit()"
            )
            page.wait("document.querySelector('input[name=prompt][value=consent]') !== null")
            page.evaluate("document.querySelector('form').submit()")
            seen["text"] = page.wait("location.pathname === '/callback' && document.body && document.body.innerText")
            seen["referrer"] = page.evaluate("document.referrer")
        return ""

    status, screen = in_turn(folder, ["login", "-e", "rig", "--no-browser"], [("waiting for the answer", drive)])
    assert status == 0, screen
    assert seen["text"] == "You are logged in. You can close this window."
    assert zrun(folder, "me.yaml", "-e", "rig").status == 0
