"""OAuth 1.0a: RFC 5849's examples, and oauthlib's server side as the judge of random requests."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint
from oauthlib.oauth1.rfc5849 import signature as judge

from runner.auth.oauth1 import METHODS, OAuth1, base_string
from runner.errors import InputError
from runner.exchange import Call
from runner.redact import Redactor
from runner.reporters import wire
from runner.values import Value
from tests.auth.schemes import field, made, made_of, secret

FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
RSA = rsa.generate_private_key(65537, 2048)
PRIVATE = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
KEY, TOKEN = "made-up-consumer-key-1", "made-up-token-of-tests"
CONSUMER_SECRET, TOKEN_SECRET = "made&up=consumer secret/é", "made-up token+secret%"


def test_the_base_string_of_rfc_5849() -> None:
    """3.4.1.1, the parameters in the order of 3.4.1.3.1."""
    text = base_string(
        "POST",
        "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("oauth_signature", "left out"),
            ("c2", ""),
            ("a3", "2 q"),
        ],
    )
    assert text == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D"
        "%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1"
        "%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


@pytest.mark.parametrize(
    ("call", "secrets", "parameters", "expected"),
    [  # RFC 5849, 1.2: temporary credentials, token credentials, a photo
        (
            Call("POST", "https://photos.example.net/initiate"),
            {},
            {"timestamp": "137131200", "nonce": "wIjqoS", "callback": "http://printer.example.com/ready"},
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
        ),
        (
            Call("POST", "https://photos.example.net/token"),
            {"token_secret": "hdhd0244k9j7ao03"},
            {
                "token": "hh5s93j4hdidpola",
                "timestamp": "137131201",
                "nonce": "walatlh",
                "verifier": "hfdp7dh39dks9884",
            },
            "gKgrFCywp7rO0OXSjdot/IHF7IU=",
        ),
        (
            Call("GET", "http://photos.example.net/photos?file=vacation.jpg&size=original"),
            {"token_secret": "pfkkdhi9sl3r4s00"},
            {"token": "nnch734d00sl2jdk", "timestamp": "137131202", "nonce": "chapoH"},
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
        ),
    ],
)
def test_the_examples_of_rfc_5849(
    call: Call, secrets: dict[str, Value], parameters: dict[str, str], expected: str
) -> None:
    key = "dpf43f3p2l4k3l03"
    auth = made_of("oauth1", {"consumer_key": key, "consumer_secret": "kd94hf93k423kf44", **secrets})
    assert isinstance(auth, OAuth1)
    protocol = {"consumer_key": key, "signature_method": "HMAC-SHA1", **parameters}
    assert auth.signature(call, [(f"oauth_{name}", value) for name, value in protocol.items()]) == expected


def said(call: Call) -> dict[str, str]:
    """The parameters of the Authorization field."""
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', field(call))}


class Judge(RequestValidator):  # type: ignore[misc]
    """oauthlib's view of one client; it checks signatures, and that no nonce comes twice."""

    enforce_ssl = False
    allowed_signature_methods = METHODS
    timestamp_lifetime = 10**10

    def __init__(self) -> None:
        super().__init__()
        self.nonces: set[str] = set()

    @property
    def client_key_length(self) -> tuple[int, int]:
        return 3, 100

    @property
    def access_token_length(self) -> tuple[int, int]:
        return 3, 100

    @property
    def nonce_length(self) -> tuple[int, int]:
        return 20, 64

    def check_client_key(self, client_key: str) -> bool:
        return client_key == KEY

    def check_access_token(self, request_token: str) -> bool:
        return request_token == TOKEN

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == KEY

    def validate_timestamp_and_nonce(self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any) -> bool:
        fresh = nonce not in self.nonces
        self.nonces.add(nonce)
        return fresh

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return CONSUMER_SECRET

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return TOKEN_SECRET

    def get_rsa_key(self, client_key: str, request: Any) -> str:
        return PUBLIC


def judged(call: Call) -> bool:
    """Whether oauthlib finds the signature right; with the token's secret, where the request has a token."""
    request = judge_request(call)
    if request.signature_method == "PLAINTEXT":
        # oauthlib decodes a parameter of a query or a form twice, which only this method's signature does not survive.
        body = call.content.decode() if isinstance(call.content, bytes) else ""
        once = dict(parse_qsl(f"{urlsplit(call.url).query}&{body}"))
        request.signature = once.get("oauth_signature", request.signature)
        right: bool = judge.verify_plaintext(request, CONSUMER_SECRET, TOKEN_SECRET)
    elif request.signature_method.startswith("RSA"):
        verify = {"1": judge.verify_rsa_sha1, "6": judge.verify_rsa_sha256, "2": judge.verify_rsa_sha512}
        right = verify[request.signature_method[-1]](request, PUBLIC)
    else:
        verify = {"1": judge.verify_hmac_sha1, "6": judge.verify_hmac_sha256, "2": judge.verify_hmac_sha512}
        right = verify[request.signature_method[-1]](request, CONSUMER_SECRET, TOKEN_SECRET)
    return right


def judge_request(call: Call) -> Any:
    """The request as oauthlib's endpoint reads it."""
    body = call.content.decode() if isinstance(call.content, bytes) else None
    return SignatureOnlyEndpoint(Judge())._create_request(call.url, call.method, body, dict(call.headers))


def settings_of(method: str, **more: Value) -> dict[str, Value]:
    return {
        "consumer_key": KEY,
        "consumer_secret": secret(CONSUMER_SECRET, "consumer-secret"),
        "token": secret(TOKEN, "token"),
        "token_secret": secret(TOKEN_SECRET, "token-secret"),
        "signature_method": method,
        "private_key": secret(PRIVATE, "private-key"),
        **more,
    }


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=8)


