"""Is the credential alive? A kept access token is tried first, which costs none; a new one is asked for where it must be."""

from __future__ import annotations

from collections.abc import Generator

from runner import data_centres, errors
from runner.auth.oauth2 import budget, introspection
from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.introspection import Introspected
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.tokens import Refused
from runner.cli import providers, sending
from runner.cli.assemble import Assembly
from runner.cli.doctor import api, data_centre
from runner.cli.doctor.check import Area, Check
from runner.errors import CredentialsError, NetworkError, ZrunError
from runner.files.flights import Flights
from runner.quantities import show_seconds
from runner.records import record
from runner.scope import Captured
from runner.values import Secret

AREA = Area("credential")
# What a token endpoint's refusal means, as a word for programs: RFC 6749, 5.2, and Zoho's page on its token errors.
_CODES = {
    "invalid_grant": "revoked",
    "invalid_code": "revoked",
    "invalid_client": "wrong-client",
    "invalid_client_secret": "wrong-secret",
    "unauthorized_client": "wrong-client",
    "Access Denied": "throttled",
    "access_denied": "throttled",
    "invalid_scope": "wrong-scope",
    "bad_refresh_token": "revoked",
    "incorrect_client_credentials": "wrong-secret",
}


@record
class Patient:
    """Whose credential it is, and how to ask."""

    assembly: Assembly
    provider: Provider
    send: sending.Send
    refresh: bool = False


def examine(patient: Patient) -> Generator[Check, None, Secret | None]:
    """Each check of the credential; gives an access token that the API takes, or None."""
    assembly, provider = patient.assembly, patient.provider
    kept = assembly.scope.captured(provider.tokens.access)
    yield _refresh_token(patient)
    good = _good(kept, assembly.now())
    if kept is not None and not good:
        ago = show_seconds(assembly.now() - (kept.expires_at or 0.0))
        yield AREA.ok(
            "access token", f"the kept one expired {ago} ago, as they do: it is renewed when it is needed", "expired"
        )
    refused: Secret | None = None
    if kept is not None and good and not patient.refresh and isinstance(kept.value, Secret):
        tried = yield from _tried(patient, kept.value, _left(kept, assembly.now()))
        if tried != "dead":
            return kept.value if tried == "alive" else None
        if wrong_centre(assembly, provider):
            return None  # said already: a new token would be as useless
        refused = kept.value
    elif patient.refresh and kept is not None and isinstance(kept.value, Secret):
        refused = kept.value
    fresh = yield from _asked(patient, refused)
    if fresh is None or not isinstance(fresh.value, Secret):
        return None
    tried = yield from _tried(patient, fresh.value, _left(fresh, assembly.now()))
    if tried == "dead" and providers.zoho(provider):
        hint = "call the `api_domain` that came with the token, in the data centre of the accounts server"
        message = "a token that was given just now is refused by the API: it belongs to another data centre"
        yield AREA.problem("api", message, hint, errors.CREDENTIALS, "wrong-data-centre")
    return fresh.value if tried == "alive" else None


def wrong_centre(assembly: Assembly, provider: Provider) -> bool:
    """Whether the API host is known to be of another data centre than the accounts server."""
    accounts, found = data_centre.accounts_of(provider), assembly.scope.get("api-domain")
    return (
        providers.zoho(provider)
        and accounts is not None
        and isinstance(found, str)
        and bool(data_centres.mismatch(accounts, found))
    )


def _good(kept: Captured | None, now: float) -> bool:
    return kept is not None and (kept.expires_at is None or kept.expires_at > now)


def _left(kept: Captured, now: float) -> str:
    return "" if kept.expires_at is None else f", good for {show_seconds(kept.expires_at - now)}"


def _refresh_token(patient: Patient) -> Check:
    provider = patient.provider
    name = provider.tokens.refresh
    if provider.kept(name) is not None:
        return AREA.ok("refresh token", "there is one")
    if provider.unattended:
        return AREA.ok("refresh token", f"none, and none is needed: {provider.grant} gives tokens without a person")
    message = "there is none: when the access token ends, nothing can renew it"
    given = patient.assembly.given.environments
    hint = f"zrun login {' '.join(f'-e {name}' for name in given)}"
    return AREA.problem("refresh token", message, hint, errors.CREDENTIALS, "no-token")


