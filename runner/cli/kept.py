"""The private state of an environment, as the environment says: all in a file, or its secrets in the keyring."""

from __future__ import annotations

from runner.environment import Environment
from runner.files.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.files.stowed import Keyring


def state_of(environment: Environment) -> State:
    """Where values captured for `environment` are kept."""
    asked_by = environment.state_location if environment.state == "keyring" else None
    return State(environment.root, environment.id, _keyring, asked_by)


def _keyring() -> Keyring:
    from runner.secret_sources import os_keyring  # late: few environments keep their secrets there

    return os_keyring
