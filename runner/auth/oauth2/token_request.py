"""One request to a token endpoint (RFC 6749, 3.2): parameters in a form, the client's proof, the tokens in the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote_plus

from runner import errors
from runner.auth.oauth2 import client_authentication, tokens
from runner.auth.oauth2.client_authentication import Proof
from runner.auth.oauth2.outside import Outside
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.tokens import Tokens
from runner.errors import NetworkError, ZrunError
from runner.exchange import Call, Exchange, Headers, Journal, Response
from runner.results import StepResult
from runner.values import Secret

TIMEOUT = 30.0
# A request of which no byte was sent may be sent again; one that may have arrived never is: a code is good once, and so is
# a refresh token that rotates.
_TRIES, _PAUSE = 3, 0.3


@dataclass(frozen=True)
class Asked:
    """A request as it is to be sent: its parameters, in order, beside those that prove the client; and to which endpoint."""

    parameters: tuple[tuple[str, str | Secret], ...]
    headers: Headers = ()
    endpoint: str = "token"
    journal: Journal | None = None


def ask(provider: Provider, asked: Asked, outside: Outside) -> Tokens:
    """The tokens that the token endpoint gives. Raises CredentialsError, NetworkError, PolicyError, InputError."""
    url = provider.url(asked.endpoint)
    if url is None:
        raise provider.wrong(
            f"the provider `{provider.name}` has no `token-url`", "add it, or `issuer:` to discover it"
        )
    resources = (("resource", text) for text in provider.resources)
    given = (*asked.parameters, *resources, *provider.parameters("token"))
    exchanges: list[Exchange] = []
    started = outside.now()
    try:
        call, response = _asked(provider, url, given, asked, exchanges, outside)
        if outside.prover is not None and outside.prover.learn(url, response):
            # Nothing but the nonce was wrong (RFC 9449, 8): what is good once has not been used.
            call, response = _asked(provider, url, given, asked, exchanges, outside)
            outside.prover.learn(url, response)
        found = tokens.read(provider, call, response)
    except ZrunError as error:
        outside.told(step(provider, started, exchanges, outside, error))
        raise
    outside.told(step(provider, started, exchanges, outside))
    return found


def _asked(
    provider: Provider,
    url: str,
    given: tuple[tuple[str, str | Secret], ...],
    asked: Asked,
    exchanges: list[Exchange],
    outside: Outside,
) -> tuple[Call, Response]:
    """One request with a proof of its own: an assertion is good once."""
    proof = client_authentication.proof(provider)
    call = form_call(provider, url, given, proof, asked)
    if outside.prover is not None:
        call = replace(call, headers=(*call.headers, ("DPoP", outside.prover.proof("POST", url))))
    return call, _sent(call, exchanges, outside)


def post(
    provider: Provider,
    url: str,
    parameters: Iterable[tuple[str, str | Secret]],
    outside: Outside,
    what: str,
    proof: Proof | None = None,
) -> tuple[Call, Response]:
    """A form sent to another of the provider's endpoints, with the client's proof, and its answer.

    It is told as a step called `what`. Raises NetworkError, PolicyError, InputError.
    """
    call = form_call(provider, url, parameters, proof or client_authentication.proof(provider))
    exchanges: list[Exchange] = []
    started = outside.now()
    try:
        response = _sent(call, exchanges, outside)
    except ZrunError as error:
        outside.told(step(provider, started, exchanges, outside, error, what))
        raise
    outside.told(step(provider, started, exchanges, outside, None, what))
    return call, response


def form_call(
    provider: Provider,
    url: str,
    parameters: Iterable[tuple[str, str | Secret]],
    proof: Proof,
    asked: Asked | None = None,
) -> Call:
    """A POST of a form to one of the provider's endpoints."""
    given = (*proof.parameters, *parameters)
    secrets = {text for _, text in given if isinstance(text, Secret)} | proof.secrets
    return Call(
        method="POST",
        url=url,
        headers=(
            ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            *proof.headers,
            *(asked.headers if asked else ()),
        ),
        content="&".join(f"{quote_plus(name)}={_encoded(text)}" for name, text in given).encode(),
        timeout=TIMEOUT,
        follow_redirects=False,  # RFC 6749 knows no redirect of a token request: it would carry secrets elsewhere
        cookies=False,
        secrets=frozenset(secrets),
        location=provider.location,
        journal=asked.journal if asked else None,
    )


def _encoded(text: str | Secret) -> str:
    return quote_plus(text.reveal() if isinstance(text, Secret) else text, errors="replace")


def _sent(call: Call, exchanges: list[Exchange], outside: Outside) -> Response:
    for left in reversed(range(_TRIES)):
        started = outside.now()
        reason = ("retry" if exchanges[-1].error else "challenge") if exchanges else ""
        try:
            response = outside.send(call)
        except NetworkError as error:
            exchanges.append(Exchange(call, started, None, error, reason))
            if error.sent or not left:
                raise
            outside.sleep(_PAUSE)
            continue
        exchanges.append(Exchange(call, started, response, None, reason))
        return response
    raise AssertionError  # the last try returns or raises


def step(
    provider: Provider,
    started: float,
    exchanges: Iterable[Exchange],
    outside: Outside,
    error: ZrunError | None = None,
    what: str = "token",
) -> StepResult:
    """What a token request is in a report."""
    return StepResult(
        id=provider.by,
        title=f"{what} of {provider.name}",
        status="failed" if error else "passed",
        location=provider.location,
        started=started,
        duration=outside.now() - started,
        exchanges=tuple(exchanges),
        problems=error.problems if error else (),
        exit_code=error.exit_code if error else errors.PASSED,
    )


def parameters(given: Mapping[str, str | Secret | None]) -> tuple[tuple[str, str | Secret], ...]:
    """The parameters that have a value, in order."""
    return tuple((name, text) for name, text in given.items() if text is not None and text != "")