@settings(deadline=None, max_examples=200)
@given(
    method=st.sampled_from(METHODS),
    place=st.sampled_from(["header", "query", "body"]),
    query=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=3),
    form=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=3),
    host=st.sampled_from(["http://Example.com", "https://example.com:443", "http://[::1]:8080", "https://a.b:8443"]),
)
def test_a_server_of_another_hand_finds_it_right(
    method: str, place: str, query: list[tuple[str, str]], form: list[tuple[str, str]], host: str
) -> None:
    url = f"{host}/a b/ü;c" + (f"?{urlencode(query)}" if query else "")
    call = Call("POST", url, FORM, urlencode(form).encode())
    signed = made_of("oauth1", settings_of(method, in_=place)).sign(call)
    assert judged(signed)
    where = {"header": "authorization", "query": "url", "body": "content"}[place]
    holder = field(signed) if where == "authorization" else str(getattr(signed, where))
    assert "oauth_signature=" in holder
    form_sent = parse_qsl((signed.content or b"").decode(), keep_blank_values=True)  # type: ignore[union-attr]
    assert [pair for pair in form_sent if not pair[0].startswith("oauth_")] == form


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_secret_is_found(method: str) -> None:
    """The test above can fail."""
    other = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    wrong = settings_of(method, consumer_secret="wrong", private_key=other.decode())
    assert not judged(made_of("oauth1", wrong).sign(Call("GET", "http://h/")))


def test_the_whole_endpoint_lets_it_in_once() -> None:
    """Key, token, timestamp, nonce and signature together, as SignatureOnlyEndpoint checks them."""

    class NoToken(Judge):
        def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
            return ""

    endpoint = SignatureOnlyEndpoint(NoToken())
    auth = made("oauth1", consumer_key=KEY, consumer_secret=CONSUMER_SECRET)

    def valid(call: Call) -> bool:
        found: bool = endpoint.validate_request(call.url, call.method, None, dict(call.headers))[0]
        return found

    first, second = (auth.sign(Call("GET", "http://example.com/a")) for _ in range(2))
    assert valid(first)
    assert valid(second)
    assert not valid(first)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("HMAC-SHA1", "Lve95gjOVATpfV8EL5X4nxwjKHE="),
        ("HMAC-SHA256", "f4OxZX/x/FO5LcGBSKHWXfwtSx+j1ncoSt3SABJtkGk="),
    ],
)
def test_a_body_that_is_no_form_is_hashed_when_asked(method: str, expected: str) -> None:
    auth = made_of("oauth1", settings_of(method, body_hash=True))
    call = auth.sign(Call("PUT", "http://www.example.com/resource", (("Content-Type", "text/plain"),), b"Hello World!"))
    assert said(call)["oauth_body_hash"] == expected  # for SHA-1: "OAuth Request Body Hash" 1.0 draft 4, appendix A
    assert judged(call)
    assert "oauth_body_hash" not in said(auth.sign(Call("POST", "http://h/", FORM, b"a=b")))
    assert "oauth_body_hash" not in said(made_of("oauth1", settings_of(method)).sign(call))
    empty = said(made_of("oauth1", settings_of("HMAC-SHA1", body_hash=True)).sign(Call("GET", "http://h/")))
    assert empty["oauth_body_hash"] == "2jmj7l5rSw0yVb/vlWAYkK/YBwk="


def test_the_realm_is_said_and_not_signed() -> None:
    call = made_of("oauth1", settings_of("HMAC-SHA1", realm="Photos")).sign(Call("GET", "http://h/"))
    assert field(call).startswith('OAuth realm="Photos", oauth_consumer_key=')
    assert judged(call)


def test_mistakes_are_told() -> None:
    body = made_of("oauth1", settings_of("HMAC-SHA1", in_="body"))
    for call in (Call("GET", "http://h/"), Call("POST", "http://h/", (("Content-Type", "text/plain"),), b"x")):
        with pytest.raises(InputError, match="a form body, which this request has not"):
            body.sign(call)
    assert dict(body.sign(Call("POST", "http://h/")).headers) == dict(FORM)
    other = ed25519.Ed25519PrivateKey.generate()
    for key, told in (
        ("no key", "the private key cannot be read"),
        (PUBLIC, "the private key cannot be read"),
        (
            other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "`private-key` is not an RSA private key",
        ),
    ):
        with pytest.raises(InputError, match=told) as caught:
            made_of("oauth1", settings_of("RSA-SHA256", private_key=secret(key)))
        assert key not in str(caught.value)
    with pytest.raises(InputError, match="`oauth1` needs `private-key`"):
        made("oauth1", consumer_key="k", signature_method="RSA-SHA1")


@pytest.mark.parametrize("place", ["header", "query", "body"])
def test_a_plain_signature_is_a_secret(place: str) -> None:
    call = made_of("oauth1", settings_of("PLAINTEXT", in_=place)).sign(Call("POST", "https://h/?a=b"))
    redactor = Redactor()
    redactor.add_all(call.secrets)
    shown = "\n".join(wire.request(call, redactor.text))
    for text in (CONSUMER_SECRET, TOKEN_SECRET, TOKEN):
        assert text not in unquote(unquote(redactor.text(repr((call.url, call.headers, call.content)))))
        assert text not in unquote(unquote(shown))
    assert {"consumer-secret", "token-secret", "token"} <= {found.name for found in call.secrets}
    assert urlsplit(wire.address(call)).netloc == "h"
