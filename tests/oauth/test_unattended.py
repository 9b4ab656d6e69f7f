"""Grants that no person is needed for, each with each way to prove the client: as runs, against a certified server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import write
from tests.oauth.project import daily, expecting, opened, project
from tests.oauth.rig import Rig

CONFIDENTIAL = ["basic", "odd", "post", "odd-post", "rs256", "ps256", "es256", "es384", "eddsa"]


@pytest.mark.parametrize("name", CONFIDENTIAL)
def test_client_credentials(tmp_path: Path, rig: Rig, name: str) -> None:
    project(tmp_path, rig, rig.clients[name], "grant: client_credentials", "scopes: [read]")
    expecting(tmp_path, client_id=rig.clients[name].client_id, scope="read")
    for _ in range(2):
        done = daily(tmp_path)
        assert done.status == 0, done.out + done.err
    assert [entry["status"] for entry in rig.log("/token", grant_type="client_credentials")] == [200]
    assert daily(tmp_path, "--clock", "+59m").status == 0
    assert len(rig.log("/token", grant_type="client_credentials", status=200)) == 2


@pytest.mark.parametrize("name", ["basic", "post", "public", "es256"])
def test_password(tmp_path: Path, rig: Rig, name: str) -> None:
    lines = ("grant: password", "username: ada", "password: <<password>>", "scopes: [openid]")
    project(tmp_path, rig, rig.clients[name], *lines, password=rig.accounts["ada"])
    expecting(tmp_path, sub="ada", gty="password")
    done = daily(tmp_path)
    assert done.status == 0, done.out + done.err
    expecting(tmp_path, sub="ada")
    assert daily(tmp_path, "--clock", "+59m").status == 0
    assert [entry["grant_type"] for entry in rig.log("/token")] == ["password", "refresh_token"]


def test_a_wrong_password_is_told_and_no_more_is_tried(tmp_path: Path, rig: Rig) -> None:
    lines = ("grant: password", "username: ada", "password: <<password>>")
    project(tmp_path, rig, rig.clients["public"], *lines, password="made-up-and-wrong")
    done = daily(tmp_path)
    assert done.status == 4
    assert "invalid_grant: the username or the password is wrong" in done.out
    assert "made-up-and-wrong" not in done.out + done.err
    assert len(rig.log("/token")) == 1


@pytest.mark.parametrize("name", ["signer", "rs256", "ps256", "es256", "es384", "eddsa"])
def test_jwt_bearer(tmp_path: Path, rig: Rig, name: str) -> None:
    client = rig.clients[name]
    lines = ["grant: jwt-bearer", "subject: ada", "scopes: [openid]"]
    if name == "signer":
        lines += ["private-key: <<signing-key>>", f"key-id: {client.key_id}"]
    project(tmp_path, rig, client, *lines)
    expecting(tmp_path, sub="ada", gty="jwt-bearer")
    done = daily(tmp_path)
    assert done.status == 0, done.out + done.err
    assert daily(tmp_path, "--clock", "+59m").status == 4, (
        "an hour ahead the assertion is not good: it is really judged"
    )


def test_a_key_from_a_file(tmp_path: Path, rig: Rig) -> None:
    client = rig.clients["es256"]
    project(tmp_path, rig, client, "grant: client_credentials")
    text = (tmp_path / "environments" / "dev.yaml").read_text("utf-8")
    (tmp_path / "environments" / "dev.local.yaml").unlink()
    (tmp_path / "key.pem").write_text(client.private_key, "ascii")
    write(tmp_path, dev__env=text.replace("  signing-key:", "  signing-key: {file: ../key.pem}"))
    done = daily(tmp_path)
    assert done.status == 0, done.out + done.err
    assert "PRIVATE KEY" not in done.out


def test_an_assertion_that_was_made_elsewhere(tmp_path: Path, rig: Rig) -> None:
    project(
        tmp_path, rig, rig.clients["signer"], "grant: jwt-bearer", "assertion: <<assertion>>", assertion="made.up.jwt"
    )
    done = daily(tmp_path)
    assert done.status == 4
    assert "invalid_grant: the assertion is not accepted" in done.out
    assert "made.up.jwt" not in done.out + done.err


def test_a_key_that_the_server_does_not_know(tmp_path: Path, rig: Rig) -> None:
    stranger = rig.clients["eddsa"].private_key
    lines = ("grant: client_credentials", "client-auth: private_key_jwt", "private-key: <<stranger>>")
    project(tmp_path, rig, rig.clients["signer"], *lines, stranger=stranger)
    done = daily(tmp_path)
    assert done.status == 4
    assert "invalid_client: the client is not known, or its proof is wrong" in done.out


@pytest.mark.parametrize("name", ["basic", "post", "public", "rs256"])
def test_token_exchange(tmp_path: Path, rig: Rig, name: str) -> None:
    first = write(tmp_path / "first")
    lines = ("grant: password", "username: ada", "password: <<password>>", "scopes: [openid]")
    project(first, rig, rig.clients["basic"], *lines, password=rig.accounts["ada"])
    with opened(first) as it:
        subject = it.keeper.access().value.reveal()  # type: ignore[union-attr]
    actors = write(tmp_path / "actors")
    project(actors, rig, rig.clients["post"], "grant: client_credentials")
    with opened(actors) as it:
        actor = it.keeper.access().value.reveal()  # type: ignore[union-attr]
    exchange = (
        "grant: token-exchange",
        "subject-token: <<subject-token>>",
        "actor-token: <<actor-token>>",
        "audience: https://orders.example",
        "requested-token-type: urn:ietf:params:oauth:token-type:access_token",
    )
    second = write(tmp_path / "second")
    project(second, rig, rig.clients[name], *exchange, subject_token=subject, actor_token=actor)
    expecting(
        second, sub="ada", aud="https://orders.example", client_id=rig.clients[name].client_id, gty="token-exchange"
    )
    done = daily(second)
    assert done.status == 0, done.out + done.err
    assert subject not in done.out


def test_a_token_that_is_not_live_is_not_exchanged(tmp_path: Path, rig: Rig) -> None:
    lines = ("grant: token-exchange", "subject-token: <<subject-token>>")
    project(tmp_path, rig, rig.clients["basic"], *lines, subject_token="made-up-subject-token")
    done = daily(tmp_path)
    assert done.status == 4
    assert "invalid_grant: the token to exchange is not accepted" in done.out


@pytest.mark.parametrize(
    ("line", "secrets", "told"),
    [
        ("grant: password", {}, "needs `username`, which has no value"),
        ("grant: token-exchange", {}, "needs `subject-token`, which has no value"),
        ("grant: jwt-bearer", {}, "needs `private-key`, which has no value"),
        ("client-auth: private_key_jwt", {}, "`client-auth: private_key_jwt` needs `private-key`"),
        ("private-key: <<k>>", {"k": "made up"}, "the private key cannot be read"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(
    tmp_path: Path, rig: Rig, line: str, secrets: dict[str, str], told: str
) -> None:
    lines = [line, *([] if line.startswith("grant") else ["grant: client_credentials"])]
    project(tmp_path, rig, rig.clients["basic"], *lines, **secrets)
    done = daily(tmp_path)
    assert done.status != 0
    assert told in done.out + done.err
    assert rig.log("/token") == []
