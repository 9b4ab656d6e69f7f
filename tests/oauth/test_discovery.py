"""What an issuer publishes: where it is looked for, that it is believed only of itself, and that it widens nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import write
from tests.oauth.project import daily, project
from tests.oauth.rig import Rig
from tests.servers import Server

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with Server() as running:
        yield running


def publishing(server: Server, where: str, document: Callable[[], object]) -> None:
    """Let the server publish at one path, give tokens at /token, and refuse the rest."""

    def answer(_method: str, path: str) -> tuple[int, object]:
        if path == where:
            return 200, document()
        if path == "/token":
            return 200, {"access_token": "made-up-access", "expires_in": 3600}
        return (200, {}) if path == "/api" else (404, {})

    server.hook = answer


def environment(folder: Path, server: Server, issuer: str, *more: str) -> None:
    text = f"""\
variables: {{api: "{server.url}/api"}}
oauth2:
  server:
    client-id: made-up
    client-auth: none
    grant: client_credentials
    issuer: {issuer}
"""
    lines = "".join(f"{line}\n" for line in more)
    write(folder, dev__env=text + lines, daily="auth: {oauth2: server}\nrequests:\n  a: {get: <<api>>}\n")


@pytest.mark.parametrize(
    ("path", "where", "looked"),
    [
        ("", OAUTH, [OAUTH]),
        ("", OPENID, [OAUTH, OPENID]),
        ("/tenant/1", f"{OAUTH}/tenant/1", [f"{OAUTH}/tenant/1"]),
        ("/tenant/1", f"/tenant/1{OPENID}", [f"{OAUTH}/tenant/1", f"/tenant/1{OPENID}"]),
        ("/tenant/", f"/tenant{OPENID}", [f"{OAUTH}/tenant", f"/tenant{OPENID}"]),
    ],
)
def test_where_it_is_looked_for(tmp_path: Path, server: Server, path: str, where: str, looked: list[str]) -> None:
    issuer = server.url + path
    publishing(server, where, lambda: {"issuer": issuer, "token_endpoint": f"{server.url}/token"})
    environment(tmp_path, server, issuer)
    done = daily(tmp_path)
    assert done.status == 0, done.out + done.err
    assert server.paths() == [*looked, "/token", "/api"]


def test_a_document_is_kept_for_a_day(tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients["basic"], "grant: client_credentials")
    for clock in ("+0s", "+23h", "+25h"):
        assert daily(tmp_path, "--clock", clock).status == 0
    assert [entry["status"] for entry in rig.log("/token")] == [200] * 3
    assert len(rig.log(OPENID)) == 2


def test_another_issuers_document_is_not_believed(tmp_path: Path, server: Server) -> None:
    for named in (server.url + "/", "https://issuer.example", None):
        document = {"issuer": named, "token_endpoint": f"{server.url}/token"}
        publishing(server, OAUTH, lambda document=document: document)  # type: ignore[misc]
        environment(tmp_path, server, server.url)
        done = daily(tmp_path)
        assert done.status == 4
        assert "names another issuer" in done.out
    assert "/token" not in server.paths()


def test_an_endpoint_elsewhere_gets_nothing_until_the_environment_names_it(
    tmp_path: Path, server: Server, elsewhere: Server
) -> None:
    publishing(server, OAUTH, lambda: {"issuer": server.url, "token_endpoint": f"{elsewhere.url}/token"})
    publishing(elsewhere, "/none", dict)
    environment(tmp_path, server, server.url)
    for _ in range(2):  # the second finds the document kept
        done = daily(tmp_path)
        assert done.status == 5, done.out + done.err
        told = done.document["steps"][0]["problems"][0]["hint"] if done.out else done.err
        assert f'allow it in environments/dev.yaml: hosts: ["127.0.0.1:{elsewhere.port}"]' in told
        assert elsewhere.seen == []
    environment(tmp_path, server, server.url, f'hosts: ["127.0.0.1:{elsewhere.port}"]')
    assert daily(tmp_path).status == 0
    assert elsewhere.paths() == ["/token"]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "is no JSON object"),
        ({"issuer": "ISSUER"}, "has no `token-url`"),
        ({"issuer": "ISSUER", "token_endpoint": 5}, "has no `token-url`"),
        ({"issuer": "ISSUER", "token_endpoint": "ftp://127.0.0.1/"}, "is no http(s) address"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, server: Server, document: object, told: str) -> None:
    if isinstance(document, dict) and document["issuer"] == "ISSUER":
        document = {**document, "issuer": server.url}
    publishing(server, OAUTH, lambda: document)
    environment(tmp_path, server, server.url)
    done = daily(tmp_path)
    assert done.status in (1, 4), done.out
    assert told in done.out + done.err


def test_nothing_published(tmp_path: Path, server: Server) -> None:
    publishing(server, "/none", dict)
    environment(tmp_path, server, server.url)
    done = daily(tmp_path)
    assert done.status == 4
    assert "the issuer publishes nothing of itself" in done.out
    assert "write the endpoints: `token-url` and so on" in done.out


def test_an_issuer_over_plain_http_is_not_asked(tmp_path: Path, server: Server) -> None:
    environment(tmp_path, server, "http://issuer.example")
    done = daily(tmp_path)
    assert "over plain http, where anybody can forge it" in done.out + done.err
    assert server.seen == []
