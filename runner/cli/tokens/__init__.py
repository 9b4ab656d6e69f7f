"""`zrun token`: a provider's access token for other programs, and what there is to be done with it."""

from __future__ import annotations

from importlib import import_module

# The word after `token` -> the module whose `main(arguments)` does it; without a word, the token is printed.
ACTIONS = {
    "status": "runner.cli.tokens.status",
    "refresh": "runner.cli.tokens.refresh",
    "revoke": "runner.cli.tokens.revoke",
    "watch": "runner.cli.tokens.watch",
}


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    name, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in ACTIONS else ("", arguments)
    action = import_module(ACTIONS.get(name, "runner.cli.tokens.show"))  # late: only the chosen one is loaded
    status: int = action.main(rest)
    return status
