"""What is known of each provider, so that an environment need not say it.

Sources: Zoho's accounts protocol and CRM v8 pages ("Token validity", "Multi-DC"), Google's "OAuth 2.0 for web server
applications", Microsoft's "identity platform and OAuth 2.0", GitHub's "Authorizing OAuth apps", Salesforce's "OAuth
authorization flows", HubSpot's "OAuth quickstart guide".
"""

from __future__ import annotations

from runner.records import record


@record
class Preset:
    """Endpoints and habits of one provider. A `{name}` in an address stands for the provider's setting of that name.

    `dead` and `alive` are codes in an API's answer: with these the token is no longer good, with those it is, whatever the
    status. `more` maps members of a token answer to the variables that they are kept in. `budget` is how many access
    tokens a refresh token buys in how many seconds; `refresh_tokens` how many live ones a user may have.
    """

    name: str
    token_url: str = ""
    authorization_url: str = ""
    device_url: str = ""
    device_token_url: str = ""
    revocation_url: str = ""
    introspection_url: str = ""
    issuer: str = ""
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


_ZOHO = Preset(
    name="zoho",
    token_url="{accounts-domain}/oauth/v2/token",
    authorization_url="{accounts-domain}/oauth/v2/auth",
    device_url="{accounts-domain}/oauth/v3/device/code",
    device_token_url="{accounts-domain}/oauth/v3/device/token",
    device_by_name=True,
    revokes_by_token=True,
    revocation_url="{accounts-domain}/oauth/v2/token/revoke",
    introspection_url="{accounts-domain}/oauth/v2/introspect",
    client_auth="post",
    scope_separator=",",
    prefix="Zoho-oauthtoken",
    authorization_params=(("access_type", "offline"), ("prompt", "consent")),
    dead=frozenset(("INVALID_TOKEN", "INVALID_OAUTHTOKEN", "AUTHENTICATION_FAILURE")),
    alive=frozenset(("OAUTH_SCOPE_MISMATCH", "NO_PERMISSION")),
    more=(("api_domain", "api-domain"),),
    budget=(10, 600.0),
    refresh_tokens=20,
)
_GOOGLE = Preset(
    name="google",
    token_url="https://oauth2.googleapis.com/token",
    authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
    device_url="https://oauth2.googleapis.com/device/code",
    revocation_url="https://oauth2.googleapis.com/revoke",
    client_auth="post",
    authorization_params=(("access_type", "offline"), ("prompt", "consent")),
)
_MICROSOFT = Preset(
    name="microsoft",
    token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    authorization_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    device_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
    client_auth="post",
)
_GITHUB = Preset(
    name="github",
    token_url="https://github.com/login/oauth/access_token",
    authorization_url="https://github.com/login/oauth/authorize",
    device_url="https://github.com/login/device/code",
    client_auth="post",
)
_SALESFORCE = Preset(
    name="salesforce",
    token_url="https://{domain}/services/oauth2/token",
    authorization_url="https://{domain}/services/oauth2/authorize",
    revocation_url="https://{domain}/services/oauth2/revoke",
    introspection_url="https://{domain}/services/oauth2/introspect",
    client_auth="post",
    dead=frozenset(("INVALID_SESSION_ID",)),
    more=(("instance_url", "instance-url"),),
)
_HUBSPOT = Preset(
    name="hubspot",
    token_url="https://api.hubapi.com/oauth/v1/token",
    authorization_url="https://app.hubspot.com/oauth/authorize",
    client_auth="post",
    dead=frozenset(("EXPIRED_AUTHENTICATION",)),
)
PRESETS = {
    preset.name: preset
    for preset in (_ZOHO, _GOOGLE, _MICROSOFT, _GITHUB, _SALESFORCE, _HUBSPOT, Preset(name="generic"))
}
# What a setting is when it is left out and an address needs it.
DEFAULTS = {"tenant": "common", "domain": "login.salesforce.com"}
