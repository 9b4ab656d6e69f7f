"""Zoho Accounts: the OAuth endpoints.

Refused credentials come with status 200 and `{"error": ...}`, as Zoho's do (zoho.com/accounts/protocol/oauth).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from runner.sandbox import tokens
from runner.sandbox.messages import Answer, Asked, page
from runner.sandbox.store import Turn
from runner.sandbox.tokens import Client, Granted, Refused

REDIRECT_CODE_LIFETIME = 120.0  # seconds
_ORGANIZATION = re.compile(r"ZohoCRM\.\d+")
_THROTTLED = "You have made too many requests continuously. Please try again after some time."


def answer(turn: Turn, asked: Asked) -> Answer | None:
    """The answer to a request under /oauth; None when no endpoint has that path."""
    endpoint = _ENDPOINTS.get(asked.path)
    return endpoint(turn, asked) if endpoint else None


def _token(turn: Turn, asked: Asked) -> Answer:
    grant_type = asked.parameters.get("grant_type", "")
    if asked.method != "POST" or not grant_type:
        return page(400, "<h1>400 Bad Request</h1>")
    turn.count("grant", grant_type if grant_type in _GRANTS else "other")
    try:
        grant = _GRANTS.get(grant_type)
        if grant is None:
            raise Refused("invalid_client")  # not unsupported_grant_type: Zoho's page on token errors
        return Answer(200, grant(turn, _client(turn, asked), asked.parameters))
    except Refused as refused:
        if str(refused) != "Access Denied":
            return Answer(200, {"error": str(refused)})
        return Answer(int(turn.number("throttle_status")), {"error_description": _THROTTLED, "error": "Access Denied"})


def _client(turn: Turn, asked: Asked) -> Client:
    """The client that asks, by HTTP Basic or parameters. Raises Refused."""
    client_id, secret = asked.parameters.get("client_id", ""), asked.parameters.get("client_secret", "")
    scheme, _, credentials = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("invalid_client") from None
        client_id, secret = (unquote(part) for part in decoded.partition(":")[::2])
    client = tokens.client(turn, client_id)
    if client is None:
        raise Refused("invalid_client")
    if not hmac.compare_digest(client.secret.encode(), secret.encode()):
        raise Refused("invalid_client_secret")
    return client


def _authorization_code(turn: Turn, client: Client, given: dict[str, str]) -> dict[str, object]:
    if client.redirect_uri is not None and given.get("redirect_uri") != client.redirect_uri:
        raise Refused("invalid_redirect_uri")
    granted = tokens.exchange(turn, client, given.get("code", ""))
    extra = {} if granted.refresh is None else {"refresh_token": granted.refresh}
    return {"access_token": granted.access, **extra, **_terms(turn, granted)}


def _refresh_token(turn: Turn, client: Client, given: dict[str, str]) -> dict[str, object]:
    granted = tokens.renew(turn, client, given.get("refresh_token", ""))
    return {"access_token": granted.access, **_terms(turn, granted)}


def _client_credentials(turn: Turn, client: Client, given: dict[str, str]) -> dict[str, object]:
    if not _ORGANIZATION.fullmatch(given.get("soid", "")):
        raise Refused("missing_org_info")
    scope = tokens.scopes(given.get("scope", ""))
    granted = tokens.new_access(turn, client, scope)
    return {"access_token": granted.access, "scope": scope.replace(",", " "), **_terms(turn, granted)}


def _terms(turn: Turn, granted: Granted) -> dict[str, object]:
    lifetime: dict[str, object] = {"expires_in": granted.lifetime}
    if turn.setting("expires_in_unit") == "ms":
        lifetime = {"expires_in_sec": granted.lifetime, "expires_in": granted.lifetime * 1000}
    scope = {"scope": granted.scope.replace(",", " ")} if turn.setting("scope_in_answer") == 1 else {}
    return {"api_domain": turn.url, "token_type": "Bearer", **scope, **lifetime}


_GRANTS: dict[str, Callable[[Turn, Client, dict[str, str]], dict[str, object]]] = {
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    "client_credentials": _client_credentials,
}


def _authorize(turn: Turn, asked: Asked) -> Answer:
    """The consent page, where the sandbox's user always accepts. Zoho shows mistakes here as HTML."""
    if asked.method == "POST":  # Kaizen 164 sends client_credentials here
        return _token(turn, asked)
    given = asked.query
    client = tokens.client(turn, given.get("client_id", ""))
    if client is None:
        return _mistake("Invalid Client")
    if client.redirect_uri is None or given.get("redirect_uri") != client.redirect_uri:
        return _mistake("Invalid Redirect Uri")
    if given.get("response_type") != "code":
        return _mistake("Invalid response type")
    (consented,) = turn.db.execute("SELECT consented FROM client WHERE id = ?", (client.id,)).fetchone()
    # A refresh token comes with offline access only, and after the first consent only when asked again.
    offline = given.get("access_type") == "offline" and (not consented or given.get("prompt") == "consent")
    try:
        code = tokens.mint_code(turn, client, given.get("scope", ""), REDIRECT_CODE_LIFETIME, offline)
        back = {"code": code, "location": turn.data_center, "accounts-server": turn.url}
    except Refused as refused:
        if str(refused) == "invalid_scope":
            return _mistake("Invalid OAuth scope")
        back = {"error": str(refused)}
    if offline:
        turn.db.execute("UPDATE client SET consented = 1 WHERE id = ?", (client.id,))
    if "state" in given:
        back["state"] = given["state"]
    target = urlsplit(client.redirect_uri)
    query = "&".join(filter(None, (target.query, urlencode(back))))
    return Answer(302, None, (("location", urlunsplit(target._replace(query=query))),))


