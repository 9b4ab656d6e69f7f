"""What to send when an answer leads elsewhere (RFC 9110, 15.4), and what not to send there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from runner.errors import NetworkError, PolicyError, Problem
from runner.exchange import Call, Hop, header_values, signed
from runner.origins import split
from runner.redact import SHORTEST, Redactor
from runner.values import Secret

FOLLOWED = frozenset((301, 302, 303, 307, 308))
_CREDENTIALS = frozenset(("authorization", "cookie", "proxy-authorization"))
_OF_A_BODY = frozenset(("content-type", "content-length", "content-encoding", "transfer-encoding"))


def target(status: int, headers: tuple[tuple[str, str], ...], url: str) -> str | None:
    """Where an answer to `url` leads, as an absolute URL; None when it leads nowhere."""
    if status not in FOLLOWED:
        return None
    location = next(iter(header_values(headers, "location")), None)
    if location is None:
        return None
    try:
        absolute = urljoin(url, location.strip())
    except ValueError:  # brackets that are no IPv6 address
        return location
    return absolute.partition("#")[0]


def follow(call: Call, status: int, url: str) -> tuple[Call, Hop]:
    """The call that follows to `url`, signed anew by the scheme that signed `call`. To another origin it goes without
    anything that a scheme put in, without other credentials, and without secrets in its headers.

    Raises PolicyError when a secret in the body would go to another origin, NetworkError for an address that is no HTTP.
    """
    _check(url, call)
    bare = call.unsigned.call if call.unsigned else call
    method, content, headers = bare.method, bare.content, bare.headers
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, content = "GET", None
        headers = tuple(field for field in headers if field[0].lower() not in _OF_A_BODY)
    dropped: tuple[str, ...] = ()
    stays = same_origin(call.url, url)
    if not stays:
        kept = tuple(field for field in headers if not _carries_credentials(field, call.secrets))
        put_in = (field for field in call.headers if field not in bare.headers)
        dropped = tuple(dict.fromkeys(name for name, _ in (*headers, *put_in) if (name, _) not in kept))
        headers = tuple(field for field in kept if field[0].lower() != "host")
        carried = list(_secrets_in_body(content, call.secrets))
        if carried:
            names = ", ".join(sorted({f"`{secret.name}`" for secret in carried}))
            raise PolicyError(
                Problem(
                    f"a redirect ({status}) would send {names}, in the body, on to {urlsplit(url).hostname}",
                    call.location,
                    "if that is right, make it the address of the request; or write follow-redirects: false",
                )
            )
    following = replace(bare, method=method, url=url, content=content, headers=headers, timeout=call.timeout)
    shown = _masked(url, call.secrets)
    secrets = frozenset(secret for secret in call.secrets if _is_in(secret, following))
    following = replace(following, secrets=secrets, masked_url=shown)
    if stays and call.unsigned:
        following = signed(following, call.unsigned.sign)
    return following, Hop(status, call.masked_url or call.url, shown, dropped)


def _check(url: str, call: Call) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        hint = "write follow-redirects: false to look at the answer"
        raise NetworkError(
            Problem("a redirect leads to an address that is not HTTP", call.location, hint), kind="protocol"
        )
    if "@" in parts.netloc:
        hint = "write follow-redirects: false to look at the answer"
        raise PolicyError(Problem("a redirect leads to an address with a user in it", call.location, hint))


def same_origin(first: str, second: str) -> bool:
    """Scheme, host and port alike; from http to https of the same host, on the usual ports, counts as staying."""
    try:
        one, two = split(first), split(second)
    except ValueError:
        return False
    return one == two or (one[1] == two[1] and one[::2] == ("http", 80) and two[::2] == ("https", 443))


def _carries_credentials(field: tuple[str, str], secrets: Iterable[Secret]) -> bool:
    name, value = field
    return name.lower() in _CREDENTIALS or any(
        _is_within(secret, value.encode("utf-8", "replace")) for secret in secrets
    )


def _secrets_in_body(content: bytes | Path | tuple[object, ...] | None, secrets: Iterable[Secret]) -> Iterable[Secret]:
    """The secrets that are in a body; of a file's content nothing is known, so it counts as holding none."""
    if content is None or isinstance(content, Path):
        return []
    texts = [content] if isinstance(content, bytes) else [getattr(part, "content", b"") for part in content]
    return [secret for secret in secrets if any(_is_within(secret, text) for text in texts if isinstance(text, bytes))]


def _is_within(secret: Secret, body: bytes) -> bool:
    """Whether `secret`, or what it was made of, is in `body` in any spelling; a very short one as it is, or quoted."""
    text = secret.reveal()
    if len(text.strip()) < SHORTEST:
        return bool(text) and any(form.encode("utf-8", "replace") in body for form in (text, quote(text, safe="")))
    redactor = Redactor()
    redactor.add(secret)
    return bool(redactor.spans(body.decode("utf-8", "replace")))


def _is_in(secret: Secret, call: Call) -> bool:
    head = "\n".join([call.url, *(value for _, value in call.headers)])
    return _is_within(secret, head.encode("utf-8", "replace")) or bool(_secrets_in_body(call.content, (secret,)))


def _masked(url: str, secrets: Iterable[Secret]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        for form in (secret.reveal(), quote(secret.reveal(), safe="", errors="replace")):
            url = url.replace(form, str(secret)) if form else url
    return url
