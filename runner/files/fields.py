"""Which keys each kind of map may hold: the one table from which the readers and the JSON Schemas are made.

A field is a JSON Schema fragment and a sentence for whoever hovers over it in an editor. `$defs` that fragments refer to
are in DEFINITIONS.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from runner.predicates import PREDICATES
from runner.quantities import LONGEST
from runner.queries import KINDS

Schema: TypeAlias = dict[str, Any]
Fields: TypeAlias = dict[str, tuple[Schema, str]]

TEXT: Schema = {"type": "string"}
SOME_TEXT: Schema = {"type": "string", "pattern": r"\S"}
TEMPLATE: Schema = {"type": "string", "pattern": "<<.*>>"}
SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
# What quantities.seconds takes: sums of numbers with units, of which the first may do without.
_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,9})?"
_UNIT = "([mM]?[sS]|[mM][iI][nN]|[mMhHdD])"
DURATION: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 0, "exclusiveMaximum": 10**15},
        {
            "type": "string",
            "maxLength": LONGEST,
            "pattern": rf"^\s*{_NUMBER}\s*($|({_UNIT}\s*|\s)({_NUMBER}\s*{_UNIT}\s*)*$)",
        },
    ]
}
RATE: Schema = {"type": "string", "pattern": r"^\s*[0-9.]+\s*/\s*[0-9.]*\s*(ms|s|min|m|h|d)\s*$"}
NAMES: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
PATH: Schema = {"type": "string", "pattern": r"^\$"}
FLAG: Schema = {"type": "boolean"}
# Patterns hold for texts alone, and never for what a template stands in.
ADDRESS: Schema = {"type": "string", "pattern": r"^$|^[Hh][Tt][Tt][Pp][Ss]?://|<<"}
BUDGET: Schema = {"type": ["string", "null"], "pattern": r"^$|^\s*0*[1-9][0-9]*\s+in\s+[0-9].*$|<<"}
HOST: Schema = {"type": "string", "pattern": r"^(\*\.[^*/@\s]*\.|(?!\*\.))[^*/@\s]+$"}
HOSTS: Schema = {"anyOf": [HOST, {"type": "array", "items": HOST}, {"type": "null"}]}
ANYTHING: Schema = {}


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
BODIES = ("json", "form", "multipart", "text", "xml", "file", "graphql")

PAIRS: Schema = {"type": ["object", "null"], "additionalProperties": either(SCALAR, {"type": "array", "items": SCALAR})}
VARIABLES: Schema = {"type": ["object", "null"]}

RETRY: Fields = {
    "times": ({"type": "integer", "minimum": 0, "maximum": 100}, "How often to send again."),
    "on": (
        {"type": "array", "items": either({"const": "network"}, {"type": "integer", "minimum": 100, "maximum": 599})},
        "Which statuses, and `network` for no answer. Default: network, 429, 502, 503, 504.",
    ),
    "delay": (DURATION, "The first wait. Default: 1s."),
    "backoff": ({"type": "number", "minimum": 1}, "What each wait is multiplied by. Default: 2."),
    "max-delay": (DURATION, "The longest wait of ours; Retry-After may ask for more. Default: 30s."),
    "unsafe": (FLAG, "Send again also where the first may have had its effect (a POST)."),
}
RENEW: Fields = {
    "on": (ref("expectations"), "What a response must be to be taken for a refusal of the token."),
    "run": (TEXT, "The id of the request that renews it."),
}
UNTIL: Fields = {
    "every": (DURATION, "How long to wait between two. Default: 5s."),
    "timeout": (DURATION, "When to give up. Default: 10m."),
}
CAPTURE: Fields = {
    "from": (TEXT, "The query: json $.id, header Location, cookie SESSION, xpath //id, css h1, regex id=([0-9]+), ..."),
    "default": (ANYTHING, "The value when the query selects nothing; without it that fails the request."),
    "filter": (TEMPLATE, "An expression over `value`: <<value | b64decode>>."),
    "secret": (FLAG, "Whether to mask it."),
    "expires-in": (either(TEXT, {"type": "number"}), "A query, a duration, or seconds."),
    "save": (FLAG, "Whether to keep it between runs. Default: when the environment declares the name."),
}
PART: Fields = {
    "file": (TEXT, "The file to stream."),
    "value": (SCALAR, "The text, when it is no file."),
    "filename": (TEXT, "The name to send. Default: that of the file."),
    "content-type": (TEXT, "The media type. Default: by the file's name."),
}
RESPONSE: Fields = {"save": (TEXT, "Write the body to this file, while it arrives.")}
SNAPSHOT: Fields = {
    "ignore": (
        {"anyOf": [PATH, {"type": "array", "items": PATH}]},
        "JSONPaths of what changes from one answer to the next: only its type is kept.",
    ),
    "headers": (NAMES, "Header fields that belong to the snapshot. Default: none."),
}
GRAPHQL: Fields = {
    "query": (TEXT, "The GraphQL document."),
    "variables": ({"type": ["object", "string", "null"]}, "Its variables."),
    "operation-name": (TEXT, "Which operation of the document to run."),
}

_INHERITED: Fields = {
    "headers": (ref("pairs"), "Header fields; a list repeats a name, null drops it."),
    "query": (ref("pairs"), "Query parameters; a list repeats a name, null drops it."),
    "timeout": (DURATION, "The longest that a request may take. Default: 30s."),
    "cookies": (FLAG, "false: send no cookies and keep none. Default: true."),
    "follow-redirects": (FLAG, "Default: true."),
    "max-redirects": ({"type": "integer", "minimum": 0, "maximum": 100}, "Default: 10."),
    "expect": (ref("expectations"), "What must hold of the response: a status, or a map of queries."),
    "renew": (either({"type": "null"}, ref("renew")), "When a token is refused: renew it, then send once more."),
    "retry": (either({"type": "null"}, {"type": "integer"}, ref("retry")), "When and how often to send again."),
    "delay": (DURATION, "Wait before sending."),
    "snapshot": (either(FLAG, ref("snapshot")), "What `run --snapshot` keeps of the response; false: nothing."),
    "independent": (
        FLAG,
        "With -j: may run beside other requests that change things. Default: these keep their order among themselves.",
    ),
}
DEFAULTS: Fields = dict(_INHERITED)

# scheme -> its settings. The one in AUTH_SHORT may be written alone: `auth: {bearer: <<token>>}`.
AUTH: dict[str, Fields] = {
    "bearer": {"token": (TEXT, "Sent as `Authorization: Bearer ...` (RFC 6750).")},
    "basic": {
        "username": (SCALAR, "RFC 7617; it holds no colon."),
        "password": (SCALAR, "May be left out."),
    },
    "digest": {
        "username": (SCALAR, "RFC 7616: answers the server's challenge."),
        "password": (SCALAR, "Never sent as it is; may be left out."),
    },
    "api-key": {
        "name": (TEXT, "What the header field, query parameter or cookie is called. Default: X-API-Key."),
        "value": (SCALAR, "The key."),
        "in": ({"enum": ["header", "query", "cookie"]}, "Default: header."),
    },
    "header": {
        "name": (TEXT, "The header field. Default: Authorization."),
        "prefix": (TEXT, "The word before the value: Zoho-oauthtoken, Token."),
        "value": (SCALAR, "The credential."),
    },
    "oauth1": {
        "consumer-key": (SCALAR, "RFC 5849: the client's identifier."),
        "consumer-secret": (SCALAR, "The client's shared secret."),
        "token": (SCALAR, "The access token."),
        "token-secret": (SCALAR, "Its shared secret."),
        "signature-method": (
            {"enum": ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT"]},
            "Default: HMAC-SHA1.",
        ),
        "private-key": (TEXT, "A PEM key, for the RSA methods. Needs the extra `jose`."),
        "realm": (TEXT, "Stands in the header, not in the signature."),
        "callback": (TEXT, "oauth_callback, when temporary credentials are asked for."),
        "verifier": (TEXT, "oauth_verifier, when token credentials are asked for."),
        "in": ({"enum": ["header", "query", "body"]}, "Where the parameters go; body: into a form. Default: header."),
        "body-hash": (FLAG, "Sign a body that is no form, too (oauth_body_hash)."),
    },
    "aws-sigv4": {
        "access-key": (SCALAR, "The access key's id."),
        "secret-key": (SCALAR, "The secret access key."),
        "session-token": (SCALAR, "Of temporary credentials."),
        "region": (TEXT, "us-east-1, ... Default: from an amazonaws.com host."),
        "service": (TEXT, "execute-api, s3, ... Default: from an amazonaws.com host."),
        "in": ({"enum": ["header", "query"]}, "query makes a presigned URL. Default: header."),
        "expires": (DURATION, "How long a presigned URL is good. Default: 5m."),
    },
    "ntlm": {
        "username": (SCALAR, "DOMAIN\\name or name. Needs the extra `ntlm`."),
        "password": (SCALAR, "Never sent as it is."),
        "domain": (TEXT, "When it does not stand in the username."),
        "workstation": (TEXT, "What this machine is called. Default: it is not said."),
    },
    "oauth2": {"provider": (TEXT, "The name of a provider under `oauth2` in the environment.")},
}
AUTH_SHORT = {"bearer": "token", "oauth2": "provider"}
# Settings without which a scheme cannot be.
AUTH_NEEDED = {
    "bearer": ("token",),
    "basic": ("username",),
    "digest": ("username",),
    "api-key": ("value",),
    "header": ("value",),
    "oauth1": ("consumer-key",),
    "aws-sigv4": ("access-key", "secret-key"),
    "ntlm": ("username", "password"),
    "oauth2": ("provider",),
}

REQUEST: Fields = {
    **{method: (TEXT, f"{method.upper()} this URL.") for method in METHODS},
    "method": (TEXT, "Any other method; with `url`."),
    "url": (TEXT, "The URL, with `method`."),
    "name": (TEXT, "What to call it in reports. Default: its id."),
    "description": (TEXT, "For people."),
    "tags": (NAMES, "For selection. `never`: it runs only when its id is named with -r."),
    "skip": (either(FLAG, TEXT), "true, or the reason: do not run it."),
    "when": (either(FLAG, TEMPLATE), "Run it only when this is true: <<access-token is stale>>."),
    "auth": (ref("auth"), "How to prove who sends it; `none`: not at all, whatever its folders say."),
    "path": (ref("pairs"), "Fills :name or {name} in the URL, percent-encoded."),
    "json": (ANYTHING, "A JSON body."),
    "form": (ref("pairs"), "A body of form fields (application/x-www-form-urlencoded)."),
    "multipart": ({"type": "object", "additionalProperties": ref("part")}, "A multipart body (RFC 7578)."),
    "text": (SCALAR, "A text body."),
    "xml": (TEXT, "An XML body."),
    "file": (TEXT, "A file as the body, streamed."),
    "graphql": (ref("graphql"), "A GraphQL request."),
    "template": (FLAG, "false: leave <<...>> in the body alone."),
    **_INHERITED,
    "capture": (
        {"type": ["object", "null"], "additionalProperties": either(TEXT, ref("capture"))},
        "Variable to query: what to take from the response.",
    ),
    "needs": (NAMES, "Ids of requests that must run before, where no variable shows it."),
    "until": (ref("until"), "Send again until these hold."),
    "for-each": (either(TEMPLATE, {"type": "array"}), "Send once for each item of this list."),
    "as": (TEXT, "The variable that holds the item. Default: item."),
    "response": (ref("response"), "What to do with the body."),
    "extends": (TEXT, "Copy another request (`../refresh`) and override keys."),
}
FOLDER: Fields = {
    "name": (TEXT, "For people."),
    "description": (TEXT, "For people."),
    "tags": (NAMES, "Tags of all its requests."),
    "variables": (ref("variables"), "Variables of its requests."),
    "defaults": (ref("defaults"), "What each of its requests inherits."),
    "auth": (ref("auth"), "How its requests prove who sends them."),
    "requests": (ref("requests"), "Requests and folders, in order; the key is the id."),
}
COLLECTION: Fields = {
    "zrun": ({"const": 1}, "The format's version."),
    **FOLDER,
    "include": (NAMES, "Files whose requests are brought in, each as a folder named after the file."),
    "data": (SOME_TEXT, "A file of rows (.csv, .json, .jsonl, .yaml): the collection is run once for each."),
}
_WORDS: Schema = {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}
COMMAND: Fields = {
    "run": (_WORDS, "The program and its arguments, a word each; no shell takes part."),
    "timeout": (DURATION, "When it is ended, with all that it started. Default: 10s."),
}
SOURCE: Fields = {
    "env": (SOME_TEXT, "A variable of the process environment."),
    "file": (SOME_TEXT, "A file that holds nothing else, relative to this one."),
    "keyring": (SOME_TEXT, "SERVICE/USER in the keyring of the operating system. Default user: the secret's name."),
    "command": (
        either(_WORDS, ref("command")),
        'What this program prints: [op, read, "op://..."]. It runs once the file is trusted: `zrun trust`.',
    ),
    "prompt": (SOME_TEXT, "Ask with this text; on a terminal, never in CI."),
}
TLS: Fields = {
    "verify": (FLAG, "false: trust any certificate. For tests on your own machine."),
    "ca": (TEXT, "A file of certificates to trust (PEM)."),
    "client-cert": (TEXT, "Your certificate (PEM)."),
    "client-key": (TEXT, "Its key, when it is in another file (PEM)."),
}
GRANTS = (
    "authorization_code",
    "client_credentials",
    "password",
    "device_code",
    "refresh_token",
    "jwt-bearer",
    "token-exchange",
)
# RFC 7518, 3.1 and RFC 8037, 3.1: those that a key of this machine signs with.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLIENT_AUTH = ("basic", "post", "private_key_jwt", "none")
PRESETS = ("zoho", "google", "microsoft", "github", "salesforce", "hubspot", "generic")
PARAMETERS: Schema = {"type": "object", "additionalProperties": either(SCALAR, {"type": "array", "items": SCALAR})}
PROVIDER: Fields = {
    "preset": ({"enum": list(PRESETS)}, "Fills in what is known of this provider. Default: generic."),
    "grant": ({"enum": list(GRANTS)}, "How the first token is got (RFC 6749, 7523, 8628, 8693)."),
    "client-id": (TEXT, "This client's identifier."),
    "client-secret": (TEXT, "Its secret, from `secrets`: <<client-secret>>."),
    "client-auth": ({"enum": list(CLIENT_AUTH)}, "How the client authenticates at the token endpoint. Default: basic."),
    "private-key": (TEXT, "A PEM key, for private_key_jwt and jwt-bearer."),
    "key-id": (TEXT, "The `kid` of that key."),
    "algorithm": ({"enum": list(ALGORITHMS)}, "The JWS algorithm. Default: by the kind of key."),
    "assertion-audience": (TEXT, "The `aud` of what that key signs. Default: the token endpoint."),
    "issuer": (ADDRESS, "The issuer's URL: endpoints are discovered there (RFC 8414, OpenID Connect Discovery)."),
    "token-url": (ADDRESS, "The token endpoint."),
    "authorization-url": (ADDRESS, "The authorization endpoint."),
    "device-url": (ADDRESS, "The device authorization endpoint (RFC 8628)."),
    "revocation-url": (ADDRESS, "The revocation endpoint (RFC 7009)."),
    "introspection-url": (ADDRESS, "The introspection endpoint (RFC 7662)."),
    "redirect-uri": (TEXT, "Where a browser is sent back to. Default: a free port of http://127.0.0.1."),
    "scopes": (NAMES, "What the token is for."),
    "audience": (NAMES, "Whom the token is for."),
    "resource": (NAMES, "The resources that the token is for (RFC 8707)."),
    "username": (TEXT, "For the grant `password`."),
    "password": (TEXT, "For the grant `password`."),
    "subject": (TEXT, "For the grant jwt-bearer: whom the token is for. Default: the client."),
    "assertion": (TEXT, "For the grant jwt-bearer: an assertion made elsewhere, in place of a private key."),
    "subject-token": (TEXT, "For the grant token-exchange: the token to exchange."),
    "subject-token-type": (TEXT, "Its type, a URI. Default: an access token."),
    "actor-token": (TEXT, "For the grant token-exchange: who acts."),
    "actor-token-type": (TEXT, "Its type, a URI."),
    "requested-token-type": (TEXT, "What to exchange for, a URI."),
    "grant-token": (TEXT, "A code that was made by hand: Zoho's self client."),
    "accounts-domain": (TEXT, "Zoho's accounts server. Default: <<accounts-domain>>."),
    "organization": (TEXT, "Zoho's `soid` for client_credentials: ZohoCRM.<zgid>."),
    "tenant": (TEXT, "Microsoft's tenant. Default: common."),
    "domain": (TEXT, "Salesforce's login domain. Default: login.salesforce.com."),
    "authorization-params": (PARAMETERS, "More parameters of the authorization request."),
    "token-params": (PARAMETERS, "More parameters of each token request."),
    "header": (TEXT, "The header field that carries the token. Default: Authorization."),
    "prefix": (TEXT, "The word before the token. Default: Bearer."),
    "refresh-before": (DURATION, "How long before it expires a token is renewed. Default: 5m."),
    "token-prefix": (TEXT, "Put before access-token, refresh-token and id-token: needed by a second provider."),
    "dpop": (FLAG, "Bind tokens to a key of this machine (RFC 9449). Needs the extra `jose`."),
    "budget": (BUDGET, "How many tokens may be asked for, and in which time: 10 in 10m."),
}
ENVIRONMENT: Fields = {
    "name": (TEXT, "For people."),
    "description": (TEXT, "For people."),
    "base": (NAMES, "Files to inherit from, relative to this one."),
    "variables": (ref("variables"), "What differs here. The hosts of URLs among them may be sent secrets."),
    "hosts": (HOSTS, 'More hosts that may be sent secrets: api.example.com, "*.example.com", localhost:8080.'),
    "secrets": (
        {"type": ["object", "null"], "additionalProperties": ref("source")},
        "Where each secret comes from; nothing: a request captures it.",
    ),
    "oauth2": (
        {"type": ["object", "null"], "additionalProperties": ref("provider")},
        "OAuth 2.0 providers by name, for `auth: {oauth2: NAME}`.",
    ),
    "state": ({"enum": ["file", "keyring"]}, "Where captured secrets are kept: `file`, or the system's `keyring`."),
    "tls": (ref("tls"), "Whom to trust, and how to be trusted."),
    "proxy": (TEXT, "The proxy's URL."),
    "rate": (RATE, "How many requests may be sent in a time, evenly: 10/s, 100/m."),
    "concurrency": (
        {"type": "integer", "minimum": 1, "maximum": 256},
        "How many requests may be under way at once, whatever -j says.",
    ),
    "sandbox": ({"const": "zoho"}, "Start the embedded Zoho for the run."),
}


def closed(fields: Fields, **more: Any) -> Schema:
    """The schema of a map of these fields and no others."""
    properties = {name: {**schema, "description": words} for name, (schema, words) in fields.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def definitions() -> dict[str, Schema]:
    """What the fragments above refer to."""
    forms = [{"required": [method]} for method in METHODS] + [
        {"required": ["method", "url"]},
        {"required": ["extends"]},
    ]
    queries = "^\\s*(" + "|".join((*KINDS, "schema")) + ")(\\s|$)|<<"
    return {
        "pairs": PAIRS,
        "variables": VARIABLES,
        "expectations": either(
            {"type": "integer"},
            {"type": "object", "patternProperties": {queries: ref("expected")}, "additionalProperties": False},
        ),
        "expected": {
            "description": f"A value to be equal to, or a map of predicates: {', '.join(PREDICATES)}.",
        },
        "auth": either({"enum": ["none", None]}, *map(_scheme, AUTH)),
        "provider": closed(
            _of_settings(PROVIDER),
            **{
                "if": {"properties": {"client-auth": {"const": "private_key_jwt"}}, "required": ["client-auth"]},
                "then": {"required": ["private-key"]},
            },
        ),
        "renew": closed(RENEW, required=["on", "run"]),
        "retry": closed(RETRY, required=["times"]),
        "until": {"type": "object", "properties": closed(UNTIL)["properties"]},
        "capture": closed(CAPTURE, required=["from"]),
        "response": closed(RESPONSE),
        "snapshot": closed(SNAPSHOT),
        "graphql": closed(GRAPHQL, required=["query"]),
        "part": either(SCALAR, closed(PART), {"type": "array", "items": either(SCALAR, closed(PART))}),
        "defaults": closed(DEFAULTS),
        "request": {**closed(REQUEST, anyOf=forms), "not": {"anyOf": _two_of(BODIES)}},
        "folder": closed(FOLDER, required=["requests"]),
        "requests": {
            "type": "object",
            "propertyNames": {"pattern": "^[^/*?\\[\\]]+$"},
            "additionalProperties": {
                "if": {"type": "object", "required": ["requests"]},
                "then": ref("folder"),
                "else": ref("request"),
            },
        },
        "tls": closed(TLS, dependentRequired={"client-key": ["client-cert"]}),
        "command": closed(COMMAND, required=["run"]),
        "source": either({"type": "null"}, *_SOURCE, {"type": "array", "items": either(*_SOURCE)}),
    }


_SOURCE = ({"type": ["string", "number"]}, closed(SOURCE, minProperties=1, maxProperties=1))


def _of_settings(fields: Fields) -> Fields:
    """The fields of a scheme or a provider as they may be written: a template stands for any value, and null for none."""
    nothing: Schema = {"type": "null"}
    found: Fields = {}
    for name, (schema, words) in fields.items():
        if schema in (TEXT, SCALAR):
            found[name] = SCALAR, words
        elif schema.get("type") in ("string", ["string", "null"]):
            found[name] = {**schema, "type": ["string", "null"]}, words
        else:
            found[name] = either(schema, TEMPLATE, nothing), words
    return found


def _scheme(name: str) -> Schema:
    settings = closed(_of_settings(AUTH[name]), required=list(AUTH_NEEDED[name]))
    whole = either(SCALAR, settings) if name in AUTH_SHORT else settings
    return {"type": "object", "properties": {name: whole}, "required": [name], "additionalProperties": False}


def _two_of(names: tuple[str, ...]) -> list[Schema]:
    return [{"required": [a, b]} for i, a in enumerate(names) for b in names[i + 1 :]]
