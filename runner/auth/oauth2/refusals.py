"""Why a provider gives no token, and what to do next: the error codes of the standards, and of the providers that have presets.

RFC 6749, 4.1.2.1 and 5.2; RFC 7009, 2.2.1; RFC 8628, 3.5; RFC 8693, 2.2.2; RFC 8707, 2; RFC 9449, 5 and 8; OpenID Connect Core,
3.1.2.6. Zoho's are in runner/diagnosis.py, since collections meet them too. GitHub's: its page "Troubleshooting OAuth app
access token request errors"; Google's: "Using OAuth 2.0 for web server applications"; Salesforce's: "OAuth 2.0 errors".
"""

from __future__ import annotations

from dataclasses import replace

from runner import diagnosis
from runner.auth.oauth2.provider import Provider
from runner.errors import Problem
from runner.exchange import Call, Response

# What stands for the command that logs in, until the environment is known.
_COMMAND = "{login}"
_LOGIN = f"log in anew: {_COMMAND}"
_CLIENT = "compare client-id, client-secret and `client-auth` with the registration of the client"
_SCOPES = "check `scopes`: their spelling, and what the client is registered for"
_LATER = "try again in a few minutes"

# code -> (what it means, what to do next).
_CODES: dict[str, tuple[str, str]] = {
    "invalid_request": (
        "a parameter is missing, comes twice, or is not wanted",
        "-vv of a run shows the request and the provider's answer; `token-params` and `authorization-params` add parameters",
    ),
    "invalid_client": ("the client is not known, or its proof is wrong", _CLIENT),
    "invalid_grant": ("what was to be exchanged for a token is not accepted", _LOGIN),
    "unauthorized_client": (
        "the client may not use this grant",
        "allow the grant where the client is registered, or choose another `grant`",
    ),
    "unsupported_grant_type": (
        "the provider does not know this grant",
        "choose another `grant`; is `token-url` right?",
    ),
    "unsupported_response_type": (
        "the provider gives no codes to this client",
        "allow the authorization code grant there",
    ),
    "invalid_scope": ("a scope is unknown, or more than may be asked for", _SCOPES),
    "access_denied": ("consent was refused", "log in again and allow it, or ask for fewer `scopes`"),
    "server_error": ("the provider has a trouble of its own", _LATER),
    "temporarily_unavailable": ("the provider is overloaded, or being mended", _LATER),
    "authorization_pending": ("the code has not been entered yet", "enter it in a browser"),
    "slow_down": ("the provider was asked too often", _LATER),
    "expired_token": ("the device code is no longer good", "log in again for a new one"),
    "invalid_target": (
        "the provider gives no tokens for this `resource` or `audience`",
        "check their spelling: a resource is an absolute URI, and some providers take one at a time",
    ),
    "unsupported_token_type": ("the provider cannot do that with this kind of token", "use its access token"),
    "invalid_token": ("the token is expired, revoked, or not for this", _LOGIN),
    "insufficient_scope": ("the token lacks a scope", f"add it to `scopes`, then {_LOGIN}"),
    "invalid_dpop_proof": (
        "the proof of the key is not accepted",
        "check this machine's clock; a token that is bound to another key needs a new login",
    ),
    "use_dpop_nonce": ("the provider wants a nonce in each proof, and gave none that it takes", _LATER),
    # OpenID Connect; Microsoft sends the first with status 400 when a person is needed.
    "interaction_required": ("a person is needed", _LOGIN),
    "login_required": ("a person is needed", _LOGIN),
    "consent_required": ("a person has to consent first", _LOGIN),
    "account_selection_required": ("a person has to choose an account", _LOGIN),
    # GitHub
    "bad_verification_code": ("the code is wrong, used, or older than ten minutes", _LOGIN),
    "bad_refresh_token": ("the refresh token is not accepted", _LOGIN),
    "incorrect_client_credentials": ("the client's id or secret is wrong", _CLIENT),
    "redirect_uri_mismatch": (
        "the redirect URI is not a registered one",
        "register the one that is sent, or write a registered one as `redirect-uri`",
    ),
    "unverified_user_email": ("the account's e-mail address is not verified", "verify it at the provider, then log in"),
    "incorrect_device_code": ("the device code is not the one that was given", "log in again for a new one"),
    "device_flow_disabled": ("the client may not use the device flow", "allow it where the client is registered"),
    # Google
    "org_internal": ("the client is for the accounts of one organisation", "log in with such an account"),
    "admin_policy_enforced": (
        "an administrator does not allow these scopes",
        "ask the administrator, or use fewer `scopes`",
    ),
    "deleted_client": ("the client has been deleted", "make a new one, and write its id and secret"),
    # Salesforce
    "invalid_client_id": ("the client is not known", _CLIENT),
    "inactive_user": ("the user is inactive", "activate the user, or log in as another"),
    "inactive_org": ("the organisation is locked, closed or suspended", "ask Salesforce"),
    "rate_limit_exceeded": ("there have been too many logins", _LATER),
    "invalid_app_access": ("the user is not approved for this client", "approve it where the client is registered"),
}

