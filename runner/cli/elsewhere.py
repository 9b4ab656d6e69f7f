"""What the environments of a project declare, for a collection that is looked at without any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runner import graph, inspection
from runner.cli.assemble import SANDBOX_ADDRESSES, Assembly
from runner.cli.vault import SANDBOX_SECRETS
from runner.errors import InputError, Problem
from runner.files import reader

_MOST = 10  # so many environments are named


def near(path: Path) -> set[Path]:
    """The environments' files beside and above a collection."""
    return {file for folder in path.resolve().parents for file in (folder / "environments").glob("*.y*ml")}


def declared(files: Iterable[Path]) -> Mapping[Path, frozenset[str]]:
    """The names that each environment gives a value to, or declares as a secret; nothing of one with mistakes."""
    found: dict[Path, frozenset[str]] = {}
    for file in files:
        try:
            environment = reader.read_environment([str(file)], file.parent)
        except InputError:
            continue  # its mistakes are told where it is checked itself
        own = (*SANDBOX_ADDRESSES, *SANDBOX_SECRETS) if environment.sandbox else ()
        found[file] = frozenset((*environment.declared, *own))
    return found


def forgotten(assembly: Assembly, mistakes: Sequence[Problem]) -> list[Problem]:
    """`mistakes` of a collection without an environment, told as one where an environment of the project would mend them."""
    known = declared(near(assembly.collection.path))
    every = frozenset(name for names in known.values() for name in names)
    left = inspection.mistakes(assembly.collection, None, assembly.scope, every)
    still = {str(problem) for problem in left}
    mended = [problem for problem in mistakes if str(problem) not in still]
    if not mended:
        return list(mistakes)
    read = {name.name for request in assembly.collection for name in graph.reads(request)} - assembly.scope.names()
    names = sorted({file.stem for file, one in known.items() if one & read and not file.stem.endswith(".local")})
    shown = f"{', '.join(names[:_MOST])}{', ...' if len(names) > _MOST else ''}"
    message = "no environment is given, and this name is one that an environment declares"
    first = Problem(message, mended[0].location, f"add -e NAME; there is: {shown}")
    return [first, *(problem for problem in left if not problem.warning)]
