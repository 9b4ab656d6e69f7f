"""`zrun env`: what runs have captured for an environment, masked, and how to forget it; where its other secrets come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from runner import errors
from runner.cli import options, screen
from runner.cli.kept import state_of
from runner.cli.vault import Vault
from runner.environment import Environment, SecretSpec
from runner.errors import InputError, Problem, did_you_mean
from runner.files import reader
from runner.files.state import STAND_IN, State
from runner.quantities import show_seconds
from runner.redact import Redactor
from runner.reporters.terminal import paint, printable
from runner.scope import SECRET_PREFIX, Captured, process_name
from runner.secret_sources import described
from runner.values import Secret, as_text, secrets_in

_EPILOG = """\
examples:
  zrun env us                            show what is kept, secrets masked
  zrun env us --forget access-token      the next run gets a new one
  zrun env us --forget-all               a refresh token that is forgotten cannot be had again
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("env", "Show or forget the values that runs have captured for an environment.", _EPILOG)
    parser.add_argument("environments", nargs="+", metavar="ENV", help="as after -e; several as after several -e")
    parser.add_argument("--forget", action="append", default=[], metavar="NAME", help="forget this value")
    parser.add_argument("--forget-all", action="store_true", help="forget every value")
    options.add_color(parser)
    options.add_clock(parser)
    chosen = parser.read(arguments)
    environment = reader.read_environment(chosen.environments, Path.cwd() / "collections")
    state = state_of(environment)
    kept = state.read(look_only=True)
    now = screen.now(options.read_clock(chosen.clock))
    color = screen.wants_color(chosen.color, sys.stdout)
    if chosen.forget_all:
        state.forget_all()
        options.out(f"forgot {len(kept)} values of {environment.id}")
    elif chosen.forget:
        _forget(state, frozenset(kept), chosen.forget, environment.id)
    else:
        width = max(map(len, (*kept, *environment.secrets)), default=0)
        lines = [*_lines(kept, now, width, color=color)] or [f"nothing is kept for {environment.id}"]
        options.out("\n".join((*lines, *_sources(environment, frozenset(kept), width, color=color))))
    return errors.PASSED


def _forget(state: State, kept: frozenset[str], names: list[str], environment: str) -> None:
    unknown = [name for name in names if name not in kept]
    if unknown:
        raise InputError(
            Problem(f"nothing is kept as `{name}` for {environment}", None, did_you_mean(name, kept, "see `zrun env`"))
            for name in unknown
        )
    state.forget(names)
    options.out(f"forgot {', '.join(names)}")


def _lines(kept: dict[str, Captured], now: float, width: int, *, color: bool) -> Iterator[str]:
    redactor = Redactor()
    for captured in kept.values():
        redactor.add_all(secrets_in(captured.value))
    for name, captured in sorted(kept.items()):
        value = captured.value
        shown = _hidden(value) if isinstance(value, Secret) else printable(redactor.excerpt(as_text(value), 60))[:60]
        since = f"captured by {captured.by} {show_seconds(max(0.0, now - captured.at))} ago"
        yield f"{name:<{width}}  {shown}  {paint(f'{since}{_expiry(captured, now)}', 'dim', color)}"


def _hidden(value: Secret) -> str:
    return "(in the keyring)" if value == Secret(STAND_IN, value.name) else f"({len(value)} characters)"


def _sources(environment: Environment, kept: frozenset[str], width: int, *, color: bool) -> Iterator[str]:
    """Where each other secret would come from now. No command runs for that, and no keyring opens."""
    vault = Vault(environment, Redactor(), look_only=True)
    for name, spec in sorted(environment.secrets.items()):
        if name not in kept:
            yield f"{name:<{width}}  {paint(printable(_source(spec, vault)), 'dim', color)}"


def _source(spec: SecretSpec, vault: Vault) -> str:
    variable = process_name(spec.name, SECRET_PREFIX)
    if os.environ.get(variable):
        return f"from ${variable}"
    if vault(spec.name) is not None:
        return f"from {vault.whence(spec.name) or 'the embedded sandbox'}"
    if not spec.sources:
        return "not captured yet"
    if refused := vault.refused(spec):
        return f"{refused.message}; {refused.hint}"
    tried = ", ".join(described(source) for source in spec.sources if source.kind != "prompt")
    asked = any(source.kind == "prompt" for source in spec.sources)
    return "; ".join(
        filter(None, (f"not in {tried}" if tried else "", "from a prompt, on a terminal" if asked else ""))
    )


def _expiry(captured: Captured, now: float) -> str:
    if captured.expires_at is None:
        return ""
    left = captured.expires_at - now
    return f", good for {show_seconds(left)}" if left > 0 else f", expired {show_seconds(-left)} ago"
