"""One harmless call with an access token: does the API take it?"""

from __future__ import annotations

from typing import Literal, TypeAlias

from runner.auth.header import Header
from runner.auth.oauth2.bearer import is_dead
from runner.auth.oauth2.provider import Provider
from runner.auth.signed import joined
from runner.cli import sending
from runner.cli.assemble import Assembly
from runner.exchange import Call, Response, Unreadable
from runner.records import record
from runner.values import Secret

Verdict: TypeAlias = Literal["alive", "dead", "unknown"]
TIMEOUT = 15.0
# An answer with one of these says that the token is good, and that something else is not.
_LACKS = ("OAUTH_SCOPE_MISMATCH", "NO_PERMISSION")


@record
class Tried:
    """What came of a call: `words` say it, `code` is the API's own word where it is one of ours."""

    verdict: Verdict
    words: str
    code: str = ""


def get(assembly: Assembly, provider: Provider, token: Secret, url: str, send: sending.Send) -> Response:
    """The answer to GET with the token, within the host policy. Raises NetworkError, PolicyError."""
    name, prefix = provider.header
    call = Call(
        "GET",
        url,
        headers=(("Accept", "application/json"),),
        timeout=TIMEOUT,
        follow_redirects=False,
        cookies=False,
        location=provider.location,
    )
    signed = Header(name, joined(prefix, token), provider.location, (token,)).sign(call)
    assembly.policy.check(signed)
    return send(signed)


def judge(provider: Provider, response: Response) -> Tried:
    """What the answer says of the token."""
    code = code_of(response)
    if code in _LACKS:
        what = (
            "it lacks the scope for this one call"
            if code == "OAUTH_SCOPE_MISMATCH"
            else "its user may not call the API"
        )
        return Tried("alive", f"the API knows it; {what} ({code})", code)
    if is_dead(provider, response):
        return Tried(
            "dead", f"the API refuses it ({response.status}{f' {code}' if code in provider.preset.dead else ''})"
        )
    if response.status < 300:
        return Tried("alive", f"the API takes it ({response.status})")
    if response.status == 429:
        return Tried("unknown", "the API has been called too often (429): its limits are per day and per organisation")
    return Tried("unknown", f"the API answers {response.status}, which says nothing of the token")


def code_of(response: Response) -> str:
    """The `code` at the top of a JSON answer; empty without one. For comparison alone: it may be any text."""
    try:
        body = response.json
    except Unreadable:
        return ""
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) else ""
