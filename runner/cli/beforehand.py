"""What can be known before a byte is sent: mistakes, refusals, the secrets to ask for, reports that cannot be written."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from runner import preflight
from runner.cli import authentication, screen
from runner.cli.assemble import Assembly
from runner.cli.parts import Part
from runner.errors import InputError, PolicyError, ZrunError
from runner.plan import Plan
from runner.project import root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.reports import Reports
    from runner.environment import SecretSpec


def prompts(chosen: Namespace, parts: Sequence[Part]) -> list[SecretSpec]:
    """The secrets to ask for. Raises InputError, or PolicyError, with the mistakes in all collections."""
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


def prepare(assembly: Assembly, planned: Plan, color: str, *, looking: bool = False) -> preflight.Findings:
    """Everything that can be known before a byte is sent. Tells warnings; raises InputError, then PolicyError.

    `looking`: nothing is to be sent, so that a secret which is not there is a warning: a plan is read before it is trusted.
    """
    found = preflight.static(assembly.collection, assembly.environment, assembly.scope)
    warnings = [problem for problem in found if problem.warning]
    warnings += [*assembly.collection.warnings, *(assembly.environment.warnings if assembly.environment else ())]
    mistakes = [problem for problem in found if not problem.warning]
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
