"""Which scopes does the token hold, against those that the collections need?

What it holds is known from the token's answer, where that named it, or from introspection (RFC 7662). Where neither says, as
with Zoho's self client, reading scopes can be found out by calls that read; of those that write nothing is said.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from itertools import islice

from runner import errors
from runner.auth.oauth2 import zoho_scopes
from runner.cli.doctor import api, credential
from runner.cli.doctor.check import Area, Check
from runner.cli.doctor.credential import Patient
from runner.cli.needs import Needs
from runner.errors import ZrunError
from runner.values import Secret

AREA = Area("scopes")
# Each is one API call, and one credit of the day's.
MOST_PROBES = 20
_SHOWN = 3


def examine(patient: Patient, needs: Needs | None, token: Secret | None, *, probe: bool) -> Iterator[Check]:
    """Each check of the scopes; `token` is an access token that the API takes, for what has to be tried."""
    granted, whence = known(patient, token)
    if granted is not None:
        yield AREA.ok("granted", f"{', '.join(granted) or 'none'} ({whence})")
    else:
        yield AREA.unknown("granted", "not known: the provider did not name them when it gave the token")
    if needs is None:
        return
    for scope, requests in needs.scopes.items():
        by = ", ".join(requests[:_SHOWN]) + (f" and {len(requests) - _SHOWN} more" if len(requests) > _SHOWN else "")
        if granted is None:
            continue
        if zoho_scopes.holds(granted, scope):
            yield AREA.ok(scope, f"held; needed by {by}")
        else:
            yield _lacks(scope, by)
    if granted is None:
        yield from _probed(patient, needs, token if probe else None, probe=probe)
    if needs.unknown:
        shown = ", ".join(needs.unknown[:_SHOWN]) + (" and more" if len(needs.unknown) > _SHOWN else "")
        yield AREA.unknown("needed", f"not known for {shown}: see Zoho's reference for these calls")
    if not needs.scopes and not needs.unknown:
        yield AREA.ok("needed", "none: no request calls Zoho CRM")


def known(patient: Patient, token: Secret | None) -> tuple[tuple[str, ...] | None, str]:
    """As `held`; where nobody has said it, introspection of `token` may."""
    granted, whence = held(patient)
    if granted is None and token is not None:
        seen = credential.introspected(patient, token)
        if seen is not None and seen.active and seen.scope is not None:
            return tuple(seen.scope.replace(",", " ").split()), "as introspection says"
    return granted, whence


def held(patient: Patient) -> tuple[tuple[str, ...] | None, str]:
    """The scopes that were granted, and who said so; None when nobody did.

    What was said before the refresh token came is of another grant.
    """
    scope, names = patient.assembly.scope, patient.provider.tokens
    said, since = scope.captured(names.scope), scope.captured(names.refresh) or scope.captured(names.access)
    if said is not None and isinstance(said.value, str) and since is not None and said.at >= since.at:
        return tuple(said.value.replace(",", " ").split()), "said with the token"
    return None, ""


def _lacks(scope: str, by: str) -> Check:
    hint = "scopes cannot be added to a token: log in again with all of them (`zrun login` lists them)"
    return AREA.problem(scope, f"not held; needed by {by}", hint, errors.CREDENTIALS, "scope-missing")


def _probed(patient: Patient, needs: Needs, token: Secret | None, *, probe: bool) -> Iterator[Check]:
    """What calls that read tell of each needed scope."""
    found: dict[str, bool] = {}
    if token is not None:
        found = yield from _asked(patient, list(needs.scopes), token)
    unknown = [scope for scope in needs.scopes if scope not in found]
    for scope, requests in needs.scopes.items():
        by = ", ".join(requests[:_SHOWN])
        if found.get(scope) is True:
            yield AREA.ok(scope, f"held (a call that reads was let in); needed by {by}")
        elif found.get(scope) is False:
            yield _lacks(scope, by)
    if unknown:
        why = "" if probe else "; without --no-probe, calls that read find some out"
        yield AREA.unknown(
            "not known", f"{', '.join(unknown)}{why}", "only a call that writes would tell", "scope-unknown"
        )


def _asked(patient: Patient, scopes: list[str], token: Secret) -> Generator[Check, None, dict[str, bool]]:
    """For each scope that reads, whether a call that needs it is let in. A search needs two: the module's is asked first."""
    base = patient.assembly.scope.get("api-domain")
    found: dict[str, bool] = {}
    for scope, path in islice(_calls(scopes, found), MOST_PROBES):
        try:
            response = api.get(
                patient.assembly, patient.provider, token, f"{str(base).rstrip('/')}{path}", patient.send
            )
        except ZrunError as error:
            yield AREA.failed("probe", error)
            break
        if api.code_of(response) == "OAUTH_SCOPE_MISMATCH":
            found[scope] = False
        elif response.status < 300:
            found[scope] = True
    return found


def _calls(scopes: list[str], found: Mapping[str, bool]) -> Iterator[tuple[str, str]]:
    """A call that reads little, for each scope that one is known for. `found` fills while these are asked."""
    modules = []
    for scope in scopes:
        service, name, *rest = scope.split(".")
        if service != "ZohoCRM" or rest[-1:] != ["READ"]:
            continue
        if name == "modules" and len(rest) == 2:
            modules.append((scope, rest[0]))
            yield scope, f"/crm/v8/{rest[0]}?fields=id&per_page=1"
        elif name == "org":
            yield scope, "/crm/v8/org"
        elif name == "users":
            yield scope, "/crm/v8/users?type=CurrentUser"
        elif name == "settings" and rest[0] in ("modules", "fields", "roles", "profiles"):
            yield scope, f"/crm/v8/settings/{rest[0]}" + ("?module=Leads" if rest[0] == "fields" else "")
    readable = [module for scope, module in modules if found.get(scope)]
    if "ZohoSearch.securesearch.READ" in scopes and readable:
        yield "ZohoSearch.securesearch.READ", f"/crm/v8/{readable[0]}/search?word=zrun&per_page=1"
