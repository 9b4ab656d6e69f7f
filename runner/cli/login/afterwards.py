"""What is told after a login: what was granted, where it is good and for how long; never a token."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from runner import data_centres
from runner.cli import providers
from runner.cli.doctor import data_centre, scopes
from runner.cli.doctor.credential import Patient
from runner.cli.login.conversation import say
from runner.quantities import show_seconds
from runner.reporters.terminal import printable
from runner.scope import Captured
from runner.values import Secret


def keep_scope(patient: Patient, token: Captured, asked: str | None) -> None:
    """An answer that does not name the scope grants what was asked for (RFC 6749, 5.1): that is kept then."""
    names, assembly = patient.provider.tokens, patient.assembly
    said = assembly.scope.captured(names.scope)
    if asked is None or (said is not None and said.at >= token.at) or assembly.state is None:
        return
    found = Captured(asked, patient.provider.by, token.at)
    assembly.state.save({names.scope: found})
    assembly.scope.capture(names.scope, found)


def tell(patient: Patient, token: Captured) -> Iterator[str]:
    """The lines to print; warnings are said beside them."""
    provider, assembly = patient.provider, patient.assembly
    assert assembly.state is not None, "an environment has a state"
    yield f"logged in to `{provider.name}`; the tokens are kept in {_folder(assembly.state.path.parts)}"
    refresh = assembly.scope.captured(provider.tokens.refresh)
    if refresh is not None and refresh.at >= token.at:
        yield "  refresh token  a new one"
    elif refresh is not None:
        yield "  refresh token  none came; the one from before is kept"
    else:
        yield "  refresh token  none came: log in again when the access token ends"
        say(
            "warning: without a refresh token nothing can be renewed; Zoho and Google give one for access_type=offline and "
            "prompt=consent, which `authorization-params` may have changed; others for the scope offline_access"
        )
    left = (
        ""
        if token.expires_at is None
        else f"  access token   good for {show_seconds(token.expires_at - assembly.now())}"
    )
    if left:
        yield left
    granted, whence = scopes.known(patient, token.value if isinstance(token.value, Secret) else None)
    shown = (
        "not known: neither the answer nor introspection names them"
        if granted is None
        else f"{', '.join(granted) or 'none'} ({whence})"
    )
    yield f"  scopes         {printable(shown)}"
    if providers.zoho(provider):
        yield from _zoho(patient)


def _folder(parts: tuple[str, ...]) -> str:
    return "/".join(parts[-3:])


def _zoho(patient: Patient) -> Iterator[str]:
    """The data centre, and whether the API domain is the one that the environment writes."""
    provider, assembly = patient.provider, patient.assembly
    accounts = urlsplit(data_centre.accounts_of(provider) or "").netloc
    centre = data_centres.of_accounts(accounts)
    yield f"  data centre    {f'{centre.name} ({accounts})' if centre else accounts}"
    kept = assembly.scope.captured("api-domain")
    came = kept.value if kept is not None and isinstance(kept.value, str) else None
    if came is None:
        return
    written = data_centre.written_api(assembly)
    if written is None:
        yield f"  api_domain     {printable(came)}"
    elif data_centres.host_of(written) == data_centres.host_of(came):
        yield f"  api_domain     {printable(came)}, as the environment writes it"
    else:
        yield f"  api_domain     {printable(came)}, not the one that the environment writes"
        found = data_centre.differs(assembly, written, came)
        say(f"warning: {found.message}, and the host policy lets tokens go there alone; {found.hint}")
