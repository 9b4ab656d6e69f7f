"""How a client proves itself at the token endpoint: HTTP Basic, form parameters, a signed assertion, or its name alone."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

from runner.auth.oauth2.provider import Provider
from runner.exchange import Headers
from runner.records import record
from runner.values import Secret

Parameters = tuple[tuple[str, str | Secret], ...]


@record
class Proof:
    """What authenticates the client: header fields, form parameters, and the secrets among them."""

    headers: Headers = ()
    parameters: Parameters = ()
    secrets: frozenset[Secret] = frozenset()


def proof(provider: Provider) -> Proof:
    """The client's proof for a request to the token endpoint. Raises InputError."""
    method = provider.client_auth
    client_id = provider.client_id
    if method == "none":
        return Proof(parameters=(("client_id", client_id),))
    if method == "private_key_jwt":
        raise provider.wrong("`client-auth: private_key_jwt` is not supported yet", "use `basic` or `post`")
    secret = provider.client_secret
    if secret is None:
        raise provider.wrong(f"`client-auth: {method}` needs a client-secret", "add it, or write `client-auth: none`")
    if method == "post":
        return Proof(parameters=(("client_id", client_id), ("client_secret", secret)))
    return _basic(client_id, secret)


def _basic(client_id: str | Secret, secret: str | Secret) -> Proof:
    """RFC 6749, 2.3.1: both are form-encoded before they are joined."""
    parts = [text.reveal() if isinstance(text, Secret) else text for text in (client_id, secret)]
    joined = ":".join(quote_plus(part, safe="") for part in parts)
    encoded = base64.b64encode(joined.encode()).decode()
    made = Secret(encoded, "client-secret", f"<<base64({client_id}:{secret})>>")
    found = {text for text in (client_id, secret) if isinstance(text, Secret)}
    return Proof(headers=(("Authorization", f"Basic {encoded}"),), secrets=frozenset((made, *found)))
