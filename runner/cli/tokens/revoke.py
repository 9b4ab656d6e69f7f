"""`zrun token revoke`: tell the provider to forget a token, and forget it here once it has."""

from __future__ import annotations

import sys

from runner import errors
from runner.auth.oauth2 import fresh, revocation
from runner.auth.oauth2.revocation import Kind
from runner.cli import options, providers, screen
from runner.cli.tokens import holding
from runner.cli.tokens.holding import Holding
from runner.errors import Cancelled, InputError, Problem
from runner.values import Secret

_EPILOG = """\
A refresh token that is revoked takes its access tokens with it, and cannot be had again: a person has to log in anew.
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("token revoke", "Have the provider revoke the refresh token; then forget it here.", _EPILOG)
    holding.add_options(parser)
    parser.add_argument("--access", action="store_true", help="revoke the access token alone")
    parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
    chosen = parser.read(arguments)
    with holding.holding(chosen, fresh=False) as held:
        names = held.provider.tokens
        kind: Kind = "access_token" if chosen.access else "refresh_token"
        name = names.access if chosen.access else names.refresh
        if held.provider.kept(name) is None:
            raise InputError(Problem(f"there is no {name} of `{held.provider.name}`", None, "see `zrun token status`"))
        if not chosen.yes:
            _confirm(held, name)
        _revoke(held, name, kind)
    return errors.PASSED


def _confirm(held: Holding, name: str) -> None:
    """Ask on a terminal. Raises Cancelled for a no, InputError where nobody can be asked."""
    if not screen.can_ask():
        raise InputError(Problem(f"revoking the {name} wants to be confirmed", None, "add --yes"))
    environment = held.assembly.environment
    assert environment is not None, "a provider is declared by an environment"
    print(
        f"Revoke the {name} of `{held.provider.name}` in {environment.id}? [y/N] ", end="", file=sys.stderr, flush=True
    )
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Cancelled(Problem("nothing was revoked", None, None))


def _revoke(held: Holding, name: str, kind: Kind) -> None:
    """Alone among processes, so that none of them keeps a token that is just being revoked."""
    names, keeper, state = held.provider.tokens, held.keeper, held.assembly.state
    assert state is not None, "an environment has a state"
    with keeper.store.alone(held.provider.name) as flight:
        fresh.recover(held.provider, flight, keeper.seed)
        kept = flight.values()
        found = kept[name].value if name in kept else held.provider.kept(name)
        assert isinstance(found, Secret), "looked for before"
        revocation.revoke(held.provider, found, kind, keeper.outside)
        gone = [names.access] if kind == "access_token" else [names.refresh, names.access, names.id]
        counted = providers.refresh_tokens(held.assembly, held.provider) if kind == "refresh_token" else None
        if counted is not None:
            counted.drop(found)
        forgotten = [one for one in gone if one in kept]
        if forgotten:
            state.forget(forgotten)
    words = f"; forgot {', '.join(forgotten)}" if forgotten else ""
    options.out(f"`{held.provider.name}` has revoked the {name}{words}")
    origin = held.assembly.scope.origin(name)
    if origin is not None and origin.kind in ("process", "argument", "secret"):
        where = f" ({origin.detail})" if origin.detail else ""
        print(f"zrun: it was given from outside: take it away there, too{where}", file=sys.stderr)
