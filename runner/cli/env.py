"""`zrun env`: what runs have captured for an environment, masked; and how to forget it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from runner import errors
from runner.cli import options, screen
from runner.errors import InputError, Problem, did_you_mean
from runner.files import reader
from runner.files.state import State
from runner.quantities import show_seconds
from runner.reporters.terminal import paint, printable
from runner.scope import Captured
from runner.values import Secret, as_text

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
    state = State(environment.root, environment.id)
    kept = state.read()
    if chosen.forget_all:
        state.forget_all()
        options.out(f"forgot {len(kept)} values of {environment.id}")
    elif chosen.forget:
        _forget(state, frozenset(kept), chosen.forget, environment.id)
    elif not kept:
        options.out(f"nothing is kept for {environment.id}")
    else:
        now = screen.now(options.read_clock(chosen.clock))
        color = screen.wants_color(chosen.color, sys.stdout)
        options.out("\n".join(_lines(kept, now, color=color)))
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


def _lines(kept: dict[str, Captured], now: float, *, color: bool) -> Iterator[str]:
    width = max(map(len, kept))
    for name, captured in sorted(kept.items()):
        value = captured.value
        shown = f"({len(value)} characters)" if isinstance(value, Secret) else printable(as_text(value))[:60]
        since = f"captured by {captured.by} {show_seconds(max(0.0, now - captured.at))} ago"
        yield f"{name:<{width}}  {shown}  {paint(f'{since}{_expiry(captured, now)}', 'dim', color)}"


def _expiry(captured: Captured, now: float) -> str:
    if captured.expires_at is None:
        return ""
    left = captured.expires_at - now
    return f", good for {show_seconds(left)}" if left > 0 else f", expired {show_seconds(-left)} ago"
