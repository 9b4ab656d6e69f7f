"""What an answer that refuses credentials means, and what to do next.

Providers answer a refused credential in three ways: status 401 (RFC 9110, 15.5.2), `{"error": code}` from a token endpoint
(RFC 6749, 5.2; Zoho sends it with status 200), and a code of their own in the body. The meanings of Zoho's codes are those
of its pages "Token validity", "Multi-DC support" and "Refresh access token", and of its forum's "Kaizen" series.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from runner import data_centres
from runner.environment import options
from runner.errors import Location, Problem
from runner.exchange import Call, Response, Unreadable

_DATA_CENTRE = (
    "most likely the client was made in another data centre than {where}: accounts-domain in the environment must be that "
    "of the API console where the client was made{console}; if it is, compare the client id with the console's"
)
_GRANT = (
    "a grant token works once and lives 3 to 10 minutes, and only in the data centre that made it ({where}): "
    "generate a new one, and use it at once"
)
_REFRESH = (
    "the refresh token is revoked, was replaced by a newer one (20 a user), or belongs to another data centre than {where}: "
    "`zrun login{options}` gets a new one (a collection's own exchange runs once this one is dropped: `zrun env {names} "
    "--forget refresh-token`); `zrun doctor{options}` tells which it is, as far as that can be told"
)

# error code of a token endpoint -> (what it means, what to do next); RFC 6749, 5.2 and Zoho's own words.
_TOKEN_ERRORS = {
    "invalid_client": ("the client id is not known to this accounts server", _DATA_CENTRE),
    "invalid_client_secret": (
        "the client secret is wrong",
        "compare it with the API console; with Zoho it differs in each data centre unless the client shares one",
    ),
    "invalid_redirect_uri": (
        "the redirect URI is not the registered one",
        "make it the same to the letter, trailing slash included; a self client sends none",
    ),
    "invalid_scope": ("a scope does not exist", "check spelling; Zoho wants commas between scopes and no blanks"),
    "missing_org_info": ("the organisation is missing", "add soid: ZohoCRM.<zgid> to the request"),
    "unauthorized_client": ("the client may not use this grant", "allow the grant where the client is registered"),
    "unsupported_grant_type": ("the server does not know this grant_type", "check its spelling"),
    "access_denied": ("consent was refused, or too many codes were asked for", "wait ten minutes, then ask again"),
    "Access Denied": (
        "too many tokens were asked for: ten in ten minutes for a refresh token",
        "wait ten minutes without trying (each try prolongs it), and reuse the access token that you have",
    ),
}

_API_ERRORS = {
    "INVALID_TOKEN": (
        "the access token is expired, revoked, or of another data centre",
        "call the api_domain that came with the token; drop it with `zrun env {names} --forget access-token` to get a new one",
    ),
    "AUTHENTICATION_FAILURE": (
        "no usable access token came with the request",
        "check the header: `Authorization: Zoho-oauthtoken <<access-token>>`",
    ),
    "OAUTH_SCOPE_MISMATCH": (
        "the access token lacks a scope that this address needs",
        "scopes cannot be added to a token: generate a grant token with all of them and exchange it",
    ),
}
_API_ERRORS["INVALID_OAUTHTOKEN"] = _API_ERRORS["INVALID_TOKEN"]


def refused(call: Call, response: Response, place: Location, given: Sequence[str] = ()) -> Problem | None:
    """What to tell a person when `response` refuses credentials; None when it does not.

    `given` is the environment, as `Environment.given`. Only codes of the tables above are repeated in the text: whatever else
    an answer holds may be a secret.
    """
    codes = _codes(response)
    error, code = codes.get("error"), codes.get("code")
    where, console = _data_centre(call)
    words = {
        "where": where,
        "console": console,
        "options": f" {options(given)}" if given else "",
        "names": " ".join(given) or "NAME",
    }
    if error in ("invalid_code", "invalid_grant"):
        refreshing = isinstance(call.content, bytes) and b"grant_type=refresh_token" in call.content
        what = "the refresh token is not accepted" if refreshing else "the grant token is not accepted"
        return Problem(f"{error}: {what}", place, (_REFRESH if refreshing else _GRANT).format(**words))
    if error in _TOKEN_ERRORS:
        meaning, hint = _TOKEN_ERRORS[error]
        return Problem(f"{error}: {meaning}", place, hint.format(**words))
    if code in _API_ERRORS:
        meaning, hint = _API_ERRORS[code]
        return Problem(f"{code}: {meaning}", place, hint.format(**words))
    if response.status == 401:
        return Problem(
            "401: the server wants other credentials", place, "check the token or password that the request sends"
        )
    return None


def _codes(response: Response) -> dict[str, str]:
    """The `error` and `code` texts at the top of a JSON answer."""
    try:
        body = response.json
    except Unreadable:
        return {}
    if not isinstance(body, dict):
        return {}
    return {key: value for key in ("error", "code") if isinstance(value := body.get(key), str)}


def _data_centre(call: Call) -> tuple[str, str]:
    """The data centre that `call` went to, in words, and the API console that belongs to it."""
    host = urlsplit(call.url).hostname or ""
    centre = data_centres.of_accounts(host)
    console = centre.console if centre else None
    return (f"{host} ({centre.name})" if centre else host), (f", here {console}" if console else "")
