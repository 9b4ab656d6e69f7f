"""Schemes that ask, sign and renew: what they exchanged is in the tape, and the replay goes the same way with stand-ins."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.auth import digest_server
from tests.commands import Done, write, zrun
from tests.oauth.project import project
from tests.oauth.rig import Rig
from tests.servers import Server
from tests.tapes.playing import cassette, replay, tape, twice

TOKEN = "made-up-token-of-a-recording"


@pytest.mark.parametrize("jobs", ["1", "8"])
@pytest.mark.parametrize("uses", [1000, 2])
def test_digest(uses: int, jobs: str, tmp_path: Path) -> None:
    """With challenges, and nonces that grow old in the middle: eight requests, of which any may be the one challenged."""
    with digest_server.running(uses=uses, username="someone", password=TOKEN) as server:
        requests = "".join(f"  r{i}: {{post: '<<url>>/{i}', json: [{i}]}}\n" for i in range(8))
        write(
            tmp_path,
            c=f"auth: {{digest: {{username: someone, password: <<pass>>}}}}\nrequests:\n{requests}",
            e__env=f"variables: {{url: '{server.url}'}}\nsecrets: {{pass: {{env: S}}}}\n",
        )
        recorded = twice(tmp_path, "c.yaml", "-e", "e", "-j", jobs, S=TOKEN)
    attempts = [len(step["exchanges"]) for step in recorded.document["steps"]]
    assert sum(attempts) > 8, "some were challenged"
    text = tape(tmp_path).read_text("utf-8")
    assert TOKEN not in text
    assert "Digest ..." in text
    assert "response=" not in text


def discovering(folder: Path, server: Server, requests: int) -> Done:
    """A provider that is found by discovery, for some requests at once; recorded and replayed."""
    issuer = server.url

    def answer(_method: str, path: str) -> tuple[int, object] | None:
        if path == "/.well-known/openid-configuration":
            time.sleep(0.1)  # so that several ask
            return 200, {"issuer": issuer, "token_endpoint": f"{issuer}/token"}
        return (404, {}) if path.startswith("/.well-known") else None

    server.hook = answer
    steps = "".join(f"  r{i}: {{get: '<<url>>/echo?{i}'}}\n" for i in range(requests))
    write(
        folder,
        c=f"auth: {{oauth2: p}}\nrequests:\n{steps}",
        e__env=f"""\
variables: {{url: '{server.url}', client-id: someone}}
secrets: {{client-secret: {{env: S}}}}
oauth2: {{p: {{preset: generic, issuer: '{server.url}', grant: client_credentials}}}}
""",
    )
    return twice(folder, "c.yaml", "-e", "e", "-j", "8", S=TOKEN)


@pytest.mark.parametrize("requests", [1, 8])
def test_discovery_and_token_requests(requests: int, tmp_path: Path, server: Server) -> None:
    discovering(tmp_path, server, requests)
    assert server.paths().count("/token") == 1
    by = [
        exchange["request"]["url"].rpartition("/")[2]
        for exchange in cassette(tmp_path)["exchanges"]
        if "by" in exchange
    ]
    assert set(by) == {"oauth-authorization-server", "openid-configuration", "token"}
    text = tape(tmp_path).read_text("utf-8")
    for secret in (TOKEN, "made-up-access-token-1", "made-up-refresh-token-1"):
        assert secret not in text


def test_what_was_known_of_the_issuer_is_known_in_the_replay(tmp_path: Path, server: Server) -> None:
    """A run that has nothing to discover, and another token than the kept one: the state is not there in the replay."""
    discovering(tmp_path, server, 1)
    assert zrun(tmp_path, "c.yaml", "-e", "e", S=TOKEN).status == 0
    twice(tmp_path, "c.yaml", "-e", "e", "-j", "8", S=TOKEN)
    assert [exchange["step"] for exchange in cassette(tmp_path)["exchanges"]] == ["r0"]


def test_whichever_step_asked_for_the_token_any_may_ask_in_the_replay(tmp_path: Path, server: Server) -> None:
    """One step discovered, another, which was faster, asked for the token: as two threads may do it."""
    discovering(tmp_path, server, 2)
    text = tape(tmp_path)
    document = cassette(tmp_path)
    for exchange in document["exchanges"]:
        if exchange["request"]["url"].endswith("/token"):
            exchange["step"] = "r1" if exchange["step"] == "r0" else "r0"
    text.write_text(json.dumps(document), "utf-8")
    done = replay(tmp_path, "c.yaml", "-e", "e", "--format", "json")
    assert done.status == 0, done.out


def test_a_token_that_is_refused_is_renewed(tmp_path: Path, server: Server) -> None:
    """The API takes no first token: it is renewed in the middle of the run, and told as it was."""
    taken: list[str] = []

    def answer(_method: str, path: str) -> tuple[int, object] | None:
        if path.startswith("/api"):
            taken.append(server.headers[-1]["authorization"])
            return (200, {}) if taken[-1] == "Bearer made-up-access-token-2" else (401, {})
        return None

    server.hook = answer
    write(
        tmp_path,
        c="auth: {oauth2: p}\nrequests:\n" + "".join(f"  r{i}: {{get: '<<url>>/api/{i}'}}\n" for i in range(4)),
        e__env=f"""\
variables: {{url: '{server.url}', client-id: someone}}
secrets: {{client-secret: {{env: S}}}}
oauth2: {{p: {{preset: generic, token-url: '{server.url}/token', grant: client_credentials}}}}
""",
    )
    recorded = twice(tmp_path, "c.yaml", "-e", "e", S=TOKEN)
    assert any(step["renewed"] for step in recorded.document["steps"])
    assert "made-up-access-token" not in tape(tmp_path).read_text("utf-8")


def test_a_provider_that_refuses(tmp_path: Path, server: Server) -> None:
    server.hook = lambda _method, path: (401, {"error": "invalid_client"}) if path == "/token" else None
    write(
        tmp_path,
        c="auth: {oauth2: p}\nrequests:\n  r: {get: <<url>>/echo}\n",
        e__env=f"""\
variables: {{url: '{server.url}', client-id: someone}}
secrets: {{client-secret: {{env: S}}}}
oauth2: {{p: {{preset: generic, token-url: '{server.url}/token', grant: client_credentials}}}}
""",
    )
    twice(tmp_path, "c.yaml", "-e", "e", status=4, S=TOKEN)


@pytest.mark.parametrize("name", ["basic", "post"])
def test_a_certified_server(name: str, tmp_path: Path, rig: Rig) -> None:
    project(tmp_path, rig, rig.clients[name], "grant: client_credentials", "scopes: [read]")
    twice(tmp_path, "daily.yaml", "-e", "dev")
    assert rig.clients[name].client_secret not in tape(tmp_path, "daily").read_text("utf-8")
