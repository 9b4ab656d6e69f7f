"""Secrets that are given from outside, over what files say: ZRUN_SECRET_NAME, and --secrets-file over it; never --var."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runner import captures
from runner.cli.vault import SANDBOX_SECRETS
from runner.collection import Collection
from runner.environment import Environment
from runner.errors import Problem, did_you_mean
from runner.files.secrets_file import GivenSecret
from runner.scope import SECRET_PREFIX, Origin, process_name
from runner.values import Secret

# What tells a spelling: `CLIENT_SECRET` in a file, ZRUN_SECRET_CLIENT_SECRET in the process environment.
Found = dict[str, tuple[Secret, Origin]]


def find(
    collection: Collection,
    environment: Environment | None,
    process: Mapping[str, str],
    entries: Sequence[GivenSecret],
    arguments: Iterable[str],
    elsewhere: Iterable[str] = (),
) -> tuple[Found, list[Problem]]:
    """The secrets that are given, each with its origin; and the mistakes: unknown names in the file, secrets in --var.

    `process` may hold names that nobody declares here: it is there for every program and environment. An empty text counts
    as not set, since that is what a CI system sets for a secret that it withholds. `elsewhere` are names that count as known.
    """
    names = captures.secret_names(collection.requests, environment)
    found: Found = {}
    for name in sorted(names):
        variable = process_name(name, SECRET_PREFIX)
        if process.get(variable):
            found[name] = Secret(process[variable], name), Origin("process", variable)
    known = {spelling: name for name in (*elsewhere, *names) for spelling in (process_name(name, ""), name)}
    problems: list[Problem] = []
    for entry in entries:
        if entry.name in known:
            name = known[entry.name]
            found[name] = Secret(entry.text, name), Origin("file", "--secrets-file", entry.location)
            continue
        hint = did_you_mean(entry.name, known, "the environment lists no such secret, and no request captures it")
        problems.append(Problem(f"`{entry.name}` is not a secret here", entry.location, hint))
    offered = SANDBOX_SECRETS if environment and environment.sandbox else ()
    problems += [_in_argument(name) for name in arguments if name in names or name in offered]
    return found, problems


def _in_argument(name: str) -> Problem:
    message = f"`{name}` is a secret, and --var shows it to every user of this machine, in the list of processes"
    return Problem(
        message, None, f"give it as {process_name(name, SECRET_PREFIX)}=... in the environment, or in --secrets-file"
    )
