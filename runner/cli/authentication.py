"""Authentication in a run: what gives a request its credentials, and what stands in the way, told before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext

from runner import preflight
from runner.cli.assemble import Assembly
from runner.collection import AuthSpec, RequestSpec
from runner.credentials import Auth
from runner.errors import InputError
from runner.exchange import Call, Journal
from runner.lookup import NoValue
from runner.plan import Plan
from runner.preflight import Findings, Knowing
from runner.results import StepResult
from runner.scope import Scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.auth.oauth2.outside import Prover
    from runner.cli.sending import Send
    from runner.replacing import Endpoints

Told = Callable[[StepResult], None]


def credentials(assembly: Assembly, send: Send) -> Callable[[AuthSpec, Scope, Told], Auth]:
    """What gives a request its credentials; see session.Ports."""
    kept: dict[tuple[Hashable, ...], object] = {}
    provers: dict[str, Prover] = {}

    def given(spec: AuthSpec, scope: Scope, told: Told) -> Auth:
        from runner import auth  # late: many collections write their credentials into headers

        if spec.scheme != "oauth2":
            return auth.make(spec, scope, kept)
        from runner.auth.oauth2.bearer import Bearer  # late: of this one scheme
        from runner.cli import providers  # late: of this one scheme

        found = providers.named(assembly, spec, scope)
        return Bearer(found, providers.keeper(assembly, found, send, told, provers=provers))

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
        from runner.cli import providers  # late: of requests for tokens

        return providers.keeper(assembly, Provider(spec, assembly.scope), send, lambda _: None).asking()

    return entered


def endpoints(assembly: Assembly) -> Endpoints:
    """Where the token endpoint of each provider is that keeps a token in a variable; see replacing."""
    environment = assembly.environment

    def found(name: str) -> Mapping[str, str | None]:
        from runner.cli import providers  # late: of requests for tokens

        specs = environment.providers.values() if environment else ()
        return {spec.name: providers.token_endpoint(assembly, spec) for spec in specs if name in spec.tokens.all()}

    return found


def findings(assembly: Assembly, planned: Plan) -> Findings:
    """What a run of `planned` would stumble over, as far as it can be known before anything is sent."""
    vault = assembly.vault
    knowing = Knowing(vault.missing, vault.asks, _ready(assembly), vault.refused, _replaces(assembly))
    return preflight.before(planned, assembly.scope, assembly.policy, knowing)


def _ready(assembly: Assembly) -> Callable[[AuthSpec, Scope, str | None], Findings]:
    """What finds out whether an authentication could be used; see preflight.before."""
    vault = assembly.vault

    def found(spec: AuthSpec, scope: Scope, url: str | None) -> Findings:
        if spec.scheme != "oauth2":
            return _signs(spec, scope, url)
        from runner.auth.oauth2 import readiness  # late: of this one scheme
        from runner.cli import providers  # late: of this one scheme

        try:
            one = providers.named(assembly, spec, scope)
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
