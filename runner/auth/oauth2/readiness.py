"""Whether a provider can give a token in this run: what can be known before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runner import tree
from runner.auth.oauth2.fresh import no_token
from runner.auth.oauth2.provider import Provider
from runner.environment import ProviderSpec, SecretSpec
from runner.errors import InputError, PolicyError, Problem
from runner.exchange import Call
from runner.policy import Policy
from runner.preflight import Findings
from runner.scope import Scope
from runner.values import MISSING, Secret

# The variables that a provider reads where its settings leave them out.
_IMPLIED = ("client-id", "client-secret")
_ZOHO = ("accounts-domain",)


def ready(
    provider: Provider,
    spec: ProviderSpec,
    scope: Scope,
    policy: Policy,
    asks: Callable[[SecretSpec], bool],
    missing: Callable[[SecretSpec], Problem],
) -> Findings:
    """What stands in the way of a token: settings without a value, a host that may not get a secret, no token at all.

    With a token that is still good there is nothing to ask, so nothing is in the way. `asks` tells whether a person can be
    asked for a secret, `missing` words that one is not there: a client whose declared secret has no value is not a public one.
    """
    kept = scope.captured(provider.tokens.access)
    left = scope.expires_in(provider.tokens.access)
    if kept is not None and (left is None or left > provider.refresh_before):
        return Findings(())
    secrets = scope.environment.secrets if scope.environment else {}
    refreshing = provider.kept(provider.tokens.refresh) is not None
    wanted = [*names(spec, provider)]
    if not refreshing and provider.preset.name == "zoho" and not provider.unattended:
        wanted.append("grant-token")
    absent = {name: secrets[name] for name in wanted if name in secrets and scope.get(name) is MISSING}
    prompts = {name: found for name, found in absent.items() if asks(found)}
    unfound = [
        found for name, found in absent.items() if name not in prompts and found.sources and name != "grant-token"
    ]
    if unfound:
        return Findings(tuple(map(missing, unfound)))
    problems: list[InputError] = []
    refusals: list[PolicyError] = []
    try:
        by_code = provider.preset.name == "zoho" and (
            "grant-token" in prompts or provider.optional("grant-token") is not None
        )
        if not (refreshing or provider.unattended or by_code):
            raise no_token(provider)
        if not prompts:
            _could_ask(provider, refreshing)
        url = provider.url("token")
        if url is not None:
            marks = frozenset(Secret("", name) for name in (*wanted, provider.tokens.refresh) if name in secrets)
            policy.check(Call("POST", url, secrets=marks, location=provider.location))
    except InputError as error:
        problems.append(error)
    except PolicyError as error:
        refusals.append(error)
    return Findings(
        tuple(problem for error in problems for problem in error.problems),
        tuple(problem for error in refusals for problem in error.problems),
        tuple(prompts.values()),
    )


def _could_ask(provider: Provider, refreshing: bool) -> None:
    """Make what would prove the client, and what an unattended grant would send. Raises InputError for what is missing."""
    from runner.auth.oauth2 import client_authentication, grants  # late: most runs find a token that is good

    client_authentication.proof(provider)
    if provider.dpop:
        from runner.auth import private_keys  # late: of bound tokens alone

        private_keys.need("`dpop`", provider.settings.place("dpop"))
    if provider.unattended and not refreshing:
        grants.UNATTENDED[provider.grant](provider)


def names(spec: ProviderSpec, provider: Provider) -> Iterator[str]:
    """The variables that the provider's settings read, and those that stand for settings that are left out."""
    for setting in spec.settings.values():
        yield from (name.name for name in tree.names(setting.value) if not name.guarded)
    implied = (*_IMPLIED, *(_ZOHO if provider.preset.name == "zoho" else ()))
    yield from (name for name in implied if name not in spec.settings)