def _mistake(text: str) -> Answer:
    return page(400, f"<!doctype html><title>{text}</title><h1>{text}</h1>")


def _revoke(turn: Turn, asked: Asked) -> Answer:
    return _revoked(asked.method == "POST" and tokens.revoke(turn, asked.parameters.get("token", "")))


def _revoke_by_client(turn: Turn, asked: Asked) -> Answer:
    try:
        client = _client(turn, asked)
    except Refused as refused:
        return Answer(400, {"error": str(refused)})
    return _revoked(asked.method == "POST" and tokens.revoke(turn, asked.parameters.get("token", ""), client))


def _revoked(done: bool) -> Answer:
    return Answer(200, {"status": "success"}) if done else Answer(400, {"error": "invalid_token"})


def _introspect(turn: Turn, asked: Asked) -> Answer:
    """RFC 7662. Zoho's discovery document names this endpoint; its pages do not show the answer, so the RFC's is given."""
    if turn.setting("introspection") != 1:
        return Answer(404, {"error": "not found"})
    try:
        client = _client(turn, asked)
    except Refused as refused:
        return Answer(401, {"error": str(refused)})
    found = tokens.looked_at(turn, asked.parameters.get("token", ""), client) if asked.method == "POST" else None
    if found is None:
        return Answer(200, {"active": False})
    scope, expires = found
    more = {} if expires is None else {"exp": int(expires)}
    return Answer(200, {"active": True, "scope": scope.replace(",", " "), "client_id": client.id, **more})


def _server_info(turn: Turn, _asked: Asked) -> Answer:
    # Only this server: a client that follows the list must not carry what it holds to the real Zoho.
    return Answer(200, {"result": "success", "locations": {turn.data_center: turn.url}})


_ENDPOINTS: dict[str, Callable[[Turn, Asked], Answer]] = {
    "/oauth/v2/token": _token,
    "/oauth/v2/auth": _authorize,
    "/oauth/v2/token/revoke": _revoke,
    "/oauth/v2/revoke/token": _revoke_by_client,
    "/oauth/v2/introspect": _introspect,
    "/oauth/serverinfo": _server_info,
}
