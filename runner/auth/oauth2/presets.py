"""What is known of each provider, so that an environment need not say it.

Each entry names its sources: the providers' own pages, as they stood in 2026 where not said otherwise. What no page of theirs
confirms is said so.
"""

from __future__ import annotations

from runner.records import record


@record
class Preset:
    """Endpoints and habits of one provider. A `{name}` in an address stands for the provider's setting of that name.

    `dead` and `alive` are codes in an API's answer: with these the token is no longer good, with those it is, whatever the
    status. `more` maps members of a token answer to the variables that they are kept in. `budget` is how many access
    tokens a refresh token buys in how many seconds; `refresh_tokens` how many live ones a user may have.

    `device_by_name`: the device endpoint takes the client's name without a proof. `revokes_by_token`: the revocation endpoint
    takes the token alone. `assertion_audience` is the `aud` of a client's assertions where that is not the token endpoint,
    `scope_in_assertion` whether the grant jwt-bearer wants the scopes there.
    """

    name: str
    token_url: str = ""
    authorization_url: str = ""
    device_url: str = ""
    device_token_url: str = ""
    revocation_url: str = ""
    introspection_url: str = ""
    issuer: str = ""
    redirect_uri: str = ""
    grant: str = "authorization_code"
    client_auth: str = "basic"
    scope_separator: str = " "
    header: str = "Authorization"
    prefix: str = "Bearer"
    device_by_name: bool = False
    revokes_by_token: bool = False
    assertion_audience: str = ""
    scope_in_assertion: bool = False
    authorization_params: tuple[tuple[str, str], ...] = ()
    dead: frozenset[str] = frozenset()
    alive: frozenset[str] = frozenset()
    more: tuple[tuple[str, str], ...] = ()
    budget: tuple[int, float] | None = None
    refresh_tokens: int | None = None


# Zoho's accounts protocol and CRM v8 pages ("Token validity", "Multi-DC", "Devices", "Revoke tokens"), and its own
# /.well-known/openid-configuration. It takes PKCE. Introspection is in that document alone: what it answers is nowhere shown.
_ZOHO = Preset(
    name="zoho",
    token_url="{accounts-domain}/oauth/v2/token",
    authorization_url="{accounts-domain}/oauth/v2/auth",
    device_url="{accounts-domain}/oauth/v3/device/code",
    device_token_url="{accounts-domain}/oauth/v3/device/token",
    revocation_url="{accounts-domain}/oauth/v2/token/revoke",
    introspection_url="{accounts-domain}/oauth/v2/introspect",
    client_auth="post",
    scope_separator=",",
    prefix="Zoho-oauthtoken",
    device_by_name=True,
    revokes_by_token=True,
    authorization_params=(("access_type", "offline"), ("prompt", "consent")),
    dead=frozenset(("INVALID_TOKEN", "INVALID_OAUTHTOKEN", "AUTHENTICATION_FAILURE")),
    alive=frozenset(("OAUTH_SCOPE_MISMATCH", "NO_PERMISSION")),
    more=(("api_domain", "api-domain"),),
    budget=(10, 600.0),
    refresh_tokens=20,
)
# "Using OAuth 2.0 for Web Server Applications", "... for TV and Limited-Input Device Applications", "... for Server to Server
# Applications". A desktop client's loopback redirect may have any port. Without `prompt=consent` only the first login gives a
# refresh token. It takes PKCE; polls of the device flow want the client's secret, its beginning does not.
_GOOGLE = Preset(
    name="google",
    token_url="https://oauth2.googleapis.com/token",
    authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
    device_url="https://oauth2.googleapis.com/device/code",
    revocation_url="https://oauth2.googleapis.com/revoke",
    client_auth="post",
    device_by_name=True,
    revokes_by_token=True,
    scope_in_assertion=True,
    authorization_params=(("access_type", "offline"), ("prompt", "consent")),
)
# "Microsoft identity platform and OAuth 2.0 authorization code flow", "... device authorization grant flow" (for public clients
# alone). A refresh token comes with the scope offline_access. It takes PKCE. A system browser is to be sent back to
# http://localhost, whose port may be any. There is no revocation endpoint, and none for introspection.
_MICROSOFT = Preset(
    name="microsoft",
    token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    authorization_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    device_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
    redirect_uri="http://localhost",
    client_auth="post",
    device_by_name=True,
)
# "Authorizing OAuth apps", "Generating a user access token for a GitHub App". Errors come with status 200, JSON only when
# it is asked for. Tokens of an OAuth app do not expire; those of a GitHub App may, and then come with a refresh token that
# rotates. The page said in 2024 that PKCE's parameters are not supported: they are sent, and were ignored. No RFC 7009.
_GITHUB = Preset(
    name="github",
    token_url="https://github.com/login/oauth/access_token",
    authorization_url="https://github.com/login/oauth/authorize",
    device_url="https://github.com/login/device/code",
    client_auth="post",
    device_by_name=True,
)
# "OAuth Authorization Flows", "OAuth Endpoints", "Revoke OAuth Tokens". The answer tells no expires_in: the session's timeout
# is a setting of the organisation, so a token is renewed when it is refused. The scope refresh_token gives a refresh token. The
# assertion of a JWT bearer flow is for the login server. Its device flow was removed in 2025, by second-hand accounts.
_SALESFORCE = Preset(
    name="salesforce",
    token_url="https://{domain}/services/oauth2/token",
    authorization_url="https://{domain}/services/oauth2/authorize",
    revocation_url="https://{domain}/services/oauth2/revoke",
    introspection_url="https://{domain}/services/oauth2/introspect",
    client_auth="post",
    revokes_by_token=True,
    assertion_audience="https://{domain}",
    dead=frozenset(("INVALID_SESSION_ID",)),
    more=(("instance_url", "instance-url"),),
)
# "Migrate from the OAuth v1 API": /oauth/v1 ends on 2027-02-16, and the dated API takes its place, with RFC 6749's errors.
# Access tokens live for 30 minutes. It takes PKCE's code_verifier. Whether refresh tokens rotate is not said; if one comes, it
# is kept.
_HUBSPOT = Preset(
    name="hubspot",
    token_url="https://api.hubapi.com/oauth/2026-03/token",
    authorization_url="https://app.hubspot.com/oauth/authorize",
    revocation_url="https://api.hubapi.com/oauth/2026-03/token/revoke",
    introspection_url="https://api.hubapi.com/oauth/2026-03/token/introspect",
    client_auth="post",
    dead=frozenset(("EXPIRED_AUTHENTICATION",)),
)
PRESETS = {
    preset.name: preset
    for preset in (_ZOHO, _GOOGLE, _MICROSOFT, _GITHUB, _SALESFORCE, _HUBSPOT, Preset(name="generic"))
}
# What a setting is when it is left out and an address needs it.
DEFAULTS = {"tenant": "common", "domain": "login.salesforce.com"}
