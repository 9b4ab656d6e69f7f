"""What is looked at before a login: everything that could make it fail, so that no code and no consent is spent in vain."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from runner import data_centres, errors
from runner.auth.oauth2 import budget, readiness
from runner.auth.oauth2.provider import Provider
from runner.cli import providers, sending
from runner.cli.assemble import Assembly
from runner.cli.doctor import credential, data_centre, network
from runner.cli.doctor.budget import NEAR, hint
from runner.cli.doctor.check import Check
from runner.cli.doctor.credential import Patient
from runner.cli.login.conversation import say
from runner.errors import CredentialsError, InputError, NetworkError, Problem, ZrunError
from runner.exchange import Call
from runner.origins import is_loopback
from runner.quantities import show_seconds
from runner.values import MISSING, Secret


def files(assembly: Assembly, provider: Provider, *endpoints: str) -> None:
    """Secrets at hand (a person may be asked for them), endpoints known, hosts allowed, state writable.

    Nothing is sent. Raises InputError, PolicyError, Cancelled.
    """
    environment = assembly.environment
    assert environment is not None, "a provider is declared by an environment"
    absent = []
    for name in dict.fromkeys(readiness.names(environment.providers[provider.name], provider)):
        spec = environment.secrets.get(name)
        if spec is None or name == "grant-token" or assembly.scope.get(name) is not MISSING:
            continue
        if name in (provider.tokens.access, provider.tokens.refresh, provider.tokens.id):
            continue
        absent.append(spec)
    missing = [assembly.vault.missing(spec) for spec in absent if not assembly.vault.asks(spec)]
    if missing:
        raise InputError(missing)
    assert assembly.state is not None, "an environment has a state"
    assembly.state.probe()
    marks = frozenset(Secret("", name) for name in (provider.tokens.refresh, *_secret_names(assembly, provider)))
    for kind in endpoints:
        url = provider.url(kind)
        if url is None and provider.url("issuer") is not None and provider.metadata is None:
            continue  # its issuer has not been asked yet
        if url is None:
            message = f"the provider `{provider.name}` has no `{kind}-url`"
            raise provider.wrong(message, "add it, or choose another way: see `zrun login --help`")
        if kind != "authorization":  # that one a person opens, and no secret is in it
            assembly.policy.check(Call("POST", url, secrets=marks, location=provider.location))
    for spec in absent:
        assembly.vault.ask(spec)
    _ = provider.client_id


def _secret_names(assembly: Assembly, provider: Provider) -> set[str]:
    environment = assembly.environment
    declared = environment.secrets if environment else {}
    return {name for name in ("client-id", "client-secret") if name in declared and name not in provider.settings}


def servers(assembly: Assembly, provider: Provider, send: sending.Send) -> None:
    """The provider's server answers, is of the right kind, and agrees on the time. Raises NetworkError, CredentialsError."""
    url = provider.url("issuer") or provider.url("token")
    for host in network.hosts([url] if url else []):
        for check in network.examine(assembly, host, send, provider.refresh_before):
            _tell(check)
    if not providers.zoho(provider):
        return
    for check in data_centre.examine(assembly, provider, send, reachable=True):
        if check.code not in ("api-domain-differs", "kept-wrong-data-centre"):  # what is kept is about to be replaced
            _tell(check)


def _tell(check: Check) -> None:
    """Say what is worth a word; a problem ends the login."""
    if check.status == "problem":
        problem = Problem(_named(check), None, check.hint)
        raise _ERRORS.get(check.exit_code, InputError)(problem)
    if check.status == "warning":
        say(f"warning: {_named(check)}" + (f"; {check.hint}" if check.hint else ""))


def _named(check: Check) -> str:
    """What it found, with what it is about where the words do not say that."""
    return check.message if check.name in check.message else f"{check.name}: {check.message}"


_ERRORS: dict[int, type[ZrunError]] = {
    errors.NETWORK: NetworkError,
    errors.CREDENTIALS: CredentialsError,
    errors.POLICY: errors.PolicyError,
}


def limits(patient: Patient) -> None:
    """Tell of refresh tokens that may be too many. Raises CredentialsError when the budget of tokens is used up."""
    provider = patient.provider
    wait = budget.wait(credential.issued(patient), provider.budget, patient.assembly.now())
    if wait:
        message = f"the budget of `{provider.name}` is used up: a code would be spent in vain"
        raise CredentialsError(Problem(message, provider.location, f"wait {show_seconds(wait)}, then log in"))
    most, counted = provider.preset.refresh_tokens, providers.refresh_tokens(patient.assembly, provider)
    if most is None or counted is None:
        return
    made = len(counted.made()) + 1
    if made < most - NEAR:
        return
    known = "those made on other machines and by other programs are not counted"
    say(f"warning: this is refresh token {made} of this client in this project ({known}); {hint(provider, made)}")


def works(patient: Patient) -> bool | None:
    """Whether the kept tokens do their work still; None when there are none, or that cannot be found out.

    A good access token is tried on a call that reads; a new one is asked for only without it. Raises CredentialsError when
    that tells that the client or its secret is wrong: then a code would be spent in vain.
    """
    if patient.provider.kept(patient.provider.tokens.refresh) is None:
        return None
    checks = list(credential.examine(patient))
    for check in checks:
        if check.name == "token endpoint" and check.code in ("wrong-client", "wrong-secret", "wrong-data-centre"):
            raise CredentialsError(Problem(check.message, None, check.hint))
    codes = {check.code: check.status for check in checks}
    if codes.get("wrong-data-centre") == "problem":
        return False
    if "untried" in codes and not patient.refresh:
        return works(replace(patient, refresh=True))
    if "alive" in codes or "renewed" in codes:
        return True
    return False if codes.get("revoked") == "problem" else None


def console(provider: Provider) -> str:
    """Where Zoho's clients are made, for the provider's data centre."""
    accounts = data_centre.accounts_of(provider) or ""
    centre = data_centres.of_accounts(urlsplit(accounts).hostname or "")
    if centre is not None and centre.console:
        return f"https://{centre.console}"
    return accounts if is_loopback(urlsplit(accounts).hostname or "") else "the API console of your data centre"
