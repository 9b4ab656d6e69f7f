"""AWS Signature Version 4: in the header, or in the query as a presigned URL.

Source of the rules: "AWS Signature Version 4 for API requests" (IAM User Guide) and "Authenticating Requests" (S3 API
Reference).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, unquote_to_bytes

from runner.auth.components import authority, body_hash, normal, parts, recoded, whole, with_fixed_body
from runner.auth.settings import Settings
from runner.auth.signed import names_of, with_header, with_query, with_secrets
from runner.credentials import Auth, Signing
from runner.exchange import Call, header_values
from runner.origins import split
from runner.values import Secret, reveal

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
# Services whose keys are paths to the letter: encoded once, never normalised; and the hash of the body is a header.
_S3 = frozenset(("s3", "s3-outposts", "s3-object-lambda"))
# These check that header, too.
_HASHED = _S3 | {"aoss"}
# Fields that proxies and clients change on the way, or that are not known yet when the request is signed.
_NOT_SIGNED = frozenset(
    (
        *(
            "authorization",
            "connection",
            "content-length",
            "cookie",
            "expect",
            "proxy-authorization",
            "transfer-encoding",
        ),
        *("accept-encoding", "user-agent", "x-amzn-trace-id"),
    )
)
_REGION = re.compile(r"(?:us|eu|ap|sa|ca|me|af|il|mx|cn)(?:-gov|-iso[a-z]?)?-[a-z]+-\d")
# Host names that differ from the name that signs (`signingName` in AWS's service models).
_SIGNING_NAMES = {
    "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "bedrock-runtime": "bedrock",
    "email": "ses",
    "lambda-url": "lambda",
    "s3-accesspoint": "s3",
    "s3-control": "s3",
    "s3-fips": "s3",
}
_LONGEST = 7 * 24 * 3600  # of a presigned URL, in seconds


class SigV4(Signing):
    """Signs for one region and service, at the clock's time of each try."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._access_key = settings.needed("access-key")
        self._secret_key = settings.needed("secret-key")
        self._session_token = settings.text("session-token")
        self._region = settings.plain("region")
        self._service = settings.plain("service")
        self._in_query = settings.one_of("in", ("header", "query"), "header") == "query"
        self._expires = int(settings.duration("expires", 300))
        if not 1 <= self._expires <= _LONGEST:
            raise settings.wrong("expires", "a presigned URL lives from 1 second to 7 days", "write it as 15m")

    def sign(self, call: Call) -> Call:
        region, service = self._scope(call)
        call = replace(with_fixed_body(call), url=_address(call.url, service))
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._settings.now()))
        scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
        made_of = (self._access_key, self._secret_key, self._session_token)
        signed = self._query(call, scope, stamp) if self._in_query else self._header(call, scope, stamp)
        return with_secrets(signed, *made_of)

    def _header(self, call: Call, scope: str, stamp: str) -> Call:
        place, service = self._settings.location, scope.split("/")[2]
        payload = _payload(call, service)
        call = with_header(call, "X-Amz-Date", stamp, place)
        if service in _HASHED:
            call = with_header(call, "X-Amz-Content-Sha256", payload, place)
        if self._session_token is not None:
            call = with_header(call, "X-Amz-Security-Token", self._session_token, place)
        headers = _signed_headers(call)
        signature = self._signature(call, headers, payload, scope, stamp)
        credential = f"Credential={reveal(self._access_key)}/{scope}"
        value = f"{_ALGORITHM} {credential}, SignedHeaders={';'.join(headers)}, Signature={signature}"
        return with_header(call, "Authorization", value, place)

    def _query(self, call: Call, scope: str, stamp: str) -> Call:
        """A presigned URL: whoever has it may do this one thing until it expires, so its signature is a secret."""
        headers = _signed_headers(call)
        credential: str | Secret = f"{reveal(self._access_key)}/{scope}"
        if isinstance(self._access_key, Secret):
            credential = Secret(reveal(credential), self._access_key.name, f"{self._access_key}/{scope}")
        parameters: list[tuple[str, str | Secret]] = [
            ("X-Amz-Algorithm", _ALGORITHM),
            ("X-Amz-Credential", credential),
            ("X-Amz-Date", stamp),
            ("X-Amz-Expires", str(self._expires)),
            ("X-Amz-SignedHeaders", ";".join(headers)),
        ]
        if self._session_token is not None:
            parameters.append(("X-Amz-Security-Token", self._session_token))
        bare = with_query(call, parameters, without=("X-Amz-Signature",))
        service = scope.split("/")[2]
        payload = _UNSIGNED if service in _S3 else _payload(call, service)
        signature = Secret(
            self._signature(bare, headers, payload, scope, stamp), names_of(self._secret_key) or "signature", "..."
        )
        return with_query(call, [*parameters, ("X-Amz-Signature", signature)])

    def _signature(self, call: Call, headers: dict[str, str], payload: str, scope: str, stamp: str) -> str:
        request = canonical_request(call, headers, payload, scope.split("/")[2])
        text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request.encode("utf-8", "replace")).hexdigest()))
        key: bytes = b"AWS4" + reveal(self._secret_key).encode("utf-8", "replace")
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key.hex()

    def _scope(self, call: Call) -> tuple[str, str]:
        """Region and service: as written, else as the host tells. Raises InputError."""
        found = scope_of(split(call.url)[1])
        region, service = self._region or found[0], self._service or found[1]
        for name, value in (("region", region), ("service", service)):
            if not value:
                hint = f"write `{name}:`: an amazonaws.com host would tell it"
                raise self._settings.wrong(name, f"`aws-sigv4` needs `{name}`, which the host does not tell", hint)
        return region, service


