"""Are the files as they should be: the environment read, secrets at hand, private state writable, nothing of it in git?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from runner.auth.oauth2 import readiness
from runner.auth.oauth2.provider import Provider
from runner.cli.assemble import Assembly
from runner.cli.doctor.check import Area, Check
from runner.errors import BAD_INPUT, InputError
from runner.files.state import State
from runner.values import MISSING

AREA = Area("files")
_SECONDS = 10.0  # for git, which answers in milliseconds
_PRIVATE = (".zrun", "*.local.yaml", "*.local.yml")


def examine(assembly: Assembly, provider: Provider | None) -> Iterator[Check]:
    """Each check of the files, of which none is changed."""
    environment = assembly.environment
    assert environment is not None, "an environment is examined"
    yield AREA.ok("environment", ", ".join(map(str, environment.paths)))
    for problem in environment.warnings:
        where = f"{problem.location}: " if problem.location else ""
        yield AREA.warning("environment", f"{where}{problem.message}", problem.hint)
    yield from _secrets(assembly, provider)
    assert assembly.state is not None, "an environment has a state"
    yield _state(assembly.state)
    yield from _git(environment.root)


def _secrets(assembly: Assembly, provider: Provider | None) -> Iterator[Check]:
    """The secrets that the provider's settings read: whence each comes."""
    environment = assembly.environment
    if provider is None or environment is None:
        return
    declared = environment.providers[provider.name]
    ours = (provider.tokens.access, provider.tokens.refresh, provider.tokens.id, "grant-token")
    for name in dict.fromkeys(readiness.names(declared, provider)):
        spec = environment.secrets.get(name)
        if name in ours or (spec is None and assembly.scope.get(name) is MISSING):
            continue
        if assembly.scope.get(name) is not MISSING:
            yield AREA.ok(name, _whence(name, assembly))
        elif spec is not None:
            yield AREA.told(name, assembly.vault.missing(spec), BAD_INPUT, "missing-secret")


def _whence(name: str, assembly: Assembly) -> str:
    """Where the value comes from, in words."""
    origin = assembly.scope.origin(name)
    kind = origin.kind if origin else "nowhere"
    if kind == "secret":
        return f"at hand, from {assembly.vault.whence(name)}"
    detail = f" {origin.detail}" if origin and origin.detail else ""
    return f"at hand, from {'the embedded sandbox' if kind == 'sandbox' else kind}{detail}"


def _state(state: State) -> Check:
    """Whether a token that comes could be kept, and by its owner alone."""
    try:
        state.probe()
    except InputError as error:
        return AREA.failed("private state", error, "state")
    return AREA.ok("private state", f"{_shown(state.path)} can be written, and is yours alone")


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _git(root: Path) -> Iterator[Check]:
    """Whether git tracks what is private."""
    tracked = _tracked(root)
    if tracked is None:
        return
    if tracked:
        message = f"git tracks {', '.join(tracked[:3])}{' and more' if len(tracked) > 3 else ''}"
        hint = f"take it out: `git rm --cached -r -- {tracked[0]}`; what has been pushed is known: revoke it"
        yield AREA.problem("git", message, hint, BAD_INPUT, "tracked")
    else:
        yield AREA.ok("git", "tracks neither .zrun nor a .local.yaml")


def _tracked(root: Path) -> list[str] | None:
    """Private files that git tracks; None where there is no git. It is told to run nothing of the repository's own."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), "ls-files", "-z", "--", *_PRIVATE]
    try:
        done = subprocess.run(  # noqa: S603 (its arguments are ours)
            command, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode:
        return None
    return sorted(name.decode("utf-8", "replace") for name in done.stdout.split(b"\0") if name)
