"""Zoho's habits, as the embedded one has them: status 200 for refusals, milliseconds, commas, an organisation for clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner import sandbox
from tests.commands import Done, write, zrun

RUN = "auth: {oauth2: zoho}\nrequests:\n  org: {get: <<api-domain>>/crm/v8/org, expect: 200}\n"


class Zoho:
    """A running sandbox, and an environment that reaches it as it would the real one."""

    def __init__(self, folder: Path, running: sandbox.Running) -> None:
        self.folder = folder
        self.running = running

    def environment(self, settings: str = "", **secrets: str) -> None:
        held = {"client-id": self.running.client_id, "client-secret": self.running.client_secret}
        held |= {name.replace("_", "-"): text for name, text in secrets.items()}
        lines = "".join(f"  {name}:\n" for name in dict.fromkeys((*held, "grant-token")))
        address = self.running.url
        text = f"variables: {{accounts-domain: '{address}', api-domain: '{address}'}}\nsecrets:\n{lines}"
        write(self.folder, zoho__env=f"{text}oauth2: {{zoho: {{preset: zoho{settings}}}}}\n", run=RUN)
        overlay = self.folder / "environments" / "zoho.local.yaml"
        overlay.write_text("secrets:\n" + "".join(f"  {name}: {text}\n" for name, text in held.items()), "utf-8")
        overlay.chmod(0o600)

    def grant(self, scope: str = "ZohoCRM.org.READ") -> str:
        answer = httpx.post(f"{self.running.url}/_sandbox/grant", json={"scope": scope}).raise_for_status()
        return str(answer.json()["code"])

    def calls(self) -> dict[str, int]:
        document: dict[str, Any] = httpx.get(f"{self.running.url}/_sandbox/state").json()
        found: dict[str, int] = document["token_calls"]
        return found

    def run(self, *arguments: str) -> Done:
        return zrun(self.folder, "run.yaml", "-e", "zoho", *arguments)


@pytest.fixture
def zoho(tmp_path: Path) -> Iterator[Zoho]:
    with sandbox.start(tmp_path / "zoho.sqlite") as running:
        yield Zoho(tmp_path, running)


def test_milliseconds_are_not_taken_for_seconds(zoho: Zoho) -> None:
    httpx.post(f"{zoho.running.url}/_sandbox/switch", json={"expires_in_unit": "ms"}).raise_for_status()
    zoho.environment(grant_token=zoho.grant())
    for clock in ("+0s", "+54m"):
        assert zoho.run("--clock", clock).status == 0
    assert zoho.calls() == {"authorization_code": 1}
    assert zoho.run("--clock", "+56m").status == 0
    assert zoho.calls() == {"authorization_code": 1, "refresh_token": 1}


def test_scopes_and_the_organisation_of_a_client(zoho: Zoho) -> None:
    settings = ", grant: client_credentials, scopes: [ZohoCRM.org.READ, ZohoCRM.users.READ], organization: ZohoCRM.1234"
    zoho.environment(settings)
    done = zoho.run()
    assert done.status == 0, done.out + done.err
    assert zoho.calls() == {"client_credentials": 1}


@pytest.mark.parametrize(
    ("settings", "secrets", "told"),
    [
        (", grant: client_credentials, scopes: ZohoCRM.org.READ", {}, "missing_org_info: the organisation is missing"),
        (", grant: client_credentials, scopes: nothing, organization: ZohoCRM.1", {}, "invalid_scope"),
        (
            "",
            {"client_secret": "made-up", "grant_token": "1000.made.up"},
            "invalid_client_secret: the client secret is wrong",
        ),
        ("", {"client_id": "1000.MADEUP", "grant_token": "1000.made.up"}, "invalid_client: the client id is not known"),
        ("", {"grant_token": "1000.made.up"}, "invalid_code: the grant token is not accepted"),
    ],
)
def test_refusals_with_status_200_are_refusals(zoho: Zoho, settings: str, secrets: dict[str, str], told: str) -> None:
    zoho.environment(settings, **secrets)
    done = zoho.run()
    assert done.status == 4
    assert told in done.out + done.err
    assert "made-up" not in done.out + done.err
