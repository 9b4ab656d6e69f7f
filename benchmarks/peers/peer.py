"""What a peer is to the harness, and the words that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.work import Scenario

Command = Sequence[str]


class Cannot(Exception):
    """A peer that cannot do a scenario, and why."""


@dataclass(frozen=True)
class Peer:
    """`get` has the tool and gives the command that begins every run of it (raises tools.Missing); `tells`: what that is given
    to tell the version; `write` writes the work into a folder and gives the rest of the command (raises Cannot)."""

    name: str
    get: Callable[[], list[str]]
    tells: Sequence[str]
    write: Callable[[Scenario, str, Path], Command]
    note: str = ""

    def telling(self, command: Command) -> list[str]:
        """The command that tells the version: the tool's own, or a line for the Python that is beside it."""
        first = [str(Path(command[0]).with_name("python"))] if self.tells[0] == "-c" else command
        return [*first, *self.tells]


def one_at_a_time(scenario: Scenario) -> None:
    """For a tool that knows no other way. Raises Cannot."""
    if scenario.jobs > 1:
        raise Cannot("sends one request at a time")
