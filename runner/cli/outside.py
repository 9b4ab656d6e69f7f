"""The real world of a command: the network, by way of policy and redaction; and the OAuth 2.0 providers, wired to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace

from runner import preflight, tree
from runner.cli.assemble import Assembly
from runner.collection import AuthSpec, RequestSpec
from runner.credentials import Auth
from runner.environment import ProviderSpec, Tls
from runner.errors import InputError, Location, PolicyError, Problem, did_you_mean
from runner.exchange import Call, Journal, Response, Unreadable
from runner.lookup import NoValue
from runner.plan import Plan
from runner.policy import check_proxy
from runner.preflight import Findings
from runner.results import StepResult
from runner.scope import Captured, Scope
from runner.values import Secret, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.auth.oauth2.fresh import Keeper
    from runner.auth.oauth2.outside import Outside, Prover
    from runner.auth.oauth2.provider import Metadata, Provider
    from runner.files.refresh_tokens import RefreshTokens
    from runner.pace import Pace
    from runner.reach import Tokens
    from runner.replacing import Endpoints

Send = Callable[[Call], Response]
Told = Callable[[StepResult], None]


@contextmanager
def network(
    assembly: Assembly,
    progress: Callable[[str, int, int | None], None] | None = None,
    timeout: float | None = None,
    pace: Pace | None = None,
) -> Iterator[Send]:
    """What sends a call and gives its response. Each secret in it is known to the redactor before it leaves.

    `timeout` is over what files say; `progress` hears of bodies that are saved to files; `pace` keeps all requests to a rate.
    """
    from runner.transport import Transport  # late: it loads the HTTP library, and a run with a mistake never gets here

    def send(call: Call) -> Response:
        if timeout is not None:
            call = replace(call, timeout=timeout)
        for secret in call.secrets:
            assembly.redactor.add(secret)
        with pace.turn() if pace else nullcontext():
            response = transport.send(call)
        _learn_tokens(assembly, response)
        return response

    with Transport(
        tls=assembly.environment.tls if assembly.environment else Tls(),
        proxy=proxy(assembly),
        may_send=lambda url, call: assembly.policy.may_send(url, call),
        trusts=lambda url: assembly.policy.trusts(url),
        progress=progress,
    ) as transport:
        yield send


def credentials(assembly: Assembly, send: Send) -> Callable[[AuthSpec, Scope, Told], Auth]:
    """What gives a request its credentials; see session.Ports."""
    kept: dict[tuple[Hashable, ...], object] = {}

    provers: dict[str, Prover] = {}

    def given(spec: AuthSpec, scope: Scope, told: Told) -> Auth:
        from runner import auth  # late: many collections write their credentials into headers

        if spec.scheme != "oauth2":
            return auth.make(spec, scope, kept)
        from runner.auth.oauth2.bearer import Bearer  # late: of this one scheme

        found = provider(assembly, spec, scope)
        return Bearer(found, keeper(assembly, found, send, told, provers=provers))

    return given


def alone(
    assembly: Assembly, send: Send
) -> Callable[[RequestSpec], AbstractContextManager[Callable[[], Journal] | None]]:
    """What keeps others from asking for the tokens that a request asks for; see session.Ports."""
    specs = assembly.environment.providers.values() if assembly.environment else ()
    by_name = {name: spec for spec in specs for name in (spec.tokens.access, spec.tokens.refresh)}

    def entered(request: RequestSpec) -> AbstractContextManager[Callable[[], Journal] | None]:
        spec = next((by_name[capture.name] for capture in request.capture if capture.name in by_name), None)
        if spec is None:
            return nullcontext()
        from runner.auth.oauth2.provider import Provider  # late: of requests for tokens

        return keeper(assembly, Provider(spec, assembly.scope), send, lambda _: None).asking()

    return entered


def findings(assembly: Assembly, planned: Plan) -> Findings:
    """What a run of `planned` would stumble over, as far as it can be known before anything is sent."""
    vault = assembly.vault
    return preflight.before(
        planned,
        assembly.scope,
        assembly.policy,
        vault.missing,
        vault.asks,
        _ready(assembly),
        vault.refused,
        _replaces(assembly),
    )


def _replaces(assembly: Assembly) -> Callable[[RequestSpec, Call], None]:
    """What refuses a call whose answer may not replace what its request captures; see replacing.before."""
    environment = assembly.environment
    names = environment.irreplaceable if environment else frozenset()

    def judge(request: RequestSpec, call: Call) -> None:
        if not any(capture.name in names for capture in request.capture):
            return
        from runner import replacing  # late: of requests for tokens and other secrets

        replacing.before(request, call, environment, assembly.policy.check, endpoints(assembly))

    return judge


def endpoints(assembly: Assembly) -> Endpoints:
    """Where the token endpoint of each provider is that keeps a token in a variable; see replacing.

    It is where files, the command line and the process environment say: a value that a collection brought decides nothing.
    """
    environment = assembly.environment

    def found(name: str) -> Mapping[str, str | None]:
        specs = environment.providers.values() if environment else ()
        return {spec.name: _token_endpoint(assembly, spec) for spec in specs if name in spec.tokens.all()}

    return found


def _token_endpoint(assembly: Assembly, spec: ProviderSpec) -> str | None:
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


def _ready(assembly: Assembly) -> Callable[[AuthSpec, Scope, str | None], Findings]:
    """What finds out whether an authentication could be used; see preflight.before."""
    vault = assembly.vault

    def found(spec: AuthSpec, scope: Scope, url: str | None) -> Findings:
        if spec.scheme != "oauth2":
            return _signs(spec, scope, url)
        from runner.auth.oauth2 import readiness  # late: of this one scheme

        try:
            one = provider(assembly, spec, scope)
            declared = assembly.environment.providers[one.name] if assembly.environment else None
            assert declared is not None, "it has been found there"
            return readiness.ready(one, declared, assembly.scope, assembly.policy, vault.asks, vault.missing)
        except InputError as error:
            return Findings(error.problems)

    return found


def _signs(spec: AuthSpec, scope: Scope, url: str | None) -> Findings:
    """What is wrong with a scheme that needs nothing but its settings."""
    from runner import auth  # late: many collections write their credentials into headers

    try:
        made = auth.make(spec, scope)
        if url is not None:
            made.sign(Call("POST", url))  # the method that may have any body
    except NoValue:
        pass  # no mistake yet: an earlier request may capture it; a secret that no source gives is told by its name
    except InputError as error:
        return Findings(error.problems)
    return Findings(())


def provider(assembly: Assembly, spec: AuthSpec, scope: Scope) -> Provider:
    """The provider that `auth: {oauth2: NAME}` names. Raises InputError for one that the environment does not declare."""
    from runner.auth.oauth2.provider import Provider  # late: of this one scheme

    name = str(tree.render_text(spec.settings["provider"].value, scope))
    declared = assembly.environment.providers if assembly.environment else {}
    if name not in declared:
        place = spec.settings["provider"].location
        hint = did_you_mean(name, declared, _how_to_declare(name, assembly))
        raise InputError(Problem(f"no OAuth 2.0 provider `{name}` is declared", place, hint))
    return Provider(declared[name], assembly.scope, discovery(assembly, None))


def tokens(assembly: Assembly) -> Callable[[AuthSpec, Scope], Tokens | None]:
    """Where an authentication would ask for tokens, with which secrets; see reach.of."""

    def found(spec: AuthSpec, scope: Scope) -> Tokens | None:
        if spec.scheme != "oauth2" or assembly.environment is None:
            return None
        from runner.auth.oauth2 import readiness  # late: of this one scheme

        try:
            one = provider(assembly, spec, scope)
            address = one.url("token") or one.url("issuer") or "an address that is not known yet"
        except InputError:
            return None  # told as a mistake by preflight
        named = {*readiness.names(assembly.environment.providers[one.name], one), one.tokens.refresh}
        secrets = tuple(sorted(named & assembly.environment.secrets.keys()))
        return one.name, address, secrets, one.tokens.access

    return found


def _how_to_declare(name: str, assembly: Assembly) -> str:
    environment = assembly.environment
    if environment is None:
        return "name the environment that declares it, with -e"
    file = environment.paths[-1].name if environment.paths else "the environment"
    return f"declare it in {file}: `oauth2: {{{name}: {{preset: {name}}}}}`"


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
    from runner.auth import jws  # late: of bound tokens alone
    from runner.auth.oauth2 import dpop  # late: of bound tokens alone
    from runner.files import keys  # late: of bound tokens alone

    state = assembly.state
    assert state is not None, "a provider is declared by an environment, and an environment has a state"
    if found.name not in provers:
        place = found.settings.place("dpop")
        provers[found.name] = dpop.Prover(lambda: keys.key(state, found.name, jws.new_pem), assembly.now, place)
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


def proxy(assembly: Assembly) -> str | None:
    """The address of the environment's proxy, with the credentials that it may hold."""
    environment = assembly.environment
    if environment is None or environment.proxy is None:
        return None
    text = tree.render_text(environment.proxy, assembly.scope)
    check_proxy(environment, text)
    return text.reveal() if isinstance(text, Secret) else text


def _learn_tokens(assembly: Assembly, response: Response) -> None:
    """Mask the tokens of a token endpoint's answer even where no capture takes them."""
    from runner.captures import TOKENS  # beside its one use

    if not isinstance(response.content, bytes) or b"_token" not in response.content:
        return
    try:
        body = response.json
    except Unreadable:
        return
    if isinstance(body, dict):
        for key in TOKENS:
            text = body.get(key)
            if isinstance(text, str) and text:
                assembly.redactor.add(Secret(text, key.replace("_", "-")))
