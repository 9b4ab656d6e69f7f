"""The OAuth 2.0 providers that an environment declares: which one is meant, and how it is reached from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from runner import tree
from runner.cli.assemble import Assembly
from runner.collection import AuthSpec, Variable
from runner.environment import ProviderSpec
from runner.errors import InputError, Location, PolicyError, Problem, did_you_mean
from runner.exchange import Call, Response
from runner.results import StepResult
from runner.scope import Captured, Scope
from runner.values import Secret, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.auth.oauth2.fresh import Keeper
    from runner.auth.oauth2.outside import Outside, Prover
    from runner.auth.oauth2.provider import Metadata, Provider
    from runner.cli.sending import Send
    from runner.files.refresh_tokens import RefreshTokens
    from runner.reach import Tokens

Told = Callable[[StepResult], None]


def choose(assembly: Assembly, name: str | None, scopes: Iterable[str] = ()) -> Provider:
    """The provider; with `scopes`, it asks for these in place of its own.

    Raises InputError when there is none, no such one, or several without a choice.
    """
    from runner.auth.oauth2.provider import Provider  # late: of commands and runs that are about one

    declared = assembly.environment.providers if assembly.environment else {}
    if name is None and len(declared) == 1:
        name = next(iter(declared))
    if name is not None and name in declared:
        spec = declared[name]
        wanted = ",".join(scopes)
        if wanted:
            spec = replace(spec, settings={**spec.settings, "scopes": Variable("scopes", wanted, spec.location)})
        return Provider(spec, assembly.scope, discovery(assembly, None))
    file = _file(assembly)
    if not declared:
        variables = assembly.environment.all_variables() if assembly.environment else {}
        zoho = bool(assembly.environment and assembly.environment.sandbox) or "accounts-domain" in variables
        line = "oauth2: {zoho: {preset: zoho}}" if zoho else "oauth2: {NAME: {preset: generic, token-url: https://...}}"
        raise InputError(Problem(f"{file} declares no OAuth 2.0 provider", None, f"add the line `{line}`"))
    if name is None:
        message = f"{file} declares several OAuth 2.0 providers: {', '.join(declared)}"
        raise InputError(Problem(message, None, f"choose one: --provider {next(iter(declared))}"))
    hint = did_you_mean(name, declared, f"there is: {', '.join(declared)}")
    raise InputError(Problem(f"{file} declares no OAuth 2.0 provider `{name}`", None, hint))


def _file(assembly: Assembly) -> str:
    """What to call the environment: the file in which a provider would be declared."""
    environment = assembly.environment
    if environment is None:
        return "the environment"
    return environment.paths[-1].name if environment.paths else environment.id


def zoho(provider: Provider) -> bool:
    """Whether it is Zoho, of whose habits more is known."""
    return provider.preset.name == "zoho"


def named(assembly: Assembly, spec: AuthSpec, scope: Scope) -> Provider:
    """The provider that `auth: {oauth2: NAME}` names. Raises InputError for one that the environment does not declare."""
    from runner.auth.oauth2.provider import Provider  # late: of this one scheme

    name = str(tree.render_text(spec.settings["provider"].value, scope))
    declared = assembly.environment.providers if assembly.environment else {}
    if name not in declared:
        place = spec.settings["provider"].location
        hint = did_you_mean(name, declared, _how_to_declare(name, assembly))
        raise InputError(Problem(f"no OAuth 2.0 provider `{name}` is declared", place, hint))
    return Provider(declared[name], assembly.scope, discovery(assembly, None))


def _how_to_declare(name: str, assembly: Assembly) -> str:
    environment = assembly.environment
    if environment is None:
        return "name the environment that declares it, with -e"
    file = environment.paths[-1].name if environment.paths else "the environment"
    return f"declare it in {file}: `oauth2: {{{name}: {{preset: {name}}}}}`"


def tokens(assembly: Assembly) -> Callable[[AuthSpec, Scope], Tokens | None]:
    """Where an authentication would ask for tokens, with which secrets; see reach.of."""

    def found(spec: AuthSpec, scope: Scope) -> Tokens | None:
        if spec.scheme != "oauth2" or assembly.environment is None:
            return None
        from runner.auth.oauth2 import readiness  # late: of this one scheme

        try:
            one = named(assembly, spec, scope)
            address = one.url("token") or one.url("issuer") or "an address that is not known yet"
        except InputError:
            return None  # told as a mistake by inspection
        used = {*readiness.names(assembly.environment.providers[one.name], one), one.tokens.refresh}
        secrets = tuple(sorted(used & assembly.environment.secrets.keys()))
        return one.name, address, secrets, one.tokens.access

    return found


def keeper(
    assembly: Assembly,
    found: Provider,
    send: Send,
    told: Told,
    patience: float | None = None,
    provers: dict[str, Prover] | None = None,
) -> Keeper:
    """What keeps the tokens of a provider fresh: over this network, in the environment's private state.

    `provers` are those of this run, by provider: what binds tokens to a key remembers the nonces of servers.
    """
    from runner.auth.oauth2 import fresh  # late: of this one scheme
    from runner.files.flights import Flights  # late: of this one scheme

    assert assembly.state is not None, "a provider is declared by an environment, and an environment has a state"
    found = discovering(assembly, found, send)

    def learn(name: str, captured: Captured) -> None:
        assembly.scope.capture(name, captured)
        if name == found.tokens.refresh and isinstance(captured.value, Secret):
            counted = refresh_tokens(assembly, found)
            if counted is not None:
                with suppress(InputError):  # the token is kept; its count is for a warning alone
                    counted.note(captured.value, captured.at)

    return fresh.Keeper(
        found,
        Flights(assembly.state),
        asking(assembly, found, send, told, provers),
        assembly.sources.captured.get,
        learn,
        assembly.scope.seed,
        fresh.PATIENCE if patience is None else patience,
    )


def asking(
    assembly: Assembly, found: Provider, send: Send, told: Told, provers: dict[str, Prover] | None = None
) -> Outside:
    """The outside world of a provider's requests: policy judges each before it is sent."""
    from runner.auth.oauth2.outside import Outside  # late: of this one scheme

    def allowed(call: Call) -> Response:
        assembly.policy.check(call)
        return send(call)

    prover = None
    if found.dpop:
        prover = _prover(assembly, found, {} if provers is None else provers)
    return Outside(allowed, assembly.now, time.sleep, told, prover)


