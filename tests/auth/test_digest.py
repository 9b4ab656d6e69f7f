"""Digest: RFC 7616's examples, servers that check everything, another client against the same server, another server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runner.auth.challenges import Challenge, read
from runner.auth.digest import Space, answered, strongest
from runner.auth.settings import Kept
from runner.exchange import Call, Part
from runner.transport import Transport
from tests.auth.digest_server import DigestServer, running
from tests.auth.peers import httpbin
from tests.auth.schemes import PLACE, field, made, secret
from tests.auth.sending import sent
from tests.servers import Server

ALGORITHMS = [None, "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"]


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport() as found:
        yield found


def space(cnonce: str, **parameters: str) -> Space:
    found = Space(Challenge("digest", parameters))
    found.cnonce = cnonce
    return found


def said(call: Call) -> dict[str, str]:
    (found,) = read([field(call)])
    return dict(found.parameters)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [  # RFC 7616, 3.9.1
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_first_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    example = space(
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        realm="http-auth@example.org",
        qop="auth, auth-int",
        algorithm=algorithm,
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    )
    call = answered(Call("GET", "http://www.example.org/dir/index.html"), example, "Mufasa", "Circle of Life", PLACE)
    assert said(call) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": example.nonce,
        "nc": "00000001",
        "cnonce": example.cnonce,
        "qop": "auth",
        "response": response,
        "opaque": example.opaque,
    }


def test_the_second_example_of_rfc_7616() -> None:
    """3.9.2, with the values of erratum 4897: those printed were made with another function than SHA-512/256."""
    example = space(
        "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        realm="api@example.org",
        qop="auth",
        algorithm="SHA-512-256",
        nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
        charset="UTF-8",
        userhash="true",
    )
    call = answered(
        Call("GET", "http://api.example.org/doe.json"), example, "J\u00e4s\u00f8n Doe", "Secret, or not?", PLACE
    )
    assert said(call)["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert said(call)["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert said(call)["userhash"] == "true"


def test_the_example_of_rfc_2617() -> None:
    """3.5: the same with the older document's names."""
    example = space(
        "0a4f113b", realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"
    )
    call = answered(Call("GET", "http://www.nowhere.org/dir/index.html"), example, "Mufasa", "Circle Of Life", PLACE)
    assert said(call)["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in said(call)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("qop", ["auth", "auth-int", "auth-int, auth", None])
@pytest.mark.parametrize("userhash", [False, True])
def test_a_strict_server_lets_it_in(
    transport: Transport, algorithm: str | None, qop: str | None, userhash: bool, tmp_path: Path
) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(b"0123456789" * 20_000)
    kept: Kept = {}
    with running(algorithms=(algorithm,), qop=qop, userhash=userhash) as server:
        for call in (
            Call("GET", f"{server.url}/a?b=c d&e=ü"),
            Call("POST", f"{server.url}/a", content="ä".encode()),
            Call("PUT", f"{server.url}/file", content=file),
            Call("POST", f"{server.url}/form", content=(Part("name", b"Ada"), Part("file", file, "f.bin"))),
        ):
            auth = made("digest", kept=kept, username=server.username, password=secret(server.password))
            response, _ = sent(transport, auth, call)
            assert response.status == 200, server.seen
        # The challenge is answered once, and then before it is made.
        assert server.seen == ["no credentials", "ok", "ok", "ok", "ok"]
        if qop:
            assert [said["nc"] for said in server.fields] == ["00000001", "00000002", "00000003", "00000004"]


@pytest.mark.parametrize(
    ("algorithm", "qop"),
    [
        *((name, "auth") for name in (None, "MD5", "MD5-sess", "SHA-256", "SHA-256-sess")),
        *((name, None) for name in (None, "MD5", "SHA-256")),
    ],
)
def test_the_server_of_these_tests_lets_another_client_in(algorithm: str | None, qop: str | None) -> None:
    with running(algorithms=(algorithm,), qop=qop, username="ada", opaque="o", realm="r") as server:
        with httpx.Client(auth=httpx.DigestAuth("ada", server.password)) as client:
            assert client.post(f"{server.url}/a?b=c", content=b"x").status_code == 200
            assert client.get(f"{server.url}/a").status_code == 200
        with httpx.Client(auth=httpx.DigestAuth("ada", "wrong")) as client:
            assert client.get(f"{server.url}/a").status_code == 401


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_a_server_of_another_hand_lets_it_in(transport: Transport, algorithm: str, qop: str) -> None:
    with httpbin() as url:
        for password, status, tries in (("made-up", 200, 2), ("wrong", 401, 2)):
            auth = made("digest", username="ada", password=password)
            call = Call("GET", f"{url}/digest-auth/{qop}/ada/made-up/{algorithm}")
            response, exchanges = sent(transport, auth, call)
            assert (response.status, len(exchanges)) == (status, tries)


@pytest.mark.parametrize("one_field", [True, False])
def test_the_strongest_known_algorithm_is_chosen(transport: Transport, one_field: bool) -> None:
    with running(algorithms=("MD5", "SHA-999", "SHA-512-256-sess", "SHA-256"), one_field=one_field) as server:
        auth = made("digest", username=server.username, password=server.password)
        assert sent(transport, auth, Call("GET", f"{server.url}/"))[0].status == 200
        assert server.fields[0]["algorithm"] == "SHA-512-256-sess"


def test_a_challenge_that_cannot_be_answered_stands(transport: Transport) -> None:
    assert strongest(read(['Basic realm="x", Digest realm="x", nonce="n", algorithm=SHA-999'])) is None
    assert strongest(read(['Digest realm="x", nonce="n", qop="auth-conf"'])) is None
    assert strongest(read(['Digest realm="x"'])) is None
    with running(algorithms=("SHA-999",)) as server:
        auth = made("digest", username="a", password="b")
        response, exchanges = sent(transport, auth, Call("GET", f"{server.url}/"))
        assert (response.status, len(exchanges)) == (401, 1)


def test_a_wrong_password_is_tried_once(transport: Transport) -> None:
    with running() as server:
        auth = made("digest", username=server.username, password="wrong")
        response, exchanges = sent(transport, auth, Call("GET", f"{server.url}/"))
        assert (response.status, len(exchanges)) == (401, 2)
        assert [exchange.reason for exchange in exchanges] == ["", "challenge"]
        assert server.seen == ["no credentials", "another response"]


@pytest.mark.parametrize("tell_stale", [True, False])
def test_a_nonce_that_grew_old_is_replaced(transport: Transport, tell_stale: bool) -> None:
    kept: Kept = {}
    with running(uses=2, tell_stale=tell_stale) as server:
        for _ in range(5):
            auth = made("digest", kept=kept, username=server.username, password=server.password)
            assert sent(transport, auth, Call("GET", f"{server.url}/"))[0].status == 200
        assert server.seen == ["no credentials", "ok", "ok", "stale", "ok", "ok", "stale", "ok"]


def test_a_nonce_grows_old_within_one_request_that_is_sent_often(transport: Transport) -> None:
    """`until` sends one request again and again: each refusal of a nonce that was good is for its age."""
    with running(uses=2, tell_stale=False) as server:
        auth = made("digest", username=server.username, password=server.password)
        for _ in range(5):
            assert sent(transport, auth, Call("GET", f"{server.url}/"))[0].status == 200


def test_a_server_that_finds_every_nonce_old_ends_it(transport: Transport) -> None:
    with running(uses=0) as server:
        auth = made("digest", username=server.username, password=server.password)
        response, exchanges = sent(transport, auth, Call("GET", f"{server.url}/"))
        assert response.status == 401
        assert len(exchanges) <= 5


def test_the_next_nonce_is_used(transport: Transport) -> None:
    kept: Kept = {}
    with running(next_nonce=True, uses=1) as server:
        for _ in range(3):
            auth = made("digest", kept=kept, username=server.username, password=server.password)
            assert sent(transport, auth, Call("GET", f"{server.url}/"))[0].status == 200
        assert server.seen == ["no credentials", "ok", "ok", "ok"]
        assert {said["nc"] for said in server.fields} == {"00000001"}


def test_users_and_origins_have_nonces_of_their_own(transport: Transport) -> None:
    kept: Kept = {}
    with running() as one, running(password="another") as other:
        for server in (one, other, one, other):
            auth = made("digest", kept=kept, username=server.username, password=server.password)
            assert sent(transport, auth, Call("GET", f"{server.url}/"))[0].status == 200
        assert one.seen == other.seen == ["no credentials", "ok", "ok"]


def test_a_redirect_to_the_same_origin_is_signed_anew(transport: Transport) -> None:
    with running(qop="auth-int") as server:
        auth = made("digest", username=server.username, password=server.password)
        response, _ = sent(transport, auth, Call("POST", f"{server.url}/redirect?/there?a=b", content=b"body"))
        assert response.status == 200
        assert server.seen == ["no credentials", "ok", "ok"]
        assert [said["uri"] for said in server.fields] == ["/redirect?/there?a=b", "/there?a=b"]


def test_another_origin_gets_no_answer_to_its_challenge(transport: Transport, server: Server) -> None:
    with running() as other:
        kept: Kept = {}
        auth = made("digest", kept=kept, username=other.username, password=other.password)
        assert sent(transport, auth, Call("GET", f"{other.url}/"))[0].status == 200
        other.seen.clear()
        again = made("digest", kept=kept, username=other.username, password=other.password)
        response, exchanges = sent(transport, again, Call("GET", f"{server.url}/redirect/302?to={other.url}/"))
        assert (response.status, len(exchanges)) == (401, 1)
        assert other.seen == ["no credentials"]


def test_the_password_is_known_to_have_gone_into_it(transport: Transport) -> None:
    with running() as server:
        auth = made("digest", username=server.username, password=secret(server.password))
        _, exchanges = sent(transport, auth, Call("GET", f"{server.url}/"))
        assert [{found.name for found in exchange.call.secrets} for exchange in exchanges] == [set(), {"password"}]


def test_a_server_is_what_it_says(transport: Transport) -> None:
    """The tests above can fail: their server refuses each thing that it says it checks."""
    server = DigestServer(username="a")
    server.nonces["n"] = set()
    example = space("c", realm='a "realm", of tests', qop="auth", algorithm="MD5", nonce="n", opaque='o"paque')

    def judged(path: str = "/", password: str = server.password) -> str:
        call = answered(Call("GET", "http://h/"), example, "a", password, PLACE)
        return server.judge("GET", path, b"", field(call))

    assert judged("/other") == "another realm, uri or opaque"
    assert judged(password="wrong") == "another response"
    assert judged() == "ok"
    call = answered(Call("GET", "http://h/"), example, "a", server.password, PLACE)
    assert [server.judge("GET", "/", b"", field(call)) for _ in range(2)] == ["ok", "a count used twice"]
    example.nonce = "m"
    assert judged() == "another nonce"
