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


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def name_alone(provider: Provider) -> Proof:
    """No proof: the client's identifier among the parameters."""
    return Proof(parameters=(("client_id", provider.client_id),))


def proof(provider: Provider) -> Proof:
    """The client's proof for one request to the token endpoint, or to another that takes the same. Raises InputError."""
    method = provider.client_auth
    client_id = provider.client_id
    if method == "none":
        return name_alone(provider)
    if method == "private_key_jwt":
        from runner.auth.oauth2 import assertions  # late: it reaches for the extra `jose`

        signed = assertions.of_client(provider)
        return Proof(
            (), (("client_id", client_id), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", signed))
        )
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
