"""What can be known before a byte is sent: mistakes, refusals, the secrets to ask for, reports that cannot be written."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runner import inspection, preflight, tree
from runner.cli import authentication, screen
from runner.cli.assemble import Assembly
from runner.cli.parts import Part
from runner.errors import InputError, PolicyError, Problem, ZrunError, did_you_mean
from runner.graph import captures_of, reads_deeply
from runner.plan import Plan
from runner.project import root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.reports import Reports
    from runner.environment import SecretSpec


def prompts(chosen: Namespace, parts: Sequence[Part]) -> list[SecretSpec]:
    """The secrets to ask for. Raises InputError, or PolicyError, with the mistakes in all collections."""
    unread = _unread(parts)
    if unread:
        screen.tell(unread, color=chosen.color)
    found: list[SecretSpec] = []
    refused: list[ZrunError] = []
    for part in parts:
        try:
            found += prepare(part.looking, part.plan, chosen.color).prompts
        except (InputError, PolicyError) as error:
            refused.append(error)
    if refused:
        problems = {str(problem): problem for error in refused for problem in error.problems}
        raise (InputError if any(isinstance(one, InputError) for one in refused) else PolicyError)(problems.values())
    return found


def _unread(parts: Sequence[Part]) -> list[Problem]:
    """Warnings of the --var that no file knows."""
    given = parts[0].assembly.given.variables
    if not given:
        return []
    known = {"iteration", "row"}.union(*(_names(part.assembly) for part in parts))
    return [
        Problem(f"no file knows a variable `{name}`", None, did_you_mean(name, known, _OF_VAR), warning=True)
        for name in given
        if name not in known
    ]


# Variables that a provider, or the embedded sandbox, knows though no file names them.
_OF_PROVIDERS = ("client-id", "client-secret", "grant-token", "accounts-domain", "api-domain")
_OF_VAR = "--var gives it a value that nothing reads"


def _names(assembly: Assembly) -> set[str]:
    """The names that files declare, capture or read."""
    environment, collection = assembly.environment, assembly.collection
    shared = environment.all_variables() if environment else {}
    found = {name.name for request in collection for name in reads_deeply(request, shared)} | shared.keys()
    found |= captures_of(collection.requests).keys()
    found |= {name for request in collection for layer in request.layers for name in layer}
    written = [variable.value for variable in shared.values()]
    if environment:
        found |= environment.secrets.keys()
        written += [setting.value for spec in environment.providers.values() for setting in spec.settings.values()]
        for spec in environment.providers.values():
            tokens = spec.tokens
            found |= {*_OF_PROVIDERS, tokens.access, tokens.refresh, tokens.id, tokens.scope}
    return found | {name.name for value in written for name in tree.names(value)}


def prepare(assembly: Assembly, planned: Plan, color: str, *, looking: bool = False) -> preflight.Findings:
    """Everything that can be known before a byte is sent. Tells warnings; raises InputError, then PolicyError.

    `looking`: nothing is to be sent, so that a secret which is not there is a warning: a plan is read before it is trusted.
    """
    found = inspection.mistakes(assembly.collection, assembly.environment, assembly.scope)
    warnings = [problem for problem in found if problem.warning]
    warnings += [*assembly.collection.warnings, *(assembly.environment.warnings if assembly.environment else ())]
    mistakes = [problem for problem in found if not problem.warning]
    if mistakes and assembly.environment is None:
        from runner.cli import elsewhere  # late: of runs with mistakes

        mistakes = elsewhere.forgotten(assembly, mistakes)
    if mistakes:
        raise InputError([*mistakes, *warnings])
    findings = authentication.findings(assembly, planned)
    if looking:
        warnings += [replace(problem, warning=True) for problem in findings.missing]
    elif findings.missing:
        raise InputError([*findings.missing, *findings.problems, *warnings])
    if findings.problems:
        raise InputError([*findings.problems, *warnings])
    if findings.refusals:
        raise PolicyError([*findings.refusals, *warnings])
    if warnings:
        screen.tell(warnings, color=color, redact=assembly.redactor.text)
    return findings


def reports(chosen: Namespace, parts: Sequence[Part]) -> Reports | None:
    """The reports that are wanted, by --report or by the CI system that runs this. Raises InputError."""
    if not (chosen.reports or screen.in_known_ci()):
        return None
    from runner.cli.reports import Reports  # late: most runs are read as they go

    roots = [root_of(part.plan.collection.path) for part in parts]
    return Reports(chosen.reports, roots, inputs(chosen, parts), chosen.format, parts[0].assembly.redactor)


def inputs(chosen: Namespace, parts: Sequence[Part]) -> Iterator[Path]:
    """Files that the run reads, besides YAML: no report takes their place."""
    yield from (Path(name) for name in (chosen.data, chosen.secrets_file, chosen.durations) if name)
    for part in parts:
        if part.plan.collection.data is not None:
            yield part.plan.collection.data.path
        for step in part.plan.steps:
            request = step.request
            yield from request.project.closed
            body = request.body
            names = [body.file, *(one.file for one in body.parts)] if body else []
            yield from (request.folder / name for name in names if isinstance(name, str))