def make(settings: Settings) -> Auth:
    """The scheme `aws-sigv4`. Raises InputError."""
    return SigV4(settings)


def scope_of(host: str) -> tuple[str, str]:
    """Region and service as a host of AWS tells them; empty where it does not."""
    suffix = next(
        (end for end in (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws") if host.endswith(end)), ""
    )
    labels = host.removesuffix(suffix).split(".") if suffix else []
    if not labels:
        return "", ""
    labels = [label for label in labels if label not in ("dualstack", "vpce")]
    if labels[-1].startswith("s3-") and _REGION.fullmatch(labels[-1][3:]):  # s3-us-west-2.amazonaws.com
        return labels[-1][3:], "s3"
    at = next((index for index in reversed(range(len(labels))) if _REGION.fullmatch(labels[index])), None)
    if at is None:  # a service of the whole world: iam.amazonaws.com, bucket.s3.amazonaws.com
        return "us-east-1", _SIGNING_NAMES.get(labels[-1], labels[-1])
    name = labels[at + 1] if at + 1 < len(labels) else labels[at - 1] if at else ""
    return labels[at], _SIGNING_NAMES.get(name, name)


def canonical_request(call: Call, headers: dict[str, str], payload: str, service: str) -> str:
    """What is signed: method, path, query, headers, the hash of the body."""
    _, path, query = parts(call.url)
    # S3 reads a path once; others encode what came once more, and fold slashes.
    path = path.replace("%2E", ".") if service in _S3 else quote(re.sub("/{2,}", "/", path), safe="/-._~")
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    lines = [call.method, path, "&".join(f"{name}={value}" for name, value in pairs)]
    lines += [*(f"{name}:{value}" for name, value in headers.items()), "", ";".join(headers), payload]
    return "\n".join(lines)


def _address(url: str, service: str) -> str:
    """`url` in the one spelling that all of AWS's parsers read alike: everything encoded but the unreserved."""
    before, path, query = parts(url if service in _S3 else normal(url))
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    recoded_query = "&".join(f"{_recoded_parameter(name)}={_recoded_parameter(value)}" for name, _, value in pairs)
    return whole(before, "/".join(map(_recoded_segment, path.split("/"))), recoded_query)


def _recoded_segment(segment: str) -> str:
    """As recoded; what would be a dot segment, which a key of S3 may hold, is encoded whole."""
    decoded = unquote_to_bytes(segment)
    return decoded.decode().replace(".", "%2E") if decoded in (b".", b"..") else recoded(segment)


def _recoded_parameter(text: str) -> str:
    """As recoded; a plus is a blank in a query, which AWS wants as %20."""
    return recoded(text.replace("+", " "))


def _signed_headers(call: Call) -> dict[str, str]:
    """Names in lower case, sorted, and values: blanks folded, those of one name joined (RFC 9110, 5.3)."""
    fields: Iterable[tuple[str, str]] = (*call.headers, ("host", authority(call)))
    found: dict[str, list[str]] = {}
    for name, value in fields:
        key = name.lower()
        if key not in _NOT_SIGNED and (key != "host" or key not in found):
            found.setdefault(key, []).append(" ".join(value.split()))
    return {name: ",".join(values) for name, values in sorted(found.items())}


def _payload(call: Call, service: str) -> str:
    """The body's hash, unless the request writes one; of a streamed body to S3 over TLS a word, which spares reading it."""
    written = header_values(call.headers, "x-amz-content-sha256")
    if written:
        return written[-1].strip()
    if service in _S3 and call.url.startswith("https:") and not isinstance(call.content, (bytes, type(None))):
        return _UNSIGNED
    return body_hash(call, hashlib.sha256).hexdigest()
