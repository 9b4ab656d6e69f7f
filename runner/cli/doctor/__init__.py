"""`zrun doctor`: is the credential alive, and if not, why not? A line a check, each with its next step.

check          what a check is
files          the environment, secrets, private state, git
network        name, proxy, connection, TLS, clock
data_centre    Zoho's accounts server against the API host
credential     access and refresh token; `api` tries one
scopes         what the token holds against what collections need
budget         how many tokens may still be had
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from runner import errors
from runner.auth.oauth2.provider import REFRESH_BEFORE, Provider
from runner.cli import needs, options, providers, screen, sending
from runner.cli.assemble import Assembly, opened
from runner.cli.doctor import budget, credential, data_centre, files, network, scopes
from runner.cli.doctor.check import Area, Check
from runner.cli.given import given
from runner.cli.needs import Needs
from runner.errors import InputError, Problem, ZrunError
from runner.files import reader
from runner.reporters.terminal import fit, marks_for, paint, printable
from runner.values import Secret

VERSION = 1
_EPILOG = """\
examples:
  zrun doctor -e us                                    is the credential alive? If not, why, and what to do next
  zrun doctor -e us -c collections/self_client.yaml    and does it hold the scopes that the collection needs?
  zrun doctor -e us --refresh                          get a new access token, to see that one can be had
  zrun doctor -e us --format json                      the same, for a program

A kept access token is tried on a call that reads. A new one is asked for only where there is none that is good.

exit status: 0 all well (warnings too), 2 files or arguments, or this machine's clock, 3 network, 4 credentials, 5 the host
policy; of several the highest
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    chosen = parser().read(arguments)
    if not chosen.environments:
        raise InputError(Problem("no environment is named", None, "write `zrun doctor -e us`"))
    with ExitStack() as stack:
        try:
            assembly = stack.enter_context(opened(given(chosen)))
            provider = _provider(assembly, chosen.provider)
        except InputError as error:
            area = Area("files")
            found = [area.told("environment", problem, error.exit_code, "input") for problem in error.problems]
            return _report(chosen, found, None)
        return _report(chosen, _examined(chosen, assembly, provider), assembly)


def parser() -> options.Parser:
    """The options of `zrun doctor`."""
    made = options.Parser("doctor", "Find out whether the credential is alive, and if not, why.", _EPILOG)
    options.add_environment(made)
    options.add_provider(made)
    options.add_needs(made, "reach its hosts too, and compare the scopes that it needs; may be repeated")
    made.add_argument("--refresh", action="store_true", help="get a new access token, even if the kept one is good")
    made.add_argument("--no-probe", action="store_true", help="make no call only to find out which scopes are held")
    made.add_argument("--format", choices=("text", "json"), default="text", help="what to print (default: text)")
    options.add_color(made)
    options.add_clock(made)
    return made


def _provider(assembly: Assembly, name: str | None) -> Provider | None:
    declared = assembly.environment.providers if assembly.environment else {}
    return providers.choose(assembly, name) if declared or name else None


def _examined(chosen: Namespace, assembly: Assembly, provider: Provider | None) -> Iterator[Check]:
    """Every check, in an order in which each stands on those before it."""
    yield from files.examine(assembly, provider)
    assembly.start_sandbox()
    collections = [reader.read_collection(options.collection_path(name)) for name in chosen.collections]
    needed = needs.of(collections, assembly) if collections else None
    with sending.network(assembly) as send:
        reached: dict[str, bool] = {}
        margin = provider.refresh_before if provider else REFRESH_BEFORE
        for host in network.hosts(_urls(assembly, provider, needed)):
            for check in network.examine(assembly, host, send, margin):
                reached[host.url] = reached.get(host.url, False) or check.code == "answers"
                yield check
        if provider is None:
            hint = "declare one, for Zoho: `oauth2: {zoho: {preset: zoho}}`"
            yield credential.AREA.unknown("provider", "the environment declares no OAuth 2.0 provider", hint)
            return
        provider = providers.discovering(assembly, provider, send)
        patient = credential.Patient(assembly, provider, send, refresh=chosen.refresh)
        yield from _of_provider(patient, needed, reached, probe=not chosen.no_probe)


