"""Which answers may replace what is kept: a provider's tokens its own token endpoint's, a declared secret a named host's.

What is overwritten is had no more, and what comes in its place would be used on as if it were the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from runner.collection import Capture, RequestSpec
from runner.environment import Environment
from runner.errors import PolicyError, Problem
from runner.exchange import Call, header_values
from runner.origins import is_loopback, split
from runner.redirects import same_origin
from runner.values import Secret

# Raises PolicyError when a call's secrets may not go to its host.
Allow = Callable[[Call], None]
# The token endpoints of the providers that keep a token in a variable, by the provider's name; None: not known here and now.
Endpoints = Callable[[str], Mapping[str, str | None]]


def before(
    request: RequestSpec, call: Call, environment: Environment | None, allow: Allow, endpoints: Endpoints
) -> Call:
    """The call of `request`, which is not to follow a redirect where its answer would replace a provider's tokens.

    Raises PolicyError when its answer may not replace what `request` captures.
    """
    captures = _replacing(request, environment)
    for capture in captures:
        _from_a_named_host(capture, call, allow)
    tokens = [capture for capture in captures if environment is not None and capture.name in environment.tokens]
    for capture in tokens:
        _from_its_own_provider(capture, call, endpoints(capture.name))
    return replace(call, follow_redirects=False) if tokens else call  # RFC 6749 knows no redirect of a token request


def after(request: RequestSpec, call: Call, url: str, environment: Environment | None, allow: Allow) -> None:
    """As `before`, of the address that has answered in the end: redirects may have led to it. Raises PolicyError."""
    for capture in _replacing(request, environment):
        _from_a_named_host(capture, replace(call, url=url), allow)


def _replacing(request: RequestSpec, environment: Environment | None) -> list[Capture]:
    """The captures of `request` into a token of a provider, or a secret that the environment declares."""
    if environment is None:
        return []
    return [capture for capture in request.capture if capture.name in environment.irreplaceable]


def _from_a_named_host(capture: Capture, call: Call, allow: Allow) -> None:
    """Raises PolicyError for a host that `capture.name` might not be sent to."""
    try:
        allow(replace(call, secrets=frozenset((Secret("", capture.name),)), masked_url=""))
    except PolicyError as error:
        given = "a host gives that the environment does not name"
        with suppress(ValueError):  # an address that cannot be judged: the hint says so
            scheme, host, _ = split(call.url)
            if scheme != "https" and not is_loopback(host):
                given = f"{host} gives over plain http, where anybody can change it"
        message = f"`{capture.name}` would be replaced by what {given}"
        raise PolicyError(Problem(message, call.location, error.problems[0].hint)) from None


def _from_its_own_provider(capture: Capture, call: Call, endpoints: Mapping[str, str | None]) -> None:
    """Raises PolicyError for an answer that comes from elsewhere than a token endpoint's origin.

    A named host may give what others have put there: a record of an API, with a text in it that looks like a token.
    """
    if any(url and all(same_origin(url, address) for address in _addresses(call)) for url in endpoints.values()):
        return
    provider, url = next(iter(endpoints.items()))
    where = next((address for address in _addresses(call) if not (url and same_origin(url, address))), call.url)
    message = f"`{capture.name}`, a token of `{provider}`, would be replaced by what {_host(where)} gives"
    instead = f"only {_host(url)} does, where its token endpoint is" if url else "its token endpoint is not known"
    hint = f"{instead}: if that is wrong, write `token-url` into `oauth2: {provider}`; else capture into another name"
    raise PolicyError(Problem(message, capture.location, hint))


def _addresses(call: Call) -> Iterator[str]:
    """Where a call goes: its address, and which site behind it by the header `Host`."""
    yield call.url
    scheme = call.url.partition("://")[0]
    yield from (f"{scheme}://{field}" for field in header_values(call.headers, "host"))


def _host(url: str) -> str:
    """The host of `url`, with its port where it is written."""
    return url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