# Of Zoho's device flow (its page "Devices: polling request"); its other codes are those of collections, too.
_ZOHO: dict[str, tuple[str, str]] = {
    "access_denied": _CODES["access_denied"],
    "expired": _CODES["expired_token"],
    "other_dc": (
        "the account lives in another data centre than this accounts server",
        "use the environment of that data centre: its accounts-domain and api-domain",
    ),
}


def why(provider: Provider, call: Call, response: Response, code: str) -> Problem | None:
    """What the error `code` of the answer to `call` means; None for one that is not known.

    Only codes of the tables are repeated in the text: whatever else an answer holds may be a secret.
    """
    found = _meaning(provider, call, response, code)
    return found and replace(found, hint=(found.hint or "").replace(_COMMAND, provider.login))


def _meaning(provider: Provider, call: Call, response: Response, code: str) -> Problem | None:
    place = provider.location
    content = call.content if isinstance(call.content, bytes) else b""
    if provider.preset.name == "zoho":
        if code in ("invalid_code", "invalid_grant") and b"grant_type=refresh_token" in content:
            hint = (
                f"it is revoked, was replaced by a newer one (20 a user), or belongs to another data centre: {_LOGIN}"
            )
            return Problem(f"{code}: the refresh token is not accepted", place, hint)
        if code in _ZOHO:
            meaning, hint = _ZOHO[code]
            return Problem(f"{code}: {meaning}", place, hint)
        found = diagnosis.refused(call, response, place, provider.given)
        if found is not None:
            return found
    if code == "invalid_grant":
        message, hint = _invalid_grant(content)
        return Problem(f"{code}: {message}", place, hint)
    if code in _CODES:
        meaning, hint = _CODES[code]
        return Problem(f"{code}: {meaning}", place, hint)
    if response.status == 401:
        return Problem(f"`{provider.name}` does not accept the client's proof (401)", place, _CLIENT)
    return None


def _invalid_grant(content: bytes) -> tuple[str, str]:
    """The many ways in which what was exchanged can be wrong, by what it was."""
    if b"grant_type=refresh_token" in content:
        hint = (
            "it is expired, revoked, or was used already (where refresh tokens rotate, one that is used twice ends them all): "
            f"{_LOGIN}"
        )
        return "the refresh token is not accepted", hint
    if b"grant_type=authorization_code" in content:
        hint = f"a code is good once, for a minute or so, and for the redirect URI and login that it was made for: {_LOGIN}"
        return "the code is not accepted", hint
    if b"grant_type=password" in content:
        return "the username or the password is wrong", "check both, and whether the account is locked"
    if b"jwt-bearer" in content:
        hint = (
            "is the key the registered one (`key-id`, `algorithm`), the `subject` allowed, this machine's clock right, and "
            "`assertion-audience` what the provider wants?"
        )
        return "the assertion is not accepted", hint
    if b"token-exchange" in content:
        return "the token to exchange is not accepted", "is it live, and of the type that is written?"
    return "what was to be exchanged for a token is not accepted", _LOGIN


def not_authorized(code: str, provider: str, login: str = "zrun login") -> tuple[str, str]:
    """What the `error` that came back to the redirect URI means, and what to do next; `login` is the command for it."""
    if code in _CODES:
        meaning, hint = _CODES[code]
        return f"`{provider}` gives no code: {meaning} ({code}).", hint.replace(_COMMAND, login)
    return f"`{provider}` gives no code, with an error that is not known.", "look at the provider's page in the browser"
