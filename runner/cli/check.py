"""`zrun check`: every mistake in collections and environments, in one go; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runner import errors, inspection, plan
from runner.cli import authentication, data, elsewhere, options, screen
from runner.cli.assemble import Assembly, begun
from runner.cli.given import Given
from runner.errors import InputError, PolicyError, Problem, ZrunError
from runner.files import reader

_EPILOG = """\
examples:
  zrun check                                    everything in collections/ and environments/
  zrun check collections/self_client.yaml       one file; names that any environment declares count as known
  zrun check collections -e us                  against one environment: values, secrets and hosts too
  zrun check collections/invite.yaml --data leads.csv    with its columns as names; without it `row` counts as known

exit status: 0 no mistake, 2 mistakes, 5 a secret would go where it may not
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("check", "Find every mistake in collections and environments. Sends nothing.", _EPILOG)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders (default: what is here)")
    options.add_environment(parser)
    options.add_reach(parser)
    data.add_file(parser)
    options.add_color(parser)
    chosen = parser.read(arguments)
    files = list(dict.fromkeys(_files(chosen.paths)))
    if not files:
        raise InputError(Problem("there is nothing to check", None, "name a file or a folder"))
    given = Given(
        chosen.environments,
        options.read_variables(chosen.variables),
        secrets=options.read_secrets(chosen.secrets_file),
        allowed=options.read_reach(chosen.allowed),
    )
    code, problems = errors.PASSED, dict[str, Problem]()
    for path in files:
        found, file_code = _check(path, given, files, chosen.data)
        problems.update((str(problem), problem) for problem in found)
        code = max(code, file_code) if errors.BAD_INPUT not in (code, file_code) else errors.BAD_INPUT
    if problems:
        screen.tell(problems.values(), color=chosen.color)
    mistakes = sum(not problem.warning for problem in problems.values())
    if not mistakes:
        options.out(f"{len(files)} file{'s' * (len(files) != 1)} checked, no mistakes")
    return code


def _files(paths: Sequence[str]) -> Iterator[Path]:
    """The YAML files that the arguments name; a folder stands for its files, and those of its usual folders."""
    for path in map(Path, paths or (".",)):
        if not path.is_dir():
            yield path if is_environment(path) else options.collection_path(str(path))
            continue
        folders = [folder for name in ("collections", "environments") if (folder := path / name).is_dir()]
        for folder in folders or [path]:
            yield from sorted(file for pattern in ("*.yaml", "*.yml") for file in folder.rglob(pattern))


def is_environment(path: Path) -> bool:
    """Whether a file is taken for an environment: by the folder that holds it."""
    return path.resolve().parent.name == "environments"


def _check(path: Path, given: Given, files: Iterable[Path], rows: str | None) -> tuple[list[Problem], int]:
    """The problems of one file, and the exit status that they lead to."""
    try:
        if is_environment(path):
            found = reader.read_environment([str(path)], path.parent)
            return [*found.warnings, *inspection.mixed_centres(found)], errors.PASSED
        known: set[str] = set() if given.environments else _declared(path, files)
        if rows is None:
            known.add("row")  # which a run is given by --data
        with begun(path, given, known, look_only=True) as assembly:
            return _check_collection(data.declared(assembly, rows), known)
    except ZrunError as error:
        return list(error.problems), error.exit_code


def _check_collection(assembly: Assembly, known: Iterable[str]) -> tuple[list[Problem], int]:
    environment = assembly.environment
    found = list(assembly.collection.warnings) + (list(environment.warnings) if environment else [])
    found += inspection.mistakes(assembly.collection, environment, assembly.scope, known)
    code = errors.PASSED
    try:
        planned = plan.make(assembly.collection, environment, assembly.scope)
        if environment:
            findings = authentication.findings(assembly, planned)
            found += (*findings.missing, *findings.problems)
            if findings.refusals:
                found += findings.refusals
                code = PolicyError.exit_code
    except InputError as error:
        found += [problem for problem in error.problems if problem not in found]
    if any(not problem.warning for problem in found) and code == errors.PASSED:
        code = errors.BAD_INPUT
    return found, code


def _declared(path: Path, files: Iterable[Path]) -> set[str]:
    """The names that count as known in a collection that is checked without an environment."""
    near = {*elsewhere.near(path), *(file.resolve() for file in files if is_environment(file))}
    return {name for names in elsewhere.declared(near).values() for name in names}
