"""Does the data centre fit: the accounts server's against the API host's, and what Zoho itself says of them?"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from runner import data_centres, errors, tree
from runner.auth.oauth2.provider import Provider
from runner.cli import sending
from runner.cli.assemble import Assembly
from runner.cli.doctor.check import Area, Check
from runner.data_centres import host_of, mismatch
from runner.errors import InputError, ZrunError
from runner.exchange import Call, Unreadable
from runner.origins import is_loopback
from runner.values import Secret

AREA = Area("data centre")
TIMEOUT = 10.0


def written_api(assembly: Assembly) -> str | None:
    """The API domain that the environment's files write out; None when they leave it to the token's answer."""
    environment = assembly.environment
    variable = environment.all_variables().get("api-domain") if environment else None
    if variable is None:
        return None
    try:
        found = tree.render_text(variable.value, assembly.scope)
    except InputError:
        return None
    return None if isinstance(found, Secret) else found


def examine(assembly: Assembly, provider: Provider, send: sending.Send, *, reachable: bool) -> Iterator[Check]:
    """The accounts server is one, and of the same data centre as the API. `reachable`: its host answers."""
    accounts = accounts_of(provider)
    if accounts is None:
        return
    centre = data_centres.of_accounts(host_of(accounts))
    if centre is not None:
        yield AREA.ok("accounts-domain", f"{host_of(accounts)} ({centre.name})")
    elif is_loopback(host_of(accounts)):
        yield AREA.ok("accounts-domain", f"{accounts}: on this machine, a sandbox")
    else:
        yield _no_accounts(host_of(accounts))
    there = assembly.scope.captured("accounts-domain")
    if there is not None:
        yield AREA.ok(
            "kept accounts-domain", f"{accounts}: the one that the login led to, over what the environment writes"
        )
    kept = assembly.scope.captured("api-domain")
    written = written_api(assembly)
    for what, api in (("api-domain", written), ("kept api-domain", kept.value if kept else None)):
        if isinstance(api, str):
            yield from _fits(what, accounts, api)
    if written and kept and isinstance(kept.value, str) and host_of(kept.value) != host_of(written):
        yield differs(assembly, written, kept.value)
    if reachable:
        yield from server_info(accounts, send)


def accounts_of(provider: Provider) -> str | None:
    """The accounts server's address. Raises InputError."""
    token = provider.url("token")
    if token is None:
        return None
    parts = urlsplit(token)
    return f"{parts.scheme}://{parts.netloc}"


def _no_accounts(host: str) -> Check:
    as_api = data_centres.of_api(host)
    known = ", ".join(centre.accounts for centre in data_centres.DATA_CENTRES)
    if as_api is not None:
        message = f"{host} is the API host of {as_api.name}, no accounts server"
        return AREA.problem(
            "accounts-domain", message, f"write https://{as_api.accounts}", errors.BAD_INPUT, "wrong-host"
        )
    return AREA.warning("accounts-domain", f"{host} is not an accounts server that zrun knows", f"known are {known}")


def _fits(what: str, accounts: str, api: str) -> Iterator[Check]:
    different = mismatch(accounts, api)
    if different is not None:
        one, other = different
        message = (
            f"{host_of(api)} is of {other.name}, {one.accounts} of {one.name}: a token of one is nothing to the other"
        )
        hint = f"the client's API console decides: {other.console or other.name} goes with {other.accounts}"
        hint += f", {one.console or one.name} with {one.accounts} and {one.api or 'its own API host'}"
        code = "kept-wrong-data-centre" if what.startswith("kept") else "wrong-data-centre"
        yield AREA.problem(what, message, hint, errors.CREDENTIALS, code)
        return
    centre = data_centres.of_api(host_of(api))
    if centre is not None:
        yield AREA.ok(what, f"{host_of(api)} ({centre.name})")
    elif is_loopback(host_of(api)):
        yield AREA.ok(what, f"{api}: on this machine, a sandbox")
    else:
        yield AREA.unknown(what, f"{host_of(api)} is not an API host that zrun knows")


def differs(assembly: Assembly, written: str, came: str) -> Check:
    """That a token came with another API domain than the environment writes: with the line to change."""
    environment = assembly.environment
    variable = environment.all_variables()["api-domain"] if environment else None
    where = variable.location if variable else None
    message = f"the token is good at {host_of(came)}, the environment names {host_of(written)}"
    hint = f"write there: `api-domain: {came}`" + ("" if where is None else f" ({where})")
    return AREA.warning("api-domain", message, hint, "api-domain-differs")


def server_info(accounts: str, send: sending.Send) -> Iterator[Check]:
    """Ask the accounts server which data centres there are: whatever is none cannot answer that (Zoho's "Multi-DC")."""
    try:
        response = send(Call("GET", f"{accounts}/oauth/serverinfo", timeout=TIMEOUT, cookies=False))
        body = response.json
    except Unreadable:
        body = None
    except ZrunError as error:
        yield AREA.failed("serverinfo", error)
        return
    locations = body.get("locations") if isinstance(body, dict) else None
    if isinstance(locations, dict) and locations:
        shown = ", ".join(sorted(str(name) for name in locations if len(name) < 12 and name.isalnum()))
        yield AREA.ok("serverinfo", f"it is an accounts server of Zoho's; data centres: {shown}")
    elif response.status == 200 and isinstance(body, dict):
        yield AREA.unknown("serverinfo", "it answers, but not with a list of data centres")
    else:
        message = f"{host_of(accounts)} does not answer as an accounts server of Zoho's ({response.status})"
        yield AREA.warning("serverinfo", message, "check `accounts-domain`: https://accounts.zoho.com for the US")
