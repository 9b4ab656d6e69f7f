"""AWS Signature Version 4: AWS's published examples, and AWS's own signer on random requests."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from awscrt import auth as crt
from awscrt.http import HttpHeaders, HttpRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.auth.aws_sigv4 import scope_of
from runner.auth.components import target
from runner.errors import InputError
from runner.exchange import Call, Part, header_values
from runner.redact import Redactor
from runner.reporters import wire
from runner.values import Value
from tests.auth.schemes import field, made, made_of, secret

# The credentials and the moments of AWS's documents.
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SUITE = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
S3: dict[str, Value] = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
S3_DAY = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
HOST = "https://example.amazonaws.com"


def signed(call: Call, moment: float = SUITE, **more: Value) -> Call:
    given: dict[str, Value] = {
        "access_key": ACCESS,
        "secret_key": secret(SECRET, "secret-key"),
        "region": "us-east-1",
        "service": "service",
    }
    return made_of("aws-sigv4", {**given, **more}, moment).sign(call)


def signature(call: Call) -> str:
    return field(call).rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [  # the suite "aws-signing-test-suite/v4" of awslabs/aws-c-auth
        ("/", (), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("//example//", (), "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        (
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            (),
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        ("/?\u1234=bar", (), "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            "/",
            (("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "/",
            (("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")),
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
    ],
)
def test_the_suite_of_aws(path: str, headers: Any, expected: str) -> None:
    assert signature(signed(Call("GET", HOST + path, headers))) == expected


def test_the_suite_of_aws_with_a_session_token() -> None:
    token = secret("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267", "session-token")
    call = signed(Call("GET", f"{HOST}/"), session_token=token)
    assert field(call) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
    )
    presigned = signed(Call("GET", f"{HOST}/"), session_token=token, in_="query", expires="1h")
    found = parse_qs(urlsplit(presigned.url).query)
    assert found["X-Amz-Signature"] == ["7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"]


def test_the_suite_of_aws_presigned() -> None:
    letters = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    call = signed(Call("GET", f"{HOST}/?{letters}={letters}"), in_="query", expires="1h")
    assert call.url.endswith("&X-Amz-Signature=8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf")


@pytest.mark.parametrize(
    ("call", "expected"),
    [  # S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk"
        (
            Call("GET", "https://examplebucket.s3.amazonaws.com/test.txt", (("Range", "bytes=0-9"),)),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            Call(
                "PUT",
                "https://examplebucket.s3.amazonaws.com/test$file.text",
                (("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")),
                b"Welcome to Amazon S3.",
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            Call("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle"),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            Call("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J"),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_examples_of_s3(call: Call, expected: str) -> None:
    auth = made_of("aws-sigv4", S3, S3_DAY)
    assert signature(auth.sign(call)) == expected


def test_the_presigned_example_of_s3() -> None:
    auth = made_of("aws-sigv4", {**S3, "in_": "query", "expires": "24h"}, S3_DAY)
    call = auth.sign(Call("GET", "https://examplebucket.s3.amazonaws.com/test.txt"))
    assert call.url.endswith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f\\"), max_size=10)
SEGMENTS = st.lists(st.one_of(TEXT, st.sampled_from(["", ".", "..", "a+b", "%2F", "c:1", "100%25"])), max_size=5)
# AWS's signer judges no request that has a parameter of a name that signing may add itself.
NAMES = TEXT.filter(lambda name: not name.lower().startswith("x-amz-"))
QUERY = st.lists(st.tuples(NAMES, TEXT), max_size=4)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["X-Amz-Meta", "X-Own", "Content-Type", "Range"]),
        st.text("abc 012,;=\"/'", max_size=12),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=300)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    segments=SEGMENTS,
    query=QUERY,
    headers=HEADERS,
    body=st.one_of(st.none(), st.binary(max_size=40)),
    service=st.sampled_from(["execute-api", "s3", "dynamodb"]),
    token=st.one_of(st.none(), st.just("made-up/session+token==")),
    place=st.sampled_from(["header", "query"]),
)
def test_the_signer_of_aws_finds_the_same(
    method: str,
    segments: list[str],
    query: list[tuple[str, str]],
    headers: list[tuple[str, str]],
    body: bytes | None,
    service: str,
    token: str | None,
    place: str,
) -> None:
    """awscrt is handed the address as zrun sends it, without what signing added, and must come to the same signature."""
    path = "/" + "/".join(quote(s, safe="%") if "%" in s else quote(s, safe="+:") for s in segments)
    written = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    url = f"https://api.example.com{path}" + (f"?{written}" if written else "")
    call = Call(method, url, tuple(headers), body)
    ours = signed(call, service=service, session_token=token, in_=place)
    signed_names = {
        *(field(ours).partition("SignedHeaders=")[2].partition(",")[0].split(";") if place == "header" else ()),
        *(parse_qs(urlsplit(ours.url).query)["X-Amz-SignedHeaders"][0].split(";") if place == "query" else ()),
    }
    sent = HttpHeaders([("Host", "api.example.com"), *headers])
    bare = target(ours.url if place == "header" else ours.url.partition("X-Amz-Algorithm")[0].rstrip("?&"))
    # A key of S3 that is a dot segment travels as %2E, since HTTP libraries resolve dots; it is signed as the dot that it is.
    bare = bare.replace("%2E", ".")
    request = HttpRequest(method, bare, sent, io.BytesIO(body) if body else None)
    s3 = service == "s3"
    config = crt.AwsSigningConfig(
        algorithm=crt.AwsSigningAlgorithm.V4,
        signature_type=(
            crt.AwsSignatureType.HTTP_REQUEST_HEADERS
            if place == "header"
            else crt.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS
        ),
        credentials_provider=crt.AwsCredentialsProvider.new_static(ACCESS, SECRET, token),
        region="us-east-1",
        service=service,
        date=datetime.fromtimestamp(SUITE, UTC),
        use_double_uri_encode=not s3,
        should_normalize_uri_path=not s3,
        signed_body_value="UNSIGNED-PAYLOAD" if s3 and place == "query" else None,
        signed_body_header_type=(
            crt.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256
            if s3 and place == "header"
            else crt.AwsSignedBodyHeaderType.NONE
        ),
        expiration_in_seconds=300 if place == "query" else None,
    )
    done = crt.aws_sign_request(request, config).result(10)
    theirs = dict(done.headers)["Authorization"] if place == "header" else done.path
    assert {"host"} <= signed_names
    assert (signature(ours) if place == "header" else ours.url.rpartition("=")[2]) == theirs.rpartition("ignature=")[2]


def test_a_file_is_hashed_or_to_s3_over_tls_left_unsigned(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"Welcome to Amazon S3.")
    whole = Call("PUT", "https://b.s3.eu-west-1.amazonaws.com/k", content=b"Welcome to Amazon S3.")
    streamed = Call("PUT", "https://b.s3.eu-west-1.amazonaws.com/k", content=file)
    parts = Call("POST", "https://b.s3.eu-west-1.amazonaws.com/k", content=(Part("file", file),))

    def hashed(call: Call, service: str) -> str:
        found = signed(call, region="eu-west-1", service=service)
        return next(iter(header_values(found.headers, "x-amz-content-sha256")), "")

    digest = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
    assert hashed(whole, "s3") == digest
    assert hashed(streamed, "s3") == hashed(parts, "s3") == "UNSIGNED-PAYLOAD"
    plain = Call("PUT", "http://127.0.0.1:9000/k", content=file)
    assert hashed(plain, "s3") == digest
    assert hashed(streamed, "aoss") == digest
    own = Call("PUT", "https://b/k", (("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),), b"x")
    assert hashed(own, "execute-api") == "UNSIGNED-PAYLOAD"
    assert signature(signed(whole, service="x")) == signature(signed(streamed, service="x"))
    assert "multipart/form-data; boundary=" in field(signed(parts, service="x"), "content-type")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("iam.amazonaws.com", ("us-east-1", "iam")),
        ("ec2.eu-west-3.amazonaws.com", ("eu-west-3", "ec2")),
        ("bucket.s3.amazonaws.com", ("us-east-1", "s3")),
        ("my.bucket.s3.us-gov-west-1.amazonaws.com", ("us-gov-west-1", "s3")),
        ("s3.dualstack.ap-southeast-2.amazonaws.com", ("ap-southeast-2", "s3")),
        ("bucket.s3-us-west-2.amazonaws.com", ("us-west-2", "s3")),
        ("abc123.execute-api.eu-central-1.amazonaws.com", ("eu-central-1", "execute-api")),
        ("search-x.us-east-2.es.amazonaws.com", ("us-east-2", "es")),
        ("abc.lambda-url.us-east-1.on.aws", ("us-east-1", "lambda")),
        ("bedrock-runtime.us-east-1.amazonaws.com", ("us-east-1", "bedrock")),
        ("email.eu-west-1.amazonaws.com", ("eu-west-1", "ses")),
        ("s3.cn-north-1.amazonaws.com.cn", ("cn-north-1", "s3")),
        ("api.example.com", ("", "")),
        ("amazonaws.com.example.com", ("", "")),
    ],
)
def test_hosts_of_aws_tell_region_and_service(host: str, expected: tuple[str, str]) -> None:
    assert scope_of(host) == expected


def test_another_host_needs_region_and_service() -> None:
    auth = made("aws-sigv4", access_key="a", secret_key="b", region="us-east-1")
    with pytest.raises(InputError, match="`aws-sigv4` needs `service`, which the host does not tell"):
        auth.sign(Call("GET", "https://api.example.com/"))
    for wrong in ("0s", "8d"):
        with pytest.raises(InputError, match="from 1 second to 7 days"):
            made("aws-sigv4", access_key="a", secret_key="b", expires=wrong)


def test_a_presigned_address_is_a_secret() -> None:
    call = signed(
        Call("GET", f"{HOST}/a?b=c"),
        in_="query",
        access_key=secret(ACCESS, "access-key"),
        session_token=secret("made-up-session-token", "session-token"),
    )
    redactor = Redactor()
    redactor.add_all(call.secrets)
    shown = redactor.text(wire.address(call))
    assert "X-Amz-Credential=<<access-key>>/20150830/us-east-1/service/aws4_request" in shown
    assert shown.endswith("&X-Amz-SignedHeaders=host&X-Amz-Security-Token=<<session-token>>&X-Amz-Signature=...")
    assert call.url.rpartition("=")[2] not in redactor.text(call.url)
    # Signed again, as for a redirect that repeats the parameters: there is one set of them.
    again = signed(Call("GET", call.url), in_="query")
    assert again.url.count("X-Amz-Signature") == again.url.count("X-Amz-Credential") == 1


def test_the_token_is_masked_and_the_key_known() -> None:
    call = signed(Call("GET", f"{HOST}/"), session_token=secret("made-up-session-token", "session-token"))
    assert {found.name for found in call.secrets} == {"secret-key", "session-token"}
