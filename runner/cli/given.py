"""What the command line gives, and the files that it names, read."""

from __future__ import annotations

import gc
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runner import inspection
from runner.cli import options
from runner.collection import Collection
from runner.environment import Environment
from runner.errors import InputError, Problem
from runner.files import reader
from runner.project import Project, root_of
from runner.values import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.cli.films.replaying import Replayed
    from runner.files.secrets_file import GivenSecret


@dataclass
class Given:
    """What the command line says: environments, variables, clock (seconds ahead), seed, secrets, allowed folders.

    `rows`: rows of data are given, over those that a collection names. `clock` is another clock than the system's, of a run
    that is recorded or replayed; `replayed` what stands in a replay for secrets and private state.
    """

    environments: Sequence[str] = ()
    variables: dict[str, Value] = field(default_factory=dict)
    ahead: float = 0.0
    seed: str | None = None
    secrets: Sequence[GivenSecret] = ()
    allowed: tuple[Path, ...] = ()
    rows: bool = False
    clock: Callable[[], float] | None = None
    replayed: Replayed | None = None

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the run."""
        return self.clock() if self.clock else time.time() + self.ahead


def given(chosen: Namespace) -> Given:
    """What the options of a command say. Raises InputError."""
    return Given(
        chosen.environments,
        options.read_variables(chosen.variables),
        options.read_clock(chosen.clock),
        chosen.seed,
        options.read_secrets(chosen.secrets_file),
        options.read_reach(getattr(chosen, "allowed", ())),  # not every command reaches files
        getattr(chosen, "data", None) is not None,  # nor takes rows
    )


def read(paths: Sequence[Path], given: Given) -> tuple[list[Collection], Environment | None, list[Problem]]:
    """The collections and the environment, and the mistakes in parts of a collection, beside which more can be found.

    Raises InputError with the mistakes of all when one of them could not be read at all.
    """
    with _no_garbage():
        return _read(paths, given)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """What is made here stays for the whole run: garbage is not looked for meanwhile, nor among it ever.

    What nobody holds any more goes all the same; of what holds itself, a reading leaves some ten objects.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _read(paths: Sequence[Path], given: Given) -> tuple[list[Collection], Environment | None, list[Problem]]:
    problems: list[Problem] = []
    collections: list[Collection] = []
    environment: Environment | None = None
    known: Environment | None = None  # what can be told of it though it has mistakes
    whole = True
    if given.environments:
        try:
            environment = reader.read_environment(given.environments, paths[0].parent)
        except InputError as error:
            from runner.files import environments  # late: it is loaded by now

            whole = False
            problems.extend(error.problems)
            known = error.environment if isinstance(error, environments.PartlyRead) else None
    closed = [Path(one.location.source.name) for one in given.secrets]  # the file of --secrets-file
    closed += _secret_files(environment) if environment else ()
    told: list[Problem] = []
    for path in paths:
        try:
            project = Project(root_of(path), given.allowed, tuple(closed))
            collections.append(reader.read_collection(path, project, rows_given=given.rows))
        except reader.PartlyRead as error:
            collections.append(error.collection)
            told.extend(error.problems)
        except InputError as error:
            whole = False
            told.extend(error.problems)
    if known is not None:
        told.extend(problem for one in collections for problem in inspection.unknown_providers(one, known))
    problems = [*told, *problems]
    if not whole:
        raise InputError(problems)
    return collections, environment, problems


def _secret_files(environment: Environment) -> Iterator[Path]:
    """The files that the environment takes secrets from: no collection reads them."""
    for spec in environment.secrets.values():
        yield from (s.folder / Path(s.argument).expanduser() for s in spec.sources if s.kind == "file")
    tls = environment.tls
    yield from (path for path in (tls.client_key, tls.client_cert) if path is not None)
