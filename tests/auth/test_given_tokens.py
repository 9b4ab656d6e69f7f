"""Secrets from outside and providers of OAuth 2.0: a given refresh token is used, and never comes back over its successor."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from runner.files.state import State
from runner.values import reveal
from tests.commands import write, zrun
from tests.servers import Server

_COLLECTION = """\
auth: {oauth2: own}
requests:
  one: {get: <<url>>/echo}
"""


def environment(server: Server, secret: str = "{env: MADE_UP_CLIENT_SECRET}") -> str:
    return f"""\
variables: {{url: {server.url}, client-id: made-up-client}}
oauth2: {{own: {{token-url: <<url>>/token}}}}
secrets: {{client-secret: {secret}}}
"""


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Path:
    return write(tmp_path, c=_COLLECTION, us__env=environment(server))


def sent(server: Server) -> list[str]:
    """The refresh tokens that the token endpoint got."""
    return [
        word.partition("=")[2]
        for body in server.bodies
        for word in body.decode().split("&")
        if word.startswith("refresh_token=")
    ]


def test_a_given_refresh_token_is_used_and_then_what_grew_from_it(project: Path, server: Server) -> None:
    given = {"MADE_UP_CLIENT_SECRET": "made-up-secret", "ZRUN_SECRET_REFRESH_TOKEN": "made-up-seed"}
    kept: list[str] = []
    for _ in range(3):
        done = zrun(project, "c.yaml", "-e", "us", "--clock", f"+{len(kept) * 5}h", **given)
        assert done.status == 0, done.out + done.err
        text = reveal(State(project, "us").read()["refresh-token"].value)
        kept.append(str(text))
    assert sent(server) == ["made-up-seed", kept[0], kept[1]]
    assert len(set(kept)) == 3


def test_a_client_whose_secret_is_missing_is_no_public_client(project: Path, server: Server) -> None:
    done = zrun(project, "c.yaml", "-e", "us", ZRUN_SECRET_REFRESH_TOKEN="made-up-seed")
    assert done.status == 2
    assert "set MADE_UP_CLIENT_SECRET" in done.err
    write(project, us__env=environment(server, "{command: " + json.dumps([sys.executable, "-c", "print('x')"]) + "}"))
    done = zrun(project, "c.yaml", "-e", "us", ZRUN_SECRET_REFRESH_TOKEN="made-up-seed", XDG_CONFIG_HOME=str(project))
    assert done.status == 2
    assert "is not trusted to run commands" in done.err
    assert not server.seen