def _of_provider(
    patient: credential.Patient, needed: Needs | None, reached: dict[str, bool], *, probe: bool
) -> Iterator[Check]:
    """What depends on hosts that answer: none of it is tried where the network is the fault."""
    token_url = patient.provider.url("token")
    answers = token_url is not None and any(reached.get(host.url, False) for host in network.hosts([token_url]))
    if providers.zoho(patient.provider):
        yield from data_centre.examine(patient.assembly, patient.provider, patient.send, reachable=answers)
    token: Secret | None = None
    if token_url is not None and not answers:
        yield credential.AREA.unknown("credential", "not known: the token endpoint's host cannot be reached")
    else:
        token = yield from credential.examine(patient)
    yield from scopes.examine(patient, needed, token, probe=probe)
    yield from budget.examine(patient)


def _urls(assembly: Assembly, provider: Provider | None, needed: Needs | None) -> Iterator[str]:
    """The addresses that the credential and the collections have to do with."""
    if provider is not None:
        for kind in ("token", "authorization", "device", "introspection", "revocation", "issuer"):
            url = provider.url(kind)
            if url is not None:
                yield url
    for name in ("accounts-domain", "api-domain"):
        found = assembly.scope.get(name)
        if isinstance(found, str):
            yield found
    yield from needed.urls if needed else ()


def _report(chosen: Namespace, checks: Iterable[Check], assembly: Assembly | None) -> int:
    """Print each check as it is made, or one document of them all. Returns the exit status."""
    redact = assembly.redactor.text if assembly else str
    found: list[Check] = []
    color = screen.wants_color(chosen.color, sys.stdout)
    try:
        for check in checks:
            if _is_told(check, found):
                continue
            if chosen.format == "text":
                options.out(fit(redact("\n".join(_lines(check, found, color=color))), sys.stdout))
            found.append(check)
    except ZrunError as error:  # what is written wrong further down: a setting of the provider, a collection
        area = Area(found[-1].area if found else "files")
        for problem in error.problems:
            check = area.told("stopped", problem, error.exit_code)
            if _is_told(check, found):
                continue
            if chosen.format == "text":
                options.out(fit(redact("\n".join(_lines(check, found, color=color))), sys.stdout))
            found.append(check)
    status = max((check.exit_code for check in found), default=errors.PASSED)
    if chosen.format == "json":
        options.out(redact(json.dumps(_document(chosen, found, status), indent=1)))
    else:
        options.out(_summary(found, color=color))
    return status


def _is_told(check: Check, before: Iterable[Check]) -> bool:
    """Whether it is of a secret that is missing, which has been told: what needs the secret stumbles over it again."""
    missing = {one.hint for one in before if one.code == "missing-secret"}
    return check.status == "problem" and check.code != "missing-secret" and bool(check.hint) and check.hint in missing


def _lines(check: Check, before: list[Check], *, color: bool) -> Iterator[str]:
    marks = marks_for(sys.stdout)
    sign, style = {
        "ok": (marks.passed, "green"),
        "warning": ("!", "yellow"),
        "problem": (marks.failed, "red"),
        "unknown": ("?", "dim"),
    }[check.status]
    if not before or before[-1].area != check.area:
        yield paint(check.area, "bold", color)
    yield f"  {paint(sign, style, color)} {check.name}: {printable(check.message)}"
    if check.hint:
        yield paint(f"      {marks.arrow} {printable(check.hint)}", "dim", color)


def _summary(found: list[Check], *, color: bool) -> str:
    problems = sum(check.status == "problem" for check in found)
    warnings = sum(check.status == "warning" for check in found)
    words = [
        f"{count} {word}{'s' * (count > 1)}" for count, word in ((problems, "problem"), (warnings, "warning")) if count
    ]
    style = "red" if problems else "yellow" if warnings else "green"
    return "\n" + paint(", ".join(words) or "all well", style, color)


def _document(chosen: Namespace, found: list[Check], status: int) -> dict[str, object]:
    return {
        "zrun-doctor": VERSION,
        "environment": "+".join(chosen.environments),
        "provider": chosen.provider,
        "exit": status,
        "checks": [
            {
                "area": check.area,
                "name": check.name,
                "status": check.status,
                "message": check.message,
                "hint": check.hint,
                "code": check.code or None,
            }
            for check in found
        ],
    }
