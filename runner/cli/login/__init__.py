"""`zrun login`: get the first tokens of an OAuth 2.0 provider, which needs a person.

before        all that could make it fail, looked at first
self_client   a code from Zoho's API console
browser       a consent page, and an answer to this machine (RFC 8252)
device        a code to enter in any browser (RFC 8628)
afterwards    what was granted
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from runner import errors
from runner.auth.oauth2.provider import Provider
from runner.cli import needs, options, providers, screen, sending
from runner.cli.assemble import Assembly, opened
from runner.cli.doctor.credential import Patient
from runner.cli.given import given
from runner.cli.login import afterwards, before, browser, conversation, device, self_client
from runner.cli.login.conversation import say
from runner.errors import InputError, Problem
from runner.files import reader
from runner.quantities import seconds
from runner.reporters.terminal import fit

_EPILOG = """\
examples:
  zrun login -e us                               Zoho: with a code from the API console's Self Client
  zrun login -e us --browser                     with a consent page, for a server-based or mobile client
  zrun login -e github --device                  with a code to enter in any browser, also on another machine
  zrun login -e us --grant-token-file code.txt   in a script; `-` reads standard input, ZRUN_SECRET_GRANT_TOKEN works too
  zrun login -e sandbox                          the embedded Zoho; no account needed

Everything else is checked before a code is asked for. The tokens are kept in .zrun/, and the old ones until then.

exit status: 0 logged in (or no login was needed), 2 files or arguments, 3 network, 4 credentials refused, 5 a secret would
have gone where it may not, 130 interrupted
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    chosen = parser().read(arguments)
    if not chosen.environments:
        raise InputError(Problem("no environment is named", None, "write `zrun login -e us`"))
    with opened(given(chosen)) as assembly:
        provider = providers.choose(assembly, chosen.provider, _words(chosen.scopes))
        if providers.zoho(provider) and not provider.scopes:
            provider = providers.choose(assembly, chosen.provider, _needed(chosen, assembly))
        if provider.unattended:
            message = f"`{provider.name}` needs no login: {provider.grant} gets tokens without a person"
            raise InputError(Problem(message, provider.location, "`zrun doctor --refresh` tries it"))
        way = _way(chosen, provider)
        if way == "self-client":
            before.files(assembly, provider, "token")
        else:
            before.files(assembly, provider, "token", "device" if way == "device" else "authorization")
        assembly.start_sandbox()
        with sending.network(assembly) as send:
            patient = Patient(assembly, providers.discovering(assembly, provider, send), send)
            return _logged_in(chosen, patient, way)


def parser() -> options.Parser:
    """The options of `zrun login`."""
    made = options.Parser("login", "Get the first tokens of an OAuth 2.0 provider.", _EPILOG)
    options.add_environment(made)
    options.add_provider(made)
    way = made.add_mutually_exclusive_group()
    way.add_argument("--self-client", action="store_true", help="with a code from Zoho's API console (Zoho's default)")
    way.add_argument("--browser", action="store_true", help="with a consent page in a browser (the default of others)")
    way.add_argument("--device", action="store_true", help="with a code to enter in a browser, here or elsewhere")
    made.add_argument("--scopes", metavar="LIST", help="ask for these, in place of the provider's `scopes`")
    words = "Zoho: ask for the scopes that it needs (default: all in collections/), where the provider names none"
    options.add_needs(made, words)
    made.add_argument("--grant-token-file", metavar="FILE", help="a file that holds the code; `-`: standard input")
    made.add_argument("--no-browser", action="store_true", help="show the address; open no browser")
    made.add_argument("--port", type=int, metavar="N", help="the port of the redirect URI, where one is registered")
    made.add_argument(
        "--timeout", default="5m", metavar="TIME", help="how long to wait for the browser's answer (default: 5m)"
    )
    made.add_argument("--force", action="store_true", help="log in though the kept tokens work")
    options.add_clock(made)
    return made


