"""Presets, the hosts that a declared provider names, and what its refusals mean."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus

import pytest

from runner.auth import jws
from runner.auth.oauth2 import client_authentication, grants, hosts, refusals, tokens
from runner.auth.oauth2.presets import PRESETS
from runner.auth.oauth2.provider import Provider
from runner.collection import Collection
from runner.environment import Environment
from runner.errors import PolicyError
from runner.exchange import Call, Response
from runner.files import fields
from runner.files.reader import read_environment
from runner.policy import policy_for
from runner.scope import Scope, Sources
from runner.values import Secret
from tests.commands import write, zrun
from tests.servers import Server

ROOT = Path(__file__).parent.parent.parent
_EXAMPLE = re.compile(r"^```yaml environment\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def environment(folder: Path, text: str) -> Environment:
    path = folder / "environments" / "e.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return read_environment([str(path)], folder)


def provider(folder: Path, text: str, **variables: str) -> Provider:
    """The provider `p` with these settings, in an environment with these variables."""
    lines = "".join(f"  {name}: {value}\n" for name, value in variables.items())
    found = environment(folder, f"variables:\n{lines or '  x: y'}\noauth2:\n  p: {text}\n")
    return Provider(found.providers["p"], Scope(Sources(environment=found)))


def test_presets_are_those_of_the_format() -> None:
    assert set(PRESETS) == set(fields.PRESETS)
    assert set(grants.UNATTENDED) < set(fields.GRANTS)
    assert fields.ALGORITHMS == jws.ALGORITHMS


@pytest.mark.parametrize(
    ("settings", "kind", "address"),
    [
        (
            "{preset: zoho, accounts-domain: https://accounts.zoho.eu/}",
            "token",
            "https://accounts.zoho.eu/oauth/v2/token",
        ),
        ("{preset: microsoft}", "token", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        (
            "{preset: microsoft, tenant: t.example}",
            "device",
            "https://login.microsoftonline.com/t.example/oauth2/v2.0/devicecode",
        ),
        ("{preset: salesforce}", "revocation", "https://login.salesforce.com/services/oauth2/revoke"),
        (
            "{preset: salesforce, domain: acme.my.salesforce.com}",
            "token",
            "https://acme.my.salesforce.com/services/oauth2/token",
        ),
        ("{preset: google, token-url: https://mine.example/t}", "token", "https://mine.example/t"),
        ("{preset: github}", "revocation", None),
        ("{}", "token", None),
    ],
)
def test_addresses(tmp_path: Path, settings: str, kind: str, address: str | None) -> None:
    assert provider(tmp_path, settings).url(kind) == address


def named(found: Environment, address: str) -> bool:
    """Whether the environment lets a secret go to `address`."""
    policy = policy_for(found, Collection("", Path(), ()), hosts.named(found.providers.values()))
    try:
        policy.check(Call("POST", address, secrets=frozenset((Secret("made-up", "client-secret"),))))
    except PolicyError:
        return False
    return True


@pytest.mark.parametrize(
    ("settings", "may", "may_not"),
    [
        ("{preset: google}", "https://oauth2.googleapis.com/token", "https://www.googleapis.com"),
        (
            "{preset: salesforce}",
            "https://login.salesforce.com/services/oauth2/token",
            "https://acme.my.salesforce.com",
        ),
        (
            "{preset: salesforce, domain: acme.my.salesforce.com}",
            "https://acme.my.salesforce.com",
            "https://login.salesforce.com",
        ),
        ("{preset: salesforce, domain: <<x>>}", None, "https://evil.example"),
        ("{preset: zoho}", None, "https://accounts.zoho.com"),
        (
            "{preset: zoho, accounts-domain: https://accounts.zoho.eu}",
            "https://accounts.zoho.eu",
            "https://accounts.zoho.com",
        ),
        ("{token-url: 'https://a.example:8443/<<t>>/t'}", "https://a.example:8443/u", "https://a.example"),
        ("{issuer: https://a.example, revocation-url: https://b.example/r}", "https://b.example", "https://c.example"),
        ("{redirect-uri: https://a.example}", None, "https://a.example"),
    ],
)
def test_only_hosts_that_the_file_says_are_named(tmp_path: Path, settings: str, may: str | None, may_not: str) -> None:
    found = environment(tmp_path, f"variables: {{t: made-up-tenant}}\nsecrets: {{x: }}\noauth2:\n  p: {settings}\n")
    assert may is None or named(found, may)
    assert not named(found, may_not)


def test_a_captured_or_given_variable_never_widens_where_secrets_go(tmp_path: Path, server: Server) -> None:
    text = "variables: {login: https://login.example}\noauth2:\n"
    text += "  p: {client-id: x, grant: client_credentials, client-secret: s, "
    write(
        tmp_path,
        e__env=text + "token-url: <<login>>/t}\n",
        c="auth: {oauth2: p}\nrequests:\n  a: {get: https://a.example}\n",
    )
    done = zrun(tmp_path, "c.yaml", "-e", "e", "--var", f"login={server.url}")
    assert server.seen == []
    assert done.status == 5, done.out + done.err


@pytest.mark.parametrize(
    ("client_id", "secret"), [("plain", "plain"), ("ü:%+ &", "ß/=?\\\"'ö"), ("a b", "100%+"), ("日本", "€")]
)
def test_basic_form_encodes_both_parts(tmp_path: Path, client_id: str, secret: str) -> None:
    found = environment(tmp_path, "oauth2: {p: {client-auth: basic, client-id: <<i>>, client-secret: <<s>>}}\n")
    values = {"i": Secret(client_id, "i"), "s": Secret(secret, "s")}
    proof = client_authentication.proof(Provider(found.providers["p"], Scope(Sources(arguments=values))))
    ((name, value),) = proof.headers
    scheme, _, encoded = value.partition(" ")
    assert (name, scheme) == ("Authorization", "Basic")
    parts = base64.b64decode(encoded).decode("ascii").split(":")
    assert [unquote_plus(part) for part in parts] == [client_id, secret]
    assert {mark.reveal() for mark in proof.secrets} == {client_id, secret, encoded}


def test_what_is_asked_for_beside_the_grant(tmp_path: Path, server: Server) -> None:
    settings = "client-id: x, client-auth: none, grant: client_credentials"
    settings += ", scopes: 'read write, admin', token-params: {n: [1, 2]}"
    targets = "resource: [https://a.example/1, https://a.example/2], audience: [https://b.example, https://c.example]"
    text = f"variables: {{api: {server.url}/echo}}\noauth2: {{p: {{{settings}, {targets}, token-url: {server.url}/token}}}}\n"
    write(tmp_path, e__env=text, c="auth: {oauth2: p}\nrequests:\n  a: {get: <<api>>}\n")
    done = zrun(tmp_path, "c.yaml", "-e", "e")
    assert done.status == 0, done.out + done.err
    assert parse_qsl(server.bodies[0].decode()) == [
        ("client_id", "x"),
        ("grant_type", "client_credentials"),
        ("scope", "read write admin"),
        ("audience", "https://b.example"),
        ("audience", "https://c.example"),
        ("resource", "https://a.example/1"),
        ("resource", "https://a.example/2"),
        ("n", "1"),
        ("n", "2"),
    ]
    assert server.headers[0]["accept"] == "application/json"


def answered(body: str, status: int = 400) -> Response:
    json = (("content-type", "application/json"),)
    return Response(status, "", json, body.encode(), len(body), "https://a.example/t", "1.1", 0.0)


# RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5; RFC 8693, 2.2.2; RFC 8707, 2; RFC 7009, 2.2.1; RFC 9449, 12.2.
CODES = """invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope access_denied
unsupported_response_type server_error temporarily_unavailable authorization_pending slow_down expired_token invalid_target
unsupported_token_type invalid_dpop_proof use_dpop_nonce""".split()


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_standards_has_words_and_a_next_step(tmp_path: Path, code: str) -> None:
    found = provider(tmp_path, "{token-url: https://a.example/t}")
    call = Call("POST", "https://a.example/t", content=b"grant_type=client_credentials")
    refused = tokens.refusal(found, call, answered(f'{{"error": "{code}"}}'), {"error": code})
    (problem,) = refused.problems
    assert refused.code == code
    assert problem.message.startswith(f"{code}: ")
    assert problem.hint
    message, hint = refusals.not_authorized(code, "p")
    assert code in message
    assert hint


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("grant_type=refresh_token&x=y", "log in anew: zrun login -e "),
        ("grant_type=authorization_code", "a code is good once"),
        ("grant_type=password", "the username or the password is wrong"),
        ("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer", "the assertion is not accepted"),
        (
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
            "the token to exchange is not accepted",
        ),
    ],
)
def test_invalid_grant_says_what_was_not_accepted(tmp_path: Path, form: str, told: str) -> None:
    found = provider(tmp_path, "{token-url: https://a.example/t}")
    call = Call("POST", "https://a.example/t", content=form.encode())
    refused = tokens.refusal(found, call, answered('{"error": "invalid_grant"}'), {"error": "invalid_grant"})
    assert refused.dead
    assert told in str(refused)


def test_what_an_unknown_answer_says_is_not_repeated(tmp_path: Path) -> None:
    found = provider(tmp_path, "{token-url: https://a.example/t}")
    call = Call("POST", "https://a.example/t", content=b"")
    for body in ({"error": "made-up-secret"}, {"error": {"code": "made-up-secret"}}, {"message": "made-up-secret"}):
        for status in (200, 400, 404, 500):
            refused = tokens.refusal(found, call, answered("{}", status), body)  # type: ignore[arg-type]
            assert "made-up-secret" not in str(refused)
            assert refused.problems[0].hint


@pytest.mark.parametrize(
    ("preset", "status", "body", "lives"),
    [
        ("github", 200, "access_token=made-up-a&scope=repo%2Cgist&token_type=bearer", None),
        ("salesforce", 200, '{"access_token": "made-up-a", "instance_url": "https://x.my.salesforce.com"}', None),
        ("hubspot", 200, '{"access_token": "made-up-a", "refresh_token": "made-up-r", "expires_in": 1800}', 1800),
        ("zoho", 200, '{"access_token": "made-up-a", "expires_in": 3600000, "api_domain": "https://a.example"}', 3600),
        ("zoho", 200, '{"access_token": "made-up-a", "expires_in_sec": 3600, "expires_in": 3600000}', 3600),
        ("zoho", 200, '{"access_token": "made-up-a", "expires_in": 3600}', 3600),
        ("generic", 200, '{"access_token": "made-up-a", "expires_in": "3599"}', 3599),
        ("generic", 201, '{"access_token": "made-up-a", "expires_in": 604800}', 604800),
        ("generic", 200, '{"access_token": "made-up-a", "expires_in": null}', None),
    ],
)
def test_token_answers(tmp_path: Path, preset: str, status: int, body: str, lives: float | None) -> None:
    found = provider(tmp_path, f"{{preset: {preset}, token-url: https://a.example/t}}")
    media = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    response = Response(status, "", (("Content-Type", media),), body.encode(), len(body), "", "1.1", 0.0)
    read = tokens.read(found, Call("POST", "https://a.example/t"), response)
    assert read.access == Secret("made-up-a", "access-token")
    assert read.expires_in == lives
    kept = read.captured(found, 1000.0)
    assert kept["access-token"].expires_at == (None if lives is None else 1000.0 + lives)
    if preset == "salesforce":
        assert kept["instance-url"].value == "https://x.my.salesforce.com"


def test_github_refuses_with_status_200(tmp_path: Path) -> None:
    found = provider(tmp_path, "{preset: github}")
    call = Call("POST", "https://github.com/login/oauth/access_token", content=b"grant_type=authorization_code")
    with pytest.raises(
        tokens.Refused, match="bad_verification_code: the code is wrong, used, or older than ten minutes"
    ):
        tokens.read(found, call, answered('{"error": "bad_verification_code", "error_description": "made up"}', 200))


def test_each_example_of_the_guide_could_ask_for_a_token(tmp_path: Path) -> None:
    """Each names a way to a token endpoint, on a host that it names."""
    examples = _EXAMPLE.findall((ROOT / "docs" / "oauth2.md").read_text("utf-8"))
    assert len(examples) >= 7
    for text in examples:
        found = environment(tmp_path, text)
        for spec in found.providers.values():
            one = Provider(spec, Scope(Sources(environment=found)))
            address = one.url("token") or one.url("issuer")
            assert address is not None, text
            assert named(found, address), text


def test_the_guide_has_every_setting() -> None:
    text = (ROOT / "docs" / "oauth2.md").read_text("utf-8").partition("## Settings")[2].partition("\n## ")[0]
    listed = {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z-]+)`", line.split("|")[1])
    }
    assert listed == set(fields.PROVIDER)
    presets = (ROOT / "docs" / "oauth2.md").read_text("utf-8").partition("## Presets")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z]+)`", presets, re.MULTILINE)) >= set(PRESETS)