def discovering(assembly: Assembly, found: Provider, send: Send) -> Provider:
    """The provider, which asks its issuer for what is not known of it."""
    return found.discovering(discovery(assembly, send))


def _prover(assembly: Assembly, found: Provider, provers: dict[str, Prover]) -> Prover:
    from runner.auth import private_keys  # late: of bound tokens alone
    from runner.auth.oauth2 import dpop  # late: of bound tokens alone
    from runner.files import keys  # late: of bound tokens alone

    state = assembly.state
    assert state is not None, "a provider is declared by an environment, and an environment has a state"
    if found.name not in provers:
        place = found.settings.place("dpop")
        provers[found.name] = dpop.Prover(
            lambda: keys.key(state, found.name, private_keys.new_pem), assembly.now, place
        )
    return provers[found.name]


def discovery(assembly: Assembly, send: Send | None) -> Callable[[str, Location], Metadata | None]:
    """What finds out what an issuer publishes: by asking when `send` is given, else what is kept of it."""

    def found(issuer: str, place: Location) -> Metadata | None:
        from runner.auth.oauth2 import discovery as published_by  # late: few providers are discovered
        from runner.files.published import Published  # late: few providers are discovered

        state = assembly.state
        assert state is not None, "a provider is declared by an environment, and an environment has a state"

        def judge(endpoint: str) -> None:
            marks = frozenset((Secret("", "client-secret"),))
            assembly.policy.check(Call("POST", endpoint, secrets=marks, location=place))

        if send is None:
            return published_by.kept(issuer, Published(state), judge, assembly.now(), place)
        return published_by.fetched(issuer, Published(state), judge, send, assembly.now, place)

    return found


def refresh_tokens(assembly: Assembly, found: Provider) -> RefreshTokens | None:
    """The count of the refresh tokens that this client was given; None where the provider sets no bound to them."""
    if found.preset.refresh_tokens is None or assembly.state is None:
        return None
    from urllib.parse import urlsplit  # late: beside its one use

    from runner.files.refresh_tokens import RefreshTokens  # late: of one provider

    return RefreshTokens(assembly.state, found.client_id, urlsplit(found.url("token") or "").hostname or "")


def token_endpoint(assembly: Assembly, spec: ProviderSpec) -> str | None:
    """The address of a provider's token endpoint, by its environment's files, the command line and the process environment.

    A value that a collection brought decides nothing. None where nobody says, or says what is none.
    """
    from runner.auth.oauth2.provider import Provider  # late: of requests for tokens

    kept = assembly.sources.captured.get("accounts-domain")
    believed = {"accounts-domain": kept} if kept is not None and _of_zoho(kept.value) else {}
    own = Scope(replace(assembly.sources, captured=believed))
    try:
        one = Provider(spec, own, discovery(assembly, None))
        return one.url("token") or one.url("issuer")
    except (InputError, PolicyError):
        return None


def _of_zoho(value: Value) -> bool:
    """Whether `value` is the address of one of Zoho's accounts servers: a login may have led to another."""
    from runner.data_centres import of_accounts  # late: of requests for tokens

    scheme, _, host = value.rstrip("/").partition("://") if isinstance(value, str) else ("", "", "")
    return scheme == "https" and of_accounts(host) is not None
