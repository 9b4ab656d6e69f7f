"""`zrun token refresh`: get a new access token now, within the provider's budget."""

from __future__ import annotations

from runner import errors
from runner.auth.oauth2 import budget
from runner.cli import options
from runner.cli.tokens import forms, holding
from runner.cli.tokens.holding import Holding, token_of
from runner.scope import Captured

_EPILOG = """\
The token that was is not used up by it: most providers let it live until it expires. The new one is kept, not printed.
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("token refresh", "Get a new access token now, whatever the kept one is good for.", _EPILOG)
    holding.add_options(parser)
    chosen = parser.read(arguments)
    with holding.holding(chosen) as held:
        before = held.access()
        was = held.assembly.sources.captured.get(held.provider.tokens.refresh)
        token = held.keeper.access(refused=token_of(before) if before else None)
        options.out(held.assembly.redactor.text("\n".join(_told(held, before, token, was))))
    return errors.PASSED


def _told(held: Holding, before: Captured | None, token: Captured, was: Captured | None) -> list[str]:
    """What has changed."""
    now, names = held.assembly.now(), held.provider.tokens
    old = f"; the one before: {forms.lifetime(before, now)}" if before else ""
    lines = [f"{names.access} is new: {forms.lifetime(token, now)}{old}"]
    kept = held.assembly.sources.captured.get(names.refresh)
    if kept is not None:
        same = was is not None and kept.value == was.value
        lines.append(f"{names.refresh} is {'the same' if same else 'new'}")
    if held.provider.budget is not None:
        with held.keeper.store.alone(held.provider.name) as flight:
            left = budget.left(flight.issued(), held.provider.budget, now)
        lines.append(f"{left} of {held.provider.budget[0]} left of the budget")
    return lines