def _words(written: str | None) -> tuple[str, ...]:
    return tuple((written or "").replace(",", " ").split())


def _way(chosen: Namespace, provider: Provider) -> str:
    """How to log in: as asked for, else as the provider's settings suggest. Raises InputError."""
    if chosen.self_client and not providers.zoho(provider):
        raise provider.wrong(f"`{provider.name}` is not Zoho: it knows no self client", "use --browser or --device")
    if chosen.device or (provider.grant == "device_code" and not chosen.browser and not chosen.self_client):
        return "device"
    if chosen.browser or chosen.port or chosen.no_browser or not providers.zoho(provider):
        return "browser"
    return "self-client" if chosen.self_client or "redirect-uri" not in provider.settings else "browser"


def _logged_in(chosen: Namespace, patient: Patient, way: str) -> int:
    """Log in, unless that is not needed. Returns the exit status."""
    assembly, provider = patient.assembly, patient.provider
    nobody = _nobody(chosen, patient, way)
    if nobody is not None and (chosen.force or provider.kept(provider.tokens.refresh) is None):
        raise nobody  # else no login may be needed
    before.servers(assembly, provider, patient.send)
    if not chosen.force and not _wanted(patient):
        return errors.PASSED
    if nobody is not None:
        raise nobody
    before.limits(patient)
    if way == "self-client":
        code = self_client.given(patient, chosen.grant_token_file)
        if code is None:
            self_client.explain(patient, provider.scopes)
        token = self_client.exchange(patient, code)
    else:
        token = device.log_in(patient) if way == "device" else browser.log_in(patient, _choices(chosen))
        afterwards.keep_scope(patient, token, provider.scope)
    lines = afterwards.tell(patient, token)
    options.out(fit(assembly.redactor.text("\n".join(lines)), sys.stdout))
    return errors.PASSED


def _nobody(chosen: Namespace, patient: Patient, way: str) -> InputError | None:
    """That nobody can be asked for what this login needs; None: somebody can, or it is given."""
    if way == "self-client":
        there = self_client.can_be_given(patient, chosen.grant_token_file)
        return None if there else self_client.nobody(patient)
    if not screen.in_ci():
        return None
    return InputError(
        Problem("a person is needed for this login, and CI has none", None, "log in elsewhere; see docs/login.md")
    )


def _wanted(patient: Patient) -> bool:
    """Whether to go on, given the refresh token that is kept."""
    name = patient.provider.name
    if patient.provider.kept(patient.provider.tokens.refresh) is None:
        return True
    works = before.works(patient)
    if works is False:
        say(f"the refresh token of `{name}` that is kept is no longer accepted; it has to be replaced")
        return True
    if works is None:
        say(
            f"whether the kept refresh token of `{name}` works cannot be found out now; it stays until a new one is kept"
        )
        return True
    if not conversation.can_ask():
        say(f"the tokens of `{name}` that are kept work: no login is needed; --force makes new ones")
        return False
    return conversation.agrees(f"The tokens of `{name}` that are kept work: no login is needed. Log in anyway?")


def _needed(chosen: Namespace, assembly: Assembly) -> tuple[str, ...]:
    """The scopes that collections need of Zoho: of those that are named, else of all in collections/. Raises InputError."""
    environment = assembly.environment
    folder = (environment.root if environment else Path.cwd()) / "collections"
    paths = [options.collection_path(name) for name in chosen.collections] or sorted(folder.glob("*.y*ml"))
    collections = []
    for path in paths:
        try:
            collections.append(reader.read_collection(path))
        except InputError:
            if chosen.collections:
                raise
            # one with mistakes, which `zrun check` tells, says nothing of scopes
    return tuple(needs.of(collections, assembly).scopes)


def _choices(chosen: Namespace) -> browser.Choices:
    """Raises InputError."""
    patience = seconds(chosen.timeout)
    if not patience:
        raise InputError(Problem("--timeout is not a duration", None, "write it as 90s or 5m"))
    return browser.Choices(not chosen.no_browser, chosen.port, patience)