def _tried(patient: Patient, token: Secret, left: str) -> Generator[Check, None, str]:
    """Try the token on a call that changes nothing; what became of it: alive, dead, unknown."""
    url = _harmless(patient)
    if url is None:
        seen = introspected(patient, token)
        if seen is None:
            yield AREA.ok("access token", f"kept{left}; no call is known to try it on", "untried")
            return "unknown"
        if seen.active:
            yield AREA.ok("access token", f"alive: `{patient.provider.name}` says so (introspection){left}", "alive")
            return "alive"
        message = f"`{patient.provider.name}` says that it is no longer good, before its time: it was revoked"
        yield AREA.warning("access token", message, "it is renewed now", "revoked")
        return "dead"
    try:
        tried = api.judge(patient.provider, api.get(patient.assembly, patient.provider, token, url, patient.send))
    except ZrunError as error:
        yield AREA.failed("access token", error, "network" if isinstance(error, NetworkError) else "")
        return "unknown"
    if tried.verdict == "alive":
        yield AREA.ok("access token", f"alive: {tried.words}{left}", "alive")
    elif tried.verdict == "unknown":
        yield AREA.warning("access token", tried.words, "try again later; -vv of a run shows the answer", "unknown")
    elif wrong_centre(patient.assembly, patient.provider):
        message = f"{tried.words}: its host is of another data centre than the accounts server"
        yield AREA.problem("access token", message, "see `data centre` above", errors.CREDENTIALS, "wrong-data-centre")
    else:
        yield AREA.warning(
            "access token", f"{tried.words}, before its time: it was revoked", "it is renewed now", "revoked"
        )
    return tried.verdict


def introspected(patient: Patient, token: Secret) -> Introspected | None:
    """What the provider knows of the token (RFC 7662); None where it has no such endpoint, or does not say."""
    try:
        if patient.provider.url("introspection") is None:
            return None
        asking = providers.asking(patient.assembly, patient.provider, patient.send, lambda _: None)
        return introspection.introspect(patient.provider, token, asking)
    except ZrunError:
        return None


def _harmless(patient: Patient) -> str | None:
    """A call of Zoho CRM's that reads one thing and costs one credit; None where no such call is known."""
    found = patient.assembly.scope.get("api-domain")
    if not providers.zoho(patient.provider) or not isinstance(found, str):
        return None
    return f"{found.rstrip('/')}/crm/v8/org"


def _asked(patient: Patient, refused: Secret | None) -> Generator[Check, None, Captured | None]:
    """A new access token, within the budget; or why there is none."""
    provider = patient.provider
    wait = budget.wait(issued(patient), provider.budget, patient.assembly.now())
    if wait:
        message = f"not asked for a token: the budget of `{provider.name}` is used up"
        yield AREA.problem("token endpoint", message, f"wait {show_seconds(wait)}", errors.CREDENTIALS, "throttled")
        return None
    if provider.kept(provider.tokens.refresh) is None and not provider.unattended:
        yield _client(patient)  # a grant token is not used up by an examination
        return None
    try:
        found = keeper(patient).access(refused=refused)
    except CredentialsError as error:
        code = _CODES.get(error.code, "refused") if isinstance(error, Refused) else "throttled"
        certain = code == "wrong-client" and wrong_centre(patient.assembly, provider)
        yield AREA.failed("token endpoint", error, "wrong-data-centre" if certain else code)
        return None
    except ZrunError as error:
        yield AREA.failed("token endpoint", error, "network" if isinstance(error, NetworkError) else "input")
        return None
    yield AREA.ok("token endpoint", f"gave a new access token{_left(found, patient.assembly.now())}", "renewed")
    return found


def _client(patient: Patient) -> Check:
    """What can be told of the client's id and secret where nothing is at hand to ask with: how the last request ended."""
    state = patient.assembly.state
    failure = Flights(state).log(patient.provider.name).failure() if state else None
    if failure is None:
        message = (
            "not known: whether its id and secret are right is seen when a grant or a refresh token is sent with them"
        )
        return AREA.unknown("client", message)
    at, why = failure
    ago = show_seconds(max(0.0, patient.assembly.now() - at))
    hint = "mend that first if it is not mended yet: each try uses up a grant token"
    return AREA.warning("client", f"the last request for a token, {ago} ago, gave none: {why}", hint, "last-failure")


def keeper(patient: Patient) -> Keeper:
    return providers.keeper(patient.assembly, patient.provider, patient.send, lambda _: None, patience=0.0)


def issued(patient: Patient) -> tuple[float, ...]:
    """When tokens were asked for (epoch seconds). Raises InputError."""
    with keeper(patient).store.alone(patient.provider.name) as flight:
        return flight.issued()
